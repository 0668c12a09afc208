"""When a meter is due next, and why: the earliest of its dates, or the one set by hand."""

from datetime import date

import pytest

from betreiber.errors import EingabeUngueltig
from betreiber.wartung.domain import (
    Anlass,
    Eichungsart,
    Wartungslage,
    add_months,
    check_tatsache,
    derive_faelligkeit,
)

HEUTE = date(2026, 6, 15)
LEER = {
    "stromzaehler_id": 1,
    "zustand": "EINGEBAUT",
    "bauart": "ELEKTRONISCH",
    "version": 1,
    "tatsachen": (),
    **dict.fromkeys(
        (
            "kennzeichnung_jahr",
            "nutzungsdauer_jahre",
            "gewaehrleistung_ende_datum",
            "inbetriebnahme_datum",
            "einbau_datum",
            "letzte_manuelle_ablesung_datum",
            "letzte_eichung_datum",
            "vorgabe_datum",
            "kontrollablesung_monate",
            "naechste_wartung_datum",
            "anlass",
            "eichfrist_ende_datum",
            "antragsfrist_datum",
            "antragswarnung_datum",
            "bundesland",
            "erster_einbau_datum",
        )
    ),
}
ENDE = date(2034, 12, 31)


def due(ende=ENDE, **werte):
    faelligkeit = derive_faelligkeit(Wartungslage(**{**LEER, **werte}), ende, HEUTE)
    return faelligkeit.datum, faelligkeit.anlass


@pytest.mark.parametrize(
    ("werte", "datum", "anlass"),
    [
        ({}, ENDE, Anlass.EICHFRIST),
        # Eight years from the first installation, or from commissioning where that is entered.
        (
            {"nutzungsdauer_jahre": 8, "erster_einbau_datum": date(2026, 5, 4)},
            date(2034, 5, 4),
            Anlass.NUTZUNGSDAUER,
        ),
        (
            {
                "nutzungsdauer_jahre": 8,
                "erster_einbau_datum": date(2026, 5, 4),
                "inbetriebnahme_datum": date(2025, 2, 3),
            },
            date(2033, 2, 3),
            Anlass.NUTZUNGSDAUER,
        ),
        ({"nutzungsdauer_jahre": 8}, ENDE, Anlass.EICHFRIST),
        ({"nutzungsdauer_jahre": 20, "erster_einbau_datum": date(2026, 5, 4)}, ENDE, Anlass.EICHFRIST),
        ({"inbetriebnahme_datum": date(2025, 2, 3)}, ENDE, Anlass.EICHFRIST),
        # A warranty counts on its last day still, and then no longer.
        ({"gewaehrleistung_ende_datum": date(2026, 6, 15)}, date(2026, 6, 15), Anlass.GEWAEHRLEISTUNG),
        ({"gewaehrleistung_ende_datum": date(2026, 6, 14)}, ENDE, Anlass.EICHFRIST),
        # Three years after somebody read the display, or installed the meter: whichever was later.
        (
            {"kontrollablesung_monate": 36, "einbau_datum": date(2024, 2, 29)},
            date(2027, 2, 28),
            Anlass.KONTROLLABLESUNG,
        ),
        (
            {
                "kontrollablesung_monate": 36,
                "einbau_datum": date(2024, 2, 29),
                "letzte_manuelle_ablesung_datum": date(2025, 3, 31),
            },
            date(2028, 3, 31),
            Anlass.KONTROLLABLESUNG,
        ),
        (
            {
                "kontrollablesung_monate": 36,
                "einbau_datum": date(2025, 3, 31),
                "letzte_manuelle_ablesung_datum": date(2020, 3, 31),
                "zustand": "GESPERRT",
            },
            date(2028, 3, 31),
            Anlass.KONTROLLABLESUNG,
        ),
        ({"kontrollablesung_monate": 36}, ENDE, Anlass.EICHFRIST),
        ({"kontrollablesung_monate": 0, "einbau_datum": date(2024, 2, 29)}, ENDE, Anlass.EICHFRIST),
        (
            {"kontrollablesung_monate": 36, "einbau_datum": date(2024, 2, 29), "zustand": "AUSGEBAUT"},
            ENDE,
            Anlass.EICHFRIST,
        ),
        # A date by hand wins, whether it is earlier or later.
        ({"vorgabe_datum": date(2040, 1, 2)}, date(2040, 1, 2), Anlass.MANUELL),
        ({"vorgabe_datum": date(2027, 1, 2)}, date(2027, 1, 2), Anlass.MANUELL),
        # What is scrapped is never due.
        ({"zustand": "VERSCHROTTET", "vorgabe_datum": date(2027, 1, 2)}, None, None),
    ],
)
def test_the_earliest_date_counts(werte, datum, anlass):
    assert due(**werte) == (datum, anlass)


