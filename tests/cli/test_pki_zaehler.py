"""`betreiber pki`: tokens, revocation and the end of meters' keys from the command line."""

import csv
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from betreiber.schluessel.domain import hash_token
from db.models import Audit, Einschreibungstoken, Geraeteschluessel
from db.session import create_engine, create_session
from tests.cli.hilfen import add_zaehler, heard_of

NUMMER = "1EMH0012345678"
BALD = datetime.now(UTC) + timedelta(days=45)


@pytest.fixture
def session(sqlite_url):
    engine = create_engine(sqlite_url)
    with create_session(engine, lesen=True) as session:
        yield session
    engine.dispose()


def stored(session):
    session.rollback()
    return session.scalars(select(Einschreibungstoken).order_by(Einschreibungstoken.stromzaehler_id)).all()


def rows(datei):
    with datei.open(encoding="utf-8", newline="") as quelle:
        return list(csv.reader(quelle))


def test_one_token_is_printed_and_nothing_else(call, sqlite_url, session):
    stromzaehler_id = add_zaehler(sqlite_url, NUMMER)
    ergebnis = call("token", "--zaehler", "1 emh 00 1234 5678")
    assert ergebnis.exit_code == 0, ergebnis.output
    token = ergebnis.stdout.strip()
    assert re.fullmatch(r"[0-9a-f]{40}", token)
    (zeile,) = stored(session)
    assert (zeile.stromzaehler_id, zeile.token_sha256) == (stromzaehler_id, hash_token(token))
    assert session.scalars(select(Audit)).one().akteur == "system:befehlszeile"


def test_tokens_for_a_file(call, sqlite_url, session, tmp_path):
    nummern = [f"1EMH00{nummer:08}" for nummer in (1, 2, 3)]
    for nummer in nummern:
        add_zaehler(sqlite_url, nummer)
    eingang, ausgabe = tmp_path / "zaehler.csv", tmp_path / "tokens.csv"
    eingang.write_text("\ufeffort,zaehlernummer\n" + "".join(f"Köln,{nummer}\n" for nummer in nummern), "utf-8")
    ergebnis = call("token", "--datei", str(eingang), "--ausgabe", str(ausgabe))
    assert ergebnis.exit_code == 0, ergebnis.output
    assert ergebnis.stdout == f"3 Token in {ausgabe}; sie gelten 14 Tage.\n"
    kopf, *zeilen = rows(ausgabe)
    assert kopf == ["zaehlernummer", "token"]
    assert [zeile[0] for zeile in zeilen] == nummern
    assert [hash_token(zeile[1]) for zeile in zeilen] == [zeile.token_sha256 for zeile in stored(session)]
    assert oct(ausgabe.stat().st_mode & 0o777) == "0o600"
    # Written once; who wants new ones says so.
    noch_einmal = call("token", "--datei", str(eingang), "--ausgabe", str(ausgabe))
    assert noch_einmal.exit_code == 1
    assert "--ersetzen" in noch_einmal.stderr
    assert rows(ausgabe)[1:] == zeilen
    assert len(stored(session)) == 3
    ausgabe.chmod(0o644)
    assert call("token", "--datei", str(eingang), "--ausgabe", str(ausgabe), "--ersetzen").exit_code == 0
    assert rows(ausgabe)[1:] != zeilen
    assert oct(ausgabe.stat().st_mode & 0o777) == "0o600"


def test_tokens_are_safe_from_a_power_cut(call, sqlite_url, tmp_path, monkeypatch):
    """Their hashes are in the database: who loses the file has to make all of them again."""
    add_zaehler(sqlite_url, NUMMER)
    eingang, ausgabe = tmp_path / "zaehler.csv", tmp_path / "tokens.csv"
    eingang.write_text(f"zaehlernummer\n{NUMMER}\n")
    gesichert = []
    fsync = os.fsync

    def note(nummer):
        fsync(nummer)
        gesichert.append((os.readlink(f"/proc/self/fd/{nummer}"), os.fstat(nummer).st_size))

    monkeypatch.setattr("os.fsync", note)
    assert call("token", "--datei", str(eingang), "--ausgabe", str(ausgabe)).exit_code == 0
    assert gesichert[-1] == (str(ausgabe), ausgabe.stat().st_size)


