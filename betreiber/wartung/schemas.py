"""Shapes of maintenance and verification."""

from typing import Any

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.seite import SeiteQuerySchema, seite_schema
from betreiber.stromzaehler.domain import Zaehlerzustand
from betreiber.stromzaehler.schemas import StromzaehlerAendernSchema as StromzaehlerAendernSchema
from betreiber.stromzaehler.schemas import StromzaehlerSchema as StromzaehlerSchema
from betreiber.wartung.domain import Anlass, Eichungsart, Rechtsgrund, Sortierung


class WartungAendernSchema(StrengesSchema):
    """Any of the dates; einbau_datum follows the Einbau."""

    letzte_manuelle_ablesung_datum = felder.Datum(
        allow_none=True, metadata={"description": "when somebody last read the display"}
    )
    letzte_eichung_datum = felder.Datum(
        allow_none=True, metadata={"description": "last calibration; follows the Eichungen where there are any"}
    )
    naechste_wartung_datum = felder.Datum(
        allow_none=True,
        metadata={
            "description": "when maintenance is due. Sent: a date set by hand, null for what the rules say;"
            " read: null where nothing makes it due"
        },
    )


class _WartungZeileSchema(WartungAendernSchema):
    stromzaehler_id = fields.Integer()
    einbau_datum = felder.Datum(
        allow_none=True, metadata={"description": "when the meter was last installed, Europe/Berlin"}
    )
    anlass = felder.Auswahl(Anlass, allow_none=True)
    eichfrist_ende_datum = felder.Datum(
        allow_none=True,
        metadata={"description": "last day of the Eichfrist; null: unknown", "example": "2034-12-31"},
    )
    antragsfrist_datum = felder.Datum(
        allow_none=True,
        metadata={"description": "last day to apply for verification (MessEG § 38)", "example": "2034-10-22"},
    )
    antragswarnung_datum = felder.Datum(
        allow_none=True,
        metadata={
            "description": "last working day up to antragsfrist_datum in the Bundesland of the Messstelle; null"
            " also when the application is in",
            "example": "2034-10-20",
        },
    )
    version = fields.Integer(metadata={"description": "as in the ETag; 0 before the first entry"})


class WartungSchema(_WartungZeileSchema):
    begruendung = fields.List(
        fields.String(), metadata={"description": "why this date: German sentences, each with its law"}
    )


class WartungEintragSchema(_WartungZeileSchema):
    zaehlernummer = fields.String(metadata={"example": "1EMH0012345678"})
    zustand = felder.Auswahl(Zaehlerzustand)
    messstelle = fields.Nested(
        MessstelleKurzSchema, allow_none=True, metadata={"description": "where the meter hangs now"}
    )


def _schalter(beschreibung: str) -> felder.Wahrheitswert:
    return felder.Wahrheitswert(
        aus_text=True,
        load_default=False,
        metadata={"description": beschreibung},
    )


class WartungenQuerySchema(SeiteQuerySchema):
    faellig_bis = felder.Datum(
        metadata={"description": "only what is due on this day or before; undated rows are not due"}
    )
    ueberfaellig = _schalter("only what was due before today, or whose Eichfrist is over")
    antrag_bis = felder.Datum(
        metadata={"description": "only what is to be applied for on this day or before, and is not yet"}
    )
    anlass = felder.Auswahl(Anlass)
    eingebaut = _schalter("only meters that are EINGEBAUT or GESPERRT")
    modell = felder.Text(hoechstens=100, metadata={"description": "only this model", "example": "mME4.0"})
    postleitzahl = felder.PostleitzahlAnfang(
        metadata={"description": "start of the postcode of the place where the meter hangs now, 1 to 5 digits"}
    )
    sortierung = felder.Auswahl(Sortierung, load_default=Sortierung.FAELLIG.value)


class WartungskennzahlenQuerySchema(StrengesSchema):
    von = felder.Datum(load_default=None, metadata={"description": "first day; default: the first of this month"})
    bis = felder.Datum(
        load_default=None, metadata={"description": "first day after; default: a month after the first day"}
    )


class AnlassanzahlSchema(StrengesSchema):
    anlass = felder.Auswahl(Anlass)
    anzahl = fields.Integer()


