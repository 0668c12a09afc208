"""Routes of customers."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.kunde import schemas, service
from betreiber.session import current_session

blp = Blueprint("kunden", __name__, url_prefix="/v1/kunden", description="Personal data of customers")


@blp.route("")
class KundenView(MethodView):
    @blp.arguments(schemas.KundenQuerySchema, location="query")
    @blp.response(200, schemas.KundeSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Customers by name."""
        return service.list_kunden(current_session(), current_akteur(), **auswahl)

    @blp.arguments(schemas.KundeAnlegenSchema)
    @blp.response(201, schemas.KundeSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Add a customer."""
        kunde = service.create_kunde(current_session(), current_akteur(), daten)
        return kunde, etag(kunde.version)


@blp.route("/<id:kunde_id>")
class KundeView(MethodView):
    @blp.response(200, schemas.KundeSchema)
    def get(self, kunde_id: int) -> Any:
        """Personal data of a customer; customers read their own."""
        kunde = service.get_kunde(current_session(), current_akteur(), kunde_id)
        return kunde, etag(kunde.version)

    @blp.arguments(schemas.KundeAendernSchema(partial=True))
    @blp.response(200, schemas.KundeSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], kunde_id: int) -> Any:
        """Change personal data; customers change e_mail and telefon themselves."""
        kunde = service.change_kunde(current_session(), current_akteur(), kunde_id, required_version(), daten)
        return kunde, etag(kunde.version)
