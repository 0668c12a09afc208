"""Files as they come: what can be read of them, and what is told of the rest."""

from io import BytesIO

import pytest

from betreiber.bestand.datei import Bestandsdatei
from betreiber.bestand.domain import Bestandsart, Ergebnis, Urteil
from betreiber.bestand.schemas import SCHEMAS
from betreiber.errors import EingabeUngueltig
from tests.bestand.hilfen import KUNDE, MESSSTELLE, ZAEHLER, as_csv


def open_datei(inhalt, art=Bestandsart.KUNDEN):
    roh = inhalt if isinstance(inhalt, bytes) else inhalt.encode()
    return Bestandsdatei("datei.csv", art, BytesIO(roh), SCHEMAS[art])


def read(inhalt, art=Bestandsart.KUNDEN):
    return list(open_datei(inhalt, art).read(nach=0))


def refused(inhalt):
    """(line, message) of each line that cannot be used."""
    return [(zeile.nummer, zeile.inhalt.meldung) for zeile in read(inhalt) if isinstance(zeile.inhalt, Urteil)]


@pytest.mark.parametrize(
    "inhalt",
    [
        as_csv([KUNDE]),
        as_csv([KUNDE], trenner=","),
        "\ufeff" + as_csv([KUNDE]),
        as_csv([KUNDE]).replace("\r\n", "\n").rstrip("\n"),
        as_csv([dict(reversed(KUNDE.items()))]),
        as_csv([KUNDE]).replace("kundennummer", ' "Kundennummer" '),
        as_csv([{name: wert for name, wert in KUNDE.items() if wert}]),
    ],
    ids=["semicolons", "commas", "BOM", "LF, no end", "another order", "quoted header", "columns left out"],
)
def test_the_same_customer_in_many_files(inhalt):
    ((nummer, satz),) = read(inhalt)
    assert nummer == 2
    assert (satz["kundennummer"], satz["name"], satz["strasse"]) == ("K-100001", "Jürgen Größenwahn", "Ährenweg")
    assert (satz["e_mail"], str(satz["registriert_datum"])) == (None, "2019-03-01")


def test_umlauts_in_parts_are_the_same_umlauts():
    """As macOS writes them: o and two dots."""
    ((_, satz),) = read(as_csv([KUNDE | {"stadtname": "Ko\u0308ln"}]))
    assert satz["stadtname"] == "Köln"


def test_a_separator_within_quotes():
    ((_, satz),) = read(as_csv([KUNDE | {"name": "Meier; Söhne"}]))
    assert satz["name"] == "Meier; Söhne"


def test_values_as_german_spreadsheets_write_them():
    ((_, satz),) = read(as_csv([MESSSTELLE | {"anschlussleistung_kw": "30,5"}]), Bestandsart.MESSSTELLEN)
    assert str(satz["anschlussleistung_kw"]) == "30.5"
    ((_, satz),) = read(as_csv([ZAEHLER | {"inf": "Ja", "faktor": "40"}]), Bestandsart.STROMZAEHLER)
    assert (satz["inf"], satz["faktor"], str(satz["einbau_datum"])) == (True, 40, "2020-04-01")


@pytest.mark.parametrize("text", ["2020-04-01", "01.04.2020", "1.4.2020"])
def test_dates_as_people_write_them(text):
    ((_, satz),) = read(as_csv([ZAEHLER | {"einbau_datum": text}]), Bestandsart.STROMZAEHLER)
    assert str(satz["einbau_datum"]) == "2020-04-01"


@pytest.mark.parametrize("leer", [";;;;;;;;;;", ";;;", '"";""', " ; \t;", ",,,"])
def test_lines_of_empty_cells_say_nothing(leer):
    zeile = as_csv([KUNDE]).splitlines()[1]
    assert [nummer for nummer, _ in read(as_csv([KUNDE]) + leer + "\r\n" + zeile)] == [2, 4]


def test_empty_lines_say_nothing_and_count():
    zeile = as_csv([KUNDE]).splitlines()[1]
    assert [nummer for nummer, _ in read(as_csv([KUNDE]) + "\r\n\r\n" + zeile)] == [2, 5]


