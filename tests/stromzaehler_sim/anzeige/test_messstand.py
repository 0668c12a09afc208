"""What is read from a real register and a real buffer; 2.4 kWh a day, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stromzaehler_sim.anzeige.bedienung import Bedienung, Schritt
from stromzaehler_sim.anzeige.einstellungen import Einstellungen
from stromzaehler_sim.anzeige.messstand import Messquelle
from stromzaehler_sim.fehler import ZaehlwerkFehler
from stromzaehler_sim.geraetezustand import Geraetezustand
from stromzaehler_sim.zaehlwerk import Zaehlwerk
from tests.stromzaehler_sim.anzeige.geraet import LIEFERZUSTAND, MONTAG, TAG, ZUSTAND, build_ordner


def energy(
    ordner: Path, schritt: Schritt, zurueck: int | None = None, einstellungen: Einstellungen = LIEFERZUSTAND
) -> int | None:
    bedienung = Bedienung(einstellungen, schritt, zurueck=zurueck)
    return Messquelle(ordner).read(MONTAG, bedienung).verbrauch_wh


def test_the_registers_the_waiting_readings_and_the_report(tmp_path: Path) -> None:
    ordner = build_ordner(tmp_path, tage=1)
    ZUSTAND.save(ordner)
    stand = Messquelle(ordner).read(MONTAG, Bedienung(LIEFERZUSTAND))
    assert (stand.bezug_zehntelwh, stand.einspeisung_zehntelwh) == (20_024_000, 1030)
    assert (stand.uhrzeit, stand.leistung_w, stand.wartend) == (MONTAG, 96, 2)
    assert stand.verbrauch_wh is None
    assert stand.zustand == Geraetezustand.load(ordner) == ZUSTAND


def test_looking_makes_no_buffer(tmp_path: Path) -> None:
    """A meter knows by the missing file that its buffer is lost and begins a new epoche."""
    ordner = build_ordner(tmp_path, tage=1)
    (ordner / "puffer.sqlite").unlink()
    assert Messquelle(ordner).read(MONTAG, Bedienung(LIEFERZUSTAND)).wartend == 0
    assert not (ordner / "puffer.sqlite").exists()


def test_the_register_moves_within_the_quarter_hour_and_the_window_with_it(tmp_path: Path) -> None:
    ordner = build_ordner(tmp_path, tage=1)
    stand = Messquelle(ordner).read(MONTAG + 450, Bedienung(LIEFERZUSTAND, Schritt.TAG))
    # Half of 25 Wh and of 1 Wh more; the day before began at its quarter hour.
    assert (stand.bezug_zehntelwh, stand.einspeisung_zehntelwh) == (20_024_125, 1035)
    assert stand.verbrauch_wh == 2_412
    assert stand.leistung_phasen_w is not None
    assert sum(stand.leistung_phasen_w) == stand.leistung_w == 96


def test_without_a_usable_load_profile_the_last_quarter_hour_stays(tmp_path: Path) -> None:
    ordner = build_ordner(tmp_path, tage=1)
    (ordner / "lastprofil.json").unlink()
    stand = Messquelle(ordner).read(MONTAG + 450, Bedienung(LIEFERZUSTAND))
    assert (stand.bezug_zehntelwh, stand.uhrzeit) == (20_024_000, MONTAG)


@pytest.mark.parametrize(
    ("schritt", "zurueck", "wh"),
    [
        (Schritt.TAG, None, 2_400),
        (Schritt.WOCHE, None, 16_800),
        (Schritt.MONAT, None, 72_000),
        (Schritt.JAHR, None, None),  # forty days only
        (Schritt.TAG, 0, 2_400),
        (Schritt.TAG, 39, 2_400),
        (Schritt.TAG, 40, None),
        (Schritt.WOCHE, 4, 16_800),
        (Schritt.WOCHE, 5, None),
        (Schritt.VERBRAUCH, None, 2_096_000),  # never cleared: since it left the factory
        (Schritt.LEISTUNG, None, None),
        (Schritt.NORMAL, None, None),
    ],
)
def test_rolling_windows_and_stored_values(
    tmp_path: Path, schritt: Schritt, zurueck: int | None, wh: int | None
) -> None:
    assert energy(build_ordner(tmp_path, tage=40), schritt, zurueck) == wh


def test_since_reset_counts_from_the_register_of_the_reset(tmp_path: Path) -> None:
    ordner = build_ordner(tmp_path, tage=1)
    einstellungen = replace(LIEFERZUSTAND, null_zehntelwh=20_024_000 - 15)
    assert energy(ordner, Schritt.VERBRAUCH, einstellungen=einstellungen) == 1


@pytest.mark.parametrize(("geloescht_vor_s", "wh"), [(7 * TAG, 16_800), (7 * TAG - 1, None), (0, None)])
def test_after_his_clear_a_window_is_dashes_until_it_is_full(
    tmp_path: Path, geloescht_vor_s: int, wh: int | None
) -> None:
    ordner = build_ordner(tmp_path, tage=40)
    einstellungen = replace(LIEFERZUSTAND, historie_ab=MONTAG - geloescht_vor_s)
    assert energy(ordner, Schritt.WOCHE, einstellungen=einstellungen) == wh
    assert energy(ordner, Schritt.WOCHE, 1, einstellungen) is None
    # Clearing the history does not touch what E counts.
    assert energy(ordner, Schritt.VERBRAUCH, einstellungen=einstellungen) == 2_096_000


def test_a_meter_that_never_ran_says_what_to_do(tmp_path: Path) -> None:
    ordner = build_ordner(tmp_path, tage=1)
    (ordner / "zaehlwerk.sqlite").unlink()
    with pytest.raises(ZaehlwerkFehler, match="stromzaehler start"):
        Messquelle(ordner).read(MONTAG, Bedienung(LIEFERZUSTAND))
    Zaehlwerk(ordner / "zaehlwerk.sqlite", None).close()
    with pytest.raises(ZaehlwerkFehler, match="lief noch nie"):
        Messquelle(ordner).read(MONTAG, Bedienung(LIEFERZUSTAND))
