"""Use cases of meters: register, change, and whose meter it is when."""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes, record_audit
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.kunde.service import get_kunde
from betreiber.schluessel.service import revoke_schluessel
from betreiber.seite import Seite
from betreiber.stromzaehler import queries
from betreiber.stromzaehler.domain import Zaehlerzustand, check_zeitraum, check_zustand, clip
from db.models import KundeStromzaehler, Stromzaehler
from db.session import violated_overlap
from telegramm.zaehlernummer import check_zaehlernummer

# What gives a stored register its meaning.
BEDEUTUNG_DES_ZAEHLWERKS = ("stellen", "faktor")


def list_stromzaehler(
    session: Session,
    akteur: Akteur,
    *,
    seite: int,
    pro_seite: int,
    zaehlernummer: str | None = None,
    zustand: str | None = None,
    postleitzahl: str | None = None,
) -> Seite[Stromzaehler]:
    """Meters by number, a page at a time."""
    return queries.list_stromzaehler(
        session,
        akteur.zeitpunkt,
        zaehlernummer=zaehlernummer.replace(" ", "").upper() if zaehlernummer else None,
        zustand=zustand,
        postleitzahl=postleitzahl,
        seite=seite,
        pro_seite=pro_seite,
    )


def get_stromzaehler(session: Session, akteur: Akteur, stromzaehler_id: int) -> Stromzaehler:
    """One meter. Raises NichtGefunden, also for a customer whose meter it neither is nor was."""
    if not akteur.sees_all:
        # First, so that a meter that is not theirs and one that does not exist take the same time.
        _intervals_of_akteur(session, akteur, stromzaehler_id)
    stromzaehler = queries.get_stromzaehler(session, stromzaehler_id)
    if stromzaehler is None:
        raise NichtGefunden
    return stromzaehler


def create_stromzaehler(session: Session, akteur: Akteur, daten: Mapping[str, Any]) -> Stromzaehler:
    """Register a meter; it lies in the warehouse (LAGER).

    Raises EingabeUngueltig for a number that is none of DIN 43863-5, KonfliktFehler for one that is taken.
    """
    try:
        daten = {**daten, "zaehlernummer": check_zaehlernummer(daten["zaehlernummer"])}
    except ValueError as error:
        raise EingabeUngueltig(
            "Die Zählernummer hat 14 Zeichen wie 1 EMH 00 1234 5678 (DIN 43863-5).",
            feld="zaehlernummer",
            code="zaehlernummer_ungueltig",
        ) from error
    if queries.find_stromzaehler(session, daten["zaehlernummer"]) is not None:
        raise KonfliktFehler("Diese Zählernummer gibt es schon.", code="zaehlernummer_vergeben")
    stromzaehler = Stromzaehler(**daten, zustand=Zaehlerzustand.LAGER)
    session.add(stromzaehler)
    session.flush()
    record_audit(session, akteur, "ANGELEGT", "stromzaehler", stromzaehler.stromzaehler_id, neu=daten)
    session.commit()
    return stromzaehler


def change_stromzaehler(
    session: Session, akteur: Akteur, stromzaehler_id: int, version: int, daten: Mapping[str, Any]
) -> Stromzaehler:
    """Change a meter's data.

    Raises NichtGefunden, VersionVeraltet, and KonfliktFehler for a state that it cannot take or for another
    meaning of readings that are stored.
    """
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    if stromzaehler.version != version:
        raise VersionVeraltet
    eingebaut = queries.is_eingebaut(session, stromzaehler_id)
    hat_ablesungen = queries.has_verbrauch(session, stromzaehler_id)
    zustand = Zaehlerzustand(stromzaehler.zustand)
    check_zustand(zustand, Zaehlerzustand(daten.get("zustand", zustand)), eingebaut=eingebaut)
    alt, neu = apply_changes(stromzaehler, daten)
    fest = [name for name in BEDEUTUNG_DES_ZAEHLWERKS if name in neu]
    if fest and hat_ablesungen:
        raise KonfliktFehler(
            f"Es gibt schon Ablesungen; fest sind jetzt: {', '.join(fest)}. Gilt ab einem Zeitpunkt ein anderer"
            " Faktor, tragen Sie einen Faktorwechsel ein.",
            code="stromzaehler_hat_ablesungen",
        )
    if neu:
        record_audit(session, akteur, "GEAENDERT", "stromzaehler", stromzaehler_id, alt=alt, neu=neu)
        _end_absence(session, akteur, stromzaehler_id, alt)
    session.commit()
    return stromzaehler


