"""The rules of work orders, by hand."""

from datetime import UTC, date, datetime

import pytest

from betreiber.auftrag.domain import (
    Auftragsart,
    Auftragsverlauf,
    Auftragszustand,
    Nachweisart,
    Vergleich,
    around,
    check_beim_monteur,
    check_monteur_darf,
    check_nachweis,
    check_nachweis_zeit,
    check_termin,
    check_uebergang,
    describe_stoerung,
    describe_vergleich,
    difference_wh,
    headroom_wh,
    is_termin_arbeitstag,
    plan_changes,
)
from betreiber.auftrag.kennzahlen import check_zeitraum, compute_kennzahlen, is_puenktlich
from betreiber.auftrag.tourvorschlag import (
    Stopp,
    Tourvorschlag,
    choose_stopps,
    count_room,
    find_room,
    place_on_the_way,
    propose_touren,
)
from betreiber.errors import EingabeUngueltig, KonfliktFehler, ZugriffVerweigert

Z = Auftragszustand
HEUTE = date(2026, 6, 15)
KEINER = {"benutzer_id": None, "termin_datum": None}
GEPLANT = {"benutzer_id": 7, "termin_datum": date(2026, 6, 16)}
# What the brief allows, state by state: everything else is refused.
ERLAUBT = {
    "OFFEN": "GEPLANT STORNIERT",
    "GEPLANT": "OFFEN UNTERWEGS ERLEDIGT FEHLGESCHLAGEN STORNIERT",
    "UNTERWEGS": "GEPLANT ERLEDIGT FEHLGESCHLAGEN",
    "ERLEDIGT": "",
    "FEHLGESCHLAGEN": "",
    "STORNIERT": "",
}


@pytest.mark.parametrize("alt", Z)
@pytest.mark.parametrize("neu", Z)
def test_every_transition(alt, neu):
    erlaubt = ERLAUBT[alt].split()
    if neu in erlaubt:
        check_uebergang(alt, neu)
        return
    with pytest.raises(KonfliktFehler) as fehler:
        check_uebergang(alt, neu)
    assert fehler.value.weitere == {"erlaubt": erlaubt}
    assert fehler.value.code == "zustand_nicht_erlaubt"
    assert ("abgeschlossen" in fehler.value.detail) == (not erlaubt)


@pytest.mark.parametrize(
    ("zustand", "werte", "daten", "erwartet"),
    [
        (Z.OFFEN, KEINER, {"anlass": "neu"}, {"anlass": "neu", "zustand": "OFFEN", **KEINER}),
        (Z.OFFEN, KEINER, {"zustand": Z.GEPLANT, **GEPLANT}, {"zustand": "GEPLANT", **GEPLANT}),
        (Z.GEPLANT, GEPLANT, {"benutzer_id": 8}, {"zustand": "GEPLANT", "benutzer_id": 8}),
        (Z.GEPLANT, GEPLANT, {"zustand": Z.OFFEN}, {"zustand": "OFFEN", **KEINER}),
        (Z.GEPLANT, GEPLANT, {"zustand": Z.UNTERWEGS}, {"zustand": "UNTERWEGS"}),
        (Z.UNTERWEGS, GEPLANT, {}, {"zustand": "UNTERWEGS"}),
        (Z.UNTERWEGS, GEPLANT, {"zustand": Z.GEPLANT}, {"zustand": "GEPLANT"}),
        (Z.OFFEN, KEINER, {"zustand": Z.STORNIERT, "grund": "x"}, {"zustand": "STORNIERT", "grund": "x"}),
        # The day has passed while nobody looked: the reason of the order may still be told.
        (
            Z.GEPLANT,
            {"benutzer_id": 7, "termin_datum": date(2026, 6, 1)},
            {"anlass": "neu"},
            {"zustand": "GEPLANT", "anlass": "neu"},
        ),
    ],
)
def test_what_a_change_makes_of_an_order(zustand, werte, daten, erwartet):
    assert plan_changes(zustand, werte, daten, HEUTE) == erwartet


