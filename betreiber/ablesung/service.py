"""The use case of the device channel: a sealed Telegramm comes in, a sealed Quittung goes out."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.ablesung import queries, speicher
from betreiber.ablesung.domain import (
    EPOCHE_VORAUS,
    UHR_TOLERANZ_S,
    Befund,
    Fenster,
    Grenzen,
    max_power,
    upload_slot,
)
from betreiber.ablesung.queries import Geraet, Schluessel
from betreiber.auth.domain import Akteur, Umfang
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from betreiber.errors import GeraeteFehler
from betreiber.schluessel.ablage import Betreiberschluessel
from betreiber.schluessel.domain import GESPERRTE_ZUSTAENDE, Zweck
from betreiber.zeit import Uhr
from db.models import Telegrammstand
from db.session import begin_read
from telegramm import umschlag
from telegramm.messwerte import EREIGNISSE, FEHLANZEIGE, MESSWERTE, Messwert, Telegramm
from telegramm.quittung import QUITTUNG, Quittung


def receive_telegramm(
    session: Session,
    uhr: Uhr,
    schluessel: Betreiberschluessel,
    hoechstalter: timedelta,
    *,
    tls_fingerabdruck: bytes,
    der: bytes,
) -> bytes:
    """Open a sealed Telegramm, store what it brings, and answer with a sealed receipt.

    The order of the checks is fixed (docs/telegramm.md): signer, signature, identity, content, replay, readings.
    The receipt is signed after the commit. `tls_fingerabdruck`: SHA-256 of the client certificate of the
    connection; `hoechstalter`: age up to which readings are taken. Raises TelegrammFehler, GeraeteFehler.
    """
    brief = umschlag.parse(der)
    begin_read(session)
    geraet = queries.find_geraet(session, brief.unterzeichner_ski)
    if geraet is None:
        raise GeraeteFehler(401, "unbekannt")
    einbauten = queries.list_einbauten(session, geraet.stromzaehler_id)
    # Cryptography comes between two transactions, so that no lock is held meanwhile.
    session.rollback()
    klartext, telegramm = _open(brief, geraet, schluessel, tls_fingerabdruck)
    # Before anything is stored: whom nobody can answer is refused.
    empfaenger = _public_key(_newest_key(geraet, Zweck.VERSCHLUESSELUNG))
    akteur = Akteur(f"stromzaehler:{telegramm.zaehler}", uhr.now(), Umfang.EIGENE)
    befunde = _store(
        session, akteur, geraet, telegramm, hashlib.sha256(klartext).digest(), einbauten, hoechstalter
    )
    jetzt = uhr.now()
    quittung = _receipt(telegramm, klartext, befunde, jetzt, schluessel.platz_schluessel)
    return umschlag.seal(
        quittung.to_bytes(),
        empfaenger=empfaenger,
        unterzeichner=schluessel.signatur.schluessel,
        signiert_um=jetzt,
    )


def _open(
    brief: umschlag.Umschlag, geraet: Geraet, schluessel: Betreiberschluessel, tls_fingerabdruck: bytes
) -> tuple[bytes, Telegramm]:
    signatur = next(zeile for zeile in geraet.schluessel if zeile.ski == brief.unterzeichner_ski)
    tls = next((zeile for zeile in geraet.schluessel if zeile.fingerabdruck == tls_fingerabdruck), None)
    gesperrt = geraet.zustand in GESPERRTE_ZUSTAENDE
    if gesperrt or signatur.gesperrt or (tls is not None and tls.gesperrt):
        raise GeraeteFehler(403, "gesperrt")
    if signatur.zweck != Zweck.SIGNATUR:
        raise GeraeteFehler(401, "unbekannt")
    geprueft = brief.verify(_public_key(signatur))
    # The connection must be the signer's own: a ciphertext stolen and signed anew by another meter ends here.
    if tls is None or tls.zweck != Zweck.TLS:
        raise GeraeteFehler(403, "identitaet")
    klartext = geprueft.decrypt(schluessel.entschluesselung)
    telegramm = Telegramm.from_bytes(klartext)
    if telegramm.zaehler != geraet.zaehlernummer:
        raise GeraeteFehler(403, "identitaet")
    return klartext, telegramm


def _store(
    session: Session,
    akteur: Akteur,
    geraet: Geraet,
    telegramm: Telegramm,
    abdruck: bytes,
    einbauten: Sequence[tuple[datetime, Decimal]],
    hoechstalter: timedelta,
) -> list[Befund]:
    """Store a message in one transaction; one Befund for each of its rows."""
    stand = _lock_stand(session, akteur, geraet.stromzaehler_id, telegramm.epoche)
    fenster = Fenster(stand.fenster)
    bekannt = fenster.find(telegramm.folge)
    if bekannt == abdruck:
        befunde = speicher.recall(session, geraet.stromzaehler_id, telegramm.werte)
        session.rollback()
        return befunde or [Befund.DOPPELT] * _count_rows(telegramm)
    if bekannt is not None:
        _refuse(session, akteur, geraet.stromzaehler_id, "folge", telegramm)
    befunde = [Befund.NEU] * _count_rows(telegramm)
    if telegramm.art == MESSWERTE:
        grenzen = _bounds(akteur.zeitpunkt, hoechstalter, einbauten, geraet.faktor)
        empfangen = int(akteur.zeitpunkt.timestamp())
        befunde = speicher.write(session, geraet.stromzaehler_id, telegramm.werte, grenzen, empfangen)
        _record_quarantine(session, akteur, geraet.stromzaehler_id, telegramm.werte, befunde)
    _record_messages(session, akteur, geraet.stromzaehler_id, telegramm)
    stand.fenster = fenster.with_added(telegramm.folge, abdruck)
    stand.zuletzt_empfangen = akteur.zeitpunkt
    heute = akteur.zeitpunkt.astimezone(UTC).date()
    if telegramm.werte and stand.empfangstag != heute:
        stand.empfangstag = heute
        record_ereignis(session, akteur, Ereignisart.DATEN_EMPFANGEN, "stromzaehler", geraet.stromzaehler_id)
    session.commit()
    for befund, anzahl in Counter(befunde).items():
        metrik.ABLESUNGEN.labels(befund.value).inc(anzahl)
    return befunde


def _lock_stand(session: Session, akteur: Akteur, stromzaehler_id: int, epoche: int) -> Telegrammstand:
    stand = queries.lock_stand(session, stromzaehler_id)
    if stand is None:
        raise GeraeteFehler(401, "unbekannt")  # Enrolment writes the row together with the keys.
    # One from far ahead would use the numbers up: the meter could never be enrolled again.
    if not stand.epoche <= epoche <= stand.epoche + EPOCHE_VORAUS:
        _refuse(session, akteur, stromzaehler_id, "epoche", None)
    if epoche > stand.epoche:
        # A new epoche begins its numbering anew.
        stand.epoche, stand.fenster = epoche, b""
    return stand


def _refuse(
    session: Session, akteur: Akteur, stromzaehler_id: int, code: str, telegramm: Telegramm | None
) -> NoReturn:
    daten = {"code": code} | ({"folge": telegramm.folge} if telegramm else {})
    record_ereignis(session, akteur, Ereignisart.TELEGRAMM_ABGEWIESEN, "stromzaehler", stromzaehler_id, daten)
    session.commit()
    raise GeraeteFehler(409, code)


def _record_quarantine(
    session: Session, akteur: Akteur, stromzaehler_id: int, werte: Sequence[Messwert], befunde: Sequence[Befund]
) -> None:
    """One event a message and reason: a meter gone mad must not fill the log with a row a reading."""
    gruende: dict[Befund, list[int]] = {}
    for wert, befund in zip(werte, befunde, strict=True):
        if befund not in (Befund.NEU, Befund.DOPPELT):
            gruende.setdefault(befund, []).append(wert.uhrzeit)
    for grund, zeiten in gruende.items():
        daten = {"grund": grund.value, "anzahl": len(zeiten), "von": zeiten[0], "bis": zeiten[-1]}
        record_ereignis(
            session, akteur, Ereignisart.ABLESUNG_IN_QUARANTAENE, "stromzaehler", stromzaehler_id, daten
        )


def _record_messages(session: Session, akteur: Akteur, stromzaehler_id: int, telegramm: Telegramm) -> None:
    """The device's own log, and the gaps that it can no longer fill, become events."""
    if telegramm.art == EREIGNISSE:
        for meldung in telegramm.ereignisse:
            record_ereignis(
                session,
                akteur,
                Ereignisart.STROMZAEHLER_MELDUNG,
                "stromzaehler",
                stromzaehler_id,
                meldung._asdict(),
            )
    elif telegramm.art == FEHLANZEIGE:
        for von, bis in telegramm.luecken:
            record_ereignis(
                session,
                akteur,
                Ereignisart.LUECKE_BLEIBT,
                "stromzaehler",
                stromzaehler_id,
                {"von": von, "bis": bis},
            )


