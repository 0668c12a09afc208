"""The gate of the public API: every request passes the table of rights before anything else reads it."""

import re
import uuid
from datetime import timedelta

from flask import Flask, current_app, g, request
from flask_jwt_extended import (
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from betreiber.auth import queries
from betreiber.auth.domain import Akteur, Rolle, Umfang
from betreiber.auth.passwort import Passwoerter
from betreiber.auth.rechte import load_rechte
from betreiber.auth.service import SITZUNG_DAUER, Sitzung
from betreiber.errors import NichtAngemeldet, ZugriffVerweigert
from betreiber.session import current_engine, current_session, only_reads
from betreiber.settings import Settings
from db.session import create_session

ZUGRIFF_DAUER = timedelta(minutes=15)
AUSSTELLER, EMPFAENGER = "messstellenbetreiber", "messstellenbetreiber-api"
# What `sub` and the ids of sessions and refresh tokens look like: nothing else reaches the database.
_BENUTZER_ID = re.compile(r"[1-9][0-9]{0,17}")
_ZUFALL = re.compile(r"[A-Za-z0-9_\-]{22}")


class RechteUnvollstaendig(Exception):
    """A route has no row in `rechte.csv`, or a row has no route."""


def init_zugang(app: Flask, settings: Settings) -> None:
    """Configure tokens and put the gate before every view. Call `check_rechte` when all routes are known."""
    app.config.update(
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,  # No token stands in a cookie.
        JWT_ACCESS_TOKEN_EXPIRES=ZUGRIFF_DAUER,
        JWT_REFRESH_TOKEN_EXPIRES=SITZUNG_DAUER,
        JWT_ENCODE_ISSUER=AUSSTELLER,
        JWT_DECODE_ISSUER=AUSSTELLER,
        JWT_ENCODE_AUDIENCE=EMPFAENGER,
        JWT_DECODE_AUDIENCE=EMPFAENGER,
    )
    app.extensions["msb_passwoerter"] = Passwoerter(settings.argon2_zeit, settings.argon2_speicher_kib)
    app.before_request(_check_zugang)


def check_rechte(app: Flask) -> None:
    """Raise RechteUnvollstaendig unless routes and rows of `rechte.csv` are the same."""
    routen = {
        (methode, regel.rule)
        for regel in app.url_map.iter_rules()
        for methode in (regel.methods or set()) - {"HEAD", "OPTIONS"}
    }
    zeilen = set(load_rechte())
    if routen != zeilen:
        raise RechteUnvollstaendig(
            f"routes without a row: {sorted(routen - zeilen)}; rows without a route: {sorted(zeilen - routen)}"
        )


def current_akteur() -> Akteur:
    """Who calls: set by the gate."""
    akteur: Akteur = g.msb_akteur
    return akteur


def current_passwoerter() -> Passwoerter:
    passwoerter: Passwoerter = current_app.extensions["msb_passwoerter"]
    return passwoerter


def issue_tokens(sitzung: Sitzung) -> dict[str, object]:
    """The pair of tokens of a session."""
    anspruch = {"fam": sitzung.sitzungsfamilie_id}
    name = str(sitzung.benutzer_id)
    return {
        "zugriffstoken": create_access_token(name, additional_claims={**anspruch, "jti": str(uuid.uuid4())}),
        "erneuerungstoken": create_refresh_token(name, additional_claims={**anspruch, "jti": sitzung.jti}),
        "gueltig_s": int(ZUGRIFF_DAUER.total_seconds()),
        "benutzer_id": sitzung.benutzer_id,
        "kunde_id": sitzung.kunde_id,
        "rollen": list(sitzung.rollen),
    }


def read_refresh_token(token: str) -> dict[str, str]:
    """The session and the id that a refresh token names. Raises NichtAngemeldet for anything else."""
    try:
        inhalt = decode_token(token)
    except (PyJWTError, JWTExtendedException, ValueError) as error:
        raise NichtAngemeldet("Das Erneuerungstoken ist ungültig oder abgelaufen.") from error
    fam, jti = str(inhalt.get("fam")), str(inhalt.get("jti"))
    if inhalt.get("type") != "refresh" or not _ZUFALL.fullmatch(fam) or not _ZUFALL.fullmatch(jti):
        raise NichtAngemeldet("Das ist kein Erneuerungstoken.")
    return {"sitzungsfamilie_id": fam, "jti": jti}


def _find_benutzer(benutzer_id: int, sitzungsfamilie_id: str) -> queries.Anwesender | None:
    if only_reads():
        return queries.find_active_benutzer(current_session(), benutzer_id, sitzungsfamilie_id)
    # A session of its own: a slow body must not hold the lock of a writer from here on.
    with create_session(current_engine(), lesen=True) as session:
        return queries.find_active_benutzer(session, benutzer_id, sitzungsfamilie_id)


def _check_zugang() -> None:
    if request.url_rule is None:
        return  # No such route or method: Flask answers 404 or 405.
    jetzt = current_app.extensions["msb_uhr"].now()
    methode = "GET" if request.method == "HEAD" else request.method
    recht = load_rechte().get((methode, request.url_rule.rule))
    if recht is None:
        if request.method == "OPTIONS":
            return  # Flask answers it itself.
        raise RechteUnvollstaendig(f"no row for {methode} {request.url_rule.rule}")
    if recht.offen:
        g.msb_akteur = Akteur(name="anonym", zeitpunkt=jetzt, umfang=Umfang.EIGENE)
        return
    verify_jwt_in_request()
    anspruch = get_jwt()
    sub, fam = str(anspruch.get("sub")), str(anspruch.get("fam"))
    if anspruch.get("type") != "access" or not _BENUTZER_ID.fullmatch(sub) or not _ZUFALL.fullmatch(fam):
        raise NichtAngemeldet("Das Zugriffstoken ist ungültig. Melden Sie sich neu an.")
    benutzer = _find_benutzer(int(sub), fam)
    if benutzer is None:
        raise NichtAngemeldet("Die Sitzung ist beendet. Melden Sie sich neu an.")
    rollen = frozenset(Rolle(name) for name in benutzer.rollen)
    umfang = recht.umfang(rollen)
    if umfang is None:
        raise ZugriffVerweigert("Ihre Rolle darf das nicht.")
    g.msb_akteur = Akteur(
        name=f"benutzer:{benutzer.benutzer_id}",
        zeitpunkt=jetzt,
        umfang=umfang,
        benutzer_id=benutzer.benutzer_id,
        rollen=rollen,
        kunde_id=benutzer.kunde_id,
        sitzungsfamilie_id=fam,
    )
