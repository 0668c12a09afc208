"""Shapes of maintenance."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.seite import SeiteQuerySchema, seite_schema
from betreiber.stromzaehler.domain import Zaehlerzustand
from betreiber.wartung.domain import Sortierung


class WartungAendernSchema(StrengesSchema):
    """Any of the dates; einbau_datum follows the Einbau."""

    letzte_manuelle_ablesung_datum = felder.Datum(
        allow_none=True, metadata={"description": "when somebody last read the display"}
    )
    letzte_eichung_datum = felder.Datum(allow_none=True, metadata={"description": "last calibration"})
    naechste_wartung_datum = felder.Datum(
        allow_none=True, metadata={"description": "when maintenance is due; null: not planned yet"}
    )


class WartungSchema(WartungAendernSchema):
    stromzaehler_id = fields.Integer()
    einbau_datum = felder.Datum(
        allow_none=True, metadata={"description": "when the meter was last installed, Europe/Berlin"}
    )
    version = fields.Integer(metadata={"description": "as in the ETag; 0 before the first entry"})


class WartungEintragSchema(WartungSchema):
    zaehlernummer = fields.String(metadata={"example": "1EMH0012345678"})
    zustand = felder.Auswahl(Zaehlerzustand)
    messstelle = fields.Nested(
        MessstelleKurzSchema, allow_none=True, metadata={"description": "where the meter hangs now"}
    )


class WartungenQuerySchema(SeiteQuerySchema):
    faellig_bis = felder.Datum(
        metadata={"description": "only what is due on this day or before; undated rows are not due"}
    )
    postleitzahl = felder.PostleitzahlAnfang(
        metadata={"description": "start of the postcode of the place where the meter hangs now, 1 to 5 digits"}
    )
    sortierung = felder.Auswahl(Sortierung, load_default=Sortierung.FAELLIG.value)


WartungSeiteSchema = seite_schema(WartungEintragSchema)
