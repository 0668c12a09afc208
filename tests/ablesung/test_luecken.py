"""Which readings the operator misses and asks for: the rule by itself, and over the channel."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from betreiber.ablesung import speicher
from betreiber.ablesung.luecken import advance, choose, first_quarter, missing, overlaps
from db.models import Fehlanzeige, Quarantaene, Telegrammstand
from telegramm.messwerte import FEHLANZEIGE, ZEIT
from tests.hilfen import recorded_statements
from tests.kanal import messwert, reihe

V = 900
VIERTEL = timedelta(seconds=V)
TAG = 86_400


def test_the_first_quarter_hour_at_or_after_an_instant():
    assert [first_quarter(zeit) for zeit in (0, 1, 899, 900, 901)] == [0, 900, 900, 900, 1800]


def test_the_watermark_stops_at_the_first_gap():
    assert advance(900, []) == 900
    assert advance(900, [1800, 2700, 4500]) == 2700
    assert advance(2700, [900, 1800, 3600]) == 3600
    assert advance(900, [2700]) == 900


def test_what_is_missing():
    assert missing(900, 4500, []) == [(900, 4500)]
    assert missing(900, 4500, [(0, 1800), (2700, 3600)]) == [(1800, 2700), (3600, 4500)]
    # Overlapping, out of order, beyond the end.
    assert missing(900, 4500, [(2700, 9000), (0, 1800), (900, 2700)]) == []
    assert missing(900, 900, []) == []
    assert missing(900, 1800, [(1800, 2700)]) == [(900, 1800)]


@pytest.mark.parametrize(
    ("spanne", "erwartet"),
    [
        ((0, 900), False),
        ((0, 1800), True),
        ((900, 1800), True),
        ((1800, 3600), False),
        ((1800, 4500), True),
        ((0, 9000), True),
        ((5400, 9000), False),
        # A span that was cut down to nothing.
        ((1800, 1800), False),
        ((1800, 900), False),
    ],
)
def test_a_span_of_which_a_part_is_missing(spanne, erwartet):
    assert overlaps(spanne, [(900, 1800), (3600, 5400)]) is erwartet
    assert overlaps(spanne, []) is False


def test_a_receipt_asks_for_16_gaps_and_a_week_at_the_most():
    viele = [(n * 1800, n * 1800 + V) for n in range(20)]
    assert choose(viele) == tuple(viele[:16])
    assert choose([(0, 6 * TAG), (7 * TAG, 9 * TAG), (10 * TAG, 11 * TAG)]) == ((0, 6 * TAG), (7 * TAG, 8 * TAG))
    assert choose([]) == ()


@given(
    st.sets(st.integers(0, 60)),
    st.sets(st.integers(0, 60)),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20))),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_exactly_what_nobody_speaks_for_is_missing(gespeichert, quarantaene, verloren, von, bis):
    """Counted by single quarter hours; the rule works on spans."""
    bekannt = gespeichert | quarantaene | {n for erste, anzahl in verloren for n in range(erste, erste + anzahl)}
    spannen = [(n * V, n * V + V) for n in gespeichert | quarantaene]
    spannen += [(erste * V, (erste + anzahl) * V) for erste, anzahl in verloren]
    luecken = missing(von * V, bis * V, spannen)
    assert {n for anfang, ende in luecken for n in range(anfang // V, ende // V)} == set(range(von, bis)) - bekannt
    # As a receipt wants them: ascending and apart from each other.
    raender = [rand for luecke in luecken for rand in luecke]
    assert raender == sorted(set(raender))


@given(st.lists(st.sets(st.integers(1, 40), min_size=1), max_size=12), st.data())
def test_the_watermark_never_passes_a_gap(telegramme, daten):
    """Messages in any order, a search now and then: up to the watermark everything is known."""
    lueckenlos_bis, neueste, bekannt = 0, 0, set()
    for zeiten in telegramme:
        bekannt |= {n * V for n in zeiten}
        lueckenlos_bis = advance(lueckenlos_bis, sorted(n * V for n in zeiten))
        neueste = max(neueste, *bekannt)
        if daten.draw(st.booleans()):
            bis = neueste + V
            luecken = missing(lueckenlos_bis + V, bis, [(zeit, zeit + V) for zeit in bekannt])
            fehlend = [zeit for anfang, ende in luecken for zeit in range(anfang, ende, V)]
            assert fehlend == [zeit for zeit in range(V, bis, V) if zeit not in bekannt]
            lueckenlos_bis = (luecken[0][0] if luecken else bis) - V
        assert set(range(V, lueckenlos_bis + V, V)) <= bekannt


@pytest.fixture
def begonnen(kanal, zaehler, engine, jetzt):
    """The meter's readings are there from its installation up to now, without a gap; the last one."""
    alle = reihe(jetzt - 10 * TAG, 1000, [10] * 960)
    for stelle in range(0, len(alle), 900):
        kanal.deliver(zaehler, alle[stelle : stelle + 900])
    assert stand(engine) == (jetzt, jetzt)
    return alle[-1]


