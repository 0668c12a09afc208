"""Use cases of meters: register, change, and whose meter it is when."""

from collections.abc import Mapping
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes, record_audit
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.kunde.service import get_kunde
from betreiber.schluessel.service import revoke_schluessel
from betreiber.seite import Seite
from betreiber.stromzaehler import domain, queries
from betreiber.stromzaehler.domain import (
    Zaehlerzustand,
    check_gewaehrleistung,
    check_iccid,
    check_lebensdaten,
    check_seit_inbetriebnahme,
    check_zeitraum,
    check_zustand,
    clip,
)
from betreiber.stromzaehler.zuordnung import assign, flush, ueberlappt
from betreiber.zeit import local_date
from db.models import KundeStromzaehler, Stromzaehler
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
    bauart: str | None = None,
    kennzeichnung_jahr: int | None = None,
    gewaehrleistung_bis: date | None = None,
) -> Seite[Stromzaehler]:
    """Meters by number, a page at a time. `gewaehrleistung_bis`: the last day of their warranty, counts."""
    return queries.list_stromzaehler(
        session,
        akteur.zeitpunkt,
        zaehlernummer=zaehlernummer.replace(" ", "").upper() if zaehlernummer else None,
        zustand=zustand,
        postleitzahl=postleitzahl,
        bauart=bauart,
        kennzeichnung_jahr=kennzeichnung_jahr,
        gewaehrleistung_bis=gewaehrleistung_bis,
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


def check_neuen(akteur: Akteur, daten: Mapping[str, Any]) -> dict[str, Any]:
    """What a new meter's row holds, numbers without spaces. Raises EingabeUngueltig as create_stromzaehler."""
    try:
        zaehlernummer = check_zaehlernummer(daten["zaehlernummer"])
    except ValueError as error:
        raise EingabeUngueltig(
            "Die Zählernummer hat 14 Zeichen wie 1 EMH 00 1234 5678 (DIN 43863-5).",
            feld="zaehlernummer",
            code="zaehlernummer_ungueltig",
        ) from error
    check_gewaehrleistung(daten.get("gewaehrleistung_ende_datum"), daten.get("inbetriebnahme_datum"))
    return _check_register(akteur, {**daten, "zaehlernummer": zaehlernummer})


def create_stromzaehler(session: Session, akteur: Akteur, daten: Mapping[str, Any]) -> Stromzaehler:
    """Register a meter; it lies in the warehouse (LAGER).

    Raises EingabeUngueltig for a number that is none of DIN 43863-5, a SIM card's that is none, or implausible
    dates, KonfliktFehler for a number that is taken.
    """
    daten = check_neuen(akteur, daten)
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
    """Change a meter's data, in the caller's transaction.

    Raises NichtGefunden, VersionVeraltet, EingabeUngueltig as create_stromzaehler, and KonfliktFehler for a state
    that it cannot take or for another meaning of readings that are stored.
    """
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    if stromzaehler.version != version:
        raise VersionVeraltet
    eingebaut = queries.is_eingebaut(session, stromzaehler_id)
    hat_ablesungen = queries.has_verbrauch(session, stromzaehler_id)
    zustand = Zaehlerzustand(stromzaehler.zustand)
    neuer_zustand = Zaehlerzustand(daten.get("zustand", zustand))
    check_zustand(zustand, neuer_zustand, eingebaut=eingebaut)
    daten = _check_register(akteur, daten, stromzaehler)
    _check_inbetriebnahme(session, stromzaehler, daten)
    if neuer_zustand is Zaehlerzustand.VERSCHROTTET is not zustand:
        daten |= {"verschrottung_datum": local_date(akteur.zeitpunkt)}
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
    return stromzaehler


def list_erlaubte(session: Session, stromzaehler: Stromzaehler) -> list[str]:
    """The states that a meter may take next, as it hangs somewhere or not."""
    eingebaut = queries.is_eingebaut(session, stromzaehler.stromzaehler_id)
    return domain.list_erlaubte(Zaehlerzustand(stromzaehler.zustand), eingebaut=eingebaut)


def set_zustand(
    session: Session,
    akteur: Akteur,
    stromzaehler: Stromzaehler,
    zustand: Zaehlerzustand,
    *,
    einbau_datum: date | None = None,
) -> None:
    """Set the state that follows from an Einbau, in the caller's transaction.

    `einbau_datum`: the day of the installation; that of the first one becomes the meter's inbetriebnahme_datum.
    Raises EingabeUngueltig when it lies before the year of the marking.
    """
    werte: dict[str, Any] = {"zustand": str(zustand)}
    if einbau_datum is not None and stromzaehler.inbetriebnahme_datum is None:
        werte["inbetriebnahme_datum"] = einbau_datum
        _check_register(akteur, werte, stromzaehler)
    _record_changes(session, akteur, stromzaehler, werte)


def set_gewaehrleistung(session: Session, akteur: Akteur, stromzaehler: Stromzaehler, ende_datum: date) -> None:
    """Note the last day of the warranty that a document names, in the caller's transaction.

    Raises EingabeUngueltig for one that ended before the meter was in service.
    """
    check_gewaehrleistung(ende_datum, stromzaehler.inbetriebnahme_datum, "ende_datum")
    _record_changes(session, akteur, stromzaehler, {"gewaehrleistung_ende_datum": ende_datum})


def _check_inbetriebnahme(session: Session, stromzaehler: Stromzaehler, daten: Mapping[str, Any]) -> None:
    """Raise EingabeUngueltig for a change of the first day in service that its warranty or an Einbau rules out.

    What is not named stays as it is, also where it contradicts the other: it may be older than this rule.
    """
    namen = ("gewaehrleistung_ende_datum", "inbetriebnahme_datum")
    if daten.keys().isdisjoint(namen):
        return
    ende, inbetriebnahme = (daten.get(name, getattr(stromzaehler, name)) for name in namen)
    check_gewaehrleistung(ende, inbetriebnahme)
    eingebaut = queries.find_ersten_einbau(session, stromzaehler.stromzaehler_id)
    if eingebaut is not None:
        check_seit_inbetriebnahme(eingebaut, inbetriebnahme, "inbetriebnahme_datum")


def _check_register(
    akteur: Akteur, daten: Mapping[str, Any], stromzaehler: Stromzaehler | None = None
) -> dict[str, Any]:
    """What the register is to hold, the number of the SIM card without spaces. Raises EingabeUngueltig."""
    daten = dict(daten)
    if daten.get("sim_iccid") is not None:
        daten["sim_iccid"] = check_iccid(daten["sim_iccid"])
    jahr, inbetriebnahme = (
        daten.get(name, getattr(stromzaehler, name, None))
        for name in ("kennzeichnung_jahr", "inbetriebnahme_datum")
    )
    check_lebensdaten(jahr, inbetriebnahme, local_date(akteur.zeitpunkt))
    return daten


def put_right(
    session: Session, akteur: Akteur, stromzaehler: Stromzaehler, werte: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Set what holds since what was recorded was a mistake, in the caller's transaction; the values before.

    A meter whose removal was one never was away, and keeps its keys.
    """
    alt, neu = apply_changes(stromzaehler, werte)
    if neu:
        record_audit(session, akteur, "GEAENDERT", "stromzaehler", stromzaehler.stromzaehler_id, alt=alt, neu=neu)
    return alt


def _record_changes(
    session: Session, akteur: Akteur, stromzaehler: Stromzaehler, werte: Mapping[str, Any]
) -> None:
    alt = put_right(session, akteur, stromzaehler, werte)
    _end_absence(session, akteur, stromzaehler.stromzaehler_id, alt)


def _end_absence(session: Session, akteur: Akteur, stromzaehler_id: int, alt: Mapping[str, Any]) -> None:
    """A removed meter comes back without its keys: nobody knows in whose hands it was meanwhile.

    While it is removed its state refuses it, and its keys still let it learn that. One that was distrusted at its
    place stays GESPERRT when it is removed: where it hangs nowhere, that state ends as AUSGEBAUT does.
    """
    zustand = alt.get("zustand")
    if zustand == Zaehlerzustand.AUSGEBAUT or (
        zustand == Zaehlerzustand.GESPERRT and not queries.is_eingebaut(session, stromzaehler_id)
    ):
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

    Raises NichtGefunden, EingabeUngueltig for an unknown customer, no period or one that begins before the meter
    was in service, and KonfliktFehler when the meter is somebody's in a part of it.
    """
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    check_seit_inbetriebnahme(daten["von"], stromzaehler.inbetriebnahme_datum, "von")
    zuordnung = assign(session, akteur, stromzaehler_id, **daten)
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
    if von != zuordnung.von:
        inbetriebnahme = get_stromzaehler(session, akteur, stromzaehler_id).inbetriebnahme_datum
        check_seit_inbetriebnahme(von, inbetriebnahme, "von")
    if queries.has_overlap(session, stromzaehler_id, von, bis, ausser=kunde_stromzaehler_id):
        raise ueberlappt()
    alt, neu = apply_changes(zuordnung, daten)
    if neu:
        flush(session)
        record_audit(session, akteur, "GEAENDERT", "kunde_stromzaehler", kunde_stromzaehler_id, alt=alt, neu=neu)
    session.commit()
    return zuordnung


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
