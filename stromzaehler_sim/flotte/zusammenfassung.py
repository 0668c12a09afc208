"""The summary of a fleet as people read it."""

from __future__ import annotations

from collections.abc import Mapping

from stromzaehler_sim.flotte.bilanz import Zusammenfassung


def describe(ergebnis: Zusammenfassung) -> str:
    """The figures, one a line, in German."""
    zeilen = {
        "Zähler": _zahl(ergebnis.zaehler),
        "Dauer": f"{_dauer(ergebnis.dauer_s)}, simuliert {_dauer(ergebnis.simuliert_s)}",
        "Telegramme gesendet": _zahl(ergebnis.gesendet),
        "Telegramme bestätigt": f"{_zahl(ergebnis.bestaetigt)} ({_kommazahl(ergebnis.telegramme_je_s)}/s)",
        "Messwerte bestätigt": f"{_zahl(ergebnis.messwerte)} ({_kommazahl(ergebnis.messwerte_je_s)}/s)",
        "davon neu, doppelt": f"{_zahl(ergebnis.neu)}, {_zahl(ergebnis.doppelt)}",
        "davon in Quarantäne": _zahl(ergebnis.quarantaene),
        "Messwerte wartend": _zahl(ergebnis.wartend),
        "Abgewiesen": _reasons(ergebnis.abgewiesen),
        "Angehaltene Zähler": _zahl(ergebnis.angehalten),
        "Telegramme, Quittungen": f"{_groesse(ergebnis.bytes_hin)}, {_groesse(ergebnis.bytes_zurueck)}",
        "im Netz, beide Wege": _groesse(ergebnis.bytes_netz),
        "Quittung nach": _durations(ergebnis.latenz_ms),
        "Später als der Platz": _durations(ergebnis.verspaetung_ms),
        "Arbeitsspeicher": ", ".join(
            f"{wann.replace('_', ' ')} {_kommazahl(mib)} MiB" for wann, mib in ergebnis.speicher_mib.items()
        ),
    }
    breite = max(map(len, zeilen))
    return "\n".join(f"{name:<{breite}}  {wert}" for name, wert in zeilen.items())


def _reasons(abgewiesen: Mapping[str, int]) -> str:
    if not abgewiesen:
        return "0"
    return ", ".join(f"{_zahl(anzahl)} x {grund}" for grund, anzahl in sorted(abgewiesen.items()))


def _durations(werte_ms: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {_kommazahl(wert)} ms" for name, wert in werte_ms.items())


def _dauer(sekunden: float) -> str:
    minuten, rest = divmod(round(sekunden), 60)
    stunden, minuten = divmod(minuten, 60)
    return f"{stunden}:{minuten:02}:{rest:02} h"


def _groesse(anzahl: int) -> str:
    return f"{_kommazahl(round(anzahl / 1_000_000, 1))} MB"


def _zahl(anzahl: int) -> str:
    return f"{anzahl:,}".replace(",", ".")


def _kommazahl(wert: float) -> str:
    return f"{wert:,.1f}".translate(str.maketrans(",.", ".,"))
