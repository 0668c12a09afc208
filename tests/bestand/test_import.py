"""What files of an inventory become, on both databases."""

import re
from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import select

from betreiber.auth.domain import system_akteur
from betreiber.einbau.service import create_einbau
from betreiber.kunde.schemas import KundeAnlegenSchema
from betreiber.kunde.service import create_kunde
from betreiber.messstelle.schemas import MessstelleAnlegenSchema
from betreiber.messstelle.service import create_messstelle
from betreiber.stromzaehler.schemas import StromzaehlerAnlegenSchema
from betreiber.stromzaehler.service import create_stromzaehler, create_zuordnung
from db.models import Audit, Einbau, Ereignis, Kunde, KundeStromzaehler, Messstelle, Stromzaehler, Vertrag
from tests.bestand.hilfen import ALLES, KUNDE, MESSSTELLE, VERTRAG, ZAEHLER, as_csv, counted, stored, viele
from tests.haus.quelltext import WURZEL
from tests.hilfen import malo_id, recorded_statements

ANDERE_MALO = malo_id(1)
# Midnight of 2020-04-01 in Europe/Berlin.
APRIL = datetime(2020, 3, 31, 22, tzinfo=UTC)


def test_all_four_files_become_what_they_say(judge, tarif, session):
    # In whatever order they are given.
    assert judge(**dict(reversed(ALLES.items()))) == [(2, "ANGELEGT", "", "")] * 4
    kunde, messstelle, zaehler = (session.scalars(select(art)).one() for art in (Kunde, Messstelle, Stromzaehler))
    assert (kunde.name, kunde.stadtname, kunde.e_mail) == ("Jürgen Größenwahn", "Köln", None)
    assert str(messstelle.anschlussleistung_kw) == "30.500"
    assert (zaehler.zaehlernummer, zaehler.zustand) == ("1EMH0012345678", "EINGEBAUT")
    assert (zaehler.stellen, zaehler.faktor, zaehler.inf) == (6, 1, False)
    einbau = session.scalars(select(Einbau)).one()
    assert (einbau.stromzaehler_id, einbau.messstelle_id) == (zaehler.stromzaehler_id, messstelle.messstelle_id)
    assert (einbau.von, einbau.bis) == (APRIL, None)
    zuordnung = session.scalars(select(KundeStromzaehler)).one()
    assert (zuordnung.kunde_id, zuordnung.stromzaehler_id) == (kunde.kunde_id, zaehler.stromzaehler_id)
    assert (zuordnung.von, zuordnung.bis) == (APRIL, None)
    vertrag = session.scalars(select(Vertrag)).one()
    assert (vertrag.kunde_id, vertrag.messstelle_id) == (kunde.kunde_id, messstelle.messstelle_id)
    assert (vertrag.tarif_id, vertrag.zustand) == (tarif, "AKTIV")


def test_it_writes_what_the_api_writes(read_in, engine, session, uhr):
    """The same customer, place and meter by the services of the API: rows, audit and events do not differ."""
    akteur = system_akteur("test", uhr.now())
    kunde = create_kunde(session, akteur, KundeAnlegenSchema().load({n: w for n, w in KUNDE.items() if w}))
    platz = MessstelleAnlegenSchema().load(MESSSTELLE | {"anschlussleistung_kw": "30.5"})
    messstelle = create_messstelle(session, akteur, platz)
    eigene = {name: ZAEHLER[name] for name in ("zaehlernummer", "hersteller", "modell", "seriennummer")}
    zaehler = create_stromzaehler(session, akteur, StromzaehlerAnlegenSchema().load(eigene))
    ort = {"messstelle_id": messstelle.messstelle_id, "von": APRIL}
    create_einbau(session, akteur, zaehler.stromzaehler_id, ort)
    wem = {"kunde_id": kunde.kunde_id, "von": APRIL, "bis": None}
    create_zuordnung(session, akteur, zaehler.stromzaehler_id, wem)
    aus_api = _logs(session)
    session.rollback()
    read_in(
        kunden=[KUNDE | {"kundennummer": "K-2"}],
        messstellen=[MESSSTELLE | {"malo_id": ANDERE_MALO, "melo_id": f"DE00056266802{7:020}"}],
        stromzaehler=[
            ZAEHLER | {"zaehlernummer": "1EMH0000000002", "malo_id": ANDERE_MALO, "kundennummer": "K-2"}
        ],
    )
    aus_datei = list((Counter(_logs(session)) - Counter(aus_api)).elements())
    session.rollback()
    # As many rows of the same kinds about the same fields, whatever their order.
    assert len(aus_api) == 9
    assert sorted(aus_datei) == sorted(aus_api)
    for tabelle, zeilen in stored(engine).items():
        if tabelle in ("einbau", "kunde_stromzaehler", "wartung"):
            assert zeilen[0] == zeilen[1]
        if tabelle == "stromzaehler":
            assert zeilen[0][1:] == zeilen[1][1:]


