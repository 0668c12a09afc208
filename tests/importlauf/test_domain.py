"""How energies become registers."""

import pytest

from betreiber.ablesung.domain import Qualitaet
from betreiber.ablesung.zaehlwerk import Abschnitt, Abschnittsgrund, Zaehlwerk
from betreiber.importlauf.domain import Intervall, Reihe, as_register

SECHS_STELLEN = 10**9  # 1,000,000 kWh
# It showed 0 when 5,000 Wh had flowed.
NEUE_ELEKTRONIK = Zaehlwerk(1, [Abschnitt(900, Abschnittsgrund.WECHSEL, 1, 5000, 0, 0)])


def reihe(*zeiten):
    ergebnis = Reihe()
    for position, (von, bis) in enumerate(zeiten, start=2):
        ergebnis.add(Intervall(position, "ort", von, bis, 10, 1, Qualitaet.ABGELESEN))
    return ergebnis


def test_a_gap_begins_a_new_lauf():
    erster, zweiter = reihe((0, 900), (900, 1800), (2700, 3600)).laeufe
    assert (list(erster.kanten), list(zweiter.kanten)) == ([0, 900, 1800], [2700, 3600])
    assert reihe((0, 900), (2700, 3600)).find(2700).bis == 3600


def test_one_register_gives_all_others():
    (lauf,) = reihe((0, 900), (900, 1800), (1800, 2700)).laeufe
    lauf.anchor(1800, (1000, 50))
    assert [lauf.energie(kante) for kante in lauf.kanten] == [(980, 48), (990, 49), (1000, 50), (1010, 51)]
    assert (lauf.find(1800), lauf.find(1000), lauf.find(3600)) == (2, None, None)


@pytest.mark.parametrize("zeiten", [((0, 900), (450, 1350)), ((900, 900),), ((900, 0),), ((900, 1800), (0, 900))])
def test_the_first_contradiction_is_named(zeiten):
    assert reihe(*zeiten, (0, 900), (0, 900)).widerspruch == len(zeiten) + 1


@pytest.mark.parametrize(
    ("energie", "zaehlwerk", "ueberlauf_wh", "stand"),
    [
        ((1234, 0), Zaehlwerk(1), SECHS_STELLEN, (1234, 0)),
        ((1_000_000_500, 7), Zaehlwerk(1), SECHS_STELLEN, (500, 7)),
        ((1_000_000_500, 7), Zaehlwerk(1), None, (1_000_000_500, 7)),
        ((400, 80), Zaehlwerk(40), SECHS_STELLEN, (10, 2)),
        ((410, 80), Zaehlwerk(40), SECHS_STELLEN, None),
        # New electronics showed 0 when 5,000 Wh had flowed.
        (
            (5100, 0),
            Zaehlwerk(1, [Abschnitt(900, Abschnittsgrund.WECHSEL, 1, 5000, 0, 0)]),
            SECHS_STELLEN,
            (100, 0),
        ),
        ((4900, 0), Zaehlwerk(1, [Abschnitt(900, Abschnittsgrund.WECHSEL, 1, 5000, 0, 0)]), SECHS_STELLEN, None),
    ],
)
def test_what_the_register_shows(energie, zaehlwerk, ueberlauf_wh, stand):
    assert as_register(energie, 1800, zaehlwerk, ueberlauf_wh) == stand
