"""Routes of work orders."""

from typing import Any

from flask import current_app
from flask.views import MethodView

from betreiber.auftrag import ausgabe, schemas, service, tourblatt, touren, wartungsauftraege
from betreiber.auth.zugang import current_akteur
from betreiber.extensions import IF_MATCH, Blueprint, etag, required_version, send_file
from betreiber.seite import SeiteQuerySchema
from betreiber.session import current_session

blp = Blueprint("auftraege", __name__, url_prefix="/v1", description="Work orders of fitters")


@blp.route("/auftraege")
class AuftraegeView(MethodView):
    @blp.arguments(schemas.AuftraegeQuerySchema, location="query")
    @blp.response(200, schemas.AuftragSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Orders by day of the visit, those without one last; fitters get their own."""
        return service.list_auftraege(current_session(), current_akteur(), **auswahl)

    @blp.arguments(schemas.AuftragAnlegenSchema)
    @blp.response(201, schemas.AuftragSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Make an order; it is OFFEN until somebody plans it."""
        auftrag = service.create_auftrag(current_session(), current_akteur(), daten)
        return auftrag, etag(auftrag.version)


@blp.route("/auftraege/<id:auftrag_id>")
class AuftragView(MethodView):
    @blp.response(200, schemas.AuftragAuskunftSchema)
    def get(self, auftrag_id: int) -> Any:
        """An order with address, access note, contact, visits and proofs."""
        auskunft = service.get_auftrag(current_session(), current_akteur(), auftrag_id)
        return auskunft, etag(auskunft.auftrag.version)

    @blp.arguments(schemas.AuftragAendernSchema)
    @blp.response(200, schemas.AuftragSchema)
    @blp.doc(parameters=[IF_MATCH])
    def patch(self, daten: dict[str, Any], auftrag_id: int) -> Any:
        """Plan, assign, set out, cancel; 409 names the states that may follow."""
        auftrag = service.change_auftrag(
            current_session(), current_akteur(), auftrag_id, required_version(), daten
        )
        return auftrag, etag(auftrag.version)


@blp.route("/auftraege/<id:auftrag_id>/besuche")
class BesucheView(MethodView):
    @blp.arguments(schemas.BesuchAnlegenSchema)
    @blp.response(201, schemas.AuftragSchema)
    @blp.doc(parameters=[IF_MATCH])
    def post(self, daten: dict[str, Any], auftrag_id: int) -> Any:
        """Note a visit that failed: planned again with a new day, FEHLGESCHLAGEN without one."""
        auftrag = service.record_besuch(current_session(), current_akteur(), auftrag_id, required_version(), daten)
        return auftrag, etag(auftrag.version)


@blp.route("/auftraege/<id:auftrag_id>/nachweise")
class NachweiseView(MethodView):
    @blp.arguments(schemas.NachweisAnlegenSchema)
    @blp.response(201, schemas.NachweisSchema)
    def post(self, daten: dict[str, Any], auftrag_id: int) -> Any:
        """Keep what the fitter brought back: a reading, a note."""
        return service.add_nachweis(current_session(), current_akteur(), auftrag_id, daten)


@blp.route("/auftraege/<id:auftrag_id>/fotos")
class FotosView(MethodView):
    @blp.arguments(schemas.FotoAnlegenSchema, location="multipart")
    @blp.response(201, schemas.NachweisSchema)
    def post(self, daten: dict[str, Any], auftrag_id: int) -> Any:
        """Keep a photo that the fitter took."""
        inhalt = daten.pop("datei").inhalt
        return service.add_foto(current_session(), current_akteur(), auftrag_id, inhalt, daten)


@blp.route("/auftraege/<id:auftrag_id>/fotos/<id:auftragsnachweis_id>")
class FotoView(MethodView):
    @blp.response(200, schemas.FOTO, content_type="image/jpeg")
    @blp.alt_response(200, schema=schemas.FOTO, content_type="image/png", success=True)
    def get(self, auftrag_id: int, auftragsnachweis_id: int) -> Any:
        """The photo itself."""
        inhalt, medientyp, name = service.get_foto(
            current_session(), current_akteur(), auftrag_id, auftragsnachweis_id
        )
        return send_file([inhalt], medientyp, name)


@blp.route("/auftraege/<id:auftrag_id>/erledigung")
class ErledigungView(MethodView):
    @blp.response(200, schemas.ErledigungSchema)
    @blp.doc(parameters=[IF_MATCH])
    def post(self, auftrag_id: int) -> Any:
        """End an order as done; a control reading is compared with what the meter sent."""
        toleranz_wh = current_app.extensions["msb_settings"].kontrollablesung_toleranz_wh
        erledigung = service.complete(
            current_session(), current_akteur(), auftrag_id, required_version(), toleranz_wh=toleranz_wh
        )
        return erledigung, etag(erledigung.auftrag.version)


@blp.route("/auftragskennzahlen")
class AuftragskennzahlenView(MethodView):
    @blp.arguments(schemas.AuftragskennzahlenQuerySchema, location="query")
    @blp.response(200, schemas.AuftragskennzahlenSchema(many=True))
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Due, done, on time, overdue, failed visits and mean time of repair: of all kinds first, then each."""
        return service.compute_figures(current_session(), current_akteur(), **auswahl)


@blp.route("/touren")
class TourenView(MethodView):
    @blp.arguments(schemas.TourQuerySchema, location="query")
    @blp.response(200, schemas.AuftragSchema(many=True))
    @blp.alt_response(200, schema=schemas.DATEI, content_type="text/csv", success=True)
    @blp.alt_response(200, schema=schemas.DATEI, content_type="text/calendar", success=True)
    @blp.alt_response(200, schema=schemas.TOURBLATT, content_type="application/pdf", success=True)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """The orders of a day by postcode, street and house number: as JSON, CSV, ICS or PDF."""
        akteur = current_akteur()
        tour = touren.list_tour(current_session(), akteur, auswahl["datum"], auswahl["monteur"])
        if auswahl["format"] == "csv":
            return send_file(
                [ausgabe.encode_csv(tour, alle=akteur.sees_all)], "text/csv", f"tour_{auswahl['datum']}.csv"
            )
        if auswahl["format"] == "ics":
            kalender = ausgabe.encode_ics(tour, akteur.zeitpunkt)
            return send_file([kalender], "text/calendar", f"tour_{auswahl['datum']}.ics")
        if auswahl["format"] == "pdf":
            blatt = tourblatt.print_tour(current_session(), akteur, auswahl["datum"], tour)
            return send_file([blatt], "application/pdf", f"tour_{auswahl['datum']}.pdf")
        return tour


@blp.route("/monteure")
class MonteureView(MethodView):
    @blp.arguments(SeiteQuerySchema, location="query")
    @blp.response(200, schemas.MonteurSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """The logins of fitters by name: whom to plan orders for."""
        return touren.list_monteure(current_session(), **auswahl)


@blp.route("/tourenvorschlaege")
class TourenvorschlaegeView(MethodView):
    @blp.arguments(schemas.TourenvorschlagAnlegenSchema)
    @blp.response(200, schemas.TourenvorschlagSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Distribute the open orders over working days and fitters; only with probelauf false they are planned."""
        return touren.propose(current_session(), current_akteur(), **daten)


@blp.route("/wartungsauftraege")
class WartungsauftraegeView(MethodView):
    @blp.arguments(schemas.WartungsauftraegeAnlegenSchema)
    @blp.response(200, schemas.WartungsauftraegeSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Make an order for each meter that is due and has none; only with probelauf false they are made."""
        return wartungsauftraege.create_wartungsauftraege(current_session(), current_akteur(), **daten)
