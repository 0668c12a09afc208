"""Meters: who may read, register and change them, and what is refused."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from db.models import Audit, Verbrauch
from tests.hilfen import recorded_statements
from tests.stromzaehler.test_domain import ERLAUBT

NEU = {
    "zaehlernummer": "1EMH0012345678",
    "hersteller": "EMH",
    "modell": "ED300L",
    "seriennummer": "12345678",
    "stellen": 6,
    "faktor": 1,
    "inf": False,
    "bauart": "INDUKTION",
    "kennzeichnung_jahr": 2024,
    "nutzungsdauer_jahre": 16,
    "gewaehrleistung_ende_datum": "2027-12-31",
    "inbetriebnahme_datum": "2024-05-01",
    "sim_iccid": "89490200001234567892",
}
JAN, MAI, JULI = (datetime(2026, monat, 1, tzinfo=UTC) for monat in (1, 5, 7))


def test_register_and_read(client, als, session):
    antwort = client.post("/v1/stromzaehler", json=NEU, als=als("wartung"))
    assert (antwort.status_code, antwort.headers["ETag"]) == (201, '"1"')
    stromzaehler_id = antwort.json["stromzaehler_id"]
    gelesen = client.get(f"/v1/stromzaehler/{stromzaehler_id}", als=als("sachbearbeitung"))
    assert gelesen.json == {
        **NEU,
        "stromzaehler_id": stromzaehler_id,
        "zustand": "LAGER",
        "verschrottung_datum": None,
        "version": 1,
    }
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "stromzaehler")).one()
    assert (zeile.aktion, zeile.objekt_id, zeile.neu) == ("ANGELEGT", stromzaehler_id, NEU)


def test_the_number_may_be_sent_as_it_is_printed(client, als):
    antwort = client.post(
        "/v1/stromzaehler", json={**NEU, "zaehlernummer": "1 EMH 00 1234 5678"}, als=als("wartung")
    )
    assert antwort.json["zaehlernummer"] == "1EMH0012345678"


def test_all_else_has_defaults(client, als):
    daten = {name: NEU[name] for name in ("zaehlernummer", "hersteller", "modell", "seriennummer")}
    antwort = client.post("/v1/stromzaehler", json=daten, als=als("wartung"))
    assert [antwort.json[name] for name in ("stellen", "faktor", "inf", "bauart")] == [6, 1, False, "ELEKTRONISCH"]
    ohne = ("kennzeichnung_jahr", "nutzungsdauer_jahre", "gewaehrleistung_ende_datum", "inbetriebnahme_datum")
    assert [antwort.json[name] for name in (*ohne, "sim_iccid")] == [None] * 5


def test_the_number_of_the_card_may_be_sent_as_it_is_printed(client, als):
    daten = {**NEU, "sim_iccid": "8949 0200 0012 3456 7892"}
    assert client.post("/v1/stromzaehler", json=daten, als=als("wartung")).json["sim_iccid"] == NEU["sim_iccid"]


def test_what_the_register_holds_is_changed_and_taken_out_again(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2024)
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    daten = {name: NEU[name] for name in ("bauart", "nutzungsdauer_jahre", "inbetriebnahme_datum", "sim_iccid")}
    assert daten.items() <= client.patch(pfad, json=daten, als=person, version=1).json.items()
    ohne = dict.fromkeys(("kennzeichnung_jahr", "inbetriebnahme_datum", "sim_iccid"))
    assert ohne.items() <= client.patch(pfad, json=ohne, als=person, version=2).json.items()
    zeilen = select(Audit).where(Audit.objekt_art == "stromzaehler").order_by(Audit.audit_id.desc())
    letzte = session.scalars(zeilen).first()
    assert (letzte.alt, letzte.neu) == (
        {"kennzeichnung_jahr": 2024, **{name: daten[name] for name in ("inbetriebnahme_datum", "sim_iccid")}},
        ohne,
    )


def _install(client, person, stromzaehler_id, messstelle_id, von):
    daten = {"messstelle_id": messstelle_id, "von": von}
    return client.post(f"/v1/stromzaehler/{stromzaehler_id}/einbauten", json=daten, als=person)


def test_the_first_einbau_puts_a_meter_into_service(client, als, welt):
    stromzaehler_id, person = welt.stromzaehler(kennzeichnung_jahr=2026), als("wartung")
    pfad = f"/v1/stromzaehler/{stromzaehler_id}"
    # 22:30 in UTC is the next day in Europe/Berlin.
    erster = _install(client, person, stromzaehler_id, welt.messstelle(), "2026-05-04T22:30:00Z").json
    assert client.get(pfad, als=person).json["inbetriebnahme_datum"] == "2026-05-05"
    ausbau = {"bis": "2026-05-10T10:00:00Z"}
    client.patch(f"{pfad}/einbauten/{erster['einbau_id']}", json=ausbau, als=person, version=1)
    assert _install(client, person, stromzaehler_id, welt.messstelle(), "2026-06-01T10:00:00Z").status_code == 201
    assert client.get(pfad, als=person).json["inbetriebnahme_datum"] == "2026-05-05"


def test_nobody_installs_a_meter_before_the_year_of_its_marking(client, als, welt):
    stromzaehler_id, person = welt.stromzaehler(kennzeichnung_jahr=2026), als("wartung")
    antwort = _install(client, person, stromzaehler_id, welt.messstelle(), "2025-12-31T22:30:00Z")
    assert (antwort.status_code, antwort.json["code"]) == (422, "inbetriebnahme_zu_frueh")
    assert client.get(f"/v1/stromzaehler/{stromzaehler_id}", als=person).json["zustand"] == "LAGER"
    antwort = _install(client, person, stromzaehler_id, welt.messstelle(), "2025-12-31T23:00:00Z")
    assert antwort.status_code == 201


@pytest.mark.parametrize(
    ("aenderung", "feld", "code"),
    [
        ({"sim_iccid": "89490200001234567891"}, "sim_iccid", "iccid_ungueltig"),
        ({"kennzeichnung_jahr": 2028}, "kennzeichnung_jahr", "eingabe_ungueltig"),
        ({"inbetriebnahme_datum": "2026-06-16"}, "inbetriebnahme_datum", "datum_in_zukunft"),
        ({"inbetriebnahme_datum": "2023-12-31"}, "inbetriebnahme_datum", "inbetriebnahme_zu_frueh"),
        ({"kennzeichnung_jahr": 2025}, "inbetriebnahme_datum", "inbetriebnahme_zu_frueh"),
    ],
)
def test_what_cannot_be_is_named_at_once_and_later(client, als, welt, aenderung, feld, code):
    """A change is held against what stands already: either of two dates may be the wrong one."""
    neu = client.post("/v1/stromzaehler", json={**NEU, **aenderung}, als=als("wartung"))
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2024, inbetriebnahme_datum=date(2024, 5, 1))
    spaeter = client.patch(f"/v1/stromzaehler/{stromzaehler_id}", json=aenderung, als=als("wartung"), version=1)
    for antwort in (neu, spaeter):
        assert (antwort.status_code, antwort.json["code"], set(antwort.json["errors"])) == (422, code, {feld})


def test_the_day_of_scrapping_is_noted_once(client, als, welt, uhr, session):
    stromzaehler_id = welt.stromzaehler()
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    uhr.jetzt = datetime(2026, 6, 15, 22, 30, tzinfo=UTC)  # already the 16th in Europe/Berlin
    person = client.login(person.benutzername)
    antwort = client.patch(pfad, json={"zustand": "VERSCHROTTET"}, als=person, version=1)
    assert (antwort.status_code, antwort.json["verschrottung_datum"]) == (200, "2026-06-16")
    uhr.advance(timedelta(days=3))
    person = client.login(person.benutzername)
    wieder = client.patch(pfad, json={"zustand": "VERSCHROTTET", "modell": "ED301"}, als=person, version=2)
    assert (wieder.status_code, wieder.json["verschrottung_datum"]) == (200, "2026-06-16")
    erste = session.scalars(select(Audit).order_by(Audit.audit_id)).first()
    assert erste.neu == {"zustand": "VERSCHROTTET", "verschrottung_datum": "2026-06-16"}


def test_the_number_is_unique(client, als, welt):
    welt.stromzaehler(zaehlernummer="1EMH0012345678")
    antwort = client.post("/v1/stromzaehler", json=NEU, als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (409, "zaehlernummer_vergeben")


@pytest.mark.parametrize("nummer", ["1EMH001234567", "7EMH0012345678", "1EM10012345678", "0A01454D480000A1BD34"])
def test_a_number_of_another_form_is_named(client, als, nummer):
    antwort = client.post("/v1/stromzaehler", json={**NEU, "zaehlernummer": nummer}, als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, "zaehlernummer_ungueltig")
    assert set(antwort.json["errors"]) == {"zaehlernummer"}


def test_a_customer_reads_meters_that_are_or_were_theirs(client, als, welt):
    ich, andere = welt.kunde(), welt.kunde()
    meiner, frueher, spaeter, fremder = [welt.stromzaehler() for _ in range(4)]
    welt.zuordnung(ich, meiner, JAN)
    welt.zuordnung(ich, frueher, JAN, MAI)
    welt.zuordnung(andere, frueher, MAI)
    welt.zuordnung(ich, spaeter, JULI)
    welt.zuordnung(andere, fremder, JAN)
    person = als("kunde", kunde_id=ich)
    for stromzaehler_id in (meiner, frueher):
        assert client.get(f"/v1/stromzaehler/{stromzaehler_id}", als=person).status_code == 200
    nirgends = client.get("/v1/stromzaehler/999999", als=person)
    for stromzaehler_id in (spaeter, fremder):
        antwort = client.get(f"/v1/stromzaehler/{stromzaehler_id}", als=person)
        assert (antwort.status_code, antwort.json) == (404, nirgends.json)


def test_a_foreign_meter_takes_as_long_as_none(app, client, als, welt):
    ich, fremder = als("kunde", kunde_id=welt.kunde()), welt.stromzaehler()
    anzahlen = []
    for stromzaehler_id in (fremder, 999999):
        with recorded_statements(app.extensions["msb_engine"]) as anweisungen:
            assert client.get(f"/v1/stromzaehler/{stromzaehler_id}", als=ich).status_code == 404
        anzahlen.append(len(anweisungen))
    assert anzahlen[0] == anzahlen[1] > 0


@pytest.mark.parametrize(
    ("rolle", "liste", "lesen", "anlegen", "aendern"),
    [
        ("kunde", 403, 200, 403, 403),
        ("sachbearbeitung", 200, 200, 201, 403),
        ("wartung", 200, 200, 201, 200),
        ("monteur", 403, 403, 403, 403),
        ("tarif", 403, 403, 403, 403),
        ("buchhaltung", 403, 200, 403, 403),
        ("analyse", 403, 403, 403, 403),
        ("admin", 200, 200, 403, 403),
    ],
)
def test_rights(client, als, welt, rolle, liste, lesen, anlegen, aendern):
    kunde_id, stromzaehler_id = welt.kunde(), welt.stromzaehler()
    welt.zuordnung(kunde_id, stromzaehler_id, JAN)
    person, pfad = (
        als(rolle, kunde_id=kunde_id if rolle == "kunde" else None),
        f"/v1/stromzaehler/{stromzaehler_id}",
    )
    assert client.get("/v1/stromzaehler", als=person).status_code == liste
    assert client.get(pfad, als=person).status_code == lesen
    assert client.post("/v1/stromzaehler", json=NEU, als=person).status_code == anlegen
    assert client.patch(pfad, json={"inf": True}, als=person, version=1).status_code == aendern


def test_nobody_is_asked_to_log_in(client, welt):
    pfad = f"/v1/stromzaehler/{welt.stromzaehler()}"
    antworten = [
        client.get("/v1/stromzaehler"),
        client.post("/v1/stromzaehler"),
        client.get(pfad),
        client.patch(pfad),
    ]
    assert {antwort.status_code for antwort in antworten} == {401}


def test_change_is_audited_and_needs_the_current_version(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler(stellen=6)
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    daten = {"inf": True, "stellen": 8, "zustand": "GESPERRT"}
    assert client.patch(pfad, json=daten, als=person).status_code == 428
    erste = client.patch(pfad, json=daten, als=person, version=1)
    zweite = client.patch(pfad, json={"inf": False}, als=person, version=1)
    assert (erste.status_code, erste.headers["ETag"], zweite.status_code) == (200, '"2"', 412)
    zeile = session.scalars(select(Audit).where(Audit.objekt_art == "stromzaehler")).one()
    assert (zeile.objekt_id, zeile.alt) == (stromzaehler_id, {"inf": False, "stellen": 6, "zustand": "LAGER"})
    assert zeile.neu == daten


def test_digits_and_factor_are_fixed_once_there_are_readings(client, als, welt, session):
    stromzaehler_id = welt.stromzaehler(stellen=6, faktor=1)
    session.add(_ablesung(stromzaehler_id))
    session.commit()
    pfad, person = f"/v1/stromzaehler/{stromzaehler_id}", als("wartung")
    antwort = client.patch(pfad, json={"faktor": 40}, als=person, version=1)
    assert (antwort.status_code, antwort.json["code"]) == (409, "stromzaehler_hat_ablesungen")
    assert client.patch(pfad, json={"faktor": 1, "modell": "ED301"}, als=person, version=1).status_code == 200


def _ablesung(stromzaehler_id):
    return Verbrauch(
        stromzaehler_id=stromzaehler_id,
        uhrzeit=1_774_738_800,
        stromverbrauch_gesamt_wh=1,
        einspeisung_gesamt_wh=0,
        qualitaet=1,
        status=0,
        empfangen=1_774_738_805,
    )


def test_nobody_sets_a_meter_installed_that_hangs_nowhere(client, als, welt):
    haengt, liegt = welt.stromzaehler(zustand="EINGEBAUT"), welt.stromzaehler()
    welt.einbau(haengt, welt.messstelle(), JAN)
    for stromzaehler_id, zustand in ((haengt, "AUSGEBAUT"), (haengt, "LAGER"), (liegt, "EINGEBAUT")):
        pfad = f"/v1/stromzaehler/{stromzaehler_id}"
        antwort = client.patch(pfad, json={"zustand": zustand}, als=als("wartung"), version=1)
        assert (antwort.status_code, antwort.json["code"]) == (409, "zustand_nicht_erlaubt")


ZUSTAENDE = ["LAGER", "EINGEBAUT", "GESPERRT", "AUSGEBAUT", "VERSCHROTTET"]


@pytest.mark.parametrize(("alt", "haengt"), sorted(ERLAUBT))
def test_a_refused_state_comes_with_those_that_are_allowed(client, als, welt, alt, haengt):
    stromzaehler_id = welt.stromzaehler(zustand=alt)
    if haengt:
        welt.einbau(stromzaehler_id, welt.messstelle(), JAN)
    erlaubt = ERLAUBT[alt, haengt]
    for neu in ZUSTAENDE:
        if neu == alt or neu in erlaubt:
            continue
        daten = {"zustand": neu}
        antwort = client.patch(f"/v1/stromzaehler/{stromzaehler_id}", json=daten, als=als("wartung"), version=1)
        assert (antwort.status_code, antwort.json["erlaubt"]) == (409, erlaubt)
        assert all(zustand in antwort.json["detail"] for zustand in erlaubt)


def test_list_is_paged_and_filtered(client, als, welt):
    a = welt.stromzaehler(
        zaehlernummer="1EMH0000000001", zustand="EINGEBAUT", gewaehrleistung_ende_datum=date(2026, 7, 1)
    )
    b = welt.stromzaehler(
        zaehlernummer="1EMH0000000002", zustand="AUSGEBAUT", gewaehrleistung_ende_datum=date(2026, 6, 30)
    )
    c = welt.stromzaehler(zaehlernummer="1ISK0000000003", bauart="INDUKTION", kennzeichnung_jahr=2010)
    koeln, bonn = welt.messstelle(postleitzahl="50667"), welt.messstelle(postleitzahl="53111")
    welt.einbau(a, bonn, JAN, MAI)
    welt.einbau(a, koeln, MAI)
    welt.einbau(b, koeln, JAN, MAI)
    person = als("sachbearbeitung")
    for frage, erwartet in (
        ("", [a, b, c]),
        ("?pro_seite=2&seite=2", [c]),
        ("?zaehlernummer=1+EMH+00", [a, b]),
        ("?zaehlernummer=1isk0000000003", [c]),
        ("?zustand=LAGER", [c]),
        ("?postleitzahl=50", [a]),
        ("?postleitzahl=53111", []),
        ("?postleitzahl=5&zustand=AUSGEBAUT", []),
        ("?bauart=ELEKTRONISCH", [a, b]),
        ("?bauart=INDUKTION&kennzeichnung_jahr=2010", [c]),
        ("?kennzeichnung_jahr=2011", []),
        ("?gewaehrleistung_bis=2026-06-30", [b]),
        ("?gewaehrleistung_bis=2026-07-01", [a, b]),
    ):
        antwort = client.get(f"/v1/stromzaehler{frage}", als=person)
        assert [zeile["stromzaehler_id"] for zeile in antwort.json["eintraege"]] == erwartet, frage
        assert antwort.json["gesamt"] == (3 if "seite" in frage else len(erwartet))


@pytest.mark.parametrize(
    "frage",
    [
        "zustand=NEU",
        "postleitzahl=506677",
        "postleitzahl=5%25",
        "zaehlernummer=%25",
        "plz=5",
        "zustand=",
        "bauart=NEU",
        "kennzeichnung_jahr=26",
        "gewaehrleistung_bis=2026",
    ],
)
def test_bad_query_is_refused(client, als, frage):
    assert client.get(f"/v1/stromzaehler?{frage}", als=als("wartung")).status_code == 422


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"stellen": 6.0}, "stellen"),
        ({"stellen": True}, "stellen"),
        ({"stellen": 4}, "stellen"),
        ({"stellen": 10}, "stellen"),
        ({"faktor": 0}, "faktor"),
        ({"faktor": 2**31}, "faktor"),
        ({"faktor": "1"}, "faktor"),
        ({"inf": 1}, "inf"),
        ({"inf": "true"}, "inf"),
        ({"hersteller": ""}, "hersteller"),
        ({"modell": "a\x00"}, "modell"),
        ({"seriennummer": None}, "seriennummer"),
        ({"zaehlernummer": 1}, "zaehlernummer"),
        ({"zaehlernummer": "1" * 21}, "zaehlernummer"),
        ({"zustand": "EINGEBAUT"}, "zustand"),
        ({"bauart": "DIGITAL"}, "bauart"),
        ({"bauart": None}, "bauart"),
        ({"kennzeichnung_jahr": 1949}, "kennzeichnung_jahr"),
        ({"kennzeichnung_jahr": "2024"}, "kennzeichnung_jahr"),
        ({"nutzungsdauer_jahre": 0}, "nutzungsdauer_jahre"),
        ({"inbetriebnahme_datum": "01.05.2024"}, "inbetriebnahme_datum"),
        ({"verschrottung_datum": "2026-01-01"}, "verschrottung_datum"),
        ({"stromzaehler_id": 1}, "stromzaehler_id"),
    ],
)
def test_bad_values_name_their_field(client, als, aenderung, feld):
    antwort = client.post("/v1/stromzaehler", json={**NEU, **aenderung}, als=als("wartung"))
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {feld})


def test_the_number_stays(client, als, welt):
    antwort = client.patch(
        f"/v1/stromzaehler/{welt.stromzaehler()}",
        json={"zaehlernummer": "1EMH0099999999"},
        als=als("wartung"),
        version=1,
    )
    assert (antwort.status_code, set(antwort.json["errors"]["json"])) == (422, {"zaehlernummer"})
