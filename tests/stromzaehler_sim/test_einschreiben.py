"""``stromzaehler einschreiben``: what must be given, and what `--neu` takes from the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.ordner import Ordner
from stromzaehler_sim.cli import main
from tests.gateway.betreiber_fake import FakeBetreiber, enrolled


def call(*argumente: str) -> tuple[int, str]:
    ergebnis = CliRunner().invoke(main, ["einschreiben", *argumente])
    return ergebnis.exit_code, ergebnis.output


def test_a_first_enrolment_needs_to_know_where(tmp_path: Path) -> None:
    ende, ausgabe = call(str(tmp_path / "z1"), "--zaehler", "1EMH0012345678", "--token", "T")
    assert ende == 2
    assert "Es fehlt: --einschreibung-url, --telegramm-url, --ca. Nur mit --neu" in ausgabe
    assert not (tmp_path / "z1").exists()


def test_new_keys_are_for_a_meter_that_is_there(tmp_path: Path) -> None:
    ende, ausgabe = call(str(tmp_path), "--neu", "--token", "T")
    assert ende == 1
    assert "kein Zähler eingeschrieben" in ausgabe


def test_new_keys_are_no_new_load(tmp_path: Path) -> None:
    ende, ausgabe = call(str(tmp_path), "--neu", "--token", "T", "--pv-kwp", "5")
    assert ende == 2
    assert "die Last des Zählers bleibt" in ausgabe


def test_new_keys_are_not_made_beside_a_running_meter(tmp_path: Path) -> None:
    enrolled(tmp_path, FakeBetreiber())
    with Ordner(tmp_path).lock():
        ende, ausgabe = call(str(tmp_path), "--neu", "--token", "T")
    assert ende == 1
    assert "anderen Prozess" in ausgabe


@pytest.mark.parametrize(
    ("mehr", "text"),
    [
        (("--zaehler", "1EMH0099999999"), "anderen Ordner"),
        (("--telegramm-url", "http://localhost"), "https"),
        (("--fingerabdruck", "00" * 32), "Fingerabdruck"),
    ],
)
def test_what_is_given_is_checked_before_anybody_is_asked(
    tmp_path: Path, mehr: tuple[str, ...], text: str
) -> None:
    enrolled(tmp_path, FakeBetreiber())
    ende, ausgabe = call(str(tmp_path), "--neu", "--token", "T", *mehr)
    assert ende == 1
    assert text in ausgabe
    assert Ordner(tmp_path).load_konfiguration().satz == ""
