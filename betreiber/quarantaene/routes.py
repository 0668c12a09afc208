"""Routes of the quarantine."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.quarantaene import schemas, service
from betreiber.session import current_session

blp = Blueprint("quarantaene", __name__, url_prefix="/v1", description="Readings that wait for a decision")


@blp.route("/quarantaene")
class QuarantaeneView(MethodView):
    @blp.arguments(schemas.QuarantaeneQuerySchema, location="query")
    @blp.response(200, schemas.QuarantaeneSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Readings in quarantine of all meters, the last received first."""
        return service.list_quarantaene(current_session(), current_akteur(), **auswahl)


@blp.route("/quarantaene/gruende")
class QuarantaenegruendeView(MethodView):
    @blp.response(200, schemas.QuarantaenegrundSchema(many=True))
    def get(self) -> Any:
        """How many readings are in quarantine, by reason."""
        return service.count_gruende(current_session(), current_akteur())


@blp.route("/stromzaehler/<id:stromzaehler_id>/quarantaene")
class StromzaehlerQuarantaeneView(MethodView):
    @blp.arguments(schemas.StromzaehlerQuarantaeneQuerySchema, location="query")
    @blp.response(200, schemas.StromzaehlerQuarantaeneSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Readings of a meter in quarantine, each with the stored readings around it."""
        return service.list_of_stromzaehler(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/quarantaeneentscheidungen")
class QuarantaeneentscheidungenView(MethodView):
    @blp.arguments(schemas.QuarantaeneentscheidungSchema)
    @blp.response(200, schemas.EntscheidungsergebnisSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Decide on the readings of a meter in a period: use them, reject them, begin the register anew."""
        return service.decide(current_session(), current_akteur(), stromzaehler_id, **daten)
