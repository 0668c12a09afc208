"""Routes of readings: the device channel, the list of Zählerstände, asking a meter for its log."""

from typing import Any

from flask import Blueprint as FlaskBlueprint
from flask import Response, current_app
from flask.views import MethodView

from betreiber.ablesung import schemas, service
from betreiber.ablesung.zaehlerstaende import (
    get_letzter_zaehlerstand,
    list_zaehlerstaende,
    list_zaehlwerksabschnitte,
)
from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.geraete import client_fingerprint, read_body
from betreiber.session import current_session

blp = Blueprint("zaehlerstaende", __name__, url_prefix="/v1", description="Readings of meters")
geraete = FlaskBlueprint("telegramme", __name__)
TELEGRAMM_PFAD = "/geraete/v1/telegramme"
MEDIENTYP = "application/cms"


@blp.route("/stromzaehler/<id:stromzaehler_id>/zaehlerstaende")
class ZaehlerstaendeView(MethodView):
    @blp.arguments(schemas.ZaehlerstaendeQuerySchema, location="query")
    @blp.response(200, schemas.ZaehlerstandSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Register readings of a meter in a period; customers get those of their own time."""
        return list_zaehlerstaende(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/letzter_zaehlerstand")
class LetzterZaehlerstandView(MethodView):
    @blp.response(200, schemas.ZaehlerstandSchema)
    def get(self, stromzaehler_id: int) -> Any:
        """The newest reading of a meter, of any quality: up to here its Verbrauch is known; 404 without any."""
        return get_letzter_zaehlerstand(current_session(), current_akteur(), stromzaehler_id)


@blp.route("/stromzaehler/<id:stromzaehler_id>/zaehlwerksabschnitte")
class ZaehlwerksabschnitteView(MethodView):
    @blp.arguments(schemas.StandQuerySchema, location="query")
    @blp.response(200, schemas.ZaehlwerksabschnittSchema(many=True))
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Rollovers, exchanges of the electronics and changes of the factor of a meter, oldest first."""
        return list_zaehlwerksabschnitte(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/protokollanforderung")
class ProtokollanforderungView(MethodView):
    @blp.response(204)
    def post(self, stromzaehler_id: int) -> None:
        """Ask a meter for its log; its next receipts carry the order until the log has come."""
        service.request_protokoll(current_session(), current_akteur(), stromzaehler_id)


@geraete.post(TELEGRAMM_PFAD)
def receive() -> Response:
    """A sealed Telegramm comes in, a sealed Quittung goes out (docs/telegramm.md); most come by the Direktweg."""
    der = read_body(MEDIENTYP)
    quittung = current_app.extensions["msb_annahmestelle"].receive(der, client_fingerprint())
    return Response(quittung, mimetype=MEDIENTYP)
