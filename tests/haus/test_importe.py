"""Which file may import what, where import-linter's wildcards cannot say it: its own folder, and nothing else.

The contracts in pyproject.toml look at everything that follows from an import; this looks at the line itself, with
the list of what is allowed.
"""

import re

import pytest

from tests.haus.quelltext import WURZEL, imports, name_of

# What the files of a Fachordner may import of the operator: {eigen} is the folder itself.
ERLAUBT = {
    "domain.py": r"(arbeitstage|errors|zeit|\w+\.domain|ablesung\.(anzeige|blockspalten|zaehlwerk|zahlenfolge)"
    r"|ersatzwert\.kalender|importlauf\.csv_zeilen|verbrauch\.ausgabe)",
    "schemas.py": r"(felder|seite|zeit|\w+\.(domain|schemas)|ablesung\.zaehlwerk)",
    "queries.py": r"(seite|zeit|auftrag\.queries|{eigen}\.(domain|faelligkeit|queries|speicher\.tabellen))",
    "service.py": r"(arbeitstage|druck|errors|metrik|seite|zeit|{eigen}\.\w+|\w+\.(domain|service)|auth\.passwort"
    r"|ablesung\.(anzeige|speicher|zaehlerstaende|zaehlwerk)|ereignis\.nachricht|importlauf\.(csv_zeilen|fortschritt)|schluessel\.ablage"
    r"|stromzaehler\.zuordnung)",
    "routes.py": r"(extensions|geraete|seite|session|auth\.zugang"
    r"|{eigen}\.(tourblatt|touren|ausgabe|eichungen|einschreibung|faktorwechsel|kennzahlen|schemas|service|zaehlerstaende|zaehlerwechsel"
    r"|ablesung|ruecknahme|umzug|wartungsauftraege|zaehlerausbau|zaehlereinbau|zuordnungsberichtigung))",
    "speicher": r"(zeit|ablesung\.(anzeige|domain|speicher\.\w+|tagesblock|zaehlwerk))",
}
# Files that are split off by what they do follow the rule of the file from which they were split.
WIE = {
    "ablesung/anzeige.py": "domain.py",
    "ablesung/aufnahme.py": "service.py",
    "ablesung/faltung.py": "service.py",
    "ablesung/geraeteprotokoll.py": "service.py",
    "ablesung/luecken.py": "domain.py",
    "ablesung/oeffnung.py": "service.py",
    "ablesung/sammler.py": "service.py",
    "ablesung/zaehlerstaende.py": "service.py",
    "ablesung/blockspalten.py": "domain.py",
    "ablesung/tagesblock.py": "domain.py",
    "ablesung/zahlenfolge.py": "domain.py",
    "ablesung/zaehlwerk.py": "domain.py",
    "auftrag/ausgabe.py": "domain.py",
    "auftrag/faelligkeit.py": "domain.py",
    "auftrag/kennzahlen.py": "domain.py",
    "auftrag/stoerungsauftraege.py": "service.py",
    "auftrag/stoerungsliste.py": "queries.py",
    "auftrag/tourblatt.py": "service.py",
    "auftrag/touren.py": "service.py",
    "auftrag/tourvorschlag.py": "domain.py",
    "auftrag/ueberholte.py": "service.py",
    "auftrag/vergleich.py": "service.py",
    "auftrag/wartungsauftraege.py": "service.py",
    "auftrag/wartungsliste.py": "queries.py",
    "auftrag/zaehlung.py": "service.py",
    "auth/passwort.py": "service.py",
    "auth/rechte.py": "service.py",
    "bestand/datei.py": "service.py",
    "bestand/stapel.py": "service.py",
    "bestand/verweise.py": "service.py",
    "bestand/zaehler.py": "service.py",
    "einbau/ablesung.py": "service.py",
    "einbau/faktorwechsel.py": "service.py",
    "einbau/ruecknahme.py": "service.py",
    "einbau/umzug.py": "service.py",
    "einbau/zaehlerausbau.py": "service.py",
    "einbau/zaehlereinbau.py": "service.py",
    "einbau/zaehlerstand.py": "service.py",
    "einbau/zaehlerwechsel.py": "service.py",
    "einbau/zuordnungsberichtigung.py": "service.py",
    "ereignis/nachricht.py": "service.py",
    "ersatzwert/kalender.py": "domain.py",
    "ersatzwert/standardprofil.py": "domain.py",
    "importlauf/csv_datei.py": "domain.py",
    "importlauf/csv_zeilen.py": "domain.py",
    "importlauf/edifact.py": "domain.py",
    "importlauf/fortschritt.py": "service.py",
    "importlauf/mscons.py": "service.py",
    "importlauf/plan.py": "service.py",
    "importlauf/quelle.py": "service.py",
    "importlauf/stapel.py": "service.py",
    "schluessel/ablage.py": "service.py",
    "schluessel/ca.py": "service.py",
    "schluessel/einschreibung.py": "service.py",
    "schluessel/pki.py": "service.py",
    "sicherung/programme.py": "service.py",
    "stoerung/durchlauf.py": "service.py",
    "stoerung/eingriffe.py": "queries.py",
    "stoerung/urteil.py": "domain.py",
    "stromzaehler/zuordnung.py": "service.py",
    "verbrauch/ausgabe.py": "domain.py",
    "wartung/eichantrag.py": "service.py",
    "wartung/eichfrist.py": "domain.py",
    "wartung/eichungen.py": "service.py",
    "wartung/kennzahlen.py": "service.py",
}
# The gate of the API is Flask's side of auth: it reads the table of rights and sets who acts.
EIGENE_REGEL = {"auth/zugang.py"}
OHNE_FACH = {"cli", "jobs", "web"}
FACHDATEIEN = [
    datei
    for datei in sorted((WURZEL / "betreiber").glob("*/**/*.py"))
    if datei.parent.name not in OHNE_FACH and datei.name != "__init__.py"
]
FREMDES = {
    "domain.py": {"telegramm"},
    "schemas.py": {"marshmallow"},
    "queries.py": {"sqlalchemy", "db", "telegramm"},
    "service.py": {"sqlalchemy", "db", "telegramm", "cryptography", "argon2", "structlog"},
    "routes.py": {"flask", "telegramm"},
    "speicher": {"sqlalchemy", "db", "telegramm"},
}


def rule_of(datei):
    kurz = datei.relative_to(WURZEL / "betreiber").as_posix()
    # All files of the storage interface follow one rule.
    return "speicher" if datei.parent.name == "speicher" else WIE.get(kurz, datei.name)


def test_every_file_of_a_fachordner_has_a_rule():
    ohne = [name_of(datei) for datei in FACHDATEIEN if rule_of(datei) not in ERLAUBT]
    assert sorted(ohne) == sorted(f"betreiber/{name}" for name in EIGENE_REGEL)


@pytest.mark.parametrize("datei", [pytest.param(datei, id=name_of(datei)) for datei in FACHDATEIEN])
def test_a_file_imports_what_its_role_allows(datei):
    regel = rule_of(datei)
    if regel not in ERLAUBT:
        return
    muster = re.compile(ERLAUBT[regel].replace("{eigen}", datei.parent.name) + r"(\.\w+)?")
    for name in imports(datei):
        paket, _, rest = name.partition(".")
        if paket == "betreiber":
            assert muster.fullmatch(rest), f"{name_of(datei)} imports {name}"
        elif paket in {
            "flask",
            "sqlalchemy",
            "marshmallow",
            "db",
            "telegramm",
            "cryptography",
            "argon2",
            "structlog",
        }:
            assert paket in FREMDES[regel], f"{name_of(datei)} imports {name}"
