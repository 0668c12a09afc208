"""Routes of the event feed."""

from typing import Any

from flask import Response, request
from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.ereignis import schemas, service
from betreiber.extensions import Blueprint
from betreiber.session import current_session

blp = Blueprint("ereignisse", __name__, url_prefix="/v1", description="What happened, in its order")


@blp.route("/ereignisse")
class EreignisseView(MethodView):
    @blp.arguments(schemas.EreignisseQuerySchema, location="query")
    @blp.response(200, schemas.EreignisfolgeSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Events after `seit` that the caller's role sees. Sent If-None-Match, it is 304 while there is no news.

        None is left out for ever: an event is withheld as long as one with a smaller number may yet appear.
        """
        bekannt = request.if_none_match.contains_weak
        folge = service.read_folge(current_session(), current_akteur(), **auswahl, has=bekannt)
        kopf = {"ETag": f'"{folge.etag}"'}
        return Response(status=304, headers=kopf) if folge.ereignisse is None else (folge, kopf)


@blp.route("/ereignisarten")
class EreignisartenView(MethodView):
    @blp.response(200, schemas.EreignisartSchema(many=True))
    def get(self) -> Any:
        """The kinds of events that the caller's role sees, with their details."""
        return service.list_arten(current_akteur())
