"""The feed: its order, its filters, and what each role sees."""

from datetime import UTC, datetime, timedelta

import pytest

from betreiber.ereignis.domain import ARTEN
from tests.ereignis.folge import JETZT, arten, ask, ids, read_on, write
from tests.hilfen import recorded_statements

VON, BIS = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC)
# By hand: who sees which of one event of each department's matters.
EINE_JEDER_ART = [
    ("KUNDE_ANGELEGT", 7, {"objekt_art": "kunde"}),
    ("STROMZAEHLER_EINGEBAUT", 8, {"daten": {"messstelle_id": 3, "von": JETZT}}),
    ("TARIF_GEWAEHLT", 5, {"objekt_art": "vertrag", "daten": {"tarif_id": 2, "bisheriger_tarif_id": None}}),
    ("DATEN_EMPFANGEN", 8),
    ("UHR_WEICHT_AB", 8, {"daten": {"sekunden": 12}}),
    ("FIRMWARE_FREIGEGEBEN", 1, {"objekt_art": "firmware"}),
    ("PARTITION_FEHLT", 0, {"objekt_art": "datenbank"}),
    ("RECHNUNG_GESTELLT", 4, {"objekt_art": "rechnung"}),
]
ALLE = [name for name, *_ in EINE_JEDER_ART]
GERAETE = ["STROMZAEHLER_EINGEBAUT", "DATEN_EMPFANGEN", "UHR_WEICHT_AB", "FIRMWARE_FREIGEGEBEN"]


def test_an_event_as_it_is_handed_out(client, als, engine):
    write(engine, ("STROMZAEHLER_EINGEBAUT", 8, {"daten": {"messstelle_id": 3, "von": VON}}))
    antwort = ask(client, als("sachbearbeitung"))
    nummer = antwort["bis"]
    assert antwort == {
        "ereignisse": [
            {
                "ereignis_id": nummer,
                "zeitpunkt": "2026-06-15T10:00:00Z",
                "art": "STROMZAEHLER_EINGEBAUT",
                "objekt_art": "stromzaehler",
                "objekt_id": 8,
                "akteur": "system:test",
                "daten": {"messstelle_id": 3, "von": "2026-06-01T00:00:00Z"},
            }
        ],
        "bis": nummer,
    }
    assert ask(client, als("sachbearbeitung"), seit=nummer) == {"ereignisse": [], "bis": nummer}
    assert ask(client, als("sachbearbeitung"), seit=2**63 - 1) == {"ereignisse": [], "bis": 2**63 - 1}


def test_an_empty_log(client, als):
    assert ask(client, als("admin")) == {"ereignisse": [], "bis": 0}


@pytest.mark.parametrize(
    ("rolle", "sieht", "mit_akteur"),
    [
        ("sachbearbeitung", ALLE, True),
        ("admin", ALLE, True),
        ("wartung", GERAETE, True),
        ("tarif", ["TARIF_GEWAEHLT"], False),
        (
            "buchhaltung",
            ["KUNDE_ANGELEGT", "STROMZAEHLER_EINGEBAUT", "TARIF_GEWAEHLT", "RECHNUNG_GESTELLT"],
            False,
        ),
        ("analyse", ["STROMZAEHLER_EINGEBAUT", "DATEN_EMPFANGEN"], False),
        ("kunde", [], False),
    ],
)
def test_what_a_role_sees(client, als, welt, engine, rolle, sieht, mit_akteur):
    write(engine, *EINE_JEDER_ART)
    person = als(rolle, kunde_id=welt.kunde() if rolle == "kunde" else None)
    gesehen = read_on(client, person)
    assert arten(gesehen) == sieht
    assert {ereignis["akteur"] for ereignis in gesehen} <= {"system:test" if mit_akteur else None}
    # One at a time it is the same, and so it is by kind: what a role does not see, no filter shows.
    assert read_on(client, person, pro_seite=1) == gesehen
    for name in ALLE:
        assert arten(ask(client, person, art=name)["ereignisse"]) == [name] * (name in sieht)


def test_a_fitter_and_nobody_see_nothing(client, als):
    for pfad in ("/v1/ereignisse", "/v1/ereignisarten"):
        assert client.get(pfad, als=als("monteur")).status_code == 403
        assert client.get(pfad).status_code == 401


def test_filters(client, als, engine):
    write(engine, *EINE_JEDER_ART, ("DATEN_EMPFANGEN", 9), ("DATEN_EMPFANGEN", 8))
    person = als("sachbearbeitung")
    assert arten(ask(client, person, objekt_art="vertrag")["ereignisse"]) == ["TARIF_GEWAEHLT"]
    assert arten(ask(client, person, objekt_art="stromzaehler", objekt_id=8)["ereignisse"]) == [
        "STROMZAEHLER_EINGEBAUT",
        "DATEN_EMPFANGEN",
        "UHR_WEICHT_AB",
        "DATEN_EMPFANGEN",
    ]
    gefiltert = {"art": "DATEN_EMPFANGEN", "objekt_art": "stromzaehler", "objekt_id": 9}
    (ereignis,) = ask(client, person, **gefiltert)["ereignisse"]
    assert (ereignis["art"], ereignis["objekt_id"]) == ("DATEN_EMPFANGEN", 9)
    assert ask(client, person, objekt_art="kunde", objekt_id=8)["ereignisse"] == []
    assert ask(client, person, art="DATEN_EMPFANGEN", objekt_art="kunde")["ereignisse"] == []
    assert ask(client, als("tarif"), objekt_art="stromzaehler", objekt_id=8)["ereignisse"] == []


