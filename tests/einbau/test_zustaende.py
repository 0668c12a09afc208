"""The states of a meter: every way from each to each by the API, as the table in docs/lebenslauf.md has it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.models import Stromzaehler

ZUSTAENDE = ("LAGER", "EINGEBAUT", "GESPERRT", "AUSGEBAUT", "VERSCHROTTET")
JAN = datetime(2026, 1, 1, tzinfo=UTC)
LEBENSLAUF = Path(__file__).parents[2] / "docs" / "lebenslauf.md"


def read_table():
    """From a state, by whether the meter hangs: by which of the routes it may take each of the others."""
    zeilen = re.findall(r"^\| `([A-Z]+)`(, it hangs)? \|(.*)\|$", LEBENSLAUF.read_text(encoding="utf-8"), re.M)
    return {
        (zustand, bool(haengt)): dict(
            zip(ZUSTAENDE, [re.findall(r"[a-z]+|PATCH", zelle) for zelle in zellen.split("|")], strict=True)
        )
        for zustand, haengt, zellen in zeilen
    }


TABELLE = read_table()


class Zaehler:
    """A meter in a state, and a place: its own, or one where none hangs."""

    def __init__(self, welt, client, als, zustand, haengt):
        self._client, self._person = client, als("wartung")
        self.nummer, self.messstelle = welt.stromzaehler(zustand=zustand), welt.messstelle()
        if haengt:
            welt.einbau(self.nummer, self.messstelle, JAN)

    def go(self, wie, ziel):
        """Ask for another state by a route; the answer."""
        stand = {"bezug_gesamt_wh": 0, "einspeisung_gesamt_wh": 0}
        arbeit = {"stromzaehler_id": self.nummer, "zeitpunkt": "2026-06-15T08:00:00Z"}
        messstelle, zaehler = f"/v1/messstellen/{self.messstelle}", f"/v1/stromzaehler/{self.nummer}"
        if wie == "PATCH":
            return self._client.patch(zaehler, json={"zustand": ziel}, als=self._person, version=1)
        pfad, daten = {
            "lagerung": (f"{zaehler}/lagerung", {"ort": "Halle 2"}),
            "zaehlereinbau": (f"{messstelle}/zaehlereinbau", {**arbeit, "anfangsstand": stand}),
            "zaehlerausbau": (f"{messstelle}/zaehlerausbau", {**arbeit, "schlussstand": stand}),
        }[wie]
        return self._client.post(pfad, json=daten, als=self._person)


def wege():
    """Each state, each route to each other state, and whether the table has it."""
    fuehrt = {"LAGER": "lagerung", "EINGEBAUT": "zaehlereinbau", "AUSGEBAUT": "zaehlerausbau"}
    for (zustand, haengt), zeile in TABELLE.items():
        for ziel, erlaubt in zeile.items():
            if ziel == zustand:
                continue
            for wie in filter(None, ("PATCH", fuehrt.get(ziel))):
                yield pytest.param(
                    zustand, haengt, ziel, wie, wie in erlaubt, id=f"{zustand}-{haengt}-{ziel}-{wie}"
                )


def test_the_table_has_every_state():
    assert set(TABELLE) == {
        ("LAGER", False), ("EINGEBAUT", True), ("GESPERRT", True), ("GESPERRT", False), ("AUSGEBAUT", False),
        ("VERSCHROTTET", False),
    }  # fmt: skip


@pytest.mark.parametrize(("zustand", "haengt", "ziel", "wie", "erlaubt"), list(wege()))
def test_each_way(welt, client, als, session, zustand, haengt, ziel, wie, erlaubt):
    zaehler = Zaehler(welt, client, als, zustand, haengt)
    antwort = zaehler.go(wie, ziel)
    bleibt = session.get(Stromzaehler, zaehler.nummer).zustand
    if erlaubt:
        assert (antwort.status_code in (200, 201), bleibt) == (True, ziel), antwort.text
        return
    # A distrusted meter is taken out, and stays distrusted.
    if (zustand, haengt, wie) == ("GESPERRT", True, "zaehlerausbau"):
        assert (antwort.status_code, bleibt) == (201, "GESPERRT")
        return
    assert (antwort.status_code, bleibt) == (409, zustand), antwort.text
    # That it hangs already is no matter of its state alone.
    if antwort.json["code"] != "einbau_ueberlappt":
        zeile = TABELLE[zustand, haengt]
        assert antwort.json["erlaubt"] == [name for name in ZUSTAENDE if "PATCH" in zeile[name]]
