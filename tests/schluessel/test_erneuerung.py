"""Renewal: a meter's old keys bring it new ones, from sixty days before their end, and both work for a while."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update

from betreiber.schluessel import einschreibung
from betreiber.schluessel.ablage import load_ausgabestelle
from db.models import Ereignis, Geraeteschluessel, Stromzaehler, Telegrammstand
from db.session import create_session
from telegramm import umschlag
from telegramm.einschreibung import Einschreibung
from telegramm.schluessel import generate_private_key, public_key_of_certificate
from tests.kanal import Zaehler, csr, messwert
from tests.schluessel.hilfen import end_in, erneuerung, refusal, renew, revoked, send, with_new_keys

NUMMER = "1EMH0012345678"


@pytest.fixture
def alt(kanal, welt):
    return kanal.enrolled(NUMMER, welt.stromzaehler(zaehlernummer=NUMMER))


@pytest.fixture
def neu(alt):
    return with_new_keys(alt)


@pytest.fixture
def faellig(alt, session):
    end_in(session, 59)


def reading(uhr, minuten=0):
    return [messwert(int(uhr.now().timestamp()) + minuten * 60, 1 + minuten)]


def test_both_sets_work_until_the_new_one_is_used(kanal, alt, neu, faellig, session, uhr):
    assert renew(kanal, alt, neu).status_code == 200
    assert neu.enrolled.epoche == 2
    assert revoked(session) == {1: False, 2: False}
    assert kanal.deliver(alt, reading(uhr)).neu == 1
    uhr.advance(timedelta(minutes=15))
    assert kanal.deliver(neu, reading(uhr)).neu == 1
    assert revoked(session) == {1: True, 2: False}
    assert kanal.refusal(alt, alt.telegramm(uhr, reading(uhr))) == (403, "gesperrt")
    assert refusal(renew(kanal, alt, with_new_keys(alt))) == (403, "gesperrt")


def test_the_new_certificates_are_the_meters_own(kanal, alt, neu, faellig):
    renew(kanal, alt, neu)
    for der, schluessel in (
        (neu.enrolled.zertifikat_tls, neu.tls),
        (neu.enrolled.zertifikat_signatur, neu.signatur),
        (neu.enrolled.zertifikat_verschluesselung, neu.verschluesselung),
    ):
        zertifikat = x509.load_der_x509_certificate(der)
        assert zertifikat.public_key() == schluessel.public_key()
        assert zertifikat.subject.rfc4514_string() == f"CN={NUMMER}"
    assert neu.enrolled.ca == alt.enrolled.ca


def test_a_renewal_is_an_event(kanal, alt, neu, faellig, session):
    renew(kanal, alt, neu)
    ereignis = session.scalars(select(Ereignis).order_by(Ereignis.ereignis_id.desc())).first()
    assert (ereignis.art, ereignis.akteur, ereignis.daten) == (
        "STROMZAEHLER_ERNEUERT", f"stromzaehler:{NUMMER}", {"epoche": 2},
    )  # fmt: skip


def test_a_lost_answer_is_given_again(kanal, alt, neu, faellig, session):
    erste = renew(kanal, alt, neu)
    zweite = renew(kanal, alt, neu)
    assert (zweite.status_code, zweite.data) == (200, erste.data)
    # Also when time has gone by and nothing would be due any more.
    end_in(session, 700)
    assert renew(kanal, alt, neu).data == erste.data
    assert revoked(session) == {1: False, 2: False}


def test_keys_that_were_lost_with_the_answer_do_not_stand_in_the_way(kanal, alt, faellig, session, uhr):
    verloren, zweiter = with_new_keys(alt), with_new_keys(alt)
    renew(kanal, alt, verloren)
    assert renew(kanal, alt, zweiter).status_code == 200
    assert zweiter.enrolled.epoche == 3
    assert revoked(session) == {1: False, 2: True, 3: False}
    assert kanal.refusal(verloren, verloren.telegramm(uhr, reading(uhr))) == (403, "gesperrt")
    # The keys of the revoked set are known, and are no way back.
    assert refusal(renew(kanal, alt, verloren)) == (409, "schluessel_bekannt")
    assert kanal.deliver(zweiter, reading(uhr)).neu == 1


@pytest.mark.parametrize(("tage", "status"), [(61, 409), (59, 200), (1, 200)])
def test_due_from_sixty_days_before_the_end(kanal, alt, neu, session, tage, status):
    end_in(session, tage)
    antwort = renew(kanal, alt, neu)
    assert antwort.status_code == status
    if status == 409:
        assert antwort.json["code"] == "nicht_faellig"
        assert revoked(session) == {1: False}


def test_due_to_the_second(kanal, alt, neu, session, settings, uhr):
    """The edge, with real time in the test's hand: a meter's keys are valid for two years."""
    stelle = load_ausgabestelle(settings.pki_ordner)
    ende = x509.load_der_x509_certificate(alt.enrolled.zertifikat_signatur).not_valid_after_utc
    faellig_ab = ende - timedelta(days=60)
    der = alt.seal(erneuerung(neu), uhr.now())
    with pytest.raises(einschreibung.GeraeteFehler) as fehler:
        einschreibung.renew(session, uhr.now(), stelle, der, faellig_ab - timedelta(seconds=1))
    assert (fehler.value.status, fehler.value.code) == (409, "nicht_faellig")
    session.rollback()
    antwort = einschreibung.renew(session, uhr.now(), stelle, der, faellig_ab)
    neues = x509.load_der_x509_certificate(antwort.zertifikat_signatur)
    assert neues.not_valid_after_utc == (faellig_ab + timedelta(days=730)).replace(microsecond=0)
    with pytest.raises(einschreibung.GeraeteFehler) as fehler:
        einschreibung.renew(session, uhr.now(), stelle, der, ende)
    assert (fehler.value.status, fehler.value.code) == (403, "gesperrt")


def test_nothing_is_renewed_under_a_ca_that_ends_as_soon(kanal, alt, neu, session, settings, uhr):
    """The new keys would be due at once, and so would those after them."""
    stelle = load_ausgabestelle(settings.pki_ordner)
    ende = stelle.ca.zertifikat.not_valid_after_utc
    session.execute(update(Geraeteschluessel).values(gueltig_bis=ende))
    session.commit()
    der = alt.seal(erneuerung(neu), uhr.now())
    with pytest.raises(einschreibung.GeraeteFehler) as fehler:
        einschreibung.renew(session, uhr.now(), stelle, der, ende - timedelta(days=30))
    assert (fehler.value.status, fehler.value.code) == (409, "nicht_faellig")
    assert revoked(session) == {1: False}
    # A meter whose keys end a day before the CA gets that day.
    session.execute(update(Geraeteschluessel).values(gueltig_bis=ende - timedelta(days=1)))
    session.commit()
    antwort = einschreibung.renew(session, uhr.now(), stelle, der, ende - timedelta(days=30))
    assert x509.load_der_x509_certificate(antwort.zertifikat_tls).not_valid_after_utc == ende


def test_content_keys_may_be_on_brainpool(kanal, alt, faellig, uhr):
    kurve = ec.BrainpoolP256R1()
    neu = with_new_keys(alt, signatur=generate_private_key(kurve), verschluesselung=generate_private_key(kurve))
    assert renew(kanal, alt, neu).status_code == 200
    assert kanal.deliver(neu, reading(uhr)).neu == 1


def test_a_tls_key_may_not(kanal, alt, faellig):
    neu = with_new_keys(alt, tls=generate_private_key(ec.BrainpoolP256R1()))
    assert refusal(renew(kanal, alt, neu)) == (400, "csr_ungueltig")


def test_three_different_keys_are_needed(kanal, alt, neu, faellig):
    klartext = erneuerung(neu, csr_tls=csr(neu.signatur, NUMMER))
    assert refusal(renew(kanal, alt, neu, klartext)) == (400, "csr_ungueltig")


def test_keys_that_are_known_are_refused(kanal, alt, neu, faellig, welt):
    fremder = kanal.enrolled("1EMH0000000002", welt.stromzaehler(zaehlernummer="1EMH0000000002"))
    for bekannt in (alt, with_new_keys(alt, tls=fremder.tls)):
        assert refusal(renew(kanal, alt, bekannt)) == (409, "schluessel_bekannt")
    # Only a part of the set that was issued is not that set.
    assert renew(kanal, alt, neu).status_code == 200
    assert refusal(renew(kanal, alt, with_new_keys(alt, tls=neu.tls))) == (409, "schluessel_bekannt")


def stranger(kanal, alt, neu):
    neuer = Zaehler(NUMMER, alt.stromzaehler_id, antwort=alt.antwort)
    return neuer.seal(erneuerung(neu), kanal.uhr.now())


def wrong_signature(kanal, alt, neu):
    """The last bytes of a container are those of the signature; the lowest bit of s is flipped."""
    der = bytearray(alt.seal(erneuerung(neu), kanal.uhr.now()))
    der[-1] ^= 1
    return bytes(der)


def another_key_of_the_meter(kanal, alt, neu):
    return Zaehler(NUMMER, 0, signatur=alt.tls, antwort=alt.antwort).seal(erneuerung(neu), kanal.uhr.now())


def another_meter(kanal, alt, neu):
    fremd = Zaehler("1EMH0000000002", 0)
    return alt.seal(erneuerung(fremd), kanal.uhr.now())


def to_somebody_else(kanal, alt, neu):
    return umschlag.seal(
        erneuerung(neu),
        empfaenger=generate_private_key().public_key(),
        unterzeichner=alt.signatur,
        signiert_um=kanal.uhr.now(),
    )


def a_telegramm(kanal, alt, neu):
    return alt.seal(alt.telegramm(kanal.uhr, reading(kanal.uhr)).to_bytes(), kanal.uhr.now())


def an_enrolment(kanal, alt, neu):
    antrag = Einschreibung.from_bytes(neu.einschreibung("token"))
    return alt.seal(antrag.to_bytes(), kanal.uhr.now())


@pytest.mark.parametrize(
    ("bauen", "status", "code"),
    [
        (lambda *_: b"kein DER", 400, "cms_ungueltig"),
        (stranger, 401, "unbekannt"),
        (another_key_of_the_meter, 401, "unbekannt"),
        (wrong_signature, 401, "signatur"),
        (another_meter, 403, "identitaet"),
        (to_somebody_else, 400, "entschluesselung"),
        (a_telegramm, 422, "inhalt"),
        (an_enrolment, 422, "inhalt"),
    ],
)
def test_what_is_refused(kanal, alt, neu, faellig, session, bauen, status, code):
    assert refusal(send(kanal, bauen(kanal, alt, neu))) == (status, code)
    assert revoked(session) == {1: False}


@pytest.mark.parametrize("zustand", ["GESPERRT", "AUSGEBAUT", "VERSCHROTTET"])
def test_a_locked_meter_renews_nothing(kanal, alt, neu, faellig, session, zustand):
    session.execute(update(Stromzaehler).values(zustand=zustand))
    session.commit()
    assert refusal(renew(kanal, alt, neu)) == (403, "gesperrt")


def test_keys_that_have_ended_renew_nothing(kanal, alt, neu, session):
    end_in(session, -1)
    assert refusal(renew(kanal, alt, neu)) == (403, "gesperrt")


def test_a_revocation_that_comes_meanwhile_counts(kanal, alt, neu, faellig, engine, settings, uhr):
    """The keys are revoked after the first look at them, while the container is being opened."""
    stelle = load_ausgabestelle(settings.pki_ordner)

    class Unterbrochen(dict):
        def __getitem__(self, ski):
            with create_session(engine) as andere:
                andere.execute(update(Geraeteschluessel).values(gesperrt_zeitpunkt=uhr.now()))
                andere.commit()
            return super().__getitem__(ski)

    gestoert = replace(stelle, entschluesselung=Unterbrochen(stelle.entschluesselung))
    der = alt.seal(erneuerung(neu), uhr.now())
    with create_session(engine) as session, pytest.raises(einschreibung.GeraeteFehler) as fehler:
        einschreibung.renew(session, uhr.now(), gestoert, der, datetime.now(UTC))
    assert (fehler.value.status, fehler.value.code) == (403, "gesperrt")


def test_a_set_that_was_revoked_meanwhile_ends_no_other(kanal, alt, neu, faellig, session, uhr):
    """While a message under the new set is being opened, the old keys bring another set in its place."""
    renew(kanal, alt, neu)
    dritter = with_new_keys(alt)
    schluessel = kanal.geraete.extensions["msb_annahmestelle"].schluessel

    class Unterbrochen(dict):
        def __getitem__(self, ski):
            assert renew(kanal, alt, dritter).status_code == 200
            return super().__getitem__(ski)

    # What its cached property keeps.
    schluessel.__dict__["entschluesselung"] = Unterbrochen(schluessel.entschluesselung)
    assert kanal.refusal(neu, neu.telegramm(uhr, reading(uhr))) == (403, "gesperrt")
    assert revoked(session) == {1: False, 2: True, 3: False}


def test_of_two_renewals_at_once_one_set_stays(kanal, alt, faellig, session):
    neue = [with_new_keys(alt) for _ in range(4)]
    antworten = []
    threads = [
        threading.Thread(target=lambda neu=neu: antworten.append(renew(kanal, alt, neu).status_code))
        for neu in neue
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert antworten == [200] * 4
    # Only the one that came last is left beside the old one.
    assert revoked(session) == {1: False, 2: True, 3: True, 4: True, 5: False}


def test_the_epoche_is_above_every_known_one(kanal, alt, neu, faellig, session, uhr):
    """The meter had lost its memory and begun epochs by itself; a later enrolment is above the unused set."""
    session.execute(update(Telegrammstand).values(epoche=7))
    session.commit()
    renew(kanal, alt, neu)
    assert neu.enrolled.epoche == 8
    dritter = Zaehler(NUMMER, alt.stromzaehler_id)
    kanal.enrol(dritter, dritter.einschreibung(kanal.token(alt.stromzaehler_id)))
    assert dritter.enrolled.epoche == 9
    assert revoked(session) == {1: True, 8: True, 9: False}
    assert kanal.deliver(dritter, reading(uhr)).neu == 1


def test_the_chain_leads_straight_to_the_root(kanal, alt, neu, faellig, settings):
    renew(kanal, alt, neu)
    kette = [x509.load_der_x509_certificate(der) for der in neu.enrolled.ca]
    blatt = x509.load_der_x509_certificate(neu.enrolled.betreiber_signatur)
    blatt.verify_directly_issued_by(kette[0])
    kette[0].verify_directly_issued_by(kette[1])
    assert public_key_of_certificate(kette[-1]) == public_key_of_certificate(
        x509.load_pem_x509_certificate((settings.pki_ordner / "wurzel.crt").read_bytes())
    )