@pytest.mark.parametrize(
    ("auswahl", "feld"),
    [
        ({"seit": -1}, "seit"),
        ({"seit": 2**63}, "seit"),
        ({"seit": "morgen"}, "seit"),
        ({"pro_seite": 0}, "pro_seite"),
        ({"pro_seite": 501}, "pro_seite"),
        ({"art": "GIBTS_NICHT"}, "art"),
        ({"objekt_art": "Zähler"}, "objekt_art"),
        ({"objekt_art": "kunde", "objekt_id": 0}, "objekt_id"),
        ({"seite": 2}, "seite"),
    ],
)
def test_bad_arguments_name_their_field(client, als, auswahl, feld):
    antwort = client.get("/v1/ereignisse", als=als("admin"), query_string=auswahl)
    assert (antwort.status_code, set(antwort.json["errors"]["query"])) == (422, {feld})


def test_an_object_needs_its_kind(client, als):
    antwort = client.get("/v1/ereignisse?objekt_id=8", als=als("admin"))
    assert (antwort.status_code, set(antwort.json["errors"])) == (422, {"objekt_art"})


def test_a_customer_sees_the_own_meter_of_the_own_time(client, als, welt, engine):
    """Installed at 8:07, theirs from 8:15 on 1 June to 20 June 10:00, when it was removed; both recorded later."""
    ich, andere, zaehler = welt.kunde(), welt.kunde(), welt.stromzaehler()
    von, bis = VON + timedelta(hours=8, minutes=15), BIS + timedelta(hours=10)
    welt.zuordnung(ich, zaehler, von, bis)
    welt.zuordnung(andere, zaehler, bis)
    einbau = {"messstelle_id": 3, "von": VON + timedelta(hours=8, minutes=7)}
    ausbau = {"messstelle_id": 3, "bis": bis}
    write(
        engine,
        ("DATEN_EMPFANGEN", zaehler, {"zeitpunkt": von - timedelta(microseconds=1)}),
        ("STROMZAEHLER_EINGEBAUT", zaehler, {"zeitpunkt": VON + timedelta(days=1), "daten": einbau}),
        ("DATEN_EMPFANGEN", zaehler, {"zeitpunkt": von}),
        ("UHR_WEICHT_AB", zaehler, {"zeitpunkt": von}),
        ("DATEN_EMPFANGEN", zaehler, {"zeitpunkt": bis - timedelta(microseconds=1)}),
        ("DATEN_EMPFANGEN", zaehler, {"zeitpunkt": bis}),
        ("STROMZAEHLER_AUSGEBAUT", zaehler, {"zeitpunkt": BIS + timedelta(days=2), "daten": ausbau}),
        ("DATEN_EMPFANGEN", welt.stromzaehler(), {"zeitpunkt": von}),
    )
    gesehen = read_on(client, als("kunde", kunde_id=ich))
    assert [(ereignis["art"], ereignis["zeitpunkt"]) for ereignis in gesehen] == [
        ("STROMZAEHLER_EINGEBAUT", "2026-06-02T00:00:00Z"),
        ("DATEN_EMPFANGEN", "2026-06-01T08:15:00Z"),
        ("DATEN_EMPFANGEN", "2026-06-20T09:59:59.999999Z"),
        ("STROMZAEHLER_AUSGEBAUT", "2026-06-22T00:00:00Z"),
    ]
    fremd = read_on(client, als("kunde", kunde_id=andere))
    assert [(ereignis["art"], ereignis["zeitpunkt"]) for ereignis in fremd] == [
        ("DATEN_EMPFANGEN", "2026-06-20T10:00:00Z")
    ]
    assert read_on(client, als("kunde", kunde_id=welt.kunde())) == []


def test_a_customer_asks_for_another_meter(client, als, welt, engine):
    ich, eigener, fremder = welt.kunde(), welt.stromzaehler(), welt.stromzaehler()
    welt.zuordnung(ich, eigener, VON)
    write(engine, ("DATEN_EMPFANGEN", eigener), ("DATEN_EMPFANGEN", fremder), ("UHR_WEICHT_AB", eigener))
    person, objekt = als("kunde", kunde_id=ich), {"objekt_art": "stromzaehler"}
    assert arten(ask(client, person, **objekt, objekt_id=eigener)["ereignisse"]) == ["DATEN_EMPFANGEN"]
    assert ask(client, person, **objekt, objekt_id=fremder) == {"ereignisse": [], "bis": 0}
    assert ask(client, person, objekt_art="vertrag", objekt_id=eigener) == {"ereignisse": [], "bis": 0}
    assert ask(client, person, art="UHR_WEICHT_AB") == {"ereignisse": [], "bis": 0}


