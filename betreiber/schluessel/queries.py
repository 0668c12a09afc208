"""The SQL of keys and tokens."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from betreiber.schluessel.domain import GESPERRTE_ZUSTAENDE, Schluesselende, Unterzeichner, Zweck
from betreiber.seite import Seite, fetch_seite
from db.models import Einschreibungstoken, Geraeteschluessel, Stromzaehler, Telegrammstand


def get_stromzaehler(session: Session, stromzaehler_id: int) -> Stromzaehler | None:
    return session.get(Stromzaehler, stromzaehler_id)


def map_stromzaehler(session: Session, zaehlernummern: Sequence[str]) -> dict[str, Stromzaehler]:
    """The meters of these numbers, by number; those that there are."""
    gefunden = session.scalars(select(Stromzaehler).where(Stromzaehler.zaehlernummer.in_(zaehlernummern)))
    return {stromzaehler.zaehlernummer: stromzaehler for stromzaehler in gefunden}


def lock_token(session: Session, zaehlernummer: str, token_sha256: bytes) -> Einschreibungstoken | None:
    """The token, if it belongs to that meter; locked, so that of two requests at once one waits."""
    return session.scalar(
        select(Einschreibungstoken)
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Einschreibungstoken.stromzaehler_id)
        .where(Stromzaehler.zaehlernummer == zaehlernummer, Einschreibungstoken.token_sha256 == token_sha256)
        .with_for_update(of=Einschreibungstoken)
    )


def lock_open_tokens(session: Session, zaehlernummer: str, jetzt: datetime) -> list[Einschreibungstoken]:
    """The tokens of a meter that could still be used: a wrong guess counts against each of them."""
    return list(
        session.scalars(
            select(Einschreibungstoken)
            .join(Stromzaehler, Stromzaehler.stromzaehler_id == Einschreibungstoken.stromzaehler_id)
            .where(
                Stromzaehler.zaehlernummer == zaehlernummer,
                Einschreibungstoken.benutzt_zeitpunkt.is_(None),
                Einschreibungstoken.gueltig_bis > jetzt,
            )
            .with_for_update(of=Einschreibungstoken)
        )
    )


def end_tokens(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> None:
    """Let the tokens of a meter that could still be used end now."""
    session.execute(
        update(Einschreibungstoken)
        .where(
            Einschreibungstoken.stromzaehler_id == stromzaehler_id,
            Einschreibungstoken.benutzt_zeitpunkt.is_(None),
            Einschreibungstoken.gueltig_bis > zeitpunkt,
        )
        .values(gueltig_bis=zeitpunkt)
    )


def lock_stand(session: Session, stromzaehler_id: int) -> Telegrammstand | None:
    """What is remembered of a meter's messages, locked."""
    return session.get(Telegrammstand, stromzaehler_id, with_for_update=True)


def find_signer(session: Session, ski: bytes) -> Unterzeichner | None:
    """The key of that name, and whose it is."""
    zeile = session.execute(
        select(
            Stromzaehler.stromzaehler_id,
            Stromzaehler.zaehlernummer,
            Stromzaehler.zustand,
            Geraeteschluessel.zweck,
            Geraeteschluessel.epoche,
            Geraeteschluessel.zertifikat,
            Geraeteschluessel.gueltig_bis,
            Geraeteschluessel.gesperrt_zeitpunkt,
        )
        .join(Stromzaehler, Stromzaehler.stromzaehler_id == Geraeteschluessel.stromzaehler_id)
        .where(Geraeteschluessel.ski == ski)
    ).one_or_none()
    return None if zeile is None else Unterzeichner(*zeile)


def list_keys(session: Session, stromzaehler_id: int, epoche: int) -> list[Geraeteschluessel]:
    """One set of keys."""
    return list(
        session.scalars(
            select(Geraeteschluessel).where(
                Geraeteschluessel.stromzaehler_id == stromzaehler_id, Geraeteschluessel.epoche == epoche
            )
        )
    )


