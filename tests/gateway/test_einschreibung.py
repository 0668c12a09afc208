"""Enrolment: the answer is believed only when it leads to our keys, our number and the pinned root."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway.einschreibung import enroll
from gateway.fehler import EinschreibungFehler, GatewayFehler, NichtErreichbar, OrdnerFehler
from gateway.ordner import Konfiguration, Ordner
from gateway.verbindung import Antwort
from telegramm.einschreibung import Einschreibungsantwort
from tests.gateway.betreiber_fake import (
    URL,
    URL_EINSCHREIBUNG,
    ZAEHLER,
    FakeBetreiber,
    Leitung,
    answer_enrolment,
    der,
    make_certificate,
    make_key,
    pem,
)


@pytest.fixture(scope="module")
def betreiber() -> FakeBetreiber:
    return FakeBetreiber()


def enrol(pfad: Path, betreiber: FakeBetreiber, leitung: Leitung | None = None, **mehr: Any) -> Konfiguration:
    argumente: dict[str, Any] = {
        "zaehler": ZAEHLER,
        "token": "token",
        "einschreibung_url": URL_EINSCHREIBUNG,
        "telegramm_url": URL,
        "ca_pem": pem(betreiber.wurzel),
        "uebertragung": leitung or answer_enrolment(betreiber),
        "jetzt": lambda: datetime(2026, 3, 2, tzinfo=UTC).timestamp(),
    } | mehr
    return enroll(Ordner(pfad), **argumente)


def test_stores_keys_certificates_and_configuration(tmp_path: Path, betreiber: FakeBetreiber) -> None:
    konfiguration = enrol(tmp_path, betreiber, zaehler="1 EMH 00 1234 5678")
    assert konfiguration == Konfiguration(ZAEHLER, URL, URL_EINSCHREIBUNG, 1)
    ordner = Ordner(tmp_path)
    assert ordner.load_konfiguration() == konfiguration
    oeffentliche = set()
    for zweck in ("tls", "signatur", "verschluesselung"):
        numbers = ordner.load_schluessel(zweck).public_key().public_numbers()
        assert ordner.load_schluessel(zweck).curve.name == "secp256r1"
        assert ordner.load_zertifikat(zweck).public_key().public_numbers() == numbers  # type: ignore[union-attr]
        oeffentliche.add((numbers.x, numbers.y))
    assert len(oeffentliche) == 3
    # The issuing CA is sent along in the handshake; the root is not.
    assert x509.load_pem_x509_certificates(ordner.zertifikat_datei("tls").read_bytes())[1:] == [betreiber.ca]
    assert ordner.ca_datei.read_bytes() == pem(betreiber.wurzel)


def test_a_lost_answer_is_repeated_with_the_same_keys(tmp_path: Path, betreiber: FakeBetreiber) -> None:
    def lose(body: bytes) -> Antwort:
        betreiber.enroll(body)
        raise NichtErreichbar("torn")

    with pytest.raises(NichtErreichbar):
        enrol(tmp_path, betreiber, Leitung(lose))
    assert not Ordner(tmp_path).is_enrolled
    enrol(tmp_path, betreiber)
    erste, zweite = (
        [x509.load_der_x509_csr(roh).public_key() for roh in (e.csr_tls, e.csr_signatur, e.csr_verschluesselung)]
        for e in betreiber.einschreibungen[-2:]
    )
    assert erste == zweite


def test_an_enrolled_folder_is_left_as_it_is(tmp_path: Path, betreiber: FakeBetreiber) -> None:
    erste = enrol(tmp_path, betreiber)
    leitung = answer_enrolment(betreiber)
    assert enrol(tmp_path, betreiber, leitung) == erste
    assert leitung.gesendet == []
    with pytest.raises(OrdnerFehler, match="anderen Ordner"):
        enrol(tmp_path, betreiber, leitung, zaehler="1EMH0012345679")


Faelschung = Callable[[FakeBetreiber, Einschreibungsantwort], Einschreibungsantwort]


def foreign_key(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    return replace(antwort, zertifikat_signatur=der(betreiber.issue(ZAEHLER, make_key().public_key())))


def swapped_keys(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    return replace(
        antwort,
        zertifikat_tls=antwort.zertifikat_signatur,
        zertifikat_signatur=antwort.zertifikat_tls,
    )


def reissued(**mehr: Any) -> Faelschung:
    """The TLS certificate again for the right key, with another name or validity."""

    def forge(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
        schluessel: Any = x509.load_der_x509_certificate(antwort.zertifikat_tls).public_key()
        name = mehr.get("name", ZAEHLER)
        rest = {k: v for k, v in mehr.items() if k != "name"}
        return replace(antwort, zertifikat_tls=der(betreiber.issue(name, schluessel, **rest)))

    return forge


def foreign_root(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    return replace(antwort, ca=(antwort.ca[0], der(FakeBetreiber().wurzel)))


def no_root(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    return replace(antwort, ca=antwort.ca[:1])


def same_names_other_keys(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    """A CA of the same name, but signed by nobody whom we know."""
    return replace(antwort, ca=(der(FakeBetreiber().ca), antwort.ca[1]))


def leaf_as_ca(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    """Another meter's certificate plays the CA."""
    schluessel, eigene = make_key(), x509.load_der_x509_certificate(antwort.zertifikat_tls).public_key()
    blatt = betreiber.issue("Blatt", schluessel.public_key())
    falsch = make_certificate(ZAEHLER, eigene, "Blatt", schluessel)  # type: ignore[arg-type]
    return replace(antwort, zertifikat_tls=der(falsch), ca=(der(blatt), *antwort.ca))


