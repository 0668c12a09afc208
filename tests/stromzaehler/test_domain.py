"""Rules of meters: states, periods, and what is clipped of them."""

from datetime import UTC, date, datetime

import pytest

from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.stromzaehler.domain import (
    Zaehlerzustand,
    check_iccid,
    check_lebensdaten,
    check_zeitraum,
    check_zustand,
    clip,
)

ERLAUBT = {
    # state now, hangs at a Messstelle: other states that it may take, in the order of its life
    ("LAGER", False): ["GESPERRT", "VERSCHROTTET"],
    ("LAGER", True): ["EINGEBAUT", "GESPERRT"],
    ("EINGEBAUT", False): ["GESPERRT", "AUSGEBAUT"],
    ("EINGEBAUT", True): ["GESPERRT"],
    ("GESPERRT", False): ["LAGER", "AUSGEBAUT", "VERSCHROTTET"],
    ("GESPERRT", True): ["EINGEBAUT"],
    ("AUSGEBAUT", False): ["LAGER", "GESPERRT", "VERSCHROTTET"],
    ("AUSGEBAUT", True): ["EINGEBAUT", "GESPERRT"],
    ("VERSCHROTTET", False): [],
    ("VERSCHROTTET", True): [],
}


@pytest.mark.parametrize("neu", list(Zaehlerzustand))
@pytest.mark.parametrize(("alt", "eingebaut"), sorted(ERLAUBT))
def test_states(alt, eingebaut, neu):
    erlaubt = ERLAUBT[alt, eingebaut]
    if neu == alt or neu in erlaubt:
        check_zustand(Zaehlerzustand(alt), neu, eingebaut=eingebaut)
        return
    with pytest.raises(KonfliktFehler) as gefangen:
        check_zustand(Zaehlerzustand(alt), neu, eingebaut=eingebaut)
    assert (gefangen.value.code, gefangen.value.weitere) == ("zustand_nicht_erlaubt", {"erlaubt": erlaubt})
    satz = f"Möglich sind: {', '.join(erlaubt)}." if erlaubt else "Dieser Zustand ist endgültig."
    assert f"Der Zähler ist {alt} und kann so nicht {neu} werden. {satz}" in gefangen.value.detail


def test_every_state_is_tried():
    assert set(ERLAUBT) == {(str(zustand), haengt) for zustand in Zaehlerzustand for haengt in (False, True)}


@pytest.mark.parametrize(
    "iccid",
    [
        # By hand: the sums with the check digit are 60 and 80.
        "8949020000012345670",
        "89490200001234567892",
        "8949 0200 0012 3456 7892",
    ],
)
def test_the_number_of_a_card(iccid):
    assert check_iccid(iccid) == iccid.replace(" ", "")


@pytest.mark.parametrize(
    "iccid",
    [
        "8949020000012345671",
        "89490200001234567890",
        "89490200002134567892",  # two neighbours changed places
        "894902000012345678",
        "894902000012345678920",
        "7949020000012345670",
        "8949020000012345\u0666" + "70",  # an Arabic six
        "8949-0200-0012-3456-7892",
    ],
)
def test_a_number_that_is_no_cards(iccid):
    with pytest.raises(EingabeUngueltig) as gefangen:
        check_iccid(iccid)
    assert (gefangen.value.code, set(gefangen.value.errors)) == ("iccid_ungueltig", {"sim_iccid"})


HEUTE = date(2026, 6, 15)


@pytest.mark.parametrize(
    ("jahr", "inbetriebnahme"),
    [
        (None, None),
        (1950, None),
        (2027, None),
        (2026, HEUTE),
        (2025, date(2025, 1, 1)),
        (None, date(1970, 1, 1)),
    ],
)
def test_dates_of_a_life(jahr, inbetriebnahme):
    check_lebensdaten(jahr, inbetriebnahme, HEUTE)


@pytest.mark.parametrize(
    ("jahr", "inbetriebnahme", "feld", "code"),
    [
        (1949, None, "kennzeichnung_jahr", "eingabe_ungueltig"),
        (2028, None, "kennzeichnung_jahr", "eingabe_ungueltig"),
        (None, date(2026, 6, 16), "inbetriebnahme_datum", "datum_in_zukunft"),
        (2026, date(2025, 12, 31), "inbetriebnahme_datum", "inbetriebnahme_zu_frueh"),
        (2027, HEUTE, "inbetriebnahme_datum", "inbetriebnahme_zu_frueh"),
    ],
)
def test_dates_that_cannot_be(jahr, inbetriebnahme, feld, code):
    with pytest.raises(EingabeUngueltig) as gefangen:
        check_lebensdaten(jahr, inbetriebnahme, HEUTE)
    assert (gefangen.value.code, set(gefangen.value.errors)) == (code, {feld})


def tag(n):
    return datetime(2026, 3, n, tzinfo=UTC)


def test_a_period_has_a_length():
    check_zeitraum(tag(1), None)
    check_zeitraum(tag(1), tag(2))
    for bis in (tag(1), datetime(2026, 2, 28, tzinfo=UTC)):
        with pytest.raises(EingabeUngueltig):
            check_zeitraum(tag(1), bis)


@pytest.mark.parametrize(
    ("zeitraeume", "erwartet"),
    [
        ([], []),
        ([(1, None)], [(10, 20)]),
        ([(12, 15)], [(12, 15)]),
        ([(1, 12), (18, None)], [(10, 12), (18, 20)]),
        ([(1, 10), (20, 25)], []),
        ([(1, 12), (12, 15), (16, 31)], [(10, 15), (16, 20)]),
    ],
)
def test_clip(zeitraeume, erwartet):
    paare = [(tag(von), None if bis is None else tag(bis)) for von, bis in zeitraeume]
    assert clip(paare, tag(10), tag(20)) == [(tag(von), tag(bis)) for von, bis in erwartet]
