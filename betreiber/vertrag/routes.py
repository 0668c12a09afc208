"""Routes of contracts."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session
from betreiber.vertrag import schemas, service

blp = Blueprint(
    "vertraege", __name__, url_prefix="/v1/kunden/<id:kunde_id>/vertraege", description="Contracts of a customer"
)


@blp.route("")
class VertraegeView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.VertragSeiteSchema)
    def get(self, auswahl: dict[str, Any], kunde_id: int) -> Any:
        """A customer's contracts, the newest first."""
        return service.list_vertraege(current_session(), current_akteur(), kunde_id, **auswahl)

    @blp.arguments(schemas.VertragAnlegenSchema)
    @blp.response(201, schemas.VertragSchema)
    def post(self, daten: dict[str, Any], kunde_id: int) -> Any:
        """Add a contract."""
        vertrag = service.create_vertrag(current_session(), current_akteur(), kunde_id, daten)
        return vertrag, etag(vertrag.version)


@blp.route("/<id:vertrag_id>")
class VertragView(MethodView):
    @blp.response(200, schemas.VertragSchema)
    def get(self, kunde_id: int, vertrag_id: int) -> Any:
        """One contract with its Messstelle and the name of its Tarif."""
        vertrag = service.get_vertrag(current_session(), current_akteur(), kunde_id, vertrag_id)
        return vertrag, etag(vertrag.version)

    @blp.arguments(schemas.VertragAendernSchema(partial=True))
    @blp.response(200, schemas.VertragSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], kunde_id: int, vertrag_id: int) -> Any:
        """Change Tarif, dates or state of a contract."""
        vertrag = service.change_vertrag(
            current_session(), current_akteur(), kunde_id, vertrag_id, required_version(), daten
        )
        return vertrag, etag(vertrag.version)
