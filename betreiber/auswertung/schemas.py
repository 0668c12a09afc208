"""Shapes of evaluations of Verbrauch."""

from marshmallow import fields

from betreiber import felder
from betreiber.ablesung.schemas import (
    StandQuerySchema,
    ZaehlerstandSchema,
    ZeitraumQuerySchema,
    ZeitraumSchema,
)
from betreiber.auswertung.domain import Lastgangaufloesung, Spitzenzeitraum, Vergleichszeitraum
from betreiber.felder import StrengesSchema
from betreiber.verbrauch.domain import Wertqualitaet
from betreiber.verbrauch.schemas import VerbrauchswertSchema

_STAND = "as asked for; null: all that has come"


class Leistung(felder.Dezimal):
    """Power in kW, exact to the W."""

    def __init__(self, **kw: object) -> None:
        super().__init__(stellen=3, von="-1e12", bis="1e12", **kw)


class LastgangQuerySchema(ZeitraumQuerySchema):
    aufloesung = felder.Auswahl(Lastgangaufloesung, load_default=Lastgangaufloesung.VIERTELSTUNDE)


class SpitzenQuerySchema(ZeitraumQuerySchema):
    zeitraum = felder.Auswahl(
        Spitzenzeitraum,
        load_default=Spitzenzeitraum.TAG,
        metadata={"description": "days or months of Europe/Berlin, each of which has its peak"},
    )


class StatistikQuerySchema(ZeitraumQuerySchema):
    """The period whose quarter hours are counted."""


class ZaehlwerksketteQuerySchema(ZeitraumSchema):
    """The period in which meters hung at a Messstelle."""


class VergleichQuerySchema(StandQuerySchema):
    datum = felder.Datum(
        required=True,
        metadata={"description": "a day of the period, in Europe/Berlin", "example": "2026-03-31"},
    )
    zeitraum = felder.Auswahl(Vergleichszeitraum, load_default=Vergleichszeitraum.MONAT)


class LeistungswertSchema(StrengesSchema):
    """Mean power of [von, bis)."""

    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    bezug_kw = Leistung(
        allow_none=True, metadata={"description": "from the grid; null where a reading is missing"}
    )
    einspeisung_kw = Leistung(allow_none=True, metadata={"description": "fed into the grid"})
    qualitaet = felder.Auswahl(Wertqualitaet)


class LastgangSchema(StrengesSchema):
    stromzaehler_id = fields.Integer()
    zaehlernummer = fields.String()
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    aufloesung = felder.Auswahl(Lastgangaufloesung)
    stand = felder.Zeitpunkt(allow_none=True, metadata={"description": _STAND})
    werte = fields.List(fields.Nested(LeistungswertSchema))
    summe = fields.Nested(VerbrauchswertSchema, metadata={"description": "energy of the whole period"})


class SpitzeSchema(StrengesSchema):
    """The highest mean power of a quarter hour; of several the first."""

    leistung_kw = Leistung()
    zeitpunkt = felder.Zeitpunkt(metadata={"description": "begin of the quarter hour"})
    qualitaet = felder.Auswahl(Wertqualitaet)


class SpitzenwertSchema(StrengesSchema):
    """Peaks of [von, bis), of the quarter hours that are known."""

    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    bezug = fields.Nested(SpitzeSchema, allow_none=True, metadata={"description": "null: nothing is known"})
    einspeisung = fields.Nested(SpitzeSchema, allow_none=True)
    erwartet = fields.Integer(metadata={"description": "quarter hours of the period"})
    vorhanden = fields.Integer(metadata={"description": "quarter hours with a measured reading at both ends"})
    ersetzt = fields.Integer(metadata={"description": "quarter hours with a substitute at one end or both"})
    fehlend = fields.Integer(metadata={"description": "quarter hours without a reading at one end or both"})


class SpitzenSchema(StrengesSchema):
    stromzaehler_id = fields.Integer()
    zaehlernummer = fields.String()
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    zeitraum = felder.Auswahl(Spitzenzeitraum)
    stand = felder.Zeitpunkt(allow_none=True, metadata={"description": _STAND})
    werte = fields.List(fields.Nested(SpitzenwertSchema))


class KennzahlenSchema(StrengesSchema):
    """Statistics of the energies of quarter hours; null where none is known."""

    anzahl = fields.Integer(metadata={"description": "quarter hours that are known"})
    minimum_wh = fields.Integer(allow_none=True)
    maximum_wh = fields.Integer(allow_none=True)
    mittelwert_kwh = felder.Dezimal(
        stellen=6,
        von="-1e15",
        bis="1e15",
        allow_none=True,
        metadata={"description": "arithmetic mean, rounded half up"},
    )
    varianz_kwh2 = felder.Dezimal(
        stellen=9,
        von="0",
        bis="1e15",
        allow_none=True,
        metadata={"description": "variance of the population (divided by anzahl) in kWh squared, rounded half up"},
    )


class StatistikSchema(StrengesSchema):
    stromzaehler_id = fields.Integer()
    zaehlernummer = fields.String()
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    stand = felder.Zeitpunkt(allow_none=True, metadata={"description": _STAND})
    bezug = fields.Nested(KennzahlenSchema)
    einspeisung = fields.Nested(KennzahlenSchema)
    summe = fields.Nested(VerbrauchswertSchema, metadata={"description": "energy of the whole period"})


class DifferenzSchema(StrengesSchema):
    """How much more than in the period before; null where a value is missing or covers its period in part only."""

    differenz_wh = fields.Integer(allow_none=True)
    differenz_prozent = felder.Dezimal(
        stellen=1,
        von="-1e18",
        bis="1e18",
        allow_none=True,
        metadata={"description": "of the period before, rounded half up; null also after 0 Wh"},
    )


class EinbauabschnittSchema(StrengesSchema):
    """A meter at the Messstelle, and what it counted in the period."""

    einbau_id = fields.Integer()
    stromzaehler_id = fields.Integer()
    zaehlernummer = fields.String()
    von = felder.Zeitpunkt(metadata={"description": "when it was installed"})
    bis = felder.Zeitpunkt(allow_none=True, metadata={"description": "when it was removed; null: still there"})
    erster_zaehlerstand = fields.Nested(
        ZaehlerstandSchema,
        allow_none=True,
        metadata={"description": "first reading in the period; null: none"},
    )
    letzter_zaehlerstand = fields.Nested(
        ZaehlerstandSchema,
        allow_none=True,
        metadata={"description": "last one, the end included"},
    )
    verbrauch = fields.Nested(VerbrauchswertSchema, metadata={"description": "whole quarter hours in the period"})


class ZaehlwerksketteSchema(StrengesSchema):
    messstelle_id = fields.Integer()
    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt(metadata={"description": "exclusive"})
    einbauten = fields.List(fields.Nested(EinbauabschnittSchema))
    summe = fields.Nested(VerbrauchswertSchema, metadata={"description": "all meters together"})


class VerbrauchsvergleichSchema(StrengesSchema):
    zeitraum = felder.Auswahl(Vergleichszeitraum)
    stand = felder.Zeitpunkt(allow_none=True, metadata={"description": _STAND})
    aktuell = fields.Nested(VerbrauchswertSchema)
    vorher = fields.Nested(VerbrauchswertSchema, metadata={"description": "the day, week, month or year before"})
    bezug = fields.Nested(DifferenzSchema)
    einspeisung = fields.Nested(DifferenzSchema)
