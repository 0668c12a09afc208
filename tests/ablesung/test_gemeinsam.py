"""Messages that come at the same time share a transaction, and nothing else."""

from datetime import timedelta

import pytest
import sqlalchemy
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError

from db.models import Geraeteschluessel, Stromzaehler, Telegrammstand, Verbrauch
from db.session import create_session
from tests.ablesung.gemeinsam import at_once
from tests.ablesung.test_telegramme import take_away
from tests.hilfen import recorded_statements
from tests.kanal import messwert


@pytest.fixture
def flotte(kanal, welt, uhr):
    """Six installed and enrolled meters."""
    zaehler = []
    for n in range(6):
        nummer = f"1EMH000000010{n}"
        stromzaehler_id = welt.stromzaehler(zaehlernummer=nummer)
        welt.einbau(stromzaehler_id, welt.messstelle(), uhr.now() - timedelta(days=1))
        zaehler.append(kanal.enrolled(nummer, stromzaehler_id))
    return zaehler


@pytest.fixture
def stelle(kanal):
    return kanal.geraete.extensions["msb_annahmestelle"]


@pytest.fixture
def post(kanal, stelle, uhr):
    """Send readings of meters at once, given as (meter, reading); status and code, or number of new rows."""

    def senden(zaehler, wert):
        klartext = zaehler.telegramm(uhr, [wert]).to_bytes()
        der = zaehler.seal(klartext, uhr.now())

        def tun():
            antwort = kanal.post(der, zaehler.enrolled.zertifikat_tls)
            if antwort.status_code != 200:
                return antwort.status_code, antwort.json["code"]
            return 200, zaehler.open(antwort.data, klartext).neu

        return tun

    return lambda *sendungen: at_once(stelle._sammler, *(senden(*sendung) for sendung in sendungen))


def stored(engine):
    with create_session(engine, lesen=True) as session:
        spalten = (Verbrauch.stromzaehler_id, Verbrauch.uhrzeit, Verbrauch.stromverbrauch_gesamt_wh)
        return sorted(tuple(zeile) for zeile in session.execute(select(*spalten)))


def test_a_group_costs_as_many_statements_as_one_message(kanal, flotte, post, jetzt):
    anweisungen = {}
    # Before that, the event of the day and what is compiled once.
    post(*[(zaehler, messwert(jetzt - 2700, 1000)) for zaehler in flotte])
    for anzahl, zeit in ((1, jetzt - 1800), (6, jetzt - 900)):
        with recorded_statements(kanal.geraete.extensions["msb_engine"]) as notiert:
            assert post(*[(zaehler, messwert(zeit, 1100)) for zaehler in flotte[:anzahl]])[0] == (200, 1)
        anweisungen[anzahl] = [text.split("(")[0] for text in notiert]
    assert len(anweisungen[6]) == len(anweisungen[1])
    # Look up meters and their places; lock, revoked keys, sections; readings, counts, rows of the meters.
    assert len(anweisungen[1]) <= 12


def test_one_meter_sends_twice_at_once(engine, flotte, post, jetzt):
    a, b = flotte[:2]
    antworten = post((a, messwert(jetzt - 900, 1000)), (b, messwert(jetzt, 7)), (a, messwert(jetzt, 1100)))
    assert antworten == [(200, 1)] * 3
    assert stored(engine) == [
        (a.stromzaehler_id, jetzt - 900, 1000),
        (a.stromzaehler_id, jetzt, 1100),
        (b.stromzaehler_id, jetzt, 7),
    ]


def test_a_refused_message_does_no_harm_to_others(engine, flotte, post, jetzt):
    a, b, c = flotte[:3]
    assert post((b, messwert(jetzt, 5)))[0] == (200, 1)
    b.folge -= 1  # The same number with other content.
    antworten = post((a, messwert(jetzt, 1)), (b, messwert(jetzt, 6)), (c, messwert(jetzt, 3)))
    assert antworten == [(200, 1), (409, "folge"), (200, 1)]
    assert [wert for _, _, wert in stored(engine)] == [1, 5, 3]


