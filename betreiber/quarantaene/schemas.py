"""Shapes of the quarantine."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.quarantaene.domain import Entscheidung, Fallzustand, Grund
from betreiber.seite import SeiteQuerySchema, seite_schema


class StromzaehlerQuarantaeneQuerySchema(SeiteQuerySchema):
    grund = felder.Auswahl(Grund, load_default=None)
    zustand = felder.Auswahl(Fallzustand, load_default=None)
    von = felder.Zeitpunkt(load_default=None, metadata={"description": "readings from this instant on"})
    bis = felder.Zeitpunkt(load_default=None, metadata={"description": "readings before this instant"})


class QuarantaeneQuerySchema(StromzaehlerQuarantaeneQuerySchema):
    stromzaehler_id = felder.Kennung(
        aus_text=True, load_default=None, metadata={"description": "only readings of this meter"}
    )


class QuarantaeneSchema(StrengesSchema):
    """A reading that was stored and is not used."""

    stromzaehler_id = fields.Integer()
    zaehlernummer = fields.String()
    messzeitpunkt = felder.Zeitpunkt()
    wert_sha256 = fields.String(metadata={"description": "tells readings of the same time apart"})
    bezug_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:1.8.0*255 in Wh"})
    einspeisung_gesamt_wh = fields.Integer(metadata={"description": "register 1-0:2.8.0*255 in Wh"})
    leistung_w = fields.Integer(allow_none=True, metadata={"description": "1-0:16.7.0*255; null: not measured"})
    grund = felder.Auswahl(Grund)
    empfangen_zeitpunkt = felder.Zeitpunkt()
    entscheidung = felder.Auswahl(Entscheidung, allow_none=True, metadata={"description": "null: open"})
    entschieden_zeitpunkt = felder.Zeitpunkt(allow_none=True)


class NachbarSchema(StrengesSchema):
    """A measured reading that is stored."""

    messzeitpunkt = felder.Zeitpunkt()
    bezug_gesamt_wh = fields.Integer()
    einspeisung_gesamt_wh = fields.Integer()


class StromzaehlerQuarantaeneSchema(QuarantaeneSchema):
    """A reading in quarantine, with what is stored around it."""

    vorher = fields.Nested(NachbarSchema, allow_none=True, metadata={"description": "the nearest one before"})
    gespeichert = fields.Nested(
        NachbarSchema, allow_none=True, metadata={"description": "the one of the same time"}
    )
    nachher = fields.Nested(NachbarSchema, allow_none=True, metadata={"description": "the nearest one after"})


class QuarantaenegrundSchema(StrengesSchema):
    grund = felder.Auswahl(Grund)
    offen = fields.Integer(metadata={"description": "readings on which nobody has decided"})
    entschieden = fields.Integer()


class QuarantaeneentscheidungSchema(StrengesSchema):
    von = felder.Zeitpunkt(required=True, metadata={"description": "readings from this instant on"})
    bis = felder.Zeitpunkt(required=True, metadata={"description": "readings before this instant"})
    wert_sha256 = felder.Text(
        load_default=None,
        hoechstens=64,
        muster="[0-9a-f]{64}",
        hinweis="64 Zeichen aus 0-9 und a-f, wie die Liste sie zeigt.",
        metadata={"description": "only readings of this value"},
    )
    entscheidung = felder.Auswahl(Entscheidung, required=True)
    begruendung = felder.Text(
        hoechstens=500, required=True, metadata={"description": "why; it stands in the audit log"}
    )


class EntscheidungsergebnisSchema(StrengesSchema):
    entschieden = fields.Integer(metadata={"description": "readings that were decided now"})
    offen = fields.Integer(metadata={"description": "readings of the period that are open still"})


QuarantaeneSeiteSchema = seite_schema(QuarantaeneSchema)
StromzaehlerQuarantaeneSeiteSchema = seite_schema(StromzaehlerQuarantaeneSchema)