@pytest.mark.parametrize(
    ("zustand", "werte", "daten", "code"),
    [
        (Z.OFFEN, KEINER, {"zustand": Z.UNTERWEGS}, "zustand_nicht_erlaubt"),
        (Z.ERLEDIGT, GEPLANT, {}, "zustand_nicht_erlaubt"),
        (Z.UNTERWEGS, GEPLANT, {"termin_datum": date(2026, 6, 20)}, "zustand_nicht_erlaubt"),
        (Z.GEPLANT, GEPLANT, {"zustand": Z.UNTERWEGS, "anlass": "x"}, "zustand_nicht_erlaubt"),
        (Z.OFFEN, KEINER, {"zustand": Z.STORNIERT}, "grund_fehlt"),
        (Z.GEPLANT, GEPLANT, {"grund": "x"}, "grund_fehlt"),
        (Z.OFFEN, KEINER, {"benutzer_id": 7}, "auftrag_nicht_geplant"),
        (Z.OFFEN, KEINER, {"zustand": Z.GEPLANT, "benutzer_id": 7}, "auftrag_nicht_geplant"),
        (Z.OFFEN, KEINER, {"zustand": Z.GEPLANT, "termin_datum": HEUTE}, "auftrag_nicht_geplant"),
        (Z.GEPLANT, GEPLANT, {"termin_datum": date(2026, 6, 14)}, "termin_vergangen"),
        (
            Z.UNTERWEGS,
            {"benutzer_id": 7, "termin_datum": date(2026, 6, 14)},
            {"zustand": Z.GEPLANT},
            "termin_vergangen",
        ),
    ],
)
def test_changes_that_are_refused(zustand, werte, daten, code):
    with pytest.raises((EingabeUngueltig, KonfliktFehler)) as fehler:
        plan_changes(zustand, werte, daten, HEUTE)
    assert fehler.value.code == code


def test_a_day_that_is_over_or_two_years_away():
    check_termin(HEUTE, HEUTE, "termin_datum")
    # 730 days: the 29th of February 2028 is one of them.
    check_termin(date(2028, 6, 14), HEUTE, "termin_datum")
    for tag, code in ((date(2026, 6, 14), "termin_vergangen"), (date(2028, 6, 15), "termin_zu_fern")):
        with pytest.raises(EingabeUngueltig) as fehler:
            check_termin(tag, HEUTE, "termin_datum")
        assert fehler.value.code == code


def test_whether_a_visit_is_on_a_working_day():
    fronleichnam = date(2026, 6, 4)
    assert is_termin_arbeitstag(fronleichnam, "NW") is False
    assert is_termin_arbeitstag(fronleichnam, "BE") is True
    assert is_termin_arbeitstag(date(2026, 6, 6), "BE") is False
    assert is_termin_arbeitstag(None, "BE") is None


def test_a_fitter_only_sets_out():
    check_monteur_darf({})
    check_monteur_darf({"zustand": Z.UNTERWEGS})
    for daten in ({"zustand": Z.GEPLANT}, {"zustand": Z.UNTERWEGS, "termin_datum": HEUTE}, {"anlass": "x"}):
        with pytest.raises(ZugriffVerweigert):
            check_monteur_darf(daten)


def test_proofs():
    check_beim_monteur(Z.GEPLANT)
    check_beim_monteur(Z.UNTERWEGS)
    for zustand in (Z.OFFEN, Z.ERLEDIGT, Z.FEHLGESCHLAGEN, Z.STORNIERT):
        with pytest.raises(KonfliktFehler):
            check_beim_monteur(zustand)
    check_nachweis(Nachweisart.ABLESUNG, {"bezug_gesamt_wh": 0})
    check_nachweis(Nachweisart.NOTIZ, {"notiz": "x", "bezug_gesamt_wh": None})
    for art, daten in (
        (Nachweisart.FOTO, {"notiz": "x"}),
        (Nachweisart.ABLESUNG, {"notiz": "x"}),
        (Nachweisart.NOTIZ, {}),
        (Nachweisart.NOTIZ, {"notiz": "x", "einspeisung_gesamt_wh": 1}),
    ):
        with pytest.raises(EingabeUngueltig):
            check_nachweis(art, daten)


def test_when_a_proof_was_taken():
    zehn, elf = datetime(2026, 6, 15, 10, tzinfo=UTC), datetime(2026, 6, 15, 11, tzinfo=UTC)
    check_nachweis_zeit(zehn, zehn, zehn)
    for zeitpunkt, angelegt, jetzt, code in (
        (elf, zehn, zehn, "zeitpunkt_in_zukunft"),
        (zehn, elf, elf, "nachweis_zu_alt"),
    ):
        with pytest.raises(EingabeUngueltig) as fehler:
            check_nachweis_zeit(zeitpunkt, angelegt, jetzt)
        assert fehler.value.code == code


@pytest.mark.parametrize(
    ("laeufe", "uhrzeit", "erwartet"),
    [
        ([], 9_000, (None, None)),
        ([(0, 18_000)], 9_100, (9_000, 9_900)),
        ([(0, 18_000)], 9_000, (9_000, 9_000)),
        ([(0, 3_600)], 9_100, (3_600, None)),
        ([(9_900, 18_000)], 9_100, (None, 9_900)),
        ([(0, 900), (3_600, 4_500), (18_000, 20_700)], 9_100, (4_500, 18_000)),
        ([(9_000, 9_000)], 9_100, (9_000, None)),
    ],
)
def test_the_remote_values_around_a_reading(laeufe, uhrzeit, erwartet):
    assert around(laeufe, uhrzeit) == erwartet


