"""Which process holds which private key: the CA's is in the enrolment process alone."""

import os
import shutil
import subprocess
import sys

import pytest

from betreiber.app import Lauscher, create_app, create_geraete_app
from betreiber.schluessel import ablage
from betreiber.server import device_context

# Python reports every file that it opens to the audit hooks of its process.
SKRIPT = """
import os, sys
offen = set()
sys.addaudithook(lambda ereignis, daten: offen.add(str(daten[0])) if ereignis == "open" else None)
from betreiber.app import Lauscher, create_app, create_geraete_app
from betreiber.settings import Settings
settings = Settings.from_env(os.environ)
app = create_app(settings) if sys.argv[1] == "oeffentlich" else create_geraete_app(settings, Lauscher(sys.argv[1]))
app.extensions["msb_engine"].dispose()
print(*sorted(os.path.basename(datei) for datei in offen if datei.endswith(".key")))
"""


@pytest.fixture
def kopie(tmp_path, pki_vorlage):
    return shutil.copytree(pki_vorlage, tmp_path / "pki")


@pytest.fixture
def umgebung(sqlite_url, tmp_path, kopie):
    return os.environ | {"MSB_DATEN": str(tmp_path), "MSB_DATABASE_URL": sqlite_url, "MSB_JWT_SECRET": "g" * 32}


@pytest.mark.parametrize(
    ("lauscher", "schluessel"),
    [
        ("oeffentlich", ""),
        ("geraete", "platz.key signatur.key verschluesselung.key"),
        ("einschreibung", "geraete_ca.key verschluesselung.key"),
    ],
)
def test_a_process_opens_its_own_keys_only(umgebung, lauscher, schluessel):
    ergebnis = subprocess.run(
        [sys.executable, "-c", SKRIPT, lauscher],
        env=umgebung,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ergebnis.stdout.strip() == schluessel


@pytest.mark.parametrize("datenbank", ["sqlite"], indirect=True)
def test_what_is_not_needed_may_be_missing(settings, kopie):
    """TLS reads its files where no audit hook sees it: what it must not need is taken away."""
    for name in ("wurzel.key", "geraete_ca.key"):
        (kopie / name).unlink()
    apps = [create_app(settings), create_geraete_app(settings, Lauscher.GERAETE)]
    device_context(kopie, client_certificate=True)
    device_context(kopie, client_certificate=False)
    with pytest.raises(ablage.PkiFehlt, match=r"geraete_ca\.key"):
        ablage.load_ausgabestelle(kopie)
    for app in apps:
        app.extensions["msb_engine"].dispose()
