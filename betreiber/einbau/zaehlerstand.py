"""What people read at the display of a meter: judged by the readings around it, stored, noted as read by hand.

The one way in for an exchange, an installation, a removal, a move and a reading of its own. Nothing here commits.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.anzeige import highest, raise_to, shows
from betreiber.ablesung.domain import Ablesung, Befund, Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Register
from betreiber.auth.domain import Akteur
from betreiber.einbau.domain import describe_stand
from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.korrektur.service import find_grenzen
from betreiber.wartung.service import record_ablesung
from betreiber.zeit import VIERTELSTUNDE_S, local_date
from db.models import Stromzaehler, Telegrammstand
from telegramm.messwerte import Messwert

_GRUENDE = {
    Befund.RUECKLAUF: "wäre das Zählwerk gefallen",
    Befund.LEISTUNG: "wäre das Zählwerk schneller gestiegen, als der Anschluss kann",
}


def as_register(stand: Mapping[str, int]) -> Register:
    """Both registers in Wh, as they were named."""
    return stand["bezug_gesamt_wh"], stand["einspeisung_gesamt_wh"]


def find_measured(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> Ablesung | None:
    """The measured reading of an instant: sent by the meter, read by people, or corrected."""
    uhrzeit = int(zeitpunkt.timestamp())
    da = speicher.registers(session, stromzaehler_id, [uhrzeit]).get(uhrzeit)
    return da if da is not None and da.qualitaet is Qualitaet.ABGELESEN else None


def store_zaehlerstand(
    session: Session,
    akteur: Akteur,
    stromzaehler: Stromzaehler,
    stand: Telegrammstand,
    zeitpunkt: datetime,
    register: Register,
    feld: str,
) -> Ablesung:
    """Store both registers (Wh) as read at a quarter hour; the reading that is stored for it now.

    A measured one stays, and must be what the display showed: then people have confirmed it. Where a display of
    whole kWh shows less than was measured before, that is stored: the register is no less, the rest is cut off.
    The clock of the control reading starts with what staff read only: now and then one of them is to see a meter.
    `stand`: the meter's row, locked. Raises KonfliktFehler where another one is measured, EingabeUngueltig for
    registers that the readings around rule out (`feld` names them), or an instant before the installation.
    """
    da = find_measured(session, stromzaehler.stromzaehler_id, zeitpunkt)
    if da is None:
        da = _write(session, akteur, stromzaehler, stand, zeitpunkt, register, feld)
    elif not shows(da[1:3], register):
        raise KonfliktFehler(
            f"Für diesen Zeitpunkt ist von {stromzaehler.zaehlernummer} schon {describe_stand(*da[1:3])}"
            f" gespeichert, genannt ist {describe_stand(*register)}. Nehmen Sie den gespeicherten Stand oder"
            " korrigieren Sie ihn zuerst.",
            code="zaehlerstand_widerspricht",
        )
    if akteur.sees_all:
        record_ablesung(session, akteur, stromzaehler.stromzaehler_id, local_date(zeitpunkt))
    return da


def _write(
    session: Session,
    akteur: Akteur,
    stromzaehler: Stromzaehler,
    stand: Telegrammstand,
    zeitpunkt: datetime,
    register: Register,
    feld: str,
) -> Ablesung:
    uhrzeit, jetzt = int(zeitpunkt.timestamp()), int(akteur.zeitpunkt.timestamp())
    grenzen = find_grenzen(session, akteur, stromzaehler)
    wert = Messwert(uhrzeit, *_without_cut(session, stromzaehler, uhrzeit, register), None, 0)
    posten = speicher.Posten(stand, [wert], grenzen, jetzt, Herkunft.MANUELL)
    ((befund,),) = speicher.write(session, [posten])
    if befund is Befund.ZU_ALT:
        raise EingabeUngueltig(
            "Zu diesem Zeitpunkt war der Zähler noch nicht eingebaut. Prüfen Sie Datum und Uhrzeit.",
            feld="zeitpunkt",
            code="vor_dem_einbau",
        )
    if befund is not Befund.NEU:
        raise EingabeUngueltig(
            f"{describe_stand(*register)}: gegenüber den Ablesungen davor und danach {_GRUENDE[befund]}."
            " Prüfen Sie Stand und Zeitpunkt.",
            feld=feld,
            code="zaehlerstand_unmoeglich",
        )
    return speicher.registers(session, stromzaehler.stromzaehler_id, [uhrzeit])[uhrzeit]


def _without_cut(session: Session, stromzaehler: Stromzaehler, uhrzeit: int, register: Register) -> Register:
    """Registers as read, or what was measured before them where the display cut that off (Wh)."""
    nummer = stromzaehler.stromzaehler_id
    umgebung = speicher.search(session, {nummer: (uhrzeit, uhrzeit)})[nummer]
    davor = [
        ablesung
        for ablesung in umgebung.readings()
        if ablesung.uhrzeit < uhrzeit and ablesung.qualitaet is Qualitaet.ABGELESEN
    ]
    return raise_to(register, davor[-1][1:3], highest(register)) if davor else register


def check_stands_still(
    session: Session,
    akteur: Akteur,
    stromzaehler: Stromzaehler,
    zeitpunkt: datetime,
    schluss: Ablesung,
    gelesen: Register,
) -> None:
    """Raise KonfliktFehler when a removed meter has counted on: what flowed through it then would be nobody's.

    `gelesen`: what people read at its display for the closing reading, in Wh.
    """
    uhrzeit, jetzt = int(zeitpunkt.timestamp()), int(akteur.zeitpunkt.timestamp())
    for ablesung in speicher.iter_series(session, stromzaehler.stromzaehler_id, uhrzeit + VIERTELSTUNDE_S, jetzt):
        if ablesung.qualitaet is Qualitaet.ABGELESEN and not _still_shows(ablesung, schluss, gelesen):
            raise KonfliktFehler(
                f"Der alte Zähler {stromzaehler.zaehlernummer} zeigte danach {describe_stand(*ablesung[1:3])}:"
                " der Ausbau war später. Nennen Sie dessen Zeitpunkt; lief der Zähler nach dem Ausbau anderswo,"
                " nehmen Sie zuerst diese Ablesungen zurück.",
                code="zaehlerstand_widerspricht",
            )


def _still_shows(ablesung: Ablesung, schluss: Ablesung, gelesen: Register) -> bool:
    """Whether a meter stands where it stood at last, as far as that is known: of a display only in whole kWh."""
    if schluss.herkunft is Herkunft.MANUELL:
        return shows(ablesung[1:3], gelesen)
    return ablesung[1:3] == schluss[1:3]
