"""The envelope: what goes in comes out, and nothing else ever does."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from telegramm.fehler import (
    AlgorithmusUnzulaessig,
    CmsUngueltig,
    EntschluesselungGescheitert,
    SignaturUngueltig,
    TelegrammFehler,
)
from telegramm.umschlag import MAX_BYTES, parse, seal
from tests.telegramm import bauen
from tests.telegramm.muster import BRAINPOOL, P256, ZEIT, Paar, key, telegramm

KLARTEXT = telegramm().to_bytes()
GESIEGELT = P256.seal(KLARTEXT)


@pytest.mark.parametrize("paar", [P256, BRAINPOOL, Paar(P256.zaehler, BRAINPOOL.betreiber)])
@pytest.mark.parametrize("klartext", [b"", b"\x00", KLARTEXT, bytes(60_000)], ids=len)
def test_round_trip(paar: Paar, klartext: bytes) -> None:
    der = paar.seal(klartext)
    umschlag = parse(der)
    assert umschlag.unterzeichner_ski == bauen.identifier(paar.zaehler.public_key())
    geprueft = umschlag.verify(paar.zaehler.public_key())
    assert geprueft.signiert_um == ZEIT
    assert geprueft.empfaenger_ski == bauen.identifier(paar.betreiber.public_key())
    assert geprueft.decrypt(paar.ring) == klartext


@given(st.binary(max_size=2000))
def test_round_trip_of_any_plaintext(klartext: bytes) -> None:
    assert P256.open(P256.seal(klartext)) == klartext


def test_containers_of_another_writer_are_opened() -> None:
    inhalt = bauen.auth_enveloped(b"von Hand", P256.betreiber.public_key())
    assert P256.open(bauen.signed_data(inhalt, P256.zaehler)) == b"von Hand"


def test_two_seals_share_no_key_and_no_nonce() -> None:
    eins, zwei = P256.seal(KLARTEXT), P256.seal(KLARTEXT)
    assert eins != zwei
    assert KLARTEXT not in eins


def test_no_bit_may_flip() -> None:
    der = P256.seal(KLARTEXT)
    for stelle in range(len(der)):
        for bit in range(8):
            falsch = bytearray(der)
            falsch[stelle] ^= 1 << bit
            with pytest.raises(TelegrammFehler):
                P256.open(bytes(falsch))


def test_no_bit_of_the_content_may_flip_even_if_it_is_signed_again() -> None:
    inhalt = bauen.auth_enveloped(b"230 V", P256.betreiber.public_key())
    for stelle in range(len(inhalt)):
        for bit in range(8):
            falsch = bytearray(inhalt)
            falsch[stelle] ^= 1 << bit
            with pytest.raises(TelegrammFehler):
                P256.open(bauen.signed_data(bytes(falsch), P256.zaehler))


def test_no_byte_may_be_missing_or_too_much() -> None:
    der = P256.seal(KLARTEXT)
    for laenge in range(len(der)):
        with pytest.raises(CmsUngueltig):
            parse(der[:laenge])
        with pytest.raises(CmsUngueltig):
            parse(der[laenge + 1 :])
    for anhang in range(256):
        with pytest.raises(CmsUngueltig):
            parse(der + bytes([anhang]))


@given(st.binary(max_size=300))
def test_noise_is_refused(daten: bytes) -> None:
    with pytest.raises(TelegrammFehler):
        parse(daten)


@given(st.data())
def test_mutilated_containers_are_refused(data: st.DataObject) -> None:
    """Cut a piece out and put another one in; the noise sits where the parser has already gone far."""
    von = data.draw(st.integers(0, len(GESIEGELT)))
    bis = data.draw(st.integers(von, len(GESIEGELT)))
    falsch = GESIEGELT[:von] + data.draw(st.binary(max_size=40)) + GESIEGELT[bis:]
    if falsch != GESIEGELT:
        with pytest.raises(TelegrammFehler):
            P256.open(falsch)


def test_a_nesting_bomb_is_refused() -> None:
    bombe = b""
    for _ in range(20_000):
        bombe = bauen.tlv(0x30, bombe) if len(bombe) < 60_000 else bombe
    with pytest.raises(CmsUngueltig):
        parse(bombe)


def test_other_signer() -> None:
    der = P256.seal(KLARTEXT)
    with pytest.raises(SignaturUngueltig):
        parse(der).verify(key(9).public_key())


def test_stolen_name_of_the_signer() -> None:
    """The container names the meter, but another key has signed."""
    inhalt = bauen.auth_enveloped(KLARTEXT, P256.betreiber.public_key())
    sid = bauen.tlv(0x80, bauen.identifier(P256.zaehler.public_key()))
    der = bauen.signed_data(inhalt, key(9), sid=sid)
    with pytest.raises(SignaturUngueltig):
        parse(der).verify(P256.zaehler.public_key())


def test_the_signature_comes_before_the_content() -> None:
    """Content that is no CMS at all is not looked at under a wrong signature."""
    with pytest.raises(SignaturUngueltig):
        parse(bauen.signed_data(b"Unsinn", P256.zaehler, signature=bytes(70))).verify(P256.zaehler.public_key())
    with pytest.raises(CmsUngueltig):
        parse(bauen.signed_data(b"Unsinn", P256.zaehler)).verify(P256.zaehler.public_key())


def test_the_mirrored_signature_is_another_container_with_the_same_plaintext() -> None:
    """(r, n - s) verifies, too: container bytes are no replay key, the SHA-256 of the plaintext is."""
    ordnung = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    inhalt = bauen.auth_enveloped(KLARTEXT, P256.betreiber.public_key())
    attribute = bauen.tlv(0x31, *bauen.attributes(inhalt))
    r, s = decode_dss_signature(P256.zaehler.sign(attribute, ec.ECDSA(hashes.SHA256())))
    offen = {
        P256.open(bauen.signed_data(inhalt, P256.zaehler, signature=encode_dss_signature(r, wert)))
        for wert in (s, ordnung - s)
    }
    assert offen == {KLARTEXT}


@pytest.mark.parametrize("anhang", [b"\x00", b"\x30\x00"])
def test_signature_with_bytes_behind_it(anhang: bytes) -> None:
    inhalt = bauen.auth_enveloped(KLARTEXT, P256.betreiber.public_key())
    attribute = bauen.tlv(0x31, *bauen.attributes(inhalt))
    signatur = P256.zaehler.sign(attribute, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(SignaturUngueltig):
        P256.open(bauen.signed_data(inhalt, P256.zaehler, signature=signatur + anhang))


def test_all_faults_of_decryption_look_the_same() -> None:
    fremd = {bauen.identifier(key(9).public_key()): key(9)}
    falscher_schluessel = {bauen.identifier(P256.betreiber.public_key()): key(9)}
    empfaenger = P256.betreiber.public_key()
    # (1, 1) is not on P-256.
    neben_der_kurve = bauen.tlv(0x03, b"\x00\x04" + (1).to_bytes(32, "big") * 2)
    faelle = [
        ({}, fremd),
        ({}, {}),
        ({}, falscher_schluessel),
        ({"public_key": neben_der_kurve}, P256.ring),
        ({"wrapped": bytes(24)}, P256.ring),
        ({"mac": bytes(16)}, P256.ring),
        ({"ciphertext": bauen.tlv(0x80, b"anders")}, P256.ring),
    ]
    texte = set()
    for teile, ring in faelle:
        inhalt = bauen.auth_enveloped(KLARTEXT, empfaenger, **teile)
        geprueft = parse(bauen.signed_data(inhalt, P256.zaehler)).verify(P256.zaehler.public_key())
        with pytest.raises(EntschluesselungGescheitert) as info:
            geprueft.decrypt(ring)
        assert info.value.__cause__ is None
        assert info.value.__suppress_context__
        texte.add((str(info.value), info.value.code))
    assert texte == {("the content cannot be decrypted", "entschluesselung")}


def test_a_brainpool_point_for_a_p256_key() -> None:
    inhalt = bauen.auth_enveloped(KLARTEXT, BRAINPOOL.betreiber.public_key())
    der = bauen.signed_data(inhalt, P256.zaehler)
    ring = {bauen.identifier(BRAINPOOL.betreiber.public_key()): P256.betreiber}
    with pytest.raises(EntschluesselungGescheitert):
        parse(der).verify(P256.zaehler.public_key()).decrypt(ring)


def test_keys_of_other_kinds_are_refused() -> None:
    p384 = ec.derive_private_key(7, ec.SECP384R1())
    der = P256.seal(KLARTEXT)
    with pytest.raises(AlgorithmusUnzulaessig):
        parse(der).verify(p384.public_key())
    with pytest.raises(AlgorithmusUnzulaessig):
        seal(b"", empfaenger=p384.public_key(), unterzeichner=P256.zaehler, signiert_um=ZEIT)
    with pytest.raises(AlgorithmusUnzulaessig):
        seal(b"", empfaenger=P256.betreiber.public_key(), unterzeichner=p384, signiert_um=ZEIT)
    rsa_schluessel = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(AlgorithmusUnzulaessig):
        parse(der).verify(rsa_schluessel.public_key())  # type: ignore[arg-type]
    with pytest.raises(AlgorithmusUnzulaessig):
        seal(b"", empfaenger=P256.betreiber.public_key(), unterzeichner=rsa_schluessel, signiert_um=ZEIT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zeit", "kodiert", "gelesen"),
    [
        (datetime(2026, 6, 15, 10, 0, 0, 999_999, UTC), b"\x17\r260615100000Z", ZEIT),
        (datetime(2026, 6, 15, 12, 0, tzinfo=timezone(timedelta(hours=2))), b"\x17\r260615100000Z", ZEIT),
        (
            datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
            b"\x17\r491231235959Z",
            datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        ),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
    ],
)
def test_signing_time(zeit: datetime, kodiert: bytes, gelesen: datetime) -> None:
    der = seal(b"", empfaenger=P256.betreiber.public_key(), unterzeichner=P256.zaehler, signiert_um=zeit)
    assert kodiert in der
    geprueft = parse(der).verify(P256.zaehler.public_key())
    assert geprueft.signiert_um == gelesen
    assert geprueft.signiert_um.utcoffset() == timedelta(0)


@pytest.mark.parametrize("zeit", [datetime(2026, 6, 15), datetime(1949, 12, 31, tzinfo=UTC)])  # noqa: DTZ001
def test_times_that_cannot_be_signed(zeit: datetime) -> None:
    with pytest.raises(ValueError):
        seal(b"", empfaenger=P256.betreiber.public_key(), unterzeichner=P256.zaehler, signiert_um=zeit)


def test_size_limit() -> None:
    with pytest.raises(ValueError):
        P256.seal(bytes(MAX_BYTES))
    inhalt = bauen.auth_enveloped(bytes(MAX_BYTES), P256.betreiber.public_key())
    with pytest.raises(CmsUngueltig):
        parse(bauen.signed_data(inhalt, P256.zaehler))


def test_the_signature_is_over_the_set_of_the_attributes() -> None:
    """RFC 5652, 5.4: tag 0x31 is signed, tag 0xA0 is written."""
    der = P256.seal(KLARTEXT)
    start = der.index(bauen.attribute(bauen.CONTENT_TYPE, bauen.AUTH_ENVELOPED))
    attribute = der[start : start + 107]
    assert der[start - 2 : start] == b"\xa0\x6b"
    laenge = der[start + 107 + 12 + 1]
    signatur = der[start + 107 + 12 + 2 :]
    assert len(signatur) == laenge
    P256.zaehler.public_key().verify(signatur, b"\x31\x6b" + attribute, ec.ECDSA(hashes.SHA256()))
