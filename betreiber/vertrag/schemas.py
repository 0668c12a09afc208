"""Shapes of contracts."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.seite import seite_schema
from betreiber.tarif.domain import Produkt
from betreiber.tarif.schemas import TarifKurzSchema
from betreiber.vertrag.domain import Vertragszustand


class VertragsdatenSchema(StrengesSchema):
    vertragsnummer = felder.Nummer(required=True, metadata={"example": "V-200001"})
    produkt = felder.Auswahl(Produkt, required=True, metadata={"description": "that of the Tarif"})
    beginn_datum = felder.Datum(required=True, metadata={"description": "first day, Europe/Berlin"})
    ende_datum = felder.Datum(
        allow_none=True, load_default=None, metadata={"description": "first day without the contract"}
    )
    kuendigungsfrist_wochen = felder.Ganzzahl(
        von=0, bis=104, required=True, metadata={"description": "notice period in weeks"}
    )


class VertragAnlegenSchema(VertragsdatenSchema):
    messstelle_id = felder.Kennung(required=True)
    tarif_id = felder.Kennung(required=True)


class VertragAendernSchema(VertragAnlegenSchema):
    """Any part of the data; number, product and place stay. beginn_datum is fixed once the contract runs."""

    class Meta(VertragAnlegenSchema.Meta):
        exclude = ("vertragsnummer", "produkt", "messstelle_id")

    zustand = felder.Auswahl(
        Vertragszustand, metadata={"description": "GEKUENDIGT and BEENDET need ende_datum; BEENDET is final"}
    )


class VertragSchema(VertragsdatenSchema):
    vertrag_id = fields.Integer()
    kunde_id = fields.Integer()
    zustand = felder.Auswahl(Vertragszustand)
    messstelle = fields.Nested(MessstelleKurzSchema)
    tarif = fields.Nested(TarifKurzSchema)
    version = fields.Integer(metadata={"description": "as in the ETag"})


VertragSeiteSchema = seite_schema(VertragSchema)
