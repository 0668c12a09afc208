"""How far a file was taken in: noted with each batch, so that the same file again goes on where it stopped."""

from collections.abc import Callable
from typing import Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import record_audit
from betreiber.errors import KonfliktFehler
from betreiber.importlauf import queries
from db.models import Importlauf


class Datei(Protocol):
    """A file by which it is known again: its format, and its SHA-256."""

    format: str
    sha256: bytes


def new_lauf(akteur: Akteur, datei: Datei, dateiname: str) -> Importlauf:
    """The run of a file of which nothing was taken in; stored by begin_lauf only."""
    return Importlauf(
        datei_sha256=datei.sha256,
        dateiname=dateiname,
        format=datei.format,
        begonnen_zeitpunkt=akteur.zeitpunkt,
        position=0,
        neu=0,
        doppelt=0,
        abgelehnt=0,
    )


def begin_lauf(
    session: Session, akteur: Akteur, datei: Datei, dateiname: str, *, again: Callable[[Importlauf], bool]
) -> Importlauf:
    """The run of a file, stored and committed; `again`: whether one that is known begins from the first line.

    Raises KonfliktFehler when another command begins with the same file at the same time.
    """
    lauf = queries.lock_lauf(session, datei.sha256)
    if lauf is None:
        lauf = new_lauf(akteur, datei, dateiname)
        session.add(lauf)
        try:
            session.flush()
        except IntegrityError as error:  # On PostgreSQL two commands may find at once that nobody has begun.
            raise _in_arbeit() from error
    elif again(lauf):
        lauf.begonnen_zeitpunkt, lauf.beendet_zeitpunkt = akteur.zeitpunkt, None
        lauf.position = lauf.neu = lauf.doppelt = lauf.abgelehnt = 0
    session.commit()
    return lauf


def lock_lauf(session: Session, bisher: Importlauf) -> Importlauf:
    """The same run, locked until the commit. Raises KonfliktFehler when another command went on with it."""
    position = bisher.position
    lauf = queries.lock_lauf(session, bisher.datei_sha256)
    if lauf is None or lauf.position != position or lauf.beendet_zeitpunkt is not None:
        raise _in_arbeit()
    return lauf


def finish_lauf(session: Session, akteur: Akteur, lauf: Importlauf) -> None:
    """Note that a file was taken in to its end, and commit."""
    lauf.beendet_zeitpunkt = akteur.zeitpunkt
    summen = {"neu": lauf.neu, "doppelt": lauf.doppelt, "abgelehnt": lauf.abgelehnt}
    record_audit(session, akteur, "EINGELESEN", "importlauf", lauf.importlauf_id, neu=summen)
    session.commit()


def _in_arbeit() -> KonfliktFehler:
    return KonfliktFehler("Ein anderer Befehl liest diese Datei gerade ein. Warten Sie dessen Ende ab.")