@pytest.mark.parametrize(
    ("abgelesen", "erwartet"), [(1_000, 0), (1_250, 0), (1_500, 0), (1_501, 1), (999, -1), (0, -1_000)]
)
def test_a_reading_between_two_remote_values_is_no_difference(abgelesen, erwartet):
    assert difference_wh(abgelesen, 1_000, 1_500) == erwartet


def test_how_far_a_register_can_have_come():
    # 30 kW for a quarter hour are 7.5 kWh; behind transformers of 20 the register counts a twentieth.
    assert headroom_wh(30_000, 1, 900) == 7_501
    assert headroom_wh(30_000, 20, 900) == 376


def test_a_comparison_in_words():
    assert Vergleich(1_001, None).exceeds(1_000)
    assert Vergleich(0, -1_001).exceeds(1_000)
    assert not Vergleich(-1_000, 1_000).exceeds(1_000)
    text = "Kontrollablesung (Auftrag 4) weicht vom Fernwert ab: Bezug +12 Wh"
    assert describe_vergleich(4, Vergleich(12, None)) == text
    assert describe_vergleich(4, Vergleich(12, -3)) == text + ", Einspeisung -3 Wh"


def test_a_stoerung_in_words():
    beginn = datetime(2026, 6, 14, 22, 5, tzinfo=UTC)
    assert describe_stoerung("STUMM", "FUNK", beginn) == (
        "STUMM seit 15.06.2026 00:05: Der Zähler meldet sich nicht. Der Empfang ist oder war zuletzt schwach:"
        " Antenne und Standort prüfen."
    )


def test_on_time_is_the_day_in_berlin():
    tag = date(2026, 6, 16)
    assert is_puenktlich(tag, datetime(2026, 6, 16, 21, 59, tzinfo=UTC), None)
    assert not is_puenktlich(tag, datetime(2026, 6, 16, 22, 0, tzinfo=UTC), None)
    assert not is_puenktlich(None, datetime(2026, 6, 16, tzinfo=UTC), None)
    assert not is_puenktlich(tag, None, None)


def test_after_a_visit_that_failed_the_new_day_is_not_on_time():
    tag, am_selben_tag = date(2026, 6, 20), date(2026, 6, 16)
    besuch, fertig = datetime(2026, 6, 16, 9, tzinfo=UTC), datetime(2026, 6, 20, 9, tzinfo=UTC)
    assert not is_puenktlich(tag, fertig, besuch)
    assert is_puenktlich(am_selben_tag, datetime(2026, 6, 16, 15, tzinfo=UTC), besuch)
    # Whoever came too late and for nothing is not on time by coming once more.
    assert not is_puenktlich(date(2026, 6, 15), besuch, besuch)


def test_figures():
    def verlauf(art, zustand, tag, stunden=None, besuch=None):
        angelegt = datetime(2026, 6, 1, 8, tzinfo=UTC)
        beendet = None if stunden is None else datetime.fromtimestamp(angelegt.timestamp() + stunden * 3600, UTC)
        termin = None if tag is None else date(2026, 6, tag)
        erster = None if besuch is None else datetime(2026, 6, besuch, 8, tzinfo=UTC)
        return Auftragsverlauf(art, zustand, termin, angelegt, beendet, erster)

    verlaeufe = [
        verlauf("REPARATUR", "ERLEDIGT", 3, 48),  # on the 3rd: on time
        verlauf("REPARATUR", "ERLEDIGT", 3, 96),  # on the 5th: late
        verlauf("REPARATUR", "GEPLANT", 14),  # overdue
        verlauf("EICHUNG", "GEPLANT", 15),  # today
        verlauf("EICHUNG", "STORNIERT", 10, 1),
        verlauf("EICHUNG", "FEHLGESCHLAGEN", 10, 1),
        verlauf("REPARATUR", "ERLEDIGT", None, 12),
        verlauf("REPARATUR", "ERLEDIGT", 30, 24 * 40),  # ends after the period: only due in it
        verlauf("REPARATUR", "OFFEN", None),
        verlauf("WECHSEL", "ERLEDIGT", 9, 24, 2),  # on the 2nd, before its new day, and on the day of the first
        verlauf("WECHSEL", "ERLEDIGT", 9, 24 * 8, 2),  # on its new day, after a visit on the 2nd that failed
        verlauf("WECHSEL", "ERLEDIGT", 20, 24),  # early
        verlauf("WECHSEL", "UNTERWEGS", 14),  # set out and not come back
    ]
    besuche = {"EICHUNG": 2, "REPARATUR": 1}
    alle, *je_art = compute_kennzahlen(verlaeufe, besuche, date(2026, 6, 1), date(2026, 7, 1), HEUTE)
    assert (alle.faellig, alle.erledigt, alle.puenktlich, alle.ueberfaellig) == (10, 6, 3, 2)
    assert (alle.fehlgeschlagene_besuche, alle.reparaturdauer_mittel_s) == (3, 52 * 3600)
    assert [zeile.art for zeile in je_art] == list(Auftragsart)
    wechsel = next(zeile for zeile in je_art if zeile.art == "WECHSEL")
    assert (wechsel.faellig, wechsel.erledigt, wechsel.puenktlich, wechsel.ueberfaellig) == (4, 3, 2, 1)
    eichung = next(zeile for zeile in je_art if zeile.art == "EICHUNG")
    assert (eichung.faellig, eichung.erledigt, eichung.ueberfaellig) == (2, 0, 0)
    assert (eichung.fehlgeschlagene_besuche, eichung.reparaturdauer_mittel_s) == (2, None)


