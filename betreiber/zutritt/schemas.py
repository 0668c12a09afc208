"""Shapes of access notices."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.seite import SeiteQuerySchema, seite_schema
from betreiber.zutritt.domain import Zutrittsergebnis

# What a route describes that answers with a PDF.
PDF = {"type": "string", "format": "binary", "description": "PDF, as an attachment"}
_FENSTER = r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]"


class AnkuendigungAnlegenSchema(StrengesSchema):
    """Which planned orders: one by its number, or those of a period."""

    auftrag_id = felder.Kennung(load_default=None, metadata={"description": "this order, without von and bis"})
    von = felder.Datum(load_default=None, metadata={"description": "first day of the visits"})
    bis = felder.Datum(load_default=None, metadata={"description": "first day after them"})
    monteur = felder.Kennung(load_default=None, metadata={"description": "only of this fitter's login"})
    postleitzahl = felder.PostleitzahlAnfang(load_default=None, metadata={"description": "only orders there"})
    versand_datum = felder.Datum(
        load_default=None, metadata={"description": "day on which the letters leave the house; default: today"}
    )
    zeitfenster = felder.Text(
        hoechstens=11,
        muster=_FENSTER,
        hinweis="Ein Zeitfenster wie 08:00-12:00 wird erwartet.",
        required=True,
        metadata={"description": "local hours in which the fitter comes", "example": "08:00-12:00"},
    )
    ersatztermin_arbeitstage = felder.Ganzzahl(
        von=1,
        bis=60,
        load_default=None,
        metadata={
            "description": "the substitute day: so many working days later; default: the first one a week later"
        },
    )
    probelauf = felder.Wahrheitswert(
        load_default=True, metadata={"description": "true: only say it; false: write the letters"}
    )


class ZutrittsplanSchema(StrengesSchema):
    auftrag_id = fields.Integer()
    ergebnis = felder.Auswahl(Zutrittsergebnis)
    termin_datum = felder.Datum()
    ersatztermin_datum = felder.Datum(allow_none=True, metadata={"description": "of a letter"})
    fruehestens_datum = felder.Datum(
        allow_none=True, metadata={"description": "first possible day, of ZU_SPAET and KEIN_ARBEITSTAG"}
    )
    kunde_id = fields.Integer(
        allow_none=True, metadata={"description": "of a letter: to whom; null: to whoever lives at the place"}
    )
    zutrittsankuendigung_id = fields.Integer(
        allow_none=True, metadata={"description": "of a letter that was written"}
    )


class ZutrittslaufSchema(StrengesSchema):
    probelauf = fields.Boolean()
    versand_datum = felder.Datum()
    ergebnisse = fields.List(fields.Nested(ZutrittsplanSchema))


class AnkuendigungSchema(StrengesSchema):
    zutrittsankuendigung_id = fields.Integer()
    auftrag_id = fields.Integer()
    kunde_id = fields.Integer(
        allow_none=True, metadata={"description": "to whom; null: to whoever lives at the place"}
    )
    angelegt_zeitpunkt = felder.Zeitpunkt()
    versand_datum = felder.Datum()
    termin_datum = felder.Datum()
    ersatztermin_datum = felder.Datum()
    zeitfenster = fields.String(metadata={"example": "08:00-12:00"})


AnkuendigungSeiteSchema = seite_schema(AnkuendigungSchema)


class AnkuendigungenQuerySchema(SeiteQuerySchema):
    auftrag_id = felder.Kennung(aus_text=True, load_default=None, metadata={"description": "only of this order"})
    versand_datum = felder.Datum(load_default=None, metadata={"description": "only of this day"})


class DruckQuerySchema(StrengesSchema):
    versand_datum = felder.Datum(required=True, metadata={"description": "the day on which they leave the house"})
    nach = felder.Ganzzahl(
        von=0,
        bis=felder.INT64_MAX,
        aus_text=True,
        load_default=0,
        metadata={"description": "only letters with a greater zutrittsankuendigung_id: the others are printed"},
    )
    hoechstens = felder.Ganzzahl(
        von=1, bis=500, aus_text=True, load_default=500, metadata={"description": "letters of a file, at most 500"}
    )
