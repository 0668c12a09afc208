"""Use cases of enrolment and renewal, like EST (RFC 7030): how a meter gets its certificates.

A one-time token brings the first ones; later ones are asked for with the keys that they replace. `echtzeit` is
real time: certificates live in it, whatever clock a simulation runs on.
"""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur, Umfang
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_ereignis
from betreiber.errors import GeraeteFehler
from betreiber.schluessel import ca, queries
from betreiber.schluessel.ablage import Ausgabestelle
from betreiber.schluessel.domain import (
    ERNEUERUNG_AB,
    GESPERRTE_ZUSTAENDE,
    TOKEN_VERSUCHE,
    Unterzeichner,
    Zweck,
    hash_keys,
    hash_token,
)
from db.models import Geraeteschluessel, Telegrammstand
from db.session import begin_read
from telegramm import umschlag
from telegramm.einschreibung import Einschreibung, Einschreibungsantwort, Erneuerung
from telegramm.schluessel import dump_public_key, public_key_of_certificate, ski

Oeffentliche = dict[Zweck, EllipticCurvePublicKey]


def enrol(
    session: Session, akteur: Akteur, stelle: Ausgabestelle, antrag: Einschreibung, echtzeit: datetime
) -> Einschreibungsantwort:
    """Certify the three keys of a meter, in one transaction with the use of its token.

    The same token with the same keys gets the same answer again: the first one may have been lost. A wrong,
    used, expired or foreign token gets one and the same refusal; after 5 of them the meter's tokens are dead.
    Raises GeraeteFehler.
    """
    oeffentliche = _read_csrs(antrag)
    abdruck = hash_keys([dump_public_key(key) for key in oeffentliche.values()])
    token = queries.lock_token(session, antrag.zaehler, hash_token(antrag.token))
    if token is not None and token.fehlversuche >= TOKEN_VERSUCHE:
        raise GeraeteFehler(423, "token_gesperrt")
    if token is not None and token.benutzt_zeitpunkt is not None and token.schluessel_sha256 == abdruck:
        return _answer(session, stelle, antrag.zaehler, token.stromzaehler_id, token.epoche or 0)
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
    queries.revoke_keys(session, token.stromzaehler_id, akteur.zeitpunkt, unter=token.epoche)
    _certify(session, stelle, token.stromzaehler_id, antrag.zaehler, token.epoche, oeffentliche, echtzeit)
    record_ereignis(
        session,
        akteur,
        Ereignisart.STROMZAEHLER_EINGESCHRIEBEN,
        "stromzaehler",
        token.stromzaehler_id,
        {"epoche": token.epoche},
    )
    antwort = _answer(session, stelle, antrag.zaehler, token.stromzaehler_id, token.epoche)
    session.commit()
    return antwort


def renew(
    session: Session, jetzt: datetime, stelle: Ausgabestelle, der: bytes, echtzeit: datetime
) -> Einschreibungsantwort:
    """Certify new keys of a meter, asked for in a container that a key signed which they replace.

    Allowed from 60 days before the end of the signer's set. Old and new set are valid until the first Telegramm
    under the new one. The same keys get the same answer again: the first one may have been lost. Other keys
    replace a new set that was never used: the keys may have been lost, too. None that would end with the old ones,
    because the CA ends. `jetzt` is the operator's clock.
    Raises TelegrammFehler, GeraeteFehler.
    """
    brief = umschlag.parse(der)
    begin_read(session)
    signer = _find_signer(session, brief.unterzeichner_ski, echtzeit)
    # Cryptography comes between two transactions, so that no lock is held meanwhile.
    session.rollback()
    zertifikat = x509.load_der_x509_certificate(signer.zertifikat)
    klartext = brief.verify(public_key_of_certificate(zertifikat)).decrypt(stelle.entschluesselung)
    antrag = Erneuerung.from_bytes(klartext)
    if antrag.zaehler != signer.zaehlernummer:
        raise GeraeteFehler(403, "identitaet")
    oeffentliche = _read_csrs(antrag)
    stand = queries.lock_stand(session, signer.stromzaehler_id)
    # Meanwhile its keys may have been revoked.
    signer = _find_signer(session, brief.unterzeichner_ski, echtzeit)
    neueste = queries.newest_epoche(session, signer.stromzaehler_id)
    if neueste > signer.epoche and _holds(session, signer.stromzaehler_id, neueste, oeffentliche):
        return _answer(session, stelle, signer.zaehlernummer, signer.stromzaehler_id, neueste)
    if queries.keys_known(session, [ski(key) for key in oeffentliche.values()]):
        raise GeraeteFehler(409, "schluessel_bekannt")
    # Under a CA that ends with them, new keys would be due at once again, with every message anew.
    if (
        signer.gueltig_bis - echtzeit > ERNEUERUNG_AB
        or stelle.ca.zertifikat.not_valid_after_utc <= signer.gueltig_bis
    ):
        raise GeraeteFehler(409, "nicht_faellig")
    queries.revoke_keys(session, signer.stromzaehler_id, jetzt, ueber=signer.epoche)
    epoche = max(neueste, stand.epoche if stand else 0) + 1
    _certify(session, stelle, signer.stromzaehler_id, signer.zaehlernummer, epoche, oeffentliche, echtzeit)
    record_ereignis(
        session,
        Akteur(f"stromzaehler:{signer.zaehlernummer}", jetzt, Umfang.EIGENE),
        Ereignisart.STROMZAEHLER_ERNEUERT,
        "stromzaehler",
        signer.stromzaehler_id,
        {"epoche": epoche},
    )
    antwort = _answer(session, stelle, signer.zaehlernummer, signer.stromzaehler_id, epoche)
    session.commit()
    return antwort


