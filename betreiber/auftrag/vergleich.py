"""A control reading against what the meter sent."""

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import max_power
from betreiber.auftrag.domain import VERGLEICH_HOECHSTENS_S, Vergleich, around, difference_wh, headroom_wh
from db.models import Auftragsnachweis, Messstelle, Stromzaehler


def compare(
    session: Session, messstelle: Messstelle, stromzaehler: Stromzaehler, ablesung: Auftragsnachweis
) -> Vergleich | None:
    """A fitter's reading against the measured remote values around it; None without one before it.

    Until the meter has sent its next value, the connection says how far the register can have come.
    """
    stromzaehler_id, uhrzeit = stromzaehler.stromzaehler_id, int(ablesung.zeitpunkt.timestamp())
    spanne = (uhrzeit - VERGLEICH_HOECHSTENS_S, uhrzeit + VERGLEICH_HOECHSTENS_S)
    zeiten = around(speicher.runs(session, stromzaehler_id, *spanne, gemessen=True), uhrzeit)
    werte = speicher.registers(session, stromzaehler_id, [zeit for zeit in zeiten if zeit is not None])
    vorher, nachher = (None if zeit is None else werte[zeit] for zeit in zeiten)
    if vorher is None or ablesung.bezug_gesamt_wh is None:
        return None
    leistung_w = max_power([messstelle.anschlussleistung_kw]) or 0
    spielraum = headroom_wh(leistung_w, stromzaehler.faktor, uhrzeit - vorher.uhrzeit)
    oben = (vorher.bezug_wh + spielraum, vorher.einspeisung_wh + spielraum) if nachher is None else nachher[1:3]
    bezug = difference_wh(ablesung.bezug_gesamt_wh, vorher.bezug_wh, oben[0])
    einspeisung = None
    if ablesung.einspeisung_gesamt_wh is not None:
        einspeisung = difference_wh(ablesung.einspeisung_gesamt_wh, vorher.einspeisung_wh, oben[1])
    return Vergleich(bezug, einspeisung)
