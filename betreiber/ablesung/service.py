"""The use cases of the device channel: a sealed Telegramm comes in, a sealed Quittung goes out."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from betreiber.ablesung import queries
from betreiber.ablesung.aufnahme import Aufnahme, take_in
from betreiber.ablesung.domain import UHR_TOLERANZ_S, Befund, Grenzen, max_power, upload_slot
from betreiber.ablesung.oeffnung import Eingang, open_telegramm
from betreiber.auth.domain import Akteur, Umfang
from betreiber.ereignis.service import record_audit
from betreiber.errors import GeraeteFehler, KonfliktFehler, NichtGefunden
from betreiber.firmware.service import Firmwarekatalog
from betreiber.schluessel.ablage import Betreiberschluessel
from betreiber.schluessel.domain import ERNEUERUNG_AB
from betreiber.zeit import Uhr
from db.session import begin_read
from telegramm import umschlag
from telegramm.firmware import Firmwareangebot
from telegramm.messwerte import KETTE
from telegramm.quittung import CA_KETTE_HOLEN, PROTOKOLL_SENDEN, QUITTUNG, ZERTIFIKAT_ERNEUERN, Quittung


def receive_telegramm(
    session: Session,
    uhr: Uhr,
    schluessel: Betreiberschluessel,
    firmware: Firmwarekatalog,
    hoechstalter: timedelta,
    *,
    echtzeit: datetime,
    zeitraffer: float,
    tls_fingerabdruck: bytes,
    der: bytes,
) -> bytes:
    """Open a sealed Telegramm, store what it brings, and answer with a sealed receipt.

    The order of the checks is fixed (docs/telegramm.md, 5): parse, signer, signature, identity, content, replay,
    readings. The receipt is signed after the commit. `tls_fingerabdruck`: SHA-256 of the client certificate of the
    connection; `hoechstalter`: age up to which readings are taken; `echtzeit`: certificates live on real time;
    `zeitraffer`: how many times as fast `uhr` runs. Raises TelegrammFehler, GeraeteFehler.
    """
    brief = umschlag.parse(der)
    begin_read(session)
    geraet = queries.find_geraet(session, brief.unterzeichner_ski)
    if geraet is None:
        raise GeraeteFehler(401, "unbekannt")
    einbauten = queries.list_einbauten(session, geraet.stromzaehler_id)
    firmware.refresh(session)
    # Cryptography comes between two transactions, so that no lock is held meanwhile.
    session.rollback()
    eingang = open_telegramm(brief, geraet, schluessel, tls_fingerabdruck, echtzeit)
    akteur = Akteur(f"stromzaehler:{geraet.zaehlernummer}", uhr.now(), Umfang.EIGENE)
    aufnahme = take_in(
        session,
        akteur,
        geraet,
        eingang.telegramm,
        abdruck=eingang.abdruck,
        schluessel_epoche=eingang.epoche,
        grenzen=_bounds(akteur.zeitpunkt, hoechstalter, zeitraffer, einbauten, geraet.faktor),
    )
    jetzt = uhr.now()
    fw = eingang.telegramm.fw
    angebot = firmware.find_angebot(geraet.modell, geraet.zaehlernummer, fw.version if fw else None)
    quittung = _receipt(eingang, aufnahme, schluessel, angebot, jetzt, echtzeit)
    return umschlag.seal(
        quittung.to_bytes(),
        empfaenger=eingang.empfaenger,
        unterzeichner=eingang.satz.signatur.schluessel,
        signiert_um=jetzt,
    )


def request_protokoll(session: Session, akteur: Akteur, stromzaehler_id: int) -> None:
    """Ask a meter for its log: its receipts say so until it has come. Asking twice is asking once.

    Raises NichtGefunden, KonfliktFehler for a meter that was never enrolled.
    """
    stand = queries.lock_stand(session, stromzaehler_id)
    if stand is None:
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


def _bounds(
    jetzt: datetime,
    hoechstalter: timedelta,
    zeitraffer: float,
    einbauten: Sequence[tuple[datetime, Decimal]],
    faktor: int,
) -> Grenzen:
    fruehestens = jetzt - hoechstalter
    if einbauten:
        fruehestens = max(fruehestens, einbauten[0][0])
    # On a clock that runs fast the second that a message may take on its way is long.
    toleranz_s = UHR_TOLERANZ_S + max(0, math.ceil(zeitraffer) - 1)
    return Grenzen(
        fruehestens=int(fruehestens.timestamp()),
        spaetestens=int(jetzt.timestamp()) + toleranz_s,
        hoechstleistung_w=max_power((leistung for _, leistung in einbauten), faktor),
        eingebaut=bool(einbauten),
        uhr_toleranz_s=toleranz_s,
    )


def _receipt(
    eingang: Eingang,
    aufnahme: Aufnahme,
    schluessel: Betreiberschluessel,
    angebot: Firmwareangebot | None,
    jetzt: datetime,
    echtzeit: datetime,
) -> Quittung:
    telegramm, befunde = eingang.telegramm, aufnahme.befunde
    return Quittung(
        art=QUITTUNG,
        zaehler=telegramm.zaehler,
        anfrage=telegramm.anfrage,
        zu=eingang.abdruck,
        neu=befunde.count(Befund.NEU),
        doppelt=befunde.count(Befund.DOPPELT),
        abgelehnt=tuple(
            (index, befund.value)
            for index, befund in enumerate(befunde)
            if befund not in (Befund.NEU, Befund.DOPPELT)
        ),
        luecken=aufnahme.luecken,
        zeit=int(jetzt.timestamp() * 1000),
        platz_s=upload_slot(schluessel.platz_schluessel, telegramm.zaehler),
        auftraege=_orders(eingang, aufnahme, echtzeit),
        kette=schluessel.kette if telegramm.art == KETTE else None,
        firmware=angebot,
    )


def _orders(eingang: Eingang, aufnahme: Aufnahme, echtzeit: datetime) -> tuple[str, ...]:
    """What the meter is told to do; a receipt repeats it until it is done."""
    faellig = {
        ZERTIFIKAT_ERNEUERN: eingang.gueltig_bis - echtzeit <= ERNEUERUNG_AB,
        CA_KETTE_HOLEN: not eingang.satz.aktuell,
        PROTOKOLL_SENDEN: aufnahme.protokoll,
    }
    return tuple(auftrag for auftrag, ist_faellig in faellig.items() if ist_faellig)
