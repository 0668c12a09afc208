"""Shapes of logging in."""

from marshmallow import fields

from betreiber import felder
from betreiber.auth.domain import PASSWORT_HOECHSTENS, PASSWORT_MINDESTENS, Rolle
from betreiber.felder import StrengesSchema


def neues_passwort(beschreibung: str) -> felder.Geheimnis:
    """A password that somebody chooses."""
    return felder.Geheimnis(
        mindestens=PASSWORT_MINDESTENS,
        hoechstens=PASSWORT_HOECHSTENS,
        required=True,
        metadata={"description": beschreibung},
    )


class AnmeldungSchema(StrengesSchema):
    benutzername = felder.Text(
        hoechstens=254, required=True, metadata={"description": "user name or e-mail address"}
    )
    passwort = felder.Geheimnis(required=True)


class ErneuerungSchema(StrengesSchema):
    erneuerungstoken = felder.Geheimnis(
        required=True, hoechstens=2000, metadata={"description": "refresh token; good once, then replaced"}
    )


class TokenSchema(StrengesSchema):
    zugriffstoken = fields.String(metadata={"description": "access token for Authorization: Bearer"})
    erneuerungstoken = fields.String(metadata={"description": "refresh token, valid once"})
    gueltig_s = fields.Integer(metadata={"description": "validity of the access token in seconds"})
    benutzer_id = fields.Integer()
    kunde_id = fields.Integer(allow_none=True, metadata={"description": "the customer, for customers"})
    rollen = fields.List(felder.Auswahl(Rolle))


class BenutzerSchema(StrengesSchema):
    benutzer_id = fields.Integer()
    kunde_id = fields.Integer(allow_none=True)
    rollen = fields.List(felder.Auswahl(Rolle))


class EinladungSchema(StrengesSchema):
    einladungscode = fields.String(metadata={"description": "one use, shown this once"})
    gueltig_bis = felder.Zeitpunkt()


class RegistrierungSchema(StrengesSchema):
    einladungscode = felder.Geheimnis(required=True)
    benutzername = felder.EMail(required=True, metadata={"description": "e-mail address, becomes the user name"})
    passwort = neues_passwort("chosen password")


class PasswortAendernSchema(StrengesSchema):
    passwort_alt = felder.Geheimnis(required=True)
    passwort_neu = neues_passwort("new password; every session ends")


class PasswortVergessenSchema(StrengesSchema):
    benutzername = felder.Text(hoechstens=254, required=True)


class PasswortZuruecksetzenSchema(StrengesSchema):
    code = felder.Geheimnis(required=True, metadata={"description": "from the mail"})
    passwort_neu = neues_passwort("new password; every session ends")
