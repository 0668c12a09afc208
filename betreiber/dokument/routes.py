"""Routes of documents of meters."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.dokument import schemas, service
from betreiber.extensions import Blueprint, send_file
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session

blp = Blueprint("dokumente", __name__, url_prefix="/v1", description="Files of meters, such as a warranty")


@blp.route("/stromzaehler/<id:stromzaehler_id>/dokumente")
class DokumenteView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.DokumentSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """Documents of a meter, the newest first."""
        return service.list_dokumente(current_session(), current_akteur(), stromzaehler_id, **auswahl)

    @blp.arguments(schemas.DokumentAnlegenSchema, location="multipart")
    @blp.response(201, schemas.DokumentSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Store a file of a meter; the ende_datum of a GEWAEHRLEISTUNG is noted at the meter, too."""
        datei = daten.pop("datei")
        return service.create_dokument(
            current_session(),
            current_akteur(),
            stromzaehler_id,
            dateiname=datei.dateiname,
            inhalt=datei.inhalt,
            **daten,
        )


@blp.route("/stromzaehler/<id:stromzaehler_id>/dokumente/<id:dokument_id>")
class DokumentView(MethodView):
    @blp.response(200, schemas.DokumentSchema)
    def get(self, stromzaehler_id: int, dokument_id: int) -> Any:
        """What is known of a document."""
        return service.get_dokument(current_session(), current_akteur(), stromzaehler_id, dokument_id)

    @blp.response(204)
    def delete(self, stromzaehler_id: int, dokument_id: int) -> None:
        """Delete a document; a date that it set at the meter stays."""
        service.delete_dokument(current_session(), current_akteur(), stromzaehler_id, dokument_id)


@blp.route("/stromzaehler/<id:stromzaehler_id>/dokumente/<id:dokument_id>/inhalt")
class DokumentinhaltView(MethodView):
    @blp.doc(responses={"200": schemas.INHALT})
    def get(self, stromzaehler_id: int, dokument_id: int) -> Any:
        """The file itself, as an attachment."""
        dokument = service.get_dokument(current_session(), current_akteur(), stromzaehler_id, dokument_id)
        return send_file([dokument.inhalt], dokument.medientyp, dokument.dateiname)
