"""Rules of meters: states, periods, and what is clipped of them."""

from datetime import UTC, datetime

import pytest

from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.stromzaehler.domain import Zaehlerzustand, check_zeitraum, check_zustand, clip

ERLAUBT = {
    # state now, hangs at a Messstelle: states that it may take
    ("LAGER", False): {"LAGER", "GESPERRT", "VERSCHROTTET"},
    ("EINGEBAUT", True): {"EINGEBAUT", "GESPERRT"},
    ("GESPERRT", True): {"GESPERRT", "EINGEBAUT"},
    ("GESPERRT", False): {"GESPERRT", "LAGER", "AUSGEBAUT", "VERSCHROTTET"},
    ("AUSGEBAUT", False): {"AUSGEBAUT", "LAGER", "GESPERRT", "VERSCHROTTET"},
    ("VERSCHROTTET", False): {"VERSCHROTTET"},
}


@pytest.mark.parametrize("neu", list(Zaehlerzustand))
@pytest.mark.parametrize(("alt", "eingebaut"), sorted(ERLAUBT))
def test_states(alt, eingebaut, neu):
    if neu in ERLAUBT[alt, eingebaut]:
        check_zustand(Zaehlerzustand(alt), neu, eingebaut=eingebaut)
    else:
        with pytest.raises(KonfliktFehler):
            check_zustand(Zaehlerzustand(alt), neu, eingebaut=eingebaut)


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
