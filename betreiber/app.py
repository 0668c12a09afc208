"""create_app: wiring only."""

import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from betreiber.ablesung.routes import MEDIENTYP, TELEGRAMM_PFAD
from betreiber.ablesung.routes import blp as zaehlerstaende
from betreiber.ablesung.routes import geraete as telegramme
from betreiber.ablesung.service import Annahmestelle
from betreiber.auftrag.routes import blp as auftrag
from betreiber.auswertung.routes import blp as auswertung
from betreiber.auth.routes import blp as anmeldung
from betreiber.auth.zugang import check_rechte, init_zugang
from betreiber.dokument.routes import blp as dokumente
from betreiber.einbau.routes import blp as einbau
from betreiber.ereignis.routes import blp as ereignisse
from betreiber.ersatzwert.routes import blp as ersatzwerte
from betreiber.extensions import init_extensions, problem
from betreiber.firmware.routes import geraete as firmware
from betreiber.firmware.service import Bildspeicher
from betreiber.geraete import Direktweg, init_geraete
from betreiber.korrektur.routes import blp as korrektur
from betreiber.kunde.routes import blp as kunde
from betreiber.loeschlauf.routes import blp as loeschlauf
from betreiber.messstelle.routes import blp as messstelle
from betreiber.openapi import RechtePlugin
from betreiber.protokoll import init_request_log
from betreiber.quarantaene.routes import blp as quarantaene
from betreiber.schluessel.ablage import load_ausgabestelle, load_betreiberschluessel
from betreiber.schluessel.routes import blp as schluessel
from betreiber.schluessel.routes import geraete as einschreibung
from betreiber.session import init_session
from betreiber.settings import Settings, is_loopback
from betreiber.stoerung.routes import blp as stoerung
from betreiber.stromzaehler.routes import blp as stromzaehler
from betreiber.tarif.routes import blp as tarif
from betreiber.verbrauch.routes import blp as verbrauch
from betreiber.vertrag.routes import blp as vertrag
from betreiber.wartung.routes import blp as wartung
from betreiber.web.routes import blp as web
from betreiber.zeit import Uhr
from betreiber.zutritt.routes import blp as zutritt
from db.session import create_engine

OPENAPI = {
    "API_TITLE": "Messstellenbetreiber",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "API_SPEC_OPTIONS": {
        "info": {"description": "Operator of electricity meters: customers, meters, consumption, maintenance."},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
        "security": [{"token": []}],
    },
}


class Lauscher(StrEnum):
    """Which listener an app serves: each knows only its own routes."""

    OEFFENTLICH = "oeffentlich"
    GERAETE = "geraete"
    EINSCHREIBUNG = "einschreibung"


def create_app(settings: Settings | None = None, *, uhr: Uhr | None = None) -> Flask:
    """The app of the public listener: API and pages."""
    settings = settings or Settings.from_env(os.environ)
    app = _base(settings, uhr)
    app.config.update(
        OPENAPI,
        MAX_CONTENT_LENGTH=64 * 1024,
        JWT_SECRET_KEY=settings.jwt_secret or development_secret(settings.daten),
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    api = init_extensions(app, RechtePlugin())
    app.extensions["msb_api"] = api
    init_zugang(app, settings)
    for blueprint in (
        anmeldung,
        auftrag,
        auswertung,
        dokumente,
        einbau,
        ereignisse,
        ersatzwerte,
        korrektur,
        kunde,
        loeschlauf,
        messstelle,
        quarantaene,
        schluessel,
        stoerung,
        stromzaehler,
        tarif,
        verbrauch,
        vertrag,
        wartung,
        zaehlerstaende,
        zutritt,
    ):
        api.register_blueprint(blueprint)
    app.register_blueprint(web)
    app.after_request(_security_headers)
    check_rechte(app)
    if settings.tls_zertifikat or settings.proxy_adressen:
        app.after_request(_https_only)
    if settings.proxy_adressen:
        app.wsgi_app = proxies_only(ProxyFix(app.wsgi_app), settings.proxy_adressen)  # type: ignore[method-assign]
    return app


def create_geraete_app(settings: Settings, lauscher: Lauscher, *, uhr: Uhr | None = None) -> Flask:
    """The app of one of the two device listeners; it knows neither JWTs nor pages."""
    app = _base(settings, uhr, static_folder=None)
    init_geraete(app)
    if lauscher is Lauscher.EINSCHREIBUNG:
        app.extensions["msb_ausgabestelle"] = load_ausgabestelle(settings.pki_ordner)
        app.register_blueprint(einschreibung)
    else:
        stelle = Annahmestelle(
            app.extensions["msb_engine"],
            app.extensions["msb_uhr"],
            load_betreiberschluessel(settings.pki_ordner),
            hoechstalter=timedelta(days=settings.ablesung_hoechstalter_tage),
            zeitraffer=settings.uhr_faktor,
        )
        app.extensions["msb_annahmestelle"] = stelle
        app.extensions["msb_firmwarebilder"] = Bildspeicher()
        app.register_blueprint(firmware)
        app.register_blueprint(telegramme)
        app.wsgi_app = Direktweg(app, TELEGRAMM_PFAD, MEDIENTYP, stelle.receive)  # type: ignore[method-assign]
    return app


def _base(settings: Settings, uhr: Uhr | None, static_folder: str | None = "web/static") -> Flask:
    app = Flask("betreiber", static_folder=static_folder)
    app.config["DEBUG"] = settings.debug
    app.extensions["msb_settings"] = settings
    app.extensions["msb_uhr"] = uhr or settings.uhr
    init_session(app, create_engine(settings.datenbank, pool_groesse=settings.threads + 2))
    init_request_log(app)
    return app


def development_secret(daten: Path) -> str:
    """The secret that signs tokens when none is set: made once, kept in the data folder, readable by us only."""
    datei = daten / "jwt_secret"
    if not datei.exists():
        daten.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=daten, encoding="ascii") as neu:
            neu.write(secrets.token_hex(32))
            neu.flush()
            # A link appears whole or not at all: of two processes that start at once, one makes the secret.
            with suppress(FileExistsError):
                os.link(neu.name, datei)
    return datei.read_text(encoding="ascii")


def proxies_only(naechste: Any, adressen: Collection[str]) -> Any:
    """WSGI: answer 403 to whoever is neither one of the proxies nor on this machine; they alone do TLS."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        gegenueber = environ.get("REMOTE_ADDR", "")
        if gegenueber in adressen or is_loopback(gegenueber):
            return naechste(environ, start_response)
        antwort = problem(
            403, "nur_ueber_proxy", "Zugriff verweigert", "Diese Adresse ist nur über HTTPS erreichbar."
        )
        return antwort(environ, start_response)

    return app


def _https_only(antwort: Response) -> Response:
    antwort.headers["Strict-Transport-Security"] = "max-age=31536000"  # a year, RFC 6797
    return antwort


def _security_headers(antwort: Response) -> Response:
    antwort.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    antwort.headers.setdefault("X-Content-Type-Options", "nosniff")
    antwort.headers.setdefault("Referrer-Policy", "no-referrer")
    antwort.headers.setdefault("Cache-Control", "no-store")
    return antwort
