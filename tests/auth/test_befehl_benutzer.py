"""`betreiber benutzer`: logins from the command line, on a SQLite file."""

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from betreiber.app import create_app
from betreiber.cli import main
from betreiber.settings import Settings
from db.models import Audit, Benutzer
from db.session import create_engine, create_session
from tests.auth.hilfen import ANMELDUNG, try_login
from tests.hilfen import FesteUhr, Klient, Welt

PASSWORT = "Kaktus auf dem Balkon"


@pytest.fixture
def umgebung(sqlite_url, tmp_path):
    return {
        "MSB_DATABASE_URL": sqlite_url,
        "MSB_DATEN": str(tmp_path),
        "MSB_JWT_SECRET": "g" * 32,
        "MSB_ARGON2_ZEIT": "1",
        "MSB_ARGON2_SPEICHER_KIB": "64",
    }


@pytest.fixture
def call(umgebung):
    def call(*argumente, passwort=f"{PASSWORT}\n", **mehr):
        return CliRunner(env=umgebung | mehr).invoke(main, ["benutzer", *argumente], input=passwort)

    return call


@pytest.fixture
def client(umgebung):
    app = create_app(Settings.from_env(umgebung))
    yield Klient(app)
    app.extensions["msb_engine"].dispose()


@pytest.fixture
def session(sqlite_url):
    engine = create_engine(sqlite_url)
    with create_session(engine, lesen=True) as session:
        yield session
    engine.dispose()


def test_add_and_log_in(call, client, session):
    ergebnis = call(
        "anlegen", "--name", " Erika@Example.org", "--rolle", "admin", "--rolle", "tarif", "--passwort-stdin"
    )
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, "Benutzer erika@example.org angelegt (Nummer 1).\n")
    assert try_login(client, "erika@example.org", PASSWORT).json["rollen"] == ["admin", "tarif"]
    zeile = session.scalars(select(Audit)).one()
    assert (zeile.akteur, zeile.aktion, zeile.neu) == (
        "system:befehlszeile", "ANGELEGT", {"rollen": ["admin", "tarif"]},
    )  # fmt: skip


def test_the_password_is_asked_for_twice_and_not_shown(call, client):
    ergebnis = call("anlegen", "--name", "erika", "--rolle", "admin", passwort=f"{PASSWORT}\n{PASSWORT}\n")
    assert ergebnis.exit_code == 0, ergebnis.output
    assert PASSWORT not in ergebnis.output
    assert try_login(client, "erika", PASSWORT).status_code == 200


@pytest.mark.parametrize("ende", ["", "\n", "\r\n", "\nzweite Zeile\n"])
def test_the_first_line_of_standard_input_is_the_password(call, client, ende):
    call("anlegen", "--name", "erika", "--rolle", "admin", "--passwort-stdin", passwort=PASSWORT + ende)
    assert try_login(client, "erika", PASSWORT).status_code == 200


def test_a_customer_needs_the_customer(call, sqlite_url):
    engine = create_engine(sqlite_url)
    kunde_id = Welt(engine, FesteUhr()).kunde()
    engine.dispose()
    basis = ("anlegen", "--name", "erika", "--passwort-stdin", "--rolle")
    assert "gehört zu genau einem Kunden" in call(*basis, "kunde").stderr
    assert "gehört zu genau einem Kunden" in call(*basis, "admin", "--kunde-id", str(kunde_id)).stderr
    assert "Es gibt keinen Kunden mit der Nummer 4711." in call(*basis, "kunde", "--kunde-id", "4711").stderr
    assert call(*basis, "kunde", "--kunde-id", str(kunde_id)).exit_code == 0


@pytest.mark.parametrize(
    ("argumente", "passwort", "text"),
    [
        (("--name", "erika"), "elf Zeichen", "12 bis 200 Zeichen"),
        (("--name", "erika"), "", "12 bis 200 Zeichen"),
        (("--name", "erika"), "x9!kL" * 41, "12 bis 200 Zeichen"),
        (("--name", "erika"), "erika erika erika", "Benutzernamen nicht enthalten"),
        (("--name", "erika"), b"\xff\xfe" * 10, "kein gültiges UTF-8"),
        (("--name", ""), PASSWORT, "Benutzername darf nur"),
        (("--name", "müller"), PASSWORT, "Benutzername darf nur"),
        (("--name", "a b"), PASSWORT, "Benutzername darf nur"),
    ],
)
def test_what_is_refused(call, session, argumente, passwort, text):
    ergebnis = call("anlegen", *argumente, "--rolle", "admin", "--passwort-stdin", passwort=passwort)
    assert (ergebnis.exit_code, ergebnis.stdout) == (1, "")
    assert text in ergebnis.stderr
    assert "Traceback" not in ergebnis.stderr
    assert session.scalars(select(Benutzer)).all() == []


