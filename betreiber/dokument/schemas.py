"""Shapes of documents."""

from marshmallow import fields

from betreiber import felder
from betreiber.dokument.domain import MEDIENTYPEN, Dokumentart
from betreiber.felder import StrengesSchema
from betreiber.seite import seite_schema

# How a route describes an answer that is a document.
INHALT = {
    "description": "the file, as an attachment",
    "content": {medientyp: {"schema": {"type": "string", "format": "binary"}} for medientyp in MEDIENTYPEN},
}


class DokumentAnlegenSchema(StrengesSchema):
    """A form with a file."""

    datei = felder.Datei(required=True, metadata={"description": "PDF, PNG or JPEG by its content, at most 5 MB"})
    art = felder.Auswahl(Dokumentart, required=True)
    ende_datum = felder.Datum(
        metadata={"description": "last day on which it holds; that of a GEWAEHRLEISTUNG is noted at the meter"}
    )


class DokumentSchema(StrengesSchema):
    dokument_id = fields.Integer()
    stromzaehler_id = fields.Integer()
    art = felder.Auswahl(Dokumentart)
    dateiname = fields.String(metadata={"description": "made safe; its ending tells the media type"})
    medientyp = fields.String(metadata={"example": "application/pdf"})
    groesse_bytes = fields.Integer()
    ende_datum = felder.Datum(allow_none=True)
    angelegt_zeitpunkt = felder.Zeitpunkt()


DokumentSeiteSchema = seite_schema(DokumentSchema)
