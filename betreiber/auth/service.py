"""Use cases of logging in: login, refresh, logout, invitation, password."""

import hashlib
import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from betreiber.auth import queries
from betreiber.auth.domain import (
    Akteur,
    Codezweck,
    Rolle,
    check_benutzername,
    check_passwort,
    normalize_benutzername,
)
from betreiber.auth.passwort import Passwoerter
from betreiber.ereignis.nachricht import enqueue_nachricht
from betreiber.ereignis.service import record_audit
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtAngemeldet, NichtGefunden, ZuVieleVersuche
from db.models import Anmeldeversuch, Benutzer, Einmalcode, Sitzungsfamilie
from db.session import begin_read

# OWASP ASVS 5.0, 6.3.1: a limit on failed logins of one account.
FEHLVERSUCHE = 10
FEHLVERSUCHE_FENSTER = timedelta(minutes=15)
# Mails with a code that one name may ask for in the same time: nobody's mailbox is flooded through us.
RUECKSETZUNGEN = 3
SITZUNG_DAUER = timedelta(days=30)
EINLADUNG_DAUER = timedelta(days=14)
PASSWORT_CODE_DAUER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sitzung:
    """What the tokens of a session are made of; `jti` names the only refresh token that is good."""

    benutzer_id: int
    sitzungsfamilie_id: str
    jti: str
    rollen: tuple[str, ...]
    kunde_id: int | None


@dataclass(frozen=True, slots=True)
class Einladung:
    einladungscode: str
    gueltig_bis: datetime


def login(
    session: Session, akteur: Akteur, passwoerter: Passwoerter, *, benutzername: str, passwort: str
) -> Sitzung:
    """Check name and password and open a session.

    An unknown name, a disabled account and a wrong password get the same answer after the same work. Raises
    NichtAngemeldet, or ZuVieleVersuche after 10 failures of one name in 15 minutes, be the password right.
    """
    name = normalize_benutzername(benutzername)
    # Counted as a failure before the check, taken back after it: many tries at once are no more than 10 either.
    _count_versuch(session, akteur, name, FEHLVERSUCHE)
    passwort_hash = queries.find_passwort_hash(session, name)
    # Hashing takes long on purpose: no transaction stays open meanwhile.
    session.commit()
    falsch = NichtAngemeldet("Benutzername oder Passwort ist falsch.")
    if not passwoerter.verify(passwort_hash, passwort) or passwort_hash is None:
        raise falsch
    neuer_hash = passwoerter.hash(passwort) if passwoerter.is_outdated(passwort_hash) else passwort_hash
    benutzer = queries.lock_benutzer_named(session, name)
    # What was checked must still hold: the password may have been changed, the account disabled meanwhile.
    if benutzer is None or not benutzer.aktiv or benutzer.passwort_hash != passwort_hash:
        raise falsch
    benutzer.passwort_hash = neuer_hash
    queries.forget_fehlversuche(session, _sha256(name))
    sitzung = _open_sitzung(session, akteur, benutzer)
    session.commit()
    return sitzung


def refresh(session: Session, akteur: Akteur, *, sitzungsfamilie_id: str, jti: str) -> Sitzung:
    """Exchange a refresh token for the next one. A token used twice ends the session (RFC 9700, 4.14.2)."""
    familie = queries.lock_familie(session, sitzungsfamilie_id)
    abgelaufen = NichtAngemeldet("Die Sitzung ist beendet. Melden Sie sich neu an.")
    if familie is None or familie.beendet_zeitpunkt is not None or familie.gueltig_bis <= akteur.zeitpunkt:
        raise abgelaufen
    if familie.jti != jti:
        familie.beendet_zeitpunkt = akteur.zeitpunkt
        record_audit(session, akteur, "ERNEUERUNGSTOKEN_WIEDERVERWENDET", "benutzer", familie.benutzer_id)
        session.commit()
        raise abgelaufen
    benutzer = queries.get_benutzer(session, familie.benutzer_id)
    if benutzer is None or not benutzer.aktiv:
        raise abgelaufen
    familie.jti = secrets.token_urlsafe(16)
    sitzung = _sitzung(benutzer, familie)
    session.commit()
    return sitzung


def logout(session: Session, akteur: Akteur) -> None:
    """End the session at once, with every token of it."""
    familie = queries.lock_familie(session, akteur.sitzungsfamilie_id or "")
    if familie is not None and familie.beendet_zeitpunkt is None:
        familie.beendet_zeitpunkt = akteur.zeitpunkt
    session.commit()


