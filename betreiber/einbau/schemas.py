"""Shapes of which meter hangs where when."""

from marshmallow import fields

from betreiber import felder
from betreiber.ablesung.schemas import ZaehlerstandSchema
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.schluessel.schemas import EinschreibungstokenSchema
from betreiber.seite import seite_schema
from betreiber.stromzaehler.domain import Zaehlerzustand
from betreiber.stromzaehler.schemas import ZuordnungSchema
from betreiber.tarif.domain import Produkt
from betreiber.vertrag.domain import Vertragszustand

# Nine digits before the decimal point are the most that a meter has.
REGISTER_MAX = 10**12 - 1


def _zeitpunkt(was: str) -> felder.Zeitpunkt:
    """A quarter hour at which something was done; `was` says what, in the API's description."""
    metadata = {"description": was, "example": "2026-05-31T10:15:00+02:00"}
    return felder.Zeitpunkt(viertelstunde=True, required=True, metadata=metadata)


def _einschreibungstoken(ohne: str = "the keys of the new meter are in force") -> fields.Nested:
    metadata = {"description": f"shown this once; null: {ohne}"}
    return fields.Nested(EinschreibungstokenSchema, allow_none=True, metadata=metadata)


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


class RegisterSchema(StrengesSchema):
    """What a meter shows: both registers, as read at its display."""

    bezug_gesamt_wh = felder.Ganzzahl(
        von=0, bis=REGISTER_MAX, required=True, metadata={"description": "register 1-0:1.8.0*255 in Wh"}
    )
    einspeisung_gesamt_wh = felder.Ganzzahl(
        von=0, bis=REGISTER_MAX, required=True, metadata={"description": "register 1-0:2.8.0*255 in Wh"}
    )


class ZaehlerwechselAnlegenSchema(StrengesSchema):
    alter_stromzaehler_id = felder.Kennung(required=True)
    neuer_stromzaehler_id = felder.Kennung(required=True)
    zeitpunkt = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={
            "description": "first quarter hour at or after the work, not in the future",
            "example": "2026-05-31T10:15:00+02:00",
        },
    )
    schlussstand = felder.Teil(
        RegisterSchema, required=True, metadata={"description": "what the old meter showed at last"}
    )
    anfangsstand = felder.Teil(
        RegisterSchema, required=True, metadata={"description": "what the new meter showed when it was put in"}
    )
    begruendung = felder.Text(hoechstens=500, metadata={"example": "Eichfrist endet"})


class ZaehlerwechselSchema(StrengesSchema):
    """An exchange: the Einbau that ended, the one that began, and the registers between them."""

    ausbau = fields.Nested(EinbauSchema)
    einbau = fields.Nested(EinbauSchema)
    schlussstand = fields.Nested(RegisterSchema)
    anfangsstand = fields.Nested(RegisterSchema)
    einschreibungstoken = _einschreibungstoken()


class ZaehlerwechselRuecknahmeSchema(StrengesSchema):
    zeitpunkt = _zeitpunkt("the one of the exchange that is undone")
    begruendung = felder.Text(hoechstens=500, required=True, metadata={"example": "falscher Zähler eingetragen"})


class RuecknahmeSchema(StrengesSchema):
    """An exchange that was undone: the old meter's Einbau goes on, the new one lies in the warehouse."""

    zeitpunkt = felder.Zeitpunkt()
    einbau = fields.Nested(EinbauSchema)
    neuer_stromzaehler_id = fields.Integer()
    einschreibungstoken = _einschreibungstoken("the keys of the old meter are in force, or it is GESPERRT")


class ZaehlereinbauAnlegenSchema(StrengesSchema):
    stromzaehler_id = felder.Kennung(required=True)
    zeitpunkt = _zeitpunkt("first quarter hour at or after the work, not in the future")
    anfangsstand = felder.Teil(
        RegisterSchema, required=True, metadata={"description": "what the meter showed when it was put in"}
    )
    kunde_id = felder.Kennung(
        allow_none=True,
        load_default=None,
        metadata={"description": "whose it is from then on; null: whoever has a running contract at the place"},
    )
    begruendung = felder.Text(hoechstens=500, metadata={"example": "Neuanschluss"})


class ZaehlereinbauSchema(StrengesSchema):
    """An installation: the Einbau that began, its first register, whose the meter is, and its token."""

    einbau = fields.Nested(EinbauSchema)
    anfangsstand = fields.Nested(RegisterSchema)
    zuordnung = fields.Nested(ZuordnungSchema, allow_none=True, metadata={"description": "null: vacant"})
    einschreibungstoken = _einschreibungstoken()


class VertragKurzSchema(StrengesSchema):
    """A contract at the place."""

    vertrag_id = fields.Integer()
    kunde_id = fields.Integer()
    vertragsnummer = fields.String()
    produkt = felder.Auswahl(Produkt)
    zustand = felder.Auswahl(Vertragszustand)
    beginn_datum = felder.Datum()
    ende_datum = felder.Datum(allow_none=True, metadata={"description": "first day without the contract"})


