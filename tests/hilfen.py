"""Builders and fakes that tests share."""

import hashlib
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import Engine, event, text
from werkzeug.test import TestResponse

from db.models import (
    Abrechnungsfreigabe,
    Auftrag,
    Auftragsnachweis,
    Benutzer,
    Dokument,
    Eichung,
    Einbau,
    Kunde,
    KundeStromzaehler,
    Messstelle,
    Stoerung,
    Stromzaehler,
    Tarif,
    Vertrag,
    Wartung,
    Zutrittsankuendigung,
)
from db.session import create_session

PASSWORT = "ein langes Passwort"
_PASSWORT_HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORT)


class FesteUhr:
    """A clock that moves only when told."""

    def __init__(self, jetzt: datetime = datetime(2026, 6, 15, 10, tzinfo=UTC)) -> None:
        self.jetzt = jetzt

    def now(self) -> datetime:
        return self.jetzt

    def advance(self, dauer: timedelta) -> None:
        self.jetzt += dauer


@dataclass(frozen=True)
class Person:
    """Somebody who is logged in."""

    benutzername: str
    zugriffstoken: str
    erneuerungstoken: str


class Klient:
    """Flask's test client with the login and If-Match in short form."""

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def request(
        self, methode: str, pfad: str, *, als: Person | None = None, version: int | None = None, **kw: Any
    ) -> TestResponse:
        headers = dict(kw.pop("headers", {}))
        if als is not None:
            headers["Authorization"] = f"Bearer {als.zugriffstoken}"
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return self._client.open(pfad, method=methode, headers=headers, **kw)

    def get(self, pfad: str, **kw: Any) -> TestResponse:
        return self.request("GET", pfad, **kw)

    def post(self, pfad: str, **kw: Any) -> TestResponse:
        return self.request("POST", pfad, **kw)

    def patch(self, pfad: str, **kw: Any) -> TestResponse:
        return self.request("PATCH", pfad, **kw)

    def put(self, pfad: str, **kw: Any) -> TestResponse:
        return self.request("PUT", pfad, **kw)

    def delete(self, pfad: str, **kw: Any) -> TestResponse:
        return self.request("DELETE", pfad, **kw)

    def login(self, benutzername: str, passwort: str = PASSWORT) -> Person:
        antwort = self.post("/v1/anmeldung", json={"benutzername": benutzername, "passwort": passwort})
        assert antwort.status_code == 200, antwort.text
        return Person(benutzername, antwort.json["zugriffstoken"], antwort.json["erneuerungstoken"])


