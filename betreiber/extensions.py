"""Api, Blueprint and JWT, set up so that every refusal has one shape: problem+json (RFC 9457)."""

import errno
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, Any, cast
from urllib.parse import quote

import structlog
from apispec import APISpec, BasePlugin
from flask import Flask, Response, current_app, request
from flask_jwt_extended import JWTManager
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import RAISE, Schema, fields
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from webargs import core
from webargs.flaskparser import FlaskParser, abort
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter

from betreiber.errors import (
    BetreiberError,
    KonfliktFehler,
    NichtAngemeldet,
    NichtVerfuegbar,
    VersionFehlt,
    VersionVeraltet,
    ZuGross,
)
from betreiber.felder import DATEI_HOECHSTENS_BYTES, INT64_MAX, Dezimal

log = structlog.get_logger()
# The database is away or full. Other errors of a driver are bugs of ours and stay visible as such.
DATENBANKFEHLER = (OperationalError, InterfaceError, PoolTimeout)

# Two requests at once must not describe a route twice.
_BESCHREIBUNG = Lock()
# Of an answer that is made piece by piece: so much is in memory at a time.
SPOOL_BYTES = 256 * 1024

# Codes and German texts for what Flask itself refuses.
_HTTP = {
    400: ("anfrage_ungueltig", "Anfrage ungültig", "Die Anfrage ist nicht lesbar."),
    404: ("nicht_gefunden", "Nicht gefunden", "Das gibt es hier nicht, oder es gehört nicht zu Ihnen."),
    405: ("methode_nicht_erlaubt", "Methode nicht erlaubt", "Diese Adresse kennt die Methode nicht."),
    411: ("laenge_fehlt", "Länge fehlt", "Die Anfrage braucht eine Content-Length."),
    413: ("zu_gross", "Zu groß", "Die Anfrage ist zu groß."),
    414: ("adresse_zu_lang", "Adresse zu lang", "Die Adresse ist zu lang."),
    415: (
        "medientyp_unbekannt",
        "Medientyp unbekannt",
        "Senden Sie application/json in UTF-8, eine Datei als multipart/form-data.",
    ),
    422: ("eingabe_ungueltig", "Eingabe ungültig", "Mindestens eine Angabe ist ungültig; siehe errors."),
    500: ("interner_fehler", "Interner Fehler", "Das hätte nicht geschehen dürfen. Der Fehler ist gemeldet."),
    503: ("nicht_verfuegbar", "Vorübergehend nicht verfügbar", "Bitte gleich noch einmal versuchen."),
}


