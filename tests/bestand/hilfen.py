"""Files of an inventory as a test writes them, and what of them is stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, text

from tests.hilfen import malo_id

KUNDE = {
    "kundennummer": "K-100001",
    "art": "VERBRAUCHER",
    "name": "Jürgen Größenwahn",
    "strasse": "Ährenweg",
    "hausnummer": "12",
    "hausnummerzusatz": "",
    "postleitzahl": "50667",
    "stadtname": "Köln",
    "e_mail": "",
    "telefon": "",
    "registriert_datum": "2019-03-01",
}
MESSSTELLE = {
    "malo_id": "41373559241",
    "melo_id": "DE0000015066700000000000000000001",
    "strasse": "Ährenweg",
    "hausnummer": "12",
    "postleitzahl": "50667",
    "stadtname": "Köln",
    "bundesland": "NW",
    "anschlussleistung_kw": "30,5",
}
ZAEHLER = {
    "zaehlernummer": "1 EMH 00 1234 5678",
    "hersteller": "EMH",
    "modell": "ED300L",
    "seriennummer": "12345678",
    "stellen": "6",
    "inf": "nein",
    "malo_id": "41373559241",
    "einbau_datum": "01.04.2020",
    "kundennummer": "K-100001",
}
VERTRAG = {
    "vertragsnummer": "V-200001",
    "kundennummer": "K-100001",
    "malo_id": "41373559241",
    "tarif": "Hausstrom",
    "produkt": "STROMLIEFERUNG",
    "beginn_datum": "2020-04-01",
    "kuendigungsfrist_wochen": "4",
    "zustand": "AKTIV",
}
ALLES = {"kunden": [KUNDE], "messstellen": [MESSSTELLE], "stromzaehler": [ZAEHLER], "vertraege": [VERTRAG]}
# What an import writes, but for the note of how far it came.
_TABELLEN = {
    "kunde": "kundennummer, art, name, strasse, stadtname, e_mail, telefon, registriert_datum",
    "messstelle": "malo_id, melo_id, strasse, bundesland, anschlussleistung_kw",
    "stromzaehler": "zaehlernummer, hersteller, stellen, faktor, zustand, inbetriebnahme_datum",
    "einbau": "von, bis",
    "kunde_stromzaehler": "von, bis",
    "wartung": "einbau_datum, version",
    "vertrag": "vertragsnummer, produkt, zustand, beginn_datum",
    "audit": "aktion, objekt_art",
    "ereignis": "art, objekt_art",
}


def as_csv(zeilen: Sequence[Mapping[str, str]], trenner: str = ";") -> str:
    """A file of these lines; those that lack a column have an empty cell."""
    spalten = list(dict.fromkeys(name for zeile in zeilen for name in zeile))
    inhalt = [trenner.join(_quoted(zeile.get(name, ""), trenner) for name in spalten) for zeile in zeilen]
    return "\r\n".join([trenner.join(spalten), *inhalt, ""])


def _quoted(zelle: str, trenner: str) -> str:
    return f'"{zelle}"' if trenner in zelle else zelle


def viele(anzahl: int) -> dict[str, list[dict[str, str]]]:
    """So many customers, each with a place and a meter."""
    nummern = range(1, anzahl + 1)
    return {
        "kunden": [KUNDE | {"kundennummer": f"K-{n:06}"} for n in nummern],
        "messstellen": [MESSSTELLE | {"malo_id": malo_id(n), "melo_id": f"DE00056266802{n:020}"} for n in nummern],
        "stromzaehler": [
            ZAEHLER | {"zaehlernummer": f"1EMH00{n:08}", "malo_id": malo_id(n), "kundennummer": f"K-{n:06}"}
            for n in nummern
        ],
    }


def stored(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored, by table, without ids and instants."""
    with engine.connect() as connection:
        return {
            tabelle: sorted(
                (tuple(zeile) for zeile in connection.execute(text(f"SELECT {spalten} FROM {tabelle}"))),
                key=str,
            )
            for tabelle, spalten in _TABELLEN.items()
        }


def counted(engine: Engine) -> dict[str, int]:
    """How many rows of each table there are, where there are some."""
    return {tabelle: len(zeilen) for tabelle, zeilen in stored(engine).items() if zeilen}
