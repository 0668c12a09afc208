"""The use case of a move: the register at the door, whose meter it was and is, and the contract of who leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Herkunft
from betreiber.ablesung.zaehlerstaende import Zaehlerstand, as_zaehlerstand
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import (
    check_geschehen,
    check_nach,
    describe_stand,
    first_day_without,
    schon_eingetragen,
)
from betreiber.einbau.zaehlerstand import as_register, find_measured, store_zaehlerstand
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden
from betreiber.stromzaehler.service import get_stromzaehler
from betreiber.stromzaehler.zuordnung import assign, find_edge, release
from betreiber.vertrag.domain import Vertragszustand
from betreiber.vertrag.service import end_vertrag, list_kommende, list_laufende
from db.models import Einbau, KundeStromzaehler, Telegrammstand, Vertrag


@dataclass(frozen=True, slots=True)
class Umzug:
    """What a move has recorded: the interval that ended and the one that began, None = the place is vacant there.

    `vertraege_beendet` and `vertraege_offen` are contracts of who left.
    """

    stromzaehler_id: int
    zeitpunkt: datetime
    zaehlerstand: Zaehlerstand
    auszug: KundeStromzaehler | None
    einzug: KundeStromzaehler | None
    vertraege_beendet: Sequence[Vertrag]
    vertraege_offen: Sequence[Vertrag]


def move(session: Session, akteur: Akteur, messstelle_id: int, daten: Mapping[str, Any]) -> Umzug:
    """Record that a customer left a Messstelle at an instant, and who came, in one transaction.

    Raises NichtGefunden for the place, EingabeUngueltig for an instant in the future or not after the meter's
    installation, an unknown customer, one who lives there already, or a register that is missing or cannot be; and
    KonfliktFehler when it is recorded already, no meter hangs there, nobody lives there and nobody comes, another
    register is measured for the instant, or the meter is to be somebody's after it.
    """
    zeitpunkt, kunde_id = daten["zeitpunkt"], daten["kunde_id"]
    if queries.lock_messstelle(session, messstelle_id) is None:
        raise NichtGefunden
    check_geschehen(zeitpunkt, akteur.zeitpunkt, "zeitpunkt")
    einbau = _find_einbau(session, messstelle_id, zeitpunkt)
    stand = speicher.lock(session, [einbau.stromzaehler_id])[einbau.stromzaehler_id]
    _check_new(session, einbau.stromzaehler_id, zeitpunkt, kunde_id)
    zaehlerstand = _read(session, akteur, stand, daten)
    auszug = release(session, akteur, einbau.stromzaehler_id, zeitpunkt)
    if auszug is None and kunde_id is None:
        raise KonfliktFehler(
            "Zu diesem Zeitpunkt ist der Zähler niemandem zugeordnet, und es zieht niemand ein. Prüfen Sie den"
            " Zeitpunkt, oder nennen Sie kunde_id.",
            code="zuordnung_fehlt",
        )
    if auszug is not None and auszug.kunde_id == kunde_id:
        raise EingabeUngueltig("Dieser Kunde wohnt dort schon.", feld="kunde_id", code="kunde_unveraendert")
    einzug = (
        None if kunde_id is None else assign(session, akteur, einbau.stromzaehler_id, kunde_id, zeitpunkt, None)
    )
    beendet, offen = _end_vertraege(session, akteur, messstelle_id, auszug, daten)
    record_audit(session, akteur, "UMZUG", "messstelle", messstelle_id, neu=daten)
    ereignis = {"stromzaehler_id": einbau.stromzaehler_id, "zeitpunkt": zeitpunkt}
    record_ereignis(session, akteur, Ereignisart.KUNDE_UMGEZOGEN, "messstelle", messstelle_id, ereignis)
    session.commit()
    return Umzug(einbau.stromzaehler_id, zeitpunkt, zaehlerstand, auszug, einzug, beendet, offen)


def _find_einbau(session: Session, messstelle_id: int, zeitpunkt: datetime) -> Einbau:
    """The meter that hangs at the place, since before an instant."""
    einbau = queries.find_newest_einbau(session, messstelle_id)
    if einbau is None or einbau.bis is not None:
        raise KonfliktFehler(
            "An der Messstelle hängt kein Zähler. Tragen Sie zuerst den Einbau ein.", code="zaehler_haengt_nicht"
        )
    check_nach(zeitpunkt, einbau.von + timedelta(seconds=1), "dem Einbau des Zählers, der jetzt dort hängt")
    return einbau


def _check_new(session: Session, stromzaehler_id: int, zeitpunkt: datetime, kunde_id: int | None) -> None:
    """Raise KonfliktFehler when the same move is recorded already."""
    vorher, nachher = find_edge(session, stromzaehler_id, zeitpunkt)
    if nachher is not None:
        eingetragen = nachher.kunde_id == kunde_id
    else:
        eingetragen = vorher is not None and kunde_id is None
    if eingetragen:
        raise schon_eingetragen("Dieser Umzug")


def _read(session: Session, akteur: Akteur, stand: Telegrammstand, daten: Mapping[str, Any]) -> Zaehlerstand:
    """The register at the move: the one that people read, else the stored one, unless a customer entered it.

    What divides the bill of two customers is nothing that one of them says.
    """
    stromzaehler = get_stromzaehler(session, akteur, stand.stromzaehler_id)
    zeitpunkt = daten["zeitpunkt"]
    if daten["zaehlerstand"] is not None:
        register = as_register(daten["zaehlerstand"])
        ablesung = store_zaehlerstand(session, akteur, stromzaehler, stand, zeitpunkt, register, "zaehlerstand")
        return as_zaehlerstand(ablesung)
    gemessen = find_measured(session, stromzaehler.stromzaehler_id, zeitpunkt)
    if gemessen is None:
        raise EingabeUngueltig(
            "Von diesem Zeitpunkt ist keine Ablesung gespeichert. Nennen Sie den abgelesenen zaehlerstand.",
            feld="zaehlerstand",
            code="zaehlerstand_fehlt",
        )
    if gemessen.herkunft is Herkunft.MANUELL and queries.is_entered_by_kunde(
        session, stromzaehler.stromzaehler_id, zeitpunkt
    ):
        raise EingabeUngueltig(
            f"Von diesem Zeitpunkt gibt es nur einen Stand, den ein Kunde eingetragen hat:"
            f" {describe_stand(*gemessen[1:3])}. Nennen Sie den abgelesenen zaehlerstand; ist es ein anderer,"
            " korrigieren Sie zuerst den des Kunden.",
            feld="zaehlerstand",
            code="zaehlerstand_fehlt",
        )
    return as_zaehlerstand(gemessen)


def _end_vertraege(
    session: Session,
    akteur: Akteur,
    messstelle_id: int,
    auszug: KundeStromzaehler | None,
    daten: Mapping[str, Any],
) -> tuple[list[Vertrag], list[Vertrag]]:
    """The contracts of who left that ended with the move, and those that stay: staff have to ask for their end.

    These are the ones that begin when the customer has left, and, unless they are to end, those without an end.
    """
    if auszug is None:
        return [], []
    ende = first_day_without(daten["zeitpunkt"])
    laufende = list_laufende(session, messstelle_id, ende - timedelta(days=1))
    eigene = [vertrag for vertrag in laufende if vertrag.kunde_id == auszug.kunde_id]
    kommende = list_kommende(session, messstelle_id, auszug.kunde_id, ende)
    if not daten["vertrag_beenden"]:
        return [], [vertrag for vertrag in eigene if vertrag.zustand == Vertragszustand.AKTIV] + kommende
    for vertrag in eigene:
        end_vertrag(session, akteur, vertrag, ende)
    return eigene, kommende
