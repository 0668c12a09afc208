"""Routes of maintenance."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.session import current_session
from betreiber.wartung import schemas, service

blp = Blueprint("wartungen", __name__, url_prefix="/v1", description="Maintenance of meters")


@blp.route("/wartungen")
class WartungenView(MethodView):
    @blp.arguments(schemas.WartungenQuerySchema, location="query")
    @blp.response(200, schemas.WartungSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Maintenance of all meters that are not scrapped: what is due first, or by postcode."""
        return service.list_wartungen(current_session(), current_akteur(), **auswahl)


@blp.route("/stromzaehler/<id:stromzaehler_id>/wartung")
class WartungView(MethodView):
    @blp.response(200, schemas.WartungSchema)
    def get(self, stromzaehler_id: int) -> Any:
        """Maintenance data of a meter; version 0 before the first entry."""
        wartung = service.get_wartung(current_session(), current_akteur(), stromzaehler_id)
        return wartung, etag(wartung.version)

    @blp.arguments(schemas.WartungAendernSchema(partial=True))
    @blp.response(200, schemas.WartungSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Enter a reading, a calibration or the next maintenance of a meter."""
        wartung = service.change_wartung(
            current_session(), current_akteur(), stromzaehler_id, required_version(), daten
        )
        return wartung, etag(wartung.version)
