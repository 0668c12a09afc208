"""The whole modem: card, radio, volume; and a meter without one, which notices nothing."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.fehler import NichtErreichbar
from stromzaehler_sim.fehler import MobilfunkFehler
from stromzaehler_sim.mobilfunk import Modem, Modemstatus, SimZustand
from stromzaehler_sim.mobilfunk.sim import Sim
from stromzaehler_sim.mobilfunk.volumen import Volumen, Volumenstand, book
from telegramm.messwerte import Netz
from tests.gateway.betreiber_fake import MONTAG, Leitung
from tests.stromzaehler_sim.mobilfunk.fake import Zeit, leitung

ICCID = "8965880812100011146"
MAERZ = float(MONTAG)  # 2026-03-02T00:00:00Z
APRIL = datetime(2026, 4, 1, tzinfo=UTC).timestamp()


def insert(pfad: Path, **mehr: object) -> Sim:
    karte = Sim(iccid=ICCID, apn="internet.m2m", **mehr)  # type: ignore[arg-type]
    karte.save(pfad)
    return karte


def set_up(pfad: Path, **einstellung: object) -> None:
    (pfad / "funk.json").write_text(json.dumps(einstellung))


def modem_of(pfad: Path, innen: Leitung, zeit: Zeit) -> Modem:
    return Modem.open(pfad, innen, jetzt=zeit.jetzt, schlafe=zeit.schlafe, seed=1)


# --- volume: the rule --------------------------------------------------------------------------------------------
def test_each_threshold_is_told_once_a_month() -> None:
    stand = Volumenstand()
    gemeldet = []
    for neu in (799, 1, 100, 99, 1, 5000):
        stand, erreicht = book(stand, MAERZ, neu, 1000)
        gemeldet.append(erreicht)
    assert gemeldet == [[], [80], [], [], [100], []]
    assert stand == Volumenstand("2026-03", 6000, 100)


def test_one_large_message_may_reach_both() -> None:
    assert book(Volumenstand(), MAERZ, 1000, 1000)[1] == [80, 100]


def test_a_month_begins_at_zero_in_utc() -> None:
    stand, _ = book(Volumenstand(), APRIL - 1, 1000, 1000)
    stand, erreicht = book(stand, APRIL, 7, 1000)
    assert (stand, erreicht) == (Volumenstand("2026-04", 7, 0), [])


def test_a_clock_that_woke_up_in_1970_begins_no_month() -> None:
    stand, _ = book(Volumenstand(), MAERZ, 1000, 1000)
    stand, erreicht = book(stand, 5.0, 10, 1000)
    assert (stand, erreicht) == (Volumenstand("2026-03", 1010, 100), [])
    assert book(stand, MAERZ, 10, 1000)[0].bytes == 1020


def test_without_a_budget_nothing_is_told() -> None:
    assert book(Volumenstand(), MAERZ, 10**12, None) == (Volumenstand("2026-03", 10**12, 0), [])


# --- volume: kept ------------------------------------------------------------------------------------------------
def test_the_count_survives_a_restart_and_begins_where_the_connection_begins(tmp_path: Path) -> None:
    volumen = Volumen(tmp_path, 1000, lambda: MAERZ)
    volumen.begin(400)
    volumen.note(1000)
    neu = Volumen(tmp_path, 1000, lambda: MAERZ)
    neu.begin(0)
    neu.note(250)
    assert neu.bytes_monat == 850
    assert [code for _, code, _ in neu.take_meldungen()] == ["VOLUMEN_80"]
    assert neu.take_meldungen() == []
    assert (volumen.buendeln, neu.buendeln) == (False, False)
    neu.note(400)
    assert neu.buendeln


def test_bundling_ends_with_the_month(tmp_path: Path) -> None:
    zeit = Zeit(MAERZ)
    volumen = Volumen(tmp_path, 1000, zeit.jetzt)
    volumen.note(1000)
    assert volumen.buendeln
    zeit.instant = APRIL
    assert (volumen.buendeln, volumen.bytes_monat) == (False, 0)


@pytest.mark.parametrize("inhalt", ["", "[]", "{", '{"bytes": "x"}', '{"farbe": 1}'])
def test_a_damaged_count_begins_anew(tmp_path: Path, inhalt: str) -> None:
    (tmp_path / "volumen.json").write_text(inhalt)
    assert Volumen(tmp_path, 1000, lambda: MAERZ).bytes_monat == 0


def test_a_full_disk_does_not_spoil_the_exchange(tmp_path: Path) -> None:
    volumen = Volumen(tmp_path / "file", 1000, lambda: MAERZ)
    (tmp_path / "file").write_text("a folder cannot be made here")
    volumen.note(100)
    assert volumen.bytes_monat == 100


# --- the modem ---------------------------------------------------------------------------------------------------
def test_a_meter_without_a_slot_is_on_a_cable(tmp_path: Path) -> None:
    set_up(tmp_path, latenz_s=5, verlust_hin=1.0)
    zeit, innen = Zeit(), leitung()
    modem = modem_of(tmp_path, innen, zeit)
    assert modem.post(b"x").body == b"receipt"
    assert modem.get("/geraete/v1/firmware/ab").body == b"image"
    assert zeit.geschlafen == []
    assert modem.status() == Modemstatus(funk=False)
    assert (modem.netz(), modem.buendeln, modem.take_meldungen()) == (None, False, [])
    assert not (tmp_path / "volumen.json").exists()


def test_attached_it_sends_and_tells_of_its_link(tmp_path: Path) -> None:
    insert(tmp_path)
    set_up(tmp_path, rsrp_streuung_db=0, zellwechsel_je_tag=0, rsrp_mittel_dbm=-90, budget_bytes=10_000)
    modem = modem_of(tmp_path, leitung(), Zeit())
    assert modem.post(bytes(100)).body == b"receipt"
    assert modem.netz() == Netz("internet.m2m", "LTE-M", -90, -9, 107)
    status = modem.status()
    assert (status.sim, status.iccid, status.budget_bytes) == (SimZustand.EINGEBUCHT, ICCID, 10_000)
    assert modem.bytes_gesamt == 107


def test_states_of_the_card_as_the_person_at_the_meter_meets_them(tmp_path: Path) -> None:
    karte = insert(tmp_path, pin="1234")
    innen = leitung()
    modem = modem_of(tmp_path, innen, Zeit())

    def refused(zustand: SimZustand, text: str) -> None:
        assert modem.status().sim is zustand
        with pytest.raises(NichtErreichbar, match=text):
            modem.post(b"x")

    refused(SimZustand.PIN_GESPERRT, "SIM-PIN fehlt")
    for _ in range(3):
        karte = karte.enter_pin("1111")
    karte.save(tmp_path)
    refused(SimZustand.PIN_GESPERRT, "gesperrt.*PUK")
    karte.remove().save(tmp_path)
    refused(SimZustand.KEINE, "Keine SIM-Karte")
    assert modem.netz() is None
    assert innen.gesendet == []
    karte.enter_puk("00000000", "4321").insert().save(tmp_path)
    assert modem.status().sim is SimZustand.EINGEBUCHT
    assert modem.post(b"x").status == 200


def test_without_a_network_the_card_is_there_but_not_attached(tmp_path: Path) -> None:
    insert(tmp_path)
    set_up(tmp_path, ausfaelle=[[0, 10**10]])
    modem = modem_of(tmp_path, leitung(), Zeit())
    status = modem.status()
    assert (status.sim, status.rsrp_dbm) == (SimZustand.NICHT_EINGEBUCHT, None)
    assert modem.netz() == Netz("internet.m2m", "LTE-M", None, None, 0)


def test_a_card_that_comes_back_attaches_anew(tmp_path: Path) -> None:
    karte = insert(tmp_path)
    set_up(tmp_path, einbuchen_s=12)
    zeit = Zeit()
    modem = modem_of(tmp_path, leitung(), zeit)
    modem.post(b"x")
    karte.remove().save(tmp_path)
    assert modem.status().sim is SimZustand.KEINE
    karte.save(tmp_path)
    modem.post(b"x")
    assert zeit.geschlafen == [12.0, 12.0]


def test_a_card_that_was_damaged_while_the_meter_runs_is_still_the_card(tmp_path: Path) -> None:
    insert(tmp_path)
    modem = modem_of(tmp_path, leitung(), Zeit())
    modem.post(b"x")
    (tmp_path / "sim.json").write_text("{")
    assert modem.post(b"x").status == 200
    with pytest.raises(MobilfunkFehler):
        modem_of(tmp_path, leitung(), Zeit())


def test_real_bytes_are_counted_warned_of_and_bundled(tmp_path: Path) -> None:
    insert(tmp_path)
    set_up(tmp_path, budget_bytes=1000, buendel_s=3600)
    zeit, innen = Zeit(), leitung()
    innen.bytes_gesamt = 5000  # went over this connection before there was a modem
    modem = modem_of(tmp_path, innen, zeit)
    modem.post(bytes(793))
    assert [(zeitpunkt, code) for zeitpunkt, code, _ in modem.take_meldungen()] == [(MONTAG, "VOLUMEN_80")]
    assert not modem.buendeln
    modem.get("/geraete/v1/firmware/ab")
    modem.post(bytes(188))
    assert [code for _, code, _ in modem.take_meldungen()] == ["VOLUMEN_100"]
    assert (modem.buendeln, modem.buendel_s, modem.status().buendeln) == (True, 3600, True)
    zeit.instant = APRIL
    assert (modem.buendeln, modem.status().bytes_monat) == (False, 0)


def test_what_is_lost_on_the_way_back_costs_volume(tmp_path: Path) -> None:
    insert(tmp_path)
    set_up(tmp_path, verlust_zurueck=1.0)
    modem = modem_of(tmp_path, leitung(), Zeit())
    with pytest.raises(NichtErreichbar):
        modem.post(bytes(100))
    assert modem.status().bytes_monat == 107


def test_a_connection_beside_it_needs_the_card_and_costs_volume(tmp_path: Path) -> None:
    karte = insert(tmp_path)
    neben = leitung(b"certificates")
    neben.bytes_gesamt = 5000  # before it went by this modem
    modem = modem_of(tmp_path, leitung(), Zeit())
    weg = modem.beside(neben)
    modem.post(bytes(100))
    assert weg.post(bytes(300)).body == b"certificates"
    # 100 + 7 and 300 + 12 bytes.
    assert modem.status().bytes_monat == 419
    karte.remove().save(tmp_path)
    with pytest.raises(NichtErreichbar, match="Keine SIM-Karte"):
        weg.post(b"x")
    assert len(neben.gesendet) == 1


def test_what_went_over_the_cable_is_no_volume_of_the_card(tmp_path: Path) -> None:
    modem = modem_of(tmp_path, leitung(), Zeit())
    modem.post(bytes(1000))
    insert(tmp_path)
    modem.post(bytes(100))
    assert modem.status().bytes_monat == 107


def test_reconnect_reaches_the_connection(tmp_path: Path) -> None:
    insert(tmp_path)
    innen, kontext = leitung(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    modem_of(tmp_path, innen, Zeit()).reconnect(kontext)
    assert innen.verbunden == [kontext]


def test_an_exchange_without_bytes_writes_nothing(tmp_path: Path) -> None:
    insert(tmp_path)
    modem = modem_of(tmp_path, leitung(b""), Zeit())
    modem.post(b"x")
    datei = (tmp_path / "volumen.json").stat()
    modem.post(b"")
    assert (tmp_path / "volumen.json").stat().st_ino == datei.st_ino


def test_the_radio_is_made_from_the_card_when_no_seed_is_given(tmp_path: Path) -> None:
    insert(tmp_path)
    zeit = Zeit()
    einer, anderer = (Modem.open(tmp_path, leitung(), jetzt=zeit.jetzt) for _ in range(2))
    assert einer.status() == anderer.status()
    assert einer.status().zelle is not None
