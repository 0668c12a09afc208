"""Field types: what looks like a value and is none."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from betreiber import felder
from betreiber.zeit import format_zeitpunkt


@pytest.mark.parametrize(
    ("text", "erwartet"),
    [
        ("2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("2026-05-01t00:00:00z", "2026-05-01T00:00:00Z"),
        ("2026-05-01 00:00:00+02:00", "2026-04-30T22:00:00Z"),
        ("2026-05-01T00:00-23:59", "2026-05-01T23:59:00Z"),
        ("2026-05-01T00:00:00.5Z", "2026-05-01T00:00:00.500000Z"),
    ],
)
def test_instants(text, erwartet):
    assert format_zeitpunkt(felder.Zeitpunkt().deserialize(text)) == erwartet


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T00:00:00Z\x00",
        "2026-05-01T00:00:00Zx",
        " 2026-05-01T00:00:00Z",
        "2026-05-01T00:00:00+01:00:30",
        "2026-05-01T00:00:00+0100",
        "2026-05-01T00:00:00+99:00",
        "2026-05-01T24:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-05-01T00:0\u0660:00Z",
        "2026-05-01",
        "2026-W18-5T00:00:00Z",
        1_777_593_600,
        True,
    ],
)
def test_no_instants(text):
    with pytest.raises(ValidationError, match=r"^Ein Zeitpunkt wie"):
        felder.Zeitpunkt().deserialize(text)


def test_a_naive_time_is_told_what_it_lacks():
    with pytest.raises(ValidationError, match="braucht einen Versatz"):
        felder.Zeitpunkt().deserialize("2026-05-01T00:00:00")


@pytest.mark.parametrize("text", ["1970-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_instants_beyond_all_contracts(text):
    with pytest.raises(ValidationError, match="Das Jahr muss zwischen"):
        felder.Zeitpunkt().deserialize(text)


def test_decimals_have_limits_in_value_and_places():
    feld = felder.Dezimal(stellen=3, von="0.001", bis="99.999")
    assert str(feld.deserialize("99.999")) == "99.999"
    for text in ("0", "100", "-1", "1.0001", "NaN", "1e1", "1,5", "", 1.5, 1, True):
        with pytest.raises(ValidationError):
            feld.deserialize(text)


ANTEIL = felder.Dezimal(stellen=2, von="0", bis="1")


class Farbe(StrEnum):
    """A closed list."""

    ROT = "ROT"
    BLAU = "BLAU"


GUT = [
    (felder.Text(), "Köln", "Köln"),
    (felder.Text(), "  Köln\n", "Köln"),
    (felder.Text(), "Ko\u0308ln", "Köln"),
    (felder.Text(), "o'Neill; DROP TABLE kunde", "o'Neill; DROP TABLE kunde"),
    (felder.Text(), "=1+1", "=1+1"),
    (felder.Text(), "\U0001f600", "\U0001f600"),
    (felder.Text(hoechstens=2), "u\u0308u\u0308", "üü"),
    (felder.Text(muster=r"[0-9]{5}"), "50667", "50667"),
    (felder.Text(allow_none=True), None, None),
    (felder.Geheimnis(), " Leerzeichen \x00 und NUL ", " Leerzeichen \x00 und NUL "),
    (felder.Geheimnis(mindestens=3, hoechstens=3), "äöü", "äöü"),
    (felder.Ganzzahl(), 0, 0),
    (felder.Ganzzahl(), 2**63 - 1, 2**63 - 1),
    (felder.Ganzzahl(von=-5, bis=5), -5, -5),
    (felder.Ganzzahl(aus_text=True), "007", 7),
    (felder.Ganzzahl(aus_text=True), "-3", -3),
    (felder.Kennung(), 1, 1),
    (felder.Wahrheitswert(), True, True),
    (felder.Wahrheitswert(), False, False),
    (felder.Wahrheitswert(aus_text=True), "true", True),
    (felder.Wahrheitswert(aus_text=True), "false", False),
    (felder.Zeitpunkt(viertelstunde=True), "2026-05-01T00:15:00Z", datetime(2026, 5, 1, 0, 15, tzinfo=UTC)),
    (felder.Datum(), "2028-02-29", date(2028, 2, 29)),
    (felder.Datum(), "1871-01-01", date(1871, 1, 1)),
    (felder.Dezimal(stellen=2, von="-1", bis="1"), "-0.50", Decimal("-0.50")),
    (ANTEIL, "1.0000", Decimal("1.0000")),
    (felder.Auswahl(Farbe), "ROT", Farbe.ROT),
    (felder.Auswahl(Farbe, allow_none=True), None, None),
    (felder.Auswahl(Farbe, load_default=Farbe.BLAU), "BLAU", Farbe.BLAU),
    (felder.PostleitzahlAnfang(), "50", "50"),
    (felder.EMail(), "o'neill+tag.x@mail.example-1.org", "o'neill+tag.x@mail.example-1.org"),
]


@pytest.mark.parametrize(("feld", "eingabe", "wert"), GUT)
def test_good_values(feld, eingabe, wert):
    gelesen = feld.deserialize(eingabe)
    assert gelesen == wert
    assert type(gelesen) is type(wert)


SCHLECHT = [
    (felder.Text(), 1, "Ein Text wird erwartet."),
    (felder.Text(), True, "Ein Text wird erwartet."),
    (felder.Text(), ["a"], "Ein Text wird erwartet."),
    (felder.Text(), {"a": 1}, "Ein Text wird erwartet."),
    (felder.Text(), None, "Darf nicht null sein."),
    (felder.Text(), " \t\u00a0", "Darf nicht leer sein."),
    (felder.Text(hoechstens=3), "vier", "Höchstens 3 Zeichen."),
    (felder.Text(muster=r"[0-9]{5}"), "5066", "Ungültiges Format."),
    (felder.Text(muster=r"[0-9]{5}", hinweis="Fünf Ziffern."), "\u0665" * 5, "Fünf Ziffern."),
    *[
        (felder.Text(), f"a{zeichen}b", "Enthält unzulässige Zeichen.")
        for zeichen in "\x00\x07\n\r\t\x1b\x7f\x85\ud800\udfff\u2028\u2029\u202e\u2066\ue000\uffff\U0010ffff"
    ],
    (felder.Geheimnis(), "", "1 bis 200 Zeichen."),
    (felder.Geheimnis(mindestens=12), "elf Zeichen", "12 bis 200 Zeichen."),
    (felder.Geheimnis(), "x" * 201, "1 bis 200 Zeichen."),
    (felder.Geheimnis(), "\ud800", "Enthält unzulässige Zeichen."),
    (felder.Geheimnis(), 123456789012, "Ein Text wird erwartet."),
    *[
        (felder.Ganzzahl(), wert, "Eine ganze Zahl wird erwartet.")
        for wert in (1.9, 1.0, True, False, "1", "", "x", [1], {"a": 1}, float("nan"), float("inf"))
    ],
    *[
        (felder.Ganzzahl(aus_text=True), wert, "Eine ganze Zahl wird erwartet.")
        for wert in ("1.0", "", "+1", " 1", "1 ", "1e3", "0x1", "1_000", "\u0661", "9" * 20, "--1", "1\n", "1\x00")
    ],
    (felder.Ganzzahl(), 2**63, f"Muss zwischen {1 - 2**63} und {2**63 - 1} liegen."),
    (felder.Ganzzahl(aus_text=True, von=1, bis=5), "9" * 19, "Muss zwischen 1 und 5 liegen."),
    (felder.Kennung(), 0, f"Muss zwischen 1 und {2**63 - 1} liegen."),
    *[
        (felder.Wahrheitswert(), wert, "true oder false wird erwartet.")
        for wert in (0, 1, "true", "false", "", "ja", 1.0, [], {})
    ],
    *[
        (felder.Wahrheitswert(aus_text=True), wert, "true oder false wird erwartet.")
        for wert in ("TRUE", "1", "", "ja", [])
    ],
    (felder.Zeitpunkt(), None, "Darf nicht null sein."),
    (
        felder.Zeitpunkt(viertelstunde=True),
        "2026-05-01T00:15:01Z",
        "Muss auf einer Viertelstunde liegen (:00, :15, :30, :45).",
    ),
    *[
        (felder.Datum(), wert, "Ein Datum wie 2026-01-31 wird erwartet.")
        for wert in ("2026-2-1", "20260201", "2026-02-01T00:00:00Z", "01.02.2026", "", 20260201)
    ],
    *[(felder.Datum(), wert, "Diesen Tag gibt es nicht.") for wert in ("2026-02-29", "2020-02-31", "2026-13-01")],
    *[
        (felder.Datum(), f"{jahr}-01-01", "Das Jahr ist nicht plausibel.")
        for jahr in ("0001", "1870", "2200", "9999")
    ],
    *[
        (ANTEIL, wert, 'Eine Dezimalzahl als Text wird erwartet, zum Beispiel "14.490".')
        for wert in ("1e1", "NaN", "Infinity", "-Infinity", "0,5", ".5", "1.", "+1", "", " 1", "\u0661", "1" * 16)
    ],
    (ANTEIL, "0.001", "Höchstens 2 Nachkommastellen."),
    (ANTEIL, "1.01", "Muss zwischen 0 und 1 liegen."),
    (ANTEIL, "-0.01", "Muss zwischen 0 und 1 liegen."),
    (felder.Auswahl(Farbe), "rot", "Erlaubt sind: ROT, BLAU."),
    (felder.Auswahl(Farbe), "", "Erlaubt sind: ROT, BLAU."),
    (felder.Auswahl(Farbe), 1, "Ein Text wird erwartet."),
    (felder.Auswahl(Farbe), ["ROT"], "Ein Text wird erwartet."),
    *[(felder.Liste(felder.Kennung()), wert, "Eine Liste wird erwartet.") for wert in ("x", 1, {})],
    (felder.PostleitzahlAnfang(), "506670", "Höchstens 5 Zeichen."),
    (felder.PostleitzahlAnfang(), "5%", "1 bis 5 Ziffern werden erwartet."),
    *[
        (felder.EMail(), wert, "Eine E-Mail-Adresse ohne Umlaute wird erwartet.")
        for wert in (
            "erika", "@example.org", "erika@", "erika@example", "a b@example.org", "a@b@example.org", "a@.org",
            ".a@example.org", "a.@example.org", "a..b@example.org", "müller@example.org", "erika@bücher.example",
            "=?utf-8?q?x?=@example.org", "a@example.org,b@example.org", "<a@example.org>", "a@[127.0.0.1]",
            "x" * 65 + "@example.org",
        )
    ],
    (felder.EMail(), "x@" + "a" * 63 + ".b" * 100, "Höchstens 254 Zeichen."),
]  # fmt: skip


@pytest.mark.parametrize(("feld", "eingabe", "meldung"), SCHLECHT)
def test_bad_values(feld, eingabe, meldung):
    with pytest.raises(ValidationError) as fehler:
        feld.deserialize(eingabe)
    assert fehler.value.messages == [meldung]


@pytest.mark.parametrize(
    "feld",
    [
        felder.Text(required=True),
        felder.Geheimnis(required=True),
        felder.Ganzzahl(required=True),
        felder.Wahrheitswert(required=True),
        felder.Zeitpunkt(required=True),
        felder.Datum(required=True),
        felder.Dezimal(stellen=2, von="0", bis="1", required=True),
        felder.Auswahl(Farbe, required=True),
        felder.EMail(required=True),
        felder.Liste(felder.Kennung(), required=True),
        felder.Teil(felder.StrengesSchema, required=True),
    ],
)
def test_a_missing_value_is_told_in_german(feld):
    schema = felder.StrengesSchema.from_dict({"feld": feld})()
    for daten, meldung in (({}, "Pflichtfeld fehlt."), ({"feld": None}, "Darf nicht null sein.")):
        with pytest.raises(ValidationError) as fehler:
            schema.load(daten)
        assert fehler.value.messages == {"feld": [meldung]}


def test_a_secret_is_never_given_out():
    schema = felder.StrengesSchema.from_dict({"passwort": felder.Geheimnis()})()
    assert schema.dump({"passwort": "geheim"}) == {}


def test_an_instant_that_is_none_is_given_out_as_null():
    schema = felder.StrengesSchema.from_dict({"bis": felder.Zeitpunkt(), "preis": ANTEIL})()
    assert schema.dump({"bis": None, "preis": None}) == {"bis": None, "preis": None}


def test_there_is_no_negative_zero():
    assert str(ANTEIL.deserialize("-0.00")) == "0.00"


AB, BIS = datetime(1971, 1, 2), datetime(2199, 12, 30)  # noqa: DTZ001 - hypothesis wants naive limits


@given(st.datetimes(AB, BIS, timezones=st.timezones()))
def test_instants_survive_the_round_trip(zeitpunkt):
    """Given out in UTC and read again: the same instant, to the microsecond."""
    schema = felder.StrengesSchema.from_dict({"von": felder.Zeitpunkt()})()
    hinaus = schema.dump({"von": zeitpunkt})
    assert hinaus["von"].endswith("Z")
    herein = schema.load(hinaus)["von"]
    # Compared in UTC: a local time that a change of clocks skips equals nothing, not even itself elsewhere.
    assert herein == zeitpunkt.astimezone(UTC)
    assert herein.tzinfo is UTC
    assert schema.dump({"von": herein}) == hinaus


@given(st.decimals(Decimal("-99999.9999"), Decimal("99999.9999"), places=4))
def test_decimals_survive_the_round_trip(zahl):
    schema = felder.StrengesSchema.from_dict(
        {"preis": felder.Dezimal(stellen=4, von="-99999.9999", bis="99999.9999")}
    )()
    hinaus = schema.dump({"preis": zahl})
    assert isinstance(hinaus["preis"], str)
    assert schema.load(hinaus)["preis"] == zahl


@given(st.text(max_size=50))
def test_a_text_that_is_taken_can_be_stored_and_taken_again(text):
    feld = felder.Text()
    try:
        gelesen = feld.deserialize(text)
    except ValidationError:
        return
    gelesen.encode()
    assert "\x00" not in gelesen
    assert gelesen.splitlines() == [gelesen]
    assert feld.deserialize(gelesen) == gelesen
