"""Use cases of enrolment, like EST (RFC 7030): a one-time token brings a meter its certificates."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import GeraeteFehler, KonfliktFehler, NichtGefunden
from betreiber.schluessel import ca, queries
from betreiber.schluessel.ablage import Ausgabestelle
from betreiber.schluessel.domain import (
    GESPERRTE_ZUSTAENDE,
    TOKEN_DAUER,
    TOKEN_VERSUCHE,
    Zweck,
    hash_keys,
    hash_token,
)
from db.models import Einschreibungstoken, Geraeteschluessel, Telegrammstand
from telegramm.einschreibung import Einschreibung, Einschreibungsantwort
from telegramm.schluessel import ski


@dataclass(frozen=True, slots=True)
class Token:
    """A fresh token in clear: it is shown once and never stored."""

    zaehlernummer: str
    token: str
    gueltig_bis: datetime


def create_token(session: Session, akteur: Akteur, stromzaehler_id: int) -> Token:
    """Make a one-time token for a meter: 14 days, 5 tries. Raises NichtGefunden, KonfliktFehler."""
    stromzaehler = queries.get_stromzaehler(session, stromzaehler_id)
    if stromzaehler is None:
        raise NichtGefunden
    if stromzaehler.zustand in GESPERRTE_ZUSTAENDE:
        raise KonfliktFehler(
            f"Der Stromzähler ist {stromzaehler.zustand} und kann nicht eingeschrieben werden.",
            code="stromzaehler_gesperrt",
        )
    token = secrets.token_hex(20)
    gueltig_bis = akteur.zeitpunkt + TOKEN_DAUER
    session.add(
        Einschreibungstoken(
            stromzaehler_id=stromzaehler_id,
            token_sha256=hash_token(token),
            angelegt_zeitpunkt=akteur.zeitpunkt,
            gueltig_bis=gueltig_bis,
        )
    )
    record_audit(session, akteur, "EINSCHREIBUNGSTOKEN_ANGELEGT", "stromzaehler", stromzaehler_id)
    session.commit()
    return Token(stromzaehler.zaehlernummer, token, gueltig_bis)


def enrol(
    session: Session, akteur: Akteur, stelle: Ausgabestelle, antrag: Einschreibung, echtzeit: datetime
) -> Einschreibungsantwort:
    """Certify the three keys of a meter, in one transaction with the use of its token.

    The same token with the same keys gets the same answer again: the first one may have been lost. A wrong,
    used, expired or foreign token gets one and the same refusal; after 5 of them the meter's tokens are dead.
    `echtzeit`: certificates live in real time, whatever clock a simulation runs on. Raises GeraeteFehler.
    """
    oeffentliche = _read_csrs(antrag)
    abdruck = hash_keys(
        [key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in oeffentliche.values()]
    )
    token = queries.lock_token(session, antrag.zaehler, hash_token(antrag.token))
    if token is not None and token.fehlversuche >= TOKEN_VERSUCHE:
        raise GeraeteFehler(423, "token_gesperrt")
    if token is not None and token.benutzt_zeitpunkt is not None and token.schluessel_sha256 == abdruck:
        return _answer(session, stelle, antrag.zaehler, token)
    if token is None or token.benutzt_zeitpunkt is not None or token.gueltig_bis <= akteur.zeitpunkt:
        _count_failure(session, akteur, antrag.zaehler)
        raise GeraeteFehler(403, "token")
    stromzaehler = queries.get_stromzaehler(session, token.stromzaehler_id)
    if stromzaehler is None or stromzaehler.zustand in GESPERRTE_ZUSTAENDE:
        raise GeraeteFehler(403, "gesperrt")
    if queries.keys_known(session, [ski(key) for key in oeffentliche.values()]):
        raise GeraeteFehler(409, "schluessel_bekannt")
    token.benutzt_zeitpunkt = akteur.zeitpunkt
    token.schluessel_sha256 = abdruck
    token.epoche = _begin_epoche(session, token.stromzaehler_id)
    queries.revoke_keys(session, token.stromzaehler_id, token.epoche, akteur.zeitpunkt)
    for zweck, schluessel in oeffentliche.items():
        zertifikat = ca.certify_meter(stelle.ca, antrag.zaehler, zweck, schluessel, echtzeit)
        session.add(_key_row(token.stromzaehler_id, token.epoche, zweck, zertifikat))
    record_ereignis(
        session,
        akteur,
        Ereignisart.STROMZAEHLER_EINGESCHRIEBEN,
        "stromzaehler",
        token.stromzaehler_id,
        {"epoche": token.epoche},
    )
    session.flush()
    antwort = _answer(session, stelle, antrag.zaehler, token)
    session.commit()
    return antwort


def _read_csrs(antrag: Einschreibung) -> dict[Zweck, ca.EllipticCurvePublicKey]:
    try:
        oeffentliche = {
            Zweck.TLS: ca.read_csr(antrag.csr_tls),
            Zweck.SIGNATUR: ca.read_csr(antrag.csr_signatur),
            Zweck.VERSCHLUESSELUNG: ca.read_csr(antrag.csr_verschluesselung),
        }
    except ca.CsrUngueltig as error:
        raise GeraeteFehler(400, "csr_ungueltig") from error
    if len({ski(key) for key in oeffentliche.values()}) != len(oeffentliche):
        raise GeraeteFehler(400, "csr_ungueltig")
    return oeffentliche


def _begin_epoche(session: Session, stromzaehler_id: int) -> int:
    """Start a new epoche: message numbers begin anew, messages of earlier ones are refused."""
    stand = queries.lock_stand(session, stromzaehler_id)
    if stand is None:
        stand = Telegrammstand(stromzaehler_id=stromzaehler_id, epoche=0, fenster=b"")
        session.add(stand)
    stand.epoche += 1
    stand.fenster = b""
    return stand.epoche


def _count_failure(session: Session, akteur: Akteur, zaehlernummer: str) -> None:
    tokens = queries.lock_open_tokens(session, zaehlernummer, akteur.zeitpunkt)
    if tokens and all(token.fehlversuche >= TOKEN_VERSUCHE for token in tokens):
        raise GeraeteFehler(423, "token_gesperrt")
    for token in tokens:
        token.fehlversuche += 1
    session.commit()


def _key_row(stromzaehler_id: int, epoche: int, zweck: Zweck, zertifikat: x509.Certificate) -> Geraeteschluessel:
    return Geraeteschluessel(
        stromzaehler_id=stromzaehler_id,
        zweck=zweck,
        epoche=epoche,
        ski=zertifikat.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest,
        fingerabdruck=zertifikat.fingerprint(hashes.SHA256()),
        zertifikat=zertifikat.public_bytes(Encoding.DER),
        gueltig_von=zertifikat.not_valid_before_utc,
        gueltig_bis=zertifikat.not_valid_after_utc,
    )


def _answer(
    session: Session, stelle: Ausgabestelle, zaehlernummer: str, token: Einschreibungstoken
) -> Einschreibungsantwort:
    epoche = token.epoche or 0
    zeilen = {zeile.zweck: zeile.zertifikat for zeile in queries.list_keys(session, token.stromzaehler_id, epoche)}
    return Einschreibungsantwort(
        zaehler=zaehlernummer,
        epoche=epoche,
        zertifikat_tls=zeilen[Zweck.TLS],
        zertifikat_signatur=zeilen[Zweck.SIGNATUR],
        zertifikat_verschluesselung=zeilen[Zweck.VERSCHLUESSELUNG],
        ca=tuple(zertifikat.public_bytes(Encoding.DER) for zertifikat in stelle.kette),
        betreiber_signatur=stelle.signatur.public_bytes(Encoding.DER),
        betreiber_verschluesselung=stelle.verschluesselung.public_bytes(Encoding.DER),
    )
