"""What stands in a file: CSV and MSCONS, good ones, damaged ones and malicious ones. Pure."""

import json
import re
from io import BytesIO
from pathlib import Path

import pytest

from betreiber.ablesung.domain import Qualitaet
from betreiber.errors import EingabeUngueltig
from betreiber.importlauf.csv_datei import read_csv
from betreiber.importlauf.domain import Fehlzeile, Intervall, Messzeile
from betreiber.importlauf.edifact import parse
from betreiber.importlauf.mscons import read_mscons
from betreiber.importlauf.quelle import open_quelle
from tests.importlauf.hilfen import MELO, NUMMER, mscons, mscons_werte

REALDATEN = Path(__file__).parents[3] / "shared/realdaten/edifact"
KOPF = "zaehlernummer;messzeitpunkt;bezug_gesamt_wh;einspeisung_gesamt_wh"
# 2026-10-25T00:15:00Z, the first 02:15 of that day in Berlin; the second is an hour later.
ZEIT = 1792887300


def lines(text, kopf=KOPF):
    inhalt = text if isinstance(text, bytes) else text.encode()
    return list(read_csv(BytesIO(kopf.encode() + b"\n" + inhalt)))


def test_registers_of_the_doubled_hour_are_two():
    sommer, winter = "2026-10-25T02:15:00+02:00", "2026-10-25T02:15+01:00"
    assert lines(f"{NUMMER};{sommer};1000;5\r\n1 EMH 00 1234 5678;{winter};1010;5\r\n") == [
        Messzeile(2, NUMMER, ZEIT, 1000, 5, None),
        Messzeile(3, NUMMER, ZEIT + 3600, 1010, 5, None),
    ]


@pytest.mark.parametrize(
    ("kopf", "zeile", "erwartet"),
    [
        (KOPF + ";leistung_w", f"{NUMMER};2026-10-25T00:15:00Z;1;2;-480", Messzeile(2, NUMMER, ZEIT, 1, 2, -480)),
        (KOPF + ";leistung_w", f"{NUMMER};2026-10-25T00:15:00Z;1;2;", Messzeile(2, NUMMER, ZEIT, 1, 2, None)),
        (
            "\ufeff" + KOPF.replace(";", ",").replace("_wh", "_kwh").upper(),
            f'{NUMMER},2026-10-25 00:15:00Z,"1,5",0.250',
            Messzeile(2, NUMMER, ZEIT, 1500, 250, None),
        ),
        (
            "zaehlernummer;von;bezug_kwh",
            f"{NUMMER};2026-10-25T00:15:00Z;0,1250",
            Intervall(2, NUMMER, ZEIT, ZEIT + 900, 125, 0, Qualitaet.ABGELESEN),
        ),
        (
            "einspeisung_wh,bezug_wh,von,zaehlernummer",
            f"7,8,2026-10-25T00:15:00Z,{NUMMER}",
            Intervall(2, NUMMER, ZEIT, ZEIT + 900, 8, 7, Qualitaet.ABGELESEN),
        ),
    ],
)
def test_columns_are_found_by_their_names(kopf, zeile, erwartet):
    assert lines(zeile, kopf) == [erwartet]


@pytest.mark.parametrize(
    ("zeile", "hinweis"),
    [
        (f"{NUMMER};2026-10-25T02:15:00;1;2", "hat keinen Versatz"),
        (f"{NUMMER};25.10.2026 02:15;1;2", "ist kein Zeitpunkt"),
        (f"{NUMMER};2026-02-30T02:15:00Z;1;2", "gibt es nicht"),
        (f"{NUMMER};0001-01-01T00:00:00+02:00;1;2", "gibt es nicht"),
        (f"{NUMMER};9999-12-31T23:45:00-01:00;1;2", "gibt es nicht"),
        (f"{NUMMER};2026-10-25T02:15:00Z;1,5;2", "keine ganze Zahl von Wh"),
        (f"{NUMMER};2026-10-25T02:15:00Z;-1;2", "liegen nicht zwischen 0"),
        (f"{NUMMER};2026-10-25T02:15:00Z;1;2;3", "5 Spalten statt 4"),
        (f'"{NUMMER};2026-10-25T02:15:00Z;1;2', "Anführungszeichen"),
        ("1EMH00;2026-10-25T02:15:00Z;1;2", "ist keine Zählernummer"),
        (f"{NUMMER};2026-10-25T02:15:00Z;1\0;2", "Nullzeichen"),
        (b"\xff\xfe;2026-10-25T02:15:00Z;1;2", "Kein gültiges UTF-8"),
        (f"{NUMMER};2026-10-25T02:15:00Z;{'9' * 20_000};2", "Mehr als 4096 Zeichen"),
    ],
)
def test_a_line_that_cannot_be_used_says_why_and_holds_up_no_other(zeile, hinweis):
    gut = f"\n{NUMMER};2026-10-25T00:15:00Z;1;2\n".encode()
    schlecht, naechste = lines((zeile if isinstance(zeile, bytes) else zeile.encode()) + gut)
    assert isinstance(schlecht, Fehlzeile)
    assert (schlecht.position, naechste) == (2, Messzeile(3, NUMMER, ZEIT, 1, 2, None))
    assert hinweis in schlecht.hinweis


