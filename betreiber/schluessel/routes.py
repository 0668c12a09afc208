"""Routes of enrolment: staff make a token, the meter uses it on a listener of its own."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint as FlaskBlueprint
from flask import Response, current_app
from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.geraete import current_geraet, read_body
from betreiber.schluessel import schemas, service
from betreiber.session import current_session
from telegramm.einschreibung import Einschreibung

blp = Blueprint("einschreibungstoken", __name__, url_prefix="/v1", description="Enrolment of meters")
geraete = FlaskBlueprint("einschreibung", __name__)


@blp.route("/stromzaehler/<id:stromzaehler_id>/einschreibungstoken")
class EinschreibungstokenView(MethodView):
    @blp.response(201, schemas.EinschreibungstokenSchema)
    def post(self, stromzaehler_id: int) -> Any:
        """Make a one-time token with which a meter gets its certificates."""
        return service.create_token(current_session(), current_akteur(), stromzaehler_id)


@geraete.post("/geraete/v1/einschreibung")
def einschreiben() -> Response:
    """A meter asks for its certificates (body and answer: docs/telegramm.md)."""
    antrag = Einschreibung.from_bytes(read_body("application/cbor"))
    stelle = current_app.extensions["msb_ausgabestelle"]
    antwort = service.enrol(current_session(), current_geraet(antrag.zaehler), stelle, antrag, datetime.now(UTC))
    return Response(antwort.to_bytes(), mimetype="application/cbor")