def _logs(session):
    """Audit rows and events, with the names of what they tell."""
    audit = [
        (z.aktion, z.objekt_art, *map(tuple, map(sorted, (z.alt, z.neu))))
        for z in session.scalars(select(Audit).order_by(Audit.audit_id))
        if z.objekt_art in ("kunde", "messstelle", "stromzaehler", "einbau", "kunde_stromzaehler", "wartung")
    ]
    ereignisse = [(z.art, z.objekt_art, (), tuple(sorted(z.daten))) for z in session.scalars(select(Ereignis))]
    return audit + ereignisse


def test_the_same_files_again_change_nothing(judge, tarif, engine):
    judge(**ALLES)
    vorher = stored(engine)
    assert judge(**ALLES) == [(2, "UNVERAENDERT", "", "")] * 4
    nachher = stored(engine)
    # Each file leaves one audit row each time that it was read.
    assert len(nachher.pop("audit")) == len(vorher.pop("audit")) + 4
    assert nachher == vorher


def test_what_is_stored_otherwise_stays_and_is_told(judge, tarif, session):
    judge(**ALLES)
    assert judge(
        kunden=[KUNDE | {"name": "Jemand anderes", "e_mail": "neu@example.org"}],
        messstellen=[MESSSTELLE | {"anschlussleistung_kw": "31"}],
        stromzaehler=[ZAEHLER | {"modell": "ED400"}],
        vertraege=[VERTRAG | {"zustand": "ANGELEGT"}],
    ) == [
        (2, "UNVERAENDERT", "name,e_mail", "bestand_weicht_ab"),
        (2, "UNVERAENDERT", "anschlussleistung_kw", "bestand_weicht_ab"),
        (2, "UNVERAENDERT", "modell", "bestand_weicht_ab"),
        (2, "UNVERAENDERT", "zustand", "bestand_weicht_ab"),
    ]
    assert session.scalars(select(Kunde.name)).all() == ["Jürgen Größenwahn"]


def test_what_a_file_does_not_say_is_not_compared(judge, tarif):
    """A missing column, an empty cell: 6, 1, nein, ELEKTRONISCH, ANGELEGT are for new objects only."""
    judge(
        kunden=[KUNDE],
        messstellen=[MESSSTELLE],
        stromzaehler=[ZAEHLER | {"stellen": "7", "faktor": "40", "inf": "ja", "bauart": "INDUKTION"}],
        vertraege=[VERTRAG],
    )
    kurz = {name: wert for name, wert in ZAEHLER.items() if name != "inf"} | {"stellen": ""}
    vertrag = {name: wert for name, wert in VERTRAG.items() if name != "zustand"}
    assert judge(stromzaehler=[kurz], vertraege=[vertrag]) == [(2, "UNVERAENDERT", "", "")] * 2
    # Said, the same values differ.
    assert judge(stromzaehler=[kurz | {"stellen": "6", "faktor": "1"}]) == [
        (2, "UNVERAENDERT", "stellen,faktor", "bestand_weicht_ab")
    ]


def test_a_number_twice_in_a_file_is_stored_once(judge, tarif, engine):
    zweimal = {name: zeilen * 2 for name, zeilen in ALLES.items()}
    assert [urteil[1] for urteil in judge(**zweimal)] == ["ANGELEGT", "UNVERAENDERT"] * 4
    assert counted(engine)["kunde"] == counted(engine)["einbau"] == counted(engine)["vertrag"] == 1


def test_a_meter_in_the_warehouse(judge, engine):
    nur_zaehler = {name: ZAEHLER[name] for name in ("zaehlernummer", "hersteller", "modell", "seriennummer")}
    assert judge(stromzaehler=[nur_zaehler]) == [(2, "ANGELEGT", "", "")]
    # One row of the meter, one of the file.
    assert counted(engine) == {"stromzaehler": 1, "audit": 2}