@pytest.mark.parametrize("wert", ["0,1255", "1.234,5", "", "1e3", "٣"])
def test_kilowatt_hours_are_whole_watt_hours_or_nothing(wert):
    (zeile,) = lines(f"{NUMMER};2026-10-25T02:15:00Z;{wert}", "zaehlernummer;von;bezug_kwh")
    assert isinstance(zeile, Fehlzeile)


@pytest.mark.parametrize(
    ("inhalt", "hinweis"),
    [
        (b"", "keine Kopfzeile"),
        (b"PK\x03\x04\0\0\0", "keine Kopfzeile"),
        (b"x" * 5000, "keine Kopfzeile"),
        ("zaehlernummer;von;bezug_wh".encode("utf-16"), "UTF-16"),
        (b"zaehlernummer;datum;wert\n", "Kopfzeile braucht"),
        (KOPF.encode() + b";preis\n", "Unbekannte Spalten: preis"),
        (KOPF.encode() + b";bezug_gesamt_kwh\n", "doppelt"),
        (b"zaehlernummer;messzeitpunkt;bezug_gesamt_wh\n", "fehlt: einspeisung_gesamt_wh"),
    ],
)
def test_a_file_that_is_none_of_the_two_is_refused(inhalt, hinweis):
    with pytest.raises(EingabeUngueltig, match=hinweis):
        list(read_csv(BytesIO(inhalt)))


def test_a_published_message_says_what_is_expected():
    if not REALDATEN.is_dir():
        pytest.skip("the folder with real data is not here")
    erwartet = json.loads((REALDATEN / "expected_dev.json").read_text())["MSCONS_TL_SAMPLE01.txt"]
    uebertragung = parse((REALDATEN / "MSCONS_TL_SAMPLE01.txt").read_bytes())
    assert uebertragung.referenz == erwartet["ref"]
    (reihe,) = erwartet["series"]
    werte = read_mscons(uebertragung)
    assert {wert.ort for wert in werte} == {reihe["loc"]}
    assert len(werte) == reihe["n"]
    assert sum(wert.bezug_wh for wert in werte) == 680_282  # 680.282 kWh
    assert (werte[0].von, werte[-1].bis) == (1448924400, 1451602800)  # December 2015 in Berlin
    assert {wert.qualitaet for wert in werte} == {Qualitaet.ABGELESEN}


def test_a_published_message_with_a_wrong_count_is_refused():
    if not REALDATEN.is_dir():
        pytest.skip("the folder with real data is not here")
    with pytest.raises(EingabeUngueltig, match="UNT nennt 2 Segmente, es sind aber 23"):
        parse((REALDATEN / "mscons-message-example-simple.txt").read_bytes())


MAI = "2026-05-01T00:00:00+02:00"
GUT = mscons(["1-1:1.29.0", *mscons_werte(MAI, ["0.125"])])


def test_a_message_is_read():
    (wert,) = read_mscons(parse(GUT))
    assert wert == Intervall(10, MELO, 1777586400, 1777587300, 125, 0, Qualitaet.ABGELESEN)


@pytest.mark.parametrize(
    ("alt", "neu", "hinweis"),
    [
        (b"UNT+12+1", b"UNT+12+2", "UNT nennt die Referenz '2'"),
        (b"UNZ+1+ABC", b"UNZ+2+ABC", "UNZ nennt 2 Nachrichten"),
        (b"UNZ+1+ABC", b"UNZ+1+ABD", "UNZ nennt die Referenz 'ABD'"),
        (b"UNZ+1+ABC'", b"", "unvollst"),
        (b"UNZ+1+ABC'", b"UNZ+1+ABC", "kein Ende"),
        (b"UNT+12+1'\r\n", b"", "kein UNT"),
        (b"UNA:+.? '", b"UNA::::::", "UNA"),
        (b"BGM+7", b"BGM\0+7", "Nullzeichen"),
        (b"BGM+7+MSI5422+9", b"BGM+7+MSI5422+1", "kein Original"),
        (b"UNH+1+MSCONS", b"UNH+1+UTILMD", "keine MSCONS"),
        (b"UNH+1+MSCONS", b"UNH+1+MSCONS" + b"X" * 5000, "zu lang"),
        (b"UNH+1+MSCONS", b"UNH+1+MSCONS" + b"?X" * 5000, "zu lang"),
    ],
)
def test_a_damaged_interchange_is_refused_as_a_whole(alt, neu, hinweis):
    assert alt in GUT
    with pytest.raises(EingabeUngueltig, match=hinweis):
        read_mscons(parse(GUT.replace(alt, neu)))


