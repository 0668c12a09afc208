"""Rules of corrections, and the log of changes."""

from datetime import UTC, datetime

import pytest

from betreiber.ablesung.domain import Ablesung, Befund, Grenzen, Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Abschnitt, Abschnittsgrund, Zaehlwerk, begin_anew
from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.korrektur.domain import (
    Wertaenderung,
    check_befund,
    check_korrektur,
    check_no_edge,
    follow_closing,
    follow_edges,
    list_changes,
    without_edge,
)

JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)
SPAETER = datetime(2026, 6, 15, 10, 15, tzinfo=UTC)


def wert(uhrzeit, bezug_wh, empfangen, einspeisung_wh=0):
    return Ablesung(uhrzeit, bezug_wh, einspeisung_wh, None, Qualitaet.ABGELESEN, 0, empfangen, Herkunft.KORREKTUR)


@pytest.mark.parametrize(
    ("bezug_wh", "einspeisung_wh", "entfernen", "messzeitpunkt", "code"),
    [
        (1, None, False, JETZT, "korrektur_unklar"),
        (None, 1, False, JETZT, "korrektur_unklar"),
        (None, None, False, JETZT, "korrektur_unklar"),
        (1, None, True, JETZT, "korrektur_unklar"),
        (None, 0, True, JETZT, "korrektur_unklar"),
        (1, 1, False, SPAETER, "zeitpunkt_in_zukunft"),
        (None, None, True, SPAETER, "zeitpunkt_in_zukunft"),
    ],
)
def test_what_is_no_correction(bezug_wh, einspeisung_wh, entfernen, messzeitpunkt, code):
    with pytest.raises(EingabeUngueltig) as fehler:
        check_korrektur(bezug_wh, einspeisung_wh, entfernen, messzeitpunkt, JETZT)
    assert fehler.value.code == code


def test_a_correction():
    check_korrektur(0, 0, False, JETZT, JETZT)
    check_korrektur(None, None, True, JETZT, JETZT)
    check_befund(Befund.NEU)


@pytest.mark.parametrize(
    ("befund", "satz"),
    [(Befund.RUECKLAUF, "niedriger"), (Befund.LEISTUNG, "Anschluss"), (Befund.ZU_ALT, "eingebaut")],
)
def test_what_does_not_fit_is_refused_with_its_reason(befund, satz):
    with pytest.raises(KonfliktFehler, match=satz) as fehler:
        check_befund(befund)
    assert fehler.value.code == "korrektur_unplausibel"


def test_the_log_follows_every_reading_from_value_to_value():
    """Reading 900: 100, at 50 corrected to 110, at 60 to 105. Reading 1800: withdrawn at 70, sent again at 80."""
    a, b, c = wert(900, 100, 10), wert(900, 110, 50), wert(900, 105, 60, 3)
    d, e = wert(1800, 200, 20), wert(1800, 210, 80)
    aenderungen = list_changes([(a, 50), (b, 60), (d, 70)], {900: c, 1800: e})
    assert aenderungen == [
        Wertaenderung(1800, 80, None, e),
        Wertaenderung(1800, 70, d, None),
        Wertaenderung(900, 60, b, c),
        Wertaenderung(900, 50, a, b),
    ]
    assert [aenderung.bezug_differenz_wh for aenderung in aenderungen] == [None, None, -5, 10]
    assert [aenderung.einspeisung_differenz_wh for aenderung in aenderungen] == [None, None, 3, 0]


def test_what_was_withdrawn_and_never_came_back():
    assert list_changes([(wert(900, 100, 10), 50)], {}) == [Wertaenderung(900, 50, wert(900, 100, 10), None)]


@pytest.mark.parametrize(
    ("qualitaet", "versatz_wh"),
    [
        # 1460 x 30 - 1460 x 40: up to the edge by the factor of before.
        (Qualitaet.ABGELESEN, -14600),
        # What an Ersatzwert says the register never showed.
        (Qualitaet.ERSATZWERT, -15000),
    ],
)
def test_a_section_moves_with_the_measured_reading_at_its_edge(qualitaet, versatz_wh):
    abschnitte = (Abschnitt(900, Abschnittsgrund.FAKTOR, 40, -15000, 0, 0),)
    alt = Ablesung(900, 1500, 0, None, qualitaet, 0, 0, Herkunft.GERAET)
    neue = {900: (1460, 0), 1800: (1510, 0)}
    (abschnitt,) = follow_edges(Zaehlwerk(30, abschnitte), {900: alt, 1800: alt}, neue)
    assert abschnitt.bezug_versatz_wh == versatz_wh
    assert follow_edges(Zaehlwerk(30, abschnitte), {}, neue) == abschnitte


def test_what_follows_stands_on_the_first_reading_of_a_section():
    abschnitte = [Abschnitt(900 * n, grund, 1, 0, 0, 0) for n, grund in enumerate(Abschnittsgrund)]
    texte = []
    for n in range(4):
        try:
            check_no_edge(900 * n, abschnitte)
        except KonfliktFehler as fehler:
            assert fehler.code == "zaehlwerk_passt_nicht"
            texte.append((n, str(fehler)[:42]))
    assert texte == [
        (0, "Mit dieser Ablesung begann das Zählwerk ne"),
        (2, "Ab dieser Ablesung gilt ein anderer Faktor"),
    ]


WECHSEL = Zaehlwerk(1, begin_anew(1, (), 1800, (5000, 300), (12, 0), 0))


def test_the_energy_goes_on_from_the_last_reading_before_an_exchange():
    neu = follow_closing(WECHSEL, (5100, 290), wert(1800, 12, 0), 7)
    # 5100 - 12 and 290 - 0.
    assert list(neu.abschnitte) == [Abschnitt(1800, Abschnittsgrund.WECHSEL, 1, 5088, 290, 7)]


@pytest.mark.parametrize("nachher", [None, wert(2700, 20, 0)])
def test_what_is_not_followed_by_an_exchange_moves_none(nachher):
    assert follow_closing(WECHSEL, (5100, 290), nachher, 7) is WECHSEL


@pytest.mark.parametrize(
    ("uhrzeit", "vorher", "nachher", "endet"),
    [
        (1800, wert(900, 5000, 0, 300), wert(2700, 5010, 0, 300), True),
        (1800, wert(900, 5000, 0, 300), None, True),
        (1800, None, wert(2700, 20, 0), True),
        # The registers did begin anew.
        (1800, wert(900, 5000, 0, 300), wert(2700, 20, 0), False),
        # 1 kW carries 250 Wh and a quarter more in a quarter hour.
        (1800, wert(900, 5000, 0, 300), wert(2700, 9000, 0, 300), False),
        # What would be a rollover is decided by people.
        (1800, wert(900, 999_999, 0), wert(2700, 20, 0), False),
        (2700, wert(1800, 12, 0), wert(3600, 40, 0), False),
    ],
)
def test_an_exchange_ends_with_its_first_reading_where_it_was_none(uhrzeit, vorher, nachher, endet):
    grenzen = Grenzen(0, 9000, 1000, ueberlauf_wh=1_000_000, zaehlwerk=WECHSEL)
    assert list(without_edge(uhrzeit, vorher, nachher, grenzen).abschnitte) == (
        [] if endet else list(WECHSEL.abschnitte)
    )
