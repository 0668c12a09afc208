"""Shapes of readings."""

from marshmallow import fields, validate

from betreiber import felder
from betreiber.ablesung.domain import Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Abschnittsgrund
from betreiber.felder import StrengesSchema
from betreiber.seite import SeiteQuerySchema, seite_schema


class StandQuerySchema(StrengesSchema):
    """Query argument of answers as of an earlier moment."""

    stand = felder.Zeitpunkt(
        load_default=None,
        metadata={
            "description": "answer from what had been received by this instant, which is not after now",
            "example": "2026-04-02T12:00:00+02:00",
        },
    )


class ZeitraumSchema(StrengesSchema):
    """A period on quarter hours."""

    von = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={"description": "begin, on a quarter hour", "example": "2026-03-01T00:00:00+01:00"},
    )
    bis = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={"description": "end, exclusive, on a quarter hour", "example": "2026-04-01T00:00:00+02:00"},
    )


class ZeitraumQuerySchema(StandQuerySchema, ZeitraumSchema):
    """A period on quarter hours, as of a moment of receipt."""


class ZeitraumSeiteQuerySchema(SeiteQuerySchema):
    """A page of what lies in a period."""

    von = felder.Zeitpunkt(required=True, metadata={"description": "begin of the period"})
    bis = felder.Zeitpunkt(required=True, metadata={"description": "end of the period, exclusive"})


class ZaehlerstaendeQuerySchema(StandQuerySchema, ZeitraumSeiteQuerySchema):
    """A page of readings, as of a moment of receipt."""


class ZaehlerstandSchema(StrengesSchema):
    messzeitpunkt = felder.Zeitpunkt()
    bezug_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:1.8.0*255 in Wh"})
    einspeisung_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:2.8.0*255 in Wh"})
    qualitaet = fields.String(validate=validate.OneOf([art.name for art in Qualitaet]))
    herkunft = fields.String(
        validate=validate.OneOf([art.name for art in Herkunft]),
        metadata={"description": "how it was obtained (EnWG § 40(2) Nr. 6)"},
    )
    empfangen_zeitpunkt = felder.Zeitpunkt(metadata={"description": "when the operator received it"})


ZaehlerstandSeiteSchema = seite_schema(ZaehlerstandSchema)


class ZaehlwerksabschnittSchema(StrengesSchema):
    """How a register goes on: the energy that has flowed is faktor x register + offset."""

    von = felder.Zeitpunkt(metadata={"description": "the reading at this instant is the first one of the section"})
    bis = felder.Zeitpunkt(allow_none=True, metadata={"description": "exclusive; null: it still holds"})
    grund = felder.Auswahl(Abschnittsgrund)
    faktor = fields.Integer(metadata={"description": "transformer factor"})
    bezug_versatz_wh = fields.Integer(metadata={"description": "offset of the energy taken from the grid"})
    einspeisung_versatz_wh = fields.Integer(metadata={"description": "offset of the energy fed into it"})
    erfasst_zeitpunkt = felder.Zeitpunkt(metadata={"description": "when it was recorded"})