@pytest.mark.parametrize(
    ("zeile", "meldung"),
    [
        ("K-1;VERBRAUCHER", "2 Spalten statt 11"),
        ('"K-1;VERBRAUCHER;;;;;;;;;', "Anführungszeichen gehen nicht auf"),
        ("K-1;VERBRAUCHER;Jürgen;a;1;;50667;Köln;;;2019-01-01".encode("latin-1"), "Kein gültiges UTF-8"),
        ("K-1;VERBRAUCHER;J\0;a;1;;50667;Köln;;;2019-01-01", "Nullzeichen"),
        ("K-1;" + "x" * 5000 + ";;;;;;;;;", "Mehr als 4096 Zeichen"),
    ],
)
def test_a_line_that_cannot_be_read_spoils_no_other(zeile, meldung):
    kopf, gut = as_csv([KUNDE]).encode().split(b"\r\n")[:2]
    roh = zeile if isinstance(zeile, bytes) else zeile.encode()
    inhalt = b"\r\n".join([kopf, gut, roh, gut])
    ((nummer, text),) = refused(inhalt)
    assert nummer == 3
    assert meldung in text
    assert [z.nummer for z in read(inhalt)] == [2, 3, 4]


class Endlos(BytesIO):
    """A header, and a field of 100 MB behind it: how much of it is asked for at once."""

    def __init__(self):
        super().__init__(as_csv([KUNDE]).encode() + b'K-2;"' + b"x" * 100_000_000)
        self.groesste = 0

    def readline(self, groesse=-1):
        zeile = super().readline(groesse)
        self.groesste = max(self.groesste, len(zeile))
        return zeile


def test_a_field_of_100_mb_is_never_in_memory():
    strom = Endlos()
    datei = Bestandsdatei("datei.csv", Bestandsart.KUNDEN, strom, SCHEMAS[Bestandsart.KUNDEN])
    zweite, dritte = datei.read(nach=0)
    assert not isinstance(zweite.inhalt, Urteil)
    assert (dritte.nummer, dritte.inhalt.code) == (3, "zeile_unlesbar")
    assert strom.groesste <= 4096


@pytest.mark.parametrize(
    ("inhalt", "meldung"),
    [
        (b"", "keine Kopfzeile"),
        (b"PK\x03\x04\0", "keine Kopfzeile"),
        ("kundennummer;straße".encode("latin-1"), "keine Kopfzeile"),
        (as_csv([KUNDE]).encode("utf-16"), "UTF-16"),
        (b"kundennummer;name;name", "doppelt"),
        (as_csv([KUNDE | {"geburtstag": "1970-01-01"}]), "Unbekannte Spalten: geburtstag"),
        (as_csv([MESSSTELLE]), "Unbekannte Spalten"),
        ("kundennummer;art", "In der Kopfzeile fehlt: hausnummer, name, postleitzahl"),
        (b"x" * 10_000, "keine Kopfzeile"),
    ],
)
def test_a_file_with_another_header_is_refused_as_a_whole(inhalt, meldung):
    with pytest.raises(EingabeUngueltig, match=meldung):
        open_datei(inhalt)


def test_all_that_is_wrong_with_a_line_is_told_at_once():
    ((_, urteil),) = read(as_csv([KUNDE | {"art": "Firma", "postleitzahl": "1"}]))
    assert urteil == Urteil(
        Ergebnis.ABGELEHNT,
        "art,postleitzahl",
        "eingabe_ungueltig",
        "art: Erlaubt sind: VERBRAUCHER, UNTERNEHMEN. postleitzahl: Fünf Ziffern werden erwartet.",
    )


def test_how_far_it_is():
    datei = open_datei(as_csv([KUNDE] * 3))
    zeilen = datei.read(nach=2)
    assert next(zeilen).nummer == 3
    assert 0 < datei.bytes_read() < datei.groesse
    assert [zeile.nummer for zeile in zeilen] == [4]
    assert datei.bytes_read() == datei.groesse == len(as_csv([KUNDE] * 3).encode())