class ZaehlerausbauAnlegenSchema(StrengesSchema):
    stromzaehler_id = felder.Kennung(required=True)
    zeitpunkt = _zeitpunkt("first quarter hour at or after the work, not in the future")
    schlussstand = felder.Teil(
        RegisterSchema, required=True, metadata={"description": "what the meter showed at last"}
    )
    begruendung = felder.Text(hoechstens=500, metadata={"example": "Haus wird abgerissen"})


class ZaehlerausbauSchema(StrengesSchema):
    """A removal: the Einbau that ended, its last register, the interval that ended, the contracts that go on."""

    ausbau = fields.Nested(EinbauSchema)
    schlussstand = fields.Nested(RegisterSchema)
    zuordnung = fields.Nested(ZuordnungSchema, allow_none=True, metadata={"description": "null: it was vacant"})
    vertraege_offen = fields.List(
        fields.Nested(VertragKurzSchema),
        metadata={"description": "contracts that run at the place: ask whether they end"},
    )


class UmzugAnlegenSchema(StrengesSchema):
    zeitpunkt = _zeitpunkt("when the flat was handed over, a quarter hour, not in the future")
    kunde_id = felder.Kennung(
        allow_none=True, required=True, metadata={"description": "who moves in; null: the place is vacant"}
    )
    zaehlerstand = felder.Teil(
        RegisterSchema,
        allow_none=True,
        load_default=None,
        metadata={"description": "what the meter showed; may be left out where it has sent a reading itself"},
    )
    vertrag_beenden = felder.Wahrheitswert(
        load_default=False, metadata={"description": "whether the contracts of who moves out end with it"}
    )
    begruendung = felder.Text(hoechstens=500, metadata={"example": "Übergabeprotokoll vom 16.05.2026"})


class UmzugSchema(StrengesSchema):
    """A move: the register between the two customers, their intervals, and the contracts of who left."""

    stromzaehler_id = fields.Integer()
    zeitpunkt = felder.Zeitpunkt()
    zaehlerstand = fields.Nested(ZaehlerstandSchema)
    auszug = fields.Nested(ZuordnungSchema, allow_none=True, metadata={"description": "null: it was vacant"})
    einzug = fields.Nested(ZuordnungSchema, allow_none=True, metadata={"description": "null: it is vacant"})
    vertraege_beendet = fields.List(fields.Nested(VertragKurzSchema))
    vertraege_offen = fields.List(
        fields.Nested(VertragKurzSchema), metadata={"description": "without an end: ask whether they end"}
    )


class LagerungAnlegenSchema(StrengesSchema):
    ort = felder.Text(hoechstens=200, required=True, metadata={"example": "Köln, Halle 2, Regal 14"})


class LagerungSchema(LagerungAnlegenSchema):
    """A meter in the warehouse, and where it lies."""

    stromzaehler_id = fields.Integer()
    zustand = felder.Auswahl(Zaehlerzustand)
    version = fields.Integer(metadata={"description": "of the meter, as in the ETag"})


class ZuordnungsberichtigungAnlegenSchema(StrengesSchema):
    kante_alt = _zeitpunkt("when the meter changes hands by what is recorded")
    kante_neu = _zeitpunkt("when it really does")
    begruendung = felder.Text(hoechstens=500, required=True, metadata={"example": "falscher Tag eingetragen"})


class BerichtigteZuordnungSchema(ZuordnungSchema):
    """An interval of a meter as it is since an edge of it was moved."""


class AblesungSchema(ZaehlerstandSchema):
    """The reading that is stored now: people's, or the meter's own where people confirmed it."""


class AblesungAnlegenSchema(RegisterSchema):
    """Both registers, as somebody read them at the display."""

    zeitpunkt = _zeitpunkt("quarter hour of the reading, not in the future")


class FaktorwechselAnlegenSchema(StrengesSchema):
    ab = felder.Zeitpunkt(
        viertelstunde=True,
        required=True,
        metadata={
            "description": "from when on, a quarter hour with a reading, not in the future",
            "example": "2026-05-31T10:15:00+02:00",
        },
    )
    faktor = felder.Ganzzahl(
        von=1, bis=felder.INT32_MAX, required=True, metadata={"description": "transformer factor"}
    )
    begruendung = felder.Text(hoechstens=500, required=True, metadata={"example": "Wandler 200/5 eingebaut"})


class FaktorwechselSchema(RegisterSchema):
    """Another transformer factor from an instant on, when the registers showed that."""

    stromzaehler_id = fields.Integer()
    ab = felder.Zeitpunkt()
    faktor = fields.Integer()


EinbauSeiteSchema = seite_schema(EinbauSchema)
