"""Deletion runs: what goes, what stays, what remains of it, and the receipt."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, insert, select

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Qualitaet
from betreiber.ablesung.speicher.tabellen import SPALTEN
from betreiber.auth.domain import system_akteur
from betreiber.errors import KonfliktFehler
from betreiber.ersatzwert.domain import Regeln
from betreiber.ersatzwert.service import form_ersatzwerte
from betreiber.loeschlauf import service
from db.models import (
    Ersatzwertbildung,
    Fehlanzeige,
    Loeschlauf,
    Quarantaene,
    Tagesstand,
    Tagessumme,
    Telegrammstand,
    Verbrauch,
    VerbrauchFassung,
)
from db.session import create_session
from tests.ablesungen import stored
from tests.loeschlauf.conftest import JAHRESBEGINN, NACH, VOR, ZEITEN, ablesungen

SILVESTER = date(2022, 12, 31)


@pytest.fixture
def loeschen(engine, uhr):
    """Delete; returns the receipt."""

    def loeschen(**optionen):
        with create_session(engine) as session:
            akteur = system_akteur("test", uhr.now())
            return service.delete_expired_readings(session, akteur, jahre=3, **optionen)

    return loeschen


@pytest.fixture
def gefaltet(engine):
    """Fold all days that are over: what is asked afterwards may know no difference."""

    def fold(ids):
        with create_session(engine) as session:
            speicher.fold(session, ids, vor_tag=JAHRESBEGINN // 86_400 + 2)
            session.commit()

    return fold


def summen(session):
    spalten = (Tagessumme.tag_datum, Tagessumme.region, Tagessumme.kunden, Tagessumme.bezug_wh)
    zeilen = [tuple(zeile) for zeile in session.execute(select(*spalten, Tagessumme.einspeisung_wh))]
    session.rollback()  # On SQLite the next run has to write.
    return zeilen


@pytest.mark.parametrize("falten", [False, True], ids=["Zeilen", "gefaltet"])
def test_the_old_year_goes_and_its_sums_stay(session, loeschen, gefaltet, strasse, falten):
    if falten:
        gefaltet(strasse)
    fortschritt = []
    lauf = loeschen(fortschritt=lambda *schritt: fortschritt.append(schritt))
    assert (lauf.stichtag_datum, lauf.beendet_zeitpunkt) == (date(2023, 1, 1), lauf.zeitpunkt)
    assert lauf.grund == "MsbG § 60 Abs. 6: Aufbewahrungsdauer abgelaufen"
    assert fortschritt == [("Tagessummen", 1, 2), ("Tagessummen", 2, 2), ("Zähler", 6, 6)]
    # Of 30 December only an hour was measured. On the last day of the year: 6 meters x 96 x 10 Wh.
    assert summen(session) == [(SILVESTER, "50667", 6, 5760, 0)]
    for stromzaehler_id in strasse:
        # The register at the edge is the first one of the year that is kept.
        assert (
            list(speicher.series(session, stromzaehler_id, 0, JAHRESBEGINN + 86_400).values())
            == (ablesungen()[-NACH:])
        )
    if not falten:
        assert lauf.ergebnis == {"verbrauch": 6 * VOR, "tagesstand": 6}
    assert loeschen() is None


def test_the_count_of_the_day_on_the_edge_is_true(session, loeschen, strasse):
    loeschen()
    assert session.execute(select(Tagesstand.tag, func.sum(Tagesstand.anzahl)).group_by(Tagesstand.tag)).all() == [
        (JAHRESBEGINN // 86_400, 6 * NACH)
    ]
    assert speicher.runs(session, strasse[0], 0, JAHRESBEGINN + 86_400) == [(JAHRESBEGINN, ZEITEN[-1])]


def test_only_complete_measured_days_of_whole_customers_are_summed(session, loeschen, strasse, haushalt, welt):
    mittags = datetime(2022, 12, 31, 12, tzinfo=UTC)
    haushalt(ablesungen(), von=mittags)  # moved in
    haushalt(ablesungen(), bis=mittags)  # moved out
    haushalt(ablesungen(ZEITEN[10:]))  # no reading at midnight
    haushalt(ablesungen(qualitaet=Qualitaet.ERSATZWERT))
    zwei = welt.kunde()
    haushalt(ablesungen(), kunde_id=zwei)
    haushalt(ablesungen(ZEITEN[10:]), kunde_id=zwei)
    haushalt(ablesungen(je_viertel_wh=1, einspeisung_wh=2), faktor=40)  # 96 x 40 Wh, and it alone feeds in
    loeschen()
    assert summen(session) == [(SILVESTER, "50667", 7, 5760 + 3840, None)]


def test_versions_quarantine_and_notes_go_as_well(session, engine, loeschen, strasse, uhr):
    jetzt, alt = int(uhr.now().timestamp()), JAHRESBEGINN - 900
    werte = {
        "stromzaehler_id": strasse[0],
        "stromverbrauch_gesamt_wh": 1,
        "einspeisung_gesamt_wh": 0,
        "status": 0,
    }
    fassung = werte | {"nummer": 1, "qualitaet": 0, "herkunft": 0, "empfangen": alt, "ersetzt": alt}
    with create_session(engine) as schreiben:
        schreiben.execute(insert(VerbrauchFassung), [fassung | {"uhrzeit": zeit} for zeit in (alt, JAHRESBEGINN)])
        for name, uhrzeit, empfangen, entscheidung in (
            (b"entschieden", alt, jetzt, "ABGELEHNT"),
            (b"alt", jetzt, alt, None),
            (b"offen", alt, jetzt, None),
        ):
            wert = {"uhrzeit": uhrzeit, "empfangen": empfangen, "wert_sha256": name, "entscheidung": entscheidung}
            schreiben.execute(insert(Quarantaene), werte | wert | {"grund": "zu_alt"})
        schreiben.execute(
            insert(Fehlanzeige),
            [
                {"stromzaehler_id": strasse[0], "von": von, "bis": von + 900, "empfangen": alt}
                for von in (alt, JAHRESBEGINN)
            ],
        )
        schreiben.commit()
    lauf = loeschen()
    assert lauf.ergebnis == {
        "verbrauch": 6 * VOR, "tagesstand": 6, "verbrauch_fassung": 1, "quarantaene": 2, "fehlanzeige": 1
    }  # fmt: skip
    assert session.scalars(select(Quarantaene.wert_sha256)).all() == [b"offen"]
    assert session.scalars(select(VerbrauchFassung.uhrzeit)).all() == [JAHRESBEGINN]
    assert session.scalars(select(Fehlanzeige.von)).all() == [JAHRESBEGINN]


def test_a_gap_across_the_turn_of_the_year_keeps_the_ersatzwerte_of_the_kept_one(engine, loeschen, haushalt, uhr):
    """Measured up to 22:00 in UTC and from 23:30 on; the edge at 23:00 is an Ersatzwert."""

    def form():
        with create_session(engine) as session:
            form_ersatzwerte(session, system_akteur("test", uhr.now()), Regeln(), alles=True)

    alle = ablesungen()
    lueckenhaft = haushalt(alle[: VOR - 4] + alle[VOR + 2 :])
    form()
    loeschen()
    form()
    bleibt = stored(engine, lueckenhaft)
    assert [(zeit, wert.bezug_wh, wert.qualitaet) for zeit, wert in bleibt.items()] == [
        (JAHRESBEGINN, 2000, Qualitaet.ERSATZWERT),
        (JAHRESBEGINN + 900, 2010, Qualitaet.ERSATZWERT),
        (JAHRESBEGINN + 1800, 2020, Qualitaet.ABGELESEN),
    ]
    with create_session(engine, lesen=True) as session:
        assert session.scalars(select(Ersatzwertbildung)).all() == []


def test_a_meter_that_fell_silent_keeps_no_newest_reading(session, loeschen, haushalt):
    still = haushalt(ablesungen(ZEITEN[:VOR]))
    spricht = haushalt(ablesungen())
    loeschen()
    staende = select(Telegrammstand.stromzaehler_id, Telegrammstand.stand_uhrzeit, Telegrammstand.stand_bezug_wh)
    assert session.execute(staende.order_by(Telegrammstand.stromzaehler_id)).all() == [
        (still, None, None),
        (spricht, ZEITEN[-1], 1000 + 10 * (len(ZEITEN) - 1)),
    ]


def test_sums_of_an_earlier_run_stay_whatever_comes_later(session, loeschen, strasse, haushalt):
    loeschen()
    haushalt(ablesungen())  # An old file was taken in after the run.
    assert loeschen().ergebnis == {"verbrauch": VOR, "tagesstand": 1}
    assert summen(session) == [(SILVESTER, "50667", 6, 5760, 0)]
    assert session.scalar(select(func.count()).select_from(Loeschlauf)) == 2


def test_a_run_that_another_one_overtakes_sums_up_nothing(session, loeschen, strasse):
    """What the other one has deleted is not there to be summed up: its sums are all that remains."""
    with pytest.raises(KonfliktFehler, match="anderer Löschlauf"):
        loeschen(fortschritt=lambda was, fertig, gesamt: loeschen() if was == "Tagessummen" else None)
    assert summen(session) == [(SILVESTER, "50667", 6, 5760, 0)]
    laeufe = session.scalars(select(Loeschlauf)).all()
    assert [lauf.ergebnis for lauf in laeufe] == [{"verbrauch": 6 * VOR, "tagesstand": 6}]


def test_two_that_go_on_with_the_same_run_count_what_each_deletes(session, engine, loeschen, welt):
    # One more than a transaction deletes, so that the second one has something left to do.
    zaehler = [welt.stromzaehler() for _ in range(101)]
    zeile = dict(zip(SPALTEN, ablesungen(ZEITEN[:1])[0], strict=True))
    session.execute(insert(Verbrauch), [{"stromzaehler_id": nummer, **zeile} for nummer in zaehler])
    beginn = {"zeitpunkt": datetime(2026, 6, 14, tzinfo=UTC), "stichtag_datum": date(2023, 1, 1)}
    session.add(Loeschlauf(**beginn, akteur="test", grund="Test", ergebnis={"verbrauch": 5}))
    session.commit()
    zweiter = []

    def overtake(was, fertig, gesamt):
        if not zweiter:
            zweiter.append(gesamt)
            assert loeschen().ergebnis == {"verbrauch": 5 + 101}

    assert loeschen(fortschritt=overtake).ergebnis == {"verbrauch": 5 + 101}
    assert zweiter == [101]


def test_the_preview_deletes_nothing(session, loeschen, strasse, uhr):
    probe = service.preview(session, system_akteur("test", uhr.now()), jahre=3)
    assert (probe.stichtag_datum, probe.stromzaehler) == (date(2023, 1, 1), 6)
    assert probe.zeilen == {"verbrauch": 6 * VOR, "tagesstand": 6}
    assert speicher.count(session, strasse[0], [(0, 2**40)]) == len(ZEITEN)
    session.rollback()
    assert loeschen().ergebnis == probe.zeilen


def test_receipts_are_listed(client, als, loeschen, strasse):
    loeschen()
    antwort = client.get("/v1/loeschlaeufe", als=als("admin"))
    assert antwort.json["gesamt"] == 1
    beleg = antwort.json["eintraege"][0]
    assert (beleg["stichtag_datum"], beleg["beendet_zeitpunkt"]) == ("2023-01-01", "2026-06-15T10:00:00Z")
    assert beleg["ergebnis"] == {"verbrauch": 6 * VOR, "tagesstand": 6}


def test_others_see_no_receipts(client, als, welt):
    rollen = ("sachbearbeitung", "wartung", "monteur", "tarif", "buchhaltung", "analyse")
    personen = [als("kunde", kunde_id=welt.kunde()), *map(als, rollen)]
    assert {client.get("/v1/loeschlaeufe", als=person).status_code for person in personen} == {403}
    assert client.get("/v1/loeschlaeufe").status_code == 401
