"""Shapes of how Ersatzwerte came about."""

from marshmallow import fields, validate

from betreiber import felder
from betreiber.ablesung.schemas import ZeitraumSeiteQuerySchema
from betreiber.ersatzwert.domain import Verfahren
from betreiber.felder import StrengesSchema
from betreiber.seite import seite_schema


class ErsatzwerteQuerySchema(ZeitraumSeiteQuerySchema):
    """A page of what was substituted in a period."""


class RandSchema(StrengesSchema):
    """A measured reading at the end of a gap."""

    messzeitpunkt = fields.String(metadata={"format": "date-time"})
    bezug_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:1.8.0*255 in Wh"})
    einspeisung_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:2.8.0*255 in Wh"})


class EnergieSchema(StrengesSchema):
    bezug_wh = fields.Integer(metadata={"description": "taken from the grid"})
    einspeisung_wh = fields.Integer(metadata={"description": "fed into it"})


class EingabenSchema(StrengesSchema):
    """From what Ersatzwerte were formed."""

    anfang = fields.Nested(RandSchema, metadata={"description": "last measured reading before the gap"})
    ende = fields.Nested(
        RandSchema, allow_none=True, metadata={"description": "first one after it; null: there was none"}
    )
    differenz = fields.Nested(
        EnergieSchema, allow_none=True, metadata={"description": "what flowed between the two"}
    )
    quelle_von = fields.String(
        metadata={"format": "date-time", "description": "begin of the readings that they were compared with"}
    )
    profil = fields.String(
        validate=validate.OneOf(["EIGEN", "STANDARD"]),
        metadata={"description": "LASTPROFIL: what the meter measured, or a standard load profile scaled to it"},
    )
    vergleichstage = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "VERGLEICHSTAG: by day of the gap, the day whose course it was given"},
    )
    vergleich = fields.Nested(
        EnergieSchema,
        metadata={
            "description": "what that course or profile adds up to over the gap; the scale is `differenz` over it"
        },
    )


class ErsatzwertbildungSchema(StrengesSchema):
    """Ersatzwerte of one gap: readings from `von` to before `bis`."""

    von = felder.Zeitpunkt(metadata={"description": "time of the first substituted reading"})
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    verfahren = felder.Auswahl(Verfahren)
    eingaben = fields.Nested(
        EingabenSchema,
        allow_none=True,
        metadata={"description": "null: formed from readings of another customer, too"},
    )
    gebildet_zeitpunkt = felder.Zeitpunkt()
    abgeloest_zeitpunkt = felder.Zeitpunkt(
        allow_none=True,
        metadata={"description": "when true values or newly formed ones took their place; null: they count"},
    )


ErsatzwertbildungSeiteSchema = seite_schema(ErsatzwertbildungSchema)