def page_keys(session: Session, stromzaehler_id: int, *, seite: int, pro_seite: int) -> Seite[Geraeteschluessel]:
    """Every key that a meter ever had, the newest set first."""
    return fetch_seite(
        session,
        select(Geraeteschluessel)
        .where(Geraeteschluessel.stromzaehler_id == stromzaehler_id)
        .order_by(Geraeteschluessel.epoche.desc(), Geraeteschluessel.zweck),
        seite,
        pro_seite,
    )


def newest_epoche(session: Session, stromzaehler_id: int) -> int:
    """The highest epoche for which a meter has keys, revoked or not; 0 without any."""
    return (
        session.scalar(
            select(func.max(Geraeteschluessel.epoche)).where(Geraeteschluessel.stromzaehler_id == stromzaehler_id)
        )
        or 0
    )


def has_keys(session: Session, stromzaehler_id: int) -> bool:
    """Whether a meter has keys that are not revoked."""
    anweisung = select(Geraeteschluessel.geraeteschluessel_id).where(
        Geraeteschluessel.stromzaehler_id == stromzaehler_id, Geraeteschluessel.gesperrt_zeitpunkt.is_(None)
    )
    return session.scalar(anweisung.limit(1)) is not None


def keys_known(session: Session, skis: list[bytes]) -> bool:
    """Whether any of these keys has been certified before."""
    return (
        session.scalar(select(Geraeteschluessel.geraeteschluessel_id).where(Geraeteschluessel.ski.in_(skis)))
        is not None
    )


def revoke_keys(
    session: Session,
    stromzaehler_id: int,
    zeitpunkt: datetime,
    *,
    unter: int | None = None,
    ueber: int | None = None,
) -> int:
    """Revoke sets of a meter, all of them or those of a lower or higher epoche; how many sets were revoked.

    The next request with one of their keys is refused.
    """
    auswahl = [
        Geraeteschluessel.stromzaehler_id == stromzaehler_id,
        Geraeteschluessel.gesperrt_zeitpunkt.is_(None),
    ]
    if unter is not None:
        auswahl.append(Geraeteschluessel.epoche < unter)
    if ueber is not None:
        auswahl.append(Geraeteschluessel.epoche > ueber)
    saetze = session.scalar(select(func.count(Geraeteschluessel.epoche.distinct())).where(*auswahl)) or 0
    session.execute(update(Geraeteschluessel).where(*auswahl).values(gesperrt_zeitpunkt=zeitpunkt))
    return saetze


def list_ends(session: Session, bis: datetime) -> list[Schluesselende]:
    """Meters in use, whose keys are not revoked, and whose last keys end before `bis`; the earliest first."""
    ende = func.max(Geraeteschluessel.gueltig_bis)
    zeilen = session.execute(
        select(Stromzaehler.zaehlernummer, ende, Telegrammstand.zuletzt_empfangen)
        .join(Geraeteschluessel, Geraeteschluessel.stromzaehler_id == Stromzaehler.stromzaehler_id)
        .join(Telegrammstand, Telegrammstand.stromzaehler_id == Stromzaehler.stromzaehler_id)
        .where(*_IN_BENUTZUNG)
        .group_by(Stromzaehler.zaehlernummer, Telegrammstand.zuletzt_empfangen)
        .having(ende < bis)
        .order_by(ende, Stromzaehler.zaehlernummer)
    )
    return [Schluesselende(*zeile) for zeile in zeilen]


def count_silent(session: Session, seit: datetime) -> int:
    """How many meters in use have not sent anything since then."""
    return (
        session.scalar(
            select(func.count(Geraeteschluessel.stromzaehler_id.distinct()))
            .join(Stromzaehler, Stromzaehler.stromzaehler_id == Geraeteschluessel.stromzaehler_id)
            .join(Telegrammstand, Telegrammstand.stromzaehler_id == Geraeteschluessel.stromzaehler_id)
            .where(
                *_IN_BENUTZUNG,
                or_(Telegrammstand.zuletzt_empfangen.is_(None), Telegrammstand.zuletzt_empfangen < seit),
            )
        )
        or 0
    )


_IN_BENUTZUNG = (
    Geraeteschluessel.zweck == Zweck.SIGNATUR,
    Geraeteschluessel.gesperrt_zeitpunkt.is_(None),
    Stromzaehler.zustand.not_in(GESPERRTE_ZUSTAENDE),
)
