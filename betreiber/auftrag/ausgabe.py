"""A tour as CSV for a spreadsheet and as ICS for a calendar. Pure: orders in, bytes out.

A calendar is copied to telephones and clouds: it says where and what, never who lives there.
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from icalendar import Calendar, Event

from betreiber.auftrag.domain import shows_zugang
from betreiber.verbrauch.ausgabe import neutralize

_SPALTEN = (
    "auftrag_id",
    "art",
    "zustand",
    "termin_datum",
    "postleitzahl",
    "stadtname",
    "strasse",
    "hausnummer",
    "hausnummerzusatz",
    "zaehlernummer",
    "anlass",
    "zugangshinweis",
)


def encode_csv(auftraege: Sequence[Any], *, alle: bool) -> bytes:
    """A header and a line an order (RFC 4180, semicolons as German spreadsheets read them), in the given order.

    `alle`: with the access notes of orders that are over, too; a fitter gets those that run.
    """
    text = io.StringIO()
    zeilen = csv.writer(text, delimiter=";", lineterminator="\r\n")
    zeilen.writerow(_SPALTEN)
    for auftrag in auftraege:
        werte = [_cell(auftrag, spalte, alle=alle) for spalte in _SPALTEN]
        zeilen.writerow([neutralize(str("" if wert is None else wert)) for wert in werte])
    # With the mark by which Excel knows UTF-8.
    return text.getvalue().encode("utf-8-sig")


def encode_ics(auftraege: Sequence[Any], zeitpunkt: datetime) -> bytes:
    """A calendar (RFC 5545) with one event of the whole day an order; it keeps its UID, so that a later import
    replaces it. `zeitpunkt`: when the calendar is made.
    """
    kalender = Calendar()
    kalender.add("prodid", "-//Messstellenbetreiber//Touren//DE")
    kalender.add("version", "2.0")
    for nummer, auftrag in enumerate(auftraege, 1):
        termin = Event()
        termin.add("uid", f"auftrag-{auftrag.auftrag_id}@messstellenbetreiber")
        termin.add("dtstamp", zeitpunkt)
        termin.add("sequence", auftrag.version)
        termin.add("dtstart", auftrag.termin_datum)
        termin.add("dtend", auftrag.termin_datum + timedelta(days=1))
        termin.add("summary", f"{nummer}. {auftrag.art} {_zaehlernummer(auftrag) or ''}".strip())
        termin.add("location", _address(auftrag.messstelle))
        termin.add("description", f"Auftrag {auftrag.auftrag_id}")
        kalender.add_component(termin)
    return bytes(kalender.to_ical())


def _cell(auftrag: Any, spalte: str, *, alle: bool) -> Any:
    if spalte == "zaehlernummer":
        return _zaehlernummer(auftrag)
    if spalte == "zugangshinweis" and not shows_zugang(auftrag.zustand, alle=alle):
        return None
    return getattr(auftrag if hasattr(auftrag, spalte) else auftrag.messstelle, spalte)


def _zaehlernummer(auftrag: Any) -> str | None:
    return None if auftrag.stromzaehler is None else auftrag.stromzaehler.zaehlernummer


def _address(messstelle: Any) -> str:
    hausnummer = messstelle.hausnummer + (messstelle.hausnummerzusatz or "")
    return f"{messstelle.strasse} {hausnummer}, {messstelle.postleitzahl} {messstelle.stadtname}"
