"""Shapes of a customer's personal data."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.kunde.domain import Kundenart
from betreiber.seite import SeiteQuerySchema, seite_schema


class AnschriftSchema(StrengesSchema):
    """A German postal address."""

    strasse = felder.Text(required=True, metadata={"example": "Lindenallee"})
    hausnummer = felder.Text(hoechstens=10, required=True, metadata={"example": "12"})
    hausnummerzusatz = felder.Text(hoechstens=20, allow_none=True, load_default=None, metadata={"example": "a"})
    postleitzahl = felder.Text(
        hoechstens=5,
        muster=r"[0-9]{5}",
        hinweis="Fünf Ziffern werden erwartet.",
        required=True,
        metadata={"example": "50667"},
    )
    stadtname = felder.Text(required=True, metadata={"example": "Köln"})


class KundeAnlegenSchema(AnschriftSchema):
    kundennummer = felder.Nummer(required=True, metadata={"example": "K-100001"})
    art = felder.Auswahl(Kundenart, required=True, metadata={"description": "consumer or business"})
    name = felder.Text(required=True, metadata={"example": "Erika Mustermann"})
    e_mail = felder.EMail(allow_none=True, load_default=None)
    telefon = felder.Text(
        hoechstens=30,
        muster=r"\+?[0-9 ()/\-]{3,30}",
        hinweis="Mindestens 3 Zeichen: Ziffern, Leerzeichen, ( ) / - und am Anfang +.",
        allow_none=True,
        load_default=None,
    )
    registriert_datum = felder.Datum(required=True)


class KundeAendernSchema(KundeAnlegenSchema):
    """Any part of the data; the number and the day of registration stay."""

    class Meta(KundeAnlegenSchema.Meta):
        exclude = ("kundennummer", "registriert_datum")


class KundeSchema(KundeAnlegenSchema):
    kunde_id = fields.Integer()
    version = fields.Integer(metadata={"description": "as in the ETag"})


class KundenQuerySchema(SeiteQuerySchema):
    suche = felder.Text(metadata={"description": "part of the name, or start of number, postcode or e-mail"})


KundeSeiteSchema = seite_schema(KundeSchema)
