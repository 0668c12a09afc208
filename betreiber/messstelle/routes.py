"""Routes of metering points."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.messstelle import schemas, service
from betreiber.session import current_session

blp = Blueprint("messstellen", __name__, url_prefix="/v1/messstellen", description="Where meters hang")


@blp.route("")
class MessstellenView(MethodView):
    @blp.arguments(schemas.MessstellenQuerySchema, location="query")
    @blp.response(200, schemas.MessstelleSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Metering points by address."""
        return service.list_messstellen(current_session(), current_akteur(), **auswahl)

    @blp.arguments(schemas.MessstelleAnlegenSchema)
    @blp.response(201, schemas.MessstelleSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Add a metering point; the check digit of the MaLo-ID is checked."""
        messstelle = service.create_messstelle(current_session(), current_akteur(), daten)
        return messstelle, etag(messstelle.version)


@blp.route("/<id:messstelle_id>")
class MessstelleView(MethodView):
    @blp.response(200, schemas.MessstelleSchema)
    def get(self, messstelle_id: int) -> Any:
        """One metering point."""
        messstelle = service.get_messstelle(current_session(), current_akteur(), messstelle_id)
        return messstelle, etag(messstelle.version)

    @blp.arguments(schemas.MessstelleAendernSchema(partial=True))
    @blp.response(200, schemas.MessstelleSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], messstelle_id: int) -> Any:
        """Change address, connection power or access notes; the ids stay."""
        messstelle = service.change_messstelle(
            current_session(), current_akteur(), messstelle_id, required_version(), daten
        )
        return messstelle, etag(messstelle.version)
