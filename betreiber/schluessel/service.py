"""Use cases of staff and of other folders: tokens, the list of a meter's keys, revocation.

Enrolment and renewal are in `einschreibung.py`.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import GeraeteFehler, KonfliktFehler, NichtGefunden
from betreiber.schluessel import queries
from betreiber.schluessel.domain import GESPERRTE_ZUSTAENDE, TOKEN_DAUER, Schluesselende, hash_token
from betreiber.seite import Seite
from db.models import Einschreibungstoken, Geraeteschluessel, Stromzaehler
from db.session import begin_read

T = TypeVar("T")
# Tokens of one transaction: thousands are made in one call, and others want to write meanwhile.
STAPEL = 500


@dataclass(frozen=True, slots=True)
class Token:
    """A fresh token in clear: it is shown once and never stored."""

    zaehlernummer: str
    token: str
    gueltig_bis: datetime


@dataclass(frozen=True, slots=True)
class Sperrung:
    """What a revocation did: how many sets of keys of which meter it ended."""

    zaehlernummer: str
    gesperrt: int


@dataclass(frozen=True, slots=True)
class Einzuschreibender:
    """A meter that may get a token."""

    stromzaehler_id: int
    zaehlernummer: str


def find_stromzaehler_id(session: Session, zaehlernummer: str) -> int:
    """The meter of that number, for the command line. Raises NichtGefunden."""
    stromzaehler = queries.map_stromzaehler(session, [zaehlernummer]).get(zaehlernummer)
    if stromzaehler is None:
        raise _unknown(zaehlernummer)
    return stromzaehler.stromzaehler_id


def create_token(session: Session, akteur: Akteur, stromzaehler_id: int) -> Token:
    """Make a one-time token for a meter: 14 days, 5 tries. Raises NichtGefunden, KonfliktFehler."""
    token = _add_token(session, akteur, _check_enrollable(_get_stromzaehler(session, stromzaehler_id)))
    session.commit()
    return token


def add_token(session: Session, akteur: Akteur, stromzaehler_id: int) -> Token | None:
    """A one-time token in the caller's transaction; None for a meter whose keys are in force: it needs none.

    Raises NichtGefunden, KonfliktFehler.
    """
    stromzaehler = _check_enrollable(_get_stromzaehler(session, stromzaehler_id))
    if queries.has_keys(session, stromzaehler_id):
        return None
    return _add_token(session, akteur, stromzaehler)


def find_enrollable(session: Session, zaehlernummern: Sequence[str]) -> list[Einzuschreibender]:
    """The meters of these numbers. Raises NichtGefunden for an unknown one, KonfliktFehler for a locked one."""
    # A transaction of its own that only reads: for thousands it is long, and nobody waits for it.
    begin_read(session)
    zaehler = []
    for stapel in _batches(zaehlernummern):
        gefunden = queries.map_stromzaehler(session, stapel)
        for nummer in stapel:
            if nummer not in gefunden:
                raise _unknown(nummer)
            zaehler.append(_check_enrollable(gefunden[nummer]))
    session.rollback()
    return zaehler


def create_tokens(session: Session, akteur: Akteur, zaehler: Sequence[Einzuschreibender]) -> Iterator[list[Token]]:
    """Tokens for many meters, batch by batch, each in a transaction of its own.

    A batch is handed out after its commit: whoever writes it down knows only tokens that work.
    """
    for stapel in _batches(zaehler):
        tokens = [_add_token(session, akteur, eintrag) for eintrag in stapel]
        session.commit()
        yield tokens


def list_schluessel(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[Geraeteschluessel]:
    """Every key of a meter, the newest set first. Raises NichtGefunden."""
    _get_stromzaehler(session, stromzaehler_id)
    return queries.page_keys(session, stromzaehler_id, seite=seite, pro_seite=pro_seite)


def lock_schluessel(session: Session, akteur: Akteur, stromzaehler_id: int, grund: str | None) -> Sperrung:
    """Revoke every key of a meter: its next request is refused, and a new token is needed. Raises NichtGefunden.

    Repeated, it revokes nothing more and says so.
    """
    stromzaehler = _get_stromzaehler(session, stromzaehler_id)
    anzahl = revoke_schluessel(session, akteur, stromzaehler_id, grund)
    session.commit()
    return Sperrung(stromzaehler.zaehlernummer, anzahl)


def revoke_schluessel(session: Session, akteur: Akteur, stromzaehler_id: int, grund: str | None) -> int:
    """Revoke every key of a meter in the caller's transaction; how many sets these were.

    Tokens that were made before end, too: whoever has the meter may have one of them.
    """
    # In the order in which an enrolment locks them.
    queries.end_tokens(session, stromzaehler_id, akteur.zeitpunkt)
    # A renewal that is being worked on would bring a set that nobody has revoked.
    queries.lock_stand(session, stromzaehler_id)
    anzahl = queries.revoke_keys(session, stromzaehler_id, akteur.zeitpunkt)
    if anzahl:
        neu = {"saetze": anzahl, "grund": grund}
        record_audit(session, akteur, "SCHLUESSEL_GESPERRT", "stromzaehler", stromzaehler_id, neu=neu)
        record_ereignis(session, akteur, Ereignisart.SCHLUESSEL_GESPERRT, "stromzaehler", stromzaehler_id)
    return anzahl


def retire_older_keys(session: Session, akteur: Akteur, stromzaehler_id: int, epoche: int) -> int:
    """Revoke the sets before that of `epoche` in the caller's transaction; how many these were.

    Called when a meter has sent its first Telegramm under renewed keys. `epoche` is that of the set whose key
    signed, not that of the Telegramm, which may be higher. The caller holds the meter's Telegrammstand. Raises
    GeraeteFehler when that set was revoked meanwhile: it must not take the others with it.
    """
    if any(zeile.gesperrt_zeitpunkt is not None for zeile in queries.list_keys(session, stromzaehler_id, epoche)):
        raise GeraeteFehler(403, "gesperrt")
    anzahl = queries.revoke_keys(session, stromzaehler_id, akteur.zeitpunkt, unter=epoche)
    if anzahl:
        neu = {"saetze": anzahl, "unter_epoche": epoche}
        record_audit(session, akteur, "SCHLUESSEL_ABGELOEST", "stromzaehler", stromzaehler_id, neu=neu)
    return anzahl


def list_ends(session: Session, bis: datetime) -> list[Schluesselende]:
    """Meters in use whose keys end before `bis` (real time), the earliest first."""
    return queries.list_ends(session, bis)


def count_silent(session: Session, seit: datetime) -> int:
    """How many meters in use have not sent anything since `seit` (the operator's clock)."""
    return queries.count_silent(session, seit)


def _get_stromzaehler(session: Session, stromzaehler_id: int) -> Stromzaehler:
    stromzaehler = queries.get_stromzaehler(session, stromzaehler_id)
    if stromzaehler is None:
        raise NichtGefunden
    return stromzaehler


def _unknown(zaehlernummer: str) -> NichtGefunden:
    return NichtGefunden(f"Es gibt keinen Stromzähler {zaehlernummer}.")


def _batches(eintraege: Sequence[T]) -> Iterator[Sequence[T]]:
    for anfang in range(0, len(eintraege), STAPEL):
        yield eintraege[anfang : anfang + STAPEL]


def _check_enrollable(stromzaehler: Stromzaehler) -> Einzuschreibender:
    if stromzaehler.zustand in GESPERRTE_ZUSTAENDE:
        raise KonfliktFehler(
            f"Der Stromzähler {stromzaehler.zaehlernummer} ist {stromzaehler.zustand} und kann nicht"
            " eingeschrieben werden.",
            code="stromzaehler_gesperrt",
        )
    return Einzuschreibender(stromzaehler.stromzaehler_id, stromzaehler.zaehlernummer)


def _add_token(session: Session, akteur: Akteur, zaehler: Einzuschreibender) -> Token:
    token = secrets.token_hex(20)
    gueltig_bis = akteur.zeitpunkt + TOKEN_DAUER
    session.add(
        Einschreibungstoken(
            stromzaehler_id=zaehler.stromzaehler_id,
            token_sha256=hash_token(token),
            angelegt_zeitpunkt=akteur.zeitpunkt,
            gueltig_bis=gueltig_bis,
        )
    )
    record_audit(session, akteur, "EINSCHREIBUNGSTOKEN_ANGELEGT", "stromzaehler", zaehler.stromzaehler_id)
    return Token(zaehler.zaehlernummer, token, gueltig_bis)
