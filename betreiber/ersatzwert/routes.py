"""Routes of Ersatzwerte."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.ersatzwert import schemas, service
from betreiber.extensions import Blueprint
from betreiber.session import current_session

blp = Blueprint(
    "ersatzwerte",
    __name__,
    url_prefix="/v1/stromzaehler/<id:stromzaehler_id>/ersatzwerte",
    description="How substitute values were formed",
)


@blp.route("")
class ErsatzwerteView(MethodView):
    @blp.arguments(schemas.ErsatzwerteQuerySchema, location="query")
    @blp.response(200, schemas.ErsatzwertbildungSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """How the Ersatzwerte of a meter in a period were formed; customers get those of their own time."""
        return service.list_ersatzwerte(current_session(), current_akteur(), stromzaehler_id, **auswahl)
