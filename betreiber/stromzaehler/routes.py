"""Routes of meters and of whose they are."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session
from betreiber.stromzaehler import schemas, service

blp = Blueprint("stromzaehler", __name__, url_prefix="/v1", description="Meters, and whose they are when")


@blp.route("/stromzaehler")
class StromzaehlerListeView(MethodView):
    @blp.arguments(schemas.StromzaehlerQuerySchema, location="query")
    @blp.response(200, schemas.StromzaehlerSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Meters by number."""
        return service.list_stromzaehler(current_session(), current_akteur(), **auswahl)

    @blp.arguments(schemas.StromzaehlerAnlegenSchema)
    @blp.response(201, schemas.StromzaehlerSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Register a meter."""
        stromzaehler = service.create_stromzaehler(current_session(), current_akteur(), daten)
        return stromzaehler, etag(stromzaehler.version)


@blp.route("/stromzaehler/<id:stromzaehler_id>")
class StromzaehlerView(MethodView):
    @blp.response(200, schemas.StromzaehlerSchema)
    def get(self, stromzaehler_id: int) -> Any:
        """One meter; customers read those that are or were theirs."""
        stromzaehler = service.get_stromzaehler(current_session(), current_akteur(), stromzaehler_id)
        return stromzaehler, etag(stromzaehler.version)


@blp.route("/stromzaehler/<id:stromzaehler_id>/zuordnungen")
class ZuordnungenView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.ZuordnungSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Whose meter it was when, oldest first."""
        return service.list_zuordnungen(current_session(), current_akteur(), stromzaehler_id, **auswahl)

    @blp.arguments(schemas.ZuordnungAnlegenSchema)
    @blp.response(201, schemas.ZuordnungSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Assign the meter to a customer; 409 zuordnung_ueberlappt when it is somebody's in that period."""
        zuordnung = service.create_zuordnung(current_session(), current_akteur(), stromzaehler_id, daten)
        return zuordnung, etag(zuordnung.version)


@blp.route("/stromzaehler/<id:stromzaehler_id>/zuordnungen/<id:kunde_stromzaehler_id>")
class ZuordnungView(MethodView):
    @blp.response(200, schemas.ZuordnungSchema)
    def get(self, stromzaehler_id: int, kunde_stromzaehler_id: int) -> Any:
        """One interval of a meter."""
        zuordnung = service.get_zuordnung(
            current_session(), current_akteur(), stromzaehler_id, kunde_stromzaehler_id
        )
        return zuordnung, etag(zuordnung.version)

    @blp.arguments(schemas.ZuordnungAendernSchema(partial=True))
    @blp.response(200, schemas.ZuordnungSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], stromzaehler_id: int, kunde_stromzaehler_id: int) -> Any:
        """Move an edge of the interval, for example to end it."""
        zuordnung = service.change_zuordnung(
            current_session(),
            current_akteur(),
            stromzaehler_id,
            kunde_stromzaehler_id,
            required_version(),
            daten,
        )
        return zuordnung, etag(zuordnung.version)


@blp.route("/kunden/<id:kunde_id>/stromzaehler")
class StromzaehlerDesKundenView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.KundeStromzaehlerSeiteSchema)
    def get(self, auswahl: dict[str, Any], kunde_id: int) -> Any:
        """A customer's meters with the periods in which they are or were theirs, the newest first."""
        return service.list_stromzaehler_of_kunde(current_session(), current_akteur(), kunde_id, **auswahl)
