"""The disk is full: everybody is told to come again, what is stored can be read, nothing acknowledged is lost."""

import contextlib
import os
import pwd
import shutil

import pytest
import sqlalchemy
from sqlalchemy import text
from structlog.testing import capture_logs

from db.schema import upgrade
from db.session import create_engine, create_session
from tests import postgres
from tests.ablesungen import stored
from tests.kanal import messwert
from tests.stoerung.platte import fill, small_disk

KUNDE = {
    "art": "VERBRAUCHER",
    "strasse": "Lindenallee",
    "hausnummer": "12",
    "postleitzahl": "50667",
    "stadtname": "Köln",
    "registriert_datum": "2026-06-01",
}
# What each database calls it.
VOLL = {"sqlite": "SQLITE_FULL", "postgresql": "DiskFull"}
VIERTEL_S, NEUN_TAGE_S = 900, 9 * 86_400


@contextlib.contextmanager
def sqlite_on(platte, vorlage):
    shutil.copy(vorlage, platte / "betreiber.db")
    yield f"sqlite:///{platte}/betreiber.db"


@contextlib.contextmanager
def postgres_on(platte, _):
    """A database in a tablespace; the server writes its log of transactions elsewhere.

    The server is one of its own: while a disk is full no checkpoint succeeds, and without one no other test could
    drop its database.
    """
    raum = platte / "raum"
    raum.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(raum, pwd.getpwnam("postgres").pw_uid)
    programme = postgres.find_programs()
    if programme is None:
        pytest.skip(postgres.GRUND)
    cluster = postgres.Cluster(programme)
    try:
        verwaltung = sqlalchemy.create_engine(cluster.url, isolation_level="AUTOCOMMIT")
        with verwaltung.connect() as connection:
            connection.execute(text(f"CREATE TABLESPACE platte LOCATION '{raum}'"))
            connection.execute(text("CREATE DATABASE platte TABLESPACE platte"))
        verwaltung.dispose()
        url = cluster.url.rsplit("/", 1)[0] + "/platte"
        engine = create_engine(url)
        upgrade(engine)
        engine.dispose()
        yield url
    finally:
        cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def platte(request, sqlite_vorlage):
    """Where the database lies, and its address."""
    on, groesse = {"sqlite": (sqlite_on, "8m"), "postgresql": (postgres_on, "32m")}[request.param]
    with small_disk(groesse) as ordner, on(ordner, sqlite_vorlage) as url:
        yield ordner, url


@pytest.fixture
def datenbank(platte):
    return platte[1]


def test_a_full_disk(platte, kanal, zaehler, client, als, engine, jetzt):
    amt = als("sachbearbeitung")
    gesendet, angenommen = [], 0

    def create_kunde(nummer):
        daten = KUNDE | {"kundennummer": f"K-{nummer}", "name": "x" * 80}
        return client.post("/v1/kunden", json=daten, als=amt)

    def deliver(telegramm):
        der = zaehler.seal(telegramm.to_bytes(), kanal.uhr.now())
        return kanal.post(der, zaehler.enrolled.zertifikat_tls)

    def next_message():
        """Some readings of each of nine days: too few of a day to be folded at once."""
        von = len(gesendet) // 9
        nummern = [tag * 96 + viertel for tag in range(9) for viertel in range(von, von + 6)]
        werte = [messwert(jetzt - NEUN_TAGE_S + nummer * VIERTEL_S, 1000 + nummer) for nummer in nummern]
        gesendet.extend(wert.uhrzeit for wert in werte)
        return zaehler.telegramm(kanal.uhr, werte)

    assert deliver(next_message()).status_code == 200
    fill(platte[0])
    with capture_logs() as log:
        for _ in range(15):
            angenommen = len(gesendet)
            telegramm = next_message()
            antwort = deliver(telegramm)
            if antwort.status_code != 200:
                break
    assert (antwort.status_code, antwort.json["code"]) == (503, "nicht_verfuegbar")
    assert int(antwort.headers["Retry-After"]) > 0
    assert {zeile["fehler"] for zeile in log if zeile["event"] == "database_unavailable"} == {VOLL[engine.name]}

    for nummer in range(200):
        antwort = create_kunde(nummer)
        if antwort.status_code != 201:
            break
    assert (antwort.status_code, antwort.json["code"]) == (503, "nicht_verfuegbar")
    assert antwort.content_type == "application/problem+json"
    assert int(antwort.headers["Retry-After"]) > 0
    assert client.get("/v1/kunden", als=amt).json["gesamt"] == nummer
    assert list(stored(engine, zaehler.stromzaehler_id)) == sorted(gesendet[:angenommen])

    (platte[0] / "ballast").unlink()
    assert deliver(telegramm).status_code == 200
    assert create_kunde(999).status_code == 201
    assert list(stored(engine, zaehler.stromzaehler_id)) == sorted(gesendet)
    if engine.name == "sqlite":
        with create_session(engine, lesen=True) as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
