"""Routes of Störungen and of the view of the fleet."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.session import current_session
from betreiber.stoerung import schemas, service

blp = Blueprint("stoerungen", __name__, url_prefix="/v1", description="Silent and sick meters")


@blp.route("/stoerungen")
class StoerungenView(MethodView):
    @blp.arguments(schemas.StoerungenQuerySchema, location="query")
    @blp.response(200, schemas.StoerungSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """What is or was wrong with meters, the last found first."""
        return service.list_stoerungen(current_session(), current_akteur(), **auswahl)


@blp.route("/stoerungen/<id:stoerung_id>")
class StoerungView(MethodView):
    @blp.response(200, schemas.StoerungSchema)
    def get(self, stoerung_id: int) -> Any:
        """One Störung."""
        stoerung = service.get_stoerung(current_session(), current_akteur(), stoerung_id)
        return stoerung, etag(stoerung.version)

    @blp.arguments(schemas.StoerungBehebenSchema)
    @blp.response(200, schemas.StoerungSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], stoerung_id: int) -> Any:
        """Close an open one and say why; it opens anew only after the meter was well in between."""
        stoerung = service.close_stoerung(
            current_session(), current_akteur(), stoerung_id, required_version(), **daten
        )
        return stoerung, etag(stoerung.version)


@blp.route("/flotte")
class FlotteView(MethodView):
    @blp.arguments(schemas.FlotteQuerySchema, location="query")
    @blp.response(200, schemas.FlotteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """All meters in numbers: by state, year, postcode and firmware, and how many are silent."""
        return service.describe_flotte(current_session(), current_akteur(), **auswahl)