def foreign_operator(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    fremd = FakeBetreiber()
    return replace(antwort, betreiber_signatur=der(fremd.issue("Betreiber", fremd.signatur.public_key())))


def garbage(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    return replace(antwort, betreiber_verschluesselung=b"garbage")


def other_meter(betreiber: FakeBetreiber, antwort: Einschreibungsantwort) -> Einschreibungsantwort:
    return replace(antwort, zaehler="1EMH0099999999")


@pytest.mark.parametrize(
    ("faelschung", "text"),
    [
        (foreign_key, "gehört nicht zu unserem Schlüssel"),
        (swapped_keys, "gehört nicht zu unserem Schlüssel"),
        (reissued(name="1EMH0099999999"), "nennt nicht den Zähler"),
        (reissued(bis=datetime(2025, 1, 1, tzinfo=UTC)), "nicht gültig"),
        (foreign_root, "Wurzel"),
        (no_root, "Wurzel"),
        (same_names_other_keys, "nicht von der festgelegten CA"),
        (leaf_as_ca, "keine CA"),
        (foreign_operator, "nicht von der festgelegten CA"),
        (garbage, "unlesbar"),
        (other_meter, "anderen Zähler"),
    ],
)
def test_a_false_answer_is_not_believed(
    tmp_path: Path, betreiber: FakeBetreiber, faelschung: Faelschung, text: str
) -> None:
    def answer(body: bytes) -> Antwort:
        return Antwort(200, {}, faelschung(betreiber, betreiber.enroll(body)).to_bytes())

    with pytest.raises(EinschreibungFehler, match=text):
        enrol(tmp_path, betreiber, Leitung(answer))
    assert not Ordner(tmp_path).is_enrolled


@pytest.mark.parametrize("body", [b"", b"\xa0", b"nonsense", b"\xff" * 100])
def test_an_answer_that_is_no_cbor_is_refused(tmp_path: Path, betreiber: FakeBetreiber, body: bytes) -> None:
    with pytest.raises(EinschreibungFehler, match="unverständlich"):
        enrol(tmp_path, betreiber, Leitung(lambda _: Antwort(200, {}, body)))


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "neues Token"),
        (409, "neues Token"),
        (423, "neues Token"),
        (503, "wiederholen"),
        (500, "Betreiber fragen"),
    ],
)
def test_a_refusal_says_what_to_do(tmp_path: Path, betreiber: FakeBetreiber, status: int, text: str) -> None:
    leitung = Leitung(lambda _: Antwort(status, {}, b'{"code": "token_ungueltig"}'))
    with pytest.raises(EinschreibungFehler, match=f"{status}.*token_ungueltig.*{text}"):
        enrol(tmp_path, betreiber, leitung)


def test_the_fingerprint_is_compared_when_given(tmp_path: Path, betreiber: FakeBetreiber) -> None:
    richtig = hashlib.sha256(der(betreiber.wurzel)).hexdigest()
    mit_doppelpunkten = ":".join(richtig[i : i + 2] for i in range(0, 64, 2)).upper()
    leitung = answer_enrolment(betreiber)
    with pytest.raises(EinschreibungFehler, match="Fingerabdruck"):
        enrol(tmp_path, betreiber, leitung, fingerabdruck="00" * 32)
    with pytest.raises(EinschreibungFehler, match="Fingerabdruck"):
        enrol(tmp_path, betreiber, leitung, fingerabdruck="ü")
    assert leitung.gesendet == []
    enrol(tmp_path, betreiber, leitung, fingerabdruck=mit_doppelpunkten)


@pytest.mark.parametrize(
    ("aenderung", "text"),
    [
        ({"zaehler": "12345"}, "Zählernummer"),
        ({"ca_pem": b"nothing"}, "PEM"),
        ({"telegramm_url": "http://localhost/"}, "https"),
        ({"einschreibung_url": "http://localhost/"}, "https"),
        ({"token": ""}, "Token"),
        ({"token": "x" * 5000}, "Token"),
    ],
)
def test_bad_arguments_send_nothing(
    tmp_path: Path, betreiber: FakeBetreiber, aenderung: dict[str, Any], text: str
) -> None:
    leitung = answer_enrolment(betreiber)
    with pytest.raises(GatewayFehler, match=text):
        enrol(tmp_path, betreiber, leitung, **aenderung)
    assert leitung.gesendet == []


def test_a_ca_file_of_two_certificates_is_no_pin(tmp_path: Path, betreiber: FakeBetreiber) -> None:
    with pytest.raises(EinschreibungFehler, match="genau ein"):
        enrol(tmp_path, betreiber, ca_pem=pem(betreiber.wurzel) + pem(betreiber.ca))
