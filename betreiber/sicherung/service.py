"""Use cases of backups: make one, restore one. Each proves the readings by checksums per meter and month."""

import gzip
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.sicherung import programme, queries
from betreiber.sicherung.domain import (
    FORMAT,
    MANIFEST,
    Manifest,
    SicherungUngueltig,
    Vergleich,
    compare,
    format_pruefsumme,
    sum_months,
)
from betreiber.zeit import format_zeitpunkt
from db import schema
from db.session import create_engine, create_session

Fortschritt = Callable[[str, int, int], None]
PRUEFSUMMEN = "pruefsummen.csv.gz"
_DATEI = {"sqlite": "betreiber.db", "postgresql": "betreiber.dump"}
_TAG_S = 86_400


def create_backup(
    url: str, ziel: Path, jetzt: datetime, *, stichprobe: int = 1, fortschritt: Fortschritt = lambda *_: None
) -> Manifest:
    """Back the database up into the new folder `ziel`, which appears whole or not at all.

    The operator may run meanwhile: dump, counts and checksums show one and the same moment. `stichprobe`: every
    how manyth meter gets checksums. Raises SicherungUngueltig.
    """
    if ziel.exists():
        raise SicherungUngueltig(f"{ziel} gibt es schon. Jede Sicherung braucht einen neuen Ordner.")
    ziel.parent.mkdir(parents=True, exist_ok=True)
    ordner = Path(tempfile.mkdtemp(prefix=f".{ziel.name}.", dir=ziel.parent))
    try:
        art = make_url(url).get_backend_name()
        datei = ordner / _DATEI[art]
        with _frozen(url, datei, fortschritt) as (engine, session):
            stand, _ = schema.state(engine)
            zeilen = queries.count_rows(session)
            _write_pruefsummen(ordner / PRUEFSUMMEN, _sum_up(session, stichprobe, fortschritt))
        manifest = Manifest(
            format=FORMAT,
            erstellt=format_zeitpunkt(jetzt),
            datenbank=art,
            schema=stand or "",
            datei=datei.name,
            datei_sha256=_sha256(datei),
            pruefsummen_sha256=_sha256(ordner / PRUEFSUMMEN),
            stichprobe=stichprobe,
            zeilen=zeilen,
        )
        (ordner / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        _sync(*ordner.iterdir(), ordner)
        ordner.rename(ziel)
    except BaseException:
        shutil.rmtree(ordner)
        raise
    _sync(ziel.parent)
    return manifest


def read_backup(quelle: Path) -> Manifest:
    """What a backup says of itself, once its files are found to be undamaged. Raises SicherungUngueltig."""
    try:
        manifest = Manifest.from_json((quelle / MANIFEST).read_bytes())
        summen = {
            quelle / manifest.datei: manifest.datei_sha256,
            quelle / PRUEFSUMMEN: manifest.pruefsummen_sha256,
        }
        for datei, erwartet in summen.items():
            if _sha256(datei) != erwartet:
                raise SicherungUngueltig(f"{datei} ist beschädigt. Nehmen Sie eine andere Sicherung.")
    except FileNotFoundError as error:
        raise SicherungUngueltig(f"{error.filename} fehlt: {quelle} ist keine vollständige Sicherung.") from error
    return manifest


def restore_backup(
    quelle: Path, url: str, *, ueberschreiben: bool = False, fortschritt: Fortschritt = lambda *_: None
) -> Vergleich:
    """Restore a backup, bring it up to this version, and compare it with what the backup says.

    No operator may run on this database. On SQLite nothing is replaced unless all is equal; on PostgreSQL not
    unless all of the dump can be put in. Raises SicherungUngueltig: damaged, for the other database, of a newer
    version, or the database is not empty.
    """
    manifest = read_backup(quelle)
    adresse = make_url(url)
    if manifest.datenbank != adresse.get_backend_name():
        raise SicherungUngueltig(
            f"Das ist eine Sicherung von {manifest.datenbank}; MSB_DATABASE_URL nennt eine andere Art."
        )
    if not schema.knows(manifest.schema):
        raise SicherungUngueltig(
            f"Die Sicherung hat die Tabellen der Version {manifest.schema}, die dieses Programm nicht kennt:"
            " installieren Sie das Programm, das sie gemacht hat."
        )
    if adresse.get_backend_name() == "sqlite":
        return _restore_sqlite(quelle, manifest, Path(str(adresse.database)), ueberschreiben, fortschritt)
    with _engine(url) as engine:
        with create_session(engine, lesen=True) as session:
            if queries.has_tables(session):
                _check_overwrite(ueberschreiben)
        fortschritt("Daten", 0, 1)
        programme.restore_postgresql(adresse, quelle / manifest.datei)
        fortschritt("Daten", 1, 1)
        return _verify(engine, quelle, manifest, fortschritt)


def _restore_sqlite(
    quelle: Path, manifest: Manifest, ziel: Path, ueberschreiben: bool, fortschritt: Fortschritt
) -> Vergleich:
    if ziel.exists() and ziel.stat().st_size:
        _check_overwrite(ueberschreiben)
    ziel.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wiederherstellen.", dir=ziel.parent) as ordner:
        neu = Path(ordner) / ziel.name
        shutil.copyfile(quelle / manifest.datei, neu)
        with _engine(f"sqlite:///{neu}") as engine:
            with create_session(engine, lesen=True) as session:
                if not queries.is_sound(session):
                    raise SicherungUngueltig(f"SQLite findet Fehler in {manifest.datei} (PRAGMA integrity_check).")
            vergleich = _verify(engine, quelle, manifest, fortschritt)
        if not vergleich.unterschiede:
            _sync(neu)
            # What the old file left behind would be taken for a part of the new one.
            for rest in ("-wal", "-shm"):
                ziel.with_name(ziel.name + rest).unlink(missing_ok=True)
            neu.replace(ziel)
            _sync(ziel.parent)
    return vergleich


def _check_overwrite(ueberschreiben: bool) -> None:
    if not ueberschreiben:
        raise SicherungUngueltig(
            "Die Datenbank ist nicht leer. Mit --ueberschreiben wird ihr Inhalt durch die Sicherung ersetzt."
        )


def _verify(engine: Engine, quelle: Path, manifest: Manifest, fortschritt: Fortschritt) -> Vergleich:
    """Bring a restored database up to date, and compare it with what the backup says."""
    gleich_alt = schema.state(engine) == (manifest.schema, manifest.schema)
    schema.upgrade(engine)
    with create_session(engine, lesen=True) as session:
        zeilen = queries.count_rows(session)
        unterschiede = [
            f"{tabelle}: gesichert {anzahl} Zeilen, wiederhergestellt {zeilen.get(tabelle)}"
            for tabelle, anzahl in manifest.zeilen.items()
            # A migration may add rows; readings are compared one by one below.
            if gleich_alt and zeilen.get(tabelle) != anzahl
        ]
        with gzip.open(quelle / PRUEFSUMMEN, "rt", encoding="ascii") as datei:
            gesichert = (zeile.rstrip("\n") for zeile in datei)
            anzahl, andere = compare(gesichert, _sum_up(session, manifest.stichprobe, fortschritt))
    return Vergleich(sum(zeilen.values()), anzahl, unterschiede + andere)


@contextmanager
def _frozen(url: str, datei: Path, fortschritt: Fortschritt) -> Iterator[tuple[Engine, Session]]:
    """Write the copy, and show what it holds."""
    fortschritt("Daten", 0, 1)
    adresse = make_url(url)
    if adresse.get_backend_name() == "sqlite":
        quelle = Path(str(adresse.database))
        if not quelle.exists():
            raise SicherungUngueltig(f"{quelle} gibt es nicht: es ist nichts zu sichern. Prüfen Sie MSB_DATEN.")
        programme.copy_sqlite(quelle, datei)
        url = f"sqlite:///{datei}"
    with _engine(url) as engine, create_session(engine, lesen=True) as session:
        if engine.dialect.name == "postgresql":
            programme.dump_postgresql(adresse, datei, queries.export_snapshot(session))
        fortschritt("Daten", 1, 1)
        yield engine, session


def _sum_up(session: Session, stichprobe: int, fortschritt: Fortschritt) -> Iterator[str]:
    """The lines of the file of checksums."""
    zaehler = queries.list_meters(session)[::stichprobe]
    for nummer, stromzaehler_id in enumerate(zaehler, start=1):
        erste, letzte = speicher.earliest(session, stromzaehler_id), speicher.newest(session, stromzaehler_id)
        if erste is not None and letzte is not None:
            reihe = speicher.iter_series(session, stromzaehler_id, erste, letzte.uhrzeit)
            paare = ((_month(ablesung.uhrzeit // _TAG_S), ablesung) for ablesung in reihe)
            yield from map(format_pruefsumme, sum_months(stromzaehler_id, paare))
        fortschritt("Prüfsummen", nummer, len(zaehler))


@lru_cache
def _month(tag: int) -> str:
    return datetime.fromtimestamp(tag * _TAG_S, UTC).strftime("%Y-%m")


def _write_pruefsummen(datei: Path, zeilen: Iterable[str]) -> None:
    with gzip.open(datei, "wt", encoding="ascii") as text:
        text.writelines(f"{zeile}\n" for zeile in zeilen)


def _sha256(datei: Path) -> str:
    with datei.open("rb") as inhalt:
        return hashlib.file_digest(inhalt, "sha256").hexdigest()


def _sync(*pfade: Path) -> None:
    for pfad in pfade:
        nummer = os.open(pfad, os.O_RDONLY)
        try:
            os.fsync(nummer)
        finally:
            os.close(nummer)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, pool_groesse=2)
    try:
        yield engine
    finally:
        engine.dispose()