def create_benutzer(
    session: Session,
    akteur: Akteur,
    passwoerter: Passwoerter,
    *,
    benutzername: str,
    passwort: str,
    rollen: Iterable[Rolle],
    kunde_id: int | None = None,
) -> Benutzer:
    """Add a login. A customer's login needs its customer; names are unique, whatever their case."""
    name, rollen = normalize_benutzername(benutzername), sorted(set(rollen))
    if (Rolle.KUNDE in rollen) != (kunde_id is not None):
        raise EingabeUngueltig("Die Rolle kunde gehört zu genau einem Kunden.", feld="kunde_id")
    check_benutzername(name)
    check_passwort(name, passwort)
    passwort_hash = passwoerter.hash(passwort)
    if kunde_id is not None and queries.find_kunde(session, kunde_id) is None:
        raise NichtGefunden(f"Es gibt keinen Kunden mit der Nummer {kunde_id}.")
    benutzer = _add_benutzer(session, akteur, name, passwort_hash, rollen, kunde_id)
    session.commit()
    return benutzer


def disable_benutzer(session: Session, akteur: Akteur, *, benutzername: str) -> None:
    """Lock an account and end its sessions at once; open codes end with them. Raises NichtGefunden."""
    benutzer = _find_benutzer(session, benutzername)
    benutzer.aktiv = False
    queries.end_familien(session, benutzer.benutzer_id, akteur.zeitpunkt)
    queries.void_passwort_codes(session, benutzer.benutzer_id, akteur.zeitpunkt)
    record_audit(session, akteur, "GESPERRT", "benutzer", benutzer.benutzer_id)
    session.commit()


def enable_benutzer(session: Session, akteur: Akteur, *, benutzername: str) -> None:
    """Unlock an account, also one with too many failed logins. Raises NichtGefunden."""
    benutzer = _find_benutzer(session, benutzername)
    benutzer.aktiv = True
    queries.forget_fehlversuche(session, _sha256(benutzer.benutzername))
    record_audit(session, akteur, "ENTSPERRT", "benutzer", benutzer.benutzer_id)
    session.commit()


def set_passwort(
    session: Session, akteur: Akteur, passwoerter: Passwoerter, *, benutzername: str, passwort: str
) -> None:
    """Give somebody a new password who can get no code by mail. Every session of the user ends.

    Raises NichtGefunden.
    """
    name = normalize_benutzername(benutzername)
    check_passwort(name, passwort)
    passwort_hash = passwoerter.hash(passwort)
    _set_passwort(session, akteur, _find_benutzer(session, name), passwort_hash, "PASSWORT_GESETZT")
    session.commit()


def invite_kunde(session: Session, akteur: Akteur, kunde_id: int) -> Einladung:
    """Make the code with which a customer logs in for the first time, and mail it where there is an address.

    An earlier invitation ends: it may lie in the wrong hands, which is why one asks for another.
    """
    kunde = queries.find_kunde(session, kunde_id)
    if kunde is None:
        raise NichtGefunden
    queries.void_einladungen(session, kunde_id, akteur.zeitpunkt)
    code = _add_code(session, akteur, Codezweck.EINLADUNG, EINLADUNG_DAUER, kunde_id=kunde_id)
    record_audit(session, akteur, "EINGELADEN", "kunde", kunde_id)
    if kunde.e_mail:
        text = f"Guten Tag,\n\nmit diesem Code richten Sie Ihren Zugang ein (14 Tage gültig):\n\n{code}\n"
        enqueue_nachricht(session, akteur, kunde.e_mail, "Ihr Zugang zum Messstellenbetreiber", text)
    session.commit()
    return Einladung(code, akteur.zeitpunkt + EINLADUNG_DAUER)


def register(
    session: Session,
    akteur: Akteur,
    passwoerter: Passwoerter,
    *,
    einladungscode: str,
    benutzername: str,
    passwort: str,
) -> Sitzung:
    """First login of a customer: a valid invitation makes an account and opens a session."""
    name = normalize_benutzername(benutzername)
    check_benutzername(name)
    check_passwort(name, passwort)
    begin_read(session)
    if queries.lock_einmalcode(session, _sha256(einladungscode), Codezweck.EINLADUNG, akteur.zeitpunkt) is None:
        raise _code_invalid("einladungscode")
    session.rollback()
    passwort_hash = passwoerter.hash(passwort)
    code = queries.lock_einmalcode(session, _sha256(einladungscode), Codezweck.EINLADUNG, akteur.zeitpunkt)
    if code is None:
        raise _code_invalid("einladungscode")
    code.benutzt_zeitpunkt = akteur.zeitpunkt
    benutzer = _add_benutzer(session, akteur, name, passwort_hash, [Rolle.KUNDE], code.kunde_id)
    sitzung = _open_sitzung(session, akteur, benutzer)
    session.commit()
    return sitzung