class WartungskennzahlenSchema(StrengesSchema):
    """Of the meters that hang at a Messstelle: EINGEBAUT or GESPERRT."""

    von = felder.Datum()
    bis = felder.Datum()
    zaehler = fields.Integer(metadata={"description": "how many hang"})
    faellig = fields.List(
        fields.Nested(AnlassanzahlSchema), metadata={"description": "due on a day of the period, by reason"}
    )
    ueberfaellig = fields.List(
        fields.Nested(AnlassanzahlSchema), metadata={"description": "due before today, by reason"}
    )
    eichfrist_abgelaufen = fields.Integer(
        metadata={"description": "Eichfrist over today: billed on a ground of the law only"}
    )
    antraege_faellig = fields.Integer(
        metadata={"description": "last day to apply in the period, and nobody has applied in time"}
    )


def _beleg(**kw: Any) -> felder.Text:
    return felder.Text(
        hoechstens=200, metadata={"description": "where the document is", "example": "Eichschein 4711/2026"}, **kw
    )


class EichungAnlegenSchema(StrengesSchema):
    """A fact on which the Eichfrist of a meter depends."""

    art = felder.Auswahl(Eichungsart, required=True)
    datum = felder.Datum(
        required=True,
        metadata={"description": "when it happened, was asked for, or began", "example": "2026-03-16"},
    )
    bis_datum = felder.Datum(
        allow_none=True,
        load_default=None,
        metadata={"description": "LOSVERLAENGERUNG: new last day; NICHTBENUTZUNG: last day unused, null: still"},
    )
    los = felder.Text(
        hoechstens=100,
        allow_none=True,
        load_default=None,
        metadata={"description": "LOSVERLAENGERUNG: the sample lot", "example": "2026-DE-0815"},
    )
    beleg = _beleg(allow_none=True, load_default=None)


class EichungSchema(EichungAnlegenSchema):
    eichung_id = fields.Integer()
    stromzaehler_id = fields.Integer()
    angelegt_zeitpunkt = felder.Zeitpunkt()
    zurueckgenommen_zeitpunkt = felder.Zeitpunkt(
        allow_none=True, metadata={"description": "since when it counts no longer; null: it counts"}
    )


class AbrechnungsfreigabeAnlegenSchema(StrengesSchema):
    """A ground to bill readings although the Eichfrist is over."""

    von_datum = felder.Datum(required=True, metadata={"description": "first day, Europe/Berlin"})
    bis_datum = felder.Datum(
        allow_none=True, load_default=None, metadata={"description": "last day; null: until further notice"}
    )
    rechtsgrund = felder.Auswahl(Rechtsgrund, required=True)
    beleg = _beleg(required=True)


class AbrechnungsfreigabeSchema(AbrechnungsfreigabeAnlegenSchema):
    abrechnungsfreigabe_id = fields.Integer()
    stromzaehler_id = fields.Integer()
    angelegt_zeitpunkt = felder.Zeitpunkt()
    zurueckgenommen_zeitpunkt = felder.Zeitpunkt(
        allow_none=True, metadata={"description": "since when it counts no longer; null: it counts"}
    )


class AbrechenbarkeitQuerySchema(StrengesSchema):
    von = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={"description": "begin, on a quarter hour", "example": "2035-01-01T00:00:00+01:00"},
    )
    bis = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={"description": "end, exclusive, on a quarter hour", "example": "2035-02-01T00:00:00+01:00"},
    )


class AbrechnungsteilSchema(StrengesSchema):
    """A stretch [von, bis) of which all may be billed, or nothing."""

    von = felder.Zeitpunkt()
    bis = felder.Zeitpunkt()
    abrechenbar = fields.Boolean()
    grund = fields.String(
        metadata={
            "description": "EICHFRIST, EICHFRIST_UNBEKANNT, EICHFRIST_ABGELAUFEN, or the ground of an override",
            "example": "EICHFRIST_ABGELAUFEN",
        }
    )
    begruendung = fields.String(metadata={"description": "the same in German, with the law"})


class AbrechenbarkeitSchema(StrengesSchema):
    abschnitte = fields.List(fields.Nested(AbrechnungsteilSchema))


WartungSeiteSchema = seite_schema(WartungEintragSchema)
EichungSeiteSchema = seite_schema(EichungSchema)
AbrechnungsfreigabeSeiteSchema = seite_schema(AbrechnungsfreigabeSchema)
