"""The bodies of enrolment."""

from typing import Any

import cbor2
import pytest

from telegramm.einschreibung import Einschreibung, Einschreibungsantwort, Erneuerung
from telegramm.fehler import InhaltUngueltig
from tests.telegramm.muster import ZAEHLER

FEHLT = object()
ANFRAGE: dict[str, Any] = {
    "zaehler": ZAEHLER,
    "token": "einmal-abc123",
    "csr_tls": b"tls",
    "csr_signatur": b"signatur",
    "csr_verschluesselung": b"verschluesselung",
}
ANTWORT: dict[str, Any] = {
    "zaehler": ZAEHLER,
    "epoche": 2,
    "zertifikat_tls": b"tls",
    "zertifikat_signatur": b"signatur",
    "zertifikat_verschluesselung": b"verschluesselung",
    "ca": [b"ausstellend", b"wurzel"],
    "betreiber_signatur": b"b1",
    "betreiber_verschluesselung": b"b2",
}


def wire(felder: dict[str, Any], **anders: Any) -> bytes:
    alle = {"v": 1} | felder | anders
    return cbor2.dumps({name: wert for name, wert in alle.items() if wert is not FEHLT}, canonical=True)


def test_request() -> None:
    gelesen = Einschreibung.from_bytes(wire(ANFRAGE))
    assert gelesen == Einschreibung(**ANFRAGE)
    assert gelesen.to_bytes() == wire(ANFRAGE)


def test_renewal() -> None:
    felder = {name: wert for name, wert in ANFRAGE.items() if name != "token"} | {"art": "ERNEUERUNG"}
    gelesen = Erneuerung.from_bytes(wire(felder))
    assert gelesen == Erneuerung(ZAEHLER, b"tls", b"signatur", b"verschluesselung")
    assert gelesen.to_bytes() == wire(felder)


@pytest.mark.parametrize(
    ("feld", "anders"),
    [
        ("", {"csr_tls": FEHLT}),
        ("", {"token": "x"}),
        ("v", {"v": 2}),
        ("art", {"art": "MESSWERTE"}),
        ("zaehler", {"zaehler": "x"}),
        ("csr_signatur", {"csr_signatur": b""}),
    ],
)
def test_renewal_broken_rules(feld: str, anders: dict[str, Any]) -> None:
    felder = {name: wert for name, wert in ANFRAGE.items() if name != "token"} | {"art": "ERNEUERUNG"}
    with pytest.raises(InhaltUngueltig) as info:
        Erneuerung.from_bytes(wire(felder, **anders))
    assert info.value.feld == feld


def test_answer() -> None:
    gelesen = Einschreibungsantwort.from_bytes(wire(ANTWORT))
    assert gelesen == Einschreibungsantwort(**(ANTWORT | {"ca": (b"ausstellend", b"wurzel")}))
    assert gelesen.to_bytes() == wire(ANTWORT)


def test_the_token_is_not_in_the_repr() -> None:
    assert "einmal" not in repr(Einschreibung(**ANFRAGE))


@pytest.mark.parametrize(
    ("feld", "anders"),
    [
        *[("", {name: FEHLT}) for name in ("v", *ANFRAGE)],
        ("", {"fremd": 1}),
        ("v", {"v": 2}),
        ("zaehler", {"zaehler": "x"}),
        ("token", {"token": ""}),
        ("token", {"token": "x" * 129}),
        ("csr_tls", {"csr_tls": b""}),
        ("csr_signatur", {"csr_signatur": bytes(8193)}),
        ("csr_verschluesselung", {"csr_verschluesselung": "PEM"}),
    ],
)
def test_broken_requests(feld: str, anders: dict[str, Any]) -> None:
    with pytest.raises(InhaltUngueltig) as info:
        Einschreibung.from_bytes(wire(ANFRAGE, **anders))
    assert info.value.feld == feld


@pytest.mark.parametrize(
    ("feld", "anders"),
    [
        *[("", {name: FEHLT}) for name in ("v", *ANTWORT)],
        ("", {"fremd": 1}),
        ("v", {"v": 2}),
        ("zaehler", {"zaehler": "x"}),
        ("epoche", {"epoche": -1}),
        ("zertifikat_tls", {"zertifikat_tls": b""}),
        ("ca", {"ca": b"x"}),
        ("ca", {"ca": [b"x"] * 5}),
        ("len(ca)", {"ca": []}),
        ("ca[1]", {"ca": [b"x", b""]}),
        ("betreiber_signatur", {"betreiber_signatur": None}),
        ("betreiber_verschluesselung", {"betreiber_verschluesselung": 1}),
    ],
)
def test_broken_answers(feld: str, anders: dict[str, Any]) -> None:
    with pytest.raises(InhaltUngueltig) as info:
        Einschreibungsantwort.from_bytes(wire(ANTWORT, **anders))
    assert info.value.feld == feld
