"""Routes of price sheets."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint, etag
from betreiber.session import current_session
from betreiber.tarif import schemas, service

blp = Blueprint("tarife", __name__, url_prefix="/v1/tarife", description="Price sheets")


@blp.route("")
class TarifeView(MethodView):
    @blp.arguments(schemas.TarifeQuerySchema, location="query")
    @blp.response(200, schemas.TarifSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Price sheets by name."""
        return service.list_tarife(current_session(), current_akteur(), **auswahl)

    @blp.arguments(schemas.TarifAnlegenSchema)
    @blp.response(201, schemas.TarifSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Add a price sheet; it never changes afterwards."""
        tarif = service.create_tarif(current_session(), current_akteur(), daten)
        return tarif, etag(tarif.version)


@blp.route("/<id:tarif_id>")
class TarifView(MethodView):
    @blp.response(200, schemas.TarifSchema)
    def get(self, tarif_id: int) -> Any:
        """One price sheet."""
        tarif = service.get_tarif(current_session(), current_akteur(), tarif_id)
        return tarif, etag(tarif.version)
