"""Documents of meters: who may store, read and delete them, and what is refused."""

import hashlib
from datetime import date
from io import BytesIO

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import undefer
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from db.models import Audit, Dokument, Stromzaehler
from tests.hilfen import recorded_statements

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 400  # more than any other request may have
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
MB_5 = 5_000_000


def _pfad(stromzaehler_id, rest=""):
    return f"/v1/stromzaehler/{stromzaehler_id}/dokumente{rest}"


def _formular(inhalt=PDF, name="Garantie 2026.pdf", **felder):
    return {"datei": (BytesIO(inhalt), name), "art": "GEWAEHRLEISTUNG", **felder}


@pytest.fixture
def zaehler(welt):
    return welt.stromzaehler()


@pytest.fixture
def abgelegt(client, als, zaehler):
    """A document that is stored."""
    antwort = client.post(_pfad(zaehler), data=_formular(ende_datum="2028-06-30"), als=als("wartung"))
    assert antwort.status_code == 201, antwort.text
    return antwort.json


def test_store_and_read(client, als, zaehler, abgelegt, session):
    dokument_id = abgelegt["dokument_id"]
    assert abgelegt == {
        "dokument_id": dokument_id,
        "stromzaehler_id": zaehler,
        "art": "GEWAEHRLEISTUNG",
        "dateiname": "Garantie 2026.pdf",
        "medientyp": "application/pdf",
        "groesse_bytes": 102_409,
        "ende_datum": "2028-06-30",
        "angelegt_zeitpunkt": "2026-06-15T10:00:00Z",
    }
    person = als("sachbearbeitung")
    assert client.get(_pfad(zaehler, f"/{dokument_id}"), als=person).json == abgelegt
    zeile = session.get(Dokument, dokument_id, options=[undefer(Dokument.inhalt)])
    assert (zeile.inhalt, zeile.inhalt_sha256) == (PDF, hashlib.sha256(PDF).digest())


