"""Shapes of meters and of whose they are."""

from marshmallow import fields

from betreiber import felder
from betreiber.felder import StrengesSchema
from betreiber.seite import SeiteQuerySchema, seite_schema
from betreiber.stromzaehler.domain import FRUEHESTE_KENNZEICHNUNG, Bauart, Zaehlerzustand


class StromzaehlerAnlegenSchema(StrengesSchema):
    zaehlernummer = felder.Text(
        hoechstens=20,
        required=True,
        metadata={"description": "DIN 43863-5, 14 characters; spaces are allowed", "example": "1EMH0012345678"},
    )
    hersteller = felder.Text(hoechstens=100, required=True, metadata={"example": "EMH"})
    modell = felder.Text(hoechstens=100, required=True, metadata={"example": "ED300L"})
    seriennummer = felder.Text(hoechstens=50, required=True, metadata={"example": "12345678"})
    stellen = felder.Ganzzahl(
        von=5,
        bis=9,
        load_default=6,
        metadata={"description": "digits of the register before the decimal point in kWh: where it rolls over"},
    )
    faktor = felder.Ganzzahl(
        von=1, bis=felder.INT32_MAX, load_default=1, metadata={"description": "transformer factor"}
    )
    inf = felder.Wahrheitswert(
        load_default=False, metadata={"description": "whether the extended data set is switched on"}
    )
    bauart = felder.Auswahl(Bauart, load_default=Bauart.ELEKTRONISCH)
    kennzeichnung_jahr = felder.Ganzzahl(
        von=FRUEHESTE_KENNZEICHNUNG,
        bis=felder.SPAETESTES_JAHR,
        allow_none=True,
        load_default=None,
        metadata={"description": "year in the marking of the meter, next year at the latest", "example": 2026},
    )
    nutzungsdauer_jahre = felder.Ganzzahl(
        von=1,
        bis=100,
        allow_none=True,
        load_default=None,
        metadata={"description": "years that the operator plans to use it", "example": 16},
    )
    gewaehrleistung_ende_datum = felder.Datum(
        allow_none=True,
        load_default=None,
        metadata={"description": "last day of the warranty; a document of the warranty sets it, too"},
    )
    inbetriebnahme_datum = felder.Datum(
        allow_none=True,
        load_default=None,
        metadata={"description": "first day in service, not before the year of the marking; an Einbau sets it"},
    )
    sim_iccid = felder.Text(
        hoechstens=30,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "number of the SIM card (ITU-T E.118), 19 or 20 digits; spaces are allowed",
            "example": "89490200001234567892",
        },
    )


class StromzaehlerAendernSchema(StromzaehlerAnlegenSchema):
    """Any part of the data; the number stays. stellen and faktor are fixed once there are readings."""

    class Meta(StromzaehlerAnlegenSchema.Meta):
        exclude = ("zaehlernummer",)

    zustand = felder.Auswahl(Zaehlerzustand, metadata={"description": "EINGEBAUT and AUSGEBAUT follow the Einbau"})


class StromzaehlerSchema(StromzaehlerAnlegenSchema):
    stromzaehler_id = fields.Integer()
    zustand = felder.Auswahl(Zaehlerzustand)
    verschrottung_datum = felder.Datum(
        allow_none=True, metadata={"description": "when it became VERSCHROTTET, else null"}
    )
    version = fields.Integer(metadata={"description": "as in the ETag"})


class StromzaehlerQuerySchema(SeiteQuerySchema):
    zaehlernummer = felder.Text(
        hoechstens=20,
        muster=r"[0-9A-Za-z ]{1,20}",
        hinweis="Ziffern, Buchstaben und Leerzeichen sind erlaubt.",
        metadata={"description": "start of the meter number; spaces do not count"},
    )
    zustand = felder.Auswahl(Zaehlerzustand)
    postleitzahl = felder.PostleitzahlAnfang(
        metadata={"description": "start of the postcode of the place where the meter hangs now, 1 to 5 digits"}
    )
    bauart = felder.Auswahl(Bauart)
    kennzeichnung_jahr = felder.Ganzzahl(
        von=FRUEHESTE_KENNZEICHNUNG,
        bis=felder.SPAETESTES_JAHR,
        aus_text=True,
        metadata={"description": "year in the marking"},
    )
    gewaehrleistung_bis = felder.Datum(metadata={"description": "warranty that ends on this day or before"})


class ZuordnungAendernSchema(StrengesSchema):
    """When the meter is the customer's: [von, bis), edges of quarter hours."""

    von = felder.Zeitpunkt(viertelstunde=True, required=True, metadata={"example": "2026-01-01T00:00:00+01:00"})
    bis = felder.Zeitpunkt(
        viertelstunde=True,
        allow_none=True,
        load_default=None,
        metadata={"description": "first instant at which it is no longer theirs; null: still theirs"},
    )


class ZuordnungAnlegenSchema(ZuordnungAendernSchema):
    kunde_id = felder.Kennung(required=True)


class ZuordnungSchema(ZuordnungAnlegenSchema):
    kunde_stromzaehler_id = fields.Integer()
    stromzaehler_id = fields.Integer()
    version = fields.Integer(metadata={"description": "as in the ETag"})


class KundeStromzaehlerSchema(ZuordnungAendernSchema):
    """A meter of a customer, and when it is theirs."""

    stromzaehler = fields.Nested(StromzaehlerSchema)


StromzaehlerSeiteSchema = seite_schema(StromzaehlerSchema)
ZuordnungSeiteSchema = seite_schema(ZuordnungSchema)
KundeStromzaehlerSeiteSchema = seite_schema(KundeStromzaehlerSchema)
