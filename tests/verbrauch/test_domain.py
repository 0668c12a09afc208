"""Verbrauch from registers, by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from betreiber.ablesung.domain import Ablesung, Qualitaet
from betreiber.errors import EingabeUngueltig
from betreiber.verbrauch.domain import (
    Verbrauchswert,
    Wertqualitaet,
    check_umfang,
    check_zeitraum,
    compute_verbrauch,
    find_runs,
    group_by_edges,
    sum_werte,
)
from betreiber.zeit import Aufloesung

A = Wertqualitaet.ABGELESEN
F = Wertqualitaet.FEHLT
NULL_UHR = datetime(1970, 1, 1, tzinfo=UTC)


def stand(zeit: int, bezug_wh: int, qualitaet: Qualitaet = Qualitaet.ABGELESEN) -> Ablesung:
    return Ablesung(zeit, bezug_wh, bezug_wh // 10, qualitaet, 0)


def compute(kanten: list[int], staende: list[Ablesung], faktor: int = 1) -> list[tuple[object, ...]]:
    werte = compute_verbrauch(
        kanten, {s.uhrzeit: s for s in staende}, find_runs(s.uhrzeit for s in staende), faktor
    )
    return [(w.bezug_wh, w.einspeisung_wh, w.qualitaet, w.erwartet, w.vorhanden) for w in werte]


def test_difference_of_the_registers_at_the_edges():
    assert compute([0, 900, 1800], [stand(0, 1000), stand(900, 1250), stand(1800, 1250)]) == [
        (250, 25, A, 1, 1),
        (0, 0, A, 1, 1),
    ]


def test_a_missing_edge_gives_no_value_and_no_neighbour_takes_its_place():
    assert compute([0, 1800, 3600], [stand(0, 1000), stand(900, 1250), stand(2700, 1400), stand(3600, 1500)]) == [
        (None, None, F, 2, 1),
        (None, None, F, 2, 1),
    ]


def test_a_gap_inside_changes_the_count_and_not_the_energy():
    assert compute([0, 3600], [stand(0, 1000), stand(900, 1010), stand(3600, 1400)]) == [(400, 40, A, 4, 1)]


def test_nothing_there():
    assert compute([0, 900], []) == [(None, None, F, 1, 0)]


def test_the_transformer_factor_multiplies():
    assert compute([0, 900], [stand(0, 1000), stand(900, 1010)], faktor=40) == [(400, 40, A, 1, 1)]


@pytest.mark.parametrize(
    ("qualitaet", "erwartet"),
    [
        (Qualitaet.VORLAEUFIGERWERT, Wertqualitaet.VORLAEUFIGERWERT),
        (Qualitaet.ERSATZWERT, Wertqualitaet.ERSATZWERT),
    ],
)
def test_the_worse_edge_decides_on_the_quality(qualitaet, erwartet):
    assert compute([0, 900], [stand(0, 0), stand(900, 1, qualitaet)])[0][2] == erwartet


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
        0 if bezug_wh is None else anzahl,
    )


def test_a_sum_needs_all_its_parts():
    von, bis = NULL_UHR, NULL_UHR + timedelta(hours=1)
    ganz = sum_werte(von, bis, [wert(0, 1800, 5), wert(1800, 3600, 7)])
    assert (ganz.bezug_wh, ganz.qualitaet, ganz.erwartet, ganz.vorhanden) == (12, A, 4, 4)
    halb = sum_werte(von, bis, [wert(0, 1800, 5), wert(1800, 3600, None, F)])
    assert (halb.bezug_wh, halb.einspeisung_wh, halb.qualitaet, halb.erwartet, halb.vorhanden) == (
        None,
        None,
        F,
        4,
        2,
    )
    nichts = sum_werte(von, bis, [])
    assert (nichts.bezug_wh, nichts.qualitaet, nichts.erwartet) == (None, F, 0)


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
