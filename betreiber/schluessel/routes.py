"""Routes of keys: staff make tokens and revoke; meters enrol and renew on a listener of their own."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint as FlaskBlueprint
from flask import Response, current_app, request
from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.geraete import current_geraet, read_body
from betreiber.schluessel import einschreibung, schemas, service
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session
from telegramm.einschreibung import Einschreibung

blp = Blueprint("schluessel", __name__, url_prefix="/v1", description="Enrolment of meters, and their keys")
geraete = FlaskBlueprint("einschreibung", __name__)


@blp.route("/stromzaehler/<id:stromzaehler_id>/einschreibungstoken")
class EinschreibungstokenView(MethodView):
    @blp.response(201, schemas.EinschreibungstokenSchema)
    def post(self, stromzaehler_id: int) -> Any:
        """Make a one-time token with which a meter gets its certificates."""
        return service.create_token(current_session(), current_akteur(), stromzaehler_id)


@blp.route("/stromzaehler/<id:stromzaehler_id>/schluessel")
class SchluesselView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.SchluesselSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """The keys of a meter, the newest set first."""
        return service.list_schluessel(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/schluesselsperrung")
class SchluesselsperrungView(MethodView):
    @blp.arguments(schemas.SperrungAnlegenSchema)
    @blp.response(200, schemas.SperrungSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Revoke every key of a meter: its next request is refused, until it is enrolled with a new token."""
        return service.lock_schluessel(current_session(), current_akteur(), stromzaehler_id, **daten)


@geraete.post("/geraete/v1/einschreibung")
def einschreiben() -> Response:
    """A meter asks for certificates, with a token or with the keys that it renews (docs/telegramm.md)."""
    stelle = current_app.extensions["msb_ausgabestelle"]
    echtzeit = datetime.now(UTC)
    if request.mimetype == "application/cms":
        jetzt = current_app.extensions["msb_uhr"].now()
        der = read_body("application/cms")
        antwort = einschreibung.renew(current_session(), jetzt, stelle, der, echtzeit)
    else:
        antrag = Einschreibung.from_bytes(read_body("application/cbor"))
        akteur = current_geraet(antrag.zaehler)
        antwort = einschreibung.enrol(current_session(), akteur, stelle, antrag, echtzeit)
    return Response(antwort.to_bytes(), mimetype="application/cbor")
