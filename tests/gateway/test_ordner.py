"""The folder of a meter: private keys for their owner only, files whole or old, one process at a time."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.fehler import OrdnerFehler
from gateway.ordner import Konfiguration, Ordner, write_atomic
from tests.gateway.betreiber_fake import ZAEHLER, make_key

KONFIGURATION = Konfiguration(ZAEHLER, "https://localhost:8443/t", "https://localhost:8444/e", 7)


def test_configuration_comes_back(tmp_path: Path) -> None:
    ordner = Ordner(tmp_path / "z1")
    assert not ordner.is_enrolled
    ordner.save_konfiguration(KONFIGURATION)
    assert ordner.is_enrolled
    assert Ordner(tmp_path / "z1").load_konfiguration() == KONFIGURATION


def test_missing_configuration_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OrdnerFehler, match="stromzaehler einschreiben"):
        Ordner(tmp_path).load_konfiguration()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"zaehler": "x", "telegramm_url": "x", "einschreibung_url": "x", "epoche": true}'],
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
