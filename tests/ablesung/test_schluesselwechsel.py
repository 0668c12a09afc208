"""Receipts while keys change: the meter's own sets, and those of the operator."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from betreiber.schluessel.ablage import load_betreiberschluessel
from betreiber.schluessel.pki import renew_operator
from telegramm import umschlag
from telegramm.messwerte import KETTE, ZEIT
from telegramm.quittung import CA_KETTE_HOLEN, ZERTIFIKAT_ERNEUERN, Quittung, check_quittung
from telegramm.schluessel import public_key_of_certificate, ski
from tests.kanal import messwert
from tests.schluessel.hilfen import end_in, renew, with_new_keys


@pytest.fixture
def neuer_satz(kanal, zaehler, session):
    """The meter with renewed keys that it has not used yet."""
    end_in(session, 59)
    neu = with_new_keys(zaehler)
    assert renew(kanal, zaehler, neu).status_code == 200
    return neu


@pytest.mark.parametrize(
    ("tage", "auftraege"), [(61, ()), (59, (ZERTIFIKAT_ERNEUERN,)), (1, (ZERTIFIKAT_ERNEUERN,))]
)
def test_from_60_days_before_its_keys_end_a_meter_is_told_to_renew(kanal, zaehler, session, uhr, tage, auftraege):
    end_in(session, tage)
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).auftraege == auftraege


def test_each_set_gets_its_own_receipts_until_the_new_one_was_used(kanal, zaehler, neuer_satz, tabellen, jetzt):
    # `deliver` opens the receipt with the encryption key of the set that signed.
    assert kanal.deliver(zaehler, [messwert(jetzt - 1800, 1000)]).auftraege == (ZERTIFIKAT_ERNEUERN,)
    assert tabellen.ereignisse("SCHLUESSEL_ABGELOEST") == []
    assert kanal.deliver(neuer_satz, [messwert(jetzt - 900, 1010)]).auftraege == ()
    assert kanal.deliver(neuer_satz, [messwert(jetzt, 1020)]).neu == 1
    assert tabellen.ereignisse("SCHLUESSEL_ABGELOEST") == [{}]


def test_a_connection_may_outlive_a_renewal_up_to_the_first_new_message(kanal, zaehler, neuer_satz, uhr, jetzt):
    def post(wert):
        der = neuer_satz.seal(neuer_satz.telegramm(uhr, [wert]).to_bytes(), uhr.now())
        return kanal.post(der, zaehler.enrolled.zertifikat_tls)

    assert post(messwert(jetzt - 900, 1000)).status_code == 200
    # The old TLS key is revoked with its set: from now on the new one is needed.
    antwort = post(messwert(jetzt, 1010))
    assert (antwort.status_code, antwort.json["code"]) == (403, "gesperrt")


def test_a_message_that_is_refused_does_not_end_the_old_set(kanal, zaehler, neuer_satz, uhr, jetzt):
    zu_weit = neuer_satz.telegramm(uhr, [messwert(jetzt, 1000)], epoche=neuer_satz.enrolled.epoche + 200)
    assert kanal.refusal(neuer_satz, zu_weit) == (409, "epoche")
    assert kanal.deliver(zaehler, [messwert(jetzt, 1000)]).neu == 1


@pytest.fixture
def neue_betreiberschluessel(kanal, zaehler, settings):
    """The operator has a second set; the meter knows the first one only."""
    renew_operator(settings.pki_ordner, datetime.now(UTC))
    schluessel = load_betreiberschluessel(settings.pki_ordner)
    kanal.geraete.extensions["msb_annahmestelle"].schluessel = schluessel
    return schluessel


def test_a_receipt_is_signed_by_the_set_to_which_was_sealed(kanal, zaehler, neue_betreiberschluessel, uhr, jetzt):
    # `deliver` verifies with the certificate that the meter was given when it was enrolled.
    assert kanal.deliver(zaehler, [messwert(jetzt, 1000)]).auftraege == (CA_KETTE_HOLEN,)
    quittung = kanal.send(zaehler, zaehler.telegramm(uhr, [], art=KETTE))
    assert quittung.auftraege == (CA_KETTE_HOLEN,)
    kette = quittung.kette
    assert kette == neue_betreiberschluessel.kette
    assert kette.betreiber_signatur != zaehler.enrolled.betreiber_signatur
    # From now on the meter seals to the new set, and the new set answers.
    telegramm = zaehler.telegramm(uhr, [], art=ZEIT)
    klartext = telegramm.to_bytes()
    signatur, verschluesselung = (
        public_key_of_certificate(x509.load_der_x509_certificate(der))
        for der in (kette.betreiber_signatur, kette.betreiber_verschluesselung)
    )
    der = umschlag.seal(
        klartext, empfaenger=verschluesselung, unterzeichner=zaehler.signatur, signiert_um=uhr.now()
    )
    antwort = kanal.post(der, zaehler.enrolled.zertifikat_tls)
    eigene = {ski(zaehler.verschluesselung.public_key()): zaehler.verschluesselung}
    neue = Quittung.from_bytes(umschlag.parse(antwort.data).verify(signatur).decrypt(eigene))
    check_quittung(neue, telegramm, klartext)
    assert (neue.auftraege, neue.kette) == ((), None)


def test_a_meter_that_asks_for_the_chain_gets_the_one_it_has(kanal, zaehler, uhr):
    quittung = kanal.send(zaehler, zaehler.telegramm(uhr, [], art=KETTE))
    assert quittung.kette.betreiber_signatur == zaehler.enrolled.betreiber_signatur
    assert quittung.kette.ca == zaehler.enrolled.ca
    uhr.advance(timedelta(seconds=1))
    assert kanal.send(zaehler, zaehler.telegramm(uhr, [], art=ZEIT)).kette is None
