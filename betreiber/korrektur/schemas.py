"""Shapes of corrections and of what changed."""

from marshmallow import fields, validate

from betreiber import felder
from betreiber.ablesung.domain import Herkunft, Qualitaet
from betreiber.ablesung.schemas import ZeitraumSeiteQuerySchema
from betreiber.felder import StrengesSchema
from betreiber.seite import seite_schema


class KorrekturSchema(StrengesSchema):
    messzeitpunkt = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={"description": "of the reading, on a quarter hour", "example": "2026-05-31T10:15:00+02:00"},
    )
    bezug_gesamt_wh = felder.Ganzzahl(
        von=0, load_default=None, metadata={"description": "what register 1-0:1.8.0*255 showed, in Wh"}
    )
    einspeisung_gesamt_wh = felder.Ganzzahl(
        von=0, load_default=None, metadata={"description": "what register 1-0:2.8.0*255 showed, in Wh"}
    )
    entfernen = felder.Wahrheitswert(
        load_default=False, metadata={"description": "take the reading back, in place of registers"}
    )
    begruendung = felder.Text(
        hoechstens=500, required=True, metadata={"description": "why; it stands in the audit log"}
    )


class WertSchema(StrengesSchema):
    """A reading as it was or is."""

    bezug_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:1.8.0*255 in Wh"})
    einspeisung_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:2.8.0*255 in Wh"})
    qualitaet = fields.String(validate=validate.OneOf([art.name for art in Qualitaet]))
    herkunft = fields.String(
        validate=validate.OneOf([art.name for art in Herkunft]), metadata={"description": "who said so"}
    )
    empfangen_zeitpunkt = felder.Zeitpunkt(metadata={"description": "since when it counted"})


class KorrekturergebnisSchema(StrengesSchema):
    """What is stored now."""

    wert = fields.Nested(WertSchema, allow_none=True, metadata={"description": "null: the reading was taken back"})


class WertaenderungenQuerySchema(ZeitraumSeiteQuerySchema):
    """A page of what changed of the readings of a period."""


class WertaenderungSchema(StrengesSchema):
    messzeitpunkt = felder.Zeitpunkt(metadata={"description": "of the reading"})
    geaendert_zeitpunkt = felder.Zeitpunkt(metadata={"description": "when it changed"})
    alt = fields.Nested(WertSchema, allow_none=True, metadata={"description": "null: there was none"})
    neu = fields.Nested(WertSchema, allow_none=True, metadata={"description": "null: it was taken back"})
    bezug_differenz_wh = fields.Integer(
        allow_none=True, metadata={"description": "new register less old one, in Wh as the register shows them"}
    )
    einspeisung_differenz_wh = fields.Integer(allow_none=True)


WertaenderungSeiteSchema = seite_schema(WertaenderungSchema)
