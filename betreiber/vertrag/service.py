"""Use cases of contracts."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import apply_changes, record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.kunde.service import get_kunde
from betreiber.seite import Seite
from betreiber.vertrag import queries
from betreiber.vertrag.domain import Vertragszustand, check_aenderung, check_daten
from betreiber.zeit import local_date
from db.models import Tarif, Vertrag


def list_vertraege(
    session: Session, akteur: Akteur, kunde_id: int, *, seite: int, pro_seite: int
) -> Seite[Vertrag]:
    """A customer's contracts, the newest first. Raises NichtGefunden, also for another customer's."""
    get_kunde(session, akteur, kunde_id)
    return queries.list_vertraege(session, kunde_id, seite=seite, pro_seite=pro_seite)


def get_vertrag(session: Session, akteur: Akteur, kunde_id: int, vertrag_id: int) -> Vertrag:
    """One contract of that customer. Raises NichtGefunden, also when the contract is another customer's."""
    akteur.check_kunde(kunde_id)
    vertrag = queries.get_vertrag(session, kunde_id, vertrag_id)
    if vertrag is None:
        raise NichtGefunden
    return vertrag


def create_vertrag(session: Session, akteur: Akteur, kunde_id: int, daten: Mapping[str, Any]) -> Vertrag:
    """Add a contract; it begins its life as ANGELEGT.

    Raises NichtGefunden for the customer, EingabeUngueltig for an unknown Messstelle, a Tarif that is unknown or
    of another product, and dates that are no period, KonfliktFehler when the number is taken.
    """
    get_kunde(session, akteur, kunde_id)
    check_daten(Vertragszustand.ANGELEGT, daten["beginn_datum"], daten["ende_datum"])
    messstelle = queries.get_messstelle(session, daten["messstelle_id"])
    if messstelle is None:
        raise EingabeUngueltig(
            "Diese Messstelle gibt es nicht.", feld="messstelle_id", code="messstelle_unbekannt"
        )
    tarif = _tarif(session, daten["tarif_id"], daten["produkt"])
    if queries.find_vertrag(session, daten["vertragsnummer"]) is not None:
        raise KonfliktFehler("Diese Vertragsnummer gibt es schon.", code="vertragsnummer_vergeben")
    vertrag = Vertrag(
        **daten, kunde_id=kunde_id, zustand=Vertragszustand.ANGELEGT, messstelle=messstelle, tarif=tarif
    )
    session.add(vertrag)
    session.flush()
    neu = {"kunde_id": kunde_id, **daten}
    record_audit(session, akteur, "ANGELEGT", "vertrag", vertrag.vertrag_id, neu=neu)
    _record_tarif(session, akteur, vertrag, bisheriger_tarif_id=None)
    session.commit()
    return vertrag


def change_vertrag(
    session: Session, akteur: Akteur, kunde_id: int, vertrag_id: int, version: int, daten: Mapping[str, Any]
) -> Vertrag:
    """Change a contract's Tarif, dates or state.

    Raises NichtGefunden, VersionVeraltet, KonfliktFehler for a state that it cannot take, and EingabeUngueltig as
    create_vertrag.
    """
    vertrag = get_vertrag(session, akteur, kunde_id, vertrag_id)
    if vertrag.version != version:
        raise VersionVeraltet
    zustand = Vertragszustand(daten.get("zustand", vertrag.zustand))
    beginn = daten.get("beginn_datum", vertrag.beginn_datum)
    check_aenderung(Vertragszustand(vertrag.zustand), zustand, beginn_alt=vertrag.beginn_datum, beginn_neu=beginn)
    check_daten(zustand, beginn, daten.get("ende_datum", vertrag.ende_datum))
    if "tarif_id" in daten:
        vertrag.tarif = _tarif(session, daten["tarif_id"], vertrag.produkt)
    alt, neu = apply_changes(vertrag, daten)
    if neu:
        record_audit(session, akteur, "GEAENDERT", "vertrag", vertrag_id, alt=alt, neu=neu)
    if "tarif_id" in neu:
        _record_tarif(session, akteur, vertrag, bisheriger_tarif_id=alt["tarif_id"])
    session.commit()
    return vertrag


def list_laufende(session: Session, messstelle_id: int, tag: date) -> Sequence[Vertrag]:
    """The contracts that run at a Messstelle on a day. For staff: whose they are is the caller's matter."""
    return queries.list_laufende(session, messstelle_id, tag)


def list_kommende(session: Session, messstelle_id: int, kunde_id: int, ab: date) -> list[Vertrag]:
    """A customer's contracts at a Messstelle that begin on a day or later. For staff, as list_laufende."""
    return queries.list_kommende(session, messstelle_id, kunde_id, ab)


def end_vertrag(session: Session, akteur: Akteur, vertrag: Vertrag, ende_datum: date) -> None:
    """Let a contract that runs end at the latest with `ende_datum`, the first day without it.

    In the caller's transaction. Raises EingabeUngueltig when it begins then or later.
    """
    ende = min(vertrag.ende_datum or ende_datum, ende_datum)
    zustand = Vertragszustand.BEENDET if ende <= local_date(akteur.zeitpunkt) else Vertragszustand.GEKUENDIGT
    check_daten(zustand, vertrag.beginn_datum, ende)
    alt, neu = apply_changes(vertrag, {"zustand": str(zustand), "ende_datum": ende})
    if neu:
        record_audit(session, akteur, "GEAENDERT", "vertrag", vertrag.vertrag_id, alt=alt, neu=neu)


def _record_tarif(session: Session, akteur: Akteur, vertrag: Vertrag, bisheriger_tarif_id: int | None) -> None:
    daten = {"tarif_id": vertrag.tarif_id, "bisheriger_tarif_id": bisheriger_tarif_id}
    record_ereignis(session, akteur, Ereignisart.TARIF_GEWAEHLT, "vertrag", vertrag.vertrag_id, daten)


def _tarif(session: Session, tarif_id: int, produkt: str) -> Tarif:
    tarif = queries.get_tarif(session, tarif_id)
    if tarif is None:
        raise EingabeUngueltig("Diesen Tarif gibt es nicht.", feld="tarif_id", code="tarif_unbekannt")
    check_tarif(tarif, produkt, "tarif_id")
    return tarif


def check_tarif(tarif: Tarif, produkt: str, feld: str) -> None:
    """Raise EingabeUngueltig, which names the field, when a Tarif is one of another product."""
    if tarif.produkt != produkt:
        raise EingabeUngueltig(
            f"Der Tarif gehört zum Produkt {tarif.produkt}.", feld=feld, code="tarif_passt_nicht"
        )
