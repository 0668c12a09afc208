"""The ids of the market: published examples, and every single mistake in one digit."""

import json
from pathlib import Path

import pytest

from betreiber.errors import EingabeUngueltig
from betreiber.messstelle.domain import check_malo_id, check_melo_id

WEITERE = Path(__file__).parents[3] / "shared" / "realdaten" / "ids" / "ids_dev.json"


@pytest.mark.parametrize(
    "malo_id",
    # The first three: BDEW and BO4E; then ten digits with the check digit computed by hand.
    ["41373559241", "51238696012", "51238696781", "12345678905", "99999999995", "10000000009", "50000000005"],
)
def test_valid_malo_ids(malo_id):
    assert check_malo_id(malo_id) == malo_id


@pytest.mark.parametrize(
    "malo_id", ["12345678901", "4137355924", "413735592411", "01373559241", "4137355924x", "4137355924١", ""]
)
def test_invalid_malo_ids(malo_id):
    with pytest.raises(EingabeUngueltig) as fehler:
        check_malo_id(malo_id)
    assert (fehler.value.code, set(fehler.value.errors)) == ("malo_id_ungueltig", {"malo_id"})


def test_a_changed_digit_at_an_odd_position_is_always_found():
    # The weights are 1 and 2: at an even position, digits that differ by 5 weigh the same.
    for stelle in range(0, 11, 2):
        for ziffer in set("123456789") - {"41373559241"[stelle]}:
            with pytest.raises(EingabeUngueltig):
                check_malo_id("41373559241"[:stelle] + ziffer + "41373559241"[stelle + 1 :])


@pytest.mark.parametrize("melo_id", ["DE0000011111222223333344444555556", "DE00026930926E0000000000100763575"])
def test_valid_melo_ids(melo_id):
    assert check_melo_id(melo_id) == melo_id


@pytest.mark.parametrize(
    "melo_id",
    [
        "",
        "DE000001111122222333334444455555",
        "DE00000111112222233333444445555566",
        "DE0000011111222223333344444555a56",
        "US0001062600000001000000022345671",
        "DE000001111X222223333344444555556",
        "DE0000011111222223333344444555556\n",
    ],
)
def test_invalid_melo_ids(melo_id):
    with pytest.raises(EingabeUngueltig) as fehler:
        check_melo_id(melo_id)
    assert (fehler.value.code, set(fehler.value.errors)) == ("melo_id_ungueltig", {"melo_id"})


@pytest.mark.skipif(not WEITERE.exists(), reason="the folder with real data is not here")
@pytest.mark.parametrize(("art", "check"), [("malo", check_malo_id), ("melo", check_melo_id)])
def test_published_ids(art, check):
    listen = json.loads(WEITERE.read_text(encoding="utf-8"))[art]
    for eintrag in listen["valid"]:
        assert check(eintrag["id"]) == eintrag["id"]
    for eintrag in listen["invalid"] + listen.get("published_but_wrong_check_digit", []):
        with pytest.raises(EingabeUngueltig):
            check(eintrag["id"])
