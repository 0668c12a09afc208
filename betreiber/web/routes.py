"""Pages: the start, and the API's documentation with Swagger UI from files of our own (nothing from a CDN)."""

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from betreiber.extensions import describe_routes

blp = Blueprint("web", __name__, template_folder="templates")

# Swagger UI sets styles on elements; scripts come from our files only.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@blp.get("/")
def start() -> BaseResponse:
    """The way in."""
    return redirect(url_for("web.docs"))


@blp.get("/docs")
def docs() -> Response:
    """Swagger UI."""
    antwort = make_response(render_template("docs.html"))
    antwort.headers["Content-Security-Policy"] = CSP
    return antwort


@blp.get("/openapi.json")
def openapi() -> Response:
    """The description of the API that Swagger UI reads."""
    antwort: Response = current_app.json.response(describe_routes(current_app).to_dict())  # type: ignore[assignment]
    return antwort
