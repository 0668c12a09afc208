"""Shapes of readings."""

from marshmallow import fields, validate

from betreiber import felder
from betreiber.ablesung.domain import Qualitaet
from betreiber.felder import StrengesSchema
from betreiber.seite import SeiteQuerySchema, seite_schema


class ZaehlerstaendeQuerySchema(SeiteQuerySchema):
    von = felder.Zeitpunkt(required=True, metadata={"description": "begin of the period"})
    bis = felder.Zeitpunkt(required=True, metadata={"description": "end of the period, exclusive"})


class ZaehlerstandSchema(StrengesSchema):
    messzeitpunkt = felder.Zeitpunkt()
    bezug_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:1.8.0*255 in Wh"})
    einspeisung_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:2.8.0*255 in Wh"})
    qualitaet = fields.String(validate=validate.OneOf([art.name for art in Qualitaet]))
    empfangen_zeitpunkt = felder.Zeitpunkt(metadata={"description": "when the operator received it"})


ZaehlerstandSeiteSchema = seite_schema(ZaehlerstandSchema)
