"""Routes of readings: the device channel, the list of Zählerstände, asking a meter for its log."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint as FlaskBlueprint
from flask import Response, current_app
from flask.views import MethodView

from betreiber.ablesung import schemas, service
from betreiber.ablesung.zaehlerstaende import list_zaehlerstaende
from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.geraete import client_fingerprint, read_body
from betreiber.session import current_session

blp = Blueprint("zaehlerstaende", __name__, url_prefix="/v1", description="Readings of meters")
geraete = FlaskBlueprint("telegramme", __name__)
MEDIENTYP = "application/cms"


@blp.route("/stromzaehler/<id:stromzaehler_id>/zaehlerstaende")
class ZaehlerstaendeView(MethodView):
    @blp.arguments(schemas.ZaehlerstaendeQuerySchema, location="query")
    @blp.response(200, schemas.ZaehlerstandSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Register readings of a meter in a period; customers get those of their own time."""
        return list_zaehlerstaende(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/protokollanforderung")
class ProtokollanforderungView(MethodView):
    @blp.response(204)
    def post(self, stromzaehler_id: int) -> None:
        """Ask a meter for its log; its next receipts carry the order until the log has come."""
        service.request_protokoll(current_session(), current_akteur(), stromzaehler_id)


@geraete.post("/geraete/v1/telegramme")
def receive() -> Response:
    """A sealed Telegramm comes in, a sealed Quittung goes out (docs/telegramm.md)."""
    der = read_body(MEDIENTYP)
    quittung = service.receive_telegramm(
        current_session(),
        current_app.extensions["msb_uhr"],
        current_app.extensions["msb_betreiberschluessel"],
        current_app.extensions["msb_firmwarekatalog"],
        timedelta(days=current_app.extensions["msb_settings"].ablesung_hoechstalter_tage),
        echtzeit=datetime.now(UTC),
        zeitraffer=current_app.extensions["msb_settings"].uhr_faktor,
        tls_fingerabdruck=client_fingerprint(),
        der=der,
    )
    return Response(quittung, mimetype=MEDIENTYP)
