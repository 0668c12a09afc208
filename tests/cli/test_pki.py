"""`betreiber pki`: the operator's own keys from the command line."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from betreiber.schluessel import ablage, pki
from tests.cli.hilfen import add_zaehler, heard_of

HEUTE = datetime.now(UTC)
TAG = timedelta(days=1)


@pytest.fixture
def ordner(tmp_path):
    return tmp_path / "pki"


def create(ordner, seit):
    """The keys of an operator that has worked for a while."""
    pki.create_pki(ordner, ["localhost"], seit)


def test_create(call, ordner):
    ergebnis = call("anlegen", MSB_GERAETE_NAMEN="zaehler.example.org")
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, f"{ordner}: Schlüssel angelegt.\n")
    zertifikat = ablage.load_certificates(ordner / "server.crt")[0]
    namen = zertifikat.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert namen.get_values_for_type(x509.DNSName) == ["zaehler.example.org"]
    vorher = (ordner / "wurzel.key").read_bytes()
    assert call("anlegen").stdout == f"{ordner}: Schlüssel sind schon da.\n"
    assert (ordner / "wurzel.key").read_bytes() == vorher


def test_show(call, ordner):
    create(ordner, HEUTE)
    ergebnis = call("zeigen")
    assert (ergebnis.exit_code, ergebnis.stderr) == (0, "")
    kopf, *zeilen = ergebnis.stdout.splitlines()
    assert kopf.split() == ["Name", "Zweck", "gültig", "bis", "Tage", "Fingerabdruck", "(SHA-256)"]
    assert [zeile.split()[0] for zeile in zeilen] == [
        "wurzel", "geraete_ca", "server", "signatur", "verschluesselung",
    ]  # fmt: skip
    ende = HEUTE + timedelta(days=3 * 365)
    assert zeilen[2].split()[-3] == f"{ende:%Y-%m-%d}"
    assert 3 * 365 - 1 <= int(zeilen[2].split()[-2]) <= 3 * 365
    assert len(zeilen[2].split()[-1]) == 32 * 3 - 1


@pytest.mark.parametrize(
    ("alter_tage", "code", "gewarnt"),
    [(3 * 365 - 61, 0, False), (3 * 365 - 59, 0, True), (3 * 365 - 29, 1, True), (3 * 365 + 1, 1, True)],
)
def test_show_warns_and_then_fails(call, ordner, alter_tage, code, gewarnt):
    create(ordner, HEUTE - alter_tage * TAG)
    ergebnis = call("zeigen")
    assert ergebnis.exit_code == code
    assert ("server endet in" in ergebnis.stderr) is gewarnt
    if gewarnt:
        assert "betreiber pki server-erneuern" in ergebnis.stderr
        assert "signatur endet in" in ergebnis.stderr
        assert "wurzel endet" not in ergebnis.stderr


def test_what_was_replaced_alarms_nobody(call, ordner):
    create(ordner, HEUTE - (3 * 365 - 10) * TAG)
    assert call("zeigen").exit_code == 1
    assert call("server-erneuern").exit_code == 0
    assert call("betreiber-erneuern").exit_code == 0
    ergebnis = call("zeigen")
    assert (ergebnis.exit_code, ergebnis.stderr) == (0, "")
    assert ergebnis.stdout.count("abgelöst") == 3


def test_a_ca_is_spoken_of_two_years_before_its_end(call, ordner):
    create(ordner, HEUTE - (8 * 365 + 1) * TAG)
    call("server-erneuern")
    call("betreiber-erneuern")
    ergebnis = call("zeigen")
    assert ergebnis.exit_code == 0
    assert "geraete_ca endet in 728 Tagen: betreiber pki ca-erneuern" in ergebnis.stderr


@pytest.mark.parametrize(("rest_tage", "gewarnt"), [(92, False), (89, True)])
def test_a_set_is_spoken_of_while_there_is_time_to_overlap(call, ordner, rest_tage, gewarnt):
    create(ordner, HEUTE - (3 * 365 - rest_tage) * TAG)
    assert ("signatur endet in 88 Tagen: betreiber pki betreiber-erneuern" in call("zeigen").stderr) is gewarnt


def test_replace_the_server_certificate(call, ordner):
    create(ordner, HEUTE)
    ergebnis = call("server-erneuern", MSB_GERAETE_NAMEN="neu.example.org,192.0.2.7")
    assert ergebnis.exit_code == 0
    assert "neu.example.org, 192.0.2.7" in ergebnis.stdout
    assert "betreiber neu-laden" in ergebnis.stdout
    assert ablage.server_files(ordner)[0] == ordner / "server/2/server.crt"


def test_replace_the_ca_with_a_root_from_elsewhere(call, ordner, tmp_path):
    create(ordner, HEUTE)
    tresor = tmp_path / "tresor.key"
    (ordner / "wurzel.key").rename(tresor)
    ohne = call("ca-erneuern")
    assert (ohne.exit_code, ohne.stdout) == (1, "")
    assert "--wurzel-schluessel" in ohne.stderr
    assert call("ca-erneuern", "--wurzel-schluessel", str(tresor)).exit_code == 0
    assert ablage.newest(ordner, "ca") == ordner / "ca/2"
    assert not (ordner / "wurzel.key").exists()


def test_rotate_the_operators_keys(call, ordner):
    create(ordner, HEUTE - 200 * TAG)
    ergebnis = call("betreiber-erneuern")
    assert ergebnis.exit_code == 0
    assert f"ab {HEUTE + 90 * TAG:%Y-%m-%d}" in ergebnis.stdout
    assert [satz.nummer for satz in ablage.load_saetze(ordner)] == [2, 1]
    zweiter = call("betreiber-erneuern")
    assert (zweiter.exit_code, zweiter.stdout) == (1, "")
    assert call("betreiber-erneuern", "--vorzeitig").exit_code == 0
    frueh = call("betreiber-ablegen", "--ja")
    assert frueh.exit_code == 1
    assert frueh.stderr.startswith("Fehler: Der alte Betreibersatz wird bis")
    assert [satz.nummer for satz in ablage.load_saetze(ordner)] == [3, 2, 1]


def test_drop_a_set_asks_when_somebody_may_need_it(call, ordner, sqlite_url):
    create(ordner, HEUTE - 100 * TAG)
    add_zaehler(sqlite_url, "1EMH0012345678", HEUTE + 700 * TAG)
    assert call("betreiber-ablegen").stdout == "Es gibt nur den aktuellen Betreibersatz.\n"
    pki.renew_operator(ordner, HEUTE - 91 * TAG)
    nein = call("betreiber-ablegen", eingabe="n\n")
    assert nein.exit_code == 1
    assert "nichts gesendet haben: 1\n" in nein.stdout
    assert [satz.nummer for satz in ablage.load_saetze(ordner)] == [2, 1]
    heard_of(sqlite_url, HEUTE - TAG)
    ohne_frage = call("betreiber-ablegen")
    assert ohne_frage.exit_code == 0, ohne_frage.output
    assert "nichts gesendet haben: 0\n" in ohne_frage.stdout
    assert [satz.nummer for satz in ablage.load_saetze(ordner)] == [2]


def test_a_simulated_clock_cannot_tell_who_was_silent(call, ordner):
    create(ordner, HEUTE)
    pki.renew_operator(ordner, HEUTE)
    uhr = {"MSB_UHR_START": "2030-01-01T00:00:00+00:00"}
    assert "unbekannt" in call("betreiber-ablegen", "--vorzeitig", eingabe="n\n", **uhr).stdout
    ergebnis = call("betreiber-ablegen", "--vorzeitig", "--ja", **uhr)
    assert "Abgelegt: Betreibersatz 1." in ergebnis.stdout


def test_the_firmware_key(call, ordner):
    create(ordner, HEUTE)
    assert call("firmware-schluessel").stdout == "Firmwareschlüssel angelegt.\n"
    vorher = ablage.load_firmware_schluessel(ordner).zertifikat
    assert "--ersetzen" in call("firmware-schluessel").stdout
    assert ablage.load_firmware_schluessel(ordner).zertifikat == vorher
    assert call("firmware-schluessel", "--ersetzen").exit_code == 0
    assert ablage.load_firmware_schluessel(ordner).zertifikat != vorher


@pytest.mark.parametrize(
    "befehl", ["zeigen", "server-erneuern", "ca-erneuern", "betreiber-erneuern", "betreiber-ablegen",
               "firmware-schluessel"],
)  # fmt: skip
def test_without_keys_every_command_says_how_to_make_some(call, befehl):
    ergebnis = call(befehl)
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert ergebnis.stderr.startswith("Fehler: ")
    assert "betreiber pki anlegen" in ergebnis.stderr


def test_a_folder_that_is_not_whole_is_not_overwritten(call, ordner):
    create(ordner, HEUTE)
    (ordner / "wurzel.crt").unlink()
    ergebnis = call("anlegen")
    assert ergebnis.exit_code == 1
    assert "aus der Sicherung" in ergebnis.stderr


def test_a_place_where_no_folder_can_be_is_a_sentence(call):
    ergebnis = call("anlegen", MSB_DATEN="/dev/null/daten")
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert ergebnis.stderr.startswith("Fehler: Not a directory: /dev/null/daten")


def test_a_folder_that_cannot_be_written_is_a_sentence(call, ordner, tmp_path):
    create(ordner, HEUTE)
    (ordner / "server").write_text("eine Datei, kein Ordner")
    ergebnis = call("server-erneuern")
    assert ergebnis.exit_code == 1
    assert ergebnis.stderr.startswith("Fehler: ")
    assert "Traceback" not in ergebnis.stderr


def test_a_restored_copy_works(call, ordner, tmp_path):
    """The folder is all there is to back up: a copy of it has the same rights and the same keys."""
    create(ordner, HEUTE)
    call("ca-erneuern")
    call("firmware-schluessel")
    shutil.copytree(ordner, tmp_path / "sicherung")
    shutil.rmtree(ordner)
    os.rename(tmp_path / "sicherung", ordner)
    assert call("zeigen").exit_code == 0
    ablage.load_betreiberschluessel(ordner)
    ablage.load_ausgabestelle(ordner)
    ablage.load_firmware_schluessel(ordner)
