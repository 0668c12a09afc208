"""The folder of the operator's keys: what replaces what, who may read it, and calls that are interrupted."""

import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from betreiber.schluessel import ablage, ca, pki
from betreiber.schluessel.domain import Zweck
from telegramm.schluessel import dump_private_key, generate_private_key, ski

JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)
TAG = timedelta(days=1)


@pytest.fixture
def ordner(tmp_path):
    ordner = tmp_path / "pki"
    pki.create_pki(ordner, ["localhost"], JETZT)
    return ordner


def files(ordner):
    return {datei.relative_to(ordner).as_posix() for datei in ordner.rglob("*") if datei.is_file()}


def numbers(ordner):
    return [satz.nummer for satz in ablage.load_saetze(ordner)]


def openssl_verifies(ordner, datei, zeit=JETZT, *mehr):
    """`openssl verify` with the root as the only trust, the chain taken from the file itself."""
    ergebnis = subprocess.run(
        ["openssl", "verify", "-CAfile", ordner / "wurzel.crt", "-untrusted", datei, "-x509_strict",
         "-attime", str(int(zeit.timestamp())), *mehr, datei],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    return ergebnis.returncode == 0


ERSTE = {
    "wurzel.crt", "wurzel.key", "geraete_ca.crt", "geraete_ca.key", "server.crt", "server.key", "signatur.crt",
    "signatur.key", "verschluesselung.crt", "verschluesselung.key", "platz.key",
}  # fmt: skip


def test_a_new_operator(ordner):
    assert files(ordner) == ERSTE
    for name in ("server", "signatur", "verschluesselung"):
        assert openssl_verifies(ordner, ordner / f"{name}.crt")
    assert oct(ordner.stat().st_mode & 0o777) == "0o700"


def test_private_keys_are_readable_by_their_owner_only(ordner):
    pki.renew_ca(ordner, ordner / "wurzel.key", JETZT)
    pki.renew_server(ordner, ["localhost"], JETZT)
    pki.create_firmware_key(ordner, JETZT, ersetzen=False)
    schluessel = list(ordner.rglob("*.key"))
    assert len(schluessel) == 9  # root, CA, server, firmware, platz, two sets of two
    assert {oct(datei.stat().st_mode & 0o777) for datei in schluessel} == {"0o600"}
    assert {oct(datei.stat().st_mode & 0o777) for datei in ordner.rglob("*") if datei.is_dir()} <= {
        "0o700",
        "0o755",
    }


def test_existing_keys_are_never_replaced(ordner):
    vorher = (ordner / "wurzel.key").read_bytes()
    assert pki.create_pki(ordner, ["localhost"], JETZT) is False
    assert (ordner / "wurzel.key").read_bytes() == vorher


def test_an_interrupted_creation_is_begun_anew(tmp_path):
    entwurf = tmp_path / ".pki.neu"
    entwurf.mkdir()
    (entwurf / "geraete_ca.key").write_text("halb")
    assert pki.create_pki(tmp_path / "pki", ["localhost"], JETZT)
    assert files(tmp_path / "pki") == ERSTE
    assert not entwurf.exists()


def test_of_two_creations_at_once_one_makes_the_folder(tmp_path):
    ergebnisse = []
    threads = [
        threading.Thread(target=lambda: ergebnisse.append(pki.create_pki(tmp_path / "pki", ["localhost"], JETZT)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ergebnisse) == [False, False, False, True]
    assert files(tmp_path / "pki") == ERSTE
    assert openssl_verifies(tmp_path / "pki", tmp_path / "pki/server.crt")


def test_a_folder_with_something_in_it_is_not_overwritten(ordner):
    (ordner / "wurzel.crt").unlink()
    vorher = (ordner / "geraete_ca.key").read_bytes()
    with pytest.raises(pki.PkiAbgelehnt, match="aus der Sicherung"):
        pki.create_pki(ordner, ["localhost"], JETZT)
    assert (ordner / "geraete_ca.key").read_bytes() == vorher


def test_missing_keys_say_which_command_makes_them(tmp_path):
    for lesen in (
        ablage.load_betreiberschluessel,
        ablage.load_ausgabestelle,
        pki.list_certificates,
        lambda ordner: pki.renew_operator(ordner / "fehlt", JETZT),
    ):
        with pytest.raises(ablage.PkiFehlt, match="betreiber pki anlegen"):
            lesen(tmp_path)


@pytest.mark.parametrize("name", ["signatur.key", "signatur.crt", "wurzel.crt"])
@pytest.mark.parametrize("inhalt", ["", "kein PEM"])
def test_a_damaged_file_is_named(ordner, name, inhalt):
    (ordner / name).write_text(inhalt)
    with pytest.raises(ablage.PkiFehlt, match=rf"{name} ist beschädigt.*aus der Sicherung"):
        ablage.load_betreiberschluessel(ordner)


def test_a_key_with_a_password_cannot_be_used(ordner):
    verschluesselt = ["openssl", "ec", "-in", ordner / "signatur.key", "-aes256", "-passout", "pass:geheim"]
    subprocess.run([*verschluesselt, "-out", ordner / "neu.key"], check=True, capture_output=True, timeout=20)
    (ordner / "neu.key").rename(ordner / "signatur.key")
    with pytest.raises(ablage.PkiFehlt, match=r"signatur\.key ist beschädigt"):
        ablage.load_betreiberschluessel(ordner)


def test_a_key_beside_a_foreign_certificate_is_noticed(ordner):
    shutil.copy(ordner / "server.key", ordner / "signatur.key")
    with pytest.raises(ablage.PkiFehlt, match="gehört nicht zu"):
        ablage.load_betreiberschluessel(ordner)


def test_a_set_whose_ca_is_gone_is_noticed(ordner, tmp_path):
    andere = tmp_path / "andere"
    pki.create_pki(andere, ["localhost"], JETZT)
    shutil.copy(andere / "geraete_ca.crt", ordner)
    without_ca(ordner / "signatur.crt")
    with pytest.raises(ablage.PkiFehlt, match="aus der Sicherung"):
        ablage.load_saetze(ordner)


def without_ca(datei):
    zertifikat = ablage.load_certificates(datei)[0]
    datei.write_bytes(zertifikat.public_bytes(ablage.Encoding.PEM))


def test_a_folder_of_an_earlier_version_works(ordner):
    """There the CA stood in no file but its own."""
    without_ca(ordner / "signatur.crt")
    without_ca(ordner / "verschluesselung.crt")
    (satz,) = ablage.load_betreiberschluessel(ordner).saetze
    assert satz.ca == ablage.load_certificates(ordner / "geraete_ca.crt")[0]
    pki.renew_ca(ordner, ordner / "wurzel.key", JETZT)
    assert [satz.ca.subject for satz in ablage.load_saetze(ordner)] == [satz.ca.subject] * 2
    assert ablage.load_saetze(ordner)[1].ca == satz.ca


# Operator keys


def test_a_new_set_and_the_old_one_overlap(ordner):
    alt = ablage.load_betreiberschluessel(ordner)
    assert pki.renew_operator(ordner, JETZT + TAG) == 2
    neu = ablage.load_betreiberschluessel(ordner)
    assert [(satz.nummer, satz.aktuell) for satz in neu.saetze] == [(2, True), (1, False)]
    assert set(neu.entschluesselung) == {
        ski(satz.verschluesselung.schluessel.public_key()) for satz in (*alt.saetze, neu.saetze[0])
    }
    (alter_name,) = alt.entschluesselung
    assert neu.satz_zu(alter_name).signatur.zertifikat == alt.saetze[0].signatur.zertifikat
    assert not neu.satz_zu(alter_name).aktuell
    kette = [x509.load_der_x509_certificate(der) for der in (neu.kette.betreiber_signatur, *neu.kette.ca)]
    assert kette[0] == neu.saetze[0].signatur.zertifikat
    assert kette[2] == ablage.load_certificates(ordner / "wurzel.crt")[0]
    kette[0].verify_directly_issued_by(kette[1])
    kette[1].verify_directly_issued_by(kette[2])
    assert openssl_verifies(ordner, ordner / "betreiber/2/signatur.crt", JETZT + TAG)
    with pytest.raises(KeyError):
        neu.satz_zu(b"x" * 20)


def test_sets_are_made_one_by_one(ordner):
    pki.renew_operator(ordner, JETZT)
    with pytest.raises(pki.PkiAbgelehnt, match="--vorzeitig"):
        pki.renew_operator(ordner, JETZT + 89 * TAG)
    assert pki.renew_operator(ordner, JETZT + 89 * TAG, vorzeitig=True) == 3
    assert pki.renew_operator(ordner, JETZT + 200 * TAG) == 4
    assert numbers(ordner) == [4, 3, 2, 1]


def test_a_set_is_dropped_when_it_was_replaced_for_ninety_days(ordner):
    assert pki.list_replaced(ordner, JETZT, vorzeitig=True) == []
    pki.renew_operator(ordner, JETZT)
    with pytest.raises(pki.PkiAbgelehnt, match="2026-09-13"):
        pki.list_replaced(ordner, JETZT + 90 * TAG - timedelta(seconds=1), vorzeitig=False)
    assert pki.list_replaced(ordner, JETZT, vorzeitig=True) == [1]
    assert pki.list_replaced(ordner, JETZT + 90 * TAG, vorzeitig=False) == [1]
    pki.renew_operator(ordner, JETZT + 90 * TAG)
    # The second one has just been replaced.
    assert pki.list_replaced(ordner, JETZT + 90 * TAG, vorzeitig=False) == [1]
    pki.drop_operator(ordner, [1])
    assert numbers(ordner) == [3, 2]
    assert not files(ordner) & {"signatur.crt", "signatur.key", "verschluesselung.crt", "verschluesselung.key"}
    pki.drop_operator(ordner, pki.list_replaced(ordner, JETZT + 180 * TAG, vorzeitig=False))
    assert numbers(ordner) == [3]
    # A number is never given again.
    assert pki.renew_operator(ordner, JETZT + 180 * TAG) == 4


def test_of_two_calls_at_once_the_second_waits(ordner):
    threads = [
        threading.Thread(target=pki.renew_operator, args=(ordner, JETZT), kwargs={"vorzeitig": True})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(ordner) == [5, 4, 3, 2, 1]


def test_the_newest_set_stays(ordner):
    pki.renew_operator(ordner, JETZT)
    with pytest.raises(pki.PkiAbgelehnt, match="der neueste"):
        pki.drop_operator(ordner, [2])
    assert numbers(ordner) == [2, 1]


# The CA, TLS, firmware


def test_a_new_ca_leaves_the_certificates_of_the_old_one_valid(ordner):
    alte = ablage.load_ausgabestelle(ordner)
    zaehler = ca.certify_meter(alte.ca, "1EMH0012345678", Zweck.TLS, generate_private_key().public_key(), JETZT)
    pki.renew_ca(ordner, ordner / "wurzel.key", JETZT)
    neue = ablage.load_ausgabestelle(ordner)
    assert neue.ca.zertifikat != alte.ca.zertifikat
    assert ablage.ca_files(ordner) == [ordner / "ca/2/geraete_ca.crt", ordner / "geraete_ca.crt"]
    # What a meter is given is one straight chain to the same root.
    neue.signatur.verify_directly_issued_by(neue.kette[0])
    neue.verschluesselung.verify_directly_issued_by(neue.kette[0])
    neue.kette[0].verify_directly_issued_by(neue.kette[1])
    assert neue.kette[1] == alte.kette[1]
    zaehler.verify_directly_issued_by(ablage.load_certificates(ablage.ca_files(ordner)[1])[0])
    assert len(neue.entschluesselung) == 2
    # Nobody needs the old CA's key any more; TLS goes on with its certificate.
    assert not (ordner / "geraete_ca.key").exists()
    assert openssl_verifies(ordner, ordner / "server.crt")


def test_no_meter_is_given_a_set_of_another_ca(ordner):
    pki.renew_ca(ordner, ordner / "wurzel.key", JETZT)
    shutil.rmtree(ordner / "betreiber/2")
    with pytest.raises(ablage.PkiFehlt, match="betreiber pki betreiber-erneuern"):
        ablage.load_ausgabestelle(ordner)
    pki.renew_operator(ordner, JETZT)
    stelle = ablage.load_ausgabestelle(ordner)
    stelle.signatur.verify_directly_issued_by(stelle.ca.zertifikat)


def test_the_roots_key_may_lie_elsewhere(ordner, tmp_path):
    with pytest.raises(ablage.PkiFehlt, match="--wurzel-schluessel"):
        pki.renew_ca(ordner, tmp_path / "fehlt.key", JETZT)
    (tmp_path / "unsinn.key").write_text("unsinn")
    with pytest.raises(pki.PkiAbgelehnt, match="kein privater Schlüssel"):
        pki.renew_ca(ordner, tmp_path / "unsinn.key", JETZT)
    (tmp_path / "fremd.key").write_bytes(dump_private_key(generate_private_key()))
    with pytest.raises(pki.PkiAbgelehnt, match="nicht der Schlüssel von"):
        pki.renew_ca(ordner, tmp_path / "fremd.key", JETZT)
    assert files(ordner) == ERSTE
    tresor = tmp_path / "tresor.key"
    (ordner / "wurzel.key").rename(tresor)
    pki.renew_ca(ordner, tresor, JETZT)
    assert "ca/2/geraete_ca.crt" in files(ordner)


def test_nothing_outlives_the_ca_above_it(ordner):
    spaet = JETZT + timedelta(days=10 * 365 - 100)
    stelle = ablage.load_ausgabestelle(ordner)
    zertifikat = ca.certify_meter(
        stelle.ca, "1EMH0012345678", Zweck.TLS, generate_private_key().public_key(), spaet
    )
    assert zertifikat.not_valid_after_utc == stelle.ca.zertifikat.not_valid_after_utc


def test_a_new_server_certificate_with_other_names(ordner):
    pki.renew_server(ordner, ["zaehler.example.org", "192.0.2.1"], JETZT)
    pki.renew_server(ordner, ["zaehler2.example.org"], JETZT)
    zertifikat, schluessel = ablage.server_files(ordner)
    assert (zertifikat, schluessel) == (ordner / "server/3/server.crt", ordner / "server/3/server.key")
    assert openssl_verifies(
        ordner, zertifikat, JETZT, "-purpose", "sslserver", "-verify_hostname", "zaehler2.example.org"
    )
    assert not openssl_verifies(ordner, zertifikat, JETZT, "-purpose", "sslclient")
    assert openssl_verifies(ordner, ordner / "server/2/server.crt", JETZT, "-verify_ip", "192.0.2.1")
    assert not files(ordner) & {"server.key", "server/2/server.key"}


def test_the_firmware_key_signs_code_and_nothing_else(ordner):
    with pytest.raises(ablage.PkiFehlt, match="betreiber pki firmware-schluessel"):
        ablage.load_firmware_schluessel(ordner)
    assert pki.create_firmware_key(ordner, JETZT, ersetzen=False)
    erster = ablage.load_firmware_schluessel(ordner)
    assert not pki.create_firmware_key(ordner, JETZT, ersetzen=False)
    assert ablage.load_firmware_schluessel(ordner).zertifikat == erster.zertifikat
    datei = ordner / "firmware/1/firmware.crt"
    text = subprocess.run(["openssl", "x509", "-in", datei, "-noout", "-ext", "extendedKeyUsage,keyUsage"],
                          capture_output=True, text=True, check=True, timeout=20).stdout  # fmt: skip
    assert [zeile.strip() for zeile in text.splitlines()[1::2]] == ["Digital Signature", "Code Signing"]
    assert openssl_verifies(ordner, datei)
    assert not openssl_verifies(ordner, datei, JETZT, "-purpose", "sslclient")
    assert pki.create_firmware_key(ordner, JETZT, ersetzen=True)
    assert ablage.load_firmware_schluessel(ordner).zertifikat != erster.zertifikat
    assert not (ordner / "firmware/1/firmware.key").exists()


def test_the_list_names_what_counts_and_what_was_replaced(ordner):
    pki.renew_ca(ordner, ordner / "wurzel.key", JETZT)
    zeilen = {(zeile.name, zeile.art, zeile.aktuell) for zeile in pki.list_certificates(ordner)}
    assert zeilen == {
        ("wurzel", "wurzel", True),
        ("ca/2/geraete_ca", "ca", True),
        ("geraete_ca", "ca", False),
        ("server", "server", True),
        ("betreiber/2/signatur", "betreiber", True),
        ("betreiber/2/verschluesselung", "betreiber", True),
        ("signatur", "betreiber", False),
        ("verschluesselung", "betreiber", False),
    }
    wurzel = pki.list_certificates(ordner)[0]
    # 20 years of 365 days.
    assert wurzel.days_left(JETZT) == 7300
    text = subprocess.run(["openssl", "x509", "-in", ordner / "wurzel.crt", "-noout", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, check=True, timeout=20).stdout  # fmt: skip
    assert text.strip().partition("=")[2] == wurzel.fingerabdruck