def stand(engine):
    with engine.connect() as verbindung:
        spalten = (Telegrammstand.lueckenlos_bis, Telegrammstand.neueste_uhrzeit)
        return tuple(verbindung.execute(select(*spalten)).one())


def later(uhr, letzter, viertel):
    """The next reading but some, when its time has come."""
    zeit = letzter.uhrzeit + viertel * V
    uhr.advance(timedelta(seconds=zeit - uhr.now().timestamp()))
    return messwert(zeit, letzter.bezug_wh + 10 * viertel)


def test_a_meter_without_a_gap_costs_no_statement(kanal, zaehler, begonnen, engine, uhr):
    with recorded_statements(kanal.geraete.extensions["msb_engine"]) as anweisungen:
        for n in range(1, 4):
            assert kanal.deliver(zaehler, [later(uhr, begonnen, n)]).luecken == ()
    arten = [
        text.split()[0] for text in anweisungen if not text.startswith("BEGIN") and "FROM firmware" not in text
    ]
    # The meter with its keys, its places; its row, whether it is locked, its sections; then the reading, how many
    # its day has, and the row.
    assert arten == (["SELECT"] * 5 + ["INSERT"] * 3) * 3


def test_a_gap_is_asked_for_with_the_first_message_of_a_quarter_hour(kanal, zaehler, begonnen, uhr):
    luecke = ((begonnen.uhrzeit + V, begonnen.uhrzeit + 3 * V),)
    neuer = later(uhr, begonnen, 3)
    assert kanal.deliver(zaehler, [neuer]).luecken == luecke
    # Not again in each message of the same quarter hour, ...
    frage = zaehler.telegramm(uhr, [], art=ZEIT)
    assert kanal.send(zaehler, frage).luecken == ()
    # ... but in the next one, whatever its first message brings, ...
    uhr.advance(VIERTEL)
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).luecken == luecke
    # ... until the readings are there.
    kanal.deliver(zaehler, [messwert(begonnen.uhrzeit + n * V, begonnen.bezug_wh + 10 * n) for n in (1, 2)])
    uhr.advance(VIERTEL)
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).luecken == ()


def test_a_repeated_or_refused_message_does_not_use_the_search_up(kanal, zaehler, begonnen, uhr):
    luecke = ((begonnen.uhrzeit + V, begonnen.uhrzeit + 3 * V),)
    telegramm = zaehler.telegramm(uhr, [later(uhr, begonnen, 3)])
    assert kanal.send(zaehler, telegramm).luecken == luecke
    uhr.advance(VIERTEL)
    assert kanal.send(zaehler, telegramm).luecken == ()
    anderes = zaehler.telegramm(uhr, [], art=ZEIT, folge=telegramm.folge)
    assert kanal.refusal(zaehler, anderes) == (409, "folge")
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).luecken == luecke


def test_while_a_meter_catches_up_it_is_searched_once_a_quarter_hour(kanal, zaehler, begonnen, uhr, engine):
    neuer = later(uhr, begonnen, 500)
    kanal.deliver(zaehler, [neuer])
    with recorded_statements(kanal.geraete.extensions["msb_engine"]) as anweisungen:
        for erste in range(1, 500, 100):
            zeiten = range(erste, min(erste + 100, 500))
            werte = [messwert(begonnen.uhrzeit + n * V, begonnen.bezug_wh + 10 * n) for n in zeiten]
            assert kanal.deliver(zaehler, werte).neu == len(werte)
    assert not [text for text in anweisungen if "lag(" in text or "fehlanzeige" in text]
    # The newest reading was there before: that nothing is missing any more, the next search finds.
    assert stand(engine) == (neuer.uhrzeit - V, neuer.uhrzeit)
    uhr.advance(VIERTEL)
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).luecken == ()
    assert stand(engine) == (neuer.uhrzeit, neuer.uhrzeit)


def test_a_quarantined_reading_is_not_asked_for(kanal, zaehler, begonnen, uhr, engine):
    neuer = later(uhr, begonnen, 3)
    schlecht = messwert(begonnen.uhrzeit + V, 0)
    quittung = kanal.deliver(zaehler, [schlecht, neuer])
    assert quittung.abgelehnt == ((0, "ruecklauf"),)
    assert quittung.luecken == ((begonnen.uhrzeit + 2 * V, neuer.uhrzeit),)
    with engine.connect() as verbindung:
        assert verbindung.scalar(select(Quarantaene.uhrzeit)) == schlecht.uhrzeit


def lose(kanal, zaehler, uhr, *spannen):
    return kanal.send(zaehler, zaehler.telegramm(uhr, [], art=FEHLANZEIGE, luecken=spannen))


