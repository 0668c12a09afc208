"""Shapes of Störungen and of the view of the fleet."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.seite import SeiteQuerySchema, seite_schema
from betreiber.stoerung.domain import Stoerungsart, Stoerungszustand, Stufe, Ursache
from betreiber.stromzaehler.domain import Zaehlerzustand


class StoerungenQuerySchema(SeiteQuerySchema):
    stromzaehler_id = felder.Kennung(
        aus_text=True, load_default=None, metadata={"description": "only those of this meter"}
    )
    art = felder.Auswahl(Stoerungsart, load_default=None)
    stufe = felder.Auswahl(Stufe, load_default=None)
    zustand = felder.Auswahl(Stoerungszustand, load_default=None)
    postleitzahl = felder.PostleitzahlAnfang(
        load_default=None,
        metadata={"description": "start of the postcode of the place where the meter hangs now, 1 to 5 digits"},
    )


class StoerungsdatenSchema(StrengesSchema):
    """What was seen when it was found."""

    zuletzt_empfangen = fields.String(allow_none=True, metadata={"description": "when the last message came"})
    uhr_abweichung_s = fields.Integer(
        allow_none=True, metadata={"description": "device minus operator in s; null: tolerable"}
    )
    rsrp_dbm = fields.Integer(allow_none=True, metadata={"description": "received power that it told last, dBm"})
    abgewiesen_anzahl = fields.Integer(
        metadata={"description": "messages and readings refused on the last UTC day on which any were"}
    )
    gemessen = fields.Integer(metadata={"description": "measured readings of the last three whole UTC days"})


class StoerungSchema(StrengesSchema):
    """What is wrong with a meter."""

    stoerung_id = fields.Integer()
    stromzaehler_id = fields.Integer()
    zaehlernummer = fields.String(metadata={"example": "1EMH0012345678"})
    art = felder.Auswahl(Stoerungsart)
    stufe = felder.Auswahl(Stufe)
    ursache = felder.Auswahl(Ursache)
    beschreibung = fields.String(metadata={"description": "kind and likely cause in German"})
    beginn_zeitpunkt = felder.Zeitpunkt(metadata={"description": "since when; STUMM: when it was last heard"})
    erkannt_zeitpunkt = felder.Zeitpunkt()
    behoben_zeitpunkt = felder.Zeitpunkt(allow_none=True, metadata={"description": "null: open"})
    behoben_durch = fields.String(allow_none=True, metadata={"description": "system:jobs: the data are back"})
    grund = fields.String(allow_none=True, metadata={"description": "why a person closed it"})
    daten = fields.Nested(StoerungsdatenSchema)
    messstelle = fields.Nested(
        MessstelleKurzSchema, allow_none=True, metadata={"description": "where the meter hangs now"}
    )
    version = fields.Integer(metadata={"description": "as in the ETag"})


class StoerungBehebenSchema(StrengesSchema):
    grund = felder.Text(hoechstens=500, required=True, metadata={"description": "why it is closed"})


class FlotteQuerySchema(StrengesSchema):
    stellen = felder.Ganzzahl(
        von=1, bis=5, aus_text=True, load_default=2, metadata={"description": "digits of a postcode that count"}
    )


class ZustandAnzahlSchema(StrengesSchema):
    zustand = felder.Auswahl(Zaehlerzustand, attribute="wert")
    anzahl = fields.Integer()


class JahrAnzahlSchema(StrengesSchema):
    kennzeichnung_jahr = fields.Integer(
        attribute="wert", allow_none=True, metadata={"description": "year in the marking; null: not known"}
    )
    anzahl = fields.Integer()


class OrtAnzahlSchema(StrengesSchema):
    postleitzahl = fields.String(
        attribute="wert", allow_none=True, metadata={"description": "its first digits; null: without a place"}
    )
    anzahl = fields.Integer(metadata={"description": "meters that are watched"})
    stumm = fields.Integer(metadata={"description": "silent ones of these"})


class FirmwareAnzahlSchema(StrengesSchema):
    modell = fields.String()
    firmwareversion = fields.String(allow_none=True, metadata={"description": "null: it has told none"})
    anzahl = fields.Integer()


class StoerungAnzahlSchema(StrengesSchema):
    art = felder.Auswahl(Stoerungsart)
    stufe = felder.Auswahl(Stufe)
    anzahl = fields.Integer()


class FlotteSchema(StrengesSchema):
    """The fleet in numbers; watched are installed, enrolled meters."""

    gesamt = fields.Integer(metadata={"description": "meters that are watched"})
    stumm = fields.Integer(metadata={"description": "those with an open STUMM"})
    stumm_promille = fields.Integer(metadata={"description": "their share, in thousandths, rounded down"})
    zustaende = fields.List(fields.Nested(ZustandAnzahlSchema))
    jahre = fields.List(fields.Nested(JahrAnzahlSchema))
    postleitzahlen = fields.List(fields.Nested(OrtAnzahlSchema))
    firmware = fields.List(fields.Nested(FirmwareAnzahlSchema))
    stoerungen = fields.List(fields.Nested(StoerungAnzahlSchema), metadata={"description": "open ones"})


StoerungSeiteSchema = seite_schema(StoerungSchema)
