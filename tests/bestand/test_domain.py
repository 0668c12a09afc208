"""What files are called, and what of lines is compared."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from betreiber.bestand.domain import (
    Bestandsart,
    Ergebnis,
    Urteil,
    art_of,
    check_same_device,
    compare,
    judge_each,
    overlaps,
)
from betreiber.errors import EingabeUngueltig, KonfliktFehler


@pytest.mark.parametrize(
    ("name", "art"),
    [
        ("kunden.csv", Bestandsart.KUNDEN),
        ("Messstellen-Nord.CSV", Bestandsart.MESSSTELLEN),
        ("stromzaehler_2.csv", Bestandsart.STROMZAEHLER),
        ("vertraege.csv", Bestandsart.VERTRAEGE),
    ],
)
def test_the_name_says_what_it_is(name, art):
    assert art_of(name) is art


@pytest.mark.parametrize("name", ["kunden.xlsx", "kunde.csv", "alte-kunden.csv", ""])
def test_another_name_says_nothing(name):
    with pytest.raises(EingabeUngueltig, match=r"kunden\.csv, messstellen\.csv, stromzaehler\.csv"):
        art_of(name)


def test_what_a_line_does_not_say_differs_from_nothing():
    stand = SimpleNamespace(name="Köln", telefon="0221 1", faktor=40)
    gleich = compare(stand, {"name": "Köln", "telefon": None, "faktor": 1}, {"telefon", "faktor"})
    assert gleich == Urteil(Ergebnis.UNVERAENDERT)
    anders = compare(stand, {"name": "Kölle", "telefon": None, "faktor": 1}, {"telefon"})
    assert anders[:3] == (Ergebnis.UNVERAENDERT, "name,faktor", "bestand_weicht_ab")


def test_a_refused_line_spoils_no_other():
    def judge(satz):
        if satz["n"] == 2:
            raise EingabeUngueltig("Zu groß.", feld="n", code="zu_gross")
        if satz["n"] == 3:
            raise KonfliktFehler("Vergeben.", code="vergeben")
        return Urteil(Ergebnis.ANGELEGT)

    assert judge_each([{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}], judge) == [
        Urteil(Ergebnis.ANGELEGT),
        Urteil(Ergebnis.ABGELEHNT, "n", "zu_gross", "Zu groß."),
        Urteil(Ergebnis.ABGELEHNT, "", "vergeben", "Vergeben."),
        Urteil(Ergebnis.ANGELEGT),
    ]


@pytest.mark.parametrize(
    ("bis", "erwartet"),
    [(None, True), (datetime(2020, 4, 1, tzinfo=UTC), False), (datetime(2020, 4, 2, tzinfo=UTC), True)],
)
def test_a_period_that_ends_at_the_begin_does_not_overlap(bis, erwartet):
    assert overlaps([SimpleNamespace(bis=bis)], datetime(2020, 4, 1, tzinfo=UTC)) is erwartet
    assert not overlaps([], datetime(2020, 4, 1, tzinfo=UTC))


def test_a_number_of_another_device_is_told_with_its_serial_number():
    check_same_device("1EMH0012345678", "12345678", "12345678")
    with pytest.raises(KonfliktFehler) as fehler:
        check_same_device("1EMH0012345678", "12345678", "87654321")
    assert fehler.value.detail == (
        "Die Zählernummer 1EMH0012345678 gehört schon zu einem anderen Gerät (Seriennummer 12345678). "
        "Prüfen Sie die Zählernummer."
    )
