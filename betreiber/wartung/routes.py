"""Routes of maintenance and verification."""

from typing import Any

from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session
from betreiber.wartung import eichungen, kennzahlen, schemas, service

blp = Blueprint("wartungen", __name__, url_prefix="/v1", description="Maintenance and verification of meters")


@blp.route("/wartungen")
class WartungenView(MethodView):
    @blp.arguments(schemas.WartungenQuerySchema, location="query")
    @blp.response(200, schemas.WartungSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Maintenance of all meters that are not scrapped: what is due first, by postcode or by street."""
        return service.list_wartungen(current_session(), current_akteur(), **auswahl)


@blp.route("/wartungskennzahlen")
class WartungskennzahlenView(MethodView):
    @blp.arguments(schemas.WartungskennzahlenQuerySchema, location="query")
    @blp.response(200, schemas.WartungskennzahlenSchema)
    def get(self, zeitraum: dict[str, Any]) -> Any:
        """How much maintenance is due and overdue, by reason; what is to be applied for."""
        return kennzahlen.compute_kennzahlen(current_session(), current_akteur(), **zeitraum)


@blp.route("/stromzaehler/<id:stromzaehler_id>")
class StromzaehlerView(MethodView):
    @blp.arguments(schemas.StromzaehlerAendernSchema(partial=True))
    @blp.response(200, schemas.StromzaehlerSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Change a meter's data; stellen and faktor only while there are no readings. Its dates follow."""
        stromzaehler = service.change_register(
            current_session(), current_akteur(), stromzaehler_id, required_version(), daten
        )
        return stromzaehler, etag(stromzaehler.version)


@blp.route("/stromzaehler/<id:stromzaehler_id>/wartung")
class WartungView(MethodView):
    @blp.response(200, schemas.WartungSchema)
    def get(self, stromzaehler_id: int) -> Any:
        """Maintenance of a meter, when it is due and why; version 0 before the first entry."""
        wartung = service.get_wartung(current_session(), current_akteur(), stromzaehler_id)
        return wartung, etag(wartung.version)

    @blp.arguments(schemas.WartungAendernSchema(partial=True))
    @blp.response(200, schemas.WartungSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Enter a reading or a calibration, or set the next maintenance by hand."""
        wartung = service.change_wartung(
            current_session(), current_akteur(), stromzaehler_id, required_version(), daten
        )
        return wartung, etag(wartung.version)


@blp.route("/stromzaehler/<id:stromzaehler_id>/eichungen")
class EichungenView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.EichungSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """What the Eichfrist of a meter follows from, oldest first; what was taken back is marked."""
        return eichungen.list_eichungen(current_session(), current_akteur(), stromzaehler_id, **auswahl)

    @blp.arguments(schemas.EichungAnlegenSchema)
    @blp.response(201, schemas.EichungSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Enter a verification, an intervention, an extension by a lot, an application, or a time unused."""
        return eichungen.create_eichung(current_session(), current_akteur(), stromzaehler_id, daten)


@blp.route("/stromzaehler/<id:stromzaehler_id>/eichungen/<id:eichung_id>")
class EichungView(MethodView):
    @blp.response(204)
    def delete(self, stromzaehler_id: int, eichung_id: int) -> None:
        """Take an entry back: it stays in the list and counts no longer."""
        eichungen.withdraw_eichung(current_session(), current_akteur(), stromzaehler_id, eichung_id)


@blp.route("/stromzaehler/<id:stromzaehler_id>/abrechenbarkeit")
class AbrechenbarkeitView(MethodView):
    @blp.arguments(schemas.AbrechenbarkeitQuerySchema, location="query")
    @blp.response(200, schemas.AbrechenbarkeitSchema)
    def get(self, zeitraum: dict[str, Any], stromzaehler_id: int) -> Any:
        """Which readings of [von, bis) may be billed, which not, and why: MessEG §§ 37, 38."""
        teile = eichungen.get_abrechenbarkeit(current_session(), current_akteur(), stromzaehler_id, **zeitraum)
        return {"abschnitte": teile}


@blp.route("/stromzaehler/<id:stromzaehler_id>/abrechnungsfreigaben")
class AbrechnungsfreigabenView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.AbrechnungsfreigabeSeiteSchema)
    def get(self, auswahl: dict[str, Any], stromzaehler_id: int) -> Any:
        """On which grounds a meter is billed after the end of its Eichfrist; what was taken back is marked."""
        return eichungen.list_abrechnungsfreigaben(current_session(), current_akteur(), stromzaehler_id, **auswahl)

    @blp.arguments(schemas.AbrechnungsfreigabeAnlegenSchema)
    @blp.response(201, schemas.AbrechnungsfreigabeSchema)
    def post(self, daten: dict[str, Any], stromzaehler_id: int) -> Any:
        """Let readings be billed although the Eichfrist is over, on a ground of the law and with its document."""
        return eichungen.create_abrechnungsfreigabe(current_session(), current_akteur(), stromzaehler_id, daten)


@blp.route("/stromzaehler/<id:stromzaehler_id>/abrechnungsfreigaben/<id:abrechnungsfreigabe_id>")
class AbrechnungsfreigabeView(MethodView):
    @blp.response(204)
    def delete(self, stromzaehler_id: int, abrechnungsfreigabe_id: int) -> None:
        """Take a ground back: it stays in the list and counts no longer."""
        eichungen.withdraw_abrechnungsfreigabe(
            current_session(), current_akteur(), stromzaehler_id, abrechnungsfreigabe_id
        )
