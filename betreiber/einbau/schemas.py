"""Shapes of which meter hangs where when."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.seite import seite_schema

# Nine digits before the decimal point are the most that a meter has.
REGISTER_MAX = 10**12 - 1


class EinbauAnlegenSchema(StrengesSchema):
    messstelle_id = felder.Kennung(required=True)
    von = felder.Zeitpunkt(
        required=True,
        metadata={"description": "when it was installed, not in the future", "example": "2026-01-31T08:15:00Z"},
    )


class EinbauAendernSchema(StrengesSchema):
    bis = felder.Zeitpunkt(
        required=True,
        metadata={"description": "when it was removed, not in the future", "example": "2026-05-31T08:15:00Z"},
    )


class EinbauSchema(StrengesSchema):
    """A meter at a Messstelle in [von, bis)."""

    einbau_id = fields.Integer()
    stromzaehler_id = fields.Integer()
    messstelle = fields.Nested(MessstelleKurzSchema)
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(allow_none=True, metadata={"description": "null: still there"})
    version = fields.Integer(metadata={"description": "as in the ETag"})


class RegisterSchema(StrengesSchema):
    """What a meter shows: both registers, as read at its display."""

    bezug_gesamt_wh = felder.Ganzzahl(
        von=0, bis=REGISTER_MAX, required=True, metadata={"description": "register 1-0:1.8.0*255 in Wh"}
    )
    einspeisung_gesamt_wh = felder.Ganzzahl(
        von=0, bis=REGISTER_MAX, required=True, metadata={"description": "register 1-0:2.8.0*255 in Wh"}
    )


class ZaehlerwechselAnlegenSchema(StrengesSchema):
    alter_stromzaehler_id = felder.Kennung(required=True)
    neuer_stromzaehler_id = felder.Kennung(required=True)
    zeitpunkt = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={
            "description": "first quarter hour at or after the work, not in the future",
            "example": "2026-05-31T10:15:00+02:00",
        },
    )
    schlussstand = fields.Nested(
        RegisterSchema, required=True, metadata={"description": "what the old meter showed at last"}
    )
    anfangsstand = fields.Nested(
        RegisterSchema, required=True, metadata={"description": "what the new meter showed when it was put in"}
    )
    begruendung = felder.Text(hoechstens=500, metadata={"example": "Eichfrist endet"})


class ZaehlerwechselSchema(StrengesSchema):
    """An exchange: the Einbau that ended, the one that began, and the registers between them."""

    ausbau = fields.Nested(EinbauSchema)
    einbau = fields.Nested(EinbauSchema)
    schlussstand = fields.Nested(RegisterSchema)
    anfangsstand = fields.Nested(RegisterSchema)


class FaktorwechselAnlegenSchema(StrengesSchema):
    ab = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={
            "description": "from when on, a quarter hour with a reading, not in the future",
            "example": "2026-05-31T10:15:00+02:00",
        },
    )
    faktor = felder.Ganzzahl(
        von=1, bis=felder.INT32_MAX, required=True, metadata={"description": "transformer factor"}
    )
    begruendung = felder.Text(hoechstens=500, required=True, metadata={"example": "Wandler 200/5 eingebaut"})


class FaktorwechselSchema(RegisterSchema):
    """Another transformer factor from an instant on, when the registers showed that."""

    stromzaehler_id = fields.Integer()
    ab = felder.Zeitpunkt()
    faktor = fields.Integer()


EinbauSeiteSchema = seite_schema(EinbauSchema)
