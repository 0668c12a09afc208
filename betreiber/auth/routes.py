"""Routes of logging in."""

from typing import Any

from flask.views import MethodView

from betreiber.auth import schemas, service
from betreiber.auth.zugang import current_akteur, current_passwoerter, issue_tokens, read_refresh_token
from betreiber.extensions import Blueprint
from betreiber.session import current_session

blp = Blueprint("anmeldung", __name__, url_prefix="/v1", description="Login, session, password")


@blp.route("/anmeldung")
class AnmeldungView(MethodView):
    @blp.arguments(schemas.AnmeldungSchema)
    @blp.response(200, schemas.TokenSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Log in; after 10 failures of a name in 15 minutes 429."""
        return issue_tokens(service.login(current_session(), current_akteur(), current_passwoerter(), **daten))

    @blp.response(200, schemas.BenutzerSchema)
    def get(self) -> Any:
        """Who is logged in."""
        return current_akteur()

    @blp.response(204)
    def delete(self) -> None:
        """Log out: every token of this session ends at once."""
        service.logout(current_session(), current_akteur())


@blp.route("/anmeldung/erneuerung")
class ErneuerungView(MethodView):
    @blp.arguments(schemas.ErneuerungSchema)
    @blp.response(200, schemas.TokenSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """Exchange the refresh token; one that is used twice ends the session."""
        token = read_refresh_token(daten["erneuerungstoken"])
        return issue_tokens(service.refresh(current_session(), current_akteur(), **token))


@blp.route("/kunden/<id:kunde_id>/einladungen")
class EinladungView(MethodView):
    @blp.response(201, schemas.EinladungSchema)
    def post(self, kunde_id: int) -> Any:
        """Make an invitation code for a customer; it is mailed where there is an address."""
        return service.invite_kunde(current_session(), current_akteur(), kunde_id)


@blp.route("/registrierungen")
class RegistrierungView(MethodView):
    @blp.arguments(schemas.RegistrierungSchema)
    @blp.response(201, schemas.TokenSchema)
    def post(self, daten: dict[str, Any]) -> Any:
        """First login of a customer with an invitation code."""
        return issue_tokens(service.register(current_session(), current_akteur(), current_passwoerter(), **daten))


@blp.route("/passwort")
class PasswortView(MethodView):
    @blp.arguments(schemas.PasswortAendernSchema)
    @blp.response(204)
    def put(self, daten: dict[str, Any]) -> None:
        """Change one's password; every session ends."""
        service.change_passwort(current_session(), current_akteur(), current_passwoerter(), **daten)


@blp.route("/passwort/ruecksetzungen")
class RuecksetzungAnfordernView(MethodView):
    @blp.arguments(schemas.PasswortVergessenSchema)
    @blp.response(202)
    def post(self, daten: dict[str, Any]) -> None:
        """Ask for a code by mail; the answer does not tell whether the user exists."""
        service.request_passwort_reset(current_session(), current_akteur(), **daten)


@blp.route("/passwort/ruecksetzung")
class RuecksetzungView(MethodView):
    @blp.arguments(schemas.PasswortZuruecksetzenSchema)
    @blp.response(204)
    def put(self, daten: dict[str, Any]) -> None:
        """Set a new password with the code of the mail."""
        service.reset_passwort(current_session(), current_akteur(), current_passwoerter(), **daten)
