"""The use cases of the device channel: a sealed Telegramm comes in, a sealed Quittung goes out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.ablesung import queries
from betreiber.ablesung.aufnahme import Aufnahme, Auftrag, take_in
from betreiber.ablesung.domain import (
    UHR_TOLERANZ_S,
    Befund,
    Grenzen,
    find_rejected,
    max_power,
    rollover_wh,
    upload_slot,
)
from betreiber.ablesung.oeffnung import Eingang, open_telegramm
from betreiber.ablesung.queries import Geraet
from betreiber.ablesung.sammler import Sammler
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur, Umfang
from betreiber.ereignis.service import record_audit
from betreiber.errors import GeraeteFehler, KonfliktFehler, NichtGefunden
from betreiber.firmware.service import Firmwarekatalog
from betreiber.schluessel.ablage import Betreiberschluessel
from betreiber.schluessel.domain import ERNEUERUNG_AB
from betreiber.zeit import Uhr
from db.session import create_session, is_unavailable
from telegramm import umschlag
from telegramm.fehler import TelegrammFehler
from telegramm.firmware import Firmwareangebot
from telegramm.messwerte import KETTE
from telegramm.quittung import CA_KETTE_HOLEN, PROTOKOLL_SENDEN, QUITTUNG, ZERTIFIKAT_ERNEUERN, Quittung
from telegramm.umschlag import Umschlag

# So many share a commit at most: nearly all of its cost is gone then, and nobody waits long for those before it.
GEMEINSAM_HOECHSTENS = 32
Abweisung = TelegrammFehler | GeraeteFehler


@dataclass(frozen=True, slots=True)
class _Sendung:
    """A message as it came: nothing of it is proven."""

    brief: Umschlag
    tls_fingerabdruck: bytes
    echtzeit: datetime


class Annahmestelle:
    """Takes Telegramme in; one in each device process. Those that wait at the same time share a commit.

    `hoechstalter`: age up to which readings are taken; `zeitraffer`: how many times as fast `uhr` runs.
    """

    def __init__(
        self,
        engine: Engine,
        uhr: Uhr,
        schluessel: Betreiberschluessel,
        *,
        hoechstalter: timedelta,
        zeitraffer: float,
    ) -> None:
        self.schluessel = schluessel
        self.zeitraffer = zeitraffer
        self._engine = engine
        self._uhr = uhr
        self._hoechstalter = hoechstalter
        self._firmware = Firmwarekatalog()
        self._sammler = Sammler(self._answer, alle_betrifft=is_unavailable, hoechstens=GEMEINSAM_HOECHSTENS)

    def receive(self, der: bytes, tls_fingerabdruck: bytes) -> bytes:
        """Open a sealed Telegramm, store what it brings, and answer with a sealed receipt.

        The order of the checks is fixed (docs/telegramm.md, 5): parse, signer, signature, identity, content,
        replay, readings. The receipt is signed after the commit. `tls_fingerabdruck`: SHA-256 of the client
        certificate of the connection. Raises TelegrammFehler, GeraeteFehler.
        """
        # Certificates live on real time, also where the operator's clock is a simulated one.
        echtzeit = datetime.now(UTC)
        antwort = self._sammler.submit(_Sendung(umschlag.parse(der), tls_fingerabdruck, echtzeit))
        if not isinstance(antwort, bytes):
            raise antwort
        return antwort

    def _answer(self, sendungen: Sequence[_Sendung]) -> list[bytes | Exception]:
        """The sealed receipts, or why a message was refused or its receipt could not be made.

        They are sealed here and not by each who waits: a dozen threads that wake up at once and take turns at
        every call of the cryptography cost more than it does.
        """
        return [
            self._try_to_seal(aufnahme, sendung.echtzeit) if isinstance(aufnahme, Aufnahme) else aufnahme
            for sendung, aufnahme in zip(sendungen, self._take_in(sendungen), strict=True)
        ]

    def _try_to_seal(self, aufnahme: Aufnahme, echtzeit: datetime) -> bytes | Exception:
        """The messages are stored: a receipt that fails must not let those beside it be taken in again."""
        try:
            return self._seal(aufnahme, echtzeit)
        except Exception as error:  # Who waits for it raises it.
            return error

    def _seal(self, aufnahme: Aufnahme, echtzeit: datetime) -> bytes:
        eingang, jetzt = aufnahme.eingang, self._uhr.now()
        fw = eingang.telegramm.fw
        angebot = self._firmware.find_angebot(
            eingang.geraet.modell, eingang.geraet.zaehlernummer, fw.version if fw else None
        )
        return umschlag.seal(
            _receipt(aufnahme, self.schluessel, angebot, jetzt, echtzeit).to_bytes(),
            empfaenger=eingang.empfaenger,
            unterzeichner=eingang.satz.signatur.schluessel,
            signiert_um=jetzt,
        )

    def _take_in(self, sendungen: Sequence[_Sendung]) -> list[Aufnahme | Abweisung]:
        """Look up, open, store and commit; what became of each message, or why it was refused."""
        geraete = self._find_geraete([sendung.brief.unterzeichner_ski for sendung in sendungen])
        # Cryptography comes between two transactions, so that no lock is held meanwhile.
        eingaenge = [self._open(sendung, geraete) for sendung in sendungen]
        ergebnisse: dict[int, Aufnahme | Abweisung] = {}
        offen: dict[int, Eingang] = {}
        for stelle, eingang in enumerate(eingaenge):
            if isinstance(eingang, Eingang):
                offen[stelle] = eingang
            else:
                ergebnisse[stelle] = eingang
        while offen:
            # Each meter once: its next message finds what this one leaves.
            erste = {offen[stelle].geraet.stromzaehler_id: stelle for stelle in reversed(offen)}
            runde = {stelle: offen.pop(stelle) for stelle in erste.values()}
            ergebnisse |= zip(runde, self._store(list(runde.values())), strict=True)
        return [ergebnisse[stelle] for stelle in range(len(sendungen))]

    def _find_geraete(self, skis: Sequence[bytes]) -> dict[bytes, Geraet]:
        with create_session(self._engine, lesen=True) as session:
            self._firmware.refresh(session)
            return queries.find_geraete(session, skis)

    def _open(self, sendung: _Sendung, geraete: Mapping[bytes, Geraet]) -> Eingang | Abweisung:
        geraet = geraete.get(sendung.brief.unterzeichner_ski)
        if geraet is None:
            return GeraeteFehler(401, "unbekannt")
        try:
            return open_telegramm(
                sendung.brief, geraet, self.schluessel, sendung.tls_fingerabdruck, sendung.echtzeit
            )
        except (TelegrammFehler, GeraeteFehler) as error:
            return error

    def _store(self, eingaenge: Sequence[Eingang]) -> list[Aufnahme | GeraeteFehler]:
        jetzt = self._uhr.now()
        auftraege = [
            Auftrag(
                Akteur(f"stromzaehler:{eingang.geraet.zaehlernummer}", jetzt, Umfang.EIGENE),
                eingang,
                _bounds(jetzt, self._hoechstalter, self.zeitraffer, eingang.geraet),
            )
            for eingang in eingaenge
        ]
        with create_session(self._engine) as session:
            aufnahmen = take_in(session, auftraege)
            session.commit()
        angekommen = [teil for teil in aufnahmen if isinstance(teil, Aufnahme)]
        befunde = Counter(befund for teil in angekommen if teil.eingang.telegramm.werte for befund in teil.befunde)
        for befund, anzahl in befunde.items():
            metrik.ABLESUNGEN.labels(befund.value).inc(anzahl)
        return aufnahmen


def request_protokoll(session: Session, akteur: Akteur, stromzaehler_id: int) -> None:
    """Ask a meter for its log: its receipts say so until it has come. Asking twice is asking once.

    Raises NichtGefunden, KonfliktFehler for a meter that was never enrolled.
    """
    stand = queries.lock_stand(session, stromzaehler_id)
    if stand is None or stand.epoche == 0:
        if not queries.has_stromzaehler(session, stromzaehler_id):
            raise NichtGefunden
        raise KonfliktFehler(
            "Der Stromzähler ist nicht eingeschrieben und kann kein Protokoll senden.",
            code="stromzaehler_nicht_eingeschrieben",
        )
    if not stand.protokoll_angefordert:
        stand.protokoll_angefordert = True
        record_audit(session, akteur, "PROTOKOLL_ANGEFORDERT", "stromzaehler", stromzaehler_id)
    session.commit()


def _bounds(jetzt: datetime, hoechstalter: timedelta, zeitraffer: float, geraet: Geraet) -> Grenzen:
    fruehestens = jetzt - hoechstalter
    if geraet.einbauten:
        fruehestens = max(fruehestens, geraet.einbauten[0][0])
    # On a clock that runs fast the second that a message may take on its way is long.
    toleranz_s = UHR_TOLERANZ_S + max(0, math.ceil(zeitraffer) - 1)
    return Grenzen(
        fruehestens=int(fruehestens.timestamp()),
        spaetestens=int(jetzt.timestamp()) + toleranz_s,
        hoechstleistung_w=max_power(leistung for _, leistung in geraet.einbauten),
        eingebaut=bool(geraet.einbauten),
        uhr_toleranz_s=toleranz_s,
        ueberlauf_wh=rollover_wh(geraet.stellen),
        zaehlwerk=Zaehlwerk(geraet.faktor),
        einbauten=[int(von.timestamp()) for von, _ in geraet.einbauten],
    )


def _receipt(
    aufnahme: Aufnahme,
    schluessel: Betreiberschluessel,
    angebot: Firmwareangebot | None,
    jetzt: datetime,
    echtzeit: datetime,
) -> Quittung:
    telegramm, befunde = aufnahme.eingang.telegramm, aufnahme.befunde
    return Quittung(
        art=QUITTUNG,
        zaehler=telegramm.zaehler,
        anfrage=telegramm.anfrage,
        zu=aufnahme.eingang.abdruck,
        neu=befunde.count(Befund.NEU),
        doppelt=befunde.count(Befund.DOPPELT),
        abgelehnt=tuple((stelle, befunde[stelle].value) for stelle in find_rejected(befunde)),
        luecken=aufnahme.luecken,
        zeit=int(jetzt.timestamp() * 1000),
        platz_s=upload_slot(schluessel.platz_schluessel, telegramm.zaehler),
        auftraege=_orders(aufnahme, echtzeit),
        kette=schluessel.kette if telegramm.art == KETTE else None,
        firmware=angebot,
    )


def _orders(aufnahme: Aufnahme, echtzeit: datetime) -> tuple[str, ...]:
    """What the meter is told to do; a receipt repeats it until it is done."""
    faellig = {
        ZERTIFIKAT_ERNEUERN: aufnahme.eingang.gueltig_bis - echtzeit <= ERNEUERUNG_AB,
        CA_KETTE_HOLEN: not aufnahme.eingang.satz.aktuell,
        PROTOKOLL_SENDEN: aufnahme.protokoll,
    }
    return tuple(auftrag for auftrag, ist_faellig in faellig.items() if ist_faellig)
