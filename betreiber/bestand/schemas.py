"""Shapes of the lines of each file: those of the API, and where a line names another object, its number."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from betreiber import felder
from betreiber.bestand.domain import Bestandsart, Ergebnis, Satz, Urteil
from betreiber.felder import StrengesSchema
from betreiber.kunde.schemas import KundeAnlegenSchema
from betreiber.messstelle.schemas import MessstelleAnlegenSchema
from betreiber.stromzaehler.schemas import StromzaehlerAnlegenSchema
from betreiber.vertrag.domain import Vertragszustand
from betreiber.vertrag.schemas import VertragsdatenSchema

_TAG = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_GANZE = re.compile(r"-?[0-9]{1,18}")
_WAHR = {"ja": True, "true": True, "nein": False, "false": False}


class OrtSchema(StrengesSchema):
    """Which Messstelle: one of its ids is enough."""

    malo_id = felder.Text(hoechstens=11, load_default=None)
    melo_id = felder.Text(hoechstens=33, load_default=None)


class StromzaehlerZeileSchema(StromzaehlerAnlegenSchema, OrtSchema):
    """A meter, where it hangs, and whose it is."""

    einbau_datum = felder.Datum(load_default=None)
    kundennummer = felder.Nummer(load_default=None)
    zuordnung_datum = felder.Datum(load_default=None)


class VertragZeileSchema(VertragsdatenSchema, OrtSchema):
    """A contract, of whom, for which Messstelle, and to which Tarif."""

    kundennummer = felder.Nummer(required=True)
    tarif = felder.Text(required=True)
    zustand = felder.Auswahl(Vertragszustand, load_default=Vertragszustand.ANGELEGT)


class Zeilenschema:
    """Reads the cells of a line: each text becomes what the API would get as JSON, which is then checked."""

    def __init__(self, schema: StrengesSchema) -> None:
        self._schema = schema
        self.spalten = frozenset(schema.fields)
        self.pflicht = frozenset(name for name, feld in schema.fields.items() if feld.required)

    def load(self, zellen: Mapping[str, str]) -> Satz | Urteil:
        """What a line says, or why it is refused; an empty cell is a field that is not given."""
        werte = {name: _as_json(self._schema.fields[name], text) for name, text in zellen.items() if text}
        try:
            geladen = self._schema.load(werte)
        except ValidationError as error:
            # StrengesSchema has no nested fields: a list of messages each.
            texte = error.normalized_messages()
            maengel = {name: " ".join(texte[name]) for name in zellen if name in texte}
            meldung = " ".join(f"{name}: {text}" for name, text in maengel.items())
            return Urteil(Ergebnis.ABGELEHNT, ",".join(maengel), "eingabe_ungueltig", meldung)
        return Satz(geladen, vorgaben=geladen.keys() - werte.keys())


def _as_json(feld: fields.Field[Any], text: str) -> Any:
    """The value of a cell in JSON; what it cannot be stays a text, which the field refuses."""
    if isinstance(feld, felder.Ganzzahl) and _GANZE.fullmatch(text):
        return int(text)
    if isinstance(feld, felder.Wahrheitswert):
        return _WAHR.get(text.lower(), text)
    if isinstance(feld, felder.Dezimal):
        return text.replace(",", ".")
    if isinstance(feld, felder.Datum) and (treffer := _TAG.fullmatch(text)):
        return "-".join(teil.zfill(2) for teil in reversed(treffer.groups()))
    return text


SCHEMAS = {
    Bestandsart.KUNDEN: Zeilenschema(KundeAnlegenSchema()),
    Bestandsart.MESSSTELLEN: Zeilenschema(MessstelleAnlegenSchema()),
    Bestandsart.STROMZAEHLER: Zeilenschema(StromzaehlerZeileSchema()),
    Bestandsart.VERTRAEGE: Zeilenschema(VertragZeileSchema()),
}
