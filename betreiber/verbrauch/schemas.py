"""Shapes of Verbrauch."""

from marshmallow import fields

from betreiber import felder
from betreiber.ablesung.schemas import ZeitraumQuerySchema
from betreiber.felder import StrengesSchema
from betreiber.verbrauch.domain import Wertqualitaet, Zahlenformat
from betreiber.zeit import Aufloesung


def _aufloesung(vorgabe: Aufloesung) -> felder.Auswahl:
    return felder.Auswahl(
        Aufloesung,
        load_default=vorgabe,
        metadata={"description": "length of the values; days, weeks, months and years of Europe/Berlin"},
    )


class VerbrauchQuerySchema(ZeitraumQuerySchema):
    aufloesung = _aufloesung(Aufloesung.TAG)


class VerbrauchsdateiQuerySchema(ZeitraumQuerySchema):
    aufloesung = _aufloesung(Aufloesung.VIERTELSTUNDE)
    zahlen = felder.Auswahl(
        Zahlenformat,
        load_default=Zahlenformat.DE,
        metadata={"description": "de: 1,5 between semicolons, int: 1.5 between commas"},
    )


# What a route describes that answers with a CSV file.
CSV = {"type": "string", "description": "UTF-8, a header and a line a value; docs/dateien.md names the columns"}


class VerbrauchswertSchema(StrengesSchema):
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    bezug_wh = fields.Integer(
        allow_none=True, metadata={"description": "energy taken from the grid; null where a reading is missing"}
    )
    einspeisung_wh = fields.Integer(allow_none=True, metadata={"description": "energy fed into the grid"})
    qualitaet = felder.Auswahl(
        Wertqualitaet,
        metadata={"description": "of the worse reading at the two ends, whose difference the energy is"},
    )
    erwartet = fields.Integer(metadata={"description": "quarter hours of the period"})
    vorhanden = fields.Integer(metadata={"description": "quarter hours with a measured reading at both ends"})
    ersetzt = fields.Integer(metadata={"description": "quarter hours with a substitute at one end or both"})
    fehlend = fields.Integer(metadata={"description": "quarter hours without a reading at one end or both"})


class ReiheSchema(StrengesSchema):
    stromzaehler_id = fields.Integer()
    zaehlernummer = fields.String()
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    aufloesung = felder.Auswahl(Aufloesung)
    stand = felder.Zeitpunkt(allow_none=True, metadata={"description": "as asked for; null: all that has come"})
    werte = fields.List(fields.Nested(VerbrauchswertSchema))
    summe = fields.Nested(VerbrauchswertSchema, metadata={"description": "the whole period"})


class KundenreiheSchema(StrengesSchema):
    kunde_id = fields.Integer()
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    aufloesung = felder.Auswahl(Aufloesung)
    stand = felder.Zeitpunkt(allow_none=True, metadata={"description": "as asked for; null: all that has come"})
    stromzaehler = fields.List(
        fields.Nested(ReiheSchema), metadata={"description": "each meter, for the time in which it was theirs"}
    )
    werte = fields.List(fields.Nested(VerbrauchswertSchema), metadata={"description": "sum of all meters"})
    summe = fields.Nested(VerbrauchswertSchema, metadata={"description": "all meters, the whole period"})