def set_zustand(session: Session, akteur: Akteur, stromzaehler: Stromzaehler, zustand: Zaehlerzustand) -> None:
    """Set the state that follows from an Einbau, in the caller's transaction."""
    alt, neu = apply_changes(stromzaehler, {"zustand": str(zustand)})
    if neu:
        record_audit(session, akteur, "GEAENDERT", "stromzaehler", stromzaehler.stromzaehler_id, alt=alt, neu=neu)
        _end_absence(session, akteur, stromzaehler.stromzaehler_id, alt)


def _end_absence(session: Session, akteur: Akteur, stromzaehler_id: int, alt: Mapping[str, Any]) -> None:
    """A removed meter comes back without its keys: nobody knows in whose hands it was meanwhile.

    While it is removed its state refuses it, and its keys still let it learn that.
    """
    if alt.get("zustand") == Zaehlerzustand.AUSGEBAUT:
        revoke_schluessel(session, akteur, stromzaehler_id, "ausgebaut")


def list_zuordnungen(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[KundeStromzaehler]:
    """Whose meter it was when, oldest first. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    return queries.list_zuordnungen(session, stromzaehler_id, seite=seite, pro_seite=pro_seite)


def create_zuordnung(
    session: Session, akteur: Akteur, stromzaehler_id: int, daten: Mapping[str, Any]
) -> KundeStromzaehler:
    """Say whose meter it is in [von, bis).

    Raises NichtGefunden, EingabeUngueltig for an unknown customer or no period, and KonfliktFehler when the meter
    is somebody's in a part of it.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    if queries.find_kunde(session, daten["kunde_id"]) is None:
        raise EingabeUngueltig("Diesen Kunden gibt es nicht.", feld="kunde_id", code="kunde_unbekannt")
    check_zeitraum(daten["von"], daten["bis"])
    if queries.has_overlap(session, stromzaehler_id, daten["von"], daten["bis"]):
        raise _ueberlappt()
    zuordnung = KundeStromzaehler(stromzaehler_id=stromzaehler_id, **daten)
    session.add(zuordnung)
    _flush(session)
    neu = {"stromzaehler_id": stromzaehler_id, **daten}
    record_audit(session, akteur, "ANGELEGT", "kunde_stromzaehler", zuordnung.kunde_stromzaehler_id, neu=neu)
    session.commit()
    return zuordnung


def get_zuordnung(
    session: Session, akteur: Akteur, stromzaehler_id: int, kunde_stromzaehler_id: int
) -> KundeStromzaehler:
    """One interval of a meter. Raises NichtGefunden, also when it is another meter's."""
    zuordnung = queries.get_zuordnung(session, stromzaehler_id, kunde_stromzaehler_id)
    if zuordnung is None:
        raise NichtGefunden
    return zuordnung


def change_zuordnung(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    kunde_stromzaehler_id: int,
    version: int,
    daten: Mapping[str, Any],
) -> KundeStromzaehler:
    """Move an edge of an interval: a move ends one. Raises as create_zuordnung, and VersionVeraltet."""
    zuordnung = get_zuordnung(session, akteur, stromzaehler_id, kunde_stromzaehler_id)
    if zuordnung.version != version:
        raise VersionVeraltet
    von, bis = daten.get("von", zuordnung.von), daten.get("bis", zuordnung.bis)
    check_zeitraum(von, bis)
    if queries.has_overlap(session, stromzaehler_id, von, bis, ausser=kunde_stromzaehler_id):
        raise _ueberlappt()
    alt, neu = apply_changes(zuordnung, daten)
    if neu:
        _flush(session)
        record_audit(session, akteur, "GEAENDERT", "kunde_stromzaehler", kunde_stromzaehler_id, alt=alt, neu=neu)
    session.commit()
    return zuordnung


def hand_over(session: Session, akteur: Akteur, alter_id: int, neuer_id: int, zeitpunkt: datetime) -> None:
    """Let whoever has a meter at an instant or later have another one from then on, in the caller's transaction.

    Ends stay. Raises KonfliktFehler when the other meter is somebody's already.
    """
    for zuordnung in queries.list_zuordnungen_ab(session, alter_id, zeitpunkt):
        von, bis = max(zuordnung.von, zeitpunkt), zuordnung.bis
        if queries.has_overlap(session, neuer_id, von, bis):
            raise _ueberlappt()
        # What begins with the exchange or after it never was an interval of the old meter.
        beginnt_vorher = zuordnung.von < zeitpunkt
        aenderung = {"bis": zeitpunkt} if beginnt_vorher else {"stromzaehler_id": neuer_id}
        alt, neu = apply_changes(zuordnung, aenderung)
        if beginnt_vorher:
            fortsetzung = {"stromzaehler_id": neuer_id, "kunde_id": zuordnung.kunde_id, "von": von, "bis": bis}
            neue = KundeStromzaehler(**fortsetzung)
            session.add(neue)
        _flush(session)
        nummer = zuordnung.kunde_stromzaehler_id
        record_audit(session, akteur, "GEAENDERT", "kunde_stromzaehler", nummer, alt=alt, neu=neu)
        if beginnt_vorher:
            nummer = neue.kunde_stromzaehler_id
            record_audit(session, akteur, "ANGELEGT", "kunde_stromzaehler", nummer, neu=fortsetzung)


def list_stromzaehler_of_kunde(
    session: Session, akteur: Akteur, kunde_id: int, *, seite: int, pro_seite: int
) -> Seite[KundeStromzaehler]:
    """A customer's meters with their intervals, the newest first; customers see those that have begun."""
    get_kunde(session, akteur, kunde_id)
    return queries.list_of_kunde(session, kunde_id, _begonnen_bis(akteur), seite=seite, pro_seite=pro_seite)


def own_intervals(
    session: Session, akteur: Akteur, stromzaehler_id: int, von: datetime, bis: datetime
) -> list[tuple[datetime, datetime]]:
    """The parts of [von, bis) whose readings this person may see, oldest first.

    Staff see all of it, a customer the intervals in which the meter was theirs (none, when it was theirs at
    another time only). Raises NichtGefunden when there is no such meter or it never was theirs.
    """
    if akteur.sees_all:
        get_stromzaehler(session, akteur, stromzaehler_id)
        return [(von, bis)]
    return clip(_intervals_of_akteur(session, akteur, stromzaehler_id), von, bis)


def list_zuordnungen_of_kunde(
    session: Session, akteur: Akteur, kunde_id: int, von: datetime, bis: datetime
) -> list[tuple[Stromzaehler, datetime, datetime]]:
    """The meters of a customer in [von, bis) with the parts of it in which they are theirs.

    By meter number, then time; intervals that touch are one; customers see those that have begun. Whose data
    these are is the caller's matter.
    """
    zeilen = queries.list_in_zeitraum(session, kunde_id, von, bis, _begonnen_bis(akteur))
    return [
        (stromzaehler, *teil)
        for stromzaehler, eigene in groupby(zeilen, key=lambda zeile: zeile.stromzaehler)
        for teil in clip(((zeile.von, zeile.bis) for zeile in eigene), von, bis)
    ]


def _begonnen_bis(akteur: Akteur) -> datetime | None:
    """What begins in the future is not a customer's yet: until then the meter is somebody else's."""
    return None if akteur.sees_all else akteur.zeitpunkt


def _intervals_of_akteur(
    session: Session, akteur: Akteur, stromzaehler_id: int
) -> list[tuple[datetime, datetime | None]]:
    eigene = queries.list_intervals(session, stromzaehler_id, akteur.kunde_id or 0, akteur.zeitpunkt)
    if not eigene:
        raise NichtGefunden
    return eigene


def _flush(session: Session) -> None:
    """Write an interval. On PostgreSQL two writers at once pass the check; the constraint stops the second."""
    try:
        session.flush()
    except IntegrityError as error:
        if violated_overlap(error):
            raise _ueberlappt() from error
        raise


def _ueberlappt() -> KonfliktFehler:
    return KonfliktFehler(
        "Der Zähler ist in diesem Zeitraum schon zugeordnet. Beenden Sie zuerst die andere Zuordnung.",
        code="zuordnung_ueberlappt",
    )
