"""The known answers of docs/vektoren/msb-1.json: later versions must read, and refuse, the same bytes."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from telegramm.einschreibung import Erneuerung
from telegramm.fehler import TelegrammFehler
from telegramm.messwerte import Telegramm
from telegramm.quittung import Quittung
from telegramm.umschlag import parse
from tests.telegramm.bauen import identifier
from tests.telegramm.muster import P256, key

DATEI = Path(__file__).parents[2] / "docs/vektoren/msb-1.json"
VEKTOREN: dict[str, Any] = json.loads(DATEI.read_text(encoding="utf-8"))
KURVEN: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "brainpoolP256r1": ec.BrainpoolP256R1()}
NACHRICHTEN = {"Telegramm": Telegramm, "Quittung": Quittung, "Erneuerung": Erneuerung}


def test_both_curves_and_every_kind_of_message_are_there() -> None:
    assert {(v["kurve"], v["nachricht"]) for v in VEKTOREN["gueltig"]} == {
        (kurve, nachricht) for kurve in KURVEN for nachricht in NACHRICHTEN
    }
    assert {v["code"] for v in VEKTOREN["abgewiesen"]} == {
        "cms_ungueltig",
        "algorithmus",
        "signatur",
        "entschluesselung",
    }


@pytest.mark.parametrize("vektor", VEKTOREN["gueltig"], ids=lambda vektor: vektor["name"])
def test_a_container_opens_to_its_plaintext(vektor: dict[str, Any]) -> None:
    kurve = KURVEN[vektor["kurve"]]
    empfaenger = key(vektor["empfaenger"], kurve)
    geprueft = parse(bytes.fromhex(vektor["container"])).verify(key(vektor["unterzeichner"], kurve).public_key())
    klartext = geprueft.decrypt({identifier(empfaenger.public_key()): empfaenger})
    assert klartext.hex() == vektor["klartext"]
    assert hashlib.sha256(klartext).hexdigest() == vektor["sha256"]
    assert geprueft.signiert_um == datetime.fromisoformat(vektor["signiert_um"])
    # Encodings are unique: what is read is written to the same bytes again.
    assert NACHRICHTEN[vektor["nachricht"]].from_bytes(klartext).to_bytes() == klartext


@pytest.mark.parametrize("vektor", VEKTOREN["abgewiesen"], ids=lambda vektor: vektor["name"])
def test_a_container_is_refused_with_its_code(vektor: dict[str, Any]) -> None:
    with pytest.raises(TelegrammFehler) as info:
        parse(bytes.fromhex(vektor["container"])).verify(P256.zaehler.public_key()).decrypt(P256.ring)
    assert info.value.code == vektor["code"]
