"""What the terminal tells somebody who never operated a meter: one German sentence for each step."""

from __future__ import annotations

from stromzaehler_sim.anzeige.bedienung import FEHLVERSUCHE_HOECHSTENS, FENSTER, Bedienung, Schritt
from stromzaehler_sim.anzeige.einstellungen import PIN_STELLEN

OHNE_SPANNUNG = "Keine Spannung: die Anzeige ist dunkel, bis der Strom wiederkommt."
_SAETZE = {
    Schritt.TEST: "Anzeigetest: alles leuchtet. Kurz drücken oder warten: weiter.",
    Schritt.LEISTUNG: "Leistung jetzt, in Watt. Minus heißt: Sie speisen ein. Kurz: weiter.",
    Schritt.VERBRAUCH: "Verbrauch seit der letzten Nullstellung. Kurz: weiter.",
    Schritt.VERBRAUCH_LOESCHEN: "Verbrauch auf null stellen? Lang: ja. Kurz: weiter.",
    Schritt.HISTORIE_LOESCHEN: "Alle gespeicherten Verbräuche löschen? Lang: ja. Kurz: weiter.",
    Schritt.INF: "Genaue Werte für Ihr Lesegerät ausgeben? Lang: umschalten. Kurz: weiter.",
    Schritt.PIN_SCHUTZ: "PIN beim nächsten Mal verlangen? Lang: umschalten. Kurz: weiter.",
}


def hint(bedienung: Bedienung, instant: float) -> str:
    """What to do now, with the button only."""
    einstellungen = bedienung.einstellungen
    match bedienung.schritt:
        case Schritt.NORMAL if bedienung.is_locked(instant):
            return f"Zu viele falsche PINs: noch {_minutes(bedienung, instant)} gesperrt."
        case Schritt.NORMAL if einstellungen.pin_an:
            return "Oben Ihr Zählerstand. Für Leistung und Verbrauch: kurz drücken, dann PIN."
        case Schritt.NORMAL:
            return "Oben Ihr Zählerstand, darunter die Leistung. Kurz: mehr Werte."
        case Schritt.PIN:
            return _pin_hint(bedienung)
        case Schritt.FALSCH:
            versuche = FEHLVERSUCHE_HOECHSTENS - einstellungen.fehlversuche
            if bedienung.is_locked(instant):
                return "Falsche PIN, der Zähler sperrt die Eingabe. Kurz warten."
            return f"Falsche PIN. Gleich noch einmal; {_count(versuche, 'Versuch', 'Versuche')} bis zur Sperre."
        case Schritt.GESPERRT:
            return f"Zu viele falsche PINs: die Eingabe ist noch {_minutes(bedienung, instant)} gesperrt."
        case schritt if schritt in FENSTER:
            return _window_hint(bedienung)
        case schritt:
            return _SAETZE[schritt]


def _pin_hint(bedienung: Bedienung) -> str:
    if bedienung.ziffer is None:
        return "PIN, 1. Ziffer: so oft kurz drücken, wie die Ziffer sagt (0 = zehnmal)."
    stelle = len(bedienung.ziffern) + 1
    ende = "PIN fertig" if stelle == PIN_STELLEN else "nächste Ziffer"
    return f"PIN, {stelle}. Ziffer: kurz zählt hoch; 3 s warten oder lang: {ende}."


def _window_hint(bedienung: Bedienung) -> str:
    tage, anzahl = FENSTER[bedienung.schritt]
    spanne = "24 Stunden" if tage == 1 else f"{tage} Tage"
    if bedienung.zurueck is None:
        return f"Verbrauch der letzten {spanne}. Kurz: weiter. Lang: frühere Werte."
    return f"Gespeichert: {spanne}, {bedienung.zurueck} von {anzahl - 1} zurück. Kurz: früher. Lang: Menü."


def _minutes(bedienung: Bedienung, instant: float) -> str:
    rest_s = max(0.0, bedienung.einstellungen.gesperrt_bis - instant)
    return _count(int(rest_s // 60) + 1, "Minute", "Minuten")


def _count(anzahl: int, einer: str, mehrere: str) -> str:
    return f"{anzahl} {einer if anzahl == 1 else mehrere}"
