"""Known answers of the key agreement."""

from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telegramm.cms import SHARED_INFO, EncryptedContent
from telegramm.verschluesselung import decrypt, derive_kek, encrypt
from tests.telegramm.bauen import identifier, point
from tests.telegramm.muster import key

Z: Final = bytes.fromhex("7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978")
KEK: Final = bytes.fromhex("db9caea0b7b5c94473f963ea9033bb2d")
WRAP: Final = bytes.fromhex("128ab46428f41f19dedae0216e12c9dca630ee778557fa5c")


def test_shared_info() -> None:
    assert SHARED_INFO.hex() == "3015300b0609608648016503040105a206040400000080"


def test_kek_of_the_private_keys_1_and_2() -> None:
    assert key(1).exchange(ec.ECDH(), key(2).public_key()) == Z
    assert derive_kek(Z) == KEK


def test_decrypt_with_the_known_wrap() -> None:
    """The ephemeral key is 1, the recipient's 2, and the content key 00 01 ... 0f."""
    siegel = AESGCM(bytes(range(16))).encrypt(bytes(12), b"230 V", None)
    inhalt = EncryptedContent(
        identifier(key(2).public_key()), point(key(1).public_key()), WRAP, bytes(12), siegel[:-16], siegel[-16:]
    )
    assert decrypt(inhalt, {identifier(key(2).public_key()): key(2)}) == b"230 V"


@pytest.mark.parametrize("kurve", [ec.SECP256R1(), ec.BrainpoolP256R1()], ids=lambda kurve: kurve.name)
def test_lengths_and_freshness(kurve: ec.EllipticCurve) -> None:
    empfaenger = key(2, kurve).public_key()
    eins, zwei = encrypt(b"230 V", empfaenger), encrypt(b"230 V", empfaenger)
    assert [len(teil) for teil in eins] == [20, 65, 24, 12, 5, 16]
    assert eins.empfaenger_ski == zwei.empfaenger_ski == identifier(empfaenger)
    assert not set(eins[1:]) & set(zwei[1:])
