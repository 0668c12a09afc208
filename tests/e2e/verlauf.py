"""A real meter and the real operator in one process, with fate in the hand of the test.

The link loses, doubles and reorders; the process of the meter dies at any commit of its own or in the middle of an
exchange; its supply fails; the operator's database is set back to a backup. What the operator must have in the end
is computed here, by hand, from load and outages alone.
"""

import shutil
import sqlite3
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from sqlalchemy import delete, insert, select

from betreiber.ablesung import speicher
from betreiber.geraete import ZERTIFIKAT_SCHLUESSEL
from db import models as tabellen
from db.models import (
    Fehlanzeige,
    Quarantaene,
    Tagesstand,
    Telegrammstand,
    Verbrauch,
    VerbrauchFassung,
    VerbrauchTag,
    Zaehlwerksabschnitt,
)
from db.session import create_session
from gateway.einschreibung import enroll, enroll_again
from gateway.fehler import NichtErreichbar
from gateway.ordner import Ordner
from gateway.sendeplan import Sendeplan
from gateway.verbindung import Antwort
from stromzaehler_sim.stoerung import Eingriff, Eingriffsart
from stromzaehler_sim.stromzaehler import Stromzaehler
from stromzaehler_sim.uhr import Rtc, Uhr
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei
from tests.hilfen import FesteUhr, Welt
from tests.kanal import Kanal

VIERTEL = 900
NACH_DEM_PLATZ_S = 700  # slots lie in 0...599 s after the quarter hour
TABELLEN = (
    Verbrauch,
    VerbrauchTag,
    Tagesstand,
    VerbrauchFassung,
    Zaehlwerksabschnitt,
    Quarantaene,
    Fehlanzeige,
    Telegrammstand,
)


class Absturz(BaseException):
    """The process of the meter is gone."""


class Haus:
    """Every quarter hour another energy: 5...15 Wh in, 0...2 Wh out."""

    def energy(self, uhrzeit_von):
        nummer = uhrzeit_von // VIERTEL
        return 5 + nummer % 11, nummer % 3

    def phasen(self, uhrzeit_von):
        bezug_wh, einspeisung_wh = self.energy(uhrzeit_von)
        return (bezug_wh - einspeisung_wh) * 4, 0, 0


@dataclass
class Uhrwerk:
    """Counts commits; at the one that is set, the process dies right before or right after it."""

    bis_zum_tod: int = 0
    davor: bool = False

    def commit(self, tun):
        self.bis_zum_tod -= 1
        if self.bis_zum_tod != 0:
            return tun()
        if not self.davor:
            tun()
        raise Absturz

    def connect(self, datei):
        """As `gateway.puffer.connect`, but mortal."""
        uhrwerk = self

        class Sterblich(sqlite3.Connection):
            def execute(self, sql, *argumente):
                if sql == "COMMIT":
                    return uhrwerk.commit(lambda: sqlite3.Connection.execute(self, sql))
                return sqlite3.Connection.execute(self, sql, *argumente)

        verbindung = sqlite3.connect(datei, isolation_level=None, check_same_thread=False, factory=Sterblich)
        verbindung.execute("PRAGMA journal_mode=WAL")
        # Only a power cut of this machine would tell the difference: processes die, the files stay.
        verbindung.execute("PRAGMA synchronous=OFF")
        return verbindung


