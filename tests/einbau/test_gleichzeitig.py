"""Two people record the same at once (PostgreSQL): one does it, the other is told that it is done."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from betreiber.auth.domain import system_akteur
from betreiber.einbau.ruecknahme import take_back
from betreiber.einbau.umzug import move
from betreiber.einbau.zaehlerausbau import remove_zaehler
from betreiber.einbau.zaehlereinbau import install_zaehler
from betreiber.einbau.zaehlerwechsel import exchange
from betreiber.errors import KonfliktFehler
from db.models import Messstelle
from db.session import create_engine, create_session
from tests.hilfen import FesteUhr, Welt

JAN, JUNI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 6))
JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)
STAND = {"bezug_gesamt_wh": 5_000, "einspeisung_gesamt_wh": 0}


class Lage:
    """A meter at its place with its customer, an empty place, and a meter in the warehouse."""

    def __init__(self, engine):
        self._engine, welt = engine, Welt(engine, FesteUhr())
        self.haengt, self.lager = welt.stromzaehler(zustand="EINGEBAUT"), welt.stromzaehler()
        self.messstelle, self.leere = welt.messstelle(), welt.messstelle()
        self.kunde, self.neuer = welt.kunde(), welt.kunde()
        welt.einbau(self.haengt, self.messstelle, JAN)
        welt.zuordnung(self.kunde, self.haengt, JAN)

    def do(self, tun, messstelle_id, *args, **werte):
        with create_session(self._engine) as session:
            tun(session, system_akteur("test", JETZT), messstelle_id, *args, **werte)

    def install(self):
        daten = {"stromzaehler_id": self.lager, "zeitpunkt": JUNI, "anfangsstand": STAND, "kunde_id": self.neuer}
        self.do(install_zaehler, self.leere, daten)

    def remove(self):
        daten = {"stromzaehler_id": self.haengt, "zeitpunkt": JUNI, "schlussstand": STAND}
        self.do(remove_zaehler, self.messstelle, daten)

    def exchange(self):
        daten = {"alter_stromzaehler_id": self.haengt, "neuer_stromzaehler_id": self.lager, "zeitpunkt": JUNI}
        self.do(exchange, self.messstelle, daten | {"schlussstand": STAND, "anfangsstand": STAND})

    def take_back(self):
        self.do(take_back, self.messstelle, zeitpunkt=JUNI, begruendung="Irrtum")

    def move(self):
        daten = {"zeitpunkt": JUNI, "kunde_id": self.neuer, "zaehlerstand": STAND, "vertrag_beenden": False}
        self.do(move, self.messstelle, daten)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("install", "schon_eingetragen"),
        ("remove", "schon_eingetragen"),
        ("exchange", "zaehler_haengt_nicht"),
        ("take_back", "zaehlerwechsel_fehlt"),
        ("move", "schon_eingetragen"),
    ],
)
def test_of_two_at_once_one_does_it(postgres_url, name, code):
    # The first waits until the second waits, too, and that one may begin late on a busy machine.
    engine = create_engine(postgres_url, wartezeit_s=60)
    lage = Lage(engine)
    if name == "take_back":
        lage.exchange()
    ergebnisse = []

    def tun():
        try:
            getattr(lage, name)()
            ergebnisse.append("getan")
        except KonfliktFehler as fehler:
            ergebnisse.append(fehler.code)
        except Exception as fehler:
            ergebnisse.append(type(fehler).__name__)

    wartende = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    faeden = [threading.Thread(target=tun) for _ in range(2)]
    with create_session(engine) as session:
        session.scalars(select(Messstelle).with_for_update()).all()
        for faden in faeden:
            faden.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beobachter:
            while beobachter.scalar(wartende) < len(faeden) and all(faden.is_alive() for faden in faeden):
                faeden[0].join(0.02)
    for faden in faeden:
        faden.join()
    engine.dispose()
    assert sorted(ergebnisse) == sorted(["getan", code])
