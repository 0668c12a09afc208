"""What one call of the storage does: which value stays, where it lies, what is computed anew, what it costs."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Befund, Grenzen, Herkunft, Qualitaet
from betreiber.ablesung.speicher.tabellen import KOPIEREN_AB, BulkInsert
from db.models import Neuberechnung, Verbrauch, VerbrauchTag
from tests.ablesung.speicher.modell import GRENZEN, MONTAG, TAG, ersatz, gemessen, wert, zeit
from tests.hilfen import recorded_statements

TAG_NULL = MONTAG // TAG


def places(lager):
    """How many readings lie in rows, how many in blocks."""
    zeilen = select(func.count()).where(Verbrauch.stromzaehler_id == lager.nummer)
    bloecke = select(func.coalesce(func.sum(VerbrauchTag.anzahl), 0)).where(
        VerbrauchTag.stromzaehler_id == lager.nummer
    )
    return lager.session.scalar(zeilen), lager.session.scalar(bloecke)


def marked(lager):
    """The days of which derived values are to be computed anew, counted from that Monday."""
    tage = (
        select(Neuberechnung.tag).where(Neuberechnung.stromzaehler_id == lager.nummer).order_by(Neuberechnung.tag)
    )
    return [tag - TAG_NULL for tag in lager.session.scalars(tage)]


def test_each_reading_is_judged_by_those_around_it(lager):
    # It is Wednesday, 10:50 UTC, and later with every step.
    assert lager.send([wert(0, 1000), wert(2, 3000)]) == [Befund.NEU, Befund.NEU]
    enge = Grenzen(zeit(-5), zeit(400), 4000)
    befunde = lager.send(
        [
            wert(-6, 900),
            wert(-1, 1001),
            wert(0, 1000),
            wert(1, 2500),
            wert(2, 3001),
            wert(3, 9000),
            wert(4, 3100),
            wert(401, 3200),
        ],
        enge,
    )
    assert befunde == [
        Befund.ZU_ALT,
        Befund.RUECKLAUF,
        Befund.DOPPELT,
        Befund.NEU,
        Befund.KONFLIKT,
        Befund.LEISTUNG,
        Befund.NEU,
        Befund.ZUKUNFT,
    ]
    assert [(a.uhrzeit, a.bezug_wh) for a in lager.readings()] == [
        (zeit(0), 1000),
        (zeit(1), 2500),
        (zeit(2), 3000),
        (zeit(4), 3100),
    ]
    assert {zeile[1] for zeile in lager.quarantined()} == {900, 1001, 3001, 9000, 3200}


@pytest.mark.parametrize("gefaltet", [False, True])
def test_neighbours_are_found_however_far_away(lager, gefaltet):
    lager.send([wert(0, 1000)])
    lager.send([wert(200, 2000)])
    if gefaltet:
        lager.step("falten", 3)
    assert lager.send([wert(90, 999), wert(91, 1500), wert(92, 2001)]) == [
        Befund.RUECKLAUF,
        Befund.NEU,
        Befund.RUECKLAUF,
    ]


def test_an_ersatzwert_judges_nothing_and_gives_way(lager):
    lager.send([wert(0)])
    lager.step("ersetzen", [1, 2, 3])
    # The Ersatzwerte lie above what was measured; still the meter is believed.
    assert lager.send([wert(1), wert(2, 1_000_009)]) == [Befund.NEU, Befund.NEU]
    assert [(a.bezug_wh, a.qualitaet) for a in lager.readings()] == [
        (1_000_000, Qualitaet.ABGELESEN),
        (1_000_007, Qualitaet.ABGELESEN),
        (1_000_009, Qualitaet.ABGELESEN),
        (1_000_022, Qualitaet.ERSATZWERT),
    ]
    versionen = speicher.versions(lager.session, lager.nummer, zeit(0), zeit(3))
    assert [(v.ablesung.bezug_wh, v.nummer, v.ersetzt) for v in versionen] == [
        (1_000_008, 1, lager.jetzt),
        (1_000_015, 1, lager.jetzt),
    ]


@pytest.mark.parametrize("gefaltet", [False, True])
def test_substitutes_that_a_measured_register_refutes_are_withdrawn_with_it(lager, gefaltet):
    lager.step("senden", list(range(96)))
    if gefaltet:
        lager.step("falten", 1)
    vorlaeufig = {stelle: ersatz(stelle, lager.jetzt, Qualitaet.VORLAEUFIGERWERT) for stelle in range(96, 150)}
    # A person's word is not taken back, and neither is what fits.
    vorlaeufig[148] = vorlaeufig[148]._replace(herkunft=Herkunft.KORREKTUR)
    speicher.replace(lager.session, lager.stand(), list(vorlaeufig.values()))
    if gefaltet:
        lager.step("falten", 2)
    # The provisional values run 30 Wh ahead, 7 Wh a quarter hour: those of 147 to 149 lie above this register.
    assert lager.send([wert(150, 1_001_058)]) == [Befund.NEU]
    weg = [147, 149]
    assert [(a.uhrzeit, a.qualitaet) for a in lager.readings() if a.uhrzeit > zeit(140)] == [
        *((zeit(stelle), Qualitaet.VORLAEUFIGERWERT) for stelle in range(141, 149) if stelle not in weg),
        (zeit(150), Qualitaet.ABGELESEN),
    ]
    versionen = speicher.versions(lager.session, lager.nummer, zeit(0), zeit(200))
    assert [(v.ablesung, v.ersetzt) for v in versionen] == [(vorlaeufig[stelle], lager.jetzt) for stelle in weg]
    assert 1 in marked(lager)


@pytest.mark.parametrize("gefaltet", [False, True])
def test_provisional_values_after_a_new_register_are_withdrawn_up_to_the_next_measured_one(lager, gefaltet):
    """They fit it, but were counted on from an older register; those beyond a measured one were not."""
    lager.send([wert(0), wert(20)])
    raten = {stelle: ersatz(stelle, lager.jetzt, Qualitaet.VORLAEUFIGERWERT) for stelle in (*range(1, 20), 21, 22)}
    raten[15] = raten[15]._replace(herkunft=Herkunft.IMPORT)
    raten[16] = raten[16]._replace(qualitaet=Qualitaet.ERSATZWERT)
    speicher.replace(lager.session, lager.stand(), list(raten.values()))
    if gefaltet:
        lager.step("falten", 1)
    assert lager.send([wert(10, 1_000_070)]) == [Befund.NEU]
    # Before it, 30 Wh ahead: 6 to 9 lie above it.
    bleiben = [0, 1, 2, 3, 4, 5, 10, 15, 16, 20, 21, 22]
    assert [a.uhrzeit for a in lager.readings()] == [zeit(stelle) for stelle in bleiben]


def test_a_measured_register_within_a_gap_refutes_on_both_sides(lager):
    lager.send([wert(0, 1000), wert(8, 1800)])
    gerade = [ersatz(stelle, lager.jetzt)._replace(bezug_wh=1000 + 100 * stelle) for stelle in range(1, 8)]
    gerade = [a._replace(einspeisung_wh=a.bezug_wh // 3) for a in gerade]
    speicher.replace(lager.session, lager.stand(), gerade)
    # What lies beyond another measured reading is none of its business.
    speicher.replace(lager.session, lager.stand(), [ersatz(9, lager.jetzt)._replace(bezug_wh=1, einspeisung_wh=0)])
    assert lager.send([wert(3, 1150), wert(5, 1650)]) == [Befund.NEU, Befund.NEU]
    # 1200 before 1150; 1400 fits between them; 1600 after 1650.
    assert [(a.uhrzeit, a.bezug_wh) for a in lager.readings()] == [
        (zeit(0), 1000),
        (zeit(1), 1100),
        (zeit(3), 1150),
        (zeit(4), 1400),
        (zeit(5), 1650),
        (zeit(7), 1700),
        (zeit(8), 1800),
        (zeit(9), 1),
    ]


def test_versions_of_one_reading_are_numbered_on(lager):
    lager.step("senden", [0])
    for _ in range(2):
        lager.step("berichtigen", [0])
    lager.step("entfernen", [0])
    versionen = speicher.versions(lager.session, lager.nummer, zeit(0), zeit(1))
    assert [(v.nummer, v.ablesung.qualitaet) for v in versionen] == [
        (1, Qualitaet.ABGELESEN),
        (2, Qualitaet.VORLAEUFIGERWERT),
        (3, Qualitaet.VORLAEUFIGERWERT),
    ]


def test_where_readings_lie(lager):
    lager.step("senden", list(range(2 * 96, 2 * 96 + 40)))
    assert places(lager) == (40, 0), "today's are rows"
    lager.step("senden", list(range(96, 96 + 7)))
    assert places(lager) == (47, 0), "a few late ones are rows"
    lager.step("senden", list(range(96)))
    assert places(lager) == (47, 96), "a whole day that is over is a block at once"
    lager.step("senden", list(range(96, 96 + 20)))
    assert places(lager) == (47, 109), "beside rows of the same day"
    lager.step("falten", 2)
    assert places(lager) == (40, 116)
    lager.step("ersetzen", [0])
    assert places(lager) == (40, 116), "what lies in a block is replaced there"


def test_which_days_are_computed_anew(lager):
    lager.step("senden", [2 * 96, 2 * 96 + 40])
    assert marked(lager) == [], "today is not over"
    lager.step("senden", list(range(96 + 50, 96 + 96)))
    assert marked(lager) == [], "nothing of it is older than 24 hours"
    lager.step("senden", [10])
    assert marked(lager) == [0]
    lager.step("ersetzen", [96 + 60, 2 * 96 + 60, 96 + 10])
    assert marked(lager) == [0, 1], "replaced, of a day that is over; what is new today is first there"
    lager.step("ersetzen", [2 * 96 + 40])
    assert marked(lager) == [0, 1, 2], "replaced today: a gap may end there"
    lager.step("entfernen", [10, 11])
    assert marked(lager) == [0, 1, 2]
    lager.step("senden", list(range(96 + 50, 96 + 96)))
    lager.session.execute(Neuberechnung.__table__.delete())
    lager.step("senden", list(range(96 + 50, 96 + 96)))
    assert marked(lager) == [], "what was known changes nothing"
    lager.step("entfernen", [2 * 96 + 40])
    assert marked(lager) == [2], "removed today"


def test_a_great_many_are_written_as_a_few(lager):
    """By COPY on PostgreSQL."""
    tage = range(-KOPIEREN_AB, 0)
    mit_leistung = [gemessen(wert(96 * tag + 1, leistung_w=tag, status=5), lager.jetzt) for tag in tage]
    je_tag = [
        [
            gemessen(wert(96 * tag), lager.jetzt, Herkunft.IMPORT),
            *(ersatz(96 * tag + n, lager.jetzt) for n in range(2, 9)),
        ]
        for tag in tage
    ]
    alle = [ablesung for tag in je_tag for ablesung in tag]
    assert speicher.replace(lager.session, lager.stand(), alle) == {}
    assert places(lager) == (0, 8 * KOPIEREN_AB)
    assert speicher.replace(lager.session, lager.stand(), mit_leistung) == {}
    assert places(lager) == (KOPIEREN_AB, 8 * KOPIEREN_AB)
    # In each block one takes the place of another: as many versions, and blocks in place of blocks.
    neue = [tag[1]._replace(bezug_wh=1, empfangen=lager.jetzt) for tag in je_tag]
    assert len(speicher.replace(lager.session, lager.stand(), neue)) == KOPIEREN_AB
    lager.session.commit()
    erwartet = {ablesung.uhrzeit: ablesung for ablesung in [*alle, *mit_leistung, *neue]}
    assert lager.readings() == sorted(erwartet.values())
    versionen = speicher.versions(lager.session, lager.nummer, 0, 2**40)
    assert [version.ablesung for version in versionen] == [tag[1] for tag in je_tag]


def test_what_the_database_refuses_is_refused_alike_however_many_there_are(lager):
    zeilen = BulkInsert(Neuberechnung.__table__, ("stromzaehler_id", "tag", "seit"))
    with pytest.raises(DBAPIError):
        zeilen.execute(lager.session, [(lager.nummer, tag, b"no number") for tag in range(KOPIEREN_AB)])
    lager.session.rollback()


def test_where_a_value_comes_from_is_kept(lager):
    posten = speicher.Posten(lager.stand(), [wert(0)], GRENZEN, lager.jetzt, Herkunft.IMPORT)
    assert speicher.write(lager.session, [posten]) == [[Befund.NEU]]
    assert lager.readings() == [gemessen(wert(0), lager.jetzt, Herkunft.IMPORT)]


def test_nothing_to_do(lager):
    assert speicher.write(lager.session, []) == []
    assert speicher.write(lager.session, [speicher.Posten(lager.stand(), [], GRENZEN, lager.jetzt)]) == [[]]
    assert speicher.replace(lager.session, lager.stand(), []) == {}
    assert speicher.remove(lager.session, lager.stand(), [], lager.jetzt) == {}
    assert speicher.remove(lager.session, lager.stand(), [zeit(0)], lager.jetzt) == {}
    assert speicher.newest(lager.session, lager.nummer) is None
    assert speicher.earliest(lager.session, lager.nummer) is None
    assert speicher.runs(lager.session, lager.nummer, zeit(0) + 1, zeit(1) - 1) == []


def test_a_row_that_is_missing_is_made_and_locked_once(lager, session):
    nummern = [lager.nummer + 1000, lager.nummer, lager.nummer + 1000]
    staende = speicher.lock(session, nummern)
    assert sorted(staende) == [lager.nummer, lager.nummer + 1000]
    assert [(stand.epoche, stand.fenster, stand.meldung_nummer) for stand in staende.values()] == [
        (0, b"", -1)
    ] * 2
    staende[lager.nummer].epoche = 7
    assert speicher.lock(session, nummern)[lager.nummer].epoche == 7


def test_many_meters_cost_as_many_statements_as_one(make_lager, session, engine):
    """Whether they send what is new, what is late, what is known, or what takes the place of an Ersatzwert."""

    def count_statements(lager):
        for einer in lager:
            einer.step("senden", list(range(96)))
            einer.step("senden", [150])
            einer.step("ersetzen", [100, 101])
        jetzt = lager[0].jetzt
        anzahlen = []
        for stellen in ([232], [233], [95, 96, 97, 100], [0, 1, 2]):
            eine = [wert(stelle, leistung_w=28) for stelle in stellen]
            posten = [speicher.Posten(einer.stand(), eine, GRENZEN, jetzt) for einer in lager]
            session.flush()
            with session.no_autoflush, recorded_statements(engine) as anweisungen:
                befunde = speicher.write(session, posten)
            anzahlen.append(len(anweisungen))
            assert befunde == [befunde[0]] * len(lager)
        session.commit()
        return anzahlen

    einer = count_statements([make_lager()])
    assert einer == [2, 2, 9, 2]
    assert count_statements([make_lager() for _ in range(3)]) == einer


def test_reading_costs_one_statement(lager, engine):
    lager.send([wert(nummer) for nummer in range(4 * 96)])
    lager.step("falten", 2)
    nummer = lager.nummer

    def statements(frage, *was, **wie):
        with recorded_statements(engine) as anweisungen:
            frage(lager.session, nummer, *was, **wie)
        return len(anweisungen)

    lager.session.commit()
    lager.session.connection()
    kanten = [zeit(stelle) for stelle in range(0, 4 * 96, 96)]
    assert statements(speicher.registers, kanten) == 1
    assert statements(speicher.registers, kanten, stand=lager.jetzt) == 2
    assert statements(speicher.series, zeit(0), zeit(300)) == 1
    assert statements(speicher.runs, zeit(4), zeit(4 * 96 - 5)) == 1
    assert statements(speicher.runs, zeit(4), zeit(4 * 96 + 5)) == 1
    assert statements(speicher.newest) == 1
    assert statements(speicher.page, [(zeit(0), zeit(4 * 96))], versatz=150, anzahl=10) == 2


def test_an_ersatzwert_within_a_folded_day_is_none_that_was_measured(lager):
    lager.step("senden", list(range(96)))
    lager.step("ersetzen", [10, 50])
    lager.step("falten", 2)
    assert speicher.runs(lager.session, lager.nummer, zeit(0), zeit(95)) == [(zeit(0), zeit(95))]
    assert speicher.runs(lager.session, lager.nummer, zeit(0), zeit(95), gemessen=True) == [
        (zeit(0), zeit(9)),
        (zeit(11), zeit(49)),
        (zeit(51), zeit(95)),
    ]
    assert speicher.registers(lager.session, lager.nummer, [zeit(10)])[zeit(10)].qualitaet is Qualitaet.ERSATZWERT


def test_many_meters_are_read_together(make_lager, session):
    erster, zweiter = make_lager(), make_lager()
    erster.step("senden", list(range(96)))
    zweiter.step("senden", [0, 5])
    speicher.replace(session, zweiter.stand(), [ersatz(96, zweiter.jetzt)])
    erwartet = {
        (erster.nummer, zeit(0)): (1_000_000, 333_333, Qualitaet.ABGELESEN),
        (zweiter.nummer, zeit(0)): (1_000_000, 333_333, Qualitaet.ABGELESEN),
        (zweiter.nummer, zeit(96)): (1_000_673, 333_557, Qualitaet.ERSATZWERT),
    }
    nummern = [erster.nummer, zweiter.nummer, zweiter.nummer + 1]
    assert speicher.fleet_registers(session, nummern, [zeit(0), zeit(96)]) == erwartet
