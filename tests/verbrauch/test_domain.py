"""Verbrauch from registers, by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet, as_staende
from betreiber.ablesung.zaehlwerk import Abschnitt, Abschnittsgrund, Zaehlwerk
from betreiber.errors import EingabeUngueltig
from betreiber.verbrauch.domain import (
    Deckung,
    Verbrauchswert,
    Wertqualitaet,
    check_umfang,
    check_zeitraum,
    compute_verbrauch,
    find_coverage,
    find_runs,
    group_by_edges,
    sum_werte,
)
from betreiber.zeit import Aufloesung

A = Wertqualitaet.ABGELESEN
F = Wertqualitaet.FEHLT
NULL_UHR = datetime(1970, 1, 1, tzinfo=UTC)


def stand(zeit: int, bezug_wh: int, qualitaet: Qualitaet = Qualitaet.ABGELESEN) -> Ablesung:
    return Ablesung(zeit, bezug_wh, bezug_wh // 10, None, qualitaet, 0, zeit, Herkunft.GERAET)


def compute(
    kanten: list[int], staende: list[Ablesung], zaehlwerk: Zaehlwerk | None = None
) -> list[tuple[object, ...]]:
    reihe = as_staende({s.uhrzeit: s for s in staende})
    werte = compute_verbrauch(kanten, reihe, find_coverage(reihe), zaehlwerk or Zaehlwerk(1))
    return [
        (w.bezug_wh, w.einspeisung_wh, w.qualitaet, w.erwartet, w.vorhanden, w.ersetzt, w.fehlend) for w in werte
    ]


def test_difference_of_the_registers_at_the_edges():
    assert compute([0, 900, 1800], [stand(0, 1000), stand(900, 1250), stand(1800, 1250)]) == [
        (250, 25, A, 1, 1, 0, 0),
        (0, 0, A, 1, 1, 0, 0),
    ]


def test_a_missing_edge_gives_no_value_and_no_neighbour_takes_its_place():
    assert compute([0, 1800, 3600], [stand(0, 1000), stand(900, 1250), stand(2700, 1400), stand(3600, 1500)]) == [
        (None, None, F, 2, 1, 0, 1),
        (None, None, F, 2, 1, 0, 1),
    ]


def test_a_gap_inside_changes_the_count_and_not_the_energy():
    assert compute([0, 3600], [stand(0, 1000), stand(900, 1010), stand(3600, 1400)]) == [(400, 40, A, 4, 1, 0, 3)]


def test_nothing_there():
    assert compute([0, 900], []) == [(None, None, F, 1, 0, 0, 1)]


def test_stretches_that_lie_before_between_and_after_the_edges():
    laeufe = [(-1800, -900), (0, 900), (1800, 3600), (5400, 7200), (9000, 9900)]
    werte = compute_verbrauch([0, 2700, 6300, 8100], {}, Deckung(laeufe, laeufe[:2]), Zaehlwerk(1))
    assert [(w.erwartet, w.vorhanden, w.ersetzt, w.fehlend) for w in werte] == [
        (3, 1, 1, 1),
        (4, 0, 2, 2),
        (2, 0, 1, 1),
    ]


def test_the_transformer_factor_multiplies():
    assert compute([0, 900], [stand(0, 1000), stand(900, 1010)], Zaehlwerk(40)) == [(400, 40, A, 1, 1, 0, 0)]


def test_over_a_rollover_and_another_factor():
    # Five digits: 99,999.990 kWh, then 10 Wh to the edge, 30 Wh behind it; from 1800 on each Wh counts 40 times.
    abschnitte = (
        Abschnitt(900, Abschnittsgrund.UEBERLAUF, 1, 100_000_000, 0, 900),
        Abschnitt(1800, Abschnittsgrund.FAKTOR, 40, 100_000_000 - 39 * 50, -39 * 5, 1800),
    )
    staende = [
        Ablesung(0, 99_999_990, 0, None, Qualitaet.ABGELESEN, 0, 0, Herkunft.GERAET),
        Ablesung(900, 30, 3, None, Qualitaet.ABGELESEN, 0, 0, Herkunft.GERAET),
        Ablesung(1800, 50, 5, None, Qualitaet.ABGELESEN, 0, 0, Herkunft.GERAET),
        Ablesung(2700, 51, 5, None, Qualitaet.ABGELESEN, 0, 0, Herkunft.GERAET),
    ]
    zaehlwerk = Zaehlwerk(1, abschnitte)
    werte = compute([0, 900, 1800, 2700], staende, zaehlwerk)
    assert [wert[:2] for wert in werte] == [(40, 3), (20, 2), (40, 0)]
    assert compute([0, 2700], staende, zaehlwerk) == [(100, 5, A, 3, 3, 0, 0)]


@pytest.mark.parametrize(
    ("qualitaet", "erwartet"),
    [
        (Qualitaet.VORLAEUFIGERWERT, Wertqualitaet.VORLAEUFIGERWERT),
        (Qualitaet.ERSATZWERT, Wertqualitaet.ERSATZWERT),
    ],
)
def test_the_worse_edge_decides_on_the_quality(qualitaet, erwartet):
    for staende in ([stand(0, 0), stand(900, 1, qualitaet)], [stand(0, 0, qualitaet), stand(900, 1)]):
        assert compute([0, 900], staende) == [(1, 0, erwartet, 1, 0, 1, 0)]
    beide = [stand(0, 0, Qualitaet.VORLAEUFIGERWERT), stand(900, 1, Qualitaet.ERSATZWERT)]
    assert compute([0, 900], beide)[0][2] == Wertqualitaet.ERSATZWERT


def test_substitutes_between_measured_edges_leave_the_energy_measured():
    e = Qualitaet.ERSATZWERT
    staende = [
        stand(0, 0),
        stand(900, 10),
        stand(1800, 20, e),
        stand(2700, 30, e),
        stand(3600, 40),
        stand(5400, 60),
    ]
    assert compute([0, 5400], staende) == [(60, 6, A, 6, 1, 3, 2)]
    assert [wert[2:] for wert in compute([0, 1800, 3600, 5400], staende)] == [
        (Wertqualitaet.ERSATZWERT, 2, 1, 1, 0),
        (Wertqualitaet.ERSATZWERT, 2, 0, 2, 0),
        (A, 2, 0, 0, 2),
    ]


def test_runs():
    assert find_runs([]) == []
    assert find_runs([0, 900, 1800, 3600, 5400, 6300]) == [(0, 1800), (3600, 3600), (5400, 6300)]


def wert(von: int, bis: int, bezug_wh: int | None, qualitaet: Wertqualitaet = A) -> Verbrauchswert:
    anzahl = (bis - von) // 900
    return Verbrauchswert(
        NULL_UHR + timedelta(seconds=von),
        NULL_UHR + timedelta(seconds=bis),
        bezug_wh,
        bezug_wh,
        qualitaet,
        anzahl,
        0 if bezug_wh is None else anzahl - 1,
        0 if bezug_wh is None else 1,
        anzahl if bezug_wh is None else 0,
    )


def test_a_sum_needs_all_its_parts():
    von, bis = NULL_UHR, NULL_UHR + timedelta(hours=1)
    ganz = sum_werte(von, bis, [wert(0, 1800, 5), wert(1800, 3600, 7, Wertqualitaet.ERSATZWERT)])
    assert ganz == (von, bis, 12, 12, Wertqualitaet.ERSATZWERT, 4, 2, 2, 0)
    halb = sum_werte(von, bis, [wert(0, 1800, 5), wert(1800, 3600, None, F)])
    assert halb == (von, bis, None, None, F, 4, 1, 1, 2)
    assert sum_werte(von, bis, []) == (von, bis, None, None, F, 0, 0, 0, 0)


def test_values_of_several_meters_meet_in_their_bucket():
    kanten = [
        NULL_UHR,
        NULL_UHR + timedelta(hours=1),
        NULL_UHR + timedelta(hours=2),
        NULL_UHR + timedelta(hours=3),
    ]
    gruppen = group_by_edges(kanten, [wert(0, 3600, 1), wert(900, 3600, 2), wert(7200, 10_800, 3)])
    assert [(von, [teil.bezug_wh for teil in teile]) for von, _, teile in gruppen] == [
        (kanten[0], [1, 2]),
        (kanten[2], [3]),
    ]


def test_periods_have_an_order_and_a_limit():
    von = datetime(2026, 1, 1, tzinfo=UTC)
    check_zeitraum(von, von + timedelta(days=400), Aufloesung.VIERTELSTUNDE)
    check_zeitraum(von, von + timedelta(days=4026), Aufloesung.TAG)
    for bis, aufloesung, code in (
        (von, Aufloesung.TAG, "zeitraum_ungueltig"),
        (von + timedelta(days=401), Aufloesung.STUNDE, "zeitraum_zu_lang"),
        (von + timedelta(days=4027), Aufloesung.GESAMT, "zeitraum_zu_lang"),
    ):
        with pytest.raises(EingabeUngueltig) as fehler:
            check_zeitraum(von, bis, aufloesung)
        assert fehler.value.code == code


def test_an_answer_has_a_limit_of_values():
    check_umfang(10, 40_000)
    with pytest.raises(EingabeUngueltig) as fehler:
        check_umfang(11, 38_400)
    assert fehler.value.code == "zeitraum_zu_lang"
