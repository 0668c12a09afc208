"""The quarantine through the API: clerks see it with what is around it, and decide once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Grenzen, Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from db.models import Audit, Ereignis, Quarantaene
from db.session import create_session
from tests.ablesungen import deliver, everybody, limited, stored
from tests.kanal import messwert, reihe
from tests.sql_fehler import fail_each_statement

# 2026-06-10T08:00:00Z; the clock of the tests stands at the 15th.
VON = int(datetime(2026, 6, 10, 8, tzinfo=UTC).timestamp())
EMPFANGEN = VON + 86_400
MILLIARDE = 10**9
# 30 kW and a quarter.
GRENZEN = limited(37_500)


@pytest.fixture
def zaehler(welt, engine):
    """Ten readings with 100 Wh a quarter hour, from 1000 Wh on, at a connection of 30 kW."""
    stromzaehler_id = welt.stromzaehler(zaehlernummer="1EMH0000004711")
    welt.einbau(stromzaehler_id, welt.messstelle(), instant(0))
    deliver(engine, stromzaehler_id, reihe(VON, 1000, [100] * 9), EMPFANGEN, GRENZEN)
    return stromzaehler_id


@pytest.fixture
def send(engine, zaehler):
    """Readings by number and register, on which the storage has its Befund."""

    def send(*werte, stromzaehler_id=None):
        liste = [messwert(VON + nummer * 900, bezug_wh) for nummer, bezug_wh in werte]
        befunde = deliver(engine, stromzaehler_id or zaehler, liste, EMPFANGEN, GRENZEN)
        return [befund.value for befund in befunde]

    return send


@pytest.fixture
def clerk(als):
    return als("sachbearbeitung")


@pytest.fixture
def decide(client, zaehler, clerk):
    def decide(erste, danach, entscheidung, *, stromzaehler_id=zaehler, **felder):
        daten = {
            "von": instant(erste).isoformat(),
            "bis": instant(danach).isoformat(),
            "entscheidung": entscheidung,
            "begruendung": "am Zähler nachgesehen",
        }
        pfad = f"/v1/stromzaehler/{stromzaehler_id}/quarantaeneentscheidungen"
        return client.post(pfad, json=daten | felder, als=clerk)

    return decide


def instant(nummer):
    return datetime.fromtimestamp(VON + nummer * 900, UTC)


def registers(engine, zaehler):
    return [wert.bezug_wh for wert in stored(engine, zaehler).values()]


def energies(engine, zaehler):
    """What had flowed at each reading, less the first."""
    with create_session(engine, lesen=True) as session:
        zaehlwerk = Zaehlwerk(1, speicher.sections(session, zaehler))
    werte = [zaehlwerk.energie(*wert[:3])[0] for wert in stored(engine, zaehler).values()]
    return [wert - werte[0] for wert in werte]


def decisions(engine):
    with create_session(engine, lesen=True) as session:
        return [
            (zeile.stromverbrauch_gesamt_wh, zeile.entscheidung)
            for zeile in session.scalars(select(Quarantaene).order_by(Quarantaene.uhrzeit))
        ]


def test_a_clerk_sees_what_lies_there_and_what_is_around_it(client, clerk, send, zaehler):
    assert send((5, 1499)) == ["konflikt"]
    assert send((12, 1000)) == ["ruecklauf"]
    antwort = client.get(f"/v1/stromzaehler/{zaehler}/quarantaene", als=clerk)
    assert antwort.status_code == 200
    erste, zweite = antwort.json["eintraege"]
    assert len(erste.pop("wert_sha256")) == 64
    assert erste == {
        "stromzaehler_id": zaehler,
        "zaehlernummer": "1EMH0000004711",
        "messzeitpunkt": "2026-06-10T09:15:00Z",
        "bezug_gesamt_wh": 1499,
        "einspeisung_gesamt_wh": 0,
        "leistung_w": None,
        "grund": "konflikt",
        "empfangen_zeitpunkt": "2026-06-11T08:00:00Z",
        "entscheidung": None,
        "entschieden_zeitpunkt": None,
        "vorher": {"messzeitpunkt": "2026-06-10T09:00:00Z", "bezug_gesamt_wh": 1400, "einspeisung_gesamt_wh": 0},
        "gespeichert": {
            "messzeitpunkt": "2026-06-10T09:15:00Z",
            "bezug_gesamt_wh": 1500,
            "einspeisung_gesamt_wh": 0,
        },
        "nachher": {"messzeitpunkt": "2026-06-10T09:30:00Z", "bezug_gesamt_wh": 1600, "einspeisung_gesamt_wh": 0},
    }
    assert (zweite["grund"], zweite["gespeichert"], zweite["nachher"]) == ("ruecklauf", None, None)
    assert zweite["vorher"]["bezug_gesamt_wh"] == 1900


def test_filters_and_counts(client, clerk, send, decide, welt, zaehler):
    anderer = welt.stromzaehler()
    send((5, 1499), (6, 1599))
    send((12, 1000))
    send((0, 5), stromzaehler_id=anderer)
    send((1, 4), stromzaehler_id=anderer)
    decide(12, 13, "VERWERFEN")

    def ask(**frage):
        antwort = client.get("/v1/quarantaene", query_string=frage, als=clerk)
        assert antwort.status_code == 200, antwort.text
        return sorted(eintrag["bezug_gesamt_wh"] for eintrag in antwort.json["eintraege"])

    assert ask() == [4, 1000, 1499, 1599]
    assert ask(grund="konflikt") == [1499, 1599]
    assert ask(zustand="ENTSCHIEDEN") == [1000]
    assert ask(zustand="OFFEN", stromzaehler_id=zaehler) == [1499, 1599]
    assert ask(von=instant(5).isoformat(), bis=instant(6).isoformat()) == [1499]
    seite = client.get("/v1/quarantaene", query_string={"pro_seite": 3, "seite": 2}, als=clerk).json
    assert (seite["gesamt"], len(seite["eintraege"])) == (4, 1)
    assert client.get("/v1/quarantaene/gruende", als=clerk).json == [
        {"grund": "konflikt", "offen": 2, "entschieden": 0},
        {"grund": "ruecklauf", "offen": 1, "entschieden": 1},
    ]


def test_of_a_meter_without_readings(client, clerk, welt, engine):
    leer = welt.stromzaehler()
    deliver(engine, leer, [messwert(VON, 1)], EMPFANGEN, Grenzen(0, VON - 1, None))
    (eintrag,) = client.get(f"/v1/stromzaehler/{leer}/quarantaene", als=clerk).json["eintraege"]
    assert (eintrag["grund"], eintrag["vorher"], eintrag["nachher"]) == ("zukunft", None, None)


def test_a_reading_is_used(decide, send, engine, zaehler):
    """The stored 1500 was wrong, the 1520 that came later is right."""
    send((5, 1520))
    assert decide(5, 6, "UEBERNEHMEN").json == {"entschieden": 1, "offen": 0}
    assert registers(engine, zaehler)[5] == 1520
    assert decisions(engine) == [(1520, "UEBERNEHMEN")]
    with create_session(engine, lesen=True) as session:
        (alt,) = speicher.versions(session, zaehler, VON, VON + 86_400)
        assert alt.ablesung.bezug_wh == 1500
        (audit,) = session.scalars(select(Audit).where(Audit.objekt_art == "quarantaene"))
        assert (audit.aktion, audit.neu["begruendung"]) == ("ENTSCHIEDEN", "am Zähler nachgesehen")
        (ereignis,) = session.scalars(select(Ereignis.daten).where(Ereignis.art == "ABLESUNG_ENTSCHIEDEN"))
        assert ereignis == {
            "entscheidung": "UEBERNEHMEN",
            "anzahl": 1,
            "von": "2026-06-10T09:15:00Z",
            "bis": "2026-06-10T09:15:00Z",
        }


def test_a_reading_is_rejected(decide, send, engine, zaehler):
    send((5, 1520))
    vorher = stored(engine, zaehler)
    assert decide(5, 6, "VERWERFEN").json == {"entschieden": 1, "offen": 0}
    assert stored(engine, zaehler) == vorher
    assert send((5, 1520)) == ["konflikt"]
    assert decisions(engine) == [(1520, "VERWERFEN")]


@pytest.mark.parametrize("entscheidung", ["UEBERNEHMEN", "VERWERFEN", "ERNEUT_PRUEFEN"])
def test_deciding_twice_is_one_decision(decide, send, engine, uhr, entscheidung):
    send((5, 1520))
    decide(5, 6, entscheidung)
    uhr.advance(timedelta(minutes=1))
    assert decide(5, 6, entscheidung).json["entschieden"] == 0
    with create_session(engine, lesen=True) as session:
        anzahl = len(session.scalars(select(Audit).where(Audit.objekt_art == "quarantaene")).all())
    assert anzahl == (0 if entscheidung == "ERNEUT_PRUEFEN" else 1)


def test_what_is_decided_otherwise_stays(decide, send):
    send((5, 1520))
    decide(5, 6, "VERWERFEN")
    antwort = decide(5, 6, "UEBERNEHMEN")
    assert (antwort.status_code, antwort.json["code"]) == (409, "quarantaene_entschieden")


def test_of_several_at_the_same_time_one_is_named(client, clerk, decide, send, engine, zaehler):
    send((5, 1520))
    send((5, 1530))
    antwort = decide(5, 6, "UEBERNEHMEN")
    assert (antwort.status_code, antwort.json["code"]) == (409, "quarantaene_mehrdeutig")
    liste = client.get("/v1/quarantaene", als=clerk).json["eintraege"]
    richtig = next(eintrag["wert_sha256"] for eintrag in liste if eintrag["bezug_gesamt_wh"] == 1530)
    assert decide(5, 6, "UEBERNEHMEN", wert_sha256=richtig).json == {"entschieden": 1, "offen": 0}
    assert registers(engine, zaehler)[5] == 1530
    assert decide(5, 6, "UEBERNEHMEN", wert_sha256="0" * 64).status_code == 404


def test_after_a_wrong_stored_reading_is_gone_the_others_are_judged_anew(
    client, clerk, decide, send, engine, zaehler
):
    """A spike of 8 kWh was stored; the true readings after it came too low. Remove it, and they are in."""
    assert send((10, 9000)) == ["neu"]
    assert send((11, 2100), (12, 2200), (13, 50)) == ["ruecklauf"] * 3
    assert decide(11, 14, "ERNEUT_PRUEFEN").json == {"entschieden": 0, "offen": 3}
    daten = {"messzeitpunkt": instant(10).isoformat(), "entfernen": True, "begruendung": "Störung"}
    assert client.post(f"/v1/stromzaehler/{zaehler}/korrekturen", json=daten, als=clerk).status_code == 200
    assert decide(11, 14, "ERNEUT_PRUEFEN").json == {"entschieden": 2, "offen": 1}
    assert registers(engine, zaehler)[-2:] == [2100, 2200]
    assert decisions(engine) == [(2100, "UEBERNEHMEN"), (2200, "UEBERNEHMEN"), (50, None)]


def test_judged_anew_the_same_time_is_judged_value_by_value(decide, send, engine, zaehler):
    """Two values of one time: the one that is stored by now is used, the other stays a conflict."""
    send((5, 1520))
    send((5, 1530))
    decide(5, 6, "UEBERNEHMEN", wert_sha256=_hash(engine, 1530))
    assert decide(5, 6, "ERNEUT_PRUEFEN").json == {"entschieden": 0, "offen": 1}


def test_a_register_does_not_fall_without_a_section(decide, send, engine, zaehler):
    send((12, 500))
    antwort = decide(12, 13, "UEBERNEHMEN")
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlerstand_faellt")
    assert "WECHSEL" in antwort.json["detail"]
    assert decisions(engine) == [(500, None)]


def test_an_exchange_goes_on_from_the_last_reading(decide, send, engine, zaehler):
    """1900 Wh, then a new register with 5, 105 and 205 Wh: 900 + 0 + 100 + 100."""
    send((12, 5), (13, 105), (14, 205))
    assert decide(12, 15, "WECHSEL").json == {"entschieden": 3, "offen": 0}
    assert energies(engine, zaehler)[-4:] == [900, 900, 1000, 1100]
    assert send((15, 305)) == ["neu"]
    assert decide(12, 15, "WECHSEL").json == {"entschieden": 0, "offen": 0}


@pytest.mark.parametrize("bezug_wh", [1460, 1540])
def test_a_reading_that_is_used_moves_the_edge_of_its_section(
    decide, send, engine, zaehler, client, als, bezug_wh
):
    assert send((5, bezug_wh)) == ["konflikt"]
    daten = {"ab": instant(5).isoformat(), "faktor": 40, "begruendung": "Wandler getauscht"}
    assert (
        client.post(f"/v1/stromzaehler/{zaehler}/faktorwechsel", json=daten, als=als("wartung")).status_code == 201
    )
    assert decide(5, 6, "UEBERNEHMEN").json == {"entschieden": 1, "offen": 0}
    # Up to the edge by the factor of before, from there on by the new one.
    vorher_wh = bezug_wh - 1000
    assert energies(engine, zaehler)[4:7] == [400, vorher_wh, vorher_wh + (1600 - bezug_wh) * 40]


def test_a_rollover_counts_a_whole_turn(decide, engine, welt):
    """From 999,999,700 Wh on 100 Wh a quarter hour, at a meter whose connection nobody has recorded."""
    anderer = welt.stromzaehler()
    deliver(engine, anderer, reihe(VON, MILLIARDE - 300, [100, 100]), EMPFANGEN)
    deliver(engine, anderer, reihe(VON + 3 * 900, 0, [100]), EMPFANGEN)
    assert decisions(engine) == [(0, None), (100, None)]
    assert decide(3, 5, "UEBERNEHMEN", stromzaehler_id=anderer).json["code"] == "zaehlerstand_faellt"
    assert decide(3, 5, "UEBERLAUF", stromzaehler_id=anderer).json == {"entschieden": 2, "offen": 0}
    assert energies(engine, anderer) == [0, 100, 200, 300, 400]


def test_a_rollover_that_was_known_from_a_later_reading_begins_earlier(decide, engine, welt):
    """200 Wh after the turn were stored as the rollover; 0 Wh two quarter hours before that were not believed."""
    anderer = welt.stromzaehler()
    welt.einbau(anderer, welt.messstelle(), instant(0))
    deliver(engine, anderer, reihe(VON, MILLIARDE - 300, [100, 100]), EMPFANGEN)
    ueberlauf = Grenzen(0, EMPFANGEN, 37_500, ueberlauf_wh=MILLIARDE)
    deliver(engine, anderer, [messwert(VON + 5 * 900, 200)], EMPFANGEN, ueberlauf)
    assert energies(engine, anderer) == [0, 100, 200, 500]
    deliver(engine, anderer, [messwert(VON + 3 * 900, 0)], EMPFANGEN)
    assert decide(3, 4, "UEBERLAUF", stromzaehler_id=anderer).json == {"entschieden": 1, "offen": 0}
    assert energies(engine, anderer) == [0, 100, 200, 300, 500]


def test_a_register_that_has_not_fallen_did_not_roll_over(decide, send):
    send((5, 1520))
    assert decide(5, 6, "UEBERLAUF").json["code"] == "zaehlwerk_passt_nicht"


def test_readings_of_the_old_count_do_not_follow_a_new_one(decide, send, engine, zaehler):
    """12,000 Wh are stored a quarter hour after the 5 Wh: that is more than the connection carries."""
    assert send((13, 12_000)) == ["neu"]
    assert send((12, 5)) == ["ruecklauf"]
    antwort = decide(12, 13, "WECHSEL")
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlwerk_passt_nicht")
    with create_session(engine, lesen=True) as session:
        assert speicher.sections(session, zaehler) == ()


def substitute(engine, zaehler, nummern):
    """Readings as if 100 Wh had flowed in each quarter hour."""
    with create_session(engine) as session:
        (stand,) = speicher.lock(session, [zaehler]).values()
        alt = stored(engine, zaehler)[VON]
        muster = alt._replace(qualitaet=Qualitaet.ERSATZWERT, herkunft=Herkunft.ERSATZWERT)
        ersatz = [muster._replace(uhrzeit=VON + n * 900, bezug_wh=1000 + 100 * n) for n in nummern]
        speicher.replace(session, stand, ersatz)
        session.commit()


def test_what_was_substituted_as_if_nothing_had_happened_is_taken_back(decide, send, engine, zaehler):
    """Silent since reading 9, substituted up to 13; 10 and 12 show that the register began anew."""
    substitute(engine, zaehler, range(10, 14))
    assert send((10, 3), (12, 203)) == ["ruecklauf"] * 2
    assert decide(10, 13, "WECHSEL").json["entschieden"] == 2
    assert registers(engine, zaehler)[9:] == [1900, 3, 203]


def test_what_was_substituted_up_to_another_register_is_taken_back(decide, send, engine, zaehler):
    assert send((13, 2300), (14, 2400)) == ["neu", "neu"]
    substitute(engine, zaehler, range(10, 13))
    assert send((13, 2050)) == ["konflikt"]
    assert decide(13, 14, "UEBERNEHMEN").status_code == 200
    assert registers(engine, zaehler)[9:] == [1900, 2050, 2400]


def test_an_exchange_between_readings_of_the_new_count(decide, send, engine, zaehler):
    """The first reading after the exchange came late: the next one, 105 Wh, is stored as the third."""
    send((12, 5), (13, 105))
    assert decide(13, 14, "WECHSEL").json["entschieden"] == 1
    # The section begins with the 105 Wh: what was before it belongs to the old count.
    assert decide(12, 13, "UEBERNEHMEN").json["code"] == "zaehlerstand_faellt"
    assert decide(12, 13, "VERWERFEN").json["entschieden"] == 1
    assert energies(engine, zaehler)[-2:] == [900, 900]


def test_what_lies_in_the_future_waits(decide, engine, zaehler, uhr):
    morgen = messwert(VON + 1000 * 900, 2000)
    deliver(engine, zaehler, [morgen], EMPFANGEN, Grenzen(0, EMPFANGEN, None))
    antwort = decide(1000, 1001, "UEBERNEHMEN")
    assert (antwort.status_code, antwort.json["code"]) == (409, "ablesung_in_zukunft")
    uhr.jetzt = instant(1000)
    assert decide(1000, 1001, "UEBERNEHMEN").json == {"entschieden": 1, "offen": 0}


def test_what_is_not_understood(decide, send):
    send((5, 1520))
    for felder, feld in (
        ({"begruendung": ""}, "begruendung"),
        ({"entscheidung": "LOESCHEN"}, "entscheidung"),
        ({"wert_sha256": "xy"}, "wert_sha256"),
        ({"bis": "2026-06-10T08:00:00Z"}, "bis"),
        ({"anzahl": 1}, "anzahl"),
    ):
        antwort = decide(5, 6, **{"entscheidung": "VERWERFEN"} | felder)
        assert antwort.status_code == 422
        assert feld in str(antwort.json["errors"])


@pytest.mark.parametrize("entscheidung", ["UEBERNEHMEN", "WECHSEL", "ERNEUT_PRUEFEN"])
def test_the_nth_statement_fails(decide, send, engine, uhr, entscheidung):
    send((12, 3) if entscheidung == "WECHSEL" else (5, 1520))
    if entscheidung == "ERNEUT_PRUEFEN":
        with create_session(engine) as session:
            (stand,) = speicher.lock(session, [1]).values()
            speicher.remove(session, stand, [VON + 5 * 900], EMPFANGEN)
            session.commit()
    assert fail_each_statement(engine, lambda: decide(5, 13, entscheidung)) > 5


def test_who_may(client, welt, als, send, zaehler):
    send((5, 1520))
    kunde_id = welt.kunde()
    welt.zuordnung(kunde_id, zaehler, instant(0))
    daten = {
        "von": instant(5).isoformat(),
        "bis": instant(6).isoformat(),
        "entscheidung": "VERWERFEN",
        "begruendung": "x",
    }
    for rolle, person in everybody(als, kunde_id):
        erlaubt = {None: 401, "sachbearbeitung": 200, "wartung": 200}.get(rolle, 403)
        assert client.get("/v1/quarantaene", als=person).status_code == erlaubt
        assert client.get("/v1/quarantaene/gruende", als=person).status_code == erlaubt
        for nummer, gibt_es in ((zaehler, True), (999_999, False)):
            soll = erlaubt if gibt_es or erlaubt != 200 else 404
            pfad = f"/v1/stromzaehler/{nummer}"
            assert client.get(f"{pfad}/quarantaene", als=person).status_code == soll, rolle
            assert client.post(f"{pfad}/quarantaeneentscheidungen", json=daten, als=person).status_code == soll


def _hash(engine, bezug_wh):
    with create_session(engine, lesen=True) as session:
        spalte = select(Quarantaene.wert_sha256).where(Quarantaene.stromverbrauch_gesamt_wh == bezug_wh)
        return session.scalars(spalte).one().hex()
