"""Shapes of the receipts of deletion runs."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.seite import seite_schema


class LoeschlaufSchema(StrengesSchema):
    loeschlauf_id = fields.Integer()
    zeitpunkt = felder.Zeitpunkt(metadata={"description": "when it began"})
    beendet_zeitpunkt = felder.Zeitpunkt(
        allow_none=True, metadata={"description": "null: broken off; the next run goes on"}
    )
    akteur = fields.String(metadata={"example": "system:jobs"})
    stichtag_datum = fields.Date(
        metadata={"description": "readings of local days before it went", "example": "2023-01-01"}
    )
    grund = fields.String(metadata={"example": "MsbG § 60 Abs. 6: Aufbewahrungsdauer abgelaufen"})
    ergebnis = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "deleted rows by table", "example": {"verbrauch_tag": 365}},
    )


LoeschlaufSeiteSchema = seite_schema(LoeschlaufSchema)
