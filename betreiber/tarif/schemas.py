"""Shapes of price sheets."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.seite import SeiteQuerySchema, seite_schema
from betreiber.tarif.domain import Produkt


def _preis(beschreibung: str, beispiel: str) -> felder.Dezimal:
    return felder.Dezimal(
        stellen=4,
        von="0",
        bis="999999.9999",
        required=True,
        metadata={"description": beschreibung, "example": beispiel},
    )


class TarifAnlegenSchema(StrengesSchema):
    bezeichnung = felder.Text(required=True, metadata={"example": "Ökostrom 24"})
    produkt = felder.Auswahl(Produkt, required=True)
    grundpreis_eur_monat = _preis("base price in EUR a month", "12.5000")
    arbeitspreis_ct_kwh = _preis("energy price in ct/kWh", "31.4200")
    gueltig_von_datum = felder.Datum(required=True, metadata={"description": "first day, Europe/Berlin"})
    gueltig_bis_datum = felder.Datum(
        allow_none=True,
        load_default=None,
        metadata={"description": "first day on which it holds no longer; null: until further notice"},
    )


class TarifSchema(TarifAnlegenSchema):
    tarif_id = fields.Integer()
    version = fields.Integer(metadata={"description": "as in the ETag"})


class TarifKurzSchema(StrengesSchema):
    """Which price sheet: a part of other answers."""

    tarif_id = fields.Integer()
    bezeichnung = fields.String(metadata={"example": "Ökostrom 24"})


class TarifeQuerySchema(SeiteQuerySchema):
    produkt = felder.Auswahl(Produkt)


TarifSeiteSchema = seite_schema(TarifSchema)