def test_a_meter_that_was_there_gets_its_place_and_its_customer(judge, engine, session, welt):
    welt.stromzaehler(zaehlernummer="1EMH0012345678", modell="ED300L", seriennummer="12345678")
    assert [urteil[1] for urteil in judge(kunden=[KUNDE], messstellen=[MESSSTELLE], stromzaehler=[ZAEHLER])] == [
        "ANGELEGT",
        "ANGELEGT",
        "GEAENDERT",
    ]
    assert session.scalars(select(Stromzaehler.zustand)).all() == ["EINGEBAUT"]
    session.rollback()
    assert counted(engine)["wartung"] == 1


def test_an_assignment_may_begin_on_another_day(judge, session, tarif):
    judge(kunden=[KUNDE], messstellen=[MESSSTELLE], stromzaehler=[ZAEHLER | {"zuordnung_datum": "2021-01-01"}])
    assert session.scalars(select(KundeStromzaehler.von)).one() == datetime(2020, 12, 31, 23, tzinfo=UTC)


SCHLECHTE_KUNDEN = [
    ({"kundennummer": ""}, "kundennummer", "eingabe_ungueltig"),
    ({"kundennummer": "k 1"}, "kundennummer", "eingabe_ungueltig"),
    ({"art": "Verbraucher"}, "art", "eingabe_ungueltig"),
    ({"name": "\u202eegnahC"}, "name", "eingabe_ungueltig"),
    ({"name": "x" * 201}, "name", "eingabe_ungueltig"),
    ({"postleitzahl": "5066"}, "postleitzahl", "eingabe_ungueltig"),
    ({"e_mail": "müller@example.org"}, "e_mail", "eingabe_ungueltig"),
    ({"registriert_datum": "2019-02-30"}, "registriert_datum", "eingabe_ungueltig"),
    ({"registriert_datum": "30.02.2019"}, "registriert_datum", "eingabe_ungueltig"),
    ({"postleitzahl": "", "stadtname": ""}, "postleitzahl,stadtname", "eingabe_ungueltig"),
]


def test_bad_customers(judge, engine):
    """Each kind of bad line in one file, with a good one at its end."""
    zeilen = [KUNDE | aenderung for aenderung, _, _ in SCHLECHTE_KUNDEN]
    *schlecht, gut = judge(kunden=[*zeilen, KUNDE | {"kundennummer": "K-100002"}])
    assert schlecht == [
        (nummer, "ABGELEHNT", feld, code) for nummer, (_, feld, code) in enumerate(SCHLECHTE_KUNDEN, start=2)
    ]
    assert gut == (len(zeilen) + 2, "ANGELEGT", "", "")


SCHLECHTE_MESSSTELLEN = [
    ({"malo_id": "41373559242"}, "malo_id", "malo_id_ungueltig"),
    ({"malo_id": "4137355924"}, "malo_id", "malo_id_ungueltig"),
    ({"melo_id": "DE1"}, "melo_id", "melo_id_ungueltig"),
    ({"bundesland": "XX"}, "bundesland", "eingabe_ungueltig"),
    ({"anschlussleistung_kw": "1.000,5"}, "anschlussleistung_kw", "eingabe_ungueltig"),
    ({"anschlussleistung_kw": "0"}, "anschlussleistung_kw", "eingabe_ungueltig"),
]


def test_bad_places(judge):
    """Each kind of bad line in one file, with a good one at its end."""
    zeilen = [MESSSTELLE | aenderung for aenderung, _, _ in SCHLECHTE_MESSSTELLEN]
    *schlecht, gut = judge(
        messstellen=[*zeilen, MESSSTELLE | {"malo_id": malo_id(2), "melo_id": f"DE00056266802{2:020}"}]
    )
    assert schlecht == [
        (nummer, "ABGELEHNT", feld, code) for nummer, (_, feld, code) in enumerate(SCHLECHTE_MESSSTELLEN, start=2)
    ]
    assert gut == (len(zeilen) + 2, "ANGELEGT", "", "")


def test_ids_of_places_are_given_once(judge):
    assert judge(
        messstellen=[
            MESSSTELLE,
            MESSSTELLE | {"melo_id": f"DE00056266802{1:020}"},
            MESSSTELLE | {"malo_id": ANDERE_MALO},
        ]
    ) == [
        (2, "ANGELEGT", "", ""),
        (3, "ABGELEHNT", "", "malo_id_vergeben"),
        (4, "ABGELEHNT", "", "melo_id_vergeben"),
    ]


