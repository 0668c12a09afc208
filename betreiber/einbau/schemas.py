"""Shapes of which meter hangs where when."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.seite import seite_schema


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


EinbauSeiteSchema = seite_schema(EinbauSchema)