def _find_signer(session: Session, ski: bytes, echtzeit: datetime) -> Unterzeichner:
    """The key that signs a renewal, if it may. Raises GeraeteFehler."""
    signer = queries.find_signer(session, ski)
    if signer is None:
        raise GeraeteFehler(401, "unbekannt")
    if signer.zustand in GESPERRTE_ZUSTAENDE or signer.gesperrt_zeitpunkt is not None:
        raise GeraeteFehler(403, "gesperrt")
    if signer.zweck != Zweck.SIGNATUR:
        raise GeraeteFehler(401, "unbekannt")
    # On the device listener TLS refuses what has ended; here nobody has looked at a certificate yet.
    if signer.gueltig_bis <= echtzeit:
        raise GeraeteFehler(403, "gesperrt")
    return signer


def _holds(session: Session, stromzaehler_id: int, epoche: int, oeffentliche: Oeffentliche) -> bool:
    """Whether the set of that epoche has exactly these keys."""
    vorhanden = {zeile.zweck: zeile.ski for zeile in queries.list_keys(session, stromzaehler_id, epoche)}
    return vorhanden == {zweck: ski(schluessel) for zweck, schluessel in oeffentliche.items()}


def _read_csrs(antrag: Einschreibung | Erneuerung) -> Oeffentliche:
    try:
        oeffentliche = {
            Zweck.TLS: ca.read_csr(antrag.csr_tls, Zweck.TLS),
            Zweck.SIGNATUR: ca.read_csr(antrag.csr_signatur, Zweck.SIGNATUR),
            Zweck.VERSCHLUESSELUNG: ca.read_csr(antrag.csr_verschluesselung, Zweck.VERSCHLUESSELUNG),
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
    # A renewed set that was never used has a higher one.
    stand.epoche = max(stand.epoche, queries.newest_epoche(session, stromzaehler_id)) + 1
    stand.fenster, stand.meldung_nummer = b"", -1
    return stand.epoche


def _count_failure(session: Session, akteur: Akteur, zaehlernummer: str) -> None:
    tokens = queries.lock_open_tokens(session, zaehlernummer, akteur.zeitpunkt)
    if tokens and all(token.fehlversuche >= TOKEN_VERSUCHE for token in tokens):
        raise GeraeteFehler(423, "token_gesperrt")
    for token in tokens:
        token.fehlversuche += 1
    session.commit()


def _certify(
    session: Session,
    stelle: Ausgabestelle,
    stromzaehler_id: int,
    zaehlernummer: str,
    epoche: int,
    oeffentliche: Oeffentliche,
    echtzeit: datetime,
) -> None:
    """Certify a set of keys and store it."""
    for zweck, schluessel in oeffentliche.items():
        zertifikat = ca.certify_meter(stelle.ca, zaehlernummer, zweck, schluessel, echtzeit)
        session.add(
            Geraeteschluessel(
                stromzaehler_id=stromzaehler_id,
                zweck=zweck,
                epoche=epoche,
                ski=ski(schluessel),
                fingerabdruck=zertifikat.fingerprint(hashes.SHA256()),
                zertifikat=zertifikat.public_bytes(Encoding.DER),
                gueltig_von=zertifikat.not_valid_before_utc,
                gueltig_bis=zertifikat.not_valid_after_utc,
            )
        )
    session.flush()


def _answer(
    session: Session, stelle: Ausgabestelle, zaehlernummer: str, stromzaehler_id: int, epoche: int
) -> Einschreibungsantwort:
    """What the meter is told about a set of its keys. Raises GeraeteFehler when it was revoked meanwhile."""
    zeilen = queries.list_keys(session, stromzaehler_id, epoche)
    if any(zeile.gesperrt_zeitpunkt is not None for zeile in zeilen):
        raise GeraeteFehler(403, "gesperrt")
    zertifikate = {zeile.zweck: zeile.zertifikat for zeile in zeilen}
    return Einschreibungsantwort(
        zaehler=zaehlernummer,
        epoche=epoche,
        zertifikat_tls=zertifikate[Zweck.TLS],
        zertifikat_signatur=zertifikate[Zweck.SIGNATUR],
        zertifikat_verschluesselung=zertifikate[Zweck.VERSCHLUESSELUNG],
        ca=tuple(zertifikat.public_bytes(Encoding.DER) for zertifikat in stelle.kette),
        betreiber_signatur=stelle.signatur.public_bytes(Encoding.DER),
        betreiber_verschluesselung=stelle.verschluesselung.public_bytes(Encoding.DER),
    )
