"""Routes of access notices."""

from typing import Any

from flask import current_app
from flask.views import MethodView

from betreiber.auth.zugang import current_akteur
from betreiber.extensions import Blueprint, send_file
from betreiber.session import current_session
from betreiber.zutritt import schemas, service

blp = Blueprint("zutritt", __name__, url_prefix="/v1", description="Letters that announce a fitter's visit")


@blp.route("/zutrittsankuendigungen")
class ZutrittsankuendigungenView(MethodView):
    @blp.arguments(schemas.AnkuendigungenQuerySchema, location="query")
    @blp.response(200, schemas.AnkuendigungSeiteSchema)
    def get(self, auswahl: dict[str, Any]) -> Any:
        """Letters, the newest first."""
        return service.list_ankuendigungen(current_session(), current_akteur(), **auswahl)

    @blp.arguments(schemas.AnkuendigungAnlegenSchema)
    @blp.response(200, schemas.ZutrittslaufSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Announce planned visits by letter (MsbG § 38); only with probelauf false the letters are written."""
        settings = current_app.extensions["msb_settings"]
        return service.announce(
            current_session(),
            current_akteur(),
            absender=settings,
            postlauf_tage=settings.zutritt_postlauf_tage,
            **daten,
        )


@blp.route("/zutrittsankuendigungen/<id:zutrittsankuendigung_id>")
class ZutrittsankuendigungView(MethodView):
    @blp.response(200, schemas.PDF, content_type="application/pdf")
    def get(self, zutrittsankuendigung_id: int) -> Any:
        """A letter as it left the house."""
        pdf = service.get_pdf(current_session(), current_akteur(), zutrittsankuendigung_id)
        return send_file([pdf], "application/pdf", f"zutrittsankuendigung_{zutrittsankuendigung_id}.pdf")


@blp.route("/zutrittsankuendigungen/druck")
class DruckView(MethodView):
    @blp.arguments(schemas.DruckQuerySchema, location="query")
    @blp.response(200, schemas.PDF, content_type="application/pdf")
    def get(self, auswahl: dict[str, Any]) -> Any:
        """All letters of a day in one file for the printer."""
        pdf = service.print_day(current_session(), current_akteur(), **auswahl)
        return send_file([pdf], "application/pdf", f"zutrittsankuendigungen_{auswahl['versand_datum']}.pdf")
