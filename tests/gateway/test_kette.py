"""The operator's new keys: believed for the pinned root alone, stored together, or refused and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtensionOID, NameOID

from gateway.fehler import OrdnerFehler, ZertifikatUngueltig
from gateway.kette import accept_kette, load_schluesselbund
from gateway.ordner import Ordner
from telegramm.einschreibung import Kette
from tests.gateway.betreiber_fake import (
    GUELTIG_AB,
    FakeBetreiber,
    der,
    enrolled,
    make_certificate,
    make_key,
    pem,
)
from tests.gateway.ca_fake import JETZT, make_kette, make_second_ca


@pytest.fixture(scope="module")
def betreiber() -> FakeBetreiber:
    return FakeBetreiber()


@pytest.fixture
def ordner(tmp_path: Path, betreiber: FakeBetreiber) -> Ordner:
    return Ordner(enrolled(tmp_path, betreiber))


def test_the_new_keys_are_used_from_now_on_and_after_a_restart(ordner: Ordner, betreiber: FakeBetreiber) -> None:
    signatur, verschluesselung = make_key(), make_key()
    vorher = load_schluesselbund(ordner)
    bund = accept_kette(ordner, make_kette(betreiber, signatur, verschluesselung), JETZT)
    assert bund.betreiber_signatur == signatur.public_key()
    assert bund.betreiber_verschluesselung == verschluesselung.public_key()
    assert bund.unterzeichner.private_numbers() == vorher.unterzeichner.private_numbers()
    geladen = load_schluesselbund(Ordner(ordner.pfad))
    assert geladen.betreiber_signatur == signatur.public_key()
    assert geladen.betreiber_verschluesselung == verschluesselung.public_key()


def test_a_folder_of_the_first_version_takes_them_over(ordner: Ordner, betreiber: FakeBetreiber) -> None:
    """Then each of the operator's certificates had a file of its own."""
    betreiber_datei = ordner.zertifikat_datei("betreiber")
    alt = [ordner.load_zertifikat(f"betreiber_{zweck}") for zweck in ("signatur", "verschluesselung")]
    betreiber_datei.unlink()
    ordner.save_zertifikat("betreiber_signatur", alt[:1])
    ordner.save_zertifikat("betreiber_verschluesselung", alt[1:])
    assert load_schluesselbund(ordner).betreiber_signatur == betreiber.signatur.public_key()
    assert load_schluesselbund(ordner).betreiber_verschluesselung == betreiber.verschluesselung.public_key()
    assert ordner.load_ausstellende() == [betreiber.ca]
    signatur = make_key()
    accept_kette(ordner, make_kette(betreiber, signatur, make_key()), JETZT)
    assert load_schluesselbund(ordner).betreiber_signatur == signatur.public_key()


def test_a_new_issuing_ca_comes_beside_the_one_above_ourselves(ordner: Ordner, betreiber: FakeBetreiber) -> None:
    schluessel, ca = make_second_ca(betreiber)

    def issue(nutzung: str) -> bytes:
        return der(make_certificate("B", make_key().public_key(), betreiber.name_ca, schluessel, nutzung=nutzung))

    neu = Kette(
        ca=(der(ca), der(betreiber.wurzel)),
        betreiber_signatur=issue("signatur"),
        betreiber_verschluesselung=issue("verschluesselung"),
    )
    accept_kette(ordner, neu, JETZT)
    assert ordner.load_ausstellende() == [ca, betreiber.ca]


def leaf_with(betreiber: FakeBetreiber, **mehr: object) -> bytes:
    return der(betreiber.issue("B", make_key().public_key(), **mehr))


def without_key_usage(betreiber: FakeBetreiber) -> bytes:
    return leaf_with(betreiber)


def on_ed25519(betreiber: FakeBetreiber) -> bytes:
    schluessel = ed25519.Ed25519PrivateKey.generate().public_key()
    return der(betreiber.issue("B", schluessel, nutzung="signatur"))  # type: ignore[arg-type]


def short_path(betreiber: FakeBetreiber) -> tuple[bytes, ...]:
    """The issuing CA under another issuing CA that may have none below it."""
    oben = make_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Oben")])
    mitte = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(betreiber.wurzel.subject)
        .public_key(oben.public_key())
        .serial_number(1)
        .not_valid_before(GUELTIG_AB)
        .not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(betreiber.wurzel_schluessel, hashes.SHA256())
    )
    unten = make_certificate(betreiber.name_ca, betreiber.ca_schluessel.public_key(), "Oben", oben, ca=True)
    return (der(unten), der(mitte), der(betreiber.wurzel))


def not_for_certificates(betreiber: FakeBetreiber) -> tuple[bytes, ...]:
    """A CA by its basic constraints, but its key may only sign data."""
    ca = make_certificate(
        betreiber.name_ca,
        betreiber.ca_schluessel.public_key(),
        "Test Wurzel",
        betreiber.wurzel_schluessel,
        ca=True,
        nutzung="signatur",
    )
    return (der(ca), der(betreiber.wurzel))


