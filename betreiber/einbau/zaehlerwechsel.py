"""The use case of exchanging a meter: closing and opening reading, both Einbauten and whose meter it is, at once.

ASSUMPTION: `zeitpunkt` is the first edge of a quarter hour at or after the work. Until then the old meter stands
still and the new one may have begun to count: its opening register is what it showed when it was put in, so that
nothing is lost between. Where the new meter has sent a reading for the edge already, which may be some Wh higher,
the two contradict each other: staff correct the reading, or take it over and leave those Wh to the customer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Befund, Grenzen, Herkunft, Qualitaet, max_power, rollover_wh
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_geschehen, describe_stand
from betreiber.einbau.service import install, take_out
from betreiber.ereignis.service import record_audit
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden
from betreiber.stromzaehler.service import hand_over
from betreiber.zeit import VIERTELSTUNDE_S
from db.models import Einbau, Stromzaehler, Telegrammstand
from telegramm.messwerte import Messwert


@dataclass(frozen=True, slots=True)
class Zaehlerwechsel:
    """What an exchange has recorded: the Einbau that ended and the one that began."""

    ausbau: Einbau
    einbau: Einbau
    schlussstand: Mapping[str, int]
    anfangsstand: Mapping[str, int]


def exchange(session: Session, akteur: Akteur, messstelle_id: int, daten: Mapping[str, Any]) -> Zaehlerwechsel:
    """Record that a meter took another one's place, in one transaction.

    The customers of the old meter have the new one from `zeitpunkt` on. Raises NichtGefunden for the place,
    EingabeUngueltig for an unknown meter, twice the same, an impossible instant or a register that cannot be, and
    KonfliktFehler when the old meter does not hang there, the new one hangs elsewhere or may not be installed, or
    another reading is stored for the instant, or the old meter counted on after it.
    """
    zeitpunkt = daten["zeitpunkt"]
    messstelle = queries.get_messstelle(session, messstelle_id)
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
        raise KonfliktFehler(
            f"Der Zähler {alter.zaehlernummer} hängt nicht an dieser Messstelle. Prüfen Sie, ob der Wechsel schon"
            " eingetragen ist.",
            code="zaehler_haengt_nicht",
        )
    if zeitpunkt <= ausbau.von:
        raise EingabeUngueltig(
            "Der Wechsel liegt nicht nach dem Einbau des alten Zählers.",
            feld="zeitpunkt",
            code="zeitraum_ungueltig",
        )
    take_out(session, akteur, ausbau, zeitpunkt)
    einbau = install(session, akteur, neuer, messstelle, zeitpunkt)
    _read(session, akteur, alter, staende[alter.stromzaehler_id], daten, "schlussstand")
    _check_stands_still(session, akteur, alter, daten)
    _read(session, akteur, neuer, staende[neuer.stromzaehler_id], daten, "anfangsstand")
    hand_over(session, akteur, alter.stromzaehler_id, neuer.stromzaehler_id, zeitpunkt)
    record_audit(session, akteur, "ZAEHLERWECHSEL", "messstelle", messstelle_id, neu=daten)
    session.commit()
    return Zaehlerwechsel(ausbau, einbau, daten["schlussstand"], daten["anfangsstand"])


def _get_zaehler(session: Session, daten: Mapping[str, Any], feld: str) -> Stromzaehler:
    stromzaehler = queries.get_stromzaehler(session, daten[feld])
    if stromzaehler is None:
        raise EingabeUngueltig("Diesen Stromzähler gibt es nicht.", feld=feld, code="stromzaehler_unbekannt")
    return stromzaehler


def _check_stands_still(
    session: Session, akteur: Akteur, stromzaehler: Stromzaehler, daten: Mapping[str, Any]
) -> None:
    """Raise KonfliktFehler when the old meter has counted on: what flowed through it then would be nobody's."""
    schluss = (daten["schlussstand"]["bezug_gesamt_wh"], daten["schlussstand"]["einspeisung_gesamt_wh"])
    uhrzeit, jetzt = int(daten["zeitpunkt"].timestamp()), int(akteur.zeitpunkt.timestamp())
    for ablesung in speicher.iter_series(session, stromzaehler.stromzaehler_id, uhrzeit + VIERTELSTUNDE_S, jetzt):
        if ablesung.qualitaet is Qualitaet.ABGELESEN and ablesung[1:3] != schluss:
            raise KonfliktFehler(
                f"Der alte Zähler {stromzaehler.zaehlernummer} zeigte danach {describe_stand(*ablesung[1:3])}:"
                " der Wechsel war später. Nennen Sie dessen Zeitpunkt; lief der Zähler nach dem Ausbau anderswo,"
                " nehmen Sie zuerst diese Ablesungen zurück.",
                code="zaehlerstand_widerspricht",
            )


def _read(
    session: Session,
    akteur: Akteur,
    stromzaehler: Stromzaehler,
    stand: Telegrammstand,
    daten: Mapping[str, Any],
    feld: str,
) -> None:
    """Store what people read at the exchange. What the meter has sent for the instant itself must be the same."""
    zeitpunkt: datetime = daten["zeitpunkt"]
    uhrzeit = int(zeitpunkt.timestamp())
    register = (daten[feld]["bezug_gesamt_wh"], daten[feld]["einspeisung_gesamt_wh"])
    da = speicher.registers(session, stromzaehler.stromzaehler_id, [uhrzeit]).get(uhrzeit)
    if da is not None and da.qualitaet is Qualitaet.ABGELESEN:
        if da[1:3] != register:
            raise KonfliktFehler(
                f"Für diesen Zeitpunkt ist von {stromzaehler.zaehlernummer} schon {describe_stand(*da[1:3])}"
                f" gespeichert, genannt ist {describe_stand(*register)}. Nehmen Sie den gespeicherten Stand oder"
                " korrigieren Sie ihn zuerst.",
                code="zaehlerstand_widerspricht",
            )
        return
    grenzen = Grenzen(
        0,
        int(akteur.zeitpunkt.timestamp()),
        max_power(queries.list_anschlussleistungen(session, stromzaehler.stromzaehler_id)),
        ueberlauf_wh=rollover_wh(stromzaehler.stellen),
        zaehlwerk=Zaehlwerk(stromzaehler.faktor, speicher.sections(session, stromzaehler.stromzaehler_id)),
    )
    werte = [Messwert(uhrzeit, *register, None, 0)]
    posten = speicher.Posten(stand, werte, grenzen, int(akteur.zeitpunkt.timestamp()), Herkunft.MANUELL)
    ((befund,),) = speicher.write(session, [posten])
    if befund is not Befund.NEU:
        grund = "gefallen" if befund is Befund.RUECKLAUF else "schneller gestiegen, als der Anschluss kann"
        raise EingabeUngueltig(
            f"{describe_stand(*register)}: gegenüber den Ablesungen davor und danach wäre das Zählwerk {grund}."
            " Prüfen Sie Stand und Zeitpunkt.",
            feld=feld,
            code="zaehlerstand_unmoeglich",
        )
