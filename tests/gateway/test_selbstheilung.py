"""What a meter does about a memory that is too old, new keys and a lost time: without a human hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import Gateway
from gateway.fehler import Abgewiesen, EpocheAbgewiesen, OrdnerFehler, QuittungUngueltig
from gateway.kette import load_schluesselbund
from gateway.ordner import Ordner
from gateway.puffer import connect, count_waiting
from gateway.uhr import Uhrzustand
from gateway.verbindung import Antwort
from telegramm.einschreibung import Kette
from telegramm.messwerte import Firmware, Netz
from telegramm.quittung import CA_KETTE_HOLEN, Quittung
from telegramm.schluessel import ski
from tests.gateway.betreiber_fake import MONTAG, make_key, make_werte
from tests.gateway.welt import Speicher, Welt, problem

FOLGE = problem(409, b'{"code": "folge"}')
EPOCHE = problem(409, b'{"code": "epoche"}')


@pytest.fixture
def welt(tmp_path: Path) -> Iterator[Welt]:
    welt = Welt(tmp_path / "z1")
    yield welt
    welt.gateway.close()


def codes(welt: Welt) -> list[str]:
    return [meldung.code for meldung in welt.betreiber.meldungen]


# --- epoche ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("antwort", [FOLGE, EPOCHE])
def test_a_memory_that_is_too_old_begins_a_new_epoche_at_once(welt: Welt, antwort: object) -> None:
    welt.put(3)
    welt.gateway.puffer.next_folge()
    welt.leitung.ablauf.append(antwort)  # type: ignore[arg-type]
    sendung = welt.gateway.versand.send_one()
    assert sendung is not None
    (telegramm,) = welt.betreiber.telegramme
    assert (telegramm.epoche, telegramm.folge, sendung.neu) == (2, 0, 3)
    # On disk before it was used, also where the loss of the buffer cannot reach it.
    assert Ordner(welt.ordner).load_konfiguration().epoche == 2
    welt.gateway.versand.send_all()
    assert codes(welt) == ["EPOCHE_NEU"]


def test_the_new_epoche_outlives_a_kill_before_the_answer(welt: Welt) -> None:
    def kill(_: bytes) -> Antwort:
        raise KeyboardInterrupt

    welt.put(1)
    welt.leitung.ablauf += [EPOCHE, kill]
    with pytest.raises(KeyboardInterrupt):
        welt.gateway.versand.send_one()
    welt.restart()
    welt.gateway.versand.send_all()
    assert {(t.epoche, t.art) for t in welt.betreiber.telegramme} == {(2, "MESSWERTE"), (2, "EREIGNISSE")}
    # Number 0 of the epoche may have arrived before the kill, so it is not used again.
    assert [t.folge for t in welt.betreiber.telegramme] == [1, 2]


def test_other_conflicts_are_no_reason(welt: Welt) -> None:
    welt.put(1)
    welt.leitung.ablauf.append(problem(409, b'{"code": "anderes"}'))
    with pytest.raises(Abgewiesen):
        welt.gateway.versand.send_one()
    assert welt.gateway.puffer.epoche == 1


def test_twenty_epochen_in_a_row_then_one_a_try(welt: Welt) -> None:
    welt.put(1)
    welt.leitung.sonst = EPOCHE
    with pytest.raises(EpocheAbgewiesen) as fehler:
        welt.gateway.versand.send_all(versuche=10)
    assert fehler.value.taeglich
    assert (len(welt.leitung.gesendet), welt.gateway.puffer.epoche) == (21, 22)
    welt.restart()
    with pytest.raises(EpocheAbgewiesen):
        welt.gateway.versand.send_one()
    assert (len(welt.leitung.gesendet), welt.gateway.puffer.epoche) == (22, 23)
    # A success ends the row.
    welt.leitung.sonst = welt.betreiber.answer
    welt.gateway.versand.send_all()
    assert codes(welt) == ["EPOCHE_NEU"]
    welt.put(1, MONTAG + 900)
    welt.leitung.ablauf = [EPOCHE] * 20
    assert welt.gateway.versand.send_one() is not None
    assert welt.gateway.puffer.epoche == 43


def test_a_lost_buffer_begins_a_new_epoche(welt: Welt) -> None:
    welt.put(2)
    welt.gateway.versand.send_all()
    welt.gateway.close()
    for endung in ("", "-wal", "-shm"):
        Path(f"{welt.ordner}/puffer.sqlite{endung}").unlink(missing_ok=True)
    welt.gateway = welt.open()
    welt.put(1, MONTAG + 1800)
    welt.gateway.versand.send_all()
    assert [(t.epoche, t.folge) for t in welt.betreiber.telegramme] == [(1, 0), (2, 0), (2, 1)]
    assert codes(welt) == ["EPOCHE_NEU"]
    # The same buffer again: nothing was lost.
    welt.restart()
    assert welt.gateway.puffer.epoche == 2


@pytest.mark.parametrize("heil", [0, 4096], ids=["no database", "torn after the first page"])
def test_a_damaged_buffer_is_removed_and_heals_from_the_memory(tmp_path: Path, heil: int) -> None:
    speicher = Speicher([])
    welt = Welt(tmp_path / "z2", gedaechtnis=speicher)
    speicher.werte = welt.put(10)
    welt.gateway.versand.send_all()
    speicher.werte += welt.put(5, MONTAG + 10 * 900)
    datei, wal = welt.ordner / "puffer.sqlite", welt.ordner / "puffer.sqlite-wal"
    rest = wal.read_bytes()
    welt.gateway.close()
    datei.write_bytes(datei.read_bytes()[:heil] + b"torn" * 10_000)
    with pytest.raises(OrdnerFehler, match=rf"{datei} ist beschädigt.*diese Datei löschen.*neue Epoche"):
        welt.open()
    with pytest.raises(OrdnerFehler, match="diese Datei löschen"):
        count_waiting(datei)

    # What a killed process left beside it does no harm.
    wal.write_bytes(rest)
    datei.unlink()
    welt.gateway = welt.open()
    assert welt.gateway.puffer.waiting() == 0
    speicher.werte += welt.put(1, MONTAG + 15 * 900)
    fehlt = [(MONTAG + 10 * 900, MONTAG + 15 * 900)]
    welt.leitung.ablauf = [welt.betreiber.answer, lambda body: welt.betreiber.answer(body, luecken=tuple(fehlt))]
    welt.gateway.versand.send_all()
    assert codes(welt) == ["EPOCHE_NEU"]
    assert welt.betreiber.telegramme[-1].epoche == 2
    assert list(map(welt.betreiber.gespeichert.get, welt.stored)) == speicher.werte
    assert welt.betreiber.fehlanzeigen == []
    welt.gateway.close()


def test_a_locked_buffer_is_not_to_be_removed(welt: Welt) -> None:
    """Its readings are all there: only a damaged file may be advised away."""

    def impatient(datei: Path) -> sqlite3.Connection:
        verbindung = connect(datei)
        verbindung.execute("PRAGMA busy_timeout = 0")
        return verbindung

    welt.put(1)
    konfiguration = Ordner(welt.ordner).load_konfiguration()
    Ordner(welt.ordner).save_konfiguration(replace(konfiguration, epoche=2))
    with welt.gateway.puffer.bundle(), pytest.raises(OrdnerFehler, match=r"locked.*Rechte und Platz") as fehler:
        Gateway.open(welt.ordner, uebertragung=welt.leitung, connect=impatient)
    assert "löschen" not in str(fehler.value)


def test_a_start_that_fails_counts_no_epoche(welt: Welt) -> None:
    def broken(_: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    welt.gateway.close()
    (welt.ordner / "puffer.sqlite").unlink()
    for _ in range(3):
        with pytest.raises(OrdnerFehler, match="lässt sich nicht öffnen"):
            Gateway.open(welt.ordner, uebertragung=welt.leitung, connect=broken)
    assert Ordner(welt.ordner).load_konfiguration().epoche == 1
    welt.gateway = welt.open()
    assert welt.gateway.puffer.epoche == Ordner(welt.ordner).load_konfiguration().epoche == 2


def test_a_folder_of_the_first_version_is_not_taken_for_a_loss(tmp_path: Path) -> None:
    welt = Welt(tmp_path / "z2")
    welt.gateway.close()
    datei = welt.ordner / "gateway.json"
    alt = json.loads(datei.read_text())
    del alt["puffer_angelegt"]
    datei.write_text(json.dumps(alt))
    welt.restart()
    assert welt.gateway.puffer.epoche == 1
    assert json.loads(datei.read_text())["puffer_angelegt"] is True
    welt.gateway.close()


# --- keys and orders -------------------------------------------------------------------------------------------
def test_each_receipt_is_handed_on_after_it_counts(tmp_path: Path) -> None:
    gesehen: list[tuple[tuple[str, ...], int]] = []
    welt = Welt(
        tmp_path / "z2",
        bei_quittung=lambda quittung: gesehen.append((quittung.auftraege, welt.gateway.puffer.waiting())),
    )
    welt.put(100)
    welt.leitung.ablauf.append(lambda body: welt.betreiber.answer(body, auftraege=(CA_KETTE_HOLEN, "UNBEKANNT")))
    welt.gateway.versand.send_all()
    assert gesehen == [((CA_KETTE_HOLEN, "UNBEKANNT"), 4), ((), 0)]
    welt.gateway.close()


def test_the_chain_is_asked_for_and_handed_over_without_a_circle(tmp_path: Path) -> None:
    gesehen: list[Quittung] = []
    welt = Welt(tmp_path / "z2", bei_quittung=gesehen.append)
    kette = Kette((b"ca",), b"signatur", b"verschluesselung")
    welt.leitung.ablauf.append(lambda body: welt.betreiber.answer(body, kette=kette, auftraege=(CA_KETTE_HOLEN,)))
    assert welt.gateway.versand.send_kette() == kette
    assert welt.arten == ["KETTE"]
    assert gesehen == []
    with pytest.raises(QuittungUngueltig, match="Kette"):
        welt.gateway.versand.send_kette()
    welt.gateway.close()


def test_new_keys_of_the_meter_begin_an_epoche(welt: Welt) -> None:
    bund = load_schluesselbund(Ordner(welt.ordner))
    neu = replace(bund, unterzeichner=make_key(), entschluesselung=make_key())
    welt.betreiber.kunden[ski(neu.unterzeichner.public_key())] = (
        neu.unterzeichner.public_key(),
        neu.entschluesselung.public_key(),
    )
    welt.put(97)
    welt.leitung.ablauf.append(welt.betreiber.answer)

    def renew(sendung: object, _: int) -> None:
        if len(welt.betreiber.telegramme) == 1:
            welt.gateway.versand.use(neu, 2)

    # In the midst of sending, while a number of the old epoche is reserved.
    welt.gateway.versand.send_all(renew)
    assert [(t.epoche, t.folge) for t in welt.betreiber.telegramme] == [(1, 0), (2, 0)]
    # The operator's keys alone begin none, and neither does the same epoche again.
    welt.gateway.versand.use(neu)
    welt.gateway.versand.use(neu, 2)
    welt.put(1, MONTAG + 97 * 900)
    welt.gateway.versand.send_all()
    assert (welt.betreiber.telegramme[-1].epoche, welt.betreiber.telegramme[-1].folge) == (2, 1)


def test_network_firmware_and_clock_are_told(tmp_path: Path) -> None:
    netz = Netz("iot.example", "LTE-M", -97, -11, 12_345)
    fw = Firmware("1.2.0", bytes(32))
    welt = Welt(tmp_path / "z2", netz=lambda: netz, fw=lambda: fw)
    welt.jetzt += 0.75
    welt.put(97)
    welt.gateway.versand.send_all()
    erstes, zweites = welt.betreiber.telegramme
    assert (erstes.netz, erstes.fw) == (netz, fw)
    assert (erstes.uhr.zustand, erstes.uhr.letzter_abgleich, erstes.uhr.abweichung_ms) == ("GESTELLT", None, None)
    assert (zweites.uhr.letzter_abgleich, zweites.uhr.abweichung_ms) == (int(welt.jetzt), 0)
    welt.gateway.close()


# --- time ------------------------------------------------------------------------------------------------------
def test_a_meter_without_time_asks_for_it(welt: Welt) -> None:
    welt.gateway.close()
    welt.gateway = Gateway.open(
        welt.ordner, uebertragung=welt.leitung, jetzt=lambda: welt.jetzt - MONTAG - 30 * 86_400 + 5
    )
    uhr, versand = welt.gateway.uhr, welt.gateway.versand
    assert uhr.zustand is Uhrzustand.UNGUELTIG
    assert versand.frage_zeit().sent == 0
    assert uhr.zustand is Uhrzustand.UNGUELTIG
    welt.jetzt += 2
    versand.frage_zeit()
    assert (uhr.zustand, uhr.now()) == (Uhrzustand.GESTELLT, welt.jetzt)
    assert [(t.art, t.uhr.zustand, t.erzeugt) for t in welt.betreiber.telegramme] == [
        ("ZEIT", "UNGUELTIG", 5000),
        ("ZEIT", "UNGUELTIG", 7000),
    ]
    # What was learned is on disk.
    welt.gateway.close()
    welt.gateway = Gateway.open(
        welt.ordner, uebertragung=welt.leitung, jetzt=lambda: welt.jetzt - MONTAG - 30 * 86_400 + 5
    )
    assert welt.gateway.uhr.now() == welt.jetzt
    assert welt.gateway.uhr.zustand is Uhrzustand.GESTELLT
    welt.gateway.puffer.queue_meldungen(MONTAG)
    welt.gateway.versand.send_all()
    assert codes(welt) == ["UHR_GESTELLT", "PROTOKOLL_GESENDET"]
    # MONTAG and 30 days, less 5 s.
    assert welt.betreiber.meldungen[0].text == "Die Uhr ging 1775001595000 ms nach und wurde gestellt."


def test_a_far_off_receipt_counts_for_readings_and_is_told(welt: Welt) -> None:
    welt.put(1)
    richtig, welt.betreiber.uhr = welt.betreiber.uhr, lambda: welt.jetzt + 31_536_000
    welt.gateway.versand.send_one()
    assert welt.gateway.puffer.waiting() == 0
    welt.betreiber.uhr = richtig
    welt.gateway.versand.send_all()
    assert codes(welt) == ["UHR_UNSICHER"]
    assert welt.betreiber.telegramme[1].uhr.zustand == "UNSICHER"
    assert welt.gateway.uhr.zustand is Uhrzustand.GESTELLT


def test_entries_go_to_the_log_of_the_device_when_there_is_one(tmp_path: Path) -> None:
    log: list[str] = []
    welt = Welt(tmp_path / "z2", melden=lambda code, text: log.append(code))
    welt.put(1)
    welt.leitung.ablauf.append(EPOCHE)
    welt.gateway.versand.send_all()
    assert log == ["EPOCHE_NEU"]
    assert welt.arten == ["MESSWERTE"]
    welt.gateway.close()


# --- work ------------------------------------------------------------------------------------------------------
def test_a_message_costs_nine_statements_and_two_commits(welt: Welt) -> None:
    welt.gateway.puffer.put_many(make_werte(1))
    befehle: list[str] = []
    welt.gateway.puffer._verbindung.set_trace_callback(befehle.append)
    assert welt.gateway.versand.send_one() is not None
    welt.gateway.puffer._verbindung.set_trace_callback(None)
    assert [befehl.split()[0] for befehl in befehle] == [
        "SELECT", "SELECT",
        "BEGIN", "UPDATE", "COMMIT",
        "BEGIN", "DELETE", "INSERT", "COMMIT",
    ]  # fmt: skip