def foto_png(grau: int = 128) -> bytes:
    """A small picture in one shade of grey (0 to 255), as PNG (ISO/IEC 15948): 32 x 32 pixels, not compressed."""

    def chunk(art: bytes, inhalt: bytes) -> bytes:
        return struct.pack(">I", len(inhalt)) + art + inhalt + struct.pack(">I", zlib.crc32(art + inhalt))

    kopf = struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)
    zeilen = (b"\0" + bytes([grau]) * 32) * 32
    teile = chunk(b"IHDR", kopf) + chunk(b"IDAT", zlib.compress(zeilen, 0)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + teile


class Welt:
    """Puts rows into the database, each with plausible values that a test may override; returns their ids."""

    def __init__(self, engine: Engine, uhr: FesteUhr) -> None:
        self._engine = engine
        self._uhr = uhr
        self._nummer = count(1)

    def benutzer(self, rolle: str, *, kunde_id: int | None = None) -> str:
        """A login with the password PASSWORT; returns its name."""
        name = f"{rolle}{next(self._nummer)}@example.org"
        self._add(
            Benutzer(
                benutzername=name,
                passwort_hash=_PASSWORT_HASH,
                rollen=[rolle],
                kunde_id=kunde_id,
                angelegt_zeitpunkt=self._uhr.now(),
            )
        )
        return name

    def kunde(self, **werte: Any) -> int:
        n = next(self._nummer)
        standard = {
            "kundennummer": f"K-{n:06}",
            "art": "VERBRAUCHER",
            "name": f"Person {n}",
            "strasse": "Lindenallee",
            "hausnummer": str(n),
            "postleitzahl": "50667",
            "stadtname": "Köln",
            "registriert_datum": date(2026, 1, 1),
        }
        return self._add(Kunde(**standard | werte)).kunde_id

    def messstelle(self, **werte: Any) -> int:
        n = next(self._nummer)
        standard = {
            "malo_id": malo_id(n),
            "melo_id": f"DE00056266802{n:020}",
            "strasse": "Lindenallee",
            "hausnummer": str(n),
            "postleitzahl": "50667",
            "stadtname": "Köln",
            "bundesland": "NW",
            "anschlussleistung_kw": Decimal("30.000"),
        }
        return self._add(Messstelle(**standard | werte)).messstelle_id

    def stromzaehler(self, **werte: Any) -> int:
        n = next(self._nummer)
        standard = {
            "zaehlernummer": f"1EMH00{n:08}",
            "hersteller": "EMH",
            "modell": "mME4.0",
            "seriennummer": f"{n:08}",
        }
        return self._add(Stromzaehler(**standard | werte)).stromzaehler_id

    def zuordnung(self, kunde_id: int, stromzaehler_id: int, von: datetime, bis: datetime | None = None) -> int:
        zeile = KundeStromzaehler(kunde_id=kunde_id, stromzaehler_id=stromzaehler_id, von=von, bis=bis)
        return self._add(zeile).kunde_stromzaehler_id

    def einbau(self, stromzaehler_id: int, messstelle_id: int, von: datetime, bis: datetime | None = None) -> int:
        zeile = Einbau(stromzaehler_id=stromzaehler_id, messstelle_id=messstelle_id, von=von, bis=bis)
        return self._add(zeile).einbau_id

    def dokument(self, stromzaehler_id: int, **werte: Any) -> int:
        inhalt = f"%PDF-1.7 {next(self._nummer)}".encode()
        standard = {
            "art": "SONSTIGES",
            "dateiname": "dokument.pdf",
            "medientyp": "application/pdf",
            "groesse_bytes": len(inhalt),
            "inhalt_sha256": hashlib.sha256(inhalt).digest(),
            "inhalt": inhalt,
            "angelegt_zeitpunkt": self._uhr.now(),
        }
        return self._add(Dokument(stromzaehler_id=stromzaehler_id, **standard | werte)).dokument_id

    def tarif(self, **werte: Any) -> int:
        standard = {
            "bezeichnung": f"Tarif {next(self._nummer)}",
            "produkt": "STROMLIEFERUNG",
            "grundpreis_eur_monat": Decimal("12.5000"),
            "arbeitspreis_ct_kwh": Decimal("31.4200"),
            "gueltig_von_datum": date(2026, 1, 1),
        }
        return self._add(Tarif(**standard | werte)).tarif_id

    def vertrag(self, kunde_id: int, messstelle_id: int, tarif_id: int, **werte: Any) -> int:
        standard = {
            "vertragsnummer": f"V-{next(self._nummer):06}",
            "kunde_id": kunde_id,
            "messstelle_id": messstelle_id,
            "tarif_id": tarif_id,
            "produkt": "STROMLIEFERUNG",
            "zustand": "AKTIV",
            "beginn_datum": date(2026, 1, 1),
            "kuendigungsfrist_wochen": 4,
        }
        return self._add(Vertrag(**standard | werte)).vertrag_id

    def wartung(self, stromzaehler_id: int, **werte: Any) -> int:
        return self._add(Wartung(stromzaehler_id=stromzaehler_id, **werte)).stromzaehler_id

    def eichung(self, stromzaehler_id: int, **werte: Any) -> int:
        standard = {"art": "EICHUNG", "datum": date(2026, 1, 2), "angelegt_zeitpunkt": self._uhr.now()}
        return self._add(Eichung(stromzaehler_id=stromzaehler_id, **standard | werte)).eichung_id

    def abrechnungsfreigabe(self, stromzaehler_id: int, **werte: Any) -> int:
        standard = {
            "von_datum": date(2026, 1, 1),
            "rechtsgrund": "STICHPROBENLOS",
            "beleg": "Bescheid 1",
            "angelegt_zeitpunkt": self._uhr.now(),
        }
        zeile = Abrechnungsfreigabe(stromzaehler_id=stromzaehler_id, **standard | werte)
        return self._add(zeile).abrechnungsfreigabe_id

    def stoerung(self, stromzaehler_id: int, **werte: Any) -> int:
        standard = {
            "art": "STUMM",
            "stufe": "ALARM",
            "ursache": "UNBEKANNT",
            "beginn_zeitpunkt": self._uhr.now(),
            "erkannt_zeitpunkt": self._uhr.now(),
            "daten": {},
        }
        return self._add(Stoerung(stromzaehler_id=stromzaehler_id, **standard | werte)).stoerung_id

    def auftrag(self, messstelle_id: int, **werte: Any) -> int:
        standard = {
            "art": "REPARATUR",
            "zustand": "OFFEN",
            "messstelle_id": messstelle_id,
            "anlass": "Zähler stumm",
            "angelegt_zeitpunkt": self._uhr.now(),
        }
        return self._add(Auftrag(**standard | werte)).auftrag_id

    def auftragsnachweis(self, auftrag_id: int, **werte: Any) -> int:
        """A photo that a fitter took."""
        standard = {
            "auftrag_id": auftrag_id,
            "art": "FOTO",
            "zeitpunkt": self._uhr.now(),
            "medientyp": "image/png",
            "inhalt": foto_png(),
        }
        return self._add(Auftragsnachweis(**standard | werte)).auftragsnachweis_id

    def zutrittsankuendigung(self, auftrag_id: int, **werte: Any) -> int:
        """A letter with a page that is no page."""
        standard = {
            "angelegt_zeitpunkt": self._uhr.now(),
            "versand_datum": date(2026, 6, 15),
            "termin_datum": date(2026, 7, 2),
            "ersatztermin_datum": date(2026, 7, 9),
            "zeitfenster": "08:00-12:00",
            "inhalt": b"%PDF-1.7",
        }
        zeile = Zutrittsankuendigung(auftrag_id=auftrag_id, **standard | werte)
        return self._add(zeile).zutrittsankuendigung_id

    def _add(self, zeile: Any) -> Any:
        with create_session(self._engine) as session:
            session.add(zeile)
            session.commit()
        return zeile


def run_while_locked(engine: Engine, sperre: Any, tun: Callable[[], None]) -> None:
    """Add the row `sperre`, run `tun` beside it until it waits for that row, then commit (PostgreSQL).

    So `tun` checks before the row is there, and writes after: the order in which only a constraint helps.
    """
    faden = threading.Thread(target=tun)
    wartet = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with create_session(engine) as session:
        session.add(sperre)
        session.flush()
        faden.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beobachter:
            while faden.is_alive() and not beobachter.scalar(wartet):
                faden.join(0.02)
        session.commit()
    faden.join()


@contextmanager
def recorded_statements(engine: Engine) -> Iterator[list[str]]:
    """The SQL that an engine runs meanwhile: tests count it where a loop could ask once per row."""
    anweisungen: list[str] = []

    def note(_connection: Any, _cursor: Any, anweisung: str, *_: Any) -> None:
        anweisungen.append(anweisung)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield anweisungen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def malo_id(n: int) -> str:
    """A MaLo-ID with the right check digit for a running number below a hundred million."""
    ziffern = f"51{n:08}"
    summe = sum(int(z) * (1 if stelle % 2 == 0 else 2) for stelle, z in enumerate(ziffern))
    return ziffern + str((10 - summe % 10) % 10)
