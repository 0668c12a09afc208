"""Shapes of enrolment tokens and of meters' keys."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.schluessel.domain import Zweck
from betreiber.seite import seite_schema


class EinschreibungstokenSchema(StrengesSchema):
    zaehlernummer = fields.String()
    token = fields.String(metadata={"description": "one use, shown this once"})
    gueltig_bis = felder.Zeitpunkt()


class SchluesselSchema(StrengesSchema):
    zweck = felder.Auswahl(Zweck)
    epoche = fields.Integer(
        metadata={"description": "the three keys of one epoche are a set; the highest is the newest"}
    )
    gueltig_von = felder.Zeitpunkt()
    gueltig_bis = felder.Zeitpunkt()
    gesperrt_zeitpunkt = felder.Zeitpunkt(
        metadata={"description": "from then on every request with this key is refused; null = it is accepted"}
    )
    fingerabdruck = fields.Function(
        lambda zeile: zeile.fingerabdruck.hex(),
        metadata={"type": "string", "description": "SHA-256 of the certificate, in hex"},
    )


SchluesselSeiteSchema = seite_schema(SchluesselSchema)


class SperrungAnlegenSchema(StrengesSchema):
    grund = felder.Text(
        hoechstens=200,
        load_default=None,
        metadata={"description": "for the audit log", "example": "Zähler gestohlen"},
    )


class SperrungSchema(StrengesSchema):
    zaehlernummer = fields.String()
    gesperrt = fields.Integer(metadata={"description": "sets of keys that this call revoked"})
