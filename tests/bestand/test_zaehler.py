"""Which meters of a file are taken in: where each hangs, whose it is, and which numbers speak against it."""

import pytest

from tests.bestand.hilfen import KUNDE, MESSSTELLE, ZAEHLER, counted
from tests.hilfen import malo_id

ANDERE_MALO = malo_id(1)


def test_two_ids_of_different_places(judge):
    andere = MESSSTELLE | {"malo_id": ANDERE_MALO, "melo_id": f"DE00056266802{1:020}"}
    judge(kunden=[KUNDE], messstellen=[MESSSTELLE, andere])
    beide = ZAEHLER | {"melo_id": andere["melo_id"]}
    assert judge(stromzaehler=[beide]) == [(2, "ABGELEHNT", "malo_id", "messstelle_unbekannt")]
    beide = ZAEHLER | {"melo_id": MESSSTELLE["melo_id"]}
    assert judge(stromzaehler=[beide]) == [(2, "ANGELEGT", "", "")]


def test_a_place_holds_one_meter_and_a_meter_hangs_at_one_place(judge, engine):
    andere = MESSSTELLE | {"malo_id": ANDERE_MALO, "melo_id": f"DE00056266802{1:020}"}
    judge(kunden=[KUNDE], messstellen=[MESSSTELLE, andere])
    # Against lines of the same file, then against what is stored.
    zweiter = ZAEHLER | {"zaehlernummer": "1EMH0000000002", "einbau_datum": "2021-01-01"}
    versetzt = ZAEHLER | {"malo_id": andere["malo_id"], "einbau_datum": "2021-01-01"}
    abgelehnt = [
        (3, "ABGELEHNT", "", "messstelle_belegt"),
        (4, "ABGELEHNT", "", "einbau_ueberlappt"),
    ]
    assert judge(stromzaehler=[ZAEHLER, zweiter, versetzt]) == [(2, "ANGELEGT", "", ""), *abgelehnt]
    assert judge(stromzaehler=[ZAEHLER, zweiter, versetzt])[1:] == abgelehnt
    assert judge(stromzaehler=[zweiter]) == [(2, "ABGELEHNT", "", "messstelle_belegt")]
    assert counted(engine)["stromzaehler"] == 1


def test_a_number_of_another_device(judge):
    """A doubled number is not a meter that was moved: nothing is to be removed anywhere."""
    andere = MESSSTELLE | {"malo_id": ANDERE_MALO, "melo_id": f"DE00056266802{1:020}"}
    judge(kunden=[KUNDE], messstellen=[MESSSTELLE, andere])
    doppelt = ZAEHLER | {"seriennummer": "87654321", "malo_id": ANDERE_MALO}
    abgelehnt = (3, "ABGELEHNT", "", "zaehlernummer_vergeben")
    assert judge(stromzaehler=[ZAEHLER, doppelt]) == [(2, "ANGELEGT", "", ""), abgelehnt]
    assert judge(stromzaehler=[ZAEHLER, doppelt])[1] == abgelehnt


@pytest.mark.parametrize(
    ("tag", "meldung"),
    [
        ("31.02.2020", "einbau_datum: Diesen Tag gibt es nicht."),
        ("31.2.20", "einbau_datum: Ein Datum wie 2026-01-31 wird erwartet."),
    ],
)
def test_a_day_that_does_not_exist_is_not_a_wrong_form(read_in, tag, meldung):
    assert [zeile.urteil.meldung for zeile in read_in(stromzaehler=[ZAEHLER | {"einbau_datum": tag}])] == [meldung]


def test_a_meter_is_one_customers(judge):
    judge(kunden=[KUNDE, KUNDE | {"kundennummer": "K-100002"}], messstellen=[MESSSTELLE])
    assert judge(stromzaehler=[ZAEHLER, ZAEHLER | {"kundennummer": "K-100002"}]) == [
        (2, "ANGELEGT", "", ""),
        (3, "ABGELEHNT", "", "zuordnung_ueberlappt"),
    ]


def test_a_meter_that_is_gone_is_not_installed_again(judge, welt):
    welt.stromzaehler(zaehlernummer="1EMH0012345678", zustand="VERSCHROTTET")
    judge(kunden=[KUNDE], messstellen=[MESSSTELLE])
    assert judge(stromzaehler=[ZAEHLER]) == [(2, "ABGELEHNT", "", "zaehler_nicht_einbaubar")]