ABGELAUFEN = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("faelschung", "text"),
    [
        (lambda b, k: replace(k, ca=k.ca[:1]), "Wurzel"),
        (lambda b, k: replace(k, ca=(k.ca[0], der(FakeBetreiber().wurzel))), "Wurzel"),
        (lambda b, k: replace(k, ca=(der(FakeBetreiber().ca), k.ca[1])), "nicht von der festgelegten CA"),
        (lambda b, k: replace(k, ca=(leaf_with(b), *k.ca)), "keine CA"),
        (lambda b, k: replace(k, ca=not_for_certificates(b)), "keine CA"),
        (lambda b, k: replace(k, ca=short_path(b)), "länger, als eine ihrer CAs erlaubt"),
        (lambda b, k: replace(k, betreiber_signatur=k.betreiber_verschluesselung), "nicht zum Unterzeichnen"),
        (lambda b, k: replace(k, betreiber_verschluesselung=k.betreiber_signatur), "nicht zum Verschlüsseln"),
        (lambda b, k: replace(k, betreiber_signatur=without_key_usage(b)), "nicht zum Unterzeichnen"),
        (
            lambda b, k: replace(k, betreiber_signatur=leaf_with(b, bis=ABGELAUFEN, nutzung="signatur")),
            "nicht gültig",
        ),
        (lambda b, k: replace(k, betreiber_signatur=on_ed25519(b)), "elliptischen Kurve"),
        (
            lambda b, k: make_kette(FakeBetreiber(), make_key(), make_key()),
            "Wurzel",
        ),
        (
            lambda b, k: replace(make_kette(FakeBetreiber(), make_key(), make_key()), ca=k.ca),
            "nicht von der festgelegten CA",
        ),
        (lambda b, k: replace(k, betreiber_verschluesselung=b"garbage"), "unlesbar"),
    ],
)
def test_a_chain_that_does_not_check_changes_nothing(
    ordner: Ordner, betreiber: FakeBetreiber, faelschung: Callable[[FakeBetreiber, Kette], Kette], text: str
) -> None:
    vorher = {datei: datei.read_bytes() for datei in ordner.pfad.rglob("*.pem")}
    falsch = faelschung(betreiber, make_kette(betreiber, make_key(), make_key()))
    with pytest.raises(ZertifikatUngueltig, match=text):
        accept_kette(ordner, falsch, JETZT)
    assert {datei: datei.read_bytes() for datei in ordner.pfad.rglob("*.pem")} == vorher


def test_an_expired_ca_is_refused(ordner: Ordner, betreiber: FakeBetreiber) -> None:
    ca = make_certificate(
        betreiber.name_ca,
        betreiber.ca_schluessel.public_key(),
        "Test Wurzel",
        betreiber.wurzel_schluessel,
        ca=True,
        bis=ABGELAUFEN,
    )
    kette = make_kette(betreiber, make_key(), make_key())
    with pytest.raises(ZertifikatUngueltig, match="der Kette ist nicht gültig"):
        accept_kette(ordner, replace(kette, ca=(der(ca), kette.ca[1])), JETZT)


def test_a_damaged_file_of_the_operator_names_the_remedy(ordner: Ordner, betreiber: FakeBetreiber) -> None:
    ordner.zertifikat_datei("betreiber").write_bytes(pem(betreiber.ca))
    with pytest.raises(OrdnerFehler, match=r"nicht vollständig.*--neu --token"):
        load_schluesselbund(ordner)


def test_a_stored_certificate_of_another_kind_of_key_is_named(ordner: Ordner, betreiber: FakeBetreiber) -> None:
    fremd = x509.load_der_x509_certificate(on_ed25519(betreiber))
    ordner.save_betreiber(fremd, fremd, [betreiber.ca])
    with pytest.raises(OrdnerFehler, match="elliptischen Kurve"):
        load_schluesselbund(ordner)


def test_an_extension_that_cannot_be_read_is_refused(ordner: Ordner, betreiber: FakeBetreiber) -> None:
    """Not taken for one that is absent, which would allow everything to a CA."""
    kaputt = (
        x509.CertificateBuilder()
        .subject_name(betreiber.ca.subject)
        .issuer_name(betreiber.wurzel.subject)
        .public_key(betreiber.ca_schluessel.public_key())
        .serial_number(1)
        .not_valid_before(GUELTIG_AB)
        .not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.UnrecognizedExtension(ExtensionOID.KEY_USAGE, b"\x30"), critical=True)
        .sign(betreiber.wurzel_schluessel, hashes.SHA256())
    )
    kette = make_kette(betreiber, make_key(), make_key())
    with pytest.raises(ZertifikatUngueltig, match="unlesbare Erweiterung"):
        accept_kette(ordner, replace(kette, ca=(der(kaputt), kette.ca[1])), JETZT)
