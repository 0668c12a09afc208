"""docker-compose.yml and Dockerfile, read as files: no container engine is needed, and none of them is started."""

import re
from dataclasses import fields

import pytest
import yaml

from betreiber.settings import Settings, variable_name
from tests.haus.quelltext import PAKETE, WURZEL

COMPOSE = (WURZEL / "docker-compose.yml").read_text(encoding="utf-8")
DIENSTE = yaml.safe_load(COMPOSE)["services"]
ZAEHLER = [name for name in DIENSTE if name.startswith("zaehler")]
UNSERE = [name for name in DIENSTE if name != "datenbank"]
DOCKERFILE = (WURZEL / "Dockerfile").read_text(encoding="utf-8")


def test_who_is_there():
    assert DIENSTE["datenbank"]["image"] == "postgres:17"
    assert DIENSTE["betreiber"]["command"] == ["betreiber", "start"]
    assert len(ZAEHLER) >= 3


@pytest.mark.parametrize("name", UNSERE)
def test_our_containers_hold_no_privilege(name):
    dienst = DIENSTE[name]
    assert dienst["cap_drop"] == ["ALL"]
    assert "cap_add" not in dienst
    assert dienst["read_only"] is True
    assert dienst["security_opt"] == ["no-new-privileges:true"]
    assert dienst["image"] == "messstellenbetreiber"
    assert dienst["tmpfs"] == ["/tmp:noexec,nosuid,nodev"]
    assert not {"privileged", "pid", "ipc", "network_mode", "devices", "user"} & set(dienst)


@pytest.mark.parametrize("name", ZAEHLER)
def test_a_meter_listens_nowhere_and_reaches_the_operator_only(name):
    dienst = DIENSTE[name]
    assert dienst["command"][:2] == ["stromzaehler", "start"]
    assert not {"ports", "expose", "secrets", "environment", "env_file"} & set(dienst)
    assert not {"links", "external_links", "extra_hosts", "dns", "sysctls", "devices"} & set(dienst)
    assert dienst["pids_limit"] <= 100
    assert dienst["networks"] == ["geraete"]
    assert yaml.safe_load(COMPOSE)["networks"]["geraete"] == {"internal": True}
    # Its own folder: no other container sees its keys, and it sees nobody's.
    assert dienst["volumes"] == [f"{name}:/zaehler"]
    assert [anderer for anderer in DIENSTE if f"{name}:/zaehler" in DIENSTE[anderer].get("volumes", ())] == [name]


def test_who_shares_the_network_of_the_meters():
    """The operator and other meters, which listen nowhere; the database is in a network of its own."""
    assert [name for name in DIENSTE if "geraete" in DIENSTE[name]["networks"]] == [
        "vorbereitung",
        "betreiber",
        *ZAEHLER,
    ]


def test_database_and_health_are_not_published():
    assert [name for name, dienst in DIENSTE.items() if "ports" in dienst] == ["betreiber"]
    assert DIENSTE["betreiber"]["ports"] == ["8000:8000", "8443:8443", "8444:8444"]
    assert DIENSTE["datenbank"]["networks"] == ["intern"]
    assert DIENSTE["betreiber"]["healthcheck"]["test"][-1].count("127.0.0.1:9000/readyz") == 1


def test_the_settings_of_the_operator_are_accepted(tmp_path):
    """The variables exist, and production starts with them once .env is filled in."""
    gesetzt = {"MSB_JWT_SECRET": "x" * 32, "MSB_SMTP_URL": "smtps://msb:x@mail.example.org:465"}
    umgebung = {
        name: re.sub(r"\$\{(\w+):([-?])([^}]*)\}", lambda v: gesetzt.get(v[1], v[3] if v[2] == "-" else "x"), wert)
        for name, wert in DIENSTE["betreiber"]["environment"].items()
    }
    for name in DIENSTE["betreiber"]["secrets"]:
        (tmp_path / name).touch()
    umgebung = {name: wert.replace("/run/secrets", str(tmp_path)) for name, wert in umgebung.items()}
    settings = Settings.from_env(umgebung)
    assert settings.produktion
    assert settings.geraete_namen == ("betreiber", "localhost")


def test_secrets_come_from_outside_and_are_documented():
    beispiel = (WURZEL / ".env.example").read_text(encoding="utf-8")
    dokumentiert = re.findall(r"^([A-Z_]+)=(.*)$", beispiel, re.MULTILINE)
    assert set(re.findall(r"\$\{(\w+)", COMPOSE)) == {name for name, _ in dokumentiert}
    geheim = {variable_name(feld.name) for feld in fields(Settings) if feld.metadata["geheim"]} | {
        "POSTGRES_PASSWORD"
    }
    assert all(not wert for name, wert in dokumentiert if name in geheim)
    assert ".env" in (WURZEL / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_image():
    assert re.search(r"^FROM python:3\.13-slim$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
    assert "requirements/betrieb.txt" in DOCKERFILE
    assert re.search(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)[1] != "0"
    assert not re.search(r"^ADD|https?://|curl|wget", DOCKERFILE, re.MULTILINE)
    ignoriert = (WURZEL / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for paket in PAKETE:
        assert f"COPY {paket} {paket}" in DOCKERFILE
        assert f"!{paket}" in ignoriert
