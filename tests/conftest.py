"""What all tests share: databases of both kinds, a clock in the hand, an app, people who are logged in."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from betreiber.app import Lauscher, create_app, create_geraete_app
from betreiber.schluessel.pki import create_pki
from betreiber.settings import Settings
from db.models import Benutzer
from db.schema import upgrade
from db.session import create_engine, create_session
from tests import postgres
from tests.hilfen import FesteUhr, Klient, Person, Welt
from tests.kanal import Kanal
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks

hypothesis.settings.register_profile("kurz", max_examples=25, deadline=None)
hypothesis.settings.register_profile("gruendlich", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("gruendlich" if os.environ.get("MSB_TEST_GRUENDLICH") else "kurz")

# Under xdist the controller starts the cluster and its workers find it here.
_PG = "TEST_POSTGRES_URL"


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("MSB_") and not name.startswith("MSB_TEST_")]:
        del os.environ[name]
    programme = postgres.find_programs()
    if _PG not in os.environ and programme is not None and not hasattr(config, "workerinput"):
        cluster = postgres.Cluster(programme)
        config.add_cleanup(cluster.stop)
        os.environ[_PG] = cluster.url
        config.add_cleanup(lambda: os.environ.pop(_PG, None))


@pytest.fixture(scope="session")
def sqlite_vorlage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file; each test works on a copy."""
    datei = tmp_path_factory.mktemp("vorlage") / "vorlage.db"
    engine = create_engine(f"sqlite:///{datei}")
    upgrade(engine)
    engine.dispose()  # The last connection folds the write-ahead log into the file.
    return datei


@pytest.fixture(scope="session")
def postgres_vorlage(worker_id: str) -> Iterator[tuple[Engine, str]]:
    """A migrated PostgreSQL database; each test works on a copy."""
    if _PG not in os.environ:
        pytest.skip(postgres.GRUND)
    import sqlalchemy

    name = f"vorlage_{worker_id}"
    verwaltung = sqlalchemy.create_engine(os.environ[_PG], isolation_level="AUTOCOMMIT")
    with verwaltung.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_engine(_named(name))
    upgrade(engine)
    engine.dispose()
    yield verwaltung, name
    verwaltung.dispose()


def _named(name: str) -> str:
    return os.environ[_PG].rsplit("/", 1)[0] + "/" + name


@pytest.fixture
def sqlite_url(sqlite_vorlage: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    datei = tmp_path / "betreiber.db"
    shutil.copy(sqlite_vorlage, datei)
    return f"sqlite:///{datei}"


@pytest.fixture
def postgres_url(postgres_vorlage: tuple[Engine, str]) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    verwaltung, vorlage = postgres_vorlage
    name = f"{vorlage}_test"
    with verwaltung.connect() as connection:
        # One that could not be dropped must not fail all tests after it.
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {vorlage}"))
    yield _named(name)
    with verwaltung.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql"])
def datenbank(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database; the test runs once on each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def engine(datenbank: str) -> Iterator[Engine]:
    engine = create_engine(datenbank)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with create_session(engine) as session:
        yield session


@pytest.fixture
def nummer_von(session: Session) -> Callable[[Person], int]:
    """The number of a login by its name."""

    def find(person: Person) -> int:
        anweisung = select(Benutzer.benutzer_id).where(Benutzer.benutzername == person.benutzername)
        nummer = session.execute(anweisung).scalar_one()
        session.rollback()
        return nummer

    return find


@pytest.fixture
def uhr() -> FesteUhr:
    """A clock that stands at 2026-06-15T10:00:00Z until somebody moves it."""
    return FesteUhr()


@pytest.fixture
def settings(datenbank: str, tmp_path: Path) -> Settings:
    """Settings of a test: cheap password hashing, everything in the test's folder."""
    return Settings(
        daten=tmp_path, database_url=datenbank, jwt_secret="g" * 32, argon2_zeit=1, argon2_speicher_kib=64
    )


@pytest.fixture
def app(settings: Settings, uhr: FesteUhr) -> Iterator[Flask]:
    app = create_app(settings, uhr=uhr)
    yield app
    app.extensions["msb_engine"].dispose()


@pytest.fixture(scope="session")
def pki_vorlage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's keys, made once: they do not depend on a database."""
    ordner = tmp_path_factory.mktemp("pki")
    create_pki(ordner, ["localhost", "127.0.0.1"], datetime.now(UTC))
    return ordner


@pytest.fixture
def kanal(settings: Settings, uhr: FesteUhr, pki_vorlage: Path) -> Iterator[Kanal]:
    """The device channel, without sockets."""
    shutil.copytree(pki_vorlage, settings.pki_ordner)
    apps = [create_geraete_app(settings, art, uhr=uhr) for art in (Lauscher.GERAETE, Lauscher.EINSCHREIBUNG)]
    yield Kanal(apps[0], apps[1], uhr)
    for app in apps:
        app.extensions["msb_engine"].dispose()


@pytest.fixture
def client(app: Flask) -> Klient:
    """Sends requests, as anybody."""
    return Klient(app)


@pytest.fixture
def welt(engine: Engine, uhr: FesteUhr) -> Welt:
    """Puts things into the database."""
    return Welt(engine, uhr)


@pytest.fixture
def als(welt: Welt, client: Klient) -> "Anmelden":
    """Logs people in: `als("sachbearbeitung")`, `als("kunde", kunde_id=1)`."""
    return Anmelden(welt, client)


class Anmelden:
    """Makes a login of a role, once, and opens a session through the API."""

    def __init__(self, welt: Welt, client: Klient) -> None:
        self._welt = welt
        self._client = client
        self._personen: dict[tuple[str, int | None], Person] = {}

    def __call__(self, rolle: str, *, kunde_id: int | None = None) -> Person:
        schluessel = (rolle, kunde_id)
        if schluessel not in self._personen:
            name = self._welt.benutzer(rolle, kunde_id=kunde_id)
            self._personen[schluessel] = self._client.login(name)
        return self._personen[schluessel]
