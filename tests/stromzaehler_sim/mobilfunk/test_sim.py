"""The card: its number against vectors from outside, its PIN and PUK, its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from stromzaehler_sim.cli import main
from stromzaehler_sim.fehler import MobilfunkFehler
from stromzaehler_sim.mobilfunk.sim import Sim, SimZustand, check_iccid, generate_iccid, luhn_digit
from tests.gateway.betreiber_fake import FakeBetreiber, enrolled

# 896588081210001114 + 6: worked out step by step by a maker of test cards (smartjac.biz, "ICCID checksum").
# 8914800000000000006: test of the Veritas library (.NET).
ICCID = "8965880812100011146"


@pytest.mark.parametrize(
    ("ziffern", "pruefziffer"),
    [
        ("7992739871", "3"),  # the example of the Wikipedia article on the Luhn algorithm, for years
        ("1789372997", "4"),  # the one that replaced it
        ("896588081210001114", "6"),
        ("891480000000000000", "6"),
        ("0", "0"),
    ],
)
def test_luhn_digit_of_published_examples(ziffern: str, pruefziffer: str) -> None:
    assert luhn_digit(ziffern) == pruefziffer


@pytest.mark.parametrize(
    ("text", "iccid"),
    [
        (ICCID, ICCID),
        ("89 65 88 08 12 10 00 11 14 6", ICCID),
        ("8914800000000000006", "8914800000000000006"),
        # 20 digits, by hand: 8 and 4 doubled are 16 -> 7 and 8, with both 9 that makes 33; 7 are missing to 40.
        ("89490000000000000007", "89490000000000000007"),
    ],
)
def test_iccids_that_are_right(text: str, iccid: str) -> None:
    assert check_iccid(text) == iccid


@pytest.mark.parametrize(
    ("text", "meldung"),
    [
        (ICCID[:-1] + "5", "Prüfziffer"),
        ("8914800000000000001", "Prüfziffer"),
        (ICCID[:-1], "19 oder 20"),
        (ICCID + "00", "19 oder 20"),
        ("79" + ICCID[2:], "vorn 89"),
        ("89٦5880812100011146", "keine ICCID"),
        ("", "keine ICCID"),
    ],
)
def test_iccids_that_are_wrong(text: str, meldung: str) -> None:
    with pytest.raises(MobilfunkFehler, match=meldung):
        check_iccid(text)


@given(stelle=st.integers(0, 18), ziffer=st.integers(0, 9))
def test_every_single_wrong_digit_is_found(stelle: int, ziffer: int) -> None:
    falsch = ICCID[:stelle] + str(ziffer) + ICCID[stelle + 1 :]
    if falsch != ICCID:
        with pytest.raises(MobilfunkFehler):
            check_iccid(falsch)


@given(st.text(max_size=30))
def test_generated_cards_are_german_and_right_and_the_same_again(seed: str) -> None:
    iccid = generate_iccid(seed)
    assert check_iccid(iccid) == iccid == generate_iccid(seed)
    assert (len(iccid), iccid[:4]) == (19, "8949")


def test_two_meters_have_two_cards() -> None:
    assert len({generate_iccid(f"1EMH00{nummer:08d}") for nummer in range(1000)}) == 1000


# --- PIN and PUK -------------------------------------------------------------------------------------------------
def card(**mehr: object) -> Sim:
    return Sim(iccid=ICCID, apn="internet.m2m", pin="1234", puk="87654321", **mehr)  # type: ignore[arg-type]


def test_a_card_without_pin_asks_for_none() -> None:
    assert Sim(iccid=ICCID, apn="internet.m2m").zustand is SimZustand.NICHT_EINGEBUCHT


def test_the_right_pin_unlocks_and_forgives() -> None:
    einmal_falsch = card().enter_pin("1111")
    assert (einmal_falsch.zustand, einmal_falsch.fehlversuche_pin) == (SimZustand.PIN_GESPERRT, 1)
    frei = einmal_falsch.enter_pin("1234")
    assert (frei.zustand, frei.fehlversuche_pin) == (SimZustand.NICHT_EINGEBUCHT, 0)


def test_three_wrong_pins_lock_and_even_the_right_one_is_no_longer_taken() -> None:
    karte = card()
    for _ in range(3):
        assert not karte.puk_noetig
        karte = karte.enter_pin("1111")
    assert karte.puk_noetig
    with pytest.raises(MobilfunkFehler, match="PUK"):
        karte.enter_pin("1234")
    frei = karte.enter_puk("87654321", "4321")
    assert (frei.zustand, frei.fehlversuche_pin, frei.pin) == (SimZustand.NICHT_EINGEBUCHT, 0, "4321")


def test_ten_wrong_puks_kill_the_card() -> None:
    karte = card(fehlversuche_pin=3)
    for _ in range(10):
        karte = karte.enter_puk("00000000", "1234")
        assert karte.zustand is SimZustand.PIN_GESPERRT
    with pytest.raises(MobilfunkFehler, match="endgültig"):
        karte.enter_puk("87654321", "1234")


def test_wrong_tries_stay_on_a_card_that_is_taken_out() -> None:
    karte = card().enter_pin("1111").enter_pin("1111")
    draussen = karte.remove()
    assert draussen.zustand is SimZustand.KEINE
    assert draussen.insert() == karte


def test_pin_and_puk_do_not_show_in_a_trace() -> None:
    assert "1234" not in repr(card())
    assert "87654321" not in repr(card())


@pytest.mark.parametrize("pin", ["123", "123456789", "12a4", "", "١٢٣٤"])
def test_a_pin_is_four_to_eight_digits(pin: str) -> None:
    with pytest.raises(MobilfunkFehler, match="vier bis acht"):
        card().enter_pin(pin)


@pytest.mark.parametrize("apn", ["", "a b", "-a", "a-", "a..b", ".", "ä", "a" * 101])
def test_an_apn_is_a_name_of_labels(apn: str) -> None:
    with pytest.raises(MobilfunkFehler, match="APN"):
        Sim(iccid=ICCID, apn=apn)


def test_the_file_comes_back_and_belongs_to_the_owner_only(tmp_path: Path) -> None:
    karte = card().enter_pin("1111")
    karte.save(tmp_path)
    assert Sim.load(tmp_path) == karte
    assert (tmp_path / "sim.json").stat().st_mode & 0o777 == 0o600


def test_without_a_file_there_is_no_modem(tmp_path: Path) -> None:
    assert Sim.load(tmp_path) is None


@pytest.mark.parametrize(
    "inhalt",
    ["", "[]", "{", '{"iccid": "1"}', json.dumps({"iccid": ICCID, "apn": "a", "farbe": 1})]
    + [json.dumps({"iccid": ICCID, "apn": "a", feld: wert}) for feld, wert in [("puk", "1"), ("pin", "x")]]
    + [json.dumps({"iccid": ICCID, "apn": "a", "fehlversuche_pin": wert}) for wert in (-1, "1", True)],
)
def test_a_damaged_file_is_told(tmp_path: Path, inhalt: str) -> None:
    (tmp_path / "sim.json").write_text(inhalt)
    with pytest.raises(MobilfunkFehler):
        Sim.load(tmp_path)


# --- the commands ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def ordner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enrolled(tmp_path_factory.mktemp("sim") / "z1", FakeBetreiber())


def call(*argumente: object) -> Result:
    return CliRunner().invoke(main, ["sim", *map(str, argumente)])


def test_the_life_of_a_card(ordner: Path) -> None:
    assert "kein SIM-Fach" in call("zeigen", ordner).output
    eingelegt = call("einlegen", ordner, "--apn", "m2m.example", "--pin", "1234")
    assert eingelegt.exit_code == 0, eingelegt.output
    karte = Sim.load(ordner)
    assert karte is not None
    assert f"PUK: {karte.puk}" in eingelegt.output
    assert "verlangt die PIN" in call("zeigen", ordner).output

    zu_viel = call("einlegen", ordner)
    assert (zu_viel.exit_code, "entnehmen" in zu_viel.output) == (1, True)

    for noch in ("Noch 2", "Noch 1", "verlangt die PUK"):
        falsch = call("pin", ordner, "1111")
        assert (falsch.exit_code, noch in falsch.output) == (1, True)
    assert "gesperrt, verlangt die PUK" in call("zeigen", ordner).output
    anders = str((int(karte.puk) + 1) % 10**8).zfill(8)
    assert "Noch 9" in call("pin", ordner, "4321", "--puk", anders).output
    assert call("pin", ordner, "4321", "--puk", karte.puk).exit_code == 0

    gezeigt = call("zeigen", ordner).output
    assert "Netz vorhanden" in gezeigt
    assert "LTE-M" in gezeigt
    assert "0,0 MB von 50,0 MB" in gezeigt

    assert call("entnehmen", ordner).exit_code == 0
    assert "nicht eingelegt" in call("zeigen", ordner).output
    assert call("pin", ordner, "4321").exit_code == 1
    assert call("entnehmen", ordner).exit_code == 1
    assert karte.iccid in call("einlegen", ordner).output
    assert "Netz vorhanden" in call("zeigen", ordner).output


def test_another_card_is_another_number(ordner: Path, tmp_path: Path) -> None:
    if (karte := Sim.load(ordner)) is not None and karte.eingelegt:
        call("entnehmen", ordner)
    call("einlegen", ordner, "--apn", "a.b")
    erste = Sim.load(ordner)
    call("entnehmen", ordner)
    call("einlegen", ordner, "--apn", "a.b")
    zweite = Sim.load(ordner)
    assert erste is not None and zweite is not None
    assert erste.iccid != zweite.iccid
    call("entnehmen", ordner)
    assert ICCID in call("einlegen", ordner, "--iccid", ICCID).output


@pytest.mark.parametrize(
    ("argumente", "meldung"),
    [
        (("--iccid", ICCID[:-1] + "0"), "Prüfziffer"),
        (("--pin", "1"), "vier bis acht"),
        (("--apn", "a b"), "APN"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(tmp_path: Path, argumente: tuple[str, str], meldung: str) -> None:
    pfad = enrolled(tmp_path / "z1", FakeBetreiber())
    ergebnis = call("einlegen", pfad, *argumente)
    assert (ergebnis.exit_code, meldung in ergebnis.output) == (1, True)
    assert Sim.load(pfad) is None
