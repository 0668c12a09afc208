"""kill -9 under load: what was acknowledged is stored, each reading once, whatever dies.

`scripts/test --gruendlich` runs the long form: 40 rounds in which a worker is killed, 4 with the whole operator.
"""

import os
import random
import signal
import threading
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from betreiber.ablesung import speicher
from db.models import Quarantaene, Stromzaehler
from db.session import create_engine, create_session
from gateway import Gateway
from scripts.betreiberprozess import ApiKlient, Betreiberprozess
from scripts.stammdaten import PERSONAL, PERSONAL_PASSWORT, create_haushalt, create_staff
from tests.e2e.conftest import BILLIG, empty_database
from tests.e2e.test_prozesse import alive, children, parent, wait_for
from tests.kanal import reihe

GRUENDLICH = bool(os.environ.get("MSB_TEST_GRUENDLICH"))
ARBEITER, ALLE = (40, 4) if GRUENDLICH else (3, 1)
VON = datetime(2026, 1, 1, tzinfo=UTC)
JE_RUNDE = 300  # readings, in 60 messages


@pytest.fixture(params=["sqlite", "postgresql"])
def betreiber(request, tmp_path):
    if request.param == "sqlite":
        prozess = Betreiberprozess(tmp_path / "daten", BILLIG)
        prozess.start()
        yield prozess
        prozess.stop()
        return
    with empty_database("abbruch") as url:
        prozess = Betreiberprozess(tmp_path / "daten", BILLIG | {"MSB_DATABASE_URL": url})
        prozess.start()
        yield prozess
        prozess.stop()


def device_workers(betreiber):
    """The workers of the device listener; their arbiter is the child of the leading process."""
    return [
        kind
        for kind in children(betreiber.pid)
        if "prozess\0geraete" in command(kind) and parent(kind) != betreiber.pid and alive(kind)
    ]


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as datei:
            return datei.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kill_worker(betreiber, zufall):
    wait_for(lambda: device_workers(betreiber))
    os.kill(zufall.choice(device_workers(betreiber)), signal.SIGKILL)


def kill_all(betreiber):
    opfer = [betreiber.pid, *children(betreiber.pid)]
    for pid in opfer:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, opfer[1:])))
    betreiber.stop()
    betreiber.start()


def test_acknowledged_is_stored_whatever_is_killed(betreiber, ordner):
    zufall = random.Random(20260101)
    create_staff(betreiber, PERSONAL, PERSONAL_PASSWORT, "sachbearbeitung", "wartung")
    with ApiKlient(betreiber.url) as personal:
        personal.login(PERSONAL, PERSONAL_PASSWORT)
        haushalt = create_haushalt(betreiber, personal, personal, 1, VON, ordner)
    gesendet = reihe(int(VON.timestamp()), 1000, [])
    for runde in range(ARBEITER + ALLE):
        letzter = gesendet[-1]
        werte = reihe(letzter.uhrzeit, letzter.bezug_wh, [zufall.randrange(200) for _ in range(JE_RUNDE)])
        gesendet += werte[1:]
        meter = threading.Thread(target=deliver, args=(haushalt.ordner, werte))
        meter.start()
        time.sleep(zufall.uniform(0.05, 0.5))
        if runde < ARBEITER:
            kill_worker(betreiber, zufall)
        else:
            kill_all(betreiber)
        meter.join()
        with Gateway.open(haushalt.ordner, jetzt=time.time) as gateway:
            assert gateway.puffer.waiting() == 0
    assert stored(betreiber) == [(wert.uhrzeit, wert.bezug_wh) for wert in gesendet]


def deliver(ordner, werte):
    """Send in small messages, so that a blow falls among them, and try until all are acknowledged."""
    with Gateway.open(ordner, jetzt=time.time) as gateway:
        gateway.puffer.put_many(werte)
        gateway.versand.send_all(hoechstens=5, versuche=1000, pause=short_pause)


def short_pause(_sekunden):
    time.sleep(0.1)
    return False


def stored(betreiber):
    """Every stored reading of the one meter in order; nothing may be in quarantine."""
    url = betreiber.umgebung.get("MSB_DATABASE_URL", f"sqlite:///{betreiber.daten / 'betreiber.db'}")
    engine = create_engine(url)
    with create_session(engine, lesen=True) as session:
        assert session.execute(select(Quarantaene.uhrzeit)).all() == []
        nummern = session.scalars(select(Stromzaehler.stromzaehler_id)).all()
        zeilen = [
            ablesung[:2] for nummer in nummern for ablesung in speicher.series(session, nummer, 0, 2**40).values()
        ]
    engine.dispose()
    return zeilen
