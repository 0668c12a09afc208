"""States of orders through the API: the table of docs/auftraege.md, each of the 36 pairs; and two at once."""

import re
import threading
from datetime import date
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError

from betreiber.auftrag.stoerungsauftraege import open_auftraege
from betreiber.auth.domain import system_akteur
from db.models import Audit, Auftrag
from db.session import create_session
from tests.haus.quelltext import WURZEL
from tests.hilfen import Klient

ZUSTAENDE = ("OFFEN", "GEPLANT", "UNTERWEGS", "ERLEDIGT", "FEHLGESCHLAGEN", "STORNIERT")
LAUFEND = ZUSTAENDE[:3]


def documented():
    """{from: [to, ...]} as the table of docs/auftraege.md has it; states without a row lead nowhere."""
    text = (WURZEL / "docs/auftraege.md").read_text(encoding="utf-8")
    tabelle = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", text.partition("| from | to |")[2], re.M)
    erlaubt = {von: re.findall(r"\w+", nach) for von, nach in tabelle}
    assert list(erlaubt) == list(LAUFEND)
    return {zustand: erlaubt.get(zustand, []) for zustand in ZUSTAENDE}


@pytest.mark.parametrize("alt", ZUSTAENDE)
def test_each_transition(client, lage, welt, alt):
    plan = {"benutzer_id": lage.monteur_id, "termin_datum": "2026-06-16"}
    bitten = {
        "OFFEN": ("PATCH", "", {"zustand": "OFFEN"}),
        "GEPLANT": ("PATCH", "", {"zustand": "GEPLANT", **plan}),
        "UNTERWEGS": ("PATCH", "", {"zustand": "UNTERWEGS"}),
        "ERLEDIGT": ("POST", "/erledigung", None),
        "FEHLGESCHLAGEN": ("POST", "/besuche", {"grund": "Niemand da"}),
        "STORNIERT": ("PATCH", "", {"zustand": "STORNIERT", "grund": "Doppelt"}),
    }
    erlaubt = documented()[alt]
    for neu, (methode, weg, daten) in bitten.items():
        geplant = {} if alt == "OFFEN" else {"benutzer_id": lage.monteur_id, "termin_datum": date(2026, 6, 16)}
        nummer = welt.auftrag(lage.messstelle_id, zustand=alt, **geplant)
        pfad = f"/v1/auftraege/{nummer}"
        kw = {} if daten is None else {"json": daten}
        antwort = client.request(methode, pfad + weg, als=lage.planer, version=1, **kw)
        danach = client.get(pfad, als=lage.planer).json["zustand"]
        if neu in erlaubt:
            assert (antwort.status_code < 300, danach) == (True, neu), (alt, neu, antwort.text)
        elif neu == alt and alt in LAUFEND:
            assert (antwort.status_code, danach) == (200, alt)
        else:
            assert (antwort.status_code, antwort.json["code"]) == (409, "zustand_nicht_erlaubt"), (alt, neu)
            assert (antwort.json["erlaubt"], danach) == (erlaubt, alt)
            assert all(zustand in antwort.json["detail"] for zustand in erlaubt)


def test_of_two_planners_the_first_wins(client, lage, anlegen):
    pfad = anlegen()
    daten = {"zustand": "GEPLANT", "benutzer_id": lage.monteur_id}
    erster = client.patch(pfad, json=daten | {"termin_datum": "2026-06-16"}, als=lage.planer, version=1)
    zweiter = client.patch(pfad, json=daten | {"termin_datum": "2026-06-17"}, als=lage.planer, version=1)
    ohne = client.patch(pfad, json=daten, als=lage.planer)
    assert (erster.status_code, zweiter.status_code, ohne.status_code) == (200, 412, 428)
    assert client.get(pfad, als=lage.planer).json["termin_datum"] == "2026-06-16"


def at_once(*aufgaben):
    """Run tasks at the same time, each in its own thread; their results in order."""
    start, ergebnisse = threading.Barrier(len(aufgaben)), [None] * len(aufgaben)

    def run(nummer):
        start.wait()
        ergebnisse[nummer] = aufgaben[nummer]()

    faeden = [threading.Thread(target=run, args=(nummer,)) for nummer in range(len(aufgaben))]
    for faden in faeden:
        faden.start()
    for faden in faeden:
        faden.join()
    return ergebnisse


def history(engine, nummer):
    """Which states an order has reached by changes, and its version now."""
    with create_session(engine, lesen=True) as session:
        spuren = session.scalars(
            select(Audit)
            .where(Audit.objekt_art == "auftrag", Audit.objekt_id == nummer, Audit.aktion == "GEAENDERT")
            .order_by(Audit.audit_id)
        )
        return [spur.neu["zustand"] for spur in spuren], session.get(Auftrag, nummer).version


def plan(app, lage, pfad, tag):
    """Plans an order that was read in version 1."""
    daten = {"zustand": "GEPLANT", "benutzer_id": lage.monteur_id, "termin_datum": tag}
    return Klient(app).patch(pfad, json=daten, als=lage.planer, version=1)


def test_of_two_planners_at_once_one_wins(app, client, lage, welt, engine):
    """The other one gets 412, whoever came first; what the winner planned stands."""
    for _ in range(5):
        nummer = welt.auftrag(lage.messstelle_id)
        pfad, tage = f"/v1/auftraege/{nummer}", ("2026-06-16", "2026-06-17")
        bitten = [partial(plan, app, lage, pfad, tag) for tag in tage]
        antworten = at_once(*bitten)
        assert sorted(antwort.status_code for antwort in antworten) == [200, 412]
        gewinner = next(tag for tag, antwort in zip(tage, antworten, strict=True) if antwort.status_code == 200)
        assert client.get(pfad, als=lage.planer).json["termin_datum"] == gewinner
        assert history(engine, nummer) == (["GEPLANT"], 2)


def test_of_a_planner_and_the_sweep_that_cancels_none_is_overwritten(app, client, lage, welt, engine, uhr):
    """The Störung is over. The planner is behind, or plans what is cancelled next; nothing is lost in between."""

    def sweep():
        with create_session(engine) as session:
            try:
                return open_auftraege(session, system_akteur("jobs", uhr.now()))
            except StaleDataError:
                return "behind"

    for _ in range(5):
        stoerung_id = welt.stoerung(
            lage.stromzaehler_id,
            stufe="AUFTRAG",
            behoben_zeitpunkt=uhr.now(),
            abgeklungen_zeitpunkt=uhr.now(),
            behoben_durch="system:jobs",
        )
        nummer = welt.auftrag(lage.messstelle_id, stromzaehler_id=lage.stromzaehler_id, stoerung_id=stoerung_id)
        pfad = f"/v1/auftraege/{nummer}"
        antwort, abgesagt = at_once(partial(plan, app, lage, pfad, "2026-06-16"), sweep)
        zustaende, version = history(engine, nummer)
        assert version == 1 + len(zustaende)
        if antwort.status_code == 412:
            assert (zustaende, abgesagt) == (["STORNIERT"], 1)
        else:
            assert antwort.status_code == 200
            assert zustaende == (["GEPLANT", "STORNIERT"] if abgesagt == 1 else ["GEPLANT"])
            sweep()
        assert client.get(pfad, als=lage.planer).json["zustand"] == "STORNIERT"
