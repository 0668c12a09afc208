"""The use case of exchanging a meter: closing and opening reading, both Einbauten and whose meter it is, at once.

ASSUMPTION: `zeitpunkt` is the first edge of a quarter hour at or after the work. Until then the old meter stands
still and the new one may have begun to count: its opening register is what it showed when it was put in, so that
nothing is lost between. Where the new meter sends a reading for the edge, which may be some Wh higher, the two
contradict each other: staff correct the reading, or take it over and leave those Wh to the customer. Only one that
is there already, and that a display of whole kWh shows as the opening register, is taken for the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.zaehlerstaende import Zaehlerstand, as_zaehlerstand
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_geschehen, haengt_nicht
from betreiber.einbau.service import install, take_out
from betreiber.einbau.zaehlerstand import as_register, check_stands_still, find_measured, store_zaehlerstand
from betreiber.ereignis.service import record_audit
from betreiber.errors import EingabeUngueltig, NichtGefunden
from betreiber.schluessel.service import Token, add_token
from betreiber.stromzaehler.service import list_erlaubte
from betreiber.stromzaehler.zuordnung import hand_over
from db.models import Einbau, Stromzaehler


@dataclass(frozen=True, slots=True)
class Zaehlerwechsel:
    """What an exchange has recorded: the Einbau that ended and the one that began.

    The token is for the new meter, None where its keys are in force: it is shown this once.
    """

    ausbau: Einbau
    einbau: Einbau
    schlussstand: Zaehlerstand
    anfangsstand: Zaehlerstand
    einschreibungstoken: Token | None


def exchange(session: Session, akteur: Akteur, messstelle_id: int, daten: Mapping[str, Any]) -> Zaehlerwechsel:
    """Record that a meter took another one's place, in one transaction.

    The customers of the old meter have the new one from `zeitpunkt` on. Raises NichtGefunden for the place,
    EingabeUngueltig for an unknown meter, twice the same, an impossible instant or a register that cannot be, and
    KonfliktFehler when the old meter does not hang there, the new one hangs elsewhere or may not be installed, or
    another reading is stored for the instant, or the old meter counted on after it.
    """
    zeitpunkt = daten["zeitpunkt"]
    messstelle = queries.lock_messstelle(session, messstelle_id)
    if messstelle is None:
        raise NichtGefunden
    check_geschehen(zeitpunkt, akteur.zeitpunkt, "zeitpunkt")
    alter = _get_zaehler(session, daten, "alter_stromzaehler_id")
    neuer = _get_zaehler(session, daten, "neuer_stromzaehler_id")
    if neuer is alter:
        raise EingabeUngueltig(
            "Alter und neuer Zähler sind derselbe. Begann nur sein Zählwerk neu, entscheiden Sie das in der"
            " Quarantäne.",
            feld="neuer_stromzaehler_id",
        )
    staende = speicher.lock(session, [alter.stromzaehler_id, neuer.stromzaehler_id])
    ausbau = queries.find_open_einbau(session, alter.stromzaehler_id, messstelle_id)
    if ausbau is None:
        raise haengt_nicht(alter.zaehlernummer, list_erlaubte(session, alter))
    if zeitpunkt <= ausbau.von:
        raise EingabeUngueltig(
            "Der Wechsel liegt nicht nach dem Einbau des alten Zählers.",
            feld="zeitpunkt",
            code="zeitraum_ungueltig",
        )
    # What the exchange changes and nothing else tells any more: an undoing needs it.
    vorher = {
        "inbetriebnahme_datum": neuer.inbetriebnahme_datum,
        "schlussstand_datum": queries.find_letzte_ablesung(session, alter.stromzaehler_id),
        "anfangsstand_datum": queries.find_letzte_ablesung(session, neuer.stromzaehler_id),
    }
    take_out(session, akteur, ausbau, zeitpunkt)
    einbau = install(session, akteur, neuer, messstelle, zeitpunkt)
    eingetragen, abgelesen = [], []
    for zaehler, feld in ((alter, "schlussstand"), (neuer, "anfangsstand")):
        stand, register = staende[zaehler.stromzaehler_id], as_register(daten[feld])
        if find_measured(session, zaehler.stromzaehler_id, zeitpunkt) is None:
            eingetragen.append(feld)
        abgelesen.append(store_zaehlerstand(session, akteur, zaehler, stand, zeitpunkt, register, feld))
    check_stands_still(session, akteur, alter, zeitpunkt, abgelesen[0], as_register(daten["schlussstand"]))
    hand_over(session, akteur, alter.stromzaehler_id, neuer.stromzaehler_id, zeitpunkt)
    token = add_token(session, akteur, neuer.stromzaehler_id)
    # Which registers it wrote, and did not only confirm: an undoing takes back no others.
    neu = {**daten, "eingetragen": eingetragen}
    record_audit(session, akteur, "ZAEHLERWECHSEL", "messstelle", messstelle_id, alt=vorher, neu=neu)
    session.commit()
    schluss, anfang = map(as_zaehlerstand, abgelesen)
    return Zaehlerwechsel(ausbau, einbau, schluss, anfang, token)


def _get_zaehler(session: Session, daten: Mapping[str, Any], feld: str) -> Stromzaehler:
    stromzaehler = queries.get_stromzaehler(session, daten[feld])
    if stromzaehler is None:
        raise EingabeUngueltig("Diesen Stromzähler gibt es nicht.", feld=feld, code="stromzaehler_unbekannt")
    return stromzaehler
