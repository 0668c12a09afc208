"""What is done to a meter is noticed once, in its log and in its clock chip, whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stromzaehler_sim.stoerung import Eingriff, Eingriffsart, Lageart
from stromzaehler_sim.uhr import Uhr
from stromzaehler_sim.umwelt import Umwelt
from stromzaehler_sim.zaehlwerk import Zaehlwerk
from tests.stromzaehler_sim.fake_zeit import FakeZeit
from tests.stromzaehler_sim.test_stoerung import Haus

# 2026-03-02T00:00:00Z
MONTAG = 1772409600
ZAEHLER = "1EMH0012345678"


class Schrank:
    """A meter cupboard: the surroundings of one meter, on a clock in the hand."""

    def __init__(self, ordner: Path) -> None:
        self.zeit = FakeZeit(MONTAG + 10.0)
        self.zaehlwerk = Zaehlwerk(ordner / "z.sqlite", Haus())
        self.zaehlwerk.install(MONTAG)
        self.umwelt = Umwelt(self.zaehlwerk, Uhr(jetzt=self.zeit), ZAEHLER)
        self.verloren: list[Eingriffsart] = []

    def do(self, art: str, wert: int | None = None, dauer_s: int | None = None) -> None:
        self.zaehlwerk.stoerungen.put(Eingriff(Eingriffsart(art), wert, dauer_s))

    def notice(self) -> bool:
        return self.umwelt.notice(self.zeit.jetzt, self.zeit.jetzt, self.verloren.append)

    @property
    def protokoll(self) -> list[tuple[float, str, str]]:
        eintraege = reversed(self.zaehlwerk.protokoll.newest())
        return [(eintrag.uhrzeit - MONTAG, eintrag.code.value, eintrag.text) for eintrag in eintraege]


@pytest.fixture
def schrank(tmp_path: Path) -> Iterator[Schrank]:
    schrank = Schrank(tmp_path)
    yield schrank
    schrank.zaehlwerk.close()


def test_an_outage_with_its_last_sign_of_life_and_its_end(schrank: Schrank) -> None:
    assert not schrank.notice()
    schrank.do("stromausfall")
    assert schrank.notice()
    assert schrank.umwelt.lasts(Lageart.STROMAUSFALL, schrank.zeit.jetzt)
    schrank.zeit.jetzt += 3725
    assert not schrank.notice()
    schrank.do("wiederkehr")
    assert schrank.notice()
    assert not schrank.umwelt.lasts(Lageart.STROMAUSFALL, schrank.zeit.jetzt)
    assert not schrank.notice()
    assert schrank.protokoll == [
        (10, "SPANNUNGSAUSFALL", "Alle Phasen sind ohne Spannung."),
        (10, "LETZTES_LEBENSZEICHEN", "Spannung fehlt, letzte Meldung aus dem Kondensator."),
        (3735, "SPANNUNGSWIEDERKEHR", "Die Spannung ist zurück."),
        (3735, "NETZAUSFALL", "Netzausfall beendet, er dauerte 1:02:05 h."),
        (3735, "NEUSTART", "Der Zähler ist neu gestartet."),
    ]


def test_what_has_a_duration_ends_by_itself_at_its_time(schrank: Schrank) -> None:
    schrank.do("deckel-auf", dauer_s=60)
    schrank.do("phase-weg", 3, 30)
    schrank.notice()
    schrank.zeit.jetzt += 500
    assert schrank.notice()
    assert schrank.protokoll[2:] == [
        (40, "PHASE_DA", "L3 ist nach 0:00:30 h wieder unter Spannung."),
        (70, "GEHAEUSE_ZU", "Der Klemmendeckel ist geschlossen."),
    ]


def test_done_twice_is_noticed_once(schrank: Schrank) -> None:
    for _ in range(2):
        schrank.do("magnet-an")
    schrank.do("deckel-zu")
    schrank.notice()
    assert [code for _, code, _ in schrank.protokoll] == ["MAGNETFELD"]
    schrank.do("magnet-aus")
    schrank.do("magnet-aus")
    schrank.notice()
    assert [code for _, code, _ in schrank.protokoll] == ["MAGNETFELD", "MAGNETFELD_ENDE"]


def test_a_phase_has_its_own_fate(schrank: Schrank) -> None:
    schrank.do("phase-weg", 1)
    schrank.do("phase-weg", 2)
    schrank.notice()
    schrank.do("phase-da", 1)
    schrank.notice()
    assert [lage.art for lage in schrank.zaehlwerk.stoerungen.lasting(schrank.zeit.jetzt)] == [Lageart.OHNE_L2]
    assert [text for _, _, text in schrank.protokoll] == [
        "L1 ist ohne Spannung.",
        "L2 ist ohne Spannung.",
        "L1 ist nach 0:00:00 h wieder unter Spannung.",
    ]


def test_the_log_has_the_time_that_the_meter_shows_also_a_wrong_one(schrank: Schrank) -> None:
    schrank.do("magnet-an", dauer_s=60)
    schrank.umwelt.notice(schrank.zeit.jetzt, 500.0, schrank.verloren.append)
    schrank.umwelt.notice(schrank.zeit.jetzt + 100, 600.0, schrank.verloren.append)
    assert [uhrzeit + MONTAG for uhrzeit, _, _ in schrank.protokoll] == [500, 560]
    assert [lage.von for lage in schrank.zaehlwerk.stoerungen.touching(0, 2**40)] == [MONTAG + 10]


def test_a_fault_never_changes_what_is_counted_already(schrank: Schrank) -> None:
    """A clock that was set back leaves the register ahead of the present."""
    schrank.zaehlwerk.advance(MONTAG + 1800)
    schrank.do("stromausfall")
    schrank.notice()
    assert [lage.von for lage in schrank.zaehlwerk.stoerungen.touching(0, 2**40)] == [MONTAG + 1800]


def test_a_loss_happens_once_at_the_most(schrank: Schrank) -> None:
    """Killed in the middle of it, the new keys of the next enrolment must not be lost, too."""
    schrank.do("puffer-verlust")

    def die(_: Eingriffsart) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        schrank.umwelt.notice(schrank.zeit.jetzt, schrank.zeit.jetzt, die)
    schrank.do("schluessel-verlust")
    schrank.notice()
    assert schrank.verloren == [Eingriffsart.SCHLUESSEL_VERLUST]
    assert [code for _, code, _ in schrank.protokoll] == ["PUFFER_VERLOREN", "SCHLUESSEL_VERLOREN"]


def test_the_clock_chip_outlives_the_process(schrank: Schrank, tmp_path: Path) -> None:
    schrank.do("uhr-gang", 0)
    schrank.do("uhr-versatz", -20)
    schrank.notice()
    assert schrank.umwelt.rtc_now() == schrank.zeit.jetzt - 20
    schrank.do("uhr-gang", 100)
    schrank.notice()
    schrank.zeit.jetzt += 10_000
    # 100 ppm of 10,000 s are 1 s.
    assert schrank.umwelt.rtc_now() == schrank.zeit.jetzt - 19
    schrank.do("uhr-verlust")
    schrank.notice()
    assert schrank.umwelt.rtc_now() == 0
    schrank.zeit.jetzt += 600
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        assert Umwelt(zaehlwerk, Uhr(jetzt=schrank.zeit), ZAEHLER).rtc_now() == pytest.approx(600.06, abs=1e-5)


def test_a_quartz_is_off_by_its_own_amount_from_the_first_day(schrank: Schrank, tmp_path: Path) -> None:
    assert schrank.umwelt.rtc_now() == schrank.zeit.jetzt
    schrank.zeit.jetzt += 1e6
    abweichung = schrank.umwelt.rtc_now() - schrank.zeit.jetzt
    assert 1 <= abs(round(abweichung)) <= 20
    with Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        assert Umwelt(zaehlwerk, Uhr(jetzt=schrank.zeit), ZAEHLER).rtc_now() - schrank.zeit.jetzt == abweichung
