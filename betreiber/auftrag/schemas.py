"""Shapes of work orders."""

from typing import Any

from marshmallow import fields, post_dump, validate

from betreiber import felder
from betreiber.auftrag.domain import (
    Auftragsart,
    Auftragszustand,
    Eichfristart,
    Nachweisart,
    Planzustand,
    Tourformat,
    Wartungsart,
    is_termin_arbeitstag,
)
from betreiber.felder import StrengesSchema
from betreiber.messstelle.schemas import MessstelleKurzSchema
from betreiber.seite import SeiteQuerySchema, seite_schema
from betreiber.wartung.domain import Anlass

# What a route describes that answers with a photo.
FOTO = {"type": "string", "format": "binary", "description": "the photo, as an attachment"}
# What a route describes that answers with a file.
DATEI = {"type": "string", "description": "UTF-8; docs/auftraege.md names the columns"}
TOURBLATT = {"type": "string", "format": "binary", "description": "A4, a page or more a fitter"}
_STAND_HOECHSTENS_WH = 10**12


class AuftragAnlegenSchema(StrengesSchema):
    art = felder.Auswahl(Auftragsart, required=True)
    messstelle_id = felder.Kennung(required=True)
    stromzaehler_id = felder.Kennung(
        load_default=None,
        metadata={"description": "null: the meter that hangs there now; of an EINBAU the one to install"},
    )
    anlass = felder.Text(hoechstens=500, required=True, metadata={"description": "why somebody must go there"})


class AuftragAendernSchema(StrengesSchema):
    """Any of these; a fitter sets zustand to UNTERWEGS only."""

    zustand = felder.Auswahl(Planzustand)
    benutzer_id = felder.Kennung(metadata={"description": "login of the fitter"})
    termin_datum = felder.Datum(
        metadata={"description": "day on which the fitter comes, not a past one, at most two years on"}
    )
    anlass = felder.Text(hoechstens=500)
    grund = felder.Text(hoechstens=500, metadata={"description": "mandatory with STORNIERT"})


class AuftragSchema(StrengesSchema):
    auftrag_id = fields.Integer()
    art = felder.Auswahl(Auftragsart)
    zustand = felder.Auswahl(Auftragszustand)
    stromzaehler_id = fields.Integer(allow_none=True)
    zaehlernummer = fields.String(attribute="stromzaehler.zaehlernummer", dump_default=None, allow_none=True)
    stoerung_id = fields.Integer(allow_none=True, metadata={"description": "the Störung that it is to end"})
    benutzer_id = fields.Integer(allow_none=True, metadata={"description": "login of the fitter"})
    termin_datum = felder.Datum(allow_none=True)
    anlass = fields.String()
    termin_arbeitstag = fields.Boolean(
        allow_none=True,
        metadata={"description": "false: the day is a weekend or a holiday there; null: there is no day"},
    )
    grund = fields.String(allow_none=True, metadata={"description": "why it failed or was cancelled"})
    zutritt_angekuendigt = fields.Boolean(
        metadata={"description": "whether a letter names this termin_datum, as its day or as its substitute day"}
    )
    angelegt_zeitpunkt = felder.Zeitpunkt()
    beendet_zeitpunkt = felder.Zeitpunkt(allow_none=True)
    messstelle = fields.Nested(MessstelleKurzSchema)
    version = fields.Integer(metadata={"description": "as in the ETag"})

    def get_attribute(self, obj: Any, attr: str, default: object) -> object:
        """Derive what is no column."""
        if attr == "termin_arbeitstag":
            return is_termin_arbeitstag(obj.termin_datum, obj.messstelle.bundesland)
        return super().get_attribute(obj, attr, default)


AuftragSeiteSchema = seite_schema(AuftragSchema)


class AuftragsmessstelleSchema(MessstelleKurzSchema):
    """The place, with what one must know at the door."""

    zugangshinweis = fields.String(allow_none=True)


class KontaktSchema(StrengesSchema):
    """Whom to call before."""

    name = fields.String()
    telefon = fields.String(allow_none=True)
    e_mail = fields.String(allow_none=True)


class BesuchSchema(StrengesSchema):
    nummer = fields.Integer(metadata={"description": "of the order, from 1"})
    zeitpunkt = felder.Zeitpunkt()
    grund = fields.String()
    ersatztermin_datum = felder.Datum(allow_none=True)


class BesuchAnlegenSchema(StrengesSchema):
    grund = felder.Text(hoechstens=500, required=True, metadata={"example": "Niemand zu Hause"})
    ersatztermin_datum = felder.Datum(
        load_default=None, allow_none=True, metadata={"description": "null: the order has failed"}
    )


