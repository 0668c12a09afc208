"""Routes of evaluations of Verbrauch."""

from typing import Any

from flask.views import MethodView

from betreiber.auswertung import schemas, service
from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.session import current_session

blp = Blueprint("auswertung", __name__, url_prefix="/v1", description="What is read off consumption")


@blp.route("/stromzaehler/<id:stromzaehler_id>/lastgang")
class LastgangView(MethodView):
    @blp.arguments(schemas.LastgangQuerySchema, location="query")
    @blp.response(200, schemas.LastgangSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Load profile of a meter: mean power in kW."""
        return service.compute_lastgang(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/spitzen")
class SpitzenView(MethodView):
    @blp.arguments(schemas.SpitzenQuerySchema, location="query")
    @blp.response(200, schemas.SpitzenSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Peaks of a meter: the highest quarter hour of each day or month, of import and export."""
        return service.find_spitzen(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/statistik")
class StatistikView(MethodView):
    @blp.arguments(schemas.StatistikQuerySchema, location="query")
    @blp.response(200, schemas.StatistikSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Count, least, greatest, mean and variance of the quarter hours of a meter."""
        return service.compute_statistik(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/vergleich")
class StromzaehlerVergleichView(MethodView):
    @blp.arguments(schemas.VergleichQuerySchema, location="query")
    @blp.response(200, schemas.VerbrauchsvergleichSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """A day, week, month or year of a meter beside the one before it."""
        return service.compare_stromzaehler(current_session(), current_akteur(), stromzaehler_id, **auswahl)


@blp.route("/kunden/<id:kunde_id>/vergleich")
class KundeVergleichView(MethodView):
    @blp.arguments(schemas.VergleichQuerySchema, location="query")
    @blp.response(200, schemas.VerbrauchsvergleichSchema)
    def get(self, auswahl: dict[str, Any], kunde_id: int) -> Any:
        """A day, week, month or year of a customer beside the one before it."""
        return service.compare_kunde(current_session(), current_akteur(), kunde_id, **auswahl)


@blp.route("/messstellen/<id:messstelle_id>/zaehlwerkskette")
class ZaehlwerksketteView(MethodView):
    @blp.arguments(schemas.ZaehlwerksketteQuerySchema, location="query")
    @blp.response(200, schemas.ZaehlwerksketteSchema)
    def get(self, auswahl: dict[str, Any], messstelle_id: int) -> Any:
        """Which meters hung there in a period, with first and last reading and Verbrauch of each, and in sum."""
        return service.compute_kette(current_session(), current_akteur(), messstelle_id, **auswahl)
