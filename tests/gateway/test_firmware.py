"""Firmware: what is announced is judged, fetched in pieces, and installed at once or refused with its reason."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.fehler import Abgewiesen, OrdnerFehler
from gateway.firmware import Firmwareaktualisierung, Firmwarestand, current_firmware
from gateway.kette import accept_kette
from gateway.ordner import Ordner
from telegramm import cbor
from telegramm.firmware import Firmwareangebot, Firmwaremanifest, sign_manifest
from telegramm.messwerte import Firmware
from tests.gateway.abbruch import kill_everywhere
from tests.gateway.betreiber_fake import FakeBetreiber, enrolled, make_key
from tests.gateway.ca_fake import JETZT, Bildquelle, announce, make_code_signer, make_kette, make_second_ca

BILD = bytes(range(256)) * 10
PRUEFSUMME = hashlib.sha256(BILD).digest()


@pytest.fixture(scope="module")
def betreiber() -> FakeBetreiber:
    return FakeBetreiber()


class Zaehler:
    """The update of a meter in its folder, with what it wrote to the log; `restart` is a new process."""

    def __init__(self, pfad: Path) -> None:
        self.ordner = Ordner(pfad)
        self.protokoll: list[tuple[str, str]] = []
        self.restart()

    def restart(self) -> None:
        self.firmware = Firmwareaktualisierung(self.ordner, lambda code, text: self.protokoll.append((code, text)))


@pytest.fixture
def zaehler(tmp_path: Path, betreiber: FakeBetreiber) -> Zaehler:
    return Zaehler(enrolled(tmp_path / "z1", betreiber))


def test_the_factory_delivers_version_1_0_0(zaehler: Zaehler) -> None:
    stand = current_firmware(zaehler.ordner)
    assert stand.version == "1.0.0"
    # printf 'Simulierte Firmware, Auslieferungszustand' | sha256sum
    assert stand.sha256.hex() == "27165fdde434f0768569cc1ed53468a7925d1b958f7ae98798f8e98c55560eee"
    assert Firmwarestand.load(zaehler.ordner).modell == "SIM-3.60"


def test_the_model_can_be_another(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    Firmwarestand.factory("MT-175").save(zaehler.ordner)
    zaehler.restart()
    zaehler.firmware.consider(announce(betreiber, BILD, modell="MT-175"), JETZT)
    assert zaehler.firmware.fetch(Bildquelle(BILD, 4096))
    assert Firmwarestand.load(zaehler.ordner).modell == "MT-175"


def test_an_image_is_fetched_in_pieces_and_installed(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    quelle = Bildquelle(BILD)
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    assert zaehler.firmware.is_fetching
    assert zaehler.firmware.fetch(quelle)
    pfad = f"/geraete/v1/firmware/{PRUEFSUMME.hex()}"
    assert quelle.geholt == [f"{pfad}?von=0", f"{pfad}?von=1000", f"{pfad}?von=2000"]
    assert current_firmware(zaehler.ordner) == Firmware("1.1.0", PRUEFSUMME)
    assert (zaehler.ordner.pfad / "firmware" / f"{PRUEFSUMME.hex()}.bin").read_bytes() == BILD
    assert zaehler.protokoll == [("FIRMWARE_AKTUALISIERT", "Firmware 1.0.0 durch 1.1.0 ersetzt.")]
    assert not zaehler.firmware.is_fetching
    assert not zaehler.firmware.fetch(quelle)


def test_a_receipt_that_still_announces_what_is_installed_says_nothing(
    zaehler: Zaehler, betreiber: FakeBetreiber
) -> None:
    angebot = announce(betreiber, BILD)
    zaehler.firmware.consider(angebot, JETZT)
    zaehler.firmware.fetch(Bildquelle(BILD))
    zaehler.firmware.consider(angebot, JETZT)
    zaehler.firmware.consider(None, JETZT)
    assert not zaehler.firmware.is_fetching
    assert [code for code, _ in zaehler.protokoll] == ["FIRMWARE_AKTUALISIERT"]


def test_the_next_update_removes_the_image_before(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    for bild, version in ((BILD, "1.9.0"), (BILD[::-1], "1.10.0")):
        zaehler.firmware.consider(announce(betreiber, bild, version=version), JETZT)
        assert zaehler.firmware.fetch(Bildquelle(bild))
    assert current_firmware(zaehler.ordner).version == "1.10.0"
    assert len(list((zaehler.ordner.pfad / "firmware").glob("*.bin"))) == 1


def test_the_same_image_under_a_higher_version_is_not_fetched_again(
    zaehler: Zaehler, betreiber: FakeBetreiber
) -> None:
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    assert zaehler.firmware.fetch(Bildquelle(BILD))
    quelle = Bildquelle(BILD)
    zaehler.firmware.consider(announce(betreiber, BILD, version="1.2.0"), JETZT)
    assert zaehler.firmware.fetch(quelle)
    assert quelle.geholt == []
    assert current_firmware(zaehler.ordner) == Firmware("1.2.0", PRUEFSUMME)


def test_one_piece_at_a_time_when_it_is_asked_for(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    quelle = Bildquelle(BILD)
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    assert [zaehler.firmware.fetch(quelle, 1) for _ in range(3)] == [False, False, True]
    assert len(quelle.geholt) == 3


def test_a_restart_goes_on_where_the_file_ends(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    quelle, angebot = Bildquelle(BILD), announce(betreiber, BILD)
    zaehler.firmware.consider(angebot, JETZT)
    zaehler.firmware.fetch(quelle, 2)
    zaehler.restart()
    zaehler.firmware.consider(angebot, JETZT)
    assert zaehler.firmware.fetch(quelle)
    assert [pfad.partition("von=")[2] for pfad in quelle.geholt] == ["0", "1000", "2000"]


@pytest.mark.parametrize("rest", [b"\0" * 1500, b"\0" * 3000, b"\0" * len(BILD)])
def test_what_a_power_cut_tore_is_fetched_anew_before_it_is_judged(
    zaehler: Zaehler, betreiber: FakeBetreiber, rest: bytes
) -> None:
    datei = zaehler.ordner.pfad / "firmware" / f"{PRUEFSUMME.hex()}.bin"
    datei.parent.mkdir()
    datei.write_bytes(rest)
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    assert zaehler.firmware.fetch(Bildquelle(BILD))
    assert [code for code, _ in zaehler.protokoll] == ["FIRMWARE_AKTUALISIERT"]


def test_a_link_that_fails_costs_one_piece(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    quelle = Bildquelle(BILD)
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    zaehler.firmware.fetch(quelle, 1)
    quelle.status = 503
    with pytest.raises(Abgewiesen, match="503"):
        zaehler.firmware.fetch(quelle)
    quelle.status = 200
    assert zaehler.firmware.fetch(quelle)
    assert zaehler.protokoll[-1][0] == "FIRMWARE_AKTUALISIERT"


def test_an_image_that_was_withdrawn_is_dropped_without_a_word(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    quelle = Bildquelle(BILD)
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    zaehler.firmware.fetch(quelle, 1)
    quelle.status = 404
    assert not zaehler.firmware.fetch(quelle)
    assert not zaehler.firmware.is_fetching
    assert zaehler.protokoll == []
    assert list((zaehler.ordner.pfad / "firmware").glob("*.bin")) == []


def test_a_kill_at_any_change_of_a_file_leaves_the_old_or_the_new_firmware(
    zaehler: Zaehler, betreiber: FakeBetreiber
) -> None:
    # An earlier image is there to be removed, after the new one has taken its place.
    zaehler.firmware.consider(announce(betreiber, b"before", version="1.0.5"), JETZT)
    assert zaehler.firmware.fetch(Bildquelle(b"before"))
    angebot, gesehen = announce(betreiber, BILD), []

    def work(pfad: Path) -> None:
        meter = Zaehler(pfad)
        meter.firmware.consider(angebot, JETZT)
        meter.firmware.fetch(Bildquelle(BILD))

    def check(pfad: Path) -> None:
        stand = current_firmware(Ordner(pfad))
        assert stand == Firmware("1.1.0", PRUEFSUMME) or stand.version == "1.0.5"
        gesehen.append(stand.version)

    assert kill_everywhere(zaehler.ordner.pfad, work, check) >= 6
    assert set(gesehen[::2]) == {"1.0.5", "1.1.0"}
    assert set(gesehen[1::2]) == {"1.1.0"}


def test_the_signer_may_stand_under_a_ca_that_the_operator_named_later(
    zaehler: Zaehler, betreiber: FakeBetreiber
) -> None:
    """The new issuing CA has the name of the old one, which stays above the meter's own certificates."""
    alt = betreiber.ca_schluessel, betreiber.ca
    neu = make_second_ca(betreiber)
    for betreiber.ca_schluessel, betreiber.ca in (neu, alt):
        angebot = announce(betreiber, BILD)
        if (betreiber.ca_schluessel, betreiber.ca) == neu:
            zaehler.firmware.consider(angebot, JETZT)
            assert not zaehler.firmware.is_fetching
            accept_kette(zaehler.ordner, make_kette(betreiber, make_key(), make_key()), JETZT)
        zaehler.firmware.consider(angebot, JETZT)
        assert zaehler.firmware.is_fetching


