"""Settings: every mistake at once, no secret shown, nothing unsafe in produktion."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from betreiber.cli import main
from betreiber.settings import Settings, SettingsInvalid, is_loopback, variable_name
from betreiber.zeit import SimulierteUhr, Systemuhr

GEHEIM = "s3hr-geheim-" * 4
SICHER = {"MSB_UMGEBUNG": "produktion", "MSB_JWT_SECRET": GEHEIM, "MSB_SMTP_URL": "smtps://msb:x@mail.example.org"}


def mistakes(**env):
    with pytest.raises(SettingsInvalid) as fehler:
        Settings.from_env(env)
    assert str(fehler.value) == "\n".join(f"- {satz}" for satz in fehler.value.fehler)
    return fehler.value.fehler


def test_nothing_set_is_a_development_operator():
    settings = Settings.from_env({"HOME": "/root", "PATH": "/bin"})
    assert settings == Settings()
    assert not settings.produktion
    assert settings.datenbank == f"sqlite:///{Path('var/betreiber.db').absolute()}"
    assert settings.auf_sqlite
    assert (settings.pki_ordner, settings.mail_pfad) == (Path("var/pki"), Path("var/mail"))
    assert isinstance(settings.uhr, Systemuhr)


def test_what_is_set_is_read():
    settings = Settings.from_env(
        {
            "MSB_DEBUG": "ja",
            "MSB_EINSCHREIBUNG_AKTIV": "0",
            "MSB_DATEN": "/srv/msb",
            "MSB_DATABASE_URL": "postgresql://msb:x@db/msb",
            "MSB_MAIL_ORDNER": "/srv/mail",
            "MSB_PROXY_ADRESSEN": "10.0.0.1, 10.0.0.2,",
            "MSB_HOST": "0.0.0.0",
            "MSB_PORT": "80",
            "MSB_LOG_FORMAT": "text",
            "MSB_MAIL_ABSENDER": "strom@example.org",
            "MSB_UHR_START": "2026-01-01T00:00:00+01:00",
            "MSB_UHR_FAKTOR": "60",
            "MSB_THREADS": "",
        }
    )
    assert (settings.debug, settings.einschreibung_aktiv) == (True, False)
    assert (settings.datenbank, settings.auf_sqlite) == ("postgresql://msb:x@db/msb", False)
    assert (settings.mail_pfad, settings.pki_ordner) == (Path("/srv/mail"), Path("/srv/msb/pki"))
    assert settings.proxy_adressen == ("10.0.0.1", "10.0.0.2")
    assert (settings.port, settings.threads, settings.mail_absender) == (80, 8, "strom@example.org")
    start = datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert settings.uhr == SimulierteUhr(start, start, 60.0)


def test_the_reference_of_the_simulated_clock():
    settings = Settings.from_env(
        {"MSB_UHR_START": "2026-01-01T00:00:00Z", "MSB_UHR_BEZUG": "2026-11-20T07:00:00Z", "MSB_UHR_FAKTOR": "2.5"}
    )
    assert settings.uhr == SimulierteUhr(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 20, 7, tzinfo=UTC), 2.5
    )
    assert settings.uhr.now().utcoffset() == timedelta(0)


def test_all_mistakes_at_once():
    fehler = mistakes(
        MSB_PORT="0",
        MSB_PROZESSE="zwei",
        MSB_UHR_START="2026-01-01T00:00:00",
        MSB_JWT_SECRET="kurz",
        MSB_UNBEKANNT="x",
        MSB_JWT_SECRT=GEHEIM,
        MSB_LOG_FORMAT="xml",
    )
    assert [satz.split()[0] for satz in fehler] == [
        "MSB_JWT_SECRT", "MSB_UNBEKANNT", "MSB_PORT", "MSB_PROZESSE", "MSB_UHR_START", "MSB_JWT_SECRET",
        "MSB_LOG_FORMAT",
    ]  # fmt: skip
    assert "(expected a number from 1 to 65535)" in fehler[2]
    assert GEHEIM not in str(fehler)


@pytest.mark.parametrize(
    ("name", "wert"),
    [
        ("MSB_UMGEBUNG", "prod"),
        ("MSB_DEBUG", "vielleicht"),
        ("MSB_PORT", "65536"),
        ("MSB_PORT", "80.5"),
        ("MSB_PORT", "-1"),
        ("MSB_THREADS", "129"),
        ("MSB_GERAETE_PROZESSE", "65"),
        ("MSB_ARGON2_SPEICHER_KIB", "7"),
        ("MSB_ABLESUNG_HOECHSTALTER_TAGE", "0"),
        ("MSB_UHR_FAKTOR", "0"),
        ("MSB_UHR_FAKTOR", "-1"),
        ("MSB_UHR_FAKTOR", "nan"),
        ("MSB_UHR_FAKTOR", "inf"),
        ("MSB_UHR_START", "gestern"),
        ("MSB_DATABASE_URL", "mysql://root@db/msb"),
        ("MSB_DATABASE_URL", "sqlite://"),
        ("MSB_DATABASE_URL", "betreiber.db"),
        ("MSB_SMTP_URL", "mail.example.org"),
        ("MSB_SMTP_URL", "http://mail.example.org"),
        ("MSB_SMTP_URL", "smtp://"),
        ("MSB_SMTP_URL", "smtp://mail.example.org:fünf"),
        ("MSB_SMTP_URL", "smtp://mail.example.org:99999"),
        ("MSB_SMTP_URL", "smtp://mail.example.org:0"),
        ("MSB_MAIL_ABSENDER", "kundenservice"),
        ("MSB_MAIL_ABSENDER", "a@example.org\nBcc: b@example.org"),
        ("MSB_MAIL_ABSENDER", "Kunden <a@example.org>"),
    ],
)
def test_what_cannot_be_read(name, wert):
    env = {"MSB_UHR_START": "2026-01-01T00:00:00Z"} | {name: wert}
    (satz,) = mistakes(**env)
    assert satz.startswith(f"{name} cannot be read")


@pytest.mark.parametrize(
    "wert", ["sqlite:///betreiber.db", "postgresql://msb@db/msb", "postgresql+psycopg://db/msb"]
)
def test_databases(wert):
    assert Settings.from_env({"MSB_DATABASE_URL": wert}).datenbank == wert


@pytest.mark.parametrize("wert", ["smtp://mail.example.org", "smtps://a%40b:p%3Aw@mail.example.org:465"])
def test_mail_servers(wert):
    assert Settings.from_env({"MSB_SMTP_URL": wert}).smtp_url == wert


@pytest.mark.parametrize("name", ["MSB_DATABASE_URL", "MSB_JWT_SECRET", "MSB_SMTP_URL"])
def test_secrets_are_never_shown(name):
    gut = {"MSB_DATABASE_URL": f"postgresql://msb:{GEHEIM}@db/msb", "MSB_SMTP_URL": f"smtp://msb:{GEHEIM}@mail"}
    settings = Settings.from_env({name: gut.get(name, GEHEIM)})
    assert GEHEIM not in repr(settings)
    assert GEHEIM not in str(settings)
    (feld,) = [feld for feld in fields(Settings) if variable_name(feld.name) == name]
    assert feld.metadata["geheim"]
    if name in gut:
        (satz,) = mistakes(**{name: f"falsch://{GEHEIM}"})
        assert GEHEIM not in satz
        assert satz.startswith(f"{name} cannot be read; expected: ")


def test_every_setting_whose_name_sounds_like_a_secret_is_one():
    for feld in fields(Settings):
        if any(wort in feld.name for wort in ("secret", "passwort", "url", "token")):
            assert feld.metadata["geheim"], feld.name


def test_a_safe_operator_in_produktion():
    assert Settings.from_env(SICHER).produktion
    ohne_server = {name: wert for name, wert in SICHER.items() if name != "MSB_SMTP_URL"}
    assert Settings.from_env(ohne_server | {"MSB_MAIL_ORDNER": "/srv/mail"}).produktion


@pytest.mark.parametrize(
    ("anders", "text"),
    [
        ({"MSB_JWT_SECRET": ""}, "MSB_JWT_SECRET is needed"),
        ({"MSB_JWT_SECRET": "x" * 31}, "shorter than 32 bytes"),
        ({"MSB_DEBUG": "1"}, "MSB_DEBUG must be off"),
        ({"MSB_UHR_START": "2026-01-01T00:00:00Z"}, "refused in produktion"),
        ({"MSB_ARGON2_ZEIT": "1"}, "MSB_ARGON2_SPEICHER_KIB must be"),
        ({"MSB_ARGON2_SPEICHER_KIB": "19455"}, "MSB_ARGON2_SPEICHER_KIB must be"),
        ({"MSB_SMTP_URL": ""}, "sent to nobody"),
        ({"MSB_HOST": "0.0.0.0"}, "MSB_HOST is not loopback"),
    ],
)
def test_unsafe_in_produktion(anders, text):
    (satz,) = mistakes(**SICHER | anders)
    assert text in satz


def test_bytes_count_not_characters():
    assert Settings.from_env({"MSB_JWT_SECRET": "ß" * 16}).jwt_secret == "ß" * 16


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({"MSB_TLS_ZERTIFIKAT": __file__}, "go together"),
        ({"MSB_TLS_SCHLUESSEL": __file__}, "go together"),
        ({"MSB_TLS_ZERTIFIKAT": __file__, "MSB_TLS_SCHLUESSEL": "/gibt/es/nicht"}, "not there: /gibt/es/nicht"),
        ({"MSB_HOST": "192.0.2.1"}, "MSB_HOST is not loopback"),
        ({"MSB_UHR_FAKTOR": "60"}, "need MSB_UHR_START"),
        ({"MSB_UHR_BEZUG": "2026-01-01T00:00:00Z"}, "need MSB_UHR_START"),
    ],
)
def test_what_does_not_go_together(env, text):
    (satz,) = mistakes(**env)
    assert text in satz


@pytest.mark.parametrize(
    "anders",
    [{"MSB_PROXY_ADRESSEN": "10.0.0.1"}, {"MSB_TLS_ZERTIFIKAT": __file__, "MSB_TLS_SCHLUESSEL": __file__}],
)
def test_a_public_address_behind_a_proxy_or_with_tls(anders):
    assert Settings.from_env({"MSB_HOST": "0.0.0.0"} | anders).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "ja"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("127.example.org", False), ("192.0.2.1", False), ("", False),
    ],
)  # fmt: skip
def test_loopback(host, ja):
    assert is_loopback(host) is ja


def test_the_command_lists_all_settings_and_no_value():
    ergebnis = CliRunner(env={"MSB_JWT_SECRET": GEHEIM}).invoke(main, ["einstellungen"])
    assert ergebnis.exit_code == 0
    for feld in fields(Settings):
        assert variable_name(feld.name) in ergebnis.output
        assert feld.metadata["doc"] in ergebnis.output
    assert GEHEIM not in ergebnis.output