class NachweisAnlegenSchema(StrengesSchema):
    art = felder.Auswahl(Nachweisart, required=True)
    zeitpunkt = felder.Zeitpunkt(load_default=None, metadata={"description": "when it was seen; default: now"})
    notiz = felder.Text(hoechstens=2000, load_default=None)
    bezug_gesamt_wh = felder.Ganzzahl(
        von=0,
        bis=_STAND_HOECHSTENS_WH,
        load_default=None,
        metadata={"description": "register 1-0:1.8.0*255 as the display shows it, in Wh"},
    )
    einspeisung_gesamt_wh = felder.Ganzzahl(
        von=0,
        bis=_STAND_HOECHSTENS_WH,
        load_default=None,
        metadata={"description": "register 1-0:2.8.0*255, in Wh"},
    )


class FotoAnlegenSchema(StrengesSchema):
    """A form with a photo."""

    datei = felder.Datei(required=True, metadata={"description": "PNG or JPEG by its content, at most 5 MB"})
    zeitpunkt = felder.Zeitpunkt(load_default=None, metadata={"description": "when it was taken; default: now"})
    notiz = felder.Text(hoechstens=2000, load_default=None)


class NachweisSchema(StrengesSchema):
    auftragsnachweis_id = fields.Integer()
    art = felder.Auswahl(Nachweisart)
    zeitpunkt = felder.Zeitpunkt()
    notiz = fields.String(allow_none=True)
    bezug_gesamt_wh = fields.Integer(allow_none=True)
    einspeisung_gesamt_wh = fields.Integer(allow_none=True)
    medientyp = fields.String(allow_none=True, metadata={"description": "of a photo"})


class AuftragAuskunftSchema(AuftragSchema):
    """An order with all that a fitter needs at the door."""

    messstelle = fields.Nested(AuftragsmessstelleSchema)
    kontakt = fields.Nested(
        KontaktSchema, allow_none=True, metadata={"description": "the customer of whom the meter is now"}
    )
    besuche = fields.List(fields.Nested(BesuchSchema), metadata={"description": "visits that failed"})
    nachweise = fields.List(fields.Nested(NachweisSchema))

    def get_attribute(self, obj: object, attr: str, default: object) -> object:
        """Read the order's own columns from the order inside of the answer."""
        return super().get_attribute(obj if attr == "kontakt" else obj.auftrag, attr, default)  # type: ignore[attr-defined]

    @post_dump(pass_original=True)
    def replace_zugangshinweis(self, daten: dict[str, Any], auskunft: Any, **_: Any) -> dict[str, Any]:
        """Say how to get in as far as this person may know it: the place itself knows it for ever."""
        daten["messstelle"]["zugangshinweis"] = auskunft.zugangshinweis
        return daten


class VergleichSchema(StrengesSchema):
    bezug_abweichung_wh = fields.Integer(metadata={"description": "0: within what the remote values allow"})
    einspeisung_abweichung_wh = fields.Integer(allow_none=True)


class ErledigungSchema(StrengesSchema):
    auftrag = fields.Nested(AuftragSchema)
    vergleich = fields.Nested(
        VergleichSchema,
        allow_none=True,
        metadata={"description": "of a KONTROLLABLESUNG with remote values; null: nothing to compare with"},
    )
    folgeauftrag_id = fields.Integer(
        allow_none=True, metadata={"description": "the REPARATUR that a difference above the tolerance asks for"}
    )


class AuftraegeQuerySchema(SeiteQuerySchema):
    zustand = felder.Auswahl(Auftragszustand, load_default=None, metadata={"description": "only in this state"})
    art = felder.Auswahl(Auftragsart, load_default=None, metadata={"description": "only of this kind"})
    von = felder.Datum(load_default=None, metadata={"description": "day of the visit from here on"})
    bis = felder.Datum(load_default=None, metadata={"description": "day of the visit before this one"})
    monteur = felder.Kennung(aus_text=True, load_default=None, metadata={"description": "login of the fitter"})
    postleitzahl = felder.PostleitzahlAnfang(
        load_default=None, metadata={"description": "start of the postcode, 1 to 5 digits"}
    )
    stromzaehler_id = felder.Kennung(
        aus_text=True, load_default=None, metadata={"description": "only of this meter"}
    )


class AuftragskennzahlenQuerySchema(StrengesSchema):
    von = felder.Datum(required=True, metadata={"description": "first day"})
    bis = felder.Datum(required=True, metadata={"description": "first day after, at most 366 days on"})


