"""Orders that outlive their meter: what the sweep cancels, and what its fitter or planner has to end."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from betreiber.auftrag.domain import is_ueberholt
from betreiber.auftrag.ueberholte import cancel_ueberholte
from betreiber.auth.domain import system_akteur
from betreiber.jobs.plan import open_orders
from db.models import Audit, Auftrag, Einbau, Ereignis
from db.session import create_session
from tests.auftrag.conftest import JAN
from tests.hilfen import recorded_statements

# A quarter past midnight in Berlin, where the 11th has begun; in UTC it is the 10th.
AUSBAU = datetime(2026, 6, 10, 22, 15, tzinfo=UTC)
AUSBAUTAG = date(2026, 6, 11)


@pytest.fixture
def ausbauen(session, lage):
    def remove(bis=AUSBAU):
        einbau = session.scalars(select(Einbau).where(Einbau.stromzaehler_id == lage.stromzaehler_id)).one()
        einbau.bis = bis
        session.commit()

    return remove


@pytest.fixture
def auftrag(welt, lage):
    """Puts an order for the meter into the database; returns its number."""

    def put(zustand="OFFEN", tag=None, **werte):
        plan = {} if tag is None else {"benutzer_id": lage.monteur_id, "termin_datum": tag}
        zaehler = {"stromzaehler_id": lage.stromzaehler_id}
        return welt.auftrag(lage.messstelle_id, zustand=zustand, **zaehler | plan | werte)

    return put


@pytest.fixture
def sweep(engine, uhr):
    def run(**kw):
        with create_session(engine) as session:
            return cancel_ueberholte(session, system_akteur("jobs", uhr.now()), **kw)

    return run


@pytest.fixture
def zustaende(engine):
    """The states of orders, as stored now."""

    def read(*nummern):
        with create_session(engine, lesen=True) as session:
            return [session.get(Auftrag, nummer).zustand for nummer in nummern]

    return read


@pytest.mark.parametrize(
    ("termin", "ausbau", "erwartet"),
    [
        (None, datetime(2026, 6, 10, 8, tzinfo=UTC), True),
        (None, None, True),
        (date(2026, 6, 1), None, True),
        (date(2026, 6, 9), datetime(2026, 6, 10, 8, tzinfo=UTC), False),
        (date(2026, 6, 10), datetime(2026, 6, 10, 8, tzinfo=UTC), False),
        (date(2026, 6, 11), datetime(2026, 6, 10, 8, tzinfo=UTC), True),
        # In Germany the 11th has begun two hours before it begins in UTC, in winter one hour.
        (date(2026, 6, 11), datetime(2026, 6, 10, 22, tzinfo=UTC), False),
        (date(2026, 6, 11), datetime(2026, 6, 10, 21, 59, tzinfo=UTC), True),
        (date(2026, 1, 11), datetime(2026, 1, 10, 22, 59, tzinfo=UTC), True),
        (date(2026, 1, 11), datetime(2026, 1, 10, 23, tzinfo=UTC), False),
    ],
)
def test_an_order_that_outlives_its_meter(termin, ausbau, erwartet):
    assert is_ueberholt(termin, ausbau) is erwartet


@pytest.mark.parametrize(
    ("zustand", "tag", "danach"),
    [
        ("OFFEN", None, "STORNIERT"),
        ("GEPLANT", AUSBAUTAG + timedelta(days=1), "STORNIERT"),
        ("GEPLANT", AUSBAUTAG, "GEPLANT"),
        ("GEPLANT", AUSBAUTAG - timedelta(days=1), "GEPLANT"),
        ("UNTERWEGS", AUSBAUTAG + timedelta(days=1), "UNTERWEGS"),
        ("ERLEDIGT", AUSBAUTAG + timedelta(days=1), "ERLEDIGT"),
        ("FEHLGESCHLAGEN", AUSBAUTAG + timedelta(days=1), "FEHLGESCHLAGEN"),
    ],
)
def test_what_somebody_may_have_done_stays(auftrag, ausbauen, sweep, zustaende, zustand, tag, danach):
    nummer = auftrag(zustand, tag)
    ausbauen()
    assert sweep() == (danach == "STORNIERT")
    assert zustaende(nummer) == [danach]
    assert sweep() == 0


@pytest.mark.parametrize("art", ["WECHSEL", "REPARATUR", "KONTROLLABLESUNG", "EICHUNG", "AUSBAU"])
def test_whatever_was_to_be_done_to_the_meter(client, lage, auftrag, ausbauen, sweep, session, uhr, art):
    nummer = auftrag(art=art)
    ausbauen()
    assert sweep() == 1
    antwort = client.get(f"/v1/auftraege/{nummer}", als=lage.planer).json
    assert (antwort["zustand"], antwort["grund"]) == ("STORNIERT", "Der Zähler hängt dort nicht mehr.")
    assert (antwort["beendet_zeitpunkt"], antwort["version"]) == ("2026-06-15T10:00:00Z", 2)
    spur = session.scalars(select(Audit).where(Audit.objekt_art == "auftrag", Audit.objekt_id == nummer)).one()
    assert (spur.aktion, spur.alt["zustand"], spur.neu["zustand"]) == ("GEAENDERT", "OFFEN", "STORNIERT")
    ereignis = session.scalars(select(Ereignis).where(Ereignis.art == "AUFTRAG_STORNIERT")).one()
    assert ereignis.daten["art"] == art


def test_others_are_left_alone(welt, lage, auftrag, ausbauen, nebenan, sweep, zustaende):
    """An installation, an order without a meter, and one whose meter hangs."""
    ort = nebenan()
    einbau = auftrag(art="EINBAU")
    ohne = auftrag(stromzaehler_id=None)
    zaehler = welt.stromzaehler(zustand="EINGEBAUT")
    welt.einbau(zaehler, welt.messstelle(), JAN)
    haengt = welt.auftrag(ort, stromzaehler_id=None)
    ausbauen()
    assert sweep() == 0
    assert zustaende(einbau, ohne, haengt) == ["OFFEN"] * 3


def test_a_meter_that_hangs_keeps_its_orders(welt, lage, auftrag, ausbauen, sweep, zustaende):
    """Also one that was removed there and came back."""
    nummer = auftrag()
    assert sweep() == 0
    ausbauen()
    welt.einbau(lage.stromzaehler_id, lage.messstelle_id, AUSBAU + timedelta(days=1))
    assert sweep() == 0
    assert zustaende(nummer) == ["OFFEN"]


def test_a_meter_that_hangs_elsewhere_now(welt, lage, auftrag, ausbauen, sweep, zustaende):
    nummer = auftrag()
    ausbauen()
    welt.einbau(lage.stromzaehler_id, welt.messstelle(), AUSBAU + timedelta(days=1))
    assert sweep() == 1
    assert zustaende(nummer) == ["STORNIERT"]


def test_the_last_removal_counts(welt, lage, auftrag, ausbauen, sweep, zustaende):
    """A meter that hung there twice: planned for a day between the two removals."""
    nummer = auftrag("GEPLANT", AUSBAUTAG + timedelta(days=1))
    ausbauen()
    welt.einbau(lage.stromzaehler_id, lage.messstelle_id, AUSBAU, AUSBAU + timedelta(days=2))
    assert sweep() == 0
    assert zustaende(nummer) == ["GEPLANT"]


def test_an_installation_that_was_undone(lage, auftrag, sweep, session, zustaende):
    """There never was a meter: also what was planned for an earlier day is about nothing."""
    frueher, unterwegs = auftrag("GEPLANT", date(2026, 6, 1)), auftrag("UNTERWEGS", date(2026, 6, 15))
    session.execute(delete(Einbau).where(Einbau.stromzaehler_id == lage.stromzaehler_id))
    session.commit()
    assert sweep() == 1
    assert zustaende(frueher, unterwegs) == ["STORNIERT", "UNTERWEGS"]


def test_many_in_batches_behind_some_that_stay(auftrag, ausbauen, sweep, zustaende):
    bleiben = [auftrag("GEPLANT", AUSBAUTAG) for _ in range(3)]
    enden = [auftrag() for _ in range(5)]
    ausbauen()
    assert sweep(hoechstens=2) == 5
    assert zustaende(*bleiben, *enden) == ["GEPLANT"] * 3 + ["STORNIERT"] * 5


def test_where_nothing_is_to_be_done_it_only_reads(auftrag, ausbauen, sweep, engine):
    """Also where one stays."""
    auftrag("GEPLANT", AUSBAUTAG)
    ausbauen()
    with recorded_statements(engine) as befehle:
        assert sweep() == 0
    assert any("FROM auftrag" in befehl for befehl in befehle)
    assert {befehl for befehl in befehle if not befehl.startswith("SELECT")} <= {"BEGIN"}


def test_what_a_planner_is_changing_is_left_for_the_next_sweep(auftrag, ausbauen, sweep, zustaende, engine):
    """On SQLite one of the two waits for the other."""
    if engine.dialect.name != "postgresql":
        return
    einer, anderer = auftrag(), auftrag()
    ausbauen()
    with create_session(engine) as planer:
        planer.get(Auftrag, einer).anlass = "Zählerschrank prüfen"
        planer.flush()
        assert sweep() == 1
        planer.commit()
    assert zustaende(einer, anderer) == ["OFFEN", "STORNIERT"]
    assert sweep() == 1


def test_the_job(settings, engine, auftrag, ausbauen):
    auftrag()
    ausbauen()
    assert [open_orders(settings, engine) for _ in range(2)] == [1, 0]