@dataclass
class Strippe:
    """The link, an `Uebertragung` into an app of the operator. ``schicksal`` is what becomes of the next post."""

    app: Flask
    pfad: str
    tls: bytes = b""
    content_type: str = "application/cms"
    schicksal: str = "gut"
    gesendet: list[bytes] = field(default_factory=list)
    bytes_gesamt: int = 0

    def post(self, body):
        schicksal, self.schicksal = self.schicksal, "gut" if self.schicksal != "weg" else "weg"
        if schicksal in ("anfrage_verloren", "weg"):
            raise NichtErreichbar("the request is lost")
        if schicksal == "absturz_vorher":
            raise Absturz
        if schicksal == "umgestellt" and self.gesendet:
            self._deliver(self.gesendet[len(self.gesendet) // 2])
        if schicksal == "verdoppelt":
            self._deliver(body)
        antwort = self._deliver(body)
        self.gesendet = [*self.gesendet[-20:], body]
        if schicksal == "verwechselt":
            return self._deliver(self.gesendet[0])
        if schicksal == "antwort_verloren":
            raise NichtErreichbar("the answer is lost")
        if schicksal == "absturz_nachher":
            raise Absturz
        return antwort

    def _deliver(self, body):
        antwort = self.app.test_client().post(
            self.pfad,
            data=body,
            content_type=self.content_type,
            environ_overrides={ZERTIFIKAT_SCHLUESSEL: self.tls} if self.tls else {},
        )
        return Antwort(antwort.status_code, {n.lower(): w for n, w in antwort.headers.items()}, antwort.data)

    def get(self, pfad):
        raise NichtErreichbar("nothing to fetch")

    def reconnect(self, kontext=None):
        pass


class Verlauf:
    """One meter and what happens to it."""

    def __init__(self, kanal: Kanal, welt: Welt, uhr: FesteUhr, ordner: Path) -> None:
        self.kanal = kanal
        self.uhr = uhr
        self.engine = kanal.geraete.extensions["msb_engine"]
        self.wurzel = ordner
        self.nummer = 0
        self.von = int(uhr.now().timestamp()) // VIERTEL * VIERTEL
        self.uhr.advance(timedelta(seconds=self.von + NACH_DEM_PLATZ_S - uhr.now().timestamp()))
        self.stromzaehler_id = welt.stromzaehler()
        einbau_von = uhr.now() - timedelta(seconds=NACH_DEM_PLATZ_S)
        welt.einbau(self.stromzaehler_id, welt.messstelle(), einbau_von)
        self._enrol()
        self.strippe = Strippe(kanal.geraete, "/geraete/v1/telegramme", self._tls())
        self.uhrwerk = Uhrwerk()
        self.verlassen: list[Stromzaehler] = []
        self.ausfaelle: list[list[int | None]] = []
        self.sicherung = None
        with Zaehlwerk(zaehlwerk_datei(self.ordner), None) as zaehlwerk:
            zaehlwerk.install(self.von)
            with zaehlwerk.transaction():
                zaehlwerk.save_rtc(Rtc(uhr.now().timestamp(), 0.0, 0))
        self._open()
        self.plan = Sendeplan.begin(self.jetzt, 0, lambda: 0.5)

    @property
    def ordner(self) -> Path:
        return self.wurzel / str(self.nummer)

    @property
    def jetzt(self) -> float:
        return self.uhr.now().timestamp()

    def _enrol(self) -> None:
        with create_session(self.engine, lesen=True) as session:
            zaehlernummer = session.get(tabellen.Stromzaehler, self.stromzaehler_id).zaehlernummer
        settings = self.kanal.geraete.extensions["msb_settings"]
        enroll(
            Ordner(self.ordner),
            zaehler=zaehlernummer,
            token=self.kanal.token(self.stromzaehler_id),
            einschreibung_url="https://localhost:8444/geraete/v1/einschreibung",
            telegramm_url="https://localhost:8443/geraete/v1/telegramme",
            ca_pem=(settings.pki_ordner / "wurzel.crt").read_bytes(),
            uebertragung=self._einschreibung(),
        )

    def _einschreibung(self) -> Strippe:
        return Strippe(self.kanal.einschreibung, "/geraete/v1/einschreibung", content_type="application/cbor")

    def _tls(self) -> bytes:
        """What the TLS layer of the operator would have seen."""
        return Ordner(self.ordner).load_zertifikat("tls").public_bytes(Encoding.DER)

    def enrol_again(self) -> None:
        """The keys are lost: a new token brings new ones, and the meter is started again."""
        token = self.kanal.token(self.stromzaehler_id)
        enroll_again(Ordner(self.ordner), token=token, uebertragung=self._einschreibung())
        self.strippe.tls = self._tls()
        self._reopen()

    def _open(self) -> None:
        self.zaehler = Stromzaehler.open(
            self.ordner,
            Uhr(jetzt=lambda: self.jetzt),
            uebertragung=self.strippe,
            lastprofil=Haus(),
            zufall=lambda: 0.5,
            connect=self.uhrwerk.connect,
        )

    # --- what happens ------------------------------------------------------------------------------------------
    def step(self) -> None:
        """Let the meter do everything that is due now, over however many deaths."""
        for _ in range(200):
            try:
                self.plan = self.zaehler.step(self.plan)
            except Absturz:
                self.crash()
                continue
            if not self.plan.is_due(self.zaehler.jetzt()):
                return
        raise AssertionError("the meter does not come to rest")

    def pass_time(self, viertel: int) -> None:
        for _ in range(viertel):
            self.uhr.advance(timedelta(seconds=VIERTEL))
            self.step()

    def skip_time(self, viertel: int) -> None:
        """The program is down for so long; the house goes on."""
        self.uhr.advance(timedelta(seconds=VIERTEL * viertel))
        self.step()

    def wait(self, sekunden: int) -> None:
        """Time that ends anywhere within a quarter hour, and back behind the slot."""
        self.uhr.advance(timedelta(seconds=sekunden))
        self.step()

    def crash(self) -> None:
        """Killed: nothing is closed, and what is on disk is all there is."""
        self.verlassen.append(self.zaehler)
        self._move()
        self._reopen()

    def restart(self) -> None:
        self.zaehler.close()
        self._reopen()

    def _move(self) -> None:
        """Go on with a copy of the files: the dead process still holds its own."""
        alt = self.ordner
        self.nummer += 1
        shutil.copytree(alt, self.ordner)

    def _reopen(self) -> None:
        try:
            self._open()
        except Absturz:
            self._move()
            self._open()
        self.plan = Sendeplan.begin(self.zaehler.jetzt(), 0, lambda: 0.5)

    def do(self, art: Eingriffsart) -> None:
        # Another process, as `stromzaehler stoere` is.
        with Zaehlwerk(zaehlwerk_datei(self.ordner), None) as zaehlwerk:
            zaehlwerk.stoerungen.put(Eingriff(art))
        self.step()

    def fail_power(self, sekunden: int) -> None:
        """The voltage goes, and comes back after so long."""
        von = int(self.jetzt)
        self.do(Eingriffsart.STROMAUSFALL)
        self.wait(sekunden)
        self.do(Eingriffsart.WIEDERKEHR)
        self.ausfaelle.append([von, int(self.jetzt)])

    def save_database(self) -> None:
        """A backup of all that the operator knows of this meter."""
        with create_session(self.engine, lesen=True) as session:
            self.sicherung = [
                [dict(zeile._mapping) for zeile in session.execute(self._rows_of(tabelle))] for tabelle in TABELLEN
            ]

    def restore_database(self) -> None:
        """Everything since the backup is gone."""
        if self.sicherung is None:
            return
        with create_session(self.engine) as session:
            for tabelle, zeilen in zip(TABELLEN, self.sicherung, strict=True):
                session.execute(delete(tabelle).where(tabelle.stromzaehler_id == self.stromzaehler_id))
                if zeilen:
                    session.execute(insert(tabelle), zeilen)
            session.commit()

    def _rows_of(self, tabelle):
        return select(*tabelle.__table__.columns).where(tabelle.stromzaehler_id == self.stromzaehler_id)

    # --- what must be ------------------------------------------------------------------------------------------
    def heal(self, hoechstens: int = 400) -> None:
        """Let quarter hours pass on a good link until the operator has everything, or long enough."""
        self.strippe.schicksal = "gut"
        self.uhrwerk.bis_zum_tod = 0
        ueber = (self.jetzt - NACH_DEM_PLATZ_S) % VIERTEL
        if ueber:
            self.wait(int(VIERTEL - ueber))
        for _ in range(hoechstens):
            self.pass_time(1)
            if len(self.stored()) == len(self.expected()):
                return

    def expected(self) -> list[tuple[int, int, int]]:
        """(uhrzeit, 1.8.0 in Wh, 2.8.0 in Wh) of every reading that the meter had to make."""
        haus, bezug, einspeisung = Haus(), 0, 0
        ergebnis = [(self.von, 0, 0)]
        for beginn in range(self.von, int(self.jetzt) - VIERTEL + 1, VIERTEL):
            ende = beginn + VIERTEL
            dunkel = sum(max(0, min(ende, bis) - max(beginn, von)) for von, bis in self.ausfaelle)
            mehr_bezug, mehr_einspeisung = haus.energy(beginn)
            bezug += mehr_bezug * 10 * (VIERTEL - dunkel) // VIERTEL
            einspeisung += mehr_einspeisung * 10 * (VIERTEL - dunkel) // VIERTEL
            if not any(von < ende < bis for von, bis in self.ausfaelle):
                ergebnis.append((ende, bezug // 10, einspeisung // 10))
        return ergebnis

    def stored(self) -> list[tuple[int, int, int]]:
        """The same, as the operator has it."""
        with create_session(self.engine, lesen=True) as session:
            werte = speicher.series(session, self.stromzaehler_id, 0, 2**40).values()
        return [ablesung[:3] for ablesung in werte]

    def quarantined(self) -> list[tuple[int, str]]:
        frage = select(Quarantaene.uhrzeit, Quarantaene.grund).where(
            Quarantaene.stromzaehler_id == self.stromzaehler_id
        )
        with create_session(self.engine, lesen=True) as session:
            return [tuple(zeile) for zeile in session.execute(frage)]

    def told_lost(self) -> set[int]:
        """The quarter hours that the meter said it never had."""
        with create_session(self.engine, lesen=True) as session:
            frage = select(Fehlanzeige.von, Fehlanzeige.bis).where(
                Fehlanzeige.stromzaehler_id == self.stromzaehler_id
            )
            return {uhrzeit for von, bis in session.execute(frage) for uhrzeit in range(von, bis, VIERTEL)}

    def close(self) -> None:
        for zaehler in [*self.verlassen, self.zaehler]:
            zaehler.close()
