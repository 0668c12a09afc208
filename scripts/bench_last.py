"""The load of the ingest bench: enrolled meters, what they send, sealed beforehand, and a cheap way to send it."""

import os
import select
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Engine, func
from sqlalchemy import select as sql_select

from betreiber.schluessel import ca
from betreiber.schluessel.ablage import Ausgabestelle, Betreiberschluessel
from betreiber.schluessel.domain import Zweck
from db.models import Einbau, Geraeteschluessel, Messstelle, Stromzaehler, Telegrammstand
from db.session import create_session
from scripts import bench_boden
from scripts.stammdaten import malo_id
from telegramm import umschlag
from telegramm.messwerte import MESSWERTE, Firmware, Messwert, Netz, Telegramm, Uhrstand
from telegramm.quittung import Quittung
from telegramm.schluessel import dump_private_key, generate_private_key, public_key_of_certificate, ski

VIERTELSTUNDE_S = 900
EINGEBAUT_SEIT = timedelta(days=120)
# Numbers of their own, so that the bench may use a database that holds other meters.
ERSTE_NUMMER = 90_000_000
NETZ = Netz("msb.iot", "LTE-M", -97, -11, 1_234_567)
FIRMWARE = Firmware("1.4.0", bytes(32))


class BenchFehler(Exception):
    """An answer was not what a good message gets; the text says what came."""


@dataclass
class Lastzaehler:
    """A meter with its keys. `naechste` is the time of its next reading, `folge` counts its messages."""

    stromzaehler_id: int
    zaehlernummer: str
    signatur: EllipticCurvePrivateKey
    verschluesselung: EllipticCurvePrivateKey
    tls: Path  # PEM: key and certificate
    naechste: int = 0
    stand_wh: int = 1_000_000
    folge: int = 0

    def telegramm(self, anzahl: int) -> Telegramm:
        """The next `anzahl` readings, 100 Wh each."""
        werte = []
        for _ in range(anzahl):
            self.stand_wh += 100
            werte.append(Messwert(self.naechste, self.stand_wh, 0, 400, 0))
            self.naechste += VIERTELSTUNDE_S
        self.folge += 1
        jetzt = time.time()
        return Telegramm(
            art=MESSWERTE,
            zaehler=self.zaehlernummer,
            epoche=1,
            folge=self.folge,
            anfrage=os.urandom(16),
            erzeugt=int(jetzt * 1000),
            uhr=Uhrstand("GESTELLT", int(jetzt) - 60, 12),
            werte=tuple(werte),
            netz=NETZ,
            fw=FIRMWARE,
        )

    def seal(self, betreiber: Betreiberschluessel, anzahl: int) -> bytes:
        """The next Telegramm in its container."""
        return umschlag.seal(
            self.telegramm(anzahl).to_bytes(),
            empfaenger=_encryption_key(betreiber),
            unterzeichner=self.signatur,
            signiert_um=datetime.now(UTC),
        )

    def seal_boden(self, betreiber: Betreiberschluessel) -> bytes:
        """The next reading as the floor takes it: about as long as a Telegramm."""
        wert = self.telegramm(1).werte[0]
        klartext = b"".join(zahl.to_bytes(8, "big") for zahl in wert[:3]) + (400).to_bytes(8, "big") + bytes(380)
        name = ski(self.signatur.public_key())
        return name + bench_boden.seal(klartext, _encryption_key(betreiber), self.signatur)

    def open(self, der: bytes, betreiber: Betreiberschluessel) -> Quittung:
        """A receipt, verified and decrypted as the meter does it."""
        unterzeichner = public_key_of_certificate(betreiber.saetze[0].signatur.zertifikat)
        geprueft = umschlag.parse(der).verify(unterzeichner)
        eigener = self.verschluesselung
        return Quittung.from_bytes(geprueft.decrypt({ski(eigener.public_key()): eigener}))


def _encryption_key(betreiber: Betreiberschluessel) -> EllipticCurvePublicKey:
    return public_key_of_certificate(betreiber.saetze[0].verschluesselung.zertifikat)


