"""The sweep of the work orders that Störungen ask for."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auftrag import stoerungsliste
from betreiber.auftrag.domain import BEHOBEN, Auftragsart, Auftragszustand, describe_stoerung
from betreiber.auftrag.service import add, record_change
from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes
from betreiber.stoerung.domain import NETZ_HOECHSTENS, OHNE_MONTEUR, Ursache
from db.models import Auftrag
from db.session import begin_read
from db.stapel import flush, give_ids

STAPEL = 500
ANGEKUENDIGT = "Die Störung ist behoben, der Besuch aber schriftlich angekündigt: bitte entscheiden. "


def open_auftraege(session: Session, akteur: Akteur, *, hoechstens: int = STAPEL) -> int:
    """Sweep: an order to repair for each meter with a Störung that asks for one, and none for those that are over.

    Commits `hoechstens` at a time; where there is nothing to do it only reads. Returns how many orders were made,
    cancelled or given another reason. What a planner is changing at the same time is left for the next sweep.
    """
    return _end_needless(session, akteur, hoechstens) + _open_missing(session, akteur, hoechstens)


def _end_needless(session: Session, akteur: Akteur, hoechstens: int) -> int:
    anzahl = nach = 0
    while True:
        begin_read(session)
        gefunden = [auftrag.auftrag_id for auftrag in stoerungsliste.list_needless(session, nach, hoechstens)]
        session.rollback()
        if not gefunden:
            return anzahl
        auftraege = stoerungsliste.list_needless(session, nach, hoechstens)
        offene = stoerungsliste.list_stoerungen_without_auftrag(
            session, akteur.zeitpunkt, _sends_nobody(akteur), statt=auftraege
        )
        # Of several Störungen of a meter the oldest gives the reason.
        naechste = {(zeile.stromzaehler_id, zeile.messstelle_id): zeile for zeile in reversed(offene)}
        aenderungen = []
        for auftrag in auftraege:
            # Each serves one order only.
            andere = naechste.pop((auftrag.stromzaehler_id, auftrag.messstelle_id), None)
            aenderungen.append((auftrag, *apply_changes(auftrag, _without_stoerung(akteur, auftrag, andere))))
        session.flush()
        for auftrag, alt, neu in aenderungen:
            record_change(session, akteur, auftrag, alt, neu)
        flush(session)
        session.commit()
        anzahl += len(auftraege)
        nach = gefunden[-1]


def _without_stoerung(akteur: Akteur, auftrag: Auftrag, andere: Any) -> dict[str, Any]:
    """What becomes of an order whose Störung is over; `andere`: another one of its meter that asks for a visit.

    Day, fitter and letter serve that one. A visit that a letter has announced is for a planner to decide.
    """
    if andere is not None:
        return {"stoerung_id": andere.stoerung_id, "anlass": _describe(andere)}
    if auftrag.zutritt_angekuendigt:
        return {"stoerung_id": None, "anlass": ANGEKUENDIGT + auftrag.anlass}
    return {
        "zustand": Auftragszustand.STORNIERT.value,
        "grund": BEHOBEN,
        "beendet_zeitpunkt": akteur.zeitpunkt,
    }


def _open_missing(session: Session, akteur: Akteur, hoechstens: int) -> int:
    anzahl = nach = 0
    while True:
        begin_read(session)
        gefunden = _list_missing(session, akteur, nach, hoechstens)
        session.rollback()
        if not gefunden:
            return anzahl
        stoerungen = _list_missing(session, akteur, nach, hoechstens)
        # One visit a meter, also when several of its Störungen stand in one batch: the oldest gives the reason.
        je_zaehler = {zeile.stromzaehler_id: zeile for zeile in reversed(stoerungen)}
        auftraege = [
            Auftrag(
                art=Auftragsart.REPARATUR.value,
                stoerung_id=zeile.stoerung_id,
                messstelle_id=zeile.messstelle_id,
                stromzaehler_id=zeile.stromzaehler_id,
                anlass=_describe(zeile),
            )
            for zeile in sorted(je_zaehler.values(), key=lambda zeile: zeile.stoerung_id)
        ]
        give_ids(session, auftraege)
        add(session, akteur, *auftraege)
        flush(session)
        session.commit()
        anzahl += len(auftraege)
        nach = gefunden[-1].stoerung_id


def _list_missing(session: Session, akteur: Akteur, nach: int, hoechstens: int) -> Any:
    return stoerungsliste.list_stoerungen_without_auftrag(
        session, akteur.zeitpunkt, _sends_nobody(akteur), nach=nach, hoechstens=hoechstens
    )


def _sends_nobody(akteur: Akteur) -> dict[str, datetime | None]:
    """As `sends_nobody`: these causes, unless they began at that instant or before."""
    return {**dict.fromkeys(OHNE_MONTEUR), Ursache.NETZ: akteur.zeitpunkt - NETZ_HOECHSTENS}


def _describe(stoerung: Any) -> str:
    return describe_stoerung(stoerung.art, stoerung.ursache, stoerung.beginn_zeitpunkt)
