"""The device as a whole meets faults, refusals and orders, on a clock in the hand of the test."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.fehler import NichtErreichbar, OrdnerFehler
from gateway.sendeplan import Sendeplan
from gateway.verbindung import Antwort
from stromzaehler_sim.fehler import ZaehlwerkFehler
from stromzaehler_sim.geraetezustand import Geraetezustand
from stromzaehler_sim.mobilfunk.sim import Sim, generate_iccid
from stromzaehler_sim.stoerung import Eingriff, Eingriffsart
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei
from telegramm.quittung import CA_KETTE_HOLEN, PROTOKOLL_SENDEN, ZERTIFIKAT_ERNEUERN
from tests.gateway.betreiber_fake import MONTAG
from tests.stromzaehler_sim.test_stromzaehler import Welt

UHR_UNSICHER, UHR_GESTELLT, NEUSTART, SPANNUNGSAUSFALL, GEHAEUSE_OFFEN = 1, 2, 4, 8, 16
TAG = 86400


class Geraetewelt(Welt):
    """A meter that runs from one instant to the next, in seconds after Monday midnight."""

    plan: Sendeplan

    def run_until(self, sekunde: float) -> None:
        self.zeit.gesetzt_um = MONTAG + sekunde
        self.zaehler.run(self.zeit)

    def step_until(self, sekunde: float, schritt_s: int = 300) -> None:
        """As `run_until`, with a look only every five minutes: for days."""
        plan = Sendeplan.begin(self.zaehler.jetzt(), 137, lambda: 0.5)
        while self.zeit.jetzt < MONTAG + sekunde:
            self.zeit.jetzt += schritt_s
            plan = self.zaehler.step(plan)
        self.plan = plan

    def do(self, art: str, wert: int | None = None, dauer_s: int | None = None) -> None:
        """As `stromzaehler stoere` does it: from outside."""
        with Zaehlwerk(zaehlwerk_datei(self.ordner), None) as zaehlwerk:
            zaehlwerk.stoerungen.put(Eingriff(Eingriffsart(art), wert, dauer_s))

    @property
    def codes(self) -> list[str]:
        return [eintrag.code.value for eintrag in reversed(self.zaehler.zaehlwerk.protokoll.newest())]

    @property
    def gemeldet(self) -> list[str]:
        return [meldung.code for meldung in self.betreiber.meldungen]

    @property
    def werte(self) -> dict[int, tuple[int, int]]:
        """{seconds after Monday midnight: (1.8.0 in Wh, status)} as the operator has it."""
        return {u - MONTAG: (w.bezug_wh, w.status) for u, w in sorted(self.betreiber.gespeichert.items())}


@pytest.fixture
def welt(tmp_path: Path) -> Iterator[Geraetewelt]:
    welt = Geraetewelt(tmp_path / "z1")
    yield welt
    welt.zaehler.close()


def refused(zustand: str | None = None) -> Antwort:
    problem = {"code": "gesperrt"} | ({} if zustand is None else {"zustand": zustand})
    return Antwort(403, {"content-type": "application/problem+json"}, json.dumps(problem).encode())


# --- supply ----------------------------------------------------------------------------------------------------
def test_an_outage_begins_with_a_last_sign_of_life_and_leaves_a_gap(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("stromausfall")
    gesendet = len(welt.leitung.gesendet)
    welt.run_until(4000)
    # Noticed at once, told at once, and from then on nothing at all.
    assert welt.gemeldet == ["LETZTES_LEBENSZEICHEN"]
    assert len(welt.leitung.gesendet) == gesendet + 1
    zustand = Geraetezustand.load(welt.ordner)
    assert zustand is not None
    assert zustand.phasen == (False, False, False)
    with pytest.raises(ZaehlwerkFehler, match="wiederkehr"):
        welt.zaehler.send_waiting()

    welt.do("wiederkehr")
    welt.run_until(6000)
    # 10 Wh a quarter hour: 200 s before the outage are 2.2 Wh, 500 s after it 5.5 Wh.
    assert welt.werte == {
        0: (0, 0),
        900: (10, 0),
        4500: (17, NEUSTART | SPANNUNGSAUSFALL),
        5400: (27, 0),
    }
    assert welt.gemeldet == ["LETZTES_LEBENSZEICHEN", "SPANNUNGSWIEDERKEHR"]
    assert [code for code in welt.codes if code != "NEUSTART"] == [
        "SPANNUNGSAUSFALL",
        "LETZTES_LEBENSZEICHEN",
        "SPANNUNGSWIEDERKEHR",
        "NETZAUSFALL",
    ]


def test_an_outage_outlasts_the_process_and_ends_by_itself(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("stromausfall", dauer_s=7100)
    welt.run_until(1200)
    welt.restart()
    welt.run_until(5000)
    assert welt.zaehler.gateway.puffer.waiting() == 0
    welt.run_until(10_000)
    # It came back at 8200 s, in the quarter hour that ends at 9000 s: 2.2 Wh before, 8.8 Wh after.
    assert welt.werte[9000] == (21, NEUSTART | SPANNUNGSAUSFALL)
    assert [u for u in welt.werte if 900 < u < 9000] == []
    assert welt.gemeldet.count("LETZTES_LEBENSZEICHEN") == 1


def test_a_last_sign_of_life_that_does_not_arrive_is_sent_later(welt: Geraetewelt) -> None:
    def torn(_: bytes) -> Antwort:
        raise NichtErreichbar("the cell is dark, too")

    welt.run_until(1100)
    welt.do("stromausfall", dauer_s=600)
    welt.leitung.ablauf.append(torn)
    welt.run_until(1101)
    assert welt.gemeldet == []
    welt.run_until(4000)
    assert welt.gemeldet == ["LETZTES_LEBENSZEICHEN", "SPANNUNGSWIEDERKEHR"]


def test_what_the_outage_took_is_told_when_it_is_asked_for(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("stromausfall", dauer_s=2000)
    welt.step_until(12 * 3600)
    frage = ((MONTAG + 1800, MONTAG + 4500),)
    welt.leitung.ablauf.append(lambda body: welt.betreiber.answer(body, luecken=frage))
    welt.step_until(13 * 3600)
    # 1800 s and 2700 s lie in the outage; the reading of 3600 s comes once more.
    assert welt.betreiber.fehlanzeigen == [(MONTAG + 1800, MONTAG + 3600)]
    assert len([t for t in welt.betreiber.telegramme if any(w.uhrzeit == MONTAG + 3600 for w in t.werte)]) == 2


# --- alarms ----------------------------------------------------------------------------------------------------
def test_an_alarm_is_sent_at_once_and_the_rest_when_it_is_asked_for(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("deckel-auf")
    welt.do("phase-weg", 2)
    welt.run_until(1102)
    assert welt.gemeldet == ["GEHAEUSE_OFFEN", "PHASE_FEHLT"]
    welt.do("phase-da", 2)
    welt.run_until(2000)
    assert welt.gemeldet == ["GEHAEUSE_OFFEN", "PHASE_FEHLT"]
    # All of the load hangs on L1, so nothing is missing but the voltage.
    assert welt.werte[1800] == (20, GEHAEUSE_OFFEN | SPANNUNGSAUSFALL)
    zustand = Geraetezustand.load(welt.ordner)
    assert zustand is not None
    assert (zustand.phasen, zustand.uhr, zustand.quittiert) == ((True, True, True), "GESTELLT", True)
    welt.leitung.ablauf.append(lambda body: welt.betreiber.answer(body, auftraege=(PROTOKOLL_SENDEN,)))
    welt.run_until(3000)
    assert {"PHASE_DA", "PROTOKOLL_GESENDET"} <= set(welt.gemeldet)
    assert len(welt.gemeldet) == len({meldung.nummer for meldung in welt.betreiber.meldungen})


# --- clock -----------------------------------------------------------------------------------------------------
def test_a_clock_back_in_1970_asks_for_the_time_before_it_stamps(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("uhr-verlust")
    welt.leitung.sonst, gut = lambda _: (_ for _ in ()).throw(NichtErreichbar("no link")), welt.leitung.sonst
    welt.run_until(4000)
    assert welt.zaehler.zaehlwerk.uhrzeit == MONTAG + 900
    zustand = Geraetezustand.load(welt.ordner)
    assert zustand is not None
    assert zustand.uhr == "UNGUELTIG"
    welt.restart()
    welt.leitung.sonst = gut
    welt.run_until(8000)
    # Energy went on; what was stamped afterwards says so.
    assert [wert for wert, _ in welt.werte.values()] == list(range(0, 90, 10))
    assert all(welt.werte[u][1] & UHR_UNSICHER for u in (1800, 2700, 3600))
    assert not welt.werte[7200][1] & (UHR_UNSICHER | UHR_GESTELLT)
    assert {"UHR_UNGUELTIG", "UHR_GESTELLT"} <= set(welt.codes)
    assert welt.codes.count("UHR_UNGUELTIG") == 1
    arten = [telegramm.art for telegramm in welt.betreiber.telegramme]
    assert arten.count("ZEIT") == 2


@pytest.mark.parametrize("sprung_s", [30 * TAG, -3600])
@pytest.mark.parametrize("neustart", [False, True])
def test_a_clock_that_jumps_invents_no_reading(welt: Geraetewelt, sprung_s: int, neustart: bool) -> None:
    welt.run_until(1100)
    welt.do("uhr-versatz", sprung_s)
    gut, welt.leitung.sonst = welt.leitung.sonst, lambda _: (_ for _ in ()).throw(NichtErreichbar("no link"))
    welt.run_until(2500)
    assert welt.zaehler.zaehlwerk.uhrzeit == MONTAG + 900
    if neustart:
        welt.restart()
        welt.run_until(3000)
        assert welt.zaehler.zaehlwerk.uhrzeit == MONTAG + 900
    welt.leitung.sonst = gut
    welt.run_until(8000)
    assert abs(welt.zaehler.jetzt() - welt.zeit.jetzt) < 1.0
    assert [(u, wert) for u, (wert, _) in welt.werte.items()] == [(900 * n, 10 * n) for n in range(9)]
    assert all(welt.werte[u][1] & UHR_UNSICHER for u in (1800, 2700))
    assert "UHR_UNGUELTIG" in welt.codes


def test_a_clock_off_by_twenty_seconds_is_set_and_says_so(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("uhr-versatz", -20)
    welt.run_until(2701)
    assert abs(welt.zaehler.jetzt() - welt.zeit.jetzt) < 0.1
    assert "UHR_GESTELLT" in welt.codes
    assert welt.werte[1800] == (20, 0)
    assert welt.zaehler.zaehlwerk.readings(MONTAG + 2700, MONTAG + 2701)[0].status == UHR_GESTELLT


def test_a_quartz_that_drifts_is_led_by_the_receipts(welt: Geraetewelt) -> None:
    welt.run_until(301)
    welt.do("uhr-gang", 150)
    welt.step_until(2 * TAG)
    # Alone it would be off by 26 s.
    assert abs(welt.zaehler.jetzt() - welt.zeit.jetzt) < 1.0
    assert len(welt.werte) >= 191


def test_answers_that_disagree_set_no_clock(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("uhr-verlust")
    zeiten = iter(range(MONTAG, MONTAG + 10**8, 50_000))
    welt.betreiber.uhr = lambda: next(zeiten)
    welt.run_until(1200)
    assert "ZEIT" in {telegramm.art for telegramm in welt.betreiber.telegramme}
    assert welt.zaehler.jetzt() < TAG
    welt.betreiber.uhr = welt.zeit
    welt.run_until(4000)
    assert abs(welt.zaehler.jetzt() - welt.zeit.jetzt) < 1.0


# --- refusals --------------------------------------------------------------------------------------------------
def test_a_locked_meter_counts_on_and_asks_once_a_day(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    gut, welt.leitung.sonst = welt.leitung.sonst, lambda _: refused()
    gesendet = len(welt.leitung.gesendet)
    welt.step_until(2 * TAG + 1100)
    assert len(welt.leitung.gesendet) - gesendet == 2
    assert welt.codes.count("GESPERRT") == 1
    assert welt.plan.gesperrt
    welt.leitung.sonst = gut
    welt.step_until(4 * TAG)
    assert len(welt.werte) >= 3 * 96
    assert not welt.zaehler.endgueltig


@pytest.mark.parametrize("zustand", ["AUSGEBAUT", "VERSCHROTTET"])
def test_a_meter_that_was_removed_stops_and_keeps_what_it_has(welt: Geraetewelt, zustand: str) -> None:
    welt.run_until(1100)
    gesendet = len(welt.leitung.gesendet)
    welt.leitung.sonst = lambda _: refused(zustand)
    welt.run_until(30 * TAG)
    assert welt.zaehler.endgueltig
    # It is told at the next slot, and believes it when it is told again a day later.
    assert MONTAG + TAG < welt.zeit.jetzt < MONTAG + TAG + 3 * 3600
    assert len(welt.leitung.gesendet) - gesendet == 2
    assert (welt.codes.count("GESPERRT"), welt.codes[-1]) == (1, "ENDGUELTIG_GESPERRT")
    assert welt.zaehler.gateway.puffer.waiting() >= 96


# --- losses ----------------------------------------------------------------------------------------------------
def test_a_lost_buffer_begins_a_new_epoche_and_goes_on(welt: Geraetewelt) -> None:
    welt.run_until(3000)
    epoche = welt.betreiber.telegramme[-1].epoche
    welt.do("puffer-verlust")
    welt.run_until(4000)
    letztes = welt.betreiber.telegramme[-1]
    assert letztes.epoche == epoche + 1
    assert {"PUFFER_VERLOREN", "EPOCHE_NEU"} <= set(welt.codes)
    assert list(welt.werte) == [0, 900, 1800, 2700, 3600]


def test_lost_keys_stop_the_meter_and_say_what_helps(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    welt.do("schluessel-verlust")
    with pytest.raises(OrdnerFehler, match="--neu"):
        welt.run_until(4000)
    assert not (welt.ordner / "schluessel" / "tls.pem").exists()
    with Zaehlwerk(zaehlwerk_datei(welt.ordner), None) as zaehlwerk:
        assert zaehlwerk.protokoll.newest(1)[0].code.value == "SCHLUESSEL_VERLOREN"
        assert zaehlwerk.stoerungen.first() is None


def test_a_damaged_certificate_is_named_at_the_start(welt: Geraetewelt) -> None:
    welt.zaehler.close()
    (welt.ordner / "zertifikate" / "tls.pem").write_text("no certificate")
    with pytest.raises(OrdnerFehler, match=r"tls\.pem"):
        welt.open()


def test_a_disk_that_refuses_is_like_a_lost_link(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    with closing(sqlite3.connect(welt.ordner / "puffer.sqlite")) as fremd:
        fremd.execute("ALTER TABLE messwert RENAME TO weg")
        fehler: list[Exception] = []
        welt.zeit.gesetzt_um = MONTAG + 2000
        welt.zaehler.run(welt.zeit, on_fehler=fehler.append)
        assert {type(einer) for einer in fehler} == {sqlite3.OperationalError}
        fremd.execute("ALTER TABLE weg RENAME TO messwert")
    welt.run_until(6000)
    assert list(welt.werte) == list(range(0, 6300, 900))


# --- modem -----------------------------------------------------------------------------------------------------
def test_the_display_is_told_of_the_card(welt: Geraetewelt) -> None:
    welt.run_until(1100)
    zustand = Geraetezustand.load(welt.ordner)
    assert zustand is not None
    assert (zustand.sim, zustand.firmware) == ("EINGEBUCHT", "1.0.0")
    Sim(iccid=generate_iccid("1EMH0012345678"), apn="zaehler.example").save(welt.ordner)
    welt.run_until(2000)
    zustand = Geraetezustand.load(welt.ordner)
    assert zustand is not None
    assert zustand.rat == "LTE-M"
    assert "SIM_EINGEBUCHT" in welt.codes


# --- orders ----------------------------------------------------------------------------------------------------
def test_orders_that_fail_never_stop_the_readings(welt: Geraetewelt) -> None:
    """The operator orders new keys and a new chain, but gives neither."""
    orders = (ZERTIFIKAT_ERNEUERN, CA_KETTE_HOLEN)
    welt.leitung.sonst = lambda body: welt.betreiber.answer(body, auftraege=orders)
    fehler: list[Exception] = []
    welt.zeit.gesetzt_um = MONTAG + 4000
    welt.zaehler.run(welt.zeit, on_fehler=fehler.append)
    assert list(welt.werte) == [0, 900, 1800, 2700, 3600]
    assert "KETTE" in {telegramm.art for telegramm in welt.betreiber.telegramme}
    assert "AUFTRAG_FEHLGESCHLAGEN" in welt.codes
    assert [str(einer) for einer in fehler] == ["Die Quittung bringt keine neue Kette des Betreibers."]
