"""The drill: back up while somebody writes, restore elsewhere, compare; and what is refused."""

import gzip
import os
import threading
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from betreiber.cli import main
from betreiber.sicherung import programme
from betreiber.sicherung.domain import Manifest, SicherungUngueltig
from betreiber.sicherung.service import PRUEFSUMMEN, create_backup, read_backup, restore_backup
from db.session import create_engine, create_session

WEIHNACHTEN = 1_766_620_800  # 2025-12-25T00:00:00Z: 672 quarter hours are left of December, then some of January
ANZAHL = 672 + 8


def reading(nummer):
    zeit = WEIHNACHTEN + 900 * nummer
    return Ablesung(zeit, nummer * 7, 0, nummer % 3 or None, Qualitaet.ABGELESEN, 0, zeit + 30, Herkunft.GERAET)


def store(engine, stromzaehler_id, nummern):
    with create_session(engine) as session:
        stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
        speicher.replace(session, stand, [reading(nummer) for nummer in nummern])
        session.commit()


def lines(ordner):
    with gzip.open(ordner / PRUEFSUMMEN, "rt") as datei:
        return datei.read().splitlines()


@pytest.fixture
def zaehler(engine, welt):
    """Two meters with a month and two hours of readings, one of them folded."""
    ids = [welt.stromzaehler(), welt.stromzaehler()]
    for stromzaehler_id in ids:
        store(engine, stromzaehler_id, range(ANZAHL))
    with create_session(engine) as session:
        speicher.fold(session, ids[:1], WEIHNACHTEN // 86_400 + 40)
        session.commit()
    return ids


@pytest.fixture
def sicherung(datenbank, zaehler, tmp_path, uhr):
    create_backup(datenbank, tmp_path / "sicherung", uhr.now())
    return tmp_path / "sicherung"


def readings(url, stromzaehler_id):
    engine = create_engine(url)
    with create_session(engine, lesen=True) as session:
        gefunden = list(speicher.series(session, stromzaehler_id, 0, 2**40).values())
    engine.dispose()
    return gefunden


def test_a_backup_of_a_running_operator_is_restored(datenbank, engine, zaehler, welt, ziel, tmp_path, uhr):
    """Meanwhile pairs of readings come in, each in its transaction: the backup has whole pairs."""
    dritter, ende = welt.stromzaehler(), threading.Event()

    def write():
        nummer = 0
        while not ende.is_set():
            store(engine, dritter, (nummer, nummer + 1))
            nummer += 2

    schreiber = threading.Thread(target=write)
    schreiber.start()
    try:
        manifest = create_backup(datenbank, tmp_path / "sicherung", uhr.now())
    finally:
        ende.set()
        schreiber.join()
    vergleich = restore_backup(tmp_path / "sicherung", ziel)
    assert vergleich.unterschiede == []
    assert vergleich.zeilen == sum(manifest.zeilen.values())
    assert vergleich.pruefsummen == len(lines(tmp_path / "sicherung")) >= 4
    for stromzaehler_id in zaehler:
        assert readings(ziel, stromzaehler_id) == [reading(nummer) for nummer in range(ANZAHL)]
    paare = readings(ziel, dritter)
    assert paare == readings(datenbank, dritter)[: len(paare)]
    assert len(paare) % 2 == 0


def test_checksums_do_not_depend_on_folding(sicherung, zaehler):
    zeilen = [zeile.split(";", 1) for zeile in lines(sicherung)]
    erster, zweiter = ([rest for wer, rest in zeilen if wer == str(nummer)] for nummer in zaehler)
    assert erster == zweiter
    assert [zeile.split(";")[:2] for zeile in erster] == [["2025-12", "672"], ["2026-01", "8"]]


def test_a_sample_of_the_meters(datenbank, zaehler, tmp_path, uhr, ziel):
    create_backup(datenbank, tmp_path / "stichprobe", uhr.now(), stichprobe=2)
    assert {zeile.split(";")[0] for zeile in lines(tmp_path / "stichprobe")} == {str(zaehler[0])}
    assert restore_backup(tmp_path / "stichprobe", ziel).unterschiede == []


def test_what_differs_is_told_and_replaces_nothing_on_sqlite(sicherung, zaehler, ziel):
    zeilen = lines(sicherung)
    falsch = zeilen[0][:-1] + ("0" if zeilen[0][-1] != "0" else "1")
    with gzip.open(sicherung / PRUEFSUMMEN, "wt") as datei:
        datei.writelines(f"{zeile}\n" for zeile in [falsch, *zeilen[1:]])
    resign(sicherung, zeilen={"kunde": 99})
    vergleich = restore_backup(sicherung, ziel)
    assert vergleich.unterschiede == [
        "kunde: gesichert 99 Zeilen, wiederhergestellt 0", f"fehlt: {falsch}", f"zuviel: {zeilen[0]}"
    ]  # fmt: skip
    if ziel.startswith("sqlite"):
        assert not Path(ziel.removeprefix("sqlite:///")).exists()


def resign(ordner, **werte):
    """Let the manifest fit again, as somebody would who made another backup."""
    manifest = Manifest.from_json((ordner / "manifest.json").read_text())
    werte |= {"datei_sha256": sha256((ordner / manifest.datei).read_bytes()).hexdigest()}
    werte |= {"pruefsummen_sha256": sha256((ordner / PRUEFSUMMEN).read_bytes()).hexdigest()}
    (ordner / "manifest.json").write_text(replace(manifest, **werte).to_json())


def test_damaged_backups_are_refused(sicherung, ziel):
    datei = sicherung / read_backup(sicherung).datei
    heil = datei.read_bytes()
    datei.write_bytes(heil[:5000] + bytes([heil[5000] ^ 1]) + heil[5001:])
    with pytest.raises(SicherungUngueltig, match="beschädigt"):
        restore_backup(sicherung, ziel)
    datei.write_bytes(heil[: len(heil) // 2])
    resign(sicherung)
    with pytest.raises((SicherungUngueltig, DatabaseError), match=r"pg_restore|malformed"):
        restore_backup(sicherung, ziel)
    datei.unlink()
    with pytest.raises(SicherungUngueltig, match="vollständige"):
        restore_backup(sicherung, ziel)


@pytest.mark.parametrize(
    ("werte", "satz"), [({"datenbank": "oracle"}, "andere Art"), ({"schema": "9999"}, "9999")]
)
def test_backups_of_others_are_refused(sicherung, ziel, werte, satz):
    resign(sicherung, **werte)
    with pytest.raises(SicherungUngueltig, match=satz):
        restore_backup(sicherung, ziel)


def test_a_database_with_content_is_replaced_only_on_request(sicherung, datenbank, engine, zaehler):
    store(engine, zaehler[0], range(ANZAHL, ANZAHL + 4))
    engine.dispose()
    with pytest.raises(SicherungUngueltig, match="--ueberschreiben"):
        restore_backup(sicherung, datenbank)
    assert len(readings(datenbank, zaehler[0])) == ANZAHL + 4
    assert restore_backup(sicherung, datenbank, ueberschreiben=True).unterschiede == []
    assert len(readings(datenbank, zaehler[0])) == ANZAHL


def test_a_restoration_that_fails_leaves_what_was_there(sicherung, datenbank, engine, zaehler):
    engine.dispose()
    datei = sicherung / read_backup(sicherung).datei
    heil = datei.read_bytes()
    # Its last pages, or its last tables, are missing.
    datei.write_bytes(heil[: len(heil) * 9 // 10])
    resign(sicherung)
    with pytest.raises((SicherungUngueltig, DatabaseError), match=r"pg_restore|malformed"):
        restore_backup(sicherung, datenbank, ueberschreiben=True)
    assert len(readings(datenbank, zaehler[0])) == ANZAHL
    datei.write_bytes(heil)
    resign(sicherung)
    assert restore_backup(sicherung, datenbank, ueberschreiben=True).unterschiede == []


def test_commands(settings, sicherung, ziel, tmp_path):
    def call(*argumente, url):
        umgebung = {"MSB_DATEN": str(tmp_path / "daten"), "MSB_DATABASE_URL": url}
        return CliRunner(env=umgebung).invoke(main, argumente)

    zwei = call("sichern", str(tmp_path / "zwei"), url=settings.datenbank)
    assert (zwei.exit_code, "Gesichert nach" in zwei.output) == (0, True), zwei.output
    noch_einmal = call("sichern", str(tmp_path / "zwei"), url=settings.datenbank)
    assert (noch_einmal.exit_code, "gibt es schon" in noch_einmal.output) == (1, True)
    assert not list(tmp_path.glob(".zwei*"))
    zurueck = call("wiederherstellen", str(tmp_path / "zwei"), url=ziel)
    assert (zurueck.exit_code, "4 Prüfsummen" in zurueck.output, "Alles gleich" in zurueck.output) == (
        0,
        True,
        True,
    )
    voll = call("wiederherstellen", str(tmp_path / "zwei"), url=ziel)
    assert (voll.exit_code, "--ueberschreiben" in voll.output) == (1, True)


def test_programs_of_postgresql_are_found_or_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SicherungUngueltig, match="apt-get install postgresql-client"):
        programme.find_program("pg_dump", tmp_path)
    for version in ("9", "15"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin/pg_dump").touch()
    assert programme.find_program("pg_dump", tmp_path) == str(tmp_path / "15/bin/pg_dump")


def test_the_password_stands_on_no_command_line(monkeypatch, tmp_path):
    """A pg_dump that only writes down how it was called."""
    (tmp_path / "pg_dump").write_text(f'#!/bin/sh\ncd {tmp_path}\necho "$@" > aufruf\necho "$PGPASSWORD" > pw\n')
    (tmp_path / "pg_dump").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    programme.dump_postgresql(make_url("postgresql://msb:geheim@db:5433/msb"), tmp_path / "dump", "00-1")
    assert (tmp_path / "aufruf").read_text() == (
        "--dbname=postgresql://msb@db:5433/msb --format=custom --no-owner --snapshot=00-1"
        f" --file={tmp_path}/dump\n"
    )
    assert (tmp_path / "pw").read_text() == "geheim\n"
