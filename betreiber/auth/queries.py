"""The SQL of logins and sessions."""

from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Table, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from db.models import Anmeldeversuch, Benutzer, Einmalcode, Kunde, Sitzungsfamilie


def find_benutzer(session: Session, benutzername: str) -> Benutzer | None:
    return session.scalar(select(Benutzer).where(Benutzer.benutzername == benutzername))


def find_passwort_hash(session: Session, benutzername: str) -> str | None:
    return session.scalar(select(Benutzer.passwort_hash).where(Benutzer.benutzername == benutzername))


def get_benutzer(session: Session, benutzer_id: int) -> Benutzer | None:
    return session.get(Benutzer, benutzer_id)


def lock_benutzer(session: Session, benutzer_id: int) -> Benutzer | None:
    """The user as stored now, locked: logins and changes of the password wait for each other."""
    return session.get(Benutzer, benutzer_id, with_for_update=True, populate_existing=True)


def lock_benutzer_named(session: Session, benutzername: str) -> Benutzer | None:
    """Like lock_benutzer, by name."""
    return session.scalar(
        select(Benutzer)
        .where(Benutzer.benutzername == benutzername)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


class Anwesender(NamedTuple):
    """What every request has to know of its user."""

    benutzer_id: int
    rollen: list[str]
    kunde_id: int | None


def find_active_benutzer(session: Session, benutzer_id: int, sitzungsfamilie_id: str) -> Anwesender | None:
    """The user of a session that has not ended; None also when the account is disabled."""
    werte = {"benutzer_id": benutzer_id, "sitzungsfamilie_id": sitzungsfamilie_id}
    zeile = session.execute(_ANWESENDER, werte).one_or_none()
    return None if zeile is None else Anwesender._make(zeile)


def lock_familie(session: Session, sitzungsfamilie_id: str) -> Sitzungsfamilie | None:
    """The session, locked: of two refreshes at once the second one sees what the first has done."""
    return session.get(Sitzungsfamilie, sitzungsfamilie_id, with_for_update=True)


def end_familien(session: Session, benutzer_id: int, zeitpunkt: datetime) -> None:
    """End every session of a user."""
    session.execute(
        update(Sitzungsfamilie)
        .where(Sitzungsfamilie.benutzer_id == benutzer_id, Sitzungsfamilie.beendet_zeitpunkt.is_(None))
        .values(beendet_zeitpunkt=zeitpunkt)
    )


def lock_versuche(session: Session, name_sha256: bytes) -> None:
    """Let tries under one name count one after the other; on SQLite every writer waits for the one before."""
    if session.get_bind().dialect.name == "postgresql":
        schluessel = int.from_bytes(name_sha256[:8], "big", signed=True)
        session.execute(select(func.pg_advisory_xact_lock(schluessel)))


def list_fehlversuche(session: Session, name_sha256: bytes, seit: datetime) -> list[datetime]:
    """When logins under a name failed since an instant, oldest first."""
    return list(
        session.scalars(
            select(Anmeldeversuch.zeitpunkt)
            .where(Anmeldeversuch.name_sha256 == name_sha256, Anmeldeversuch.zeitpunkt > seit)
            .order_by(Anmeldeversuch.zeitpunkt)
        )
    )


def forget_fehlversuche(session: Session, name_sha256: bytes) -> None:
    session.execute(delete(Anmeldeversuch).where(Anmeldeversuch.name_sha256 == name_sha256))


def lock_einmalcode(session: Session, code_sha256: bytes, zweck: str, jetzt: datetime) -> Einmalcode | None:
    """A code that may still be used, locked until the end of the transaction."""
    return session.scalar(
        select(Einmalcode)
        .where(
            Einmalcode.code_sha256 == code_sha256,
            Einmalcode.zweck == zweck,
            Einmalcode.benutzt_zeitpunkt.is_(None),
            Einmalcode.gueltig_bis > jetzt,
        )
        .with_for_update()
    )


def void_einladungen(session: Session, kunde_id: int, zeitpunkt: datetime) -> None:
    """Make every open invitation of a customer useless."""
    session.execute(
        update(Einmalcode)
        .where(Einmalcode.kunde_id == kunde_id, Einmalcode.benutzt_zeitpunkt.is_(None))
        .values(benutzt_zeitpunkt=zeitpunkt)
    )


def void_passwort_codes(session: Session, benutzer_id: int, zeitpunkt: datetime) -> None:
    """Make every open code with which a user could set a password useless."""
    session.execute(
        update(Einmalcode)
        .where(Einmalcode.benutzer_id == benutzer_id, Einmalcode.benutzt_zeitpunkt.is_(None))
        .values(benutzt_zeitpunkt=zeitpunkt)
    )


def find_kunde(session: Session, kunde_id: int) -> Kunde | None:
    return session.get(Kunde, kunde_id)


def delete_expired(session: Session, jetzt: datetime, versuche_vor: datetime) -> int:
    """Remove sessions and codes that can no longer be used, and tries that no longer count."""
    geloescht = 0
    for anweisung in (
        delete(Sitzungsfamilie).where(Sitzungsfamilie.gueltig_bis < jetzt),
        delete(Einmalcode).where(Einmalcode.gueltig_bis < jetzt),
        delete(Anmeldeversuch).where(Anmeldeversuch.zeitpunkt < versuche_vor),
    ):
        geloescht += cast(CursorResult[Any], session.execute(anweisung)).rowcount
    return geloescht


# Asked at each request: built once, and of columns, which costs half of what objects do.
_BENUTZER: Table = Benutzer.__table__  # type: ignore[assignment]
_FAMILIE: Table = Sitzungsfamilie.__table__  # type: ignore[assignment]
_ANWESENDER = (
    select(_BENUTZER.c.benutzer_id, _BENUTZER.c.rollen, _BENUTZER.c.kunde_id)
    .join(_FAMILIE, _FAMILIE.c.benutzer_id == _BENUTZER.c.benutzer_id)
    .where(
        _BENUTZER.c.benutzer_id == bindparam("benutzer_id"),
        _BENUTZER.c.aktiv,
        _FAMILIE.c.sitzungsfamilie_id == bindparam("sitzungsfamilie_id"),
        _FAMILIE.c.beendet_zeitpunkt.is_(None),
    )
)
