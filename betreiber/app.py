"""create_app: wiring only."""

import os
import secrets
from enum import StrEnum
from pathlib import Path

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from betreiber.auth.routes import blp as anmeldung
from betreiber.auth.zugang import check_rechte, init_zugang
from betreiber.extensions import init_extensions
from betreiber.kunde.routes import blp as kunde
from betreiber.protokoll import init_request_log
from betreiber.session import init_session
from betreiber.settings import Settings
from betreiber.web.routes import blp as web
from betreiber.zeit import Uhr
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
    app = Flask("betreiber", static_folder="web/static")
    app.config.update(
        OPENAPI,
        DEBUG=settings.debug,
        MAX_CONTENT_LENGTH=64 * 1024,
        JWT_SECRET_KEY=settings.jwt_secret or development_secret(settings.daten),
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    init_session(app, create_engine(settings.datenbank, pool_groesse=settings.threads + 2))
    api = init_extensions(app)
    app.extensions["msb_api"] = api
    init_request_log(app)
    init_zugang(app, settings, uhr or settings.uhr)
    for blueprint in (anmeldung, kunde):
        api.register_blueprint(blueprint)
    app.register_blueprint(web)
    app.after_request(_security_headers)
    check_rechte(app)
    if settings.proxy_adressen:
        app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    return app


def development_secret(daten: Path) -> str:
    """The secret that signs tokens when none is set: made once, kept in the data folder, readable by us only."""
    datei = daten / "jwt_secret"
    if not datei.exists():
        daten.mkdir(parents=True, exist_ok=True)
        with open(datei, "x", encoding="ascii", opener=lambda pfad, flags: os.open(pfad, flags, 0o600)) as neu:
            neu.write(secrets.token_hex(32))
    return datei.read_text(encoding="ascii")


def _security_headers(antwort: Response) -> Response:
    antwort.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    antwort.headers.setdefault("X-Content-Type-Options", "nosniff")
    antwort.headers.setdefault("Referrer-Policy", "no-referrer")
    antwort.headers.setdefault("Cache-Control", "no-store")
    return antwort
