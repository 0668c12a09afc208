"""Taking files in: the same judgement as on the device channel, exact registers, nothing half done."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import select

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.errors import EingabeUngueltig
from db.models import Audit, Ereignis, Importlauf, Quarantaene
from db.session import create_session
from telegramm.messwerte import Messwert
from tests.ablesungen import deliver, stored
from tests.hilfen import recorded_statements
from tests.importlauf.hilfen import EINBAU, MELO, NUMMER, energien, mscons, mscons_werte, sekunden, staende, utc
from tests.sql_fehler import fail_each_statement

MAI = "2026-05-01T00:00:00+02:00"
BEGINN = sekunden(MAI)


def test_registers_are_stored_as_imported_ones(engine, zaehler, read_in):
    einlesung = read_in(staende(MAI, [1000, 1010, 1030]))
    assert einlesung.zahlen == (3, 0, 0)
    assert [(a.uhrzeit, a.bezug_wh, a.herkunft, a.qualitaet) for a in stored(engine, zaehler).values()] == [
        (BEGINN, 1000, Herkunft.IMPORT, Qualitaet.ABGELESEN),
        (BEGINN + 900, 1010, Herkunft.IMPORT, Qualitaet.ABGELESEN),
        (BEGINN + 1800, 1030, Herkunft.IMPORT, Qualitaet.ABGELESEN),
    ]


def test_a_file_is_taken_in_once(engine, zaehler, read_in, uhr):
    datei = staende(MAI, [1000, 1010])
    read_in(datei)
    nochmal = read_in(datei)
    assert (nochmal.ergebnis.fertig, nochmal.bericht) == (True, [])
    assert read_in(datei, erneut=True).zahlen == (0, 2, 0)
    with create_session(engine) as session:
        lauf = session.scalars(select(Importlauf)).one()
        assert (lauf.neu, lauf.doppelt, lauf.position, lauf.beendet_zeitpunkt) == (0, 2, 3, uhr.now())
        assert session.scalars(select(Audit.aktion)).all() == ["EINGELESEN", "EINGELESEN"]


def test_a_reading_that_came_with_its_power_is_the_same_reading(engine, zaehler, read_in):
    deliver(engine, zaehler, [Messwert(BEGINN, 1000, 0, 480, 0)], BEGINN)
    assert read_in(staende(MAI, [1000, 1010])).zahlen == (1, 1, 0)
    assert stored(engine, zaehler)[BEGINN].leistung_w == 480


def test_each_reason_is_told_and_kept(engine, zaehler, read_in):
    # 30 kW and a quarter more are 18,750 Wh in half an hour; a step of the display is 1,000.
    einlesung = read_in(staende(MAI, [1000, 1010, 500, 40_000, 1020, 1030]))
    assert einlesung.abgelehnt == [(4, "RUECKLAUF"), (5, "LEISTUNG")]
    assert all(zeile.hinweis for zeile in einlesung.bericht if zeile.ergebnis != "NEU")
    with create_session(engine) as session:
        assert session.scalars(select(Quarantaene.grund).order_by(Quarantaene.uhrzeit)).all() == [
            "ruecklauf",
            "leistung",
        ]
        arten = [(e.art, e.daten["grund"], e.daten["anzahl"]) for e in session.scalars(select(Ereignis))]
        assert sorted(arten) == [
            ("ABLESUNG_IN_QUARANTAENE", "leistung", 1),
            ("ABLESUNG_IN_QUARANTAENE", "ruecklauf", 1),
        ]


def test_only_the_retention_bounds_the_age(engine, welt, read_in):
    alter = welt.stromzaehler(zaehlernummer="1EMH0000000099")
    kopf, *_ = staende(MAI, []).splitlines()
    zeiten = ["2022-12-31T22:45:00Z", "2022-12-31T23:00:00Z"]  # the second is 2023 in Berlin
    datei = "\n".join([kopf, *(f"1EMH0000000099;{zeit};5000;0" for zeit in zeiten)])
    einlesung = read_in(datei)
    assert einlesung.abgelehnt == [(2, "ABGEWIESEN")]
    assert "Aufbewahrungsfrist" in einlesung.bericht[0].hinweis
    assert list(stored(engine, alter)) == [sekunden("2023-01-01T00:00:00+01:00")]
    with create_session(engine) as session:
        assert session.scalars(select(Quarantaene)).all() == []


def test_lines_that_contradict_each_other_keep_the_first(engine, zaehler, read_in):
    kopf, erste, *_ = staende(MAI, [1000]).splitlines()
    datei = "\n".join([kopf, erste, erste, erste.replace(";1000;", ";1005;")])
    einlesung = read_in(datei)
    assert [zeile.ergebnis for zeile in einlesung.bericht] == ["NEU", "DOPPELT", "KONFLIKT"]
    assert stored(engine, zaehler)[BEGINN].bezug_wh == 1000


def test_energies_go_on_from_the_stored_register(zaehler, read_in, registers):
    read_in(staende(MAI, [1000]))
    assert read_in(energien(MAI, [10, 20, 30])).zahlen == (3, 0, 0)
    assert list(registers().values()) == [1000, 1010, 1030, 1060]


def test_energies_end_at_the_stored_register(zaehler, read_in, registers):
    """History before the first reading of the meter: the register at its end is known, not that at its begin."""
    read_in(staende("2026-05-01T00:45:00+02:00", [1060]))
    assert read_in(energien(MAI, [10, 20, 30])).zahlen == (2, 1, 0)
    assert list(registers().values()) == [1000, 1010, 1030, 1060]


def test_energies_of_a_new_meter_begin_at_zero_or_where_staff_say(zaehler, read_in, registers):
    einlesung = read_in(energien(MAI, [10, 20]), probelauf=True)
    assert [NUMMER in warnung for warnung in einlesung.ergebnis.warnungen] == [True]
    assert registers() == {}
    assert read_in(energien(MAI, [10, 20]), anfangsstand_wh=(500, 7)).ergebnis.warnungen == []
    assert list(registers().values()) == [500, 510, 530]


def test_what_flowed_in_a_gap_is_not_invented(zaehler, read_in, registers):
    nachher = energien("2026-05-01T01:00:00+02:00", [30, 40]).splitlines()[1:]
    einlesung = read_in("\n".join([*energien(MAI, [10, 20]).splitlines(), *nachher]))
    assert einlesung.abgelehnt == [(4, "ABGEWIESEN"), (5, "ABGEWIESEN")]
    assert "--anfangsstand-wh" in einlesung.bericht[-1].hinweis
    assert list(registers().values()) == [0, 10, 30]


def test_a_series_that_overlaps_is_refused_as_a_whole(zaehler, read_in, registers):
    doppelt = energien(MAI, [10]).splitlines()[1:]
    einlesung = read_in("\n".join([*energien(MAI, [10, 20]).splitlines(), *doppelt]))
    assert einlesung.zahlen == (0, 0, 3)
    assert "ab Zeile 4" in einlesung.bericht[0].hinweis
    assert registers() == {}


def test_an_opening_that_contradicts_what_is_stored_is_refused(zaehler, read_in):
    read_in(staende(MAI, [1000]))
    with pytest.raises(EingabeUngueltig, match="widerspricht"):
        read_in(energien(MAI, [10]), anfangsstand_wh=(999, 0))


def test_behind_a_transformer_energies_are_what_flowed(engine, welt, read_in):
    wandler = welt.stromzaehler(zaehlernummer="1EMH0000000040", faktor=40)
    einlesung = read_in(energien(MAI, [400, 410], "1EMH0000000040"))
    assert einlesung.abgelehnt == [(3, "ABGEWIESEN")]
    assert [ablesung.bezug_wh for ablesung in stored(engine, wandler).values()] == [0, 10]


@pytest.mark.parametrize(
    ("von", "bis", "anzahl"),
    [
        ("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", 2972),
        ("2025-10-01T00:00:00+02:00", "2025-11-01T00:00:00+01:00", 2980),
    ],
)
def test_a_month_with_a_change_of_the_clock(zaehler, read_in, registers, von, bis, anzahl):
    werte = mscons_werte(von, ["0.1"] * anzahl)
    assert read_in(mscons(["1-1:1.29.0", *werte])).zahlen == (anzahl, 0, 0)
    gespeichert = registers()
    assert (min(gespeichert), max(gespeichert)) == (sekunden(von), sekunden(bis))
    assert gespeichert[sekunden(bis)] == anzahl * 100


def test_substitutes_are_marked_and_never_replace_what_was_measured(engine, zaehler, read_in):
    werte = [*mscons_werte(MAI, ["0.1"]), *mscons_werte("2026-05-01T00:15:00+02:00", ["0.2"], "67")]
    datei = mscons(["1-1:1.29.0", *werte, *mscons_werte("2026-05-01T00:30:00+02:00", ["0.3"])])
    assert read_in(datei).zahlen == (3, 0, 0)
    assert [(a.bezug_wh, a.qualitaet.name) for a in stored(engine, zaehler).values()] == [
        (0, "ABGELESEN"),
        (100, "ABGELESEN"),
        (300, "ERSATZWERT"),
        (600, "ABGELESEN"),
    ]
    gemessen = staende("2026-05-01T00:30:00+02:00", [290])
    assert read_in(gemessen).zahlen == (1, 0, 0)
    assert read_in(datei, erneut=True).abgelehnt == [(13, "ABGEWIESEN")]
    assert stored(engine, zaehler)[BEGINN + 1800].bezug_wh == 290


def test_substitutes_fit_between_what_was_measured(engine, zaehler, read_in, registers):
    """1,000 Wh at the begin and 1,040 Wh an hour later leave no room for three times 100 Wh."""
    stunde = f"{NUMMER};{utc(BEGINN + 3600)};1040;0\n"
    assert read_in(staende(MAI, [1000]) + stunde).zahlen == (2, 0, 0)
    einlesung = read_in(mscons(["1-1:1.29.0", *mscons_werte(MAI, ["0.02", "0.1", "0.1"], "67")]))
    assert einlesung.abgelehnt == [(13, "ABGEWIESEN"), (16, "ABGEWIESEN")]
    assert "passt nicht" in einlesung.bericht[1].hinweis
    assert registers() == {BEGINN: 1000, BEGINN + 900: 1020, BEGINN + 3600: 1040}


def test_substitutes_beside_a_rollover_keep_their_energy(engine, welt, read_in):
    """Six digits, at 999,999.950 kWh: a substitute before and one behind the rollover, then measured ones."""
    nummer = welt.stromzaehler(zaehlernummer=NUMMER, stellen=6)
    welt.einbau(nummer, welt.messstelle(melo_id=MELO), EINBAU)
    read_in(staende(MAI, [999_999_950]))
    ersetzt = mscons_werte(MAI, ["0.03", "0.07"], "67")
    gemessen = mscons_werte(utc(BEGINN + 1800), ["0.1", "0.1"])
    weitere = mscons_werte(utc(BEGINN + 3600), ["0.05"], "67")
    datei = mscons(["1-1:1.29.0", *ersetzt, *gemessen, *weitere])
    assert read_in(datei).zahlen == (5, 0, 0)
    with create_session(engine) as session:
        zaehlwerk = Zaehlwerk(1, speicher.sections(session, nummer))
    energien_wh = [zaehlwerk.energie(*a[:3])[0] for a in stored(engine, nummer).values()]
    assert [bis - von for von, bis in pairwise(energien_wh)] == [30, 70, 100, 100, 50]
    assert read_in(datei, erneut=True).zahlen == (0, 5, 0)


def test_a_file_goes_on_from_a_substitute_of_the_one_before_and_leaves_it_one(engine, zaehler, read_in):
    read_in(mscons(["1-1:1.29.0", *mscons_werte(MAI, ["0.1"]), *mscons_werte(utc(BEGINN + 900), ["0.2"], "67")]))
    assert read_in(mscons(["1-1:1.29.0", *mscons_werte(utc(BEGINN + 1800), ["0.3"])])).zahlen == (1, 0, 0)
    assert [(a.bezug_wh, a.qualitaet.name) for a in stored(engine, zaehler).values()] == [
        (0, "ABGELESEN"), (100, "ABGELESEN"), (300, "ERSATZWERT"), (600, "ABGELESEN")
    ]  # fmt: skip


def test_what_was_formed_here_is_no_ground_to_stand_on(engine, zaehler, read_in):
    vorlaeufig = speicher.Ablesung(
        BEGINN, 5000, 0, None, Qualitaet.VORLAEUFIGERWERT, 0, BEGINN + 60, Herkunft.ERSATZWERT
    )
    with create_session(engine) as session:
        speicher.replace(session, speicher.lock(session, [zaehler])[zaehler], [vorlaeufig])
        session.commit()
    einlesung = read_in(energien(MAI, [10, 10]))
    assert einlesung.abgelehnt == [(2, "ABGEWIESEN"), (3, "ABGEWIESEN")]
    assert "--anfangsstand-wh" in einlesung.bericht[0].hinweis
    assert list(stored(engine, zaehler).values()) == [vorlaeufig]


def test_both_directions_make_one_register(engine, zaehler, read_in):
    bezug, einspeisung = mscons_werte(MAI, ["0.1", "0.2"]), mscons_werte(MAI, ["0", "1.5"])
    assert read_in(mscons(["1-1:1.29.0", *bezug], ["1-1:2.29.0", *einspeisung])).zahlen == (2, 0, 0)
    assert [a[1:3] for a in stored(engine, zaehler).values()] == [(0, 0), (100, 0), (300, 1500)]


def test_over_an_exchange_each_meter_gets_its_own(engine, welt, read_in):
    ort = welt.messstelle(melo_id=MELO)
    alter, neuer = welt.stromzaehler(), welt.stromzaehler()
    wechsel = datetime(2026, 4, 30, 22, 20, tzinfo=UTC)  # 00:20 in Berlin, within a quarter hour
    welt.einbau(alter, ort, datetime(2024, 1, 1, tzinfo=UTC), wechsel)
    welt.einbau(neuer, ort, wechsel)
    einlesung = read_in(mscons(["1-1:1.29.0", *mscons_werte(MAI, ["0.1", "0.2", "0.3"])]))
    assert einlesung.abgelehnt == [(13, "ABGEWIESEN")]
    assert "gewechselt" in einlesung.bericht[1].hinweis
    assert {z - BEGINN: a.bezug_wh for z, a in stored(engine, alter).items()} == {0: 0, 900: 100}
    assert {z - BEGINN: a.bezug_wh for z, a in stored(engine, neuer).items()} == {1800: 0, 2700: 300}


def test_unknown_meters_and_places_are_named(zaehler, read_in):
    fremd = read_in(staende(MAI, [1000], "1EMH0000000001"))
    assert "legen Sie ihn an" in fremd.bericht[0].hinweis
    ort = read_in(mscons(["1-1:1.29.0", *mscons_werte(MAI, ["1"])], ort="51238696781"))
    assert "Messstelle" in ort.bericht[0].hinweis


def test_a_dry_run_tells_the_same_and_stores_nothing(engine, zaehler, read_in, registers):
    datei = staende(MAI, [1000, 1010, 500, 1020, 1030, 1040])
    probe = read_in(datei, probelauf=True, stapel_zeilen=2)
    assert registers() == {}
    with create_session(engine) as session:
        assert session.scalars(select(Importlauf)).all() == []
    assert read_in(datei).bericht == probe.bericht


@pytest.mark.parametrize(
    "datei", [staende(MAI, range(0, 700, 100)), energien(MAI, [100] * 6)], ids=["staende", "energien"]
)
def test_the_import_goes_on_where_it_stopped(engine, zaehler, read_in, datei):
    """Whatever fails, the same call again ends with the same tables as one that nothing disturbed."""
    fail_each_statement(engine, lambda: read_in(datei, stapel_zeilen=3), in_schritten=True)
    assert [a.bezug_wh for a in stored(engine, zaehler).values()] == [0, 100, 200, 300, 400, 500, 600]


def test_a_file_of_many_meters_needs_few_statements(engine, welt, read_in):
    nummern = [f"1EMH00000001{n:02}" for n in range(20)]
    for nummer in nummern:
        welt.stromzaehler(zaehlernummer=nummer)
    kopf = staende(MAI, []).splitlines()[0]
    datei = "\n".join(
        [kopf, *(zeile for nummer in nummern for zeile in staende(MAI, range(96), nummer).splitlines()[1:])]
    )
    with recorded_statements(engine) as anweisungen:
        assert read_in(datei).zahlen == (1920, 0, 0)
    # Per meter: who it is, where it hung, what is stored; per file some twenty more.
    assert len(anweisungen) < 3 * len(nummern) + 40
