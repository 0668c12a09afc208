"""Routes of Verbrauch."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint, send_file
from betreiber.session import current_session
from betreiber.verbrauch import ausgabe, schemas, service

blp = Blueprint("verbrauch", __name__, url_prefix="/v1", description="Consumption in a period")


@blp.route("/stromzaehler/<id:stromzaehler_id>/verbrauch")
class StromzaehlerVerbrauchView(MethodView):
    @blp.arguments(schemas.VerbrauchQuerySchema, location="query")
    @blp.response(200, schemas.ReiheSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Verbrauch of a meter in a period."""
        reihe = service.stream_stromzaehler(current_session(), current_akteur(), stromzaehler_id, **auswahl)
        return send_file(ausgabe.encode_json(reihe), "application/json")


@blp.route("/stromzaehler/<id:stromzaehler_id>/verbrauchsdatei")
class VerbrauchsdateiView(MethodView):
    @blp.arguments(schemas.VerbrauchsdateiQuerySchema, location="query")
    @blp.response(200, schemas.CSV, content_type="text/csv")
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Verbrauch of a meter in a period, as a CSV file for a spreadsheet."""
        zahlen = auswahl.pop("zahlen")
        reihe = service.stream_stromzaehler(current_session(), current_akteur(), stromzaehler_id, **auswahl)
        return send_file(ausgabe.encode_csv(reihe, zahlen), "text/csv", ausgabe.file_name(reihe))


@blp.route("/kunden/<id:kunde_id>/verbrauch")
class KundeVerbrauchView(MethodView):
    @blp.arguments(schemas.VerbrauchQuerySchema, location="query")
    @blp.response(200, schemas.KundenreiheSchema)
    def get(self, auswahl: dict[str, Any], kunde_id: int) -> Any:
        """Verbrauch of a customer in a period: each meter, and the sum."""
        return service.compute_kunde(current_session(), current_akteur(), kunde_id, **auswahl)
