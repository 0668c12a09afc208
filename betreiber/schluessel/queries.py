"""The SQL of keys and tokens."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.models import Einschreibungstoken, Geraeteschluessel, Stromzaehler, Telegrammstand


def get_stromzaehler(session: Session, stromzaehler_id: int) -> Stromzaehler | None:
    return session.get(Stromzaehler, stromzaehler_id)


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


def lock_stand(session: Session, stromzaehler_id: int) -> Telegrammstand | None:
    """What is remembered of a meter's messages, locked."""
    return session.get(Telegrammstand, stromzaehler_id, with_for_update=True)


def list_keys(session: Session, stromzaehler_id: int, epoche: int) -> list[Geraeteschluessel]:
    return list(
        session.scalars(
            select(Geraeteschluessel).where(
                Geraeteschluessel.stromzaehler_id == stromzaehler_id, Geraeteschluessel.epoche == epoche
            )
        )
    )


def keys_known(session: Session, skis: list[bytes]) -> bool:
    """Whether any of these keys has been certified before."""
    return (
        session.scalar(select(Geraeteschluessel.geraeteschluessel_id).where(Geraeteschluessel.ski.in_(skis)))
        is not None
    )


def revoke_keys(session: Session, stromzaehler_id: int, vor_epoche: int, zeitpunkt: datetime) -> None:
    """Revoke the keys of earlier epochen: the next request with one of them is refused."""
    session.execute(
        update(Geraeteschluessel)
        .where(
            Geraeteschluessel.stromzaehler_id == stromzaehler_id,
            Geraeteschluessel.epoche < vor_epoche,
            Geraeteschluessel.gesperrt_zeitpunkt.is_(None),
        )
        .values(gesperrt_zeitpunkt=zeitpunkt)
    )
