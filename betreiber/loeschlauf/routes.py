"""Route of the receipts of deletion runs."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint
from betreiber.loeschlauf import schemas, service
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session

blp = Blueprint(
    "loeschlaeufe", __name__, url_prefix="/v1/loeschlaeufe", description="Receipts of deleted readings"
)


@blp.route("")
class LoeschlaeufeView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.LoeschlaufSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """What was deleted when, how much of it, and by which rule; newest first."""
        return service.list_loeschlaeufe(current_session(), current_akteur(), **auswahl)
