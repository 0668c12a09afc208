"""Telegramme that the operator refuses: the table, the order of the checks, what an answer gives away."""

import itertools
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import text

from db.session import create_engine
from telegramm.fehler import EntschluesselungGescheitert
from telegramm.schluessel import generate_private_key, public_key_of_certificate
from tests.ablesung.abweisungen import FAELLE, with_table
from tests.ablesung.buehne import Buehne
from tests.ablesung.faelle_container import ENTSCHLUESSELUNG, signed_by_another
from tests.ablesung.faelle_inhalt import thirteenth
from tests.haus.quelltext import WURZEL
from tests.hilfen import FesteUhr, Welt
from tests.kanal import Zaehler, messwert

_nummern = itertools.count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def datenbank(request, tmp_path_factory):
    """One database for all rows of the table: each brings a meter of its own."""
    if request.param == "sqlite":
        datei = tmp_path_factory.mktemp("abweisung") / "betreiber.db"
        shutil.copy(request.getfixturevalue("sqlite_vorlage"), datei)
        yield f"sqlite:///{datei}"
        return
    verwaltung, vorlage = request.getfixturevalue("postgres_vorlage")
    name = f"{vorlage}_abweisung"
    with verwaltung.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {vorlage}"))
    yield verwaltung.url.set(database=name).render_as_string(hide_password=False)
    with verwaltung.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="module")
def welt(datenbank):
    engine = create_engine(datenbank)
    yield Welt(engine, FesteUhr())
    engine.dispose()


@pytest.fixture
def buehne(kanal, welt, uhr, engine, jetzt, request):
    """A meter that nobody has seen before, installed ten days ago at a place with a connection of 30 kW."""
    nummern = [f"1EMH00{next(_nummern):08}" for _ in range(2)]
    stromzaehler_id = welt.stromzaehler(zaehlernummer=nummern[0])
    welt.einbau(stromzaehler_id, welt.messstelle(), uhr.now() - timedelta(days=10))
    zaehler = kanal.enrolled(nummern[0], stromzaehler_id)
    return Buehne(
        kanal, zaehler, uhr, jetzt, engine, welt, nummern[1], kunden_app=lambda: request.getfixturevalue("app")
    )


HIER = [fall for fall in FAELLE if fall.send]


def names(faelle):
    return [f"{fall.schritt}: {fall.eingabe}" for fall in faelle]


def members(fall):
    """Whoever is refused learns a code, and no sentence that helps to try again."""
    if fall.code == "nicht_angemeldet":  # The customer API speaks to people.
        return {"type", "status", "code", "title", "detail"}
    return {"type", "status", "code"} | ({"zustand"} if fall.zustand else set())


@pytest.mark.parametrize("fall", HIER, ids=names(HIER))
def test_what_the_operator_refuses(buehne, tabellen, fall):
    vorher = tabellen.stand()
    antwort = fall.send(buehne)
    assert antwort.status_code == fall.status, antwort.text
    if fall.status == 200:
        gruende = [grund for _, grund in buehne.quittung(antwort.data).abgelehnt]
        assert gruende == ([fall.code] if fall.code else [])
    else:
        assert antwort.content_type == "application/problem+json"
        assert set(antwort.json) == members(fall)
        assert (antwort.json["code"], antwort.json.get("zustand")) == (fall.code, fall.zustand)
    assert ("Retry-After" in antwort.headers) == fall.retry_after
    nachher = tabellen.stand()
    assert nachher[:2] == (vorher.verbrauch + fall.neu, vorher.quarantaene + fall.quarantaene)
    assert tabellen.arten_since(vorher) == ({fall.ereignis} if fall.ereignis else set())


