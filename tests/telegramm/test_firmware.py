"""A signed manifest of a firmware: who may have signed it, and what it may say."""

from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm.fehler import AlgorithmusUnzulaessig, InhaltUngueltig, SignaturUngueltig
from telegramm.firmware import Firmwareangebot, Firmwaremanifest, sign_manifest, version_order

SCHLUESSEL = ec.derive_private_key(3, ec.SECP256R1())
FREMDER = ec.derive_private_key(2, ec.SECP256R1())
MANIFEST = Firmwaremanifest("SIM-3.60", "1.4.0", bytes(range(32)), 100_000)
WIRE: dict[str, Any] = {
    "v": 1,
    "art": "FIRMWARE",
    "modell": "SIM-3.60",
    "version": "1.4.0",
    "sha256": bytes(range(32)),
    "groesse": 100_000,
}


def wire(**anders: Any) -> bytes:
    return cbor2.dumps({name: wert for name, wert in (WIRE | anders).items() if wert is not None}, canonical=True)


def test_the_manifest_is_deterministic_cbor() -> None:
    assert MANIFEST.to_bytes() == wire()
    assert Firmwaremanifest.from_bytes(wire()) == MANIFEST


@pytest.mark.parametrize(
    ("feld", "anders"),
    [
        ("manifest", {"modell": None}),
        ("manifest", {"fremd": 1}),
        ("v", {"v": 2}),
        ("art", {"art": "QUITTUNG"}),
        ("modell", {"modell": ""}),
        ("version", {"version": "1"}),
        ("version", {"version": "1.4.0-beta"}),
        ("version", {"version": "1.2.3.4.5"}),
        ("sha256", {"sha256": bytes(31)}),
        ("groesse", {"groesse": 0}),
        ("groesse", {"groesse": 16 * 2**20 + 1}),
    ],
)
def test_broken_rules(feld: str, anders: dict[str, Any]) -> None:
    with pytest.raises(InhaltUngueltig) as info:
        Firmwaremanifest.from_bytes(wire(**anders))
    assert info.value.feld == feld


def test_a_signed_manifest() -> None:
    angebot = sign_manifest(MANIFEST, SCHLUESSEL, b"zertifikat")
    assert angebot.zertifikat == b"zertifikat"
    assert angebot.verify(SCHLUESSEL.public_key()) == MANIFEST
    # The primitive alone says the same: no prefix, no other hash.
    SCHLUESSEL.public_key().verify(angebot.signatur, wire(), ec.ECDSA(hashes.SHA256()))


def test_another_signer_another_content_another_curve() -> None:
    angebot = sign_manifest(MANIFEST, SCHLUESSEL, b"zertifikat")
    with pytest.raises(SignaturUngueltig):
        angebot.verify(FREMDER.public_key())
    with pytest.raises(SignaturUngueltig):
        replace(angebot, manifest=wire(version="9.9.9")).verify(SCHLUESSEL.public_key())
    with pytest.raises(AlgorithmusUnzulaessig):
        angebot.verify(ec.derive_private_key(3, ec.SECP384R1()).public_key())
    with pytest.raises(AlgorithmusUnzulaessig):
        sign_manifest(MANIFEST, ec.derive_private_key(3, ec.SECP384R1()), b"zertifikat")


def test_what_is_signed_must_be_a_manifest() -> None:
    inhalt = wire(groesse=0)
    signatur = SCHLUESSEL.sign(inhalt, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InhaltUngueltig):
        Firmwareangebot(inhalt, signatur, b"zertifikat").verify(SCHLUESSEL.public_key())


def test_versions_compare_as_numbers() -> None:
    versionen = ["1.10.0.1", "2.0", "1.9.3", "0.9", "1.10.0", "1.2", "1.0.1", "1.0.0"]
    reihe = ["0.9", "1.0.0", "1.0.1", "1.2", "1.9.3", "1.10.0", "1.10.0.1", "2.0"]
    assert sorted(versionen, key=version_order) == reihe
    assert version_order("1.0") == version_order("1.0.0")