class ProblemSchema(Schema):
    """RFC 9457 with our stable `code`, and `errors` by place and field."""

    type = fields.String(metadata={"description": "always about:blank", "example": "about:blank"})
    status = fields.Integer(metadata={"description": "HTTP status", "example": 422})
    code = fields.String(metadata={"description": "stable name of the error", "example": "eingabe_ungueltig"})
    title = fields.String(metadata={"description": "German name of the error"})
    detail = fields.String(metadata={"description": "German sentence that says what to do"})
    errors = fields.Dict(metadata={"description": "messages by place (json, query) and field"})
    erlaubt = fields.List(
        fields.String(), metadata={"description": "the states that may follow, where its state speaks against it"}
    )


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Any = None,
    headers: Any = None,
    weitere: Mapping[str, Any] | None = None,
) -> Response:
    """The one shape of a refusal; `weitere`: members of this error alone."""
    kopf = {"type": "about:blank", "status": status, "code": code, "title": title, "detail": detail}
    inhalt = {**(weitere or {}), **kopf}
    if errors:
        inhalt["errors"] = errors
    # An unknown field may be named by half a surrogate pair, which UTF-8 cannot hold and JSON escapes.
    text = json.dumps(inhalt, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(text, status, headers=headers, mimetype="application/problem+json")


def refusal(status: int, detail: str | None = None, errors: Any = None, headers: Any = None) -> Response:
    """The refusal of a request that is wrong as HTTP; `detail` where more is known than the status says."""
    code, titel, standard = _HTTP.get(
        status,
        (HTTPStatus(status).name.lower(), HTTPStatus(status).phrase, "Die Anfrage wurde abgewiesen."),
    )
    return problem(status, code, titel, detail or standard, errors, headers)


def _answer_error(error: BetreiberError) -> Response:
    return problem(error.status, error.code, error.titel, error.detail, error.errors, error.headers, error.weitere)


def _answer_constraint(error: IntegrityError) -> Response:
    # A race that the service's own check lost: two people added the same number at once.
    log.warning("constraint_violated", fehler=type(error.orig).__name__)
    return _answer_error(KonfliktFehler("Die Daten widersprechen anderen, die schon gespeichert sind."))


def database_fault(error: Exception) -> str:
    """What the database says of itself, for the log: SQLITE_FULL, DiskFull, OperationalError. Never its text."""
    ursache = getattr(error, "orig", None) or error
    return getattr(ursache, "sqlite_errorname", None) or type(ursache).__name__


def _answer_database(error: Exception) -> Response:
    log.error("database_unavailable", fehler=database_fault(error))
    return _answer_error(NichtVerfuegbar("Die Datenbank antwortet nicht. Bitte gleich noch einmal.", nach_s=5))


def _answer_file(error: OSError) -> Response:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return _answer_unknown(error)
    log.error("disk_full", fehler=errno.errorcode[error.errno])
    return _answer_error(NichtVerfuegbar("Der Speicherplatz ist voll. Bitte später noch einmal.", nach_s=60))


def _answer_unknown(error: Exception) -> Response:
    log.exception("unexpected_error", pfad=request.url_rule.rule if request.url_rule else None)
    return problem(500, *_HTTP[500])


class Api(SmorestApi):
    """flask-smorest's Api with our error shape."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: HTTPException) -> Response:
        if error.response is not None:
            return cast(Response, error.response)  # a redirect made by the router
        daten = getattr(error, "data", None) or {}
        headers = {name: wert for name, wert in error.get_headers() if name in ("Allow", "Retry-After")}
        return refusal(error.code or 500, errors=daten.get("messages"), headers=headers)


def _unique_object(paare: list[tuple[str, Any]]) -> dict[str, Any]:
    objekt = dict(paare)
    if len(objekt) != len(paare):
        raise ValueError("a key occurs twice")
    return objekt


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class StrictParser(FlaskParser):
    """Refuses what others overlook: unknown or repeated query arguments, NaN, doubled keys, other charsets.

    `multipart` is a form with a file, the one place whose body may be larger than all others.
    """

    __location_map__ = {**FlaskParser.__location_map__, "multipart": "load_multipart"}
    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE, "json": RAISE, "multipart": RAISE,
    }  # fmt: skip

    def load_querystring(self, req: Any, schema: Schema) -> Any:
        _refuse_repeated("query", req.args)
        return super().load_querystring(req, schema)

    def load_multipart(self, req: Any, schema: Schema) -> Any:
        if req.mimetype != "multipart/form-data":
            abort(415)
        # What is not the file has as much room as any other body.
        req.max_content_length = DATEI_HOECHSTENS_BYTES + current_app.config["MAX_CONTENT_LENGTH"]
        if (req.content_length or 0) > req.max_content_length:
            raise ZuGross(
                f"Eine Datei darf höchstens {DATEI_HOECHSTENS_BYTES // 10**6} MB haben. Senden Sie sie mit ihrer"
                " Content-Length."
            )
        teile = MultiDict([*req.form.items(multi=True), *req.files.items(multi=True)])
        _refuse_repeated("multipart", teile)
        return self._makeproxy(teile, schema)

    def _raw_load_json(self, req: Any) -> Any:
        if not core.is_json(req.mimetype):
            abort(415)
        try:
            text = req.get_data(cache=True).decode("utf-8")
            return json.loads(text, object_pairs_hook=_unique_object, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            abort(400, messages={"json": ["Kein gültiges JSON in UTF-8."]})


def _refuse_repeated(ort: str, angaben: MultiDict[str, Any]) -> None:
    doppelt = {name: ["Darf nur einmal vorkommen."] for name, werte in angaben.lists() if len(werte) > 1}
    if doppelt:
        abort(422, messages={ort: doppelt})


class Blueprint(SmorestBlueprint):
    """flask-smorest's Blueprint with the strict parser."""

    ARGUMENTS_PARSER = StrictParser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING = {
        **SmorestBlueprint.DEFAULT_LOCATION_CONTENT_TYPE_MAPPING, "multipart": "multipart/form-data",
    }  # fmt: skip

    def register_views_in_doc(self, api: SmorestApi, app: Flask, spec: APISpec, **wie: Any) -> None:
        """Called when the blueprint is registered; its routes are described later, by `describe_routes`."""
        unbeschrieben = app.extensions.setdefault("msb_unbeschrieben", [])
        unbeschrieben.append(partial(super().register_views_in_doc, api, app, spec, **wie))


def describe_routes(app: Flask) -> APISpec:
    """The description of the API with all routes. The first call makes it and takes longer than a start."""
    with _BESCHREIBUNG:
        while unbeschrieben := app.extensions.get("msb_unbeschrieben"):
            unbeschrieben.pop(0)()
    spec: APISpec = app.extensions["msb_api"].spec
    return spec


class KennungConverter(IntegerConverter):
    """The number of a row in a path; a number that no row can have is a 404, not an overflow.

    ASSUMPTION: no row has a number of 19 digits, as not all of them fit. The pattern alone refuses:
    a converter that raises turns the 404 into a 405 where GET and PATCH of an address are two rules.
    """

    regex = r"[1-9][0-9]{0,17}"


def init_extensions(app: Flask, *plugins: BasePlugin) -> Api:
    """Wire Api, JWT and the error handlers to an app. `plugins` complete the description of the API."""
    app.url_map.converters["id"] = KennungConverter
    app.url_map.merge_slashes = False  # Two slashes are another address, not a redirect.
    api = Api(app, spec_kwargs={"extra_plugins": plugins})
    api.register_converter(KennungConverter, lambda _: {"type": "integer", "minimum": 1, "maximum": INT64_MAX})
    api.register_field(Dezimal, "string", None)  # marshmallow would document a number
    _init_jwt(app)
    app.register_error_handler(BetreiberError, _answer_error)
    app.register_error_handler(StaleDataError, lambda _: _answer_error(VersionVeraltet()))
    app.register_error_handler(IntegrityError, _answer_constraint)
    for art in DATENBANKFEHLER:
        app.register_error_handler(art, _answer_database)
    app.register_error_handler(OSError, _answer_file)
    app.register_error_handler(Exception, _answer_unknown)
    return api


def _init_jwt(app: Flask) -> None:
    jwt = JWTManager(app)

    def refuse(*_: Any) -> Response:
        return _answer_error(NichtAngemeldet("Melden Sie sich an; das Token fehlt, ist abgelaufen oder ungültig."))

    for loader in (
        jwt.unauthorized_loader,
        jwt.invalid_token_loader,
        jwt.expired_token_loader,
        jwt.revoked_token_loader,
        jwt.token_verification_failed_loader,
        jwt.user_lookup_error_loader,
        jwt.needs_fresh_token_loader,
    ):
        loader(refuse)


def required_version() -> int:
    """The version that If-Match names. Raises VersionFehlt (428) without it, VersionVeraltet for another text."""
    wert = request.headers.get("If-Match")
    if wert is None:
        raise VersionFehlt
    treffer = re.fullmatch(r'"([0-9]{1,9})"', wert.strip())
    if treffer is None:
        raise VersionVeraltet('If-Match nennt keine Version. Senden Sie den ETag mit Anführungszeichen, wie "3".')
    return int(treffer.group(1))


def send_file(stuecke: Iterable[bytes], mimetype: str, dateiname: str | None = None) -> Response:
    """An answer that is made piece by piece, in constant memory. `dateiname`: as which a browser saves it.

    The pieces go into a temporary file as fast as the database gives them, and from there to the client as slowly
    as it takes them: no connection of the database waits for a slow line, and what fails on the way is a refusal
    and never half an answer that looks whole.
    """
    datei = SpooledTemporaryFile(SPOOL_BYTES)
    try:
        datei.writelines(stuecke)
        laenge = datei.tell()
        datei.seek(0)
        kurz = datei.read() if laenge <= SPOOL_BYTES else None
    except BaseException:
        datei.close()
        raise
    if kurz is not None:
        datei.close()
        antwort = Response(kurz, mimetype=mimetype)
    else:
        antwort = Response(_drain(datei), mimetype=mimetype)
        antwort.content_length = laenge
        # Also when nobody reads a byte of it: the client is gone, or asked by HEAD.
        antwort.call_on_close(datei.close)
    if dateiname is not None:
        antwort.headers.set("Content-Disposition", "attachment", **_file_name(dateiname))
    return antwort


def _file_name(name: str) -> dict[str, str]:
    """RFC 6266: letters beyond ASCII in a coded form, next to a plain one for who does not know it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return {"filename": plain} | ({} if plain == name else {"filename*": f"UTF-8''{quote(name, safe='')}"})


def _drain(datei: IO[bytes]) -> Iterator[bytes]:
    with datei:
        while stueck := datei.read(SPOOL_BYTES):
            yield stueck


def etag(version: int) -> dict[str, str]:
    """The header that names the version of an answer."""
    return {"ETag": f'"{version}"'}


# How a PATCH documents the header that it needs.
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "ETag of the version that was read; 428 without it, 412 when it is stale",
    "schema": {"type": "string", "example": '"3"'},
}
