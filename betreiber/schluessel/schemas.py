"""Shapes of enrolment tokens."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema


class EinschreibungstokenSchema(StrengesSchema):
    zaehlernummer = fields.String()
    token = fields.String(metadata={"description": "one use, shown this once"})
    gueltig_bis = felder.Zeitpunkt()