def test_without_any_date_nothing_is_due():
    assert due(ende=None) == (None, None)


def test_the_dates_that_come_later_are_told_too():
    lage = Wartungslage(
        **{
            **LEER,
            "nutzungsdauer_jahre": 12,
            "inbetriebnahme_datum": date(2026, 5, 4),
            "gewaehrleistung_ende_datum": date(2028, 5, 4),
            "vorgabe_datum": date(2027, 1, 2),
        }
    )
    assert derive_faelligkeit(lage, ENDE, HEUTE).begruendung == (
        "Bis zum 31.12.2034 (Ende der Eichfrist) ist zu eichen oder zu tauschen.",
        "Die Nutzungsdauer seit 04.05.2026 (12 Jahre): 04.05.2038.",
        "Die Gewährleistung endet am 04.05.2028.",
        "Von Hand auf den 02.01.2027 gesetzt; das geht den anderen Terminen vor.",
    )


@pytest.mark.parametrize(
    ("tag", "monate", "ergebnis"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 2, 29), -24, date(2026, 2, 28)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
        (date(2026, 6, 15), 12, date(2027, 6, 15)),
    ],
)
def test_months(tag, monate, ergebnis):
    assert add_months(tag, monate) == ergebnis


LOS = {"bis_datum": date(2030, 1, 1), "los": "L", "beleg": "B"}


@pytest.mark.parametrize(
    ("art", "werte", "feld"),
    [
        ("EICHUNG", {}, None),
        ("EICHUNG", {"beleg": "B"}, None),
        ("EICHUNG", {"bis_datum": date(2030, 1, 1)}, "bis_datum"),
        ("EINGRIFF", {"los": "L"}, "los"),
        ("LOSVERLAENGERUNG", LOS, None),
        ("LOSVERLAENGERUNG", {**LOS, "bis_datum": None}, "bis_datum"),
        ("LOSVERLAENGERUNG", {**LOS, "los": None}, "los"),
        ("LOSVERLAENGERUNG", {**LOS, "beleg": None}, "beleg"),
        ("LOSVERLAENGERUNG", {**LOS, "bis_datum": date(2026, 6, 13)}, "bis_datum"),
        ("NICHTBENUTZUNG", {"beleg": "B"}, None),
        ("NICHTBENUTZUNG", {"beleg": "B", "bis_datum": date(2026, 6, 14)}, None),
        ("NICHTBENUTZUNG", {}, "beleg"),
        ("NICHTBENUTZUNG", {"beleg": "B", "los": "L"}, "los"),
        ("ANTRAG", {"datum": date(2026, 6, 15)}, None),
        ("ANTRAG", {"datum": date(2026, 6, 16)}, "datum"),
    ],
)
def test_what_a_fact_needs(art, werte, feld):
    leer = {"datum": date(2026, 6, 14), "bis_datum": None, "los": None, "beleg": None}
    daten = {"art": Eichungsart(art), **leer, **werte}
    if feld is None:
        assert check_tatsache(daten, HEUTE) is None
        return
    with pytest.raises(EingabeUngueltig) as fehler:
        check_tatsache(daten, HEUTE)
    assert set(fehler.value.errors) == {feld}