# --- refusals --------------------------------------------------------------------------------------------------
Faelschung = Callable[[FakeBetreiber], Firmwareangebot]


def signed_by(betreiber: FakeBetreiber, manifest: Firmwaremanifest, **mehr: object) -> Firmwareangebot:
    schluessel, zertifikat = make_code_signer(betreiber, **mehr)  # type: ignore[arg-type]
    return sign_manifest(manifest, schluessel, zertifikat)


def manifest(**aenderung: object) -> Firmwaremanifest:
    felder = {"modell": "SIM-3.60", "version": "1.1.0", "sha256": PRUEFSUMME, "groesse": len(BILD)} | aenderung
    return Firmwaremanifest(**felder)  # type: ignore[arg-type]


def wrong_signature(betreiber: FakeBetreiber) -> Firmwareangebot:
    """The signature of another manifest under the same certificate."""
    echt = announce(betreiber, BILD)
    return replace(echt, manifest=manifest(version="9.0.0").to_bytes())


def too_large(betreiber: FakeBetreiber) -> Firmwareangebot:
    """A manifest of 16 MiB and one byte: as CBOR, because the class refuses to hold it."""
    inhalt = cbor.encode(
        {"v": 1, "art": "FIRMWARE", "modell": "SIM-3.60", "version": "1.1.0", "sha256": PRUEFSUMME}
        | {"groesse": 16 * 2**20 + 1}
    )
    schluessel, zertifikat = make_code_signer(betreiber)
    return Firmwareangebot(inhalt, schluessel.sign(inhalt, ec.ECDSA(hashes.SHA256())), zertifikat)