SCHLECHTE_STROMZAEHLER = [
    ({"zaehlernummer": "2EMH0012345678"}, "zaehlernummer", "zaehlernummer_ungueltig"),
    ({"zaehlernummer": "1EMH001234567"}, "zaehlernummer", "zaehlernummer_ungueltig"),
    ({"stellen": "6,5"}, "stellen", "eingabe_ungueltig"),
    ({"stellen": "10"}, "stellen", "eingabe_ungueltig"),
    ({"inf": "vielleicht"}, "inf", "eingabe_ungueltig"),
    ({"malo_id": "41373559242"}, "malo_id", "malo_id_ungueltig"),
    ({"malo_id": ANDERE_MALO}, "malo_id", "messstelle_unbekannt"),
    ({"malo_id": "", "melo_id": f"DE00056266802{1:020}"}, "melo_id", "messstelle_unbekannt"),
    ({"kundennummer": "k9"}, "kundennummer", "eingabe_ungueltig"),
    ({"kundennummer": "K-999"}, "kundennummer", "kunde_unbekannt"),
    ({"einbau_datum": ""}, "einbau_datum", "eingabe_ungueltig"),
    ({"malo_id": ""}, "einbau_datum", "eingabe_ungueltig"),
    ({"malo_id": "", "einbau_datum": ""}, "zuordnung_datum", "eingabe_ungueltig"),
    ({"kundennummer": "", "zuordnung_datum": "2021-01-01"}, "zuordnung_datum", "eingabe_ungueltig"),
    ({"einbau_datum": "2026-06-16"}, "einbau_datum", "zeitpunkt_in_zukunft"),
    ({"kennzeichnung_jahr": "2021"}, "inbetriebnahme_datum", "inbetriebnahme_zu_frueh"),
]


def test_bad_meters(judge, engine):
    """Each kind of bad line in one file, with a good one at its end."""
    judge(kunden=[KUNDE], messstellen=[MESSSTELLE])
    zeilen = [ZAEHLER | aenderung for aenderung, _, _ in SCHLECHTE_STROMZAEHLER]
    *schlecht, gut = judge(stromzaehler=[*zeilen, ZAEHLER | {"zaehlernummer": "1EMH0000000002"}])
    assert schlecht == [
        (nummer, "ABGELEHNT", feld, code) for nummer, (_, feld, code) in enumerate(SCHLECHTE_STROMZAEHLER, start=2)
    ]
    assert gut == (len(zeilen) + 2, "ANGELEGT", "", "")


SCHLECHTE_VERTRAEGE = [
    ({"tarif": "Unbekannt"}, "tarif", "tarif_unbekannt"),
    ({"produkt": "MESSSTELLENBETRIEB"}, "tarif", "tarif_passt_nicht"),
    ({"kundennummer": "K-999"}, "kundennummer", "kunde_unbekannt"),
    ({"malo_id": ANDERE_MALO}, "malo_id", "messstelle_unbekannt"),
    ({"malo_id": ""}, "malo_id", "eingabe_ungueltig"),
    ({"zustand": "GEKUENDIGT"}, "ende_datum", "ende_fehlt"),
    ({"ende_datum": "2020-04-01"}, "ende_datum", "zeitraum_ungueltig"),
    ({"kuendigungsfrist_wochen": "-1"}, "kuendigungsfrist_wochen", "eingabe_ungueltig"),
]


def test_bad_contracts(judge, tarif):
    """Each kind of bad line in one file, with a good one at its end."""
    judge(kunden=[KUNDE], messstellen=[MESSSTELLE])
    zeilen = [VERTRAG | aenderung for aenderung, _, _ in SCHLECHTE_VERTRAEGE]
    *schlecht, gut = judge(vertraege=[*zeilen, VERTRAG | {"vertragsnummer": "V-200002"}])
    assert schlecht == [
        (nummer, "ABGELEHNT", feld, code) for nummer, (_, feld, code) in enumerate(SCHLECHTE_VERTRAEGE, start=2)
    ]
    assert gut == (len(zeilen) + 2, "ANGELEGT", "", "")


def test_a_dry_run_says_the_same_and_stores_nothing(judge, tarif, engine):
    gemischt = ALLES | {"kunden": [KUNDE, KUNDE | {"kundennummer": "?"}]}
    vorher = stored(engine)
    probe = judge(probe=True, **gemischt)
    assert stored(engine) == vorher
    assert judge(**gemischt) == probe
    assert [urteil[1] for urteil in probe] == ["ANGELEGT", "ABGELEHNT", *["ANGELEGT"] * 3]


