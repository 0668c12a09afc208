"""Orders of receipts: renew, take over the operator's keys, update the firmware; and none costs a reading."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.auftraege import Auftraege
from gateway.einschreibung import enroll
from gateway.fehler import NichtErreichbar, OrdnerFehler
from gateway.gateway import Gateway, open_einschreibung
from gateway.ordner import Ordner
from gateway.verbindung import Antwort
from telegramm.einschreibung import Kette
from telegramm.quittung import CA_KETTE_HOLEN, ZERTIFIKAT_ERNEUERN
from tests.gateway.betreiber_fake import (
    MONTAG,
    URL,
    URL_EINSCHREIBUNG,
    ZAEHLER,
    FakeBetreiber,
    Leitung,
    make_key,
    make_werte,
    pem,
)
from tests.gateway.ca_fake import JETZT, Bildquelle, FakeAusgabestelle, announce, make_kette
from tests.gateway.tls_server import TlsServer, server_context

BILD = b"a new firmware " * 200


class Amt:
    """The operator on both listeners; ``quittung`` are fields that its next receipts carry."""

    def __init__(self, pfad: Path) -> None:
        self.betreiber = FakeBetreiber()
        self.betreiber.zeit = int(JETZT * 1000)
        self.stelle = FakeAusgabestelle(self.betreiber, pfad / "gedaechtnis.json")
        self.einschreibung = self.stelle.link()
        self.quelle = Bildquelle(BILD)
        self.geraete = Leitung(lambda body: self.betreiber.answer(body, **self.quittung))
        self.geraete.get = self.quelle.get  # type: ignore[method-assign]
        self.quittung: dict[str, object] = {}


class Meter:
    """A meter that sends one reading at a time."""

    def __init__(self, pfad: Path, amt: Amt) -> None:
        self.echtzeit = JETZT
        self.protokoll: list[tuple[str, str]] = []
        self.gateway = Gateway.open(
            pfad,
            uebertragung=amt.geraete,
            jetzt=lambda: JETZT,
            bei_quittung=lambda quittung: self.auftraege.note(quittung),
            melden=lambda code, text: self.protokoll.append((code, text)),
        )
        self.auftraege = Auftraege(
            self.gateway.ordner,
            self.gateway.versand,
            amt.geraete,
            einschreibung=amt.einschreibung,
            echtzeit=lambda: self.echtzeit,
            zufall=lambda: 0.0,
        )
        self._werte = iter(make_werte(100, von=MONTAG - 100 * 900))

    def send(self) -> None:
        self.gateway.puffer.put(next(self._werte))
        self.gateway.versand.send_one()


@pytest.fixture
def amt(tmp_path: Path) -> Amt:
    return Amt(tmp_path)


def enrol(ordner: Ordner, amt: Amt, jetzt: float) -> None:
    enroll(
        ordner,
        zaehler=ZAEHLER,
        token="token",
        einschreibung_url=URL_EINSCHREIBUNG,
        telegramm_url=URL,
        ca_pem=pem(amt.betreiber.wurzel),
        uebertragung=amt.einschreibung,
        jetzt=lambda: jetzt,
    )


@pytest.fixture
def meter(tmp_path: Path, amt: Amt) -> Iterator[Meter]:
    enrol(Ordner(tmp_path / "z1"), amt, JETZT)
    meter = Meter(tmp_path / "z1", amt)
    yield meter
    meter.gateway.close()


def test_without_an_order_nothing_happens(meter: Meter, amt: Amt) -> None:
    meter.send()
    vorher = len(amt.geraete.gesendet), len(amt.einschreibung.gesendet)
    meter.auftraege.work()
    assert (len(amt.geraete.gesendet), len(amt.einschreibung.gesendet)) == vorher
    assert meter.protokoll == []


def test_the_order_to_renew_brings_new_keys_and_a_new_epoche(meter: Meter, amt: Amt) -> None:
    amt.quittung = {"auftraege": (ZERTIFIKAT_ERNEUERN,)}
    meter.send()
    amt.quittung = {}
    meter.auftraege.work()
    assert meter.gateway.ordner.load_konfiguration().epoche == 2
    # The connection was dropped, and the next one shows the new certificate.
    assert len(amt.geraete.verbunden) == 1
    assert amt.geraete.verbunden[0] is not None
    # The other connection is not kept for the years until the next renewal.
    assert amt.einschreibung.verbunden == [None]
    assert (meter.gateway.ordner.pfad / "schluessel").exists()
    meter.send()
    assert amt.betreiber.telegramme[-1].epoche == 2
    # A receipt under the new set: the old one has gone.
    assert not (meter.gateway.ordner.pfad / "schluessel").exists()
    assert meter.protokoll == [("SCHLUESSEL_ERNEUERT", "Zertifikate erneuert, Epoche 2.")]
    meter.auftraege.work()
    assert len(amt.stelle.epochen) == 2


def test_renewals_go_to_the_enrolment_address_under_the_pin(meter: Meter) -> None:
    ordner = meter.gateway.ordner
    with closing(open_einschreibung(ordner)) as verbindung:
        assert verbindung.url == URL_EINSCHREIBUNG
    ordner.ca_datei.unlink()
    with pytest.raises(OrdnerFehler, match="fehlt"):
        open_einschreibung(ordner)


def test_a_meter_whose_certificates_have_ended_names_the_way_out(meter: Meter, amt: Amt) -> None:
    # Those of the fake end on 2090-01-01.
    def lose(body: bytes) -> Antwort:
        raise NichtErreichbar("offline")

    amt.geraete.sonst = lose
    with pytest.raises(NichtErreichbar) as fehler:
        meter.send()
    assert str(fehler.value) == "offline"
    meter.echtzeit = datetime(2090, 1, 1, 0, 0, 1, tzinfo=UTC).timestamp()
    with pytest.raises(NichtErreichbar) as fehler:
        meter.send()
    assert str(fehler.value) == (
        "offline. Die Zertifikate des Zählers sind seit 01.01.2090 abgelaufen. "
        "Neue Schlüssel gibt es mit einem neuen Token des Betreibers; Zählerstand und Puffer bleiben: "
        f"stromzaehler einschreiben {meter.gateway.ordner.pfad} --neu --token TOKEN"
    )


def test_over_a_real_socket_an_ended_certificate_is_refused_with_the_way_out(tmp_path: Path, amt: Amt) -> None:
    amt.stelle.bis = datetime(2021, 1, 1, tzinfo=UTC)
    ordner = Ordner(tmp_path / "z2")
    enrol(ordner, amt, datetime(2020, 6, 1, tzinfo=UTC).timestamp())
    kontext = server_context(tmp_path, amt.betreiber)
    kontext.verify_mode = ssl.CERT_REQUIRED
    kontext.load_verify_locations(cadata=pem(amt.betreiber.wurzel).decode())
    with TlsServer(kontext, b"") as server:
        ordner.save_konfiguration(replace(ordner.load_konfiguration(), telegramm_url=server.url))
        with Gateway.open(ordner) as gateway:
            Auftraege(ordner, gateway.versand, gateway.verbindung)
            gateway.puffer.put_many(make_werte(1))
            with pytest.raises(NichtErreichbar, match=r"seit 01\.01\.2021 abgelaufen.*--neu --token"):
                gateway.versand.send_one()
            assert gateway.puffer.waiting() == 1
        assert server.anfragen == []


def test_the_meter_looks_at_its_certificates_itself(meter: Meter, amt: Amt) -> None:
    # Those of the fake end on 2090-01-01; 60 days before is 2089-11-02.
    meter.echtzeit = datetime(2089, 11, 1, 23, 59, tzinfo=UTC).timestamp()
    meter.auftraege.work()
    assert meter.gateway.ordner.load_konfiguration().epoche == 1
    meter.echtzeit = datetime(2089, 11, 2, tzinfo=UTC).timestamp()
    meter.auftraege.work()
    assert meter.gateway.ordner.load_konfiguration().epoche == 2


def test_a_renewal_that_fails_costs_no_reading_and_waits_an_hour(meter: Meter, amt: Amt) -> None:
    def lose(body: bytes) -> Antwort:
        raise NichtErreichbar("torn")

    amt.quittung = {"auftraege": (ZERTIFIKAT_ERNEUERN,)}
    amt.einschreibung.ablauf = [lose, lambda body: Antwort(503)]
    vorher = len(amt.einschreibung.gesendet)
    for verstrichen, versuche in ((0, 1), (3599, 1), (3600, 2), (7200, 3)):
        meter.echtzeit = JETZT + verstrichen
        meter.send()
        meter.auftraege.work()
        assert len(amt.einschreibung.gesendet) - vorher == versuche
    assert len(amt.betreiber.gespeichert) == 4
    assert meter.gateway.ordner.load_konfiguration().epoche == 2
    assert [code for code, _ in meter.protokoll] == [
        "AUFTRAG_FEHLGESCHLAGEN",
        "AUFTRAG_FEHLGESCHLAGEN",
        "SCHLUESSEL_ERNEUERT",
    ]


def rotate(amt: Amt, faelschen: Callable[[Kette], Kette] = lambda kette: kette) -> None:
    """Give the operator new keys: the next receipt orders the chain, the one after it carries it."""
    signatur, verschluesselung = make_key(), make_key()
    kette = faelschen(make_kette(amt.betreiber, signatur, verschluesselung))

    def answer_kette(body: bytes) -> Antwort:
        antwort = amt.betreiber.answer(body, kette=kette)
        amt.betreiber.signatur, amt.betreiber.verschluesselung = signatur, verschluesselung
        return antwort

    amt.geraete.ablauf = [
        lambda body: amt.betreiber.answer(body, auftraege=(CA_KETTE_HOLEN,)),
        answer_kette,
    ]


def test_the_operators_new_keys_are_used_from_the_next_message_on(meter: Meter, amt: Amt) -> None:
    rotate(amt)
    meter.send()
    meter.auftraege.work()
    assert amt.betreiber.telegramme[-1].art == "KETTE"
    meter.send()
    assert len(amt.betreiber.gespeichert) == 2
    assert meter.protokoll == [("KETTE_ERNEUERT", "Neue Schlüssel des Betreibers übernommen.")]


def test_a_chain_that_does_not_check_is_refused_and_logged(meter: Meter, amt: Amt) -> None:
    alt = amt.betreiber.signatur, amt.betreiber.verschluesselung
    for _ in range(2):
        rotate(amt, lambda kette: replace(kette, betreiber_signatur=kette.betreiber_verschluesselung))
        meter.send()
        meter.auftraege.work()
        assert amt.betreiber.telegramme[-1].art == "KETTE"
        amt.betreiber.signatur, amt.betreiber.verschluesselung = alt
        # Before an hour has passed nobody asks again.
        anzahl = len(amt.betreiber.telegramme)
        meter.auftraege.work()
        assert len(amt.betreiber.telegramme) == anzahl
        meter.echtzeit += 3600
    meter.send()
    assert len(amt.betreiber.gespeichert) == 3
    ((code, text),) = meter.protokoll
    assert code == "AUFTRAG_FEHLGESCHLAGEN"
    assert text.endswith("abgelehnt: Ein Zertifikat des Betreibers ist nicht zum Unterzeichnen bestimmt.")


def test_an_announced_firmware_is_installed_and_reported(meter: Meter, amt: Amt) -> None:
    assert meter.auftraege.fw.version == "1.0.0"
    amt.quittung = {"firmware": announce(amt.betreiber, BILD)}
    meter.send()
    meter.auftraege.work(stuecke=1)
    assert len(amt.quelle.geholt) == 1
    meter.auftraege.work()
    assert meter.auftraege.fw.version == "1.1.0"
    assert meter.protokoll == [("FIRMWARE_AKTUALISIERT", "Firmware 1.0.0 durch 1.1.0 ersetzt.")]


def test_a_forged_firmware_is_refused_and_logged(meter: Meter, amt: Amt) -> None:
    amt.quittung = {"firmware": announce(FakeBetreiber(), BILD)}
    meter.send()
    meter.send()
    meter.auftraege.work()
    assert amt.quelle.geholt == []
    assert meter.auftraege.fw.version == "1.0.0"
    assert meter.protokoll == [
        ("FIRMWARE_ABGELEHNT", "Ein Zertifikat ist nicht von der festgelegten CA ausgestellt.")
    ]
