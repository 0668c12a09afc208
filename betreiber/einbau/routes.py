"""Routes of installing and removing meters."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.einbau import schemas, service
from betreiber.einbau.ablesung import enter_ablesung
from betreiber.einbau.faktorwechsel import change_factor
from betreiber.einbau.ruecknahme import take_back
from betreiber.einbau.umzug import move
from betreiber.einbau.zaehlerausbau import remove_zaehler, store_zaehler
from betreiber.einbau.zaehlereinbau import install_zaehler
from betreiber.einbau.zaehlerwechsel import exchange
from betreiber.einbau.zuordnungsberichtigung import correct_zuordnung
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


@blp.route("/messstellen/<id:messstelle_id>/zaehlerwechsel/ruecknahme")
class ZaehlerwechselRuecknahmeView(MethodView):
    @blp.arguments(schemas.ZaehlerwechselRuecknahmeSchema)
    @blp.response(200, schemas.RuecknahmeSchema)
    def post(self, daten: dict[str, Any], messstelle_id: int) -> Any:
        """Undo the latest exchange at a place; 409 once the new meter has readings of its own."""
        return take_back(current_session(), current_akteur(), messstelle_id, **daten)


@blp.route("/messstellen/<id:messstelle_id>/zaehlereinbau")
class ZaehlereinbauView(MethodView):
    @blp.arguments(schemas.ZaehlereinbauAnlegenSchema)
    @blp.response(201, schemas.ZaehlereinbauSchema)
    def post(self, daten: dict[str, Any], messstelle_id: int) -> Any:
        """Record that a meter was put in: its first register, whose it is, and a token for it, all at once."""
        return install_zaehler(current_session(), current_akteur(), messstelle_id, daten)


@blp.route("/messstellen/<id:messstelle_id>/zaehlerausbau")
class ZaehlerausbauView(MethodView):
    @blp.arguments(schemas.ZaehlerausbauAnlegenSchema)
    @blp.response(201, schemas.ZaehlerausbauSchema)
    def post(self, daten: dict[str, Any], messstelle_id: int) -> Any:
        """Record that a meter was taken out: its last register, the end of whose it was, all at once."""
        return remove_zaehler(current_session(), current_akteur(), messstelle_id, daten)


@blp.route("/messstellen/<id:messstelle_id>/umzug")
class UmzugView(MethodView):
    @blp.arguments(schemas.UmzugAnlegenSchema)
    @blp.response(201, schemas.UmzugSchema)
    def post(self, daten: dict[str, Any], messstelle_id: int) -> Any:
        """Record that a customer left and who came, with the register between them, all at once."""
        return move(current_session(), current_akteur(), messstelle_id, daten)


@blp.route("/stromzaehler/<id:stromzaehler_id>/lagerung")
class LagerungView(MethodView):
    @blp.arguments(schemas.LagerungAnlegenSchema)
    @blp.response(200, schemas.LagerungSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Record that a removed meter lies in the warehouse again; its keys are revoked."""
        lagerung = store_zaehler(current_session(), current_akteur(), stromzaehler_id, **daten)
        return lagerung, etag(lagerung.version)


@blp.route("/stromzaehler/<id:stromzaehler_id>/zuordnungsberichtigungen")
class ZuordnungsberichtigungenView(MethodView):
    @blp.arguments(schemas.ZuordnungsberichtigungAnlegenSchema)
    @blp.response(200, schemas.BerichtigteZuordnungSchema(many=True))
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Move the instant at which the meter changed hands: both intervals at once."""
        return correct_zuordnung(current_session(), current_akteur(), stromzaehler_id, **daten)


@blp.route("/stromzaehler/<id:stromzaehler_id>/ablesungen")
class AblesungenView(MethodView):
    @blp.arguments(schemas.AblesungAnlegenSchema)
    @blp.response(201, schemas.AblesungSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Enter what somebody read at the display; a customer at the meter that is theirs then."""
        return enter_ablesung(current_session(), current_akteur(), stromzaehler_id, daten)


@blp.route("/stromzaehler/<id:stromzaehler_id>/faktorwechsel")
class FaktorwechselView(MethodView):
    @blp.arguments(schemas.FaktorwechselAnlegenSchema)
    @blp.response(201, schemas.FaktorwechselSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Record that another transformer factor holds from an instant on; readings before it stay as they are."""
        return change_factor(current_session(), current_akteur(), stromzaehler_id, daten)