def test_a_customer_with_many_meters(client, als, welt, engine):
    """More than one statement looks for; the order is that of the log all the same."""
    ich = welt.kunde()
    zaehler = [welt.stromzaehler() for _ in range(120)]
    for nummer in zaehler:
        welt.zuordnung(ich, nummer, VON)
    write(engine, *(("DATEN_EMPFANGEN", nummer) for nummer in reversed(zaehler)))
    gesehen = read_on(client, als("kunde", kunde_id=ich), pro_seite=50)
    assert [ereignis["objekt_id"] for ereignis in gesehen] == zaehler[::-1]


def test_the_same_answer_is_not_sent_again(client, als, welt, engine):
    ich, zaehler, anderer = welt.kunde(), welt.stromzaehler(), welt.stromzaehler()
    welt.zuordnung(ich, zaehler, VON)
    write(engine, ("DATEN_EMPFANGEN", zaehler))
    person = als("kunde", kunde_id=ich)
    erste = client.get("/v1/ereignisse", als=person)
    kopf = {"If-None-Match": erste.headers["ETag"]}
    assert erste.headers["ETag"][0] == erste.headers["ETag"][-1] == '"'
    # What happens to others is no news.
    write(engine, ("DATEN_EMPFANGEN", anderer), ("UHR_WEICHT_AB", zaehler))
    zweite = client.get("/v1/ereignisse", als=person, headers=kopf)
    assert (zweite.status_code, zweite.data, zweite.headers["ETag"]) == (304, b"", erste.headers["ETag"])
    schwach = client.get(
        "/v1/ereignisse", als=person, headers={"If-None-Match": f'"a", W/{kopf["If-None-Match"]}'}
    )
    assert schwach.status_code == 304
    assert client.get("/v1/ereignisse", als=als("kunde", kunde_id=welt.kunde()), headers=kopf).status_code == 200
    assert client.get("/v1/ereignisse?pro_seite=7", als=person, headers=kopf).status_code == 200
    write(engine, ("DATEN_EMPFANGEN", zaehler))
    dritte = client.get("/v1/ereignisse", als=person, headers=kopf)
    assert (dritte.status_code, len(dritte.json["ereignisse"])) == (200, 2)
    # So is another meter that is theirs from now on.
    kopf = {"If-None-Match": dritte.headers["ETag"]}
    welt.zuordnung(ich, anderer, VON)
    vierte = client.get("/v1/ereignisse", als=person, headers=kopf)
    assert (vierte.status_code, len(vierte.json["ereignisse"])) == (200, 3)


def test_a_poll_without_news_reads_no_event(client, als, engine, app):
    write(engine, *EINE_JEDER_ART)
    for rolle in ("sachbearbeitung", "wartung"):
        antwort = client.get("/v1/ereignisse", als=als(rolle))
        with recorded_statements(app.extensions["msb_engine"]) as anweisungen:
            kopf = {"If-None-Match": antwort.headers["ETag"]}
            assert client.get("/v1/ereignisse", als=als(rolle), headers=kopf).status_code == 304
        vom_log = [anweisung for anweisung in anweisungen if "FROM ereignis" in anweisung]
        assert len(vom_log) == 1
        assert "daten" not in vom_log[0]


def test_the_kinds_that_somebody_may_ask_for(client, als, welt):
    alle = client.get("/v1/ereignisarten", als=als("admin")).json
    assert [eine["art"] for eine in alle] == [art.value for art in ARTEN]
    eigene = client.get("/v1/ereignisarten", als=als("kunde", kunde_id=welt.kunde())).json
    assert [(eine["art"], eine["bezeichnung"], eine["objekt_art"]) for eine in eigene] == [
        ("STROMZAEHLER_EINGEBAUT", "Zähler eingebaut", "stromzaehler"),
        ("STROMZAEHLER_AUSGEBAUT", "Zähler ausgebaut", "stromzaehler"),
        ("DATEN_EMPFANGEN", "Daten empfangen (einmal je Zähler und Tag)", "stromzaehler"),
        ("RECHNUNG_GESTELLT", "Rechnung gestellt", "rechnung"),
        ("RECHNUNG_BEZAHLT", "Rechnung bezahlt", "rechnung"),
        ("RECHNUNG_UEBERFAELLIG", "Rechnung überfällig", "rechnung"),
    ]
    assert eigene[0]["daten"] == {"messstelle_id": "Nummer der Messstelle", "von": "Zeitpunkt des Einbaus"}


def test_numbers_ascend(client, als, engine):
    write(engine, *EINE_JEDER_ART * 3)
    nummern = ids(read_on(client, als("admin"), pro_seite=5))
    assert nummern == sorted(set(nummern))
    assert len(nummern) == 24