def create_zaehler(
    engine: Engine, stelle: Ausgabestelle, ordner: Path, anzahl: int, erste: int
) -> list[Lastzaehler]:
    """Meters that are installed and enrolled, with their first reading due at `erste` (seconds since 1970)."""
    jetzt = datetime.now(UTC)
    with create_session(engine) as session:
        muster = f"1BEN00{'_' * 8}"
        schon = session.scalar(
            sql_select(func.count()).select_from(Stromzaehler).where(Stromzaehler.zaehlernummer.like(muster))
        )
        nummern = range(ERSTE_NUMMER + (schon or 0), ERSTE_NUMMER + (schon or 0) + anzahl)
        geraete = [
            Stromzaehler(
                zaehlernummer=f"1BEN00{n:08}",
                hersteller="BEN",
                modell="BEN-1",
                seriennummer=str(n),
                zustand="EINGEBAUT",
            )
            for n in nummern
        ]
        messstellen = [_messstelle(n) for n in nummern]
        session.add_all([*geraete, *messstellen])
        session.flush()
        zaehler = []
        for geraet, messstelle in zip(geraete, messstellen, strict=True):
            von = datetime.fromtimestamp(int(jetzt.timestamp()) // 900 * 900, UTC) - EINGEBAUT_SEIT
            einbau = Einbau(
                stromzaehler_id=geraet.stromzaehler_id, messstelle_id=messstelle.messstelle_id, von=von
            )
            stand = Telegrammstand(stromzaehler_id=geraet.stromzaehler_id, epoche=1, fenster=b"")
            privat = {zweck: generate_private_key() for zweck in Zweck}
            zertifikate = {
                zweck: ca.certify_meter(stelle.ca, geraet.zaehlernummer, zweck, schluessel.public_key(), jetzt)
                for zweck, schluessel in privat.items()
            }
            session.add_all([einbau, stand, *map(_key_row, [geraet.stromzaehler_id] * 3, zertifikate.items())])
            tls = ordner / f"{geraet.zaehlernummer}.pem"
            tls.write_bytes(
                dump_private_key(privat[Zweck.TLS])
                + b"".join(z.public_bytes(Encoding.PEM) for z in (zertifikate[Zweck.TLS], *stelle.kette))
            )
            zaehler.append(
                Lastzaehler(
                    geraet.stromzaehler_id,
                    geraet.zaehlernummer,
                    privat[Zweck.SIGNATUR],
                    privat[Zweck.VERSCHLUESSELUNG],
                    tls,
                    naechste=erste,
                )
            )
        session.commit()
    return zaehler


def _messstelle(nummer: int) -> Messstelle:
    return Messstelle(
        malo_id=malo_id(nummer),
        melo_id=f"DE00056266802{nummer:020}",
        strasse="Lindenallee",
        hausnummer="1",
        postleitzahl="50667",
        stadtname="Köln",
        bundesland="NW",
        anschlussleistung_kw=Decimal("60.000"),
    )


def _key_row(stromzaehler_id: int, paar: tuple[Zweck, x509.Certificate]) -> Geraeteschluessel:
    zweck, zertifikat = paar
    return Geraeteschluessel(
        stromzaehler_id=stromzaehler_id,
        zweck=zweck,
        epoche=1,
        ski=ski(public_key_of_certificate(zertifikat)),
        fingerabdruck=zertifikat.fingerprint(hashes.SHA256()),
        zertifikat=zertifikat.public_bytes(Encoding.DER),
        gueltig_von=zertifikat.not_valid_before_utc,
        gueltig_bis=zertifikat.not_valid_after_utc,
    )


class Messung(NamedTuple):
    """Messages that were answered in that time, and the bodies of the last answers, one a connection."""

    anzahl: int
    sekunden: float
    antworten: list[bytes]


class Last:
    """A device listener as its meters reach it."""

    def __init__(self, port: int, wurzel: Path) -> None:
        self._port = port
        self._wurzel = wurzel

    def context(self, zaehler: Lastzaehler) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._wurzel)
        context.load_cert_chain(zaehler.tls)
        return context

    def connect(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        verbindung = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        verbindung.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(verbindung, server_hostname="127.0.0.1")

    def keep_alive(
        self, zaehler: Sequence[Lastzaehler], telegramme: Sequence[Sequence[bytes]], dauer_s: float
    ) -> Messung:
        """Each meter sends over a connection of its own, the next one when it has its receipt.

        The first message of each is sent before the clock runs: it pays for what comes once a day. Ends after
        `dauer_s`, or when one of them has nothing left.
        """
        verbindungen = [self.connect(self.context(einer)) for einer in zaehler]
        try:
            reste = [iter([_request(der) for der in teil]) for teil in telegramme]
            antworten = [_exchange(v, next(rest)) for v, rest in zip(verbindungen, reste, strict=True)]
            return self._drive(verbindungen, reste, antworten, dauer_s)
        finally:
            for verbindung in verbindungen:
                verbindung.close()

    def _drive(
        self, verbindungen: list[ssl.SSLSocket], reste: list, antworten: list[bytes], dauer_s: float
    ) -> Messung:
        stelle = {verbindung.fileno(): n for n, verbindung in enumerate(verbindungen)}
        warten = select.epoll()
        for verbindung, rest in zip(verbindungen, reste, strict=True):
            warten.register(verbindung, select.EPOLLIN)
            verbindung.sendall(next(rest))
        anzahl, offen, anfang = 0, len(verbindungen), time.perf_counter()
        ende, schluss = anfang + dauer_s, None
        while offen:
            for nummer, _ in warten.poll():
                n = stelle[nummer]
                antworten[n] = _read(verbindungen[n])
                naechste = next(reste[n], None) if schluss is None else None
                if schluss is None:
                    anzahl += 1
                    if naechste is None or time.perf_counter() > ende:
                        schluss = time.perf_counter()
                if schluss is None:
                    verbindungen[n].sendall(naechste)
                else:
                    offen -= 1
        warten.close()
        return Messung(anzahl, (schluss or ende) - anfang, antworten)

    def handshake_each(
        self, zaehler: Sequence[Lastzaehler], telegramme: Sequence[Sequence[bytes]], dauer_s: float
    ) -> Messung:
        """Each message over a new connection, 16 at once."""
        contexts = [self.context(einer) for einer in zaehler]
        with ThreadPoolExecutor(16) as pool:
            anfang = time.perf_counter()
            ende = anfang + dauer_s

            def send_all(context: ssl.SSLContext, teil: Sequence[bytes]) -> list[bytes]:
                antworten = []
                for der in teil:
                    if time.perf_counter() > ende:
                        break
                    with self.connect(context) as verbindung:
                        antworten.append(_exchange(verbindung, _request(der)))
                return antworten

            alle = list(pool.map(send_all, contexts, telegramme))
            sekunden = time.perf_counter() - anfang
        return Messung(sum(map(len, alle)), sekunden, [antworten[-1] for antworten in alle if antworten])


def _request(der: bytes) -> bytes:
    kopf = (
        "POST /geraete/v1/telegramme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cms\r\n"
        f"Content-Length: {len(der)}\r\n\r\n"
    )
    return kopf.encode() + der


def _exchange(verbindung: ssl.SSLSocket, anfrage: bytes) -> bytes:
    verbindung.sendall(anfrage)
    return _read(verbindung)


def _read(verbindung: ssl.SSLSocket) -> bytes:
    """The body of an answer, which must be a 200. Raises BenchFehler."""
    daten = verbindung.recv(65536)
    while (ende := daten.find(b"\r\n\r\n")) < 0:
        if not (mehr := verbindung.recv(65536)):
            raise BenchFehler(f"the server hung up after {daten!r}")
        daten += mehr
    if not daten.startswith(b"HTTP/1.1 200"):
        raise BenchFehler(daten.decode("latin-1"))
    stelle = daten.lower().find(b"content-length: ") + 16
    laenge = int(daten[stelle : daten.find(b"\r", stelle)])
    while len(daten) < ende + 4 + laenge:
        if not (mehr := verbindung.recv(65536)):
            raise BenchFehler("the server hung up in the middle of an answer")
        daten += mehr
    return daten[ende + 4 :]
