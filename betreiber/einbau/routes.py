"""Routes of installing and removing meters."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.einbau import schemas, service
from betreiber.einbau.faktorwechsel import change_factor
from betreiber.einbau.zaehlerwechsel import exchange
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session

blp = Blueprint(
    "einbauten",
    __name__,
    url_prefix="/v1",
    description="Which meter hangs where when",
)


@blp.route("/stromzaehler/<id:stromzaehler_id>/einbauten")
class EinbautenView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.EinbauSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Where a meter hung when, oldest first."""
        return service.list_einbauten(current_session(), current_akteur(), stromzaehler_id, **auswahl)

    @blp.arguments(schemas.EinbauAnlegenSchema)
    @blp.response(201, schemas.EinbauSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Record that the meter was installed at a Messstelle; 409 when it or the place is taken."""
        einbau = service.create_einbau(current_session(), current_akteur(), stromzaehler_id, daten)
        return einbau, etag(einbau.version)


@blp.route("/stromzaehler/<id:stromzaehler_id>/einbauten/<id:einbau_id>")
class EinbauView(MethodView):
    @blp.response(200, schemas.EinbauSchema)
    def get(self, stromzaehler_id: int, einbau_id: int) -> Any:
        """One Einbau of a meter."""
        einbau = service.get_einbau(current_session(), current_akteur(), stromzaehler_id, einbau_id)
        return einbau, etag(einbau.version)

    @blp.arguments(schemas.EinbauAendernSchema)
    @blp.response(200, schemas.EinbauSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], stromzaehler_id: int, einbau_id: int) -> Any:
        """Record that the meter was removed."""
        einbau = service.end_einbau(
            current_session(), current_akteur(), stromzaehler_id, einbau_id, required_version(), **daten
        )
        return einbau, etag(einbau.version)


@blp.route("/messstellen/<id:messstelle_id>/zaehlerwechsel")
class ZaehlerwechselView(MethodView):
    @blp.arguments(schemas.ZaehlerwechselAnlegenSchema)
    @blp.response(201, schemas.ZaehlerwechselSchema)
    def post(self, daten: dict[str, Any], messstelle_id: int) -> Any:
        """Record that a meter took another one's place, with the last and the first register, all at once."""
        return exchange(current_session(), current_akteur(), messstelle_id, daten)


@blp.route("/stromzaehler/<id:stromzaehler_id>/faktorwechsel")
class FaktorwechselView(MethodView):
    @blp.arguments(schemas.FaktorwechselAnlegenSchema)
    @blp.response(201, schemas.FaktorwechselSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Record that another transformer factor holds from an instant on; readings before it stay as they are."""
        return change_factor(current_session(), current_akteur(), stromzaehler_id, daten)
