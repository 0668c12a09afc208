"""The options of ``stromzaehler einschreiben`` that choose the load."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from stromzaehler_sim.cli import main
from stromzaehler_sim.last.haushalt import Haushalt
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung


@pytest.mark.parametrize(
    "optionen",
    [
        ("--h25", "--pv-kwp", "5"),
        ("--h25", "--spalte", "a"),
        ("--wallbox-kwh", "2000", "--wiederholen"),
        ("--h25", "--waermepumpe-kwh", "3000", "--wiederholen"),
    ],
)
def test_a_load_has_one_source(tmp_path: Path, optionen: tuple[str, ...]) -> None:
    (tmp_path / "ca.pem").write_text("")
    urls = ("--einschreibung-url", "https://localhost:1", "--telegramm-url", "https://localhost:1")
    ergebnis = CliRunner().invoke(
        main,
        [
            *("einschreiben", str(tmp_path / "z"), "--zaehler", "1EMH0012345678", "--token", "T"),
            *("--ca", str(tmp_path / "ca.pem"), *urls, *optionen),
        ],
    )
    assert ergebnis.exit_code == 2
    assert "eines wählen" in ergebnis.output
    assert not (tmp_path / "z").exists()


def test_a_setting_from_before_the_new_appliances_still_loads(tmp_path: Path) -> None:
    (tmp_path / "lastprofil.json").write_text(
        '{"seed": 3, "jahresverbrauch_kwh": 2800, "pv_kwp": 4.5, "messreihe": null, "spalte": null,'
        ' "spalte_einspeisung": null, "wiederholen": false}'
    )
    profil = LastprofilEinstellung.load(tmp_path).build()
    assert isinstance(profil, Haushalt)
    assert profil.energy(1777845600) == Haushalt(3, 2800, 4.5).energy(1777845600)


def test_the_new_fields_come_back(tmp_path: Path) -> None:
    einstellung = LastprofilEinstellung(seed=1, waermepumpe_kwh=4000, wallbox_kwh=2500, h25=False)
    einstellung.save(tmp_path)
    assert LastprofilEinstellung.load(tmp_path) == einstellung