def change_passwort(
    session: Session, akteur: Akteur, passwoerter: Passwoerter, *, passwort_alt: str, passwort_neu: str
) -> None:
    """Set a new password and end every session of the user, this one included.

    A wrong old password counts like a failed login: who found an open screen must not try them all.
    """
    benutzer = queries.get_benutzer(session, akteur.benutzer_id or 0)
    if benutzer is None:
        raise NichtAngemeldet("Melden Sie sich neu an.")
    name, alter_hash = benutzer.benutzername, benutzer.passwort_hash
    check_passwort(name, passwort_neu, "passwort_neu")
    _count_versuch(session, akteur, name, FEHLVERSUCHE)
    session.commit()
    if not passwoerter.verify(alter_hash, passwort_alt):
        raise EingabeUngueltig("Das alte Passwort ist falsch.", feld="passwort_alt", code="passwort_falsch")
    neuer_hash = passwoerter.hash(passwort_neu)
    benutzer = queries.lock_benutzer(session, benutzer.benutzer_id)
    if benutzer is None or benutzer.passwort_hash != alter_hash:
        raise NichtAngemeldet("Das Passwort wurde soeben geändert. Melden Sie sich neu an.")
    _set_passwort(session, akteur, benutzer, neuer_hash, "PASSWORT_GEAENDERT")
    session.commit()


def request_passwort_reset(session: Session, akteur: Akteur, *, benutzername: str) -> None:
    """Mail a code to a user who forgot the password. Says nothing about whether the user exists.

    Raises ZuVieleVersuche after 3 requests for one name in 15 minutes, known or not.
    """
    name = normalize_benutzername(benutzername)
    _count_versuch(session, akteur, f"ruecksetzung {name}", RUECKSETZUNGEN)
    benutzer = queries.find_benutzer(session, name)
    adresse = _mail_address(session, benutzer) if benutzer is not None and benutzer.aktiv else None
    if benutzer is not None and adresse is not None:
        code = _add_code(
            session, akteur, Codezweck.PASSWORT, PASSWORT_CODE_DAUER, benutzer_id=benutzer.benutzer_id
        )
        text = f"Guten Tag,\n\nmit diesem Code setzen Sie ein neues Passwort (eine Stunde gültig):\n\n{code}\n"
        enqueue_nachricht(session, akteur, adresse, "Neues Passwort", text)
    session.commit()


def reset_passwort(
    session: Session, akteur: Akteur, passwoerter: Passwoerter, *, code: str, passwort_neu: str
) -> None:
    """Set a new password with a mailed code and end every session of the user."""
    begin_read(session)
    einmalcode = queries.lock_einmalcode(session, _sha256(code), Codezweck.PASSWORT, akteur.zeitpunkt)
    benutzer = queries.get_benutzer(session, einmalcode.benutzer_id or 0) if einmalcode else None
    if benutzer is None:
        raise _code_invalid("code")
    check_passwort(benutzer.benutzername, passwort_neu, "passwort_neu")
    session.rollback()
    passwort_hash = passwoerter.hash(passwort_neu)
    einmalcode = queries.lock_einmalcode(session, _sha256(code), Codezweck.PASSWORT, akteur.zeitpunkt)
    benutzer = queries.lock_benutzer(session, einmalcode.benutzer_id or 0) if einmalcode else None
    if benutzer is None:
        raise _code_invalid("code")
    _set_passwort(session, akteur, benutzer, passwort_hash, "PASSWORT_ZURUECKGESETZT")
    session.commit()


def delete_expired(session: Session, akteur: Akteur) -> int:
    """Sweep: remove ended sessions, used or expired codes, old failed logins. Returns how many."""
    anzahl = queries.delete_expired(session, akteur.zeitpunkt, akteur.zeitpunkt - FEHLVERSUCHE_FENSTER)
    session.commit()
    return anzahl


