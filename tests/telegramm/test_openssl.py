"""The `openssl cms` command as an outside judge, both ways and on both curves.

Its exit code counts and not its output: it writes plaintext before it has checked the tag.
"""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm.umschlag import parse
from tests.telegramm import bauen
from tests.telegramm.muster import BRAINPOOL, P256, Paar, telegramm

KLARTEXT = telegramm().to_bytes()


class Werkstatt:
    """A folder with the keys and certificates of a pair, and the command."""

    def __init__(self, ordner: Path, paar: Paar) -> None:
        self.ordner = ordner
        self.paar = paar
        for name, schluessel in (("zaehler", paar.zaehler), ("betreiber", paar.betreiber)):
            self.write(f"{name}.key", _pem(schluessel))
            self.write(f"{name}.crt", _certificate(name, schluessel))

    def write(self, name: str, daten: bytes) -> str:
        datei = self.ordner / name
        datei.write_bytes(daten)
        return str(datei)

    def openssl(self, *argumente: str) -> int:
        return subprocess.run(["openssl", *argumente], cwd=self.ordner, capture_output=True).returncode

    def read(self, name: str) -> bytes:
        return (self.ordner / name).read_bytes()


def _pem(schluessel: ec.EllipticCurvePrivateKey) -> bytes:
    return schluessel.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(name: str, schluessel: ec.EllipticCurvePrivateKey) -> bytes:
    titel = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(titel)
        .issuer_name(titel)
        .public_key(schluessel.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(schluessel.public_key()), critical=False)
        .sign(schluessel, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


@pytest.fixture(params=[P256, BRAINPOOL], ids=["P-256", "brainpoolP256r1"])
def werkstatt(request: pytest.FixtureRequest, tmp_path: Path) -> Werkstatt:
    return Werkstatt(tmp_path, request.param)


# The certificates are only carriers of keys here: their chains are not what is tested.
VERIFY = ("cms", "-verify", "-binary", "-inform", "DER", "-noverify", "-certfile", "zaehler.crt")
DECRYPT = ("cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", "betreiber.key", "-recip", "betreiber.crt")


def test_openssl_opens_ours(werkstatt: Werkstatt) -> None:
    werkstatt.write("telegramm.der", werkstatt.paar.seal(KLARTEXT))
    assert werkstatt.openssl(*VERIFY, "-in", "telegramm.der", "-out", "inhalt.der") == 0
    inhalt = werkstatt.read("inhalt.der")
    werkstatt.write("umhuellt.der", bauen.seq(bauen.AUTH_ENVELOPED, bauen.tlv(0xA0, inhalt)))
    assert werkstatt.openssl(*DECRYPT, "-in", "umhuellt.der", "-out", "klar.bin") == 0
    assert werkstatt.read("klar.bin") == KLARTEXT


def test_openssl_refuses_what_was_changed(werkstatt: Werkstatt) -> None:
    """The judge can say no: without this, its yes would mean nothing."""
    der = bytearray(werkstatt.paar.seal(KLARTEXT))
    der[-1] ^= 1
    werkstatt.write("signatur.der", bytes(der))
    assert werkstatt.openssl(*VERIFY, "-in", "signatur.der", "-out", "inhalt.der") != 0
    inhalt = bauen.auth_enveloped(KLARTEXT, werkstatt.paar.betreiber.public_key(), mac=bytes(16))
    werkstatt.write("umhuellt.der", bauen.seq(bauen.AUTH_ENVELOPED, bauen.tlv(0xA0, inhalt)))
    assert werkstatt.openssl(*DECRYPT, "-in", "umhuellt.der", "-out", "klar.bin") != 0


def test_we_open_what_openssl_has_sealed(werkstatt: Werkstatt) -> None:
    werkstatt.write("klar.bin", KLARTEXT)
    encrypt = (
        "cms",
        "-encrypt",
        "-aes-128-gcm",
        "-binary",
        "-keyid",
        "-outform",
        "DER",
        "-recip",
        "betreiber.crt",
    )
    kdf = ("-keyopt", "ecdh_kdf_md:sha256")
    assert werkstatt.openssl(*encrypt, *kdf, "-in", "klar.bin", "-out", "umhuellt.der") == 0
    umhuellt = werkstatt.read("umhuellt.der")
    # ContentInfo { type (13 bytes), [0] { AuthEnvelopedData } }: the profile signs the bare AuthEnvelopedData.
    inhalt = umhuellt[umhuellt.index(b"\x30", 17) :]
    assert umhuellt == bauen.seq(bauen.AUTH_ENVELOPED, bauen.tlv(0xA0, inhalt))
    werkstatt.write("inhalt.der", inhalt)
    sign = ("cms", "-sign", "-binary", "-nodetach", "-nocerts", "-nosmimecap", "-keyid", "-md", "sha256")
    signer = ("-econtent_type", "1.2.840.113549.1.9.16.1.23", "-signer", "zaehler.crt", "-inkey", "zaehler.key")
    files = ("-outform", "DER", "-in", "inhalt.der", "-out", "telegramm.der")
    assert werkstatt.openssl(*sign, *signer, *files) == 0
    der = werkstatt.read("telegramm.der")
    geprueft = parse(der).verify(werkstatt.paar.zaehler.public_key())
    assert geprueft.decrypt(werkstatt.paar.ring) == KLARTEXT


def test_the_documented_commands_open_the_documented_container(tmp_path: Path) -> None:
    doku = (Path(__file__).parents[2] / "docs" / "telegramm.md").read_text("utf-8")
    container = re.findall(r"```hex\n(.*?)```", doku, re.DOTALL)[-1]
    (tmp_path / "t.der").write_bytes(bytes.fromhex(container))
    for block in re.findall(r"```sh\n(.*?)```", doku, re.DOTALL):
        subprocess.run(["sh", "-eu", "-c", block], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "plain.cbor").read_bytes() == KLARTEXT