VORBEI = datetime(2026, 1, 1, tzinfo=UTC)
KEINE_CA = "Ein Zertifikat ist nicht von der festgelegten CA ausgestellt."
KEIN_ZWECK = "Das Zertifikat ist nicht zum Unterzeichnen von Firmware bestimmt."


@pytest.mark.parametrize(
    ("faelschung", "grund"),
    [
        pytest.param(wrong_signature, "Die Unterschrift der Firmware ist falsch.", id="signature"),
        pytest.param(
            lambda b: signed_by(b, manifest(), eku=ExtendedKeyUsageOID.EMAIL_PROTECTION), KEIN_ZWECK, id="eku"
        ),
        pytest.param(lambda b: signed_by(b, manifest(), eku=None), KEIN_ZWECK, id="no eku"),
        pytest.param(lambda b: announce(FakeBetreiber(), BILD), KEINE_CA, id="foreign ca"),
        pytest.param(
            lambda b: signed_by(b, manifest(), bis=VORBEI),
            "Ein Zertifikat ist nicht gültig; die Uhr dieses Rechners prüfen.",
            id="expired",
        ),
        pytest.param(
            lambda b: replace(announce(b, BILD), zertifikat=b"x"),
            "Die Antwort enthält ein unlesbares Zertifikat.",
            id="garbage",
        ),
        pytest.param(
            lambda b: announce(b, BILD, version="0.9.9"),
            "Version 0.9.9 ist nicht neuer als 1.0.0.",
            id="downgrade",
        ),
        pytest.param(
            lambda b: announce(b, BILD, version="1.0"), "Version 1.0 ist nicht neuer als 1.0.0.", id="same version"
        ),
        pytest.param(
            lambda b: announce(b, BILD, modell="MT-175"),
            "Die Firmware ist für MT-175, dieser Zähler ist ein SIM-3.60.",
            id="model",
        ),
        pytest.param(too_large, "Das Manifest der Firmware ist unlesbar oder zu groß.", id="too large"),
    ],
)
def test_an_announcement_that_is_refused_is_logged_once_and_never_fetched(
    zaehler: Zaehler, betreiber: FakeBetreiber, faelschung: Faelschung, grund: str
) -> None:
    angebot, quelle = faelschung(betreiber), Bildquelle(BILD)
    for _ in range(2):
        zaehler.firmware.consider(angebot, JETZT)
        assert not zaehler.firmware.fetch(quelle)
        zaehler.restart()
    assert zaehler.protokoll == [("FIRMWARE_ABGELEHNT", grund)]
    assert quelle.geholt == []
    assert current_firmware(zaehler.ordner).version == "1.0.0"