def test_a_run_that_goes_on_begins_behind_what_is_stored(judge, read_in):
    kunden = as_csv([KUNDE, KUNDE | {"kundennummer": "K-100002"}])
    assert len(judge(kunden=kunden)) == 2
    assert judge(kunden=kunden, fortsetzen=True) == []
    assert [zeile[1] for zeile in judge(kunden=kunden)] == ["UNVERAENDERT"] * 2
    # Another file is another one, whatever its name.
    assert [zeile[1] for zeile in judge(kunden=kunden + "\r\n;;;", fortsetzen=True)][:2] == ["UNVERAENDERT"] * 2


def test_a_run_that_goes_on_takes_refused_lines_again(judge, engine):
    lager = {name: ZAEHLER[name] for name in ("zaehlernummer", "hersteller", "modell", "seriennummer")}
    zaehler = [lager | {"zaehlernummer": "1EMH0000000002"}, ZAEHLER]
    judge(messstellen=[MESSSTELLE], stromzaehler=zaehler)
    assert counted(engine)["stromzaehler"] == 1
    # While the customer is missing, going on does not hide it.
    fehlt = [(2, "UNVERAENDERT", "", ""), (3, "ABGELEHNT", "kundennummer", "kunde_unbekannt")]
    assert judge(stromzaehler=zaehler, fortsetzen=True) == fehlt
    assert judge(kunden=[KUNDE], stromzaehler=zaehler, fortsetzen=True) == [
        (2, "ANGELEGT", "", ""),
        (2, "UNVERAENDERT", "", ""),
        (3, "ANGELEGT", "", ""),
    ]
    assert counted(engine)["stromzaehler"] == 2
    assert judge(kunden=[KUNDE], stromzaehler=zaehler, fortsetzen=True) == []


def test_somebody_adds_the_same_customer_meanwhile(judge, engine, welt):
    """What only a constraint sees: the other lines of the batch are stored all the same."""
    kunden = [KUNDE | {"kundennummer": f"K-{n:03}"} for n in range(5)]
    # A trigger stands for the other clerk, who is between the check and the insert.
    with engine.begin() as connection:
        for anweisung in _trigger(engine.dialect.name):
            connection.exec_driver_sql(anweisung)
    assert judge(kunden=kunden) == [
        (2, "ANGELEGT", "", ""),
        (3, "ANGELEGT", "", ""),
        (4, "ABGELEHNT", "", "konflikt"),
        (5, "ANGELEGT", "", ""),
        (6, "ANGELEGT", "", ""),
    ]
    assert counted(engine)["kunde"] == 4
    assert counted(engine)["ereignis"] == 4


def _trigger(dialekt):
    if dialekt == "sqlite":
        return [
            """CREATE TRIGGER fremd BEFORE INSERT ON kunde WHEN NEW.kundennummer = 'K-002'
            BEGIN SELECT RAISE(ABORT, 'UNIQUE'); END"""
        ]
    return [
        """CREATE FUNCTION fremd() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE unique_violation; END $$""",
        """CREATE TRIGGER fremd BEFORE INSERT ON kunde FOR EACH ROW WHEN (NEW.kundennummer = 'K-002')
        EXECUTE FUNCTION fremd()""",
    ]


def test_many_rows_take_few_statements(read_in, engine):
    with recorded_statements(engine) as anweisungen:
        assert {str(zeile.urteil.ergebnis) for zeile in read_in(**viele(2000))} == {"ANGELEGT"}
    assert counted(engine)["einbau"] == counted(engine)["kunde_stromzaehler"] == 2000
    assert counted(engine)["ereignis"] == 4000
    # Six batches of a thousand lines, and the notes of three files.
    assert len(anweisungen) < 6 * 20


def test_the_examples_of_the_docs_are_taken_in(judge, tarif):
    seite = (WURZEL / "docs/bestand.md").read_text(encoding="utf-8")
    dateien = dict(re.findall(r"### (\w+)\.csv\n\n```\n(.*?)```", seite, re.DOTALL))
    assert list(dateien) == ["kunden", "messstellen", "stromzaehler", "vertraege"]
    assert judge(**dateien) == [(2, "ANGELEGT", "", "")] * 4