@pytest.mark.parametrize(
    ("alt", "neu", "hinweis"),
    [
        (b"QTY+220:0.125", b"QTY+20:0.125", "Art des Wertes '20'"),
        (b"QTY+220:0.125", b"QTY+220:0.125:D54", "Einheit 'D54'"),
        (b"QTY+220:0.125", b"QTY+220:0.1255", "keine ganzen Wh"),
        (b"QTY+220:0.125", b"QTY+220:-0.125", "keine Menge von kWh"),
        (b"1.29.0", b"1.8.0", "kein Lastgang"),
        (b"LOC+172", b"LOC+237", "statt 172"),
        (b"DTM+164:202604302215?+00:303", b"DTM+164:202604302215:203", "keinen Versatz"),
        (b"DTM+164:202604302215", b"DTM+164:202602302215", "gibt es nicht"),
        (b"DTM+164:202604302215?+00", b"DTM+164:999912312345?-01", "gibt es nicht"),
        (b"DTM+164", b"DTM+165", r"fehlt DTM\+164"),
    ],
)
def test_a_value_that_cannot_be_used_says_why(alt, neu, hinweis):
    assert alt in GUT
    (satz,) = read_mscons(parse(GUT.replace(alt, neu)))
    assert isinstance(satz, Fehlzeile)
    assert re.search(hinweis, satz.hinweis)


def test_una_chooses_the_signs_and_a_released_sign_is_a_letter():
    segmente = ["UNB|UNOC;3|a|b|x|R#|1", "UNH|1|MSCONS", "FTX|Ä# ist ##1#;#|", "UNT|3|1", "UNZ|1|R#|1"]
    text = "UNA;|,# ~" + "~\n".join(segmente) + "~"
    uebertragung = parse(text.encode("latin-1"))
    assert (uebertragung.referenz, uebertragung.dezimalzeichen) == ("R|1", ",")
    assert uebertragung.nachrichten[0].segmente[0].elemente == (("Ä ist #1;|",),)


def test_a_value_belongs_to_what_was_named_before_it():
    datei = mscons(
        [
            "1-1:1.29.0",
            *mscons_werte(MAI, ["0.1"]),
            "PIA+5+1-1?:2.29.0:SRW",
            *mscons_werte(MAI, ["0.2"]),
            "LOC+172+X",
        ]
    )
    (wert,) = read_mscons(parse(datei))
    assert (wert.ort, wert.bezug_wh, wert.einspeisung_wh) == (MELO, 100, 200)


@pytest.mark.parametrize(
    ("gruppe", "hinweis"), [(["NAD+DP", "LIN+1", "PIA+5+1-1?:1.29.0"], "Der Ort"), (["LIN+2"], "Die Kennzahl ''")]
)
def test_a_value_inherits_nothing_from_the_group_before(gruppe, hinweis):
    reihe = [*mscons_werte(MAI, ["0.1"]), *gruppe, *mscons_werte("2026-05-01T00:15:00+02:00", ["0.1"])]
    gut, schlecht = read_mscons(parse(mscons(["1-1:1.29.0", *reihe])))
    assert (gut.bezug_wh, type(schlecht)) == (100, Fehlzeile)
    assert hinweis in schlecht.hinweis


def test_feed_in_that_is_said_twice_is_not_lost():
    bezug, einspeisung = mscons_werte(MAI, ["0.1"]), [*mscons_werte(MAI, ["0.2"]), *mscons_werte(MAI, ["0.3"])]
    saetze = read_mscons(parse(mscons(["1-1:1.29.0", *bezug], ["1-1:2.29.0", *einspeisung])))
    # The second one overlaps the first: the series contradicts itself, and is refused as a whole.
    assert [(satz.von, satz.einspeisung_wh) for satz in saetze] == [(1777586400, 200), (1777586400, 300)]


def test_a_direction_without_the_other_one_is_a_gap():
    bezug, einspeisung = mscons_werte(MAI, ["0.1", "0.2"]), mscons_werte(MAI, ["0.3"])
    saetze = read_mscons(parse(mscons(["1-1:1.29.0", *bezug], ["1-1:2.29.0", *einspeisung])))
    assert [type(satz).__name__ for satz in saetze] == ["Intervall", "Fehlzeile"]
    assert (saetze[0].bezug_wh, saetze[0].einspeisung_wh) == (100, 300)


def test_a_test_interchange_is_only_tried():
    datei = mscons(["1-1:1.29.0", *mscons_werte(MAI, ["0.125"])], test="1")
    with pytest.raises(EingabeUngueltig, match="Test"):
        open_quelle(BytesIO(datei))
    assert len(list(open_quelle(BytesIO(datei), test_erlaubt=True).read())) == 1