class AuftragskennzahlenSchema(StrengesSchema):
    art = felder.Auswahl(Auftragsart, allow_none=True, metadata={"description": "null: all kinds"})
    faellig = fields.Integer(metadata={"description": "orders, not cancelled, whose day lies in the period"})
    erledigt = fields.Integer(metadata={"description": "of these, done"})
    puenktlich = fields.Integer(metadata={"description": "of these, done on their day or before"})
    ueberfaellig = fields.Integer(metadata={"description": "of these, neither ended nor on a day to come"})
    fehlgeschlagene_besuche = fields.Integer(metadata={"description": "visits of the period that failed"})
    reparaturdauer_mittel_s = fields.Integer(
        allow_none=True,
        metadata={"description": "mean time from order to end of the repairs that ended then"},
    )


class TourQuerySchema(StrengesSchema):
    datum = felder.Datum(required=True, metadata={"description": "the day of the tour"})
    monteur = felder.Kennung(aus_text=True, load_default=None, metadata={"description": "login of the fitter"})
    format = felder.Auswahl(
        Tourformat, load_default=Tourformat.JSON.value, metadata={"description": "form of the answer"}
    )


class TourenvorschlagAnlegenSchema(StrengesSchema):
    von = felder.Datum(required=True, metadata={"description": "first day of the tours, not a past one"})
    bis = felder.Datum(required=True, metadata={"description": "first day after them, at most 92 days on"})
    monteure = felder.Liste(
        felder.Kennung(),
        required=True,
        validate=validate.Length(1, 100, error="Nennen Sie 1 bis 100 Monteure."),
        metadata={"description": "logins of the fitters, in the order in which their days fill up"},
    )
    stopps_hoechstens = felder.Ganzzahl(
        von=1, bis=100, load_default=12, metadata={"description": "orders of a fitter on a day"}
    )
    postleitzahl = felder.PostleitzahlAnfang(load_default=None, metadata={"description": "only orders there"})
    probelauf = felder.Wahrheitswert(
        load_default=True, metadata={"description": "true: only say it; false: plan the orders so"}
    )


class TourvorschlagSchema(StrengesSchema):
    auftrag_id = fields.Integer()
    termin_datum = felder.Datum()
    benutzer_id = fields.Integer()


class TourenvorschlagSchema(StrengesSchema):
    probelauf = fields.Boolean()
    vorschlaege = fields.List(fields.Nested(TourvorschlagSchema))
    ohne_termin = fields.Integer(metadata={"description": "open orders for which there was no room"})


class MonteurSchema(StrengesSchema):
    benutzer_id = fields.Integer(metadata={"description": "with which orders and tours name the fitter"})
    benutzername = fields.String()
    aktiv = fields.Boolean(metadata={"description": "whether the fitter may log in, and so be planned"})


MonteurSeiteSchema = seite_schema(MonteurSchema)


class WartungsauftraegeAnlegenSchema(StrengesSchema):
    faellig_bis = felder.Datum(
        required=True, metadata={"description": "meters due on this day or before, at most two years on"}
    )
    anlass = felder.Auswahl(Anlass, load_default=None, metadata={"description": "only those due for this reason"})
    postleitzahl = felder.PostleitzahlAnfang(load_default=None, metadata={"description": "only meters there"})
    art_eichfrist = felder.Auswahl(
        Eichfristart, load_default=Eichfristart.WECHSEL, metadata={"description": "the order for an EICHFRIST"}
    )
    art_manuell = felder.Auswahl(
        Wartungsart,
        load_default=None,
        metadata={"description": "the order for a date that was set by hand; null: there is none"},
    )
    hoechstens = felder.Ganzzahl(
        von=1,
        bis=5_000,
        load_default=1_000,
        metadata={"description": "orders of this call; uebrig says how many wait"},
    )
    probelauf = felder.Wahrheitswert(
        load_default=True, metadata={"description": "true: only say it; false: make the orders"}
    )


class NachzutragenSchema(StrengesSchema):
    auftrag_id = fields.Integer()
    art = felder.Auswahl(Auftragsart)
    stromzaehler_id = fields.Integer()


class WartungsauftragSchema(NachzutragenSchema):
    auftrag_id = fields.Integer(allow_none=True, metadata={"description": "null in a dry run"})
    messstelle_id = fields.Integer()
    anlass = fields.String(metadata={"example": "Ende der Eichfrist: 31.12.2026"})


class WartungsauftraegeSchema(StrengesSchema):
    probelauf = fields.Boolean()
    auftraege = fields.List(
        fields.Nested(WartungsauftragSchema), metadata={"description": "what is due first first"}
    )
    uebrig = fields.Integer(metadata={"description": "due meters without an order beyond `hoechstens`"})
    nachzutragen = fields.List(
        fields.Nested(NachzutragenSchema),
        metadata={
            "description": "orders done in the last 4 weeks although the meter is still due: enter what was done"
        },
    )