@pytest.mark.parametrize(
    ("angekuendigt", "bild", "grund"),
    [
        pytest.param({}, BILD[:-1], "Das Bild der Firmware ist kürzer als angekündigt.", id="truncated"),
        pytest.param({"groesse": 2000}, BILD, "Die Prüfsumme des Bildes ist nicht die angekündigte.", id="size"),
        pytest.param({"groesse": 2500}, BILD, "Das Bild der Firmware ist länger als angekündigt.", id="too long"),
        pytest.param({}, BILD[:-1] + b"x", "Die Prüfsumme des Bildes ist nicht die angekündigte.", id="hash"),
    ],
)
def test_a_wrong_image_is_refused_once_and_not_fetched_again(
    zaehler: Zaehler, betreiber: FakeBetreiber, angekuendigt: dict[str, int], bild: bytes, grund: str
) -> None:
    angebot, quelle = announce(betreiber, BILD, **angekuendigt), Bildquelle(bild)
    zaehler.firmware.consider(angebot, JETZT)
    assert not zaehler.firmware.fetch(quelle)
    anzahl = len(quelle.geholt)
    for _ in range(2):
        zaehler.firmware.consider(angebot, JETZT)
        assert not zaehler.firmware.fetch(quelle)
        zaehler.restart()
    assert zaehler.protokoll == [("FIRMWARE_ABGELEHNT", grund)]
    assert len(quelle.geholt) == anzahl
    assert list((zaehler.ordner.pfad / "firmware").glob("*.bin")) == []
    assert current_firmware(zaehler.ordner).version == "1.0.0"


def test_an_answer_without_a_byte_is_an_image_that_ends(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    assert not zaehler.firmware.fetch(Bildquelle(BILD, 0))
    assert zaehler.protokoll == [("FIRMWARE_ABGELEHNT", "Das Bild der Firmware ist kürzer als angekündigt.")]


def test_what_a_wrong_clock_refused_is_taken_when_it_is_right(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    angebot = announce(betreiber, BILD)
    zaehler.firmware.consider(angebot, 0.0)
    assert [code for code, _ in zaehler.protokoll] == ["FIRMWARE_ABGELEHNT"]
    zaehler.firmware.consider(angebot, JETZT)
    assert zaehler.firmware.fetch(Bildquelle(BILD))
    assert zaehler.protokoll[-1][0] == "FIRMWARE_AKTUALISIERT"


def test_another_reason_for_the_same_announcement_is_not_logged_again(
    zaehler: Zaehler, betreiber: FakeBetreiber
) -> None:
    angebot = announce(betreiber, BILD, version="0.9.9")
    for jetzt in (0.0, JETZT, JETZT):
        zaehler.firmware.consider(angebot, jetzt)
    assert zaehler.protokoll == [
        ("FIRMWARE_ABGELEHNT", "Ein Zertifikat ist nicht gültig; die Uhr dieses Rechners prüfen.")
    ]


def test_the_memory_of_refusals_is_bounded_and_may_be_lost(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    for stelle in range(20):
        zaehler.firmware.consider(announce(betreiber, BILD, version=f"0.0.{stelle}"), JETZT)
    datei = zaehler.ordner.pfad / "firmware" / "abgelehnt.json"
    assert len(json.loads(datei.read_text())) == 16
    datei.write_text("[")
    zaehler.restart()
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    assert zaehler.firmware.fetch(Bildquelle(BILD))


@pytest.mark.parametrize("inhalt", ["", "[]", '{"modell": "SIM-3.60", "version": "1.0.0", "sha256": "x"}'])
def test_a_damaged_state_is_no_way_to_a_downgrade(zaehler: Zaehler, inhalt: str) -> None:
    (zaehler.ordner.pfad / "firmware.json").write_text(inhalt)
    with pytest.raises(OrdnerFehler, match="aus der Sicherung"):
        zaehler.restart()


def test_the_state_is_readable_for_people(zaehler: Zaehler, betreiber: FakeBetreiber) -> None:
    zaehler.firmware.consider(announce(betreiber, BILD), JETZT)
    zaehler.firmware.fetch(Bildquelle(BILD))
    daten = json.loads((zaehler.ordner.pfad / "firmware.json").read_text())
    assert daten == {"modell": "SIM-3.60", "version": "1.1.0", "sha256": PRUEFSUMME.hex()}
    assert os.path.getsize(zaehler.ordner.pfad / "firmware" / f"{PRUEFSUMME.hex()}.bin") == 2560