@pytest.mark.parametrize(
    ("inhalt", "text"),
    [
        (f"zaehlernummer\n{NUMMER}\n1EMH0000000009\n", "Es gibt keinen Stromzähler 1EMH0000000009."),
        (f"zaehlernummer\n{NUMMER}\n1EMH0000000002\n", "1EMH0000000002 ist GESPERRT"),
        (f"zaehlernummer\n{NUMMER}\n{NUMMER}\n", "1 Zählernummern mehrfach"),
        (f"nummer\n{NUMMER}\n", "keine Spalte zaehlernummer"),
        ("", "keine Spalte zaehlernummer"),
        (b"zaehlernummer\n\xff\xfe\n", "keine CSV-Datei in UTF-8"),
        ("ort,zaehlernummer\nnur eine Spalte\n", "Es gibt keinen Stromzähler"),
    ],
)
def test_a_file_that_is_wrong_makes_no_token(call, sqlite_url, session, tmp_path, inhalt, text):
    add_zaehler(sqlite_url, NUMMER)
    add_zaehler(sqlite_url, "1EMH0000000002", zustand="GESPERRT")
    eingang, ausgabe = tmp_path / "zaehler.csv", tmp_path / "tokens.csv"
    eingang.write_bytes(inhalt if isinstance(inhalt, bytes) else inhalt.encode())
    ergebnis = call("token", "--datei", str(eingang), "--ausgabe", str(ausgabe))
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert text in ergebnis.stderr
    assert stored(session) == []
    assert not ausgabe.exists()


@pytest.mark.parametrize(
    "argumente",
    [
        (),
        ("--zaehler", NUMMER, "--datei", "{datei}", "--ausgabe", "tokens.csv"),
        ("--datei", "{datei}"),
        ("--zaehler", NUMMER, "--ausgabe", "tokens.csv"),
        ("--datei", "fehlt.csv", "--ausgabe", "tokens.csv"),
    ],
)
def test_wrong_usage(call, tmp_path, argumente):
    datei = tmp_path / "zaehler.csv"
    datei.write_text("zaehlernummer\n")
    assert call("token", *(wort.format(datei=datei) for wort in argumente)).exit_code == 2


def test_no_token_for_a_meter_that_there_is_not(call):
    ergebnis = call("token", "--zaehler", "1EMH0000000009")
    assert (ergebnis.exit_code, ergebnis.stderr) == (1, "Fehler: Es gibt keinen Stromzähler 1EMH0000000009.\n")


def test_revoke(call, sqlite_url, session):
    add_zaehler(sqlite_url, NUMMER, BALD)
    ergebnis = call("sperren", "--zaehler", NUMMER, "--grund", "Schlüssel verloren")
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, f"{NUMMER}: gesperrte Schlüsselsätze: 1\n")
    gesperrt = session.scalars(select(Geraeteschluessel.gesperrt_zeitpunkt)).all()
    assert len(gesperrt) == 3
    assert None not in gesperrt
    audit = session.scalars(select(Audit)).one()
    assert (audit.aktion, audit.neu["grund"]) == ("SCHLUESSEL_GESPERRT", "Schlüssel verloren")
    assert call("sperren", "--zaehler", NUMMER).stdout == f"{NUMMER}: gesperrte Schlüsselsätze: 0\n"
    assert call("sperren", "--zaehler", "1EMH0000000009").exit_code == 1


def test_whose_keys_end(call, sqlite_url):
    assert call("ablaufend").stdout == "Zähler, deren Schlüssel in 60 Tagen enden: 0\n"
    add_zaehler(sqlite_url, NUMMER, BALD)
    add_zaehler(sqlite_url, "1EMH0000000002", BALD + timedelta(days=100))
    nie = call("ablaufend")
    assert nie.exit_code == 0
    assert nie.stdout.splitlines() == [
        "Zähler, deren Schlüssel in 60 Tagen enden: 1",
        f"{NUMMER}  bis {BALD:%Y-%m-%d}  zuletzt gehört: nie",
    ]
    heard_of(sqlite_url, datetime(2026, 6, 15, 10, tzinfo=UTC))
    assert call("ablaufend").stdout.endswith("zuletzt gehört: 2026-06-15\n")
    assert call("ablaufend", "--tage", "44").stdout == "Zähler, deren Schlüssel in 44 Tagen enden: 0\n"
    assert len(call("ablaufend", "--tage", "150").stdout.splitlines()) == 3
