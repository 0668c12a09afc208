"""Routes of corrections."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.korrektur import schemas, service
from betreiber.session import current_session

blp = Blueprint(
    "korrekturen",
    __name__,
    url_prefix="/v1/stromzaehler/<id:stromzaehler_id>",
    description="Corrected readings, and what changed",
)


@blp.route("/korrekturen")
class KorrekturenView(MethodView):
    @blp.arguments(schemas.KorrekturSchema)
    @blp.response(200, schemas.KorrekturergebnisSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Put a reading right, enter a missing one or take one back; the old value stays as a version."""
        wert = service.correct_ablesung(current_session(), current_akteur(), stromzaehler_id, **daten)
        return {"wert": wert}


@blp.route("/wertaenderungen")
class WertaenderungenView(MethodView):
    @blp.arguments(schemas.WertaenderungenQuerySchema, location="query")
    @blp.response(200, schemas.WertaenderungSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """What changed of the readings of a period, newest change first: when, from what to what, by how much."""
        return service.list_wertaenderungen(current_session(), current_akteur(), stromzaehler_id, **auswahl)