def test_the_file_comes_back_as_an_attachment_that_no_browser_runs(client, als, zaehler, abgelegt):
    antwort = client.get(_pfad(zaehler, f"/{abgelegt['dokument_id']}/inhalt"), als=als("admin"))
    assert (antwort.status_code, antwort.data) == (200, PDF)
    kopf = antwort.headers
    assert (kopf["Content-Type"], kopf["X-Content-Type-Options"]) == ("application/pdf", "nosniff")
    assert kopf["Content-Disposition"] == 'attachment; filename="Garantie 2026.pdf"'
    assert kopf["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_name_with_umlauts_is_coded(client, als, zaehler):
    daten = _formular(PNG, "../Prüfschein 7", art="EICHSCHEIN")
    dokument = client.post(_pfad(zaehler), data=daten, als=als("wartung")).json
    assert (dokument["medientyp"], dokument["ende_datum"]) == ("image/png", None)
    antwort = client.get(_pfad(zaehler, f"/{dokument['dokument_id']}/inhalt"), als=als("wartung"))
    assert antwort.headers["Content-Disposition"] == (
        "attachment; filename=\"Prufschein 7.png\"; filename*=UTF-8''Pr%C3%BCfschein%207.png"
    )


def test_the_end_of_a_warranty_is_noted_at_the_meter(client, als, zaehler, abgelegt, session):
    meter = session.get(Stromzaehler, zaehler)
    assert (meter.gewaehrleistung_ende_datum, meter.version) == (date(2028, 6, 30), 2)
    zeilen = [(zeile.objekt_art, zeile.aktion, zeile.alt, zeile.neu) for zeile in _audit(session)]
    # The last one is about the dates of maintenance, which follow.
    assert zeilen.pop()[:2] == ("wartung", "GEAENDERT")
    assert zeilen == [
        (
            "dokument",
            "ANGELEGT",
            {},
            {
                "stromzaehler_id": zaehler,
                "art": "GEWAEHRLEISTUNG",
                "dateiname": "Garantie 2026.pdf",
                "medientyp": "application/pdf",
                "groesse_bytes": 102_409,
                "ende_datum": "2028-06-30",
                "sha256": hashlib.sha256(PDF).hexdigest(),
            },
        ),
        (
            "stromzaehler",
            "GEAENDERT",
            {"gewaehrleistung_ende_datum": None},
            {"gewaehrleistung_ende_datum": "2028-06-30"},
        ),
    ]


def _audit(session):
    return session.scalars(select(Audit).order_by(Audit.audit_id)).all()


@pytest.mark.parametrize("felder", [{}, {"art": "EICHSCHEIN", "ende_datum": "2034-12-31"}, {"art": "SONSTIGES"}])
def test_no_other_document_changes_the_meter(client, als, zaehler, session, felder):
    assert client.post(_pfad(zaehler), data=_formular(**felder), als=als("wartung")).status_code == 201
    meter = session.get(Stromzaehler, zaehler)
    assert (meter.gewaehrleistung_ende_datum, meter.version) == (None, 1)


def test_the_newest_comes_first_and_no_content_is_read(app, client, als, welt, zaehler, abgelegt):
    daten = _formular(PNG, "typenschild.png", art="SONSTIGES")
    neu = client.post(_pfad(zaehler), data=daten, als=als("sachbearbeitung")).json
    client.post(_pfad(welt.stromzaehler()), data=_formular(), als=als("wartung"))
    person = als("wartung")
    with recorded_statements(app.extensions["msb_engine"]) as anweisungen:
        antwort = client.get(_pfad(zaehler), als=person)
    assert (antwort.json["eintraege"], antwort.json["gesamt"]) == ([neu, abgelegt], 2)
    (lesen,) = [sql for sql in anweisungen if sql.startswith("SELECT dokument")]
    assert "dokument.groesse_bytes" in lesen
    assert "inhalt" not in lesen.replace("inhalt_sha256", "")
    zweite = client.get(_pfad(zaehler, "?pro_seite=1&seite=2"), als=person)
    assert zweite.json["eintraege"] == [abgelegt]


def test_delete_is_audited_and_leaves_the_meter_as_it_is(client, als, zaehler, abgelegt, session):
    pfad, person = _pfad(zaehler, f"/{abgelegt['dokument_id']}"), als("sachbearbeitung")
    assert client.delete(pfad, als=person).status_code == 204
    assert {client.delete(pfad, als=person).status_code, client.get(pfad, als=person).status_code} == {404}
    letzte = _audit(session)[-1]
    assert (letzte.aktion, letzte.objekt_art, letzte.objekt_id) == (
        "GELOESCHT", "dokument", abgelegt["dokument_id"],
    )  # fmt: skip
    assert letzte.alt["dateiname"] == "Garantie 2026.pdf"
    assert letzte.alt["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert session.get(Stromzaehler, zaehler).gewaehrleistung_ende_datum == date(2028, 6, 30)


def test_a_file_is_stored_once_for_a_meter(client, als, welt, zaehler, abgelegt):
    person = als("wartung")
    wieder = client.post(_pfad(zaehler), data=_formular(name="anders.pdf", art="SONSTIGES"), als=person)
    assert (wieder.status_code, wieder.json["code"]) == (409, "dokument_vorhanden")
    assert client.post(_pfad(welt.stromzaehler()), data=_formular(), als=person).status_code == 201


def test_another_meters_document_is_none_of_this_one(client, als, welt, abgelegt):
    person, nirgends = als("wartung"), _pfad(999999)
    pfad = _pfad(welt.stromzaehler(), f"/{abgelegt['dokument_id']}")
    antworten = [
        client.get(pfad, als=person),
        client.get(f"{pfad}/inhalt", als=person),
        client.delete(pfad, als=person),
        client.get(nirgends, als=person),
        client.post(nirgends, data=_formular(), als=person),
    ]
    assert [(antwort.status_code, antwort.json["code"]) for antwort in antworten] == [(404, "nicht_gefunden")] * 5


@pytest.mark.parametrize(
    ("rolle", "lesen", "anlegen", "loeschen"),
    [
        ("sachbearbeitung", 200, 201, 204),
        ("wartung", 200, 201, 204),
        ("admin", 200, 403, 403),
        ("monteur", 403, 403, 403),
        ("tarif", 403, 403, 403),
        ("buchhaltung", 403, 403, 403),
        ("analyse", 403, 403, 403),
    ],
)
def test_rights_of_staff(client, als, zaehler, abgelegt, rolle, lesen, anlegen, loeschen):
    assert _ask(client, als(rolle), zaehler, abgelegt["dokument_id"]) == [*[lesen] * 3, anlegen, loeschen]


def _ask(client, person, zaehler, dokument_id):
    einer = _pfad(zaehler, f"/{dokument_id}")
    antworten = [client.get(pfad, als=person) for pfad in (_pfad(zaehler), einer, f"{einer}/inhalt")]
    antworten.append(client.post(_pfad(zaehler), data=_formular(PNG), als=person))
    antworten.append(client.delete(einer, als=person))
    return [antwort.status_code for antwort in antworten]


def test_neither_owner_nor_another_customer_nor_nobody(client, als, welt, uhr, zaehler, abgelegt, session):
    ich, andere = welt.kunde(), welt.kunde()
    welt.zuordnung(ich, zaehler, uhr.jetzt)
    for kunde_id in (ich, andere):
        person = als("kunde", kunde_id=kunde_id)
        assert _ask(client, person, zaehler, abgelegt["dokument_id"]) == [403] * 5
    assert _ask(client, None, zaehler, abgelegt["dokument_id"]) == [401] * 5
    assert session.scalar(select(func.count()).select_from(Dokument)) == 1


@pytest.mark.parametrize(
    ("inhalt", "name"), [(b"MZ\x90\x00", "garantie.pdf"), (b"<svg/>", "a.png"), (b"PK\x03\x04", "a.docx")]
)
def test_a_file_of_another_type_is_refused_whatever_it_is_called(client, als, zaehler, inhalt, name):
    daten = {"datei": (BytesIO(inhalt), name, "application/pdf"), "art": "SONSTIGES"}
    antwort = client.post(_pfad(zaehler), data=daten, als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (422, "dateityp_unbekannt")
    assert set(antwort.json["errors"]) == {"datei"}


def test_the_largest_file_is_stored_and_one_byte_more_is_not(client, als, zaehler):
    antworten = []
    for groesse in (MB_5 + 1, MB_5):
        # Flask's test client would leave a temporary file open.
        datei = FileStorage(BytesIO(b"%PDF-".ljust(groesse)), "a.pdf")
        trenner, koerper = encode_multipart({"datei": datei, "art": "SONSTIGES"})
        art = f"multipart/form-data; boundary={trenner}"
        antworten.append(client.post(_pfad(zaehler), data=koerper, content_type=art, als=als("wartung")))
    zu_gross, gerade_noch = antworten
    assert (zu_gross.status_code, zu_gross.json["errors"]) == (422, {"multipart": {"datei": ["Höchstens 5 MB."]}})
    assert (gerade_noch.status_code, gerade_noch.json["groesse_bytes"]) == (201, MB_5)


class Unlesbar:
    """A body that fails whoever reads of it."""

    def read(self, *_):
        raise AssertionError("somebody reads the body")

    readline = read


@pytest.mark.parametrize("laenge", [5_100_000, 100_000_000])
def test_a_larger_request_is_refused_before_it_is_read(client, als, zaehler, laenge):
    antwort = client.post(
        _pfad(zaehler),
        als=als("wartung"),
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(laenge), "wsgi.input": Unlesbar()},
    )
    assert (antwort.status_code, antwort.json["code"]) == (413, "zu_gross")
    assert "höchstens 5 MB" in antwort.json["detail"]


def test_other_routes_take_as_little_as_before(client, als):
    antwort = client.post("/v1/stromzaehler", data=_formular(), als=als("wartung"))
    assert (antwort.status_code, antwort.json["code"]) == (415, "medientyp_unbekannt")
    zu_viel = {"data": b" " * 65_537, "content_type": "application/json"}
    antwort = client.post("/v1/stromzaehler", als=als("wartung"), **zu_viel)
    assert (antwort.status_code, antwort.json["code"]) == (413, "zu_gross")


@pytest.mark.parametrize(
    ("aenderung", "feld"),
    [
        ({"datei": "%PDF-1.7 as a text"}, "datei"),
        ({"datei": [b""]}, "datei"),
        ({"art": "RECHNUNG"}, "art"),
        ({"ende_datum": "30.06.2028"}, "ende_datum"),
        ({"ende_datum": ""}, "ende_datum"),
        ({"dateiname": "b.pdf"}, "dateiname"),
        ({"zweite": [PNG]}, "zweite"),
        ({"datei": [PDF, PNG]}, "datei"),
        ({"art": ["SONSTIGES", "EICHSCHEIN"]}, "art"),
    ],
)
def test_bad_values_name_their_field(client, als, zaehler, aenderung, feld):
    """Bytes are sent as files of that content."""
    daten = _formular()
    for name, werte in aenderung.items():
        als_datei = isinstance(werte, list) and isinstance(werte[0], bytes)
        daten[name] = [(BytesIO(inhalt), "a.pdf") for inhalt in werte] if als_datei else werte
    antwort = client.post(_pfad(zaehler), data=daten, content_type="multipart/form-data", als=als("wartung"))
    assert (antwort.status_code, set(antwort.json["errors"]["multipart"])) == (422, {feld})


def test_what_is_missing_is_named(client, als, zaehler):
    antwort = client.post(
        _pfad(zaehler), data=b"--x--\r\n", content_type="multipart/form-data; boundary=x", als=als("wartung")
    )
    assert (antwort.status_code, set(antwort.json["errors"]["multipart"])) == (422, {"datei", "art"})


@pytest.mark.parametrize(
    "kopf", [{"json": {"art": "SONSTIGES"}}, {"data": PDF, "content_type": "application/pdf"}]
)
def test_nothing_but_a_form_is_taken(client, als, zaehler, kopf):
    antwort = client.post(_pfad(zaehler), als=als("wartung"), **kopf)
    assert (antwort.status_code, antwort.json["code"]) == (415, "medientyp_unbekannt")