def _count_versuch(session: Session, akteur: Akteur, name: str, hoechstens: int) -> None:
    """Count one try under a name; the caller commits. Raises ZuVieleVersuche when there were too many."""
    name_sha256 = _sha256(name)
    queries.lock_versuche(session, name_sha256)
    versuche = queries.list_fehlversuche(session, name_sha256, akteur.zeitpunkt - FEHLVERSUCHE_FENSTER)
    if len(versuche) >= hoechstens:
        warten = versuche[-hoechstens] + FEHLVERSUCHE_FENSTER - akteur.zeitpunkt
        raise ZuVieleVersuche(
            "Zu viele Versuche. Warten Sie eine Viertelstunde.", nach_s=math.ceil(warten.total_seconds())
        )
    session.add(Anmeldeversuch(name_sha256=name_sha256, zeitpunkt=akteur.zeitpunkt))


def _find_benutzer(session: Session, benutzername: str) -> Benutzer:
    benutzer = queries.lock_benutzer_named(session, normalize_benutzername(benutzername))
    if benutzer is None:
        raise NichtGefunden(f"Es gibt keinen Benutzer {benutzername}.")
    return benutzer


def _add_benutzer(
    session: Session,
    akteur: Akteur,
    benutzername: str,
    passwort_hash: str,
    rollen: list[Rolle],
    kunde_id: int | None,
) -> Benutzer:
    if queries.find_benutzer(session, benutzername) is not None:
        raise KonfliktFehler("Diesen Benutzernamen gibt es schon.", code="benutzername_vergeben")
    benutzer = Benutzer(
        benutzername=benutzername,
        passwort_hash=passwort_hash,
        rollen=[str(rolle) for rolle in rollen],
        kunde_id=kunde_id,
        angelegt_zeitpunkt=akteur.zeitpunkt,
    )
    session.add(benutzer)
    session.flush()
    record_audit(session, akteur, "ANGELEGT", "benutzer", benutzer.benutzer_id, neu={"rollen": benutzer.rollen})
    return benutzer


def _set_passwort(session: Session, akteur: Akteur, benutzer: Benutzer, passwort_hash: str, aktion: str) -> None:
    """Store a new password for a locked row; sessions, open codes and a lock after failed logins end."""
    benutzer.passwort_hash = passwort_hash
    queries.end_familien(session, benutzer.benutzer_id, akteur.zeitpunkt)
    queries.void_passwort_codes(session, benutzer.benutzer_id, akteur.zeitpunkt)
    queries.forget_fehlversuche(session, _sha256(benutzer.benutzername))
    record_audit(session, akteur, aktion, "benutzer", benutzer.benutzer_id)


def _open_sitzung(session: Session, akteur: Akteur, benutzer: Benutzer) -> Sitzung:
    familie = Sitzungsfamilie(
        sitzungsfamilie_id=secrets.token_urlsafe(16),
        benutzer_id=benutzer.benutzer_id,
        jti=secrets.token_urlsafe(16),
        angelegt_zeitpunkt=akteur.zeitpunkt,
        gueltig_bis=akteur.zeitpunkt + SITZUNG_DAUER,
    )
    session.add(familie)
    return _sitzung(benutzer, familie)


def _sitzung(benutzer: Benutzer, familie: Sitzungsfamilie) -> Sitzung:
    return Sitzung(
        benutzer.benutzer_id,
        familie.sitzungsfamilie_id,
        familie.jti,
        tuple(benutzer.rollen),
        benutzer.kunde_id,
    )


def _add_code(
    session: Session,
    akteur: Akteur,
    zweck: Codezweck,
    dauer: timedelta,
    *,
    kunde_id: int | None = None,
    benutzer_id: int | None = None,
) -> str:
    code = secrets.token_hex(16)
    session.add(
        Einmalcode(
            zweck=zweck,
            code_sha256=_sha256(code),
            kunde_id=kunde_id,
            benutzer_id=benutzer_id,
            gueltig_bis=akteur.zeitpunkt + dauer,
        )
    )
    return code


def _mail_address(session: Session, benutzer: Benutzer) -> str | None:
    if "@" in benutzer.benutzername:
        return benutzer.benutzername
    kunde = queries.find_kunde(session, benutzer.kunde_id) if benutzer.kunde_id else None
    return kunde.e_mail if kunde else None


def _code_invalid(feld: str) -> EingabeUngueltig:
    return EingabeUngueltig(
        "Der Code ist falsch, schon benutzt oder abgelaufen. Fordern Sie einen neuen an.",
        feld=feld,
        code="code_ungueltig",
    )


def _sha256(text: str) -> bytes:
    # A code has 128 random bits: a plain hash is enough, nobody can try them all.
    return hashlib.sha256(text.encode()).digest()
