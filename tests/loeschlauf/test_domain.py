"""Until when readings are kept, and how customers become regions; all values by hand."""

from datetime import date

import pytest

from betreiber.loeschlauf.domain import Regionssumme, retention_end, sum_regions


@pytest.mark.parametrize(
    ("heute", "jahre", "ende"),
    [
        (date(2025, 12, 31), 3, date(2022, 1, 1)),
        (date(2026, 1, 1), 3, date(2023, 1, 1)),
        (date(2026, 12, 31), 3, date(2023, 1, 1)),
        (date(2026, 1, 1), 2, date(2024, 1, 1)),
    ],
)
def test_readings_of_a_year_go_when_three_more_are_over(heute, jahre, ende):
    assert retention_end(heute, jahre) == ende


def customers(anzahl, postleitzahl, bezug_wh=100, einspeisung_wh=0, ab=1):
    return {(ab + n, postleitzahl): (bezug_wh, einspeisung_wh) for n in range(anzahl)}


def test_five_customers_of_a_postcode_are_a_region():
    assert sum_regions(customers(5, "50667")) == [Regionssumme("50667", 5, 500, 0)]


def test_four_are_told_of_nowhere():
    assert sum_regions(customers(4, "50667")) == []


def test_who_is_too_few_joins_neighbours_and_no_region_contains_another():
    anteile = {
        **customers(6, "50667", ab=1),
        **customers(2, "50670", ab=10),
        **customers(3, "50674", ab=20),
        **customers(4, "50999", ab=30),
        **customers(1, "51063", ab=40),
        **customers(4, "01067", ab=50),
    }
    assert sum_regions(anteile) == [
        Regionssumme("50667", 6, 600, 0),
        Regionssumme("506", 5, 500, 0),
        Regionssumme("5", 5, 500, 0),
    ]


def test_a_customer_with_places_in_two_postcodes_is_one():
    anteile = {**customers(4, "50667"), (1, "50670"): (100, 0)}
    assert sum_regions(anteile) == []


def test_an_empty_flat_hides_nobody():
    """Four that took energy and one that took none are not five."""
    assert sum_regions({**customers(4, "50667"), (9, "50667"): (0, 0)}) == []


@pytest.mark.parametrize(("einspeiser", "einspeisung_wh"), [(0, 0), (1, None), (4, None), (5, 250)])
def test_feed_in_of_fewer_than_five_is_not_told(einspeiser, einspeisung_wh):
    anteile = {
        **customers(einspeiser, "50667", einspeisung_wh=50),
        **customers(6 - einspeiser, "50667", ab=10),
    }
    assert sum_regions(anteile) == [Regionssumme("50667", 6, 600, einspeisung_wh)]
