"""The folder of a meter: private keys for their owner only, files whole or old, one process at a time."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from gateway.fehler import OrdnerFehler
from gateway.ordner import Konfiguration, Ordner, write_atomic
from tests.gateway.betreiber_fake import ZAEHLER, make_key

KONFIGURATION = Konfiguration(ZAEHLER, "https://localhost:8443/t", "https://localhost:8444/e", 7)
FELDER = {"zaehler": "x", "telegramm_url": "x", "einschreibung_url": "x", "epoche": 1}


def test_configuration_comes_back(tmp_path: Path) -> None:
    ordner = Ordner(tmp_path / "z1")
    assert not ordner.is_enrolled
    ordner.save_konfiguration(KONFIGURATION)
    assert ordner.is_enrolled
    assert Ordner(tmp_path / "z1").load_konfiguration() == KONFIGURATION


def test_missing_configuration_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OrdnerFehler, match="stromzaehler einschreiben"):
        Ordner(tmp_path).load_konfiguration()


def test_a_configuration_of_the_first_version_uses_the_first_set(tmp_path: Path) -> None:
    (tmp_path / "gateway.json").write_text(json.dumps(FELDER))
    assert Ordner(tmp_path).load_konfiguration() == Konfiguration("x", "x", "x", 1, satz="", puffer_angelegt=False)
    assert Ordner(tmp_path).schluessel_datei("tls") == tmp_path / "schluessel" / "tls.pem"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps(FELDER | {"epoche": True}),
        json.dumps(FELDER | {"satz": 1}),
        json.dumps(FELDER | {"satz": "../anderer"}),
        json.dumps(FELDER | {"satz": "satz-1/.."}),
    ],
)
def test_damaged_configuration_is_an_error_of_the_folder(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateway.json").write_text(text)
    with pytest.raises(OrdnerFehler, match="beschädigt"):
        Ordner(tmp_path).load_konfiguration()


def test_private_keys_are_readable_for_the_owner_only(tmp_path: Path) -> None:
    ordner, schluessel = Ordner(tmp_path), make_key()
    ordner.save_schluessel("tls", schluessel)
    assert stat.S_IMODE(ordner.schluessel_datei("tls").stat().st_mode) == 0o600
    assert stat.S_IMODE(ordner.schluessel_datei("tls").parent.stat().st_mode) == 0o700
    assert ordner.load_schluessel("tls").private_numbers() == schluessel.private_numbers()


def test_a_missing_or_damaged_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(OrdnerFehler, match=r"tls\.pem"):
        Ordner(tmp_path).load_schluessel("tls")
    write_atomic(tmp_path / "schluessel" / "tls.pem", b"nonsense")
    with pytest.raises(OrdnerFehler, match=r"tls\.pem"):
        Ordner(tmp_path).load_schluessel("tls")
    with pytest.raises(OrdnerFehler, match=r"tls\.pem"):
        Ordner(tmp_path).load_zertifikat("tls")


def test_a_key_of_another_kind_is_named(tmp_path: Path) -> None:
    schluessel = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomic(tmp_path / "schluessel" / "tls.pem", schluessel)
    with pytest.raises(OrdnerFehler, match="elliptischen Kurve"):
        Ordner(tmp_path).load_schluessel("tls")


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datei = tmp_path / "f"
    write_atomic(datei, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(datei, b"new")
    assert [(eintrag.name, eintrag.read_bytes()) for eintrag in tmp_path.iterdir()] == [("f", b"old")]


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with Ordner(tmp_path).lock(), pytest.raises(OrdnerFehler, match="anderen Prozess"), Ordner(tmp_path).lock():
        pass
    with Ordner(tmp_path).lock():
        pass


def test_sets_are_numbered_one_after_another(tmp_path: Path) -> None:
    ordner = Ordner(tmp_path)
    assert ordner.next_satz().satz == "satz-1"
    assert ordner.next_satz("0123abcd").satz == "satz-1-0123abcd"
    ordner.save_konfiguration(replace(KONFIGURATION, satz="satz-9-0123abcd"))
    assert ordner.satz == "satz-9-0123abcd"
    assert ordner.next_satz().satz == "satz-10"
    assert ordner.ca_datei == tmp_path / "satz-9-0123abcd" / "ca.pem"
    assert ordner.zertifikat_datei("tls") == tmp_path / "satz-9-0123abcd" / "zertifikate" / "tls.pem"


def test_old_sets_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in ("satz-1", "satz-2", "satz-2-0123abcd", "satz-3", "satzspiegel", "firmware"):
        (tmp_path / name).mkdir()
    Ordner(tmp_path).remove_old_saetze()
    assert len(list(tmp_path.iterdir())) == 6
    Ordner(tmp_path).save_konfiguration(replace(KONFIGURATION, satz="satz-2-0123abcd"))
    Ordner(tmp_path).remove_old_saetze()
    bleiben = ["firmware", "gateway.json", "satz-2-0123abcd", "satz-3", "satzspiegel"]
    assert sorted(eintrag.name for eintrag in tmp_path.iterdir()) == bleiben
