"""The calendar of Europe/Berlin as UTC periods; expected values by hand and from the domain facts."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betreiber.zeit import (
    Aufloesung,
    SimulierteUhr,
    Systemuhr,
    calendar_period,
    day_start,
    format_zeitpunkt,
    iter_edges,
    local_date,
    on_quarter_hour,
)

BERLIN = ZoneInfo("Europe/Berlin")


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def edges(von, bis, aufloesung):
    return [format_zeitpunkt(kante) for kante in iter_edges(instant(von), instant(bis), aufloesung)]


def quarter_hours(erster, danach):
    return (day_start(danach) - day_start(erster)) // timedelta(minutes=15)


@pytest.mark.parametrize(
    ("tag", "von", "bis"),
    [
        (date(2026, 3, 29), 1774738800, 1774821600),
        (date(2026, 10, 25), 1792879200, 1792969200),
        (date(1970, 1, 2), 82800, 169200),
    ],
)
def test_edges_of_a_local_day(tag, von, bis):
    assert day_start(tag).timestamp() == von
    assert day_start(tag + timedelta(days=1)).timestamp() == bis
    assert day_start(tag).tzinfo is UTC


@pytest.mark.parametrize(
    ("erster", "danach", "anzahl"),
    [
        (date(2026, 3, 29), date(2026, 3, 30), 92),
        (date(2026, 10, 25), date(2026, 10, 26), 100),
        (date(2026, 6, 15), date(2026, 6, 16), 96),
        (date(2028, 2, 29), date(2028, 3, 1), 96),
        (date(2026, 3, 1), date(2026, 4, 1), 2972),
        (date(2026, 10, 1), date(2026, 11, 1), 2980),
        (date(2028, 2, 1), date(2028, 3, 1), 2784),
        (date(2026, 1, 1), date(2027, 1, 1), 35040),
        (date(2028, 1, 1), date(2029, 1, 1), 35136),
    ],
)
def test_quarter_hours_of_a_period(erster, danach, anzahl):
    assert quarter_hours(erster, danach) == anzahl
    assert len(list(iter_edges(day_start(erster), day_start(danach), Aufloesung.VIERTELSTUNDE))) == anzahl + 1


@pytest.mark.parametrize(
    ("zeitpunkt", "tag"),
    [
        ("2026-03-28T22:59:59Z", date(2026, 3, 28)),
        ("2026-03-28T23:00:00Z", date(2026, 3, 29)),
        ("2026-03-29T21:59:59Z", date(2026, 3, 29)),
        ("2026-03-29T22:00:00Z", date(2026, 3, 30)),
        ("2026-10-25T22:59:59Z", date(2026, 10, 25)),
        ("2026-10-25T23:00:00Z", date(2026, 10, 26)),
        ("2025-12-31T23:00:00Z", date(2026, 1, 1)),
        ("2026-01-01T00:30:00+02:00", date(2025, 12, 31)),
    ],
)
def test_local_date(zeitpunkt, tag):
    assert local_date(instant(zeitpunkt)) == tag


@pytest.mark.parametrize(
    ("zeitpunkt", "ja"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-01T00:15:00+01:00", True),
        ("2026-01-01T00:45:00+05:45", True),
        ("2026-01-01T00:15:01Z", False),
        ("2026-01-01T00:15:00.000001Z", False),
        ("2026-01-01T00:14:59.999999Z", False),
        ("1969-12-31T23:45:00Z", True),
    ],
)
def test_on_quarter_hour(zeitpunkt, ja):
    assert on_quarter_hour(datetime.fromisoformat(zeitpunkt)) is ja


def test_format():
    assert format_zeitpunkt(datetime(2026, 7, 1, 2, tzinfo=BERLIN)) == "2026-07-01T00:00:00Z"
    assert format_zeitpunkt(datetime(2026, 7, 1, 2, 0, 0, 5, tzinfo=UTC)) == "2026-07-01T02:00:00.000005Z"


@pytest.mark.parametrize(
    ("aufloesung", "von", "bis", "kanten"),
    [
        (
            Aufloesung.VIERTELSTUNDE,
            "2026-06-15T00:00:00Z",
            "2026-06-15T00:45:00Z",
            ["2026-06-15T00:00:00Z", "2026-06-15T00:15:00Z", "2026-06-15T00:30:00Z", "2026-06-15T00:45:00Z"],
        ),
        (  # The first and the last hour are cut.
            Aufloesung.STUNDE,
            "2026-06-15T00:45:00Z",
            "2026-06-15T02:15:00Z",
            ["2026-06-15T00:45:00Z", "2026-06-15T01:00:00Z", "2026-06-15T02:00:00Z", "2026-06-15T02:15:00Z"],
        ),
        (  # The hour that there is not: 01:45 and 03:15 of local time are half an hour apart.
            Aufloesung.STUNDE,
            "2026-03-29T01:45:00+01:00",
            "2026-03-29T03:15:00+02:00",
            ["2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"],
        ),
        (  # The hour that there is twice.
            Aufloesung.STUNDE,
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T03:00:00+01:00",
            ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"],
        ),
        (  # Around the day of 23 hours.
            Aufloesung.TAG,
            "2026-03-28T12:00:00+01:00",
            "2026-03-30T12:00:00+02:00",
            ["2026-03-28T11:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T10:00:00Z"],
        ),
        (  # Around the day of 25 hours.
            Aufloesung.TAG,
            "2026-10-25T00:00:00+02:00",
            "2026-10-27T00:00:00+01:00",
            ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"],
        ),
        (  # 2026-06-15 is a Monday: the first week has one day, the last one two.
            Aufloesung.WOCHE,
            "2026-06-14T00:00:00+02:00",
            "2026-06-24T00:00:00+02:00",
            ["2026-06-13T22:00:00Z", "2026-06-14T22:00:00Z", "2026-06-21T22:00:00Z", "2026-06-23T22:00:00Z"],
        ),
        (  # Weeks do not stop at the turn of the year: 2026-12-28 is a Monday.
            Aufloesung.WOCHE,
            "2026-12-28T00:00:00+01:00",
            "2027-01-11T00:00:00+01:00",
            ["2026-12-27T23:00:00Z", "2027-01-03T23:00:00Z", "2027-01-10T23:00:00Z"],
        ),
        (
            Aufloesung.MONAT,
            "2026-02-15T00:00:00+01:00",
            "2026-05-01T00:00:00+02:00",
            ["2026-02-14T23:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"],
        ),
        (
            Aufloesung.MONAT,
            "2026-11-30T00:00:00+01:00",
            "2027-01-02T00:00:00+01:00",
            ["2026-11-29T23:00:00Z", "2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z", "2027-01-01T23:00:00Z"],
        ),
        (
            Aufloesung.JAHR,
            "2025-07-01T00:00:00+02:00",
            "2027-07-01T00:00:00+02:00",
            ["2025-06-30T22:00:00Z", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z", "2027-06-30T22:00:00Z"],
        ),
        (
            Aufloesung.GESAMT,
            "2025-07-01T00:00:00+02:00",
            "2027-07-01T00:00:00+02:00",
            ["2025-06-30T22:00:00Z", "2027-06-30T22:00:00Z"],
        ),
        (  # A bucket that holds the whole period.
            Aufloesung.JAHR,
            "2026-02-01T00:00:00Z",
            "2026-02-01T00:15:00Z",
            ["2026-02-01T00:00:00Z", "2026-02-01T00:15:00Z"],
        ),
    ],
)
def test_edges_of_buckets(aufloesung, von, bis, kanten):
    assert edges(von, bis, aufloesung) == kanten


VIERTEL = st.integers(0, (2100 - 1970) * 35_064).map(lambda n: datetime.fromtimestamp(n * 900, UTC))


@given(VIERTEL, st.integers(1, 4000), st.sampled_from(Aufloesung))
def test_buckets_cover_the_period_without_gap_or_overlap(von, laenge, aufloesung):
    bis = von + timedelta(minutes=15) * laenge
    kanten = list(iter_edges(von, bis, aufloesung))
    assert (kanten[0], kanten[-1]) == (von, bis)
    assert all(links < rechts for links, rechts in pairwise(kanten))
    assert all(map(on_quarter_hour, kanten))
    if aufloesung in (Aufloesung.TAG, Aufloesung.WOCHE, Aufloesung.MONAT, Aufloesung.JAHR):
        for kante in kanten[1:-1]:
            ort = kante.astimezone(BERLIN)
            assert (ort.hour, ort.minute) == (0, 0)
            assert aufloesung is not Aufloesung.WOCHE or ort.weekday() == 0
            assert aufloesung is not Aufloesung.MONAT or ort.day == 1
            assert aufloesung is not Aufloesung.JAHR or (ort.month, ort.day) == (1, 1)


@given(st.dates(date(1971, 1, 1), date(2199, 12, 30)))
def test_a_day_holds_its_own_instants(tag):
    von, bis = day_start(tag), day_start(tag + timedelta(days=1))
    assert local_date(von) == local_date(bis - timedelta(microseconds=1)) == tag
    assert quarter_hours(tag, tag + timedelta(days=1)) in (92, 96, 100)


@pytest.mark.parametrize(
    ("tag", "aufloesung", "von", "bis"),
    [
        # UTC; summer time begins on 2026-03-29, the 25th of October 2026 is a Sunday.
        (date(2026, 3, 29), Aufloesung.TAG, "2026-03-28T23", "2026-03-29T22"),
        (date(2026, 10, 25), Aufloesung.WOCHE, "2026-10-18T22", "2026-10-25T23"),
        (date(2026, 10, 26), Aufloesung.WOCHE, "2026-10-25T23", "2026-11-01T23"),
        (date(2028, 2, 29), Aufloesung.MONAT, "2028-01-31T23", "2028-02-29T23"),
        (date(2026, 12, 31), Aufloesung.MONAT, "2026-11-30T23", "2026-12-31T23"),
        (date(2026, 12, 31), Aufloesung.JAHR, "2025-12-31T23", "2026-12-31T23"),
    ],
)
def test_the_period_in_which_a_day_lies(tag, aufloesung, von, bis):
    kanten = tuple(datetime.fromisoformat(f"{kante}:00:00+00:00") for kante in (von, bis))
    assert calendar_period(tag, aufloesung) == kanten


def test_system_clock_is_aware():
    vorher = datetime.now(UTC)
    jetzt = Systemuhr().now()
    assert vorher <= jetzt <= datetime.now(UTC)
    assert jetzt.utcoffset() == timedelta(0)


def test_simulated_clock():
    bezug = datetime.now(UTC) - timedelta(hours=1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    jetzt = SimulierteUhr(start, bezug, 60.0).now()
    assert timedelta(hours=60) <= jetzt - start < timedelta(hours=61)
    anders = SimulierteUhr(start, bezug.astimezone(timezone(timedelta(hours=5))), 60.0).now()
    assert anders - jetzt < timedelta(minutes=10)