def _bounds(
    jetzt: datetime, hoechstalter: timedelta, einbauten: Sequence[tuple[datetime, Decimal]], faktor: int
) -> Grenzen:
    fruehestens = jetzt - hoechstalter
    if einbauten:
        fruehestens = max(fruehestens, einbauten[0][0])
    return Grenzen(
        fruehestens=int(fruehestens.timestamp()),
        spaetestens=int(jetzt.timestamp()) + UHR_TOLERANZ_S,
        hoechstleistung_w=max_power((leistung for _, leistung in einbauten), faktor),
    )


def _receipt(
    telegramm: Telegramm, klartext: bytes, befunde: Sequence[Befund], jetzt: datetime, platz_schluessel: bytes
) -> Quittung:
    return Quittung(
        art=QUITTUNG,
        zaehler=telegramm.zaehler,
        anfrage=telegramm.anfrage,
        zu=hashlib.sha256(klartext).digest(),
        neu=befunde.count(Befund.NEU),
        doppelt=befunde.count(Befund.DOPPELT),
        abgelehnt=tuple(
            (index, befund.value)
            for index, befund in enumerate(befunde)
            if befund not in (Befund.NEU, Befund.DOPPELT)
        ),
        luecken=(),
        zeit=int(jetzt.timestamp() * 1000),
        platz_s=upload_slot(platz_schluessel, telegramm.zaehler),
        auftraege=(),
    )


def _count_rows(telegramm: Telegramm) -> int:
    return len(telegramm.werte) + len(telegramm.ereignisse) + len(telegramm.luecken)


def _newest_key(geraet: Geraet, zweck: Zweck) -> Schluessel:
    gueltige = [zeile for zeile in geraet.schluessel if zeile.zweck == zweck and not zeile.gesperrt]
    if not gueltige:
        raise GeraeteFehler(403, "gesperrt")
    return gueltige[-1]


def _public_key(zeile: Schluessel) -> EllipticCurvePublicKey:
    schluessel = x509.load_der_x509_certificate(zeile.zertifikat).public_key()
    if not isinstance(schluessel, EllipticCurvePublicKey):
        raise TypeError("certified keys are elliptic curve keys")
    return schluessel