def test_the_period_of_figures():
    check_zeitraum(date(2028, 1, 1), date(2029, 1, 1))
    for von, bis in ((HEUTE, HEUTE), (date(2026, 1, 1), date(2027, 1, 3))):
        with pytest.raises(EingabeUngueltig):
            check_zeitraum(von, bis)


def test_houses_by_number_not_by_letters():
    nummern = ["10a", "9", "100", "10", "Hof"]
    geordnet = sorted(nummern, key=lambda nummer: place_on_the_way("50667", "Am Hof", nummer))
    assert geordnet == ["Hof", "9", "10", "10a", "100"]


def test_a_holiday_leaves_nobody_out_for_whom_another_day_would_do():
    """On 4 June somebody works in BE, not in NW: two of BE on the way first would take both days from NW."""
    tage = [date(2026, 6, 3), date(2026, 6, 4)]
    stopps = [
        Stopp(1, "NW", place_on_the_way("50667", "Am Hof", "1")),
        Stopp(2, "BE", place_on_the_way("10115", "Am Zirkus", "1")),
    ]
    vorschlaege = propose_touren(
        stopps, find_room(tage, [7], {}, 1), lambda tag, land: land == "BE" or tag == tage[0]
    )
    assert vorschlaege == [Tourvorschlag(1, tage[0], 7), Tourvorschlag(2, tage[1], 7)]


def test_neighbours_share_a_tour_and_nobody_works_on_a_holiday():
    """Fronleichnam 2026 is on Thursday, 4 June: a holiday in NW, a working day in BE."""
    tage = [date(2026, 6, 4), date(2026, 6, 5), date(2026, 6, 6)]
    feiertage = {"NW": {tage[0], tage[2]}, "BE": {tage[2]}}
    stopps = [
        Stopp(1, "NW", place_on_the_way("50667", "Am Hof", "9")),
        Stopp(2, "BE", place_on_the_way("10115", "Am Zirkus", "1")),
        Stopp(3, "NW", place_on_the_way("50667", "Am Hof", "10")),
        Stopp(4, "NW", place_on_the_way("53111", "Am Hof", "1")),
        Stopp(5, "NW", place_on_the_way("99999", "Am Hof", "1")),
    ]
    belegt = {(tage[1], 8): 1}
    frei = find_room(tage, [7, 8], belegt, 2)
    assert frei == {
        (tage[0], 7): 2,
        (tage[0], 8): 2,
        (tage[1], 7): 2,
        (tage[1], 8): 1,
        (tage[2], 7): 2,
        (tage[2], 8): 2,
    }
    assert count_room(frei, lambda tag: tag not in feiertage["NW"]) == 3

    def is_arbeitstag(tag, land):
        return tag not in feiertage[land]

    # The last one finds none; had it been the most urgent one, another one would not.
    assert choose_stopps(stopps, frei, is_arbeitstag) == stopps[:4]
    assert [stopp.auftrag_id for stopp in choose_stopps(reversed(stopps), frei, is_arbeitstag)] == [5, 4, 3, 2]
    vorschlaege = propose_touren(stopps, frei, is_arbeitstag)
    assert vorschlaege == [
        Tourvorschlag(2, tage[0], 7),
        Tourvorschlag(1, tage[1], 7),
        Tourvorschlag(3, tage[1], 7),
        Tourvorschlag(4, tage[1], 8),
    ]