@pytest.mark.parametrize(
    "argumente",
    [
        (),
        ("--name", "erika"),
        ("--name", "erika", "--rolle", "chef"),
        ("--name", "erika", "--rolle", "kunde", "--kunde-id", "0"),
        ("--name", "erika", "--rolle", "kunde", "--kunde-id", "9" * 19),
        ("--name", "erika", "--rolle", "kunde", "--kunde-id", "1.5"),
    ],
)
def test_wrong_usage(call, argumente):
    assert call("anlegen", *argumente, "--passwort-stdin").exit_code == 2


def test_a_name_is_given_once(call):
    call("anlegen", "--name", "erika", "--rolle", "admin", "--passwort-stdin")
    ergebnis = call("anlegen", "--name", "ERIKA", "--rolle", "tarif", "--passwort-stdin")
    assert (ergebnis.exit_code, ergebnis.stderr) == (1, "Fehler: Diesen Benutzernamen gibt es schon.\n")


def test_disable_and_enable(call, client):
    call("anlegen", "--name", "erika", "--rolle", "admin", "--passwort-stdin")
    person = client.login("erika", PASSWORT)
    ergebnis = call("sperren", "--name", "Erika")
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, "Benutzer Erika ist gesperrt.\n")
    assert client.get(ANMELDUNG, als=person).status_code == 401
    assert try_login(client, "erika", PASSWORT).status_code == 401
    assert call("entsperren", "--name", "erika").exit_code == 0
    assert client.get(ANMELDUNG, als=person).status_code == 401
    assert try_login(client, "erika", PASSWORT).status_code == 200


def test_a_new_password_for_who_gets_no_mail(call, client):
    call("anlegen", "--name", "erika", "--rolle", "admin", "--passwort-stdin")
    person = client.login("erika", PASSWORT)
    for _ in range(10):
        try_login(client, "erika", "falsch")
    ergebnis = call("passwort", "--name", "erika", "--passwort-stdin", passwort="ein anderes Passwort")
    assert (ergebnis.exit_code, ergebnis.stdout) == (0, "Das Passwort von erika ist gesetzt.\n")
    assert client.get(ANMELDUNG, als=person).status_code == 401
    assert try_login(client, "erika", "ein anderes Passwort").status_code == 200


@pytest.mark.parametrize("befehl", ["sperren", "entsperren", "passwort"])
def test_nobody_of_that_name(call, befehl):
    mehr = ("--passwort-stdin",) if befehl == "passwort" else ()
    ergebnis = call(befehl, "--name", "niemand", *mehr)
    assert (ergebnis.exit_code, ergebnis.stderr) == (1, "Fehler: Es gibt keinen Benutzer niemand.\n")


def test_all_mistakes_of_the_settings_at_once(call):
    ergebnis = call(
        "sperren",
        "--name",
        "erika",
        MSB_PORT="achtzig",
        MSB_JWT_SECRET="geheimer Schlüssel",
        MSB_JWT_SECRT="geheim",
    )
    assert (ergebnis.exit_code, ergebnis.stdout) == (2, "")
    for text in (
        "MSB_PORT cannot be read: 'achtzig'",
        "MSB_JWT_SECRET is shorter",
        "MSB_JWT_SECRT is not a setting",
    ):
        assert text in ergebnis.stderr
    assert "geheim" not in ergebnis.stderr


@pytest.mark.parametrize("adresse", ["sqlite:////dev/null", "postgresql://msb:geheim@127.0.0.1:1/msb", None])
def test_a_database_that_cannot_be_used_is_a_sentence(call, tmp_path, adresse):
    """None: a database without tables. The address, which holds a password, is not repeated."""
    ergebnis = call("sperren", "--name", "erika", MSB_DATABASE_URL=adresse or f"sqlite:///{tmp_path / 'leer.db'}")
    assert ergebnis.exit_code == 1, ergebnis.output
    assert ergebnis.stderr.startswith("Fehler: Die Datenbank ist nicht benutzbar (")
    assert "geheim" not in ergebnis.output


def test_a_folder_that_cannot_be_used_is_a_sentence(call):
    ergebnis = call("sperren", "--name", "erika", MSB_DATABASE_URL="sqlite:////dev/null/x/y.db")
    assert (ergebnis.exit_code, ergebnis.stderr) == (1, "Fehler: Not a directory: /dev/null/x\n")
