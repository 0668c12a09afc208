"""Verbrauch as JSON and CSV: pure encoders, and the two routes that send what they make."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betreiber.extensions import send_file
from betreiber.verbrauch.ausgabe import encode_csv, encode_json, file_name, neutralize
from betreiber.verbrauch.domain import Reihe, Verbrauchswert, Wertqualitaet, Zahlenformat
from betreiber.verbrauch.schemas import ReiheSchema
from betreiber.zeit import BERLIN, Aufloesung, format_zeitpunkt
from tests.kanal import reihe as ablesungen
from tests.sql_fehler import failing_statement

# 2026-10-25 in Europe/Berlin: 02:00 to 03:00 comes twice, first at 00:00Z with +02:00.
ZEITUMSTELLUNG = datetime(2026, 10, 24, 23, 45, tzinfo=UTC)
VIERTEL = timedelta(minutes=15)
JANUAR = 1767225600  # 2026-01-01T00:00:00Z
ABGELESEN, FEHLT = Wertqualitaet.ABGELESEN, Wertqualitaet.FEHLT


def as_reihe(werte, **felder):
    summe = Verbrauchswert(werte[0].von, werte[-1].bis, 5, 0, ABGELESEN, 3, 3, 0, 0)
    standard = {
        "stromzaehler_id": 7,
        "zaehlernummer": "1EMH0012345678",
        "von": werte[0].von,
        "bis": werte[-1].bis,
        "aufloesung": Aufloesung.VIERTELSTUNDE,
        "stand": None,
        "werte": iter(werte),
        "summe": summe,
    }
    return Reihe(**standard | felder)


def doubled_hour():
    """The quarter hours from 01:45+02:00 to 02:15+01:00, the last but one without a reading."""
    energien = [(1500, 0), (0, 250), (-40, 0), (123_456_789, 0), (None, None), (7, 0)]
    return [
        Verbrauchswert(
            ZEITUMSTELLUNG + stelle * VIERTEL,
            ZEITUMSTELLUNG + (stelle + 1) * VIERTEL,
            *energie,
            FEHLT if energie[0] is None else ABGELESEN,
            1,
            *((0, 0, 1) if energie[0] is None else (1, 0, 0)),
        )
        for stelle, energie in enumerate(energien)
    ]


zeitpunkte = st.integers(0, 2**31).map(lambda n: datetime.fromtimestamp(n * 900 % 2**31 // 900 * 900, UTC))
mengen = st.none() | st.integers(-(2**63), 2**63 - 1)
anzahlen = st.integers(0, 40_000)
verbrauchswerte = st.builds(
    Verbrauchswert,
    zeitpunkte,
    zeitpunkte,
    mengen,
    mengen,
    st.sampled_from(Wertqualitaet),
    anzahlen,
    anzahlen,
    anzahlen,
    anzahlen,
)


@given(st.lists(verbrauchswerte, max_size=8), verbrauchswerte, st.sampled_from(Aufloesung), st.none() | zeitpunkte)
def test_json_is_what_the_schema_says(werte, summe, aufloesung, stand):
    felder = (7, "1EMH0012345678", summe.von, summe.bis, aufloesung, stand)
    text = b"".join(encode_json(Reihe(*felder, iter(werte), summe)))
    assert json.loads(text) == ReiheSchema().dump(Reihe(*felder, werte, summe))


@given(zeitpunkte, st.integers(1, 700))
def test_a_row_of_quarter_hours_has_the_same_instants(von, anzahl):
    """They are written a day at a time."""
    kanten = [von + stelle * VIERTEL for stelle in range(anzahl + 1)]
    werte = [Verbrauchswert(*kante, 1, 0, ABGELESEN, 1, 1, 0, 0) for kante in pairwise(kanten)]
    erwartet = [{"von": format_zeitpunkt(wert.von), "bis": format_zeitpunkt(wert.bis)} for wert in werte]
    gelesen = json.loads(b"".join(encode_json(as_reihe(werte))))["werte"]
    assert [{"von": wert["von"], "bis": wert["bis"]} for wert in gelesen] == erwartet
    text = b"".join(encode_csv(as_reihe(werte), Zahlenformat.INT)).decode()
    orte = [kante.astimezone(BERLIN).isoformat(" ") for kante in kanten]
    assert [zeile.split(",")[1:5] for zeile in text.splitlines()[1:]] == [
        [beginn[:19], f"UTC{beginn[19:]}", ende[:19], f"UTC{ende[19:]}"] for beginn, ende in pairwise(orte)
    ]


def test_more_values_than_a_piece_holds_are_all_there():
    werte = doubled_hour() * 300
    assert len(json.loads(b"".join(encode_json(as_reihe(werte))))["werte"]) == 1800
    assert b"".join(encode_csv(as_reihe(werte), Zahlenformat.DE)).count(b"\r\n") == 1801


def test_csv_for_a_german_spreadsheet():
    text = b"".join(encode_csv(as_reihe(doubled_hour()), Zahlenformat.DE)).decode("ascii")
    kopf, *zeilen, ende = text.split("\r\n")
    assert kopf == (
        "zaehlernummer;von;von_versatz;bis;bis_versatz;bezug_kwh;einspeisung_kwh;bezug_kw;einspeisung_kw;qualitaet"
        ";erwartet;vorhanden;ersetzt;fehlend"
    )
    assert ende == ""
    zaehler, sommer, winter = "1EMH0012345678;2026-10-25 ", ":00;UTC+02:00;2026-10-25 ", ":00;UTC+01:00"
    assert zeilen == [
        f"{zaehler}01:45{sommer}02:00:00;UTC+02:00;1,500;0,000;6,000;0,000;ABGELESEN;1;1;0;0",
        f"{zaehler}02:00{sommer}02:15:00;UTC+02:00;0,000;0,250;0,000;1,000;ABGELESEN;1;1;0;0",
        f"{zaehler}02:15{sommer}02:30:00;UTC+02:00;-0,040;0,000;-0,160;0,000;ABGELESEN;1;1;0;0",
        f"{zaehler}02:30{sommer}02:45:00;UTC+02:00;123456,789;0,000;493827,156;0,000;ABGELESEN;1;1;0;0",
        f"{zaehler}02:45{sommer}02:00{winter};;;;;FEHLT;1;0;0;1",
        f"{zaehler}02:00{winter};2026-10-25 02:15{winter};0,007;0,000;0,028;0,000;ABGELESEN;1;1;0;0",
    ]


def test_csv_for_everybody_else():
    text = b"".join(encode_csv(as_reihe(doubled_hour()), Zahlenformat.INT)).decode("ascii")
    zeilen = list(csv.DictReader(io.StringIO(text)))
    assert [zeile["bezug_kwh"] for zeile in zeilen] == ["1.500", "0.000", "-0.040", "123456.789", "", "0.007"]
    # What a program makes of an instant and its offset is the instant.
    beginn = [datetime.fromisoformat(zeile["von"] + zeile["von_versatz"].removeprefix("UTC")) for zeile in zeilen]
    assert beginn == [ZEITUMSTELLUNG + stelle * VIERTEL for stelle in range(6)]


def test_mean_power_of_a_day_is_rounded_to_watts():
    # 10,000 Wh in 25 hours are 400 W; 10,013 Wh are 400.52 W.
    von = datetime(2026, 10, 24, 22, tzinfo=UTC)
    tage = [
        Verbrauchswert(von, von + timedelta(hours=25), wh, 0, ABGELESEN, 100, 100, 0, 0) for wh in (10_000, 10_013)
    ]
    text = b"".join(encode_csv(as_reihe(tage), Zahlenformat.DE)).decode()
    assert [zeile.split(";")[7] for zeile in text.splitlines()[1:]] == ["0,400", "0,401"]


@pytest.mark.parametrize("boese", ["=1+1", "+49", "-1", "@SUMME(A1)", "\tx", "\rx"])
def test_no_text_is_taken_for_a_formula(boese):
    assert neutralize(boese) == "'" + boese
    text = b"".join(encode_csv(as_reihe(doubled_hour(), zaehlernummer=boese), Zahlenformat.INT)).decode()
    assert all(zeile["zaehlernummer"] == "'" + boese for zeile in csv.DictReader(io.StringIO(text, newline="")))


def test_a_text_with_a_separator_stays_one_cell():
    text = b"".join(encode_csv(as_reihe(doubled_hour(), zaehlernummer='a;"b"'), Zahlenformat.DE)).decode()
    assert next(csv.DictReader(io.StringIO(text), delimiter=";"))["zaehlernummer"] == 'a;"b"'


def test_the_file_is_named_after_the_local_days():
    von = datetime(2025, 12, 31, 23, tzinfo=UTC)
    jahr = as_reihe(doubled_hour(), von=von, bis=von + timedelta(days=365))
    assert file_name(jahr) == "verbrauch_1EMH0012345678_2026-01-01_2026-12-31.csv"


@pytest.fixture
def zaehler(welt, kunde, ablage):
    """Two hours of 100 Wh a quarter hour; the customer has the meter since the second hour."""
    stromzaehler_id = welt.stromzaehler()
    welt.zuordnung(kunde, stromzaehler_id, datetime.fromtimestamp(JANUAR + 3600, UTC))
    ablage(stromzaehler_id, ablesungen(JANUAR, 5000, [100] * 8))
    return stromzaehler_id


FRAGE = {"von": "2026-01-01T00:00:00Z", "bis": "2026-01-01T02:00:00Z"}


def ask(client, zaehler, als, **frage):
    return client.get(f"/v1/stromzaehler/{zaehler}/verbrauchsdatei", query_string=FRAGE | frage, als=als)


def test_customers_save_their_own_part(client, als, zaehler, kunde, welt):
    antwort = ask(client, zaehler, als("kunde", kunde_id=kunde))
    assert (antwort.status_code, antwort.mimetype) == (200, "text/csv")
    assert "filename=verbrauch_" in antwort.headers["Content-Disposition"]
    assert int(antwort.headers["Content-Length"]) == len(antwort.data)
    zeilen = list(csv.DictReader(io.StringIO(antwort.text), delimiter=";"))
    assert [zeile["von"] for zeile in zeilen] == [f"2026-01-01 02:{minute:02}:00" for minute in (0, 15, 30, 45)]
    assert len(ask(client, zaehler, als("sachbearbeitung"), zahlen="int").text.splitlines()) == 9
    assert ask(client, zaehler, als("kunde", kunde_id=welt.kunde())).status_code == 404


@pytest.mark.parametrize("frage", [{"zahlen": "fr"}, {"format": "xlsx"}, {"bis": FRAGE["von"]}])
def test_a_wrong_question_is_refused(client, als, zaehler, frage):
    antwort = ask(client, zaehler, als("sachbearbeitung"), **frage)
    assert (antwort.status_code, antwort.mimetype) == (422, "application/problem+json")


@pytest.mark.parametrize("pfad", ["verbrauch", "verbrauchsdatei"])
def test_a_failure_in_the_middle_is_a_refusal_and_not_half_an_answer(client, als, zaehler, pfad):
    person, adresse = als("sachbearbeitung"), f"/v1/stromzaehler/{zaehler}/{pfad}"
    frage = FRAGE | {"aufloesung": "viertelstunde"}
    nummer, gescheitert = 0, 0
    while True:
        nummer += 1
        with failing_statement(nummer) as geschehen:
            antwort = client.get(adresse, query_string=frage, als=person)
        if not geschehen:
            break
        assert (antwort.status_code, antwort.mimetype) == (503, "application/problem+json"), geschehen
        gescheitert += 1
    assert antwort.status_code == 200
    assert gescheitert > 4


def test_nothing_stays_open_when_the_client_goes_away(app):
    """What is made is made before the first byte goes out: no connection of the database waits for a client."""
    gemacht = []

    def stuecke():
        for stelle in range(3):
            gemacht.append(stelle)
            yield b"x" * 300_000

    with app.test_request_context():
        antwort = send_file(stuecke(), "text/csv")
        assert gemacht == [0, 1, 2]
        rest = iter(antwort.response)
        assert (len(next(rest)), antwort.content_length) == (262_144, 900_000)
        antwort.close()
        assert list(rest) == []


def test_what_cannot_be_made_raises(app):
    def stuecke():
        yield b"{"
        raise OSError("no space left")

    with app.test_request_context(), pytest.raises(OSError, match="no space"):
        send_file(stuecke(), "application/json")
