"""Shapes of the event feed."""

from marshmallow import fields

from betreiber import felder
from betreiber.ereignis.domain import Ereignisart
from betreiber.felder import StrengesSchema


class EreignisseQuerySchema(StrengesSchema):
    seit = felder.Ganzzahl(
        von=0,
        aus_text=True,
        load_default=0,
        metadata={"description": "events after this one: `bis` of the answer before; 0: from the first"},
    )
    pro_seite = felder.Ganzzahl(
        von=1, bis=500, aus_text=True, load_default=100, metadata={"description": "events at most, up to 500"}
    )
    art = felder.Auswahl(Ereignisart, load_default=None)
    objekt_art = felder.Text(
        load_default=None,
        hoechstens=40,
        muster="[a-z_]{1,40}",
        hinweis="Kleinbuchstaben, zum Beispiel stromzaehler.",
        metadata={"description": "table of the object, such as `stromzaehler`"},
    )
    objekt_id = felder.Kennung(
        aus_text=True, load_default=None, metadata={"description": "its key; only together with `objekt_art`"}
    )


class EreignisSchema(StrengesSchema):
    """Something that happened; it never changes."""

    ereignis_id = fields.Integer(metadata={"description": "ascends; numbers may be missing"})
    zeitpunkt = felder.Zeitpunkt(metadata={"description": "when it was recorded"})
    art = fields.String(metadata={"description": "one of `GET /v1/ereignisarten`"})
    objekt_art = fields.String(metadata={"description": "table of the object"})
    objekt_id = fields.Integer(metadata={"description": "its key"})
    akteur = fields.String(
        allow_none=True, metadata={"description": "who; null for roles that do not learn who acted"}
    )
    daten = fields.Dict(metadata={"description": "details, by kind: see `GET /v1/ereignisarten`"})


class EreignisfolgeSchema(StrengesSchema):
    ereignisse = fields.List(fields.Nested(EreignisSchema), metadata={"description": "ascending"})
    bis = fields.Integer(
        metadata={"description": "the last event of the answer: the next `seit`. As it was: there is no more now"}
    )


class EreignisartSchema(StrengesSchema):
    """A kind of events."""

    art = felder.Auswahl(Ereignisart)
    bezeichnung = fields.String(metadata={"description": "German name", "example": "Zähler eingebaut"})
    objekt_art = fields.String(metadata={"description": "table of its objects"})
    daten = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "names of its details, each with what it says, in German"},
    )