def forbid(engine, stromzaehler_id):
    """Let the database refuse the readings of one meter."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(
                f"ALTER TABLE verbrauch ADD CONSTRAINT gift CHECK (stromzaehler_id <> {stromzaehler_id}) NOT VALID"
            )
        else:
            connection.exec_driver_sql(
                f"CREATE TRIGGER gift BEFORE INSERT ON verbrauch WHEN NEW.stromzaehler_id = {stromzaehler_id}"
                " BEGIN SELECT RAISE(ABORT, 'gift'); END"
            )


def test_a_message_that_no_database_takes_fails_alone(engine, flotte, post, jetzt):
    forbid(engine, flotte[1].stromzaehler_id)
    antworten = post(*[(zaehler, messwert(jetzt, 1000)) for zaehler in flotte[:3]])
    assert antworten == [(200, 1), (503, "nicht_verfuegbar"), (200, 1)]
    assert [nummer for nummer, _, _ in stored(engine)] == [flotte[0].stromzaehler_id, flotte[2].stromzaehler_id]


@pytest.mark.parametrize("sperrung", ["schluessel", "zaehler"])
def test_a_revocation_overtakes_a_message_that_is_being_opened(engine, stelle, flotte, post, uhr, jetzt, sperrung):
    a, b = flotte[:2]
    anweisung = (
        update(Geraeteschluessel)
        .where(Geraeteschluessel.stromzaehler_id == a.stromzaehler_id)
        .values(gesperrt_zeitpunkt=uhr.now())
        if sperrung == "schluessel"
        else update(Stromzaehler)
        .where(Stromzaehler.stromzaehler_id == a.stromzaehler_id)
        .values(zustand="GESPERRT")
    )

    class Unterbrochen(dict):
        def __getitem__(self, ski):
            with create_session(engine) as andere:
                andere.execute(anweisung)
                andere.commit()
            return super().__getitem__(ski)

    # What its cached property keeps.
    stelle.schluessel.__dict__["entschluesselung"] = Unterbrochen(stelle.schluessel.entschluesselung)
    antworten = post((a, messwert(jetzt, 1000)), (b, messwert(jetzt, 1000)))
    assert antworten == [(403, "gesperrt"), (200, 1)]
    assert stored(engine) == [(b.stromzaehler_id, jetzt, 1000)]


def test_without_a_database_nobody_gets_a_receipt(datenbank, flotte, post, jetzt):
    take_away(datenbank)
    antworten = post(*[(zaehler, messwert(jetzt, 1000)) for zaehler in flotte])
    assert antworten == [(503, "nicht_verfuegbar")] * 6


def traces(engine):
    """All that messages leave, but for what was counted."""
    with create_session(engine, lesen=True) as session:
        spalten = (Telegrammstand.stromzaehler_id, Telegrammstand.fenster, Telegrammstand.neueste_uhrzeit)
        staende = [tuple(zeile) for zeile in session.execute(select(*spalten).order_by(spalten[0]))]
        tabellen = ("ereignis", "quarantaene", "tagesstand", "verbrauch_tag")
        zaehlung = sqlalchemy.text(" UNION ALL ".join(f"SELECT count(*) FROM {name}" for name in tabellen))
        return staende, stored(engine), list(session.scalars(zaehlung))


def test_whichever_statement_fails_nothing_is_half_done(kanal, engine, flotte, post, jetzt):
    betreiber = kanal.geraete.extensions["msb_engine"]
    noch = 0

    def fail(*_):
        nonlocal noch
        noch -= 1
        if noch == 0:
            raise OperationalError("", {}, Exception("the line is cut"))

    vorher = traces(engine)
    event.listen(betreiber, "before_cursor_execute", fail)
    for gelungen in range(100):
        noch = gelungen + 1
        antworten = post(*[(zaehler, messwert(jetzt, 1000)) for zaehler in flotte[:2]])
        if noch > 0:
            break
        assert antworten == [(503, "nicht_verfuegbar")] * 2
        assert traces(engine) == vorher
    event.remove(betreiber, "before_cursor_execute", fail)
    assert gelungen > 5
    assert antworten == [(200, 1)] * 2
    assert stored(engine) == sorted((zaehler.stromzaehler_id, jetzt, 1000) for zaehler in flotte[:2])
