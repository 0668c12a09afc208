"""Telegramme that the operator refuses: status, code, and that nothing is stored."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from sqlalchemy import update

from db.models import Geraeteschluessel, Stromzaehler
from telegramm import umschlag
from telegramm.fehler import EntschluesselungGescheitert
from telegramm.schluessel import generate_private_key, public_key_of_certificate
from tests.kanal import Zaehler, messwert


@pytest.fixture
def klartext(zaehler, uhr, jetzt):
    return zaehler.telegramm(uhr, [messwert(jetzt, 1000)]).to_bytes()


@pytest.fixture
def der(zaehler, uhr, klartext):
    return zaehler.seal(klartext, uhr.now())


@pytest.fixture
def tls(zaehler):
    return zaehler.enrolled.zertifikat_tls


@pytest.fixture
def fremder(kanal, welt):
    """Another enrolled meter."""
    return kanal.enrolled("1EMH0099999999", welt.stromzaehler(zaehlernummer="1EMH0099999999"))


def refused(antwort, tabellen):
    assert antwort.content_type == "application/problem+json"
    assert tabellen.verbrauch() == tabellen.quarantaene() == []
    # Whoever is refused learns a code, and no sentence that helps to try again.
    assert set(antwort.json) == {"type", "status", "code"}
    return antwort.status_code, antwort.json["code"]


@pytest.mark.parametrize("koerper", [b"\x00", b"hallo", b"\x30\x80\x00\x00", b"{}"])
def test_what_is_not_der(kanal, tls, tabellen, koerper):
    assert refused(kanal.post(koerper, tls), tabellen) == (400, "cms_ungueltig")


def test_truncated_and_extended(kanal, der, tls, tabellen):
    for koerper in (der[:-1], der + b"\x00"):
        assert refused(kanal.post(koerper, tls), tabellen) == (400, "cms_ungueltig")


def test_a_flipped_bit_anywhere(kanal, der, tls, tabellen):
    # Every bit is flipped in tests/telegramm; here every 97th goes through the whole operator.
    for bit in range(0, len(der) * 8, 97):
        falsch = bytearray(der)
        falsch[bit // 8] ^= 1 << bit % 8
        status, code = refused(kanal.post(bytes(falsch), tls), tabellen)
        assert (status, code) in {
            (400, "cms_ungueltig"),
            (400, "algorithmus"),
            (400, "entschluesselung"),
            (401, "signatur"),
            (401, "unbekannt"),
        }


def test_an_unknown_signer(kanal, zaehler, uhr, klartext, tls, tabellen):
    zaehler.signatur = generate_private_key()
    assert refused(kanal.post(zaehler.seal(klartext, uhr.now()), tls), tabellen) == (401, "unbekannt")


def test_a_key_of_another_purpose_does_not_sign(kanal, zaehler, uhr, klartext, tls, tabellen):
    zaehler.signatur = zaehler.tls
    assert refused(kanal.post(zaehler.seal(klartext, uhr.now()), tls), tabellen) == (401, "unbekannt")


def test_another_meters_connection(kanal, der, fremder, tabellen):
    assert refused(kanal.post(der, fremder.enrolled.zertifikat_tls), tabellen) == (403, "identitaet")


def test_a_signature_certificate_as_connection(kanal, der, zaehler, tabellen):
    assert refused(kanal.post(der, zaehler.enrolled.zertifikat_signatur), tabellen) == (403, "identitaet")


def test_a_stolen_ciphertext_signed_anew(kanal, fremder, uhr, klartext, tabellen):
    # The plaintext names the first meter, the second one signs and connects.
    der = fremder.seal(klartext, uhr.now())
    assert refused(kanal.post(der, fremder.enrolled.zertifikat_tls), tabellen) == (403, "identitaet")


def test_sealed_to_somebody_else(kanal, zaehler, uhr, klartext, tls, tabellen):
    der = umschlag.seal(
        klartext,
        empfaenger=generate_private_key().public_key(),
        unterzeichner=zaehler.signatur,
        signiert_um=uhr.now(),
    )
    assert refused(kanal.post(der, tls), tabellen) == (400, "entschluesselung")


def test_sealed_garbage(kanal, zaehler, uhr, tls, tabellen):
    der = zaehler.seal(b"\xa1\x61v\x01", uhr.now())
    assert refused(kanal.post(der, tls), tabellen) == (422, "inhalt")


@pytest.mark.parametrize("zweck", ["TLS", "SIGNATUR", "VERSCHLUESSELUNG"])
def test_a_revoked_key(kanal, der, tls, tabellen, session, zweck):
    session.execute(
        update(Geraeteschluessel)
        .where(Geraeteschluessel.zweck == zweck)
        .values(gesperrt_zeitpunkt=datetime.now(UTC))
    )
    session.commit()
    assert refused(kanal.post(der, tls), tabellen) == (403, "gesperrt")


@pytest.mark.parametrize("zustand", ["GESPERRT", "AUSGEBAUT", "VERSCHROTTET"])
def test_a_locked_or_removed_meter(kanal, der, tls, tabellen, session, zustand):
    session.execute(update(Stromzaehler).values(zustand=zustand))
    session.commit()
    assert refused(kanal.post(der, tls), tabellen) == (403, "gesperrt")


def test_size_type_length_and_method(kanal, der, tls, tabellen):
    assert refused(kanal.post(b"\x30" * 65_537, tls), tabellen) == (413, "zu_gross")
    assert refused(kanal.post(der, tls, content_type="application/json"), tabellen) == (415, "medientyp")
    assert refused(kanal.post(der, tls, headers={"Content-Encoding": "gzip"}), tabellen) == (415, "medientyp")
    client = kanal.geraete.test_client()
    assert refused(client.get("/geraete/v1/telegramme"), tabellen) == (405, "methode")
    assert refused(client.post("/v1/anmeldung", json={}), tabellen) == (404, "pfad")


def test_a_receipt_only_its_meter_can_open(kanal, der, tls, fremder, klartext):
    antwort = kanal.post(der, tls)
    assert antwort.status_code == 200
    with pytest.raises(EntschluesselungGescheitert):
        fremder.open(antwort.data, klartext)


def test_enrolling_again_ends_the_old_keys(kanal, zaehler, der, tls, tabellen, uhr, jetzt):
    neu = Zaehler(zaehler.zaehlernummer, zaehler.stromzaehler_id)
    kanal.enrol(neu, neu.einschreibung(kanal.token(zaehler.stromzaehler_id)))
    assert neu.enrolled.epoche == zaehler.enrolled.epoche + 1
    assert refused(kanal.post(der, tls), tabellen) == (403, "gesperrt")
    assert kanal.deliver(neu, [messwert(jetzt, 1000)]).neu == 1


def test_certificates_say_who_and_what_for(zaehler):
    for name, zweck in (("tls", "1.3.6.1.5.5.7.3.2"), ("signatur", "1.3.6.1.5.5.7.3.4")):
        zertifikat = x509.load_der_x509_certificate(getattr(zaehler.enrolled, f"zertifikat_{name}"))
        assert zertifikat.subject.rfc4514_string() == f"CN={zaehler.zaehlernummer}"
        assert public_key_of_certificate(zertifikat) == getattr(zaehler, name).public_key()
        zwecke = zertifikat.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert [oid.dotted_string for oid in zwecke] == [zweck]
        assert zertifikat.not_valid_after_utc - zertifikat.not_valid_before_utc < timedelta(days=731)
