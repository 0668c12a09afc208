"""kill -9 of a meter: `stromzaehler start` dies among its readings, and none is lost, doubled or falls.

Operator and meter run on the same simulated clock, so that a quarter hour takes a fraction of a second.
`scripts/test --gruendlich` runs the long form: 10 deaths.
"""

import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from gateway.ordner import Ordner
from gateway.puffer import Puffer
from scripts.betreiberprozess import ApiKlient, Betreiberprozess
from scripts.stammdaten import PERSONAL, PERSONAL_PASSWORT, create_haushalt, create_staff
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei
from tests.e2e.conftest import BILLIG, empty_database
from tests.e2e.test_abbruch import stored
from tests.e2e.test_prozesse import wait_for

GRUENDLICH = bool(os.environ.get("MSB_TEST_GRUENDLICH"))
RUNDEN = 10 if GRUENDLICH else 3
FAKTOR = 3600  # four quarter hours a second
SEIT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def betreiber(request, tmp_path):
    """An operator whose clock begins at `SEIT` now and runs `FAKTOR` times as fast."""
    uhr = {
        "MSB_UHR_START": SEIT.isoformat(),
        "MSB_UHR_BEZUG": datetime.now(UTC).isoformat(),
        "MSB_UHR_FAKTOR": str(FAKTOR),
    }
    if request.param == "sqlite":
        with Betreiberprozess(tmp_path / "daten", BILLIG | uhr) as prozess:
            yield prozess
        return
    with (
        empty_database("abbruch_zaehler") as url,
        Betreiberprozess(tmp_path / "daten", BILLIG | uhr | {"MSB_DATABASE_URL": url}) as prozess,
    ):
        yield prozess


def test_acknowledged_is_stored_and_counted_once_whatever_kills_the_meter(betreiber, ordner):
    zufall = random.Random(20260302)
    create_staff(betreiber, PERSONAL, PERSONAL_PASSWORT, "sachbearbeitung", "wartung")
    with ApiKlient(betreiber.url) as personal:
        personal.login(PERSONAL, PERSONAL_PASSWORT)
        create_haushalt(betreiber, personal, personal, 1, SEIT, ordner)
    LastprofilEinstellung(seed=7, jahresverbrauch_kwh=3500, pv_kwp=5.0).save(ordner)
    for _ in range(RUNDEN):
        bisher = len(stored(betreiber))
        with run(betreiber, ordner) as kind:
            # It is in full flow: counts, sends, takes note of receipts.
            wait_for(lambda bisher=bisher: len(stored(betreiber)) >= bisher + 3)
            time.sleep(zufall.uniform(0.0, 0.5))
            kind.kill()
        check(betreiber, ordner)
    bisher = len(stored(betreiber))
    with run(betreiber, ordner) as kind:
        wait_for(lambda: not waiting(ordner) and len(stored(betreiber)) > bisher + 3)
        kind.terminate()
        assert kind.wait(30) == 0
    werte = check(betreiber, ordner)
    assert werte == list(range(werte[0], werte[-1] + 900, 900))


def run(betreiber, ordner):
    return subprocess.Popen(
        [sys.executable, "-m", "stromzaehler_sim.cli", "start", str(ordner)],
        env=betreiber.umgebung,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def waiting(ordner):
    """Readings of the meter that are not acknowledged, whether the buffer has them yet or not."""
    with Zaehlwerk(zaehlwerk_datei(ordner), None) as zaehlwerk, Puffer(Ordner(ordner).puffer_datei) as puffer:
        return {wert.uhrzeit for wert in [*zaehlwerk.pending(10**6), *puffer.oldest(10**6)]}


def check(betreiber, ordner):
    """What the meter does not hold as waiting is stored, with its value; returns the instants that are stored."""
    offen = waiting(ordner)
    with Zaehlwerk(zaehlwerk_datei(ordner), None) as zaehlwerk:
        gezaehlt = {wert.uhrzeit: wert.bezug_wh for wert in zaehlwerk.readings(0, 2**40)}
    werte = stored(betreiber)
    gespeichert = dict(werte)
    assert len(gespeichert) == len(werte)
    assert set(gezaehlt) - offen <= set(gespeichert)
    assert gespeichert.items() <= gezaehlt.items()
    assert all(alt <= neu for (_, alt), (_, neu) in pairwise(werte))
    assert list(gezaehlt) == list(range(min(gezaehlt), max(gezaehlt) + 900, 900))
    return sorted(gespeichert)
