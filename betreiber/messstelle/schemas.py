"""Shapes of metering points."""

from marshmallow import fields

from betreiber import felder
from betreiber.kunde.schemas import AnschriftSchema
from betreiber.messstelle.domain import Bundesland
from betreiber.seite import SeiteQuerySchema, seite_schema


class MessstelleAnlegenSchema(AnschriftSchema):
    malo_id = felder.Text(
        hoechstens=11,
        required=True,
        metadata={"description": "Marktlokation, 11 digits with check digit", "example": "41373559241"},
    )
    melo_id = felder.Text(
        hoechstens=33,
        required=True,
        metadata={
            "description": "Messlokation, 33 characters, no check digit",
            "example": "DE0000015066700000000000000000001",
        },
    )
    bundesland = felder.Auswahl(
        Bundesland, required=True, metadata={"description": "ISO 3166-2:DE without the prefix", "example": "NW"}
    )
    anschlussleistung_kw = felder.Dezimal(
        stellen=3,
        von="0.001",
        bis="999999.999",
        required=True,
        metadata={"description": "connection power in kW", "example": "30.000"},
    )
    zugangshinweis = felder.Text(
        hoechstens=500,
        allow_none=True,
        load_default=None,
        metadata={"description": "how to get to the meter", "example": "Schlüssel beim Hausmeister"},
    )


class MessstelleAendernSchema(MessstelleAnlegenSchema):
    """Any part of the data; the ids of the market stay."""

    class Meta(MessstelleAnlegenSchema.Meta):
        exclude = ("malo_id", "melo_id")


class MessstelleSchema(MessstelleAnlegenSchema):
    messstelle_id = fields.Integer()
    version = fields.Integer(metadata={"description": "as in the ETag"})


class MessstelleKurzSchema(AnschriftSchema):
    """Which metering point, and where it is: a part of other answers."""

    messstelle_id = fields.Integer()
    malo_id = fields.String(metadata={"example": "41373559241"})


class MessstellenQuerySchema(SeiteQuerySchema):
    suche = felder.Text(metadata={"description": "start of MaLo-ID, MeLo-ID or postcode, or part of the street"})


MessstelleSeiteSchema = seite_schema(MessstelleSchema)
