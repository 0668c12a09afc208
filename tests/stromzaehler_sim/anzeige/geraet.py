"""A meter without an operator for these tests: its folder, its state as read, and the fixed values of both."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.ordner import Konfiguration, Ordner
from gateway.puffer import Puffer
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.anzeige.messstand import Messstand
from stromzaehler_sim.geraetezustand import Geraetezustand
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung
from stromzaehler_sim.zaehlwerk import Zaehlwerk
from telegramm.messwerte import Messwert

# 2026-03-02T00:00:00Z, a multiple of ten seconds, so that line 1 shows 1.8.0.
MONTAG = 1772409600
TAG = 86_400
ZAEHLER = "1EMH0012345678"
LIEFERZUSTAND = Einstellungen(pin="3021")
ZUSTAND = Geraetezustand(
    stand=MONTAG,
    sim="EINGEBUCHT",
    rat="LTE-M",
    rsrp_dbm=-101,
    rsrq_db=-11,
    quittiert=True,
    phasen=(True, True, True),
)
# The vector: with InF 2043.1047 kWh and 193 W, without 2043 kWh and no power.
MESSSTAND = Messstand(
    zaehler=ZAEHLER,
    uhrzeit=MONTAG,
    bezug_zehntelwh=20_431_047,
    einspeisung_zehntelwh=567_891,
    leistung_w=193,
    leistung_phasen_w=(80, 60, 53),
    zustand=ZUSTAND,
)


# A load profile by hand: 25 Wh in and 1 Wh out in every quarter hour: 2.4 kWh a day, 96 W on balance.
WOCHE_CSV = "t,bezug,einspeisung\n" + "".join(
    f"{datetime.fromtimestamp(MONTAG + 900 * viertel, UTC).isoformat()},25,1\n" for viertel in range(7 * 96)
)


def build_ordner(pfad: Path, *, tage: int, bezug_wh: int = 2_000_000) -> Path:
    """The folder of a meter that was installed ``tage`` days before `MONTAG` and has counted until then."""
    ordner = Ordner(pfad)
    ordner.save_konfiguration(Konfiguration(ZAEHLER, "https://localhost:1", "https://localhost:1", 0))
    reihe = pfad / "woche.csv"
    reihe.write_text(WOCHE_CSV)
    last = LastprofilEinstellung(
        messreihe=str(reihe), spalte="bezug", spalte_einspeisung="einspeisung", wiederholen=True
    )
    last.save(pfad)
    with Zaehlwerk(pfad / "zaehlwerk.sqlite", last.build()) as zaehlwerk:
        zaehlwerk.install(MONTAG - tage * TAG, bezug_wh=bezug_wh, einspeisung_wh=7)
        zaehlwerk.advance(MONTAG)
    with Puffer(ordner.puffer_datei) as puffer:
        puffer.put_many([Messwert(MONTAG - 900, 1, 0, None, 0), Messwert(MONTAG, 2, 0, None, 0)])
    return pfad
