"""What docs/telegramm.md prints is what the code does: the vectors of section 4 and the tables of names."""

import hashlib
import re
from pathlib import Path

from telegramm import fehler, quittung
from telegramm.messwerte import StatusBit, Telegramm
from telegramm.umschlag import MAX_BYTES
from tests.telegramm.bauen import identifier
from tests.telegramm.muster import P256, telegramm

DOKU = (Path(__file__).parents[2] / "docs" / "telegramm.md").read_text("utf-8")
KLARTEXT, CONTAINER = (bytes.fromhex(block) for block in re.findall(r"```hex\n(.*?)```", DOKU, re.DOTALL))


def test_the_printed_plaintext() -> None:
    assert Telegramm.from_bytes(KLARTEXT) == telegramm()
    assert hashlib.sha256(KLARTEXT).hexdigest() in DOKU
    assert f"({len(KLARTEXT)} bytes" in DOKU


def test_the_printed_container() -> None:
    assert P256.open(CONTAINER) == KLARTEXT
    assert f"({len(CONTAINER)} bytes" in DOKU


def test_the_printed_identifiers() -> None:
    for schluessel in (P256.zaehler, P256.betreiber):
        assert f"`{identifier(schluessel.public_key()).hex()}`" in DOKU


def test_names_and_limits() -> None:
    for bit in StatusBit:
        assert f"| `{bit.name}` | {bit.value} |" in DOKU
    for auftrag in (quittung.ZERTIFIKAT_ERNEUERN, quittung.CA_KETTE_HOLEN, quittung.PROTOKOLL_SENDEN):
        assert f"`{auftrag}`" in DOKU
    for klasse in fehler.TelegrammFehler.__subclasses__():
        if klasse is not fehler.QuittungUngueltig:  # raised by the meter, never sent
            assert f"`{klasse.code}`" in DOKU
    assert f"{MAX_BYTES:,} bytes" in DOKU