def test_every_row_has_a_test():
    assert len(set(names(FAELLE))) == len(FAELLE)
    for fall in FAELLE:
        assert (fall.send is None) == (fall.anderswo is not None), fall.eingabe
        if fall.anderswo:
            datei, _, name = fall.anderswo.partition("::")
            assert re.search(rf"^def {name}\(", (WURZEL / datei).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_docs_hold_the_table():
    seite = Path(WURZEL / "docs/telegramm.md").read_text(encoding="utf-8")
    assert with_table(seite) == seite, "call: python -m tests.ablesung.abweisungen docs/telegramm.md"


def locked(b):
    b.set_zustand("GESPERRT")


def foreign_connection(b):
    return b.fremder.enrolled.zertifikat_tls


def too_large_json(b):
    return b.post(b"\x30" * 65_537, content_type="application/json")


def json_that_is_no_der(b):
    return b.post(b"{}", content_type="application/json")


def unparsable_by_an_unknown_signer(b):
    return b.post(b.container(von=generate_private_key(), version=1))


def revoked_with_a_wrong_signature(b):
    der = signed_by_another(b)
    b.revoke("SIGNATUR")
    return b.post(der)


def wrong_signature_from_elsewhere(b):
    return b.post(signed_by_another(b), foreign_connection(b))


def wrong_signature_of_a_locked_meter(b):
    locked(b)
    return b.post(signed_by_another(b))


def wrong_signature_around_a_wrong_content(b):
    return b.post(b.container(b.inhalt(version=1), signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"))


def from_elsewhere_for_a_locked_meter(b):
    locked(b)
    return b.post(b.container(), foreign_connection(b))


def wrong_content_from_elsewhere(b):
    return b.post(b.container(b.inhalt(version=1)), foreign_connection(b))


def wrong_content_of_a_locked_meter(b):
    locked(b)
    return b.post(b.container(b.inhalt(version=1)))


def wrong_content_for_somebody_else(b):
    return b.post(b.container(b.inhalt(an=generate_private_key().public_key(), version=1)))


def for_somebody_else_of_a_locked_meter(b):
    locked(b)
    return b.post(b.container(b.inhalt(an=generate_private_key().public_key())))


def wrong_schema_with_another_number(b):
    return b.post_text(b.changed(lambda karte: karte.update(zaehler=b.fremde_nummer, zusatz=1)))


def another_number_with_an_old_epoche(b):
    return b.post_rows(zaehler=b.fremde_nummer, epoche=0)


def thirteenth_with_a_wrong_schema(b):
    return thirteenth(b, b.changed(lambda karte: karte.update(v=2)))


def thirteenth_with_an_old_epoche(b):
    return thirteenth(b, b.klartext(epoche=0))


def old_epoche_with_a_bad_row(b):
    return b.post_rows(messwert(b.jetzt + 9000, 1), epoche=0)


@pytest.mark.parametrize(
    ("send", "erwartet"),
    [
        (too_large_json, (413, "zu_gross")),
        (json_that_is_no_der, (415, "medientyp")),
        (unparsable_by_an_unknown_signer, (400, "cms_ungueltig")),
        (revoked_with_a_wrong_signature, (403, "gesperrt")),
        (wrong_signature_from_elsewhere, (401, "signatur")),
        (wrong_signature_of_a_locked_meter, (401, "signatur")),
        (wrong_signature_around_a_wrong_content, (401, "signatur")),
        (from_elsewhere_for_a_locked_meter, (403, "identitaet")),
        (wrong_content_from_elsewhere, (403, "identitaet")),
        (wrong_content_of_a_locked_meter, (403, "gesperrt")),
        (wrong_content_for_somebody_else, (400, "cms_ungueltig")),
        (for_somebody_else_of_a_locked_meter, (403, "gesperrt")),
        (wrong_schema_with_another_number, (422, "inhalt")),
        (another_number_with_an_old_epoche, (403, "identitaet")),
        (thirteenth_with_a_wrong_schema, (422, "inhalt")),
        (thirteenth_with_an_old_epoche, (429, "zu_viele")),
        (old_epoche_with_a_bad_row, (409, "epoche")),
    ],
    ids=lambda wert: wert.__name__ if callable(wert) else "",
)
def test_of_two_faults_the_earlier_one_is_told(buehne, tabellen, send, erwartet):
    vorher = tabellen.stand()
    antwort = send(buehne)
    assert (antwort.status_code, antwort.json["code"]) == erwartet
    assert tabellen.stand().quarantaene == vorher.quarantaene


def test_all_decrypt_faults_answer_alike(buehne):
    antworten = [fall.send(buehne) for fall in ENTSCHLUESSELUNG]
    koepfe = [
        [(name, wert) for name, wert in antwort.headers if name not in ("Date", "X-Request-ID")]
        for antwort in antworten
    ]
    assert len(antworten) == 5
    assert {antwort.data for antwort in antworten} == {antworten[0].data}
    assert all(kopf == koepfe[0] for kopf in koepfe)


def test_a_flipped_bit_anywhere(buehne, tabellen):
    der, vorher = buehne.container(), tabellen.stand()
    # Every bit is flipped in tests/telegramm; here every 97th goes through the whole operator.
    for bit in range(0, len(der) * 8, 97):
        falsch = bytearray(der)
        falsch[bit // 8] ^= 1 << bit % 8
        antwort = buehne.post(bytes(falsch))
        assert (antwort.status_code, antwort.json["code"]) in {
            (400, "cms_ungueltig"),
            (400, "algorithmus"),
            (400, "entschluesselung"),
            (401, "signatur"),
            (401, "unbekannt"),
        }
    assert tabellen.stand() == vorher


def test_the_unchanged_container_is_taken(buehne, tabellen):
    """Without it, every refusal above could have another reason than its name says."""
    vorher = tabellen.stand()
    assert buehne.post(buehne.container()).status_code == 200
    assert tabellen.stand().verbrauch == vorher.verbrauch + 1


def test_the_limit_ends_with_the_quarter_hour(buehne, uhr):
    uhr.advance(timedelta(seconds=840))
    antwort = thirteenth(buehne, buehne.klartext())
    assert (antwort.status_code, antwort.headers["Retry-After"]) == (429, "60")
    uhr.advance(timedelta(seconds=60))
    assert buehne.post_rows().status_code == 200


def test_without_its_row_a_meter_is_unknown(buehne):
    """Enrolment writes it together with the keys: a database that lacks it was not written by us."""
    buehne.forget_stand()
    antwort = buehne.post(buehne.container())
    assert (antwort.status_code, antwort.json["code"]) == (401, "unbekannt")


def test_a_receipt_only_its_meter_can_open(buehne):
    klartext = buehne.klartext()
    antwort = buehne.post_text(klartext)
    assert antwort.status_code == 200
    with pytest.raises(EntschluesselungGescheitert):
        buehne.fremder.open(antwort.data, klartext)


def test_enrolling_again_ends_the_old_keys(kanal, buehne, jetzt):
    alt, zaehler = buehne.container(), buehne.zaehler
    neu = Zaehler(zaehler.zaehlernummer, zaehler.stromzaehler_id)
    kanal.enrol(neu, neu.einschreibung(kanal.token(zaehler.stromzaehler_id)))
    assert neu.enrolled.epoche == zaehler.enrolled.epoche + 1
    antwort = buehne.post(alt)
    assert (antwort.status_code, antwort.json["code"]) == (403, "gesperrt")
    assert kanal.deliver(neu, [messwert(jetzt, 1000)]).neu == 1


def test_certificates_say_who_and_what_for(buehne):
    zaehler = buehne.zaehler
    for name, zweck in (("tls", "1.3.6.1.5.5.7.3.2"), ("signatur", "1.3.6.1.5.5.7.3.4")):
        zertifikat = x509.load_der_x509_certificate(getattr(zaehler.enrolled, f"zertifikat_{name}"))
        assert zertifikat.subject.rfc4514_string() == f"CN={zaehler.zaehlernummer}"
        assert public_key_of_certificate(zertifikat) == getattr(zaehler, name).public_key()
        zwecke = zertifikat.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert [oid.dotted_string for oid in zwecke] == [zweck]
        assert zertifikat.not_valid_after_utc - zertifikat.not_valid_before_utc < timedelta(days=731)