def test_what_a_meter_has_lost_is_not_asked_for_again(kanal, zaehler, begonnen, tabellen, uhr):
    neuer = later(uhr, begonnen, 4)
    von = begonnen.uhrzeit
    assert kanal.deliver(zaehler, [neuer]).luecken == ((von + V, von + 4 * V),)
    quittung = lose(kanal, zaehler, uhr, (von + V, von + 3 * V))
    assert (quittung.neu, quittung.doppelt) == (1, 0)
    uhr.advance(VIERTEL)
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).luecken == ((von + 3 * V, von + 4 * V),)
    # The same again, and a part of it, is nothing new; more of it is.
    assert lose(kanal, zaehler, uhr, (von + V, von + 3 * V)).doppelt == 1
    assert lose(kanal, zaehler, uhr, (von + V, von + 2 * V)).doppelt == 1
    assert lose(kanal, zaehler, uhr, (von + V, von + 4 * V)).neu == 1
    assert tabellen.ereignisse("LUECKE_BLEIBT") == [
        {"von": von + V, "bis": von + 3 * V},
        {"von": von + V, "bis": von + 4 * V},
    ]
    uhr.advance(VIERTEL)
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).luecken == ()
    # Should it turn up after all, it is taken.
    assert kanal.deliver(zaehler, [messwert(von + V, begonnen.bezug_wh + 10)]).neu == 1


def test_only_what_could_have_been_a_reading_can_be_lost(kanal, zaehler, begonnen, tabellen, session, uhr, jetzt):
    quittung = lose(kanal, zaehler, uhr, (0, 900), (jetzt - 20 * TAG, jetzt - 9 * TAG), (jetzt + V, jetzt + TAG))
    assert (quittung.neu, quittung.doppelt) == (1, 2)
    assert tabellen.ereignisse("LUECKE_BLEIBT") == [{"von": jetzt - 10 * TAG, "bis": jetzt - 9 * TAG}]
    assert session.execute(select(Fehlanzeige.von, Fehlanzeige.bis)).all() == [(jetzt - 10 * TAG, jetzt - 9 * TAG)]


def test_the_oldest_week_is_asked_for_first(kanal, zaehler, jetzt):
    # Installed ten days ago, and nothing before this reading.
    assert kanal.deliver(zaehler, [messwert(jetzt, 1000)]).luecken == ((jetzt - 10 * TAG, jetzt - 3 * TAG),)


def test_without_an_installation_a_meter_begins_with_its_first_reading(kanal, welt, uhr, jetzt):
    zaehler = kanal.enrolled("1EMH0000000077", welt.stromzaehler(zaehlernummer="1EMH0000000077"))
    assert kanal.deliver(zaehler, [messwert(jetzt - 1800, 1000)]).luecken == ()
    uhr.advance(VIERTEL)
    assert kanal.deliver(zaehler, [messwert(jetzt + V, 1030)]).luecken == ((jetzt - V, jetzt + V),)


def test_a_meter_that_sent_before_there_was_a_watermark(kanal, zaehler, begonnen, session, uhr):
    """As migration 0002 leaves it: readings and no watermark; one reading is missing among them."""
    fehlt = begonnen.uhrzeit - TAG
    (stand,) = speicher.lock(session, [zaehler.stromzaehler_id]).values()
    assert list(speicher.remove(session, stand, [fehlt], fehlt)) == [fehlt]
    session.execute(update(Telegrammstand).values(lueckenlos_bis=None, neueste_uhrzeit=None))
    session.commit()
    assert kanal.deliver(zaehler, [later(uhr, begonnen, 1)]).luecken == ((fehlt, fehlt + V),)


def test_what_is_older_than_the_limit_is_not_asked_for(kanal, zaehler, begonnen, uhr, settings):
    hoechstalter = settings.ablesung_hoechstalter_tage * TAG
    neuer = later(uhr, begonnen, hoechstalter // V + 96)
    # From 400 days ago on: the day before that is a gap, too, and would be refused.
    assert kanal.deliver(zaehler, [neuer]).luecken[0][0] == neuer.uhrzeit - hoechstalter


def test_what_a_restored_backup_lost_is_asked_for_again(kanal, zaehler, begonnen, session, uhr):
    sicherung = session.execute(select(Telegrammstand.__table__)).mappings().one()
    session.rollback()
    letzter = later(uhr, begonnen, 1)
    kanal.deliver(zaehler, [letzter])
    for n in range(2, 6):
        kanal.deliver(zaehler, [later(uhr, begonnen, n)])
    (stand,) = speicher.lock(session, [zaehler.stromzaehler_id]).values()
    speicher.remove(session, stand, range(letzter.uhrzeit, letzter.uhrzeit + TAG, V), letzter.uhrzeit)
    session.execute(update(Telegrammstand).values(**sicherung))
    session.commit()
    neuer = later(uhr, begonnen, 6)
    assert kanal.deliver(zaehler, [neuer]).luecken == ((letzter.uhrzeit, neuer.uhrzeit),)
