"""The use cases of a meter that is taken out without a successor, and of its way back to the warehouse.

Its keys are not revoked here: from the removal on the state AUSGEBAUT refuses whatever comes with them, and they
let the meter learn that it was removed. They are revoked when it leaves that state, on its way to the warehouse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.zaehlerstaende import Zaehlerstand, as_zaehlerstand
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_geschehen, first_day_without, haengt_nicht, schon_eingetragen
from betreiber.einbau.service import take_out
from betreiber.einbau.zaehlerstand import as_register, check_stands_still, store_zaehlerstand
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, NichtGefunden
from betreiber.stromzaehler.domain import Zaehlerzustand, zustand_nicht_erlaubt
from betreiber.stromzaehler.service import get_stromzaehler, list_erlaubte, set_zustand
from betreiber.stromzaehler.zuordnung import release
from betreiber.vertrag.service import list_laufende
from db.models import Einbau, KundeStromzaehler, Vertrag


@dataclass(frozen=True, slots=True)
class Zaehlerausbau:
    """What a removal has recorded; `vertraege_offen`: the contracts that run at the place and may have to end."""

    ausbau: Einbau
    schlussstand: Zaehlerstand
    zuordnung: KundeStromzaehler | None
    vertraege_offen: Sequence[Vertrag]


@dataclass(frozen=True, slots=True)
class Lagerung:
    """A meter in the warehouse, and where it lies."""

    stromzaehler_id: int
    zustand: str
    ort: str
    version: int


def remove_zaehler(
    session: Session, akteur: Akteur, messstelle_id: int, daten: Mapping[str, Any]
) -> Zaehlerausbau:
    """Record that a meter was taken out, in one transaction: from then on it is nobody's.

    Raises NichtGefunden for the place, EingabeUngueltig for an unknown meter, an instant in the future or not
    after the installation, or registers that cannot be; and KonfliktFehler when it is recorded already, the meter
    does not hang there, another reading is stored for the instant, it counted on after it, or it is to be
    somebody's after it.
    """
    zeitpunkt = daten["zeitpunkt"]
    if queries.lock_messstelle(session, messstelle_id) is None:
        raise NichtGefunden
    check_geschehen(zeitpunkt, akteur.zeitpunkt, "zeitpunkt")
    stromzaehler = queries.get_stromzaehler(session, daten["stromzaehler_id"])
    if stromzaehler is None:
        raise EingabeUngueltig(
            "Diesen Stromzähler gibt es nicht.", feld="stromzaehler_id", code="stromzaehler_unbekannt"
        )
    nummer = stromzaehler.stromzaehler_id
    stand = speicher.lock(session, [nummer])[nummer]
    ausbau = queries.find_open_einbau(session, nummer, messstelle_id)
    if ausbau is None:
        frueher = queries.find_einbau_until(session, messstelle_id, zeitpunkt)
        if frueher is not None and frueher.stromzaehler_id == nummer:
            raise schon_eingetragen("Dieser Ausbau")
        raise haengt_nicht(stromzaehler.zaehlernummer, list_erlaubte(session, stromzaehler))
    take_out(session, akteur, ausbau, zeitpunkt)
    register = as_register(daten["schlussstand"])
    schluss = store_zaehlerstand(session, akteur, stromzaehler, stand, zeitpunkt, register, "schlussstand")
    check_stands_still(session, akteur, stromzaehler, zeitpunkt, schluss, register)
    zuordnung = release(session, akteur, nummer, zeitpunkt)
    record_audit(session, akteur, "ZAEHLERAUSBAU", "messstelle", messstelle_id, neu=daten)
    letzter_tag = first_day_without(zeitpunkt) - timedelta(days=1)
    vertraege = list_laufende(session, messstelle_id, letzter_tag)
    session.commit()
    return Zaehlerausbau(ausbau, as_zaehlerstand(schluss), zuordnung, vertraege)


def store_zaehler(session: Session, akteur: Akteur, stromzaehler_id: int, *, ort: str) -> Lagerung:
    """Record that a removed meter lies in the warehouse again, and where; its keys are revoked.

    Raises NichtGefunden, and KonfliktFehler for a meter that is not AUSGEBAUT, or lies there already.
    """
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    if stromzaehler.zustand == Zaehlerzustand.LAGER:
        raise schon_eingetragen("Die Rückkehr dieses Zählers ins Lager")
    if stromzaehler.zustand != Zaehlerzustand.AUSGEBAUT:
        # A meter that is distrusted comes back by a decision about its state, not because it lies somewhere.
        erlaubt = list_erlaubte(session, stromzaehler)
        raise zustand_nicht_erlaubt(Zaehlerzustand(stromzaehler.zustand), Zaehlerzustand.LAGER, erlaubt)
    set_zustand(session, akteur, stromzaehler, Zaehlerzustand.LAGER)
    daten = {"ort": ort}
    record_audit(session, akteur, "EINGELAGERT", "stromzaehler", stromzaehler_id, neu=daten)
    record_ereignis(session, akteur, Ereignisart.STROMZAEHLER_EINGELAGERT, "stromzaehler", stromzaehler_id, daten)
    session.commit()
    return Lagerung(stromzaehler_id, stromzaehler.zustand, ort, stromzaehler.version)
