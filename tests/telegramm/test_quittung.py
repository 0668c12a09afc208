"""The receipt: its rules, and under which one a meter may forget."""

import hashlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest

from telegramm.einschreibung import Kette
from telegramm.fehler import InhaltUngueltig, QuittungUngueltig
from telegramm.firmware import Firmwareangebot
from telegramm.messwerte import Meldung, Messwert
from telegramm.quittung import Quittung, check_quittung
from tests.telegramm.muster import ZAEHLER, telegramm

T0 = 1_781_517_600
TELEGRAMM = telegramm()
KLARTEXT = TELEGRAMM.to_bytes()
FEHLT = object()
KETTE: dict[str, Any] = {
    "ca": [b"ausstellend", b"wurzel"],
    "betreiber_signatur": b"s",
    "betreiber_verschluesselung": b"v",
}
FIRMWARE: dict[str, Any] = {"manifest": b"m", "signatur": b"s", "zertifikat": b"z"}


def quittung(**anders: Any) -> Quittung:
    felder: dict[str, Any] = {
        "art": "QUITTUNG",
        "zaehler": ZAEHLER,
        "anfrage": bytes(range(16)),
        "zu": hashlib.sha256(KLARTEXT).digest(),
        "neu": 1,
        "doppelt": 0,
        "abgelehnt": (),
        "luecken": (),
        "zeit": 1_781_517_601_000,
        "platz_s": 42,
        "auftraege": (),
    }
    return Quittung(**(felder | anders))


def wire(**anders: Any) -> bytes:
    """The receipt as a foreign operator would write it, with single fields changed or left out."""
    felder: dict[str, Any] = {
        "v": 1,
        "art": "QUITTUNG",
        "zaehler": ZAEHLER,
        "anfrage": bytes(range(16)),
        "zu": hashlib.sha256(KLARTEXT).digest(),
        "neu": 1,
        "doppelt": 0,
        "abgelehnt": [],
        "luecken": [],
        "zeit": 1_781_517_601_000,
        "platz_s": 42,
        "auftraege": [],
    }
    felder |= anders
    return cbor2.dumps({name: wert for name, wert in felder.items() if wert is not FEHLT}, canonical=True)


def test_a_foreign_receipt_is_read() -> None:
    assert Quittung.from_bytes(wire()) == quittung()
    assert quittung().to_bytes() == wire()


def test_new_keys_and_firmware_of_the_operator() -> None:
    voll = quittung(
        kette=Kette((b"ausstellend", b"wurzel"), b"s", b"v"), firmware=Firmwareangebot(b"m", b"s", b"z")
    )
    assert Quittung.from_bytes(wire(kette=KETTE, firmware=FIRMWARE)) == voll
    assert voll.to_bytes() == wire(kette=KETTE, firmware=FIRMWARE)


def test_everything_at_once() -> None:
    voll = quittung(
        abgelehnt=((0, "konflikt"), (999, "zu_alt")),
        luecken=((T0, T0 + 900), (T0 + 3600, T0 + 7200)),
        platz_s=599,
        auftraege=("ZERTIFIKAT_ERNEUERN", "PROTOKOLL_SENDEN"),
    )
    kodiert = wire(
        abgelehnt=[[0, "konflikt"], [999, "zu_alt"]],
        luecken=[[T0, T0 + 900], [T0 + 3600, T0 + 7200]],
        platz_s=599,
        auftraege=["ZERTIFIKAT_ERNEUERN", "PROTOKOLL_SENDEN"],
    )
    assert voll.to_bytes() == kodiert
    assert Quittung.from_bytes(kodiert) == voll


FALSCH: list[tuple[str, dict[str, Any]]] = [
    *[("", {name: FEHLT}) for name in quittung().__slots__ if name not in ("kette", "firmware")],
    ("", {"v": FEHLT}),
    ("", {"fremd": 1}),
    ("", {"zeit": 1.0}),
    ("v", {"v": 2}),
    ("art", {"art": "MESSWERTE"}),
    ("art", {"art": ["QUITTUNG"]}),
    ("zaehler", {"zaehler": "1EMH001234567"}),
    ("anfrage", {"anfrage": bytes(15)}),
    ("zu", {"zu": bytes(31)}),
    ("neu", {"neu": -1}),
    ("neu", {"neu": 1001}),
    ("neu", {"neu": True}),
    ("doppelt", {"doppelt": None}),
    ("abgelehnt", {"abgelehnt": None}),
    ("abgelehnt", {"abgelehnt": [0]}),
    ("abgelehnt", {"abgelehnt": [[0]]}),
    ("abgelehnt[0]", {"abgelehnt": [["konflikt", 0]]}),
    ("abgelehnt[0]", {"abgelehnt": [[0, "Konflikt"]]}),
    ("abgelehnt[0]", {"abgelehnt": [[0, "x" * 33]]}),
    ("abgelehnt[0]", {"abgelehnt": [[1000, "konflikt"]]}),
    ("abgelehnt[1]", {"abgelehnt": [[3, "konflikt"], [3, "konflikt"]]}),
    ("abgelehnt[1]", {"abgelehnt": [[3, "konflikt"], [2, "konflikt"]]}),
    ("luecken[0]", {"luecken": [[T0, T0]]}),
    ("luecken", {"luecken": "T"}),
    ("zeit", {"zeit": -1}),
    ("platz_s", {"platz_s": 600}),
    ("platz_s", {"platz_s": -1}),
    ("auftraege", {"auftraege": "AB"}),
    ("auftraege", {"auftraege": ["A"] * 17}),
    ("auftraege[0]", {"auftraege": ["alles löschen"]}),
    ("kette", {"kette": None}),
    ("kette", {"kette": {"ca": [b"ca"], "betreiber_signatur": b"s"}}),
    ("ca", {"kette": KETTE | {"ca": b"ca"}}),
    ("len(ca)", {"kette": KETTE | {"ca": []}}),
    ("ca[1]", {"kette": KETTE | {"ca": [b"ca", b""]}}),
    ("betreiber_signatur", {"kette": KETTE | {"betreiber_signatur": "s"}}),
    ("firmware", {"firmware": {}}),
    ("manifest", {"firmware": FIRMWARE | {"manifest": b"m" * 1025}}),
    ("signatur", {"firmware": FIRMWARE | {"signatur": b""}}),
    ("zertifikat", {"firmware": FIRMWARE | {"zertifikat": 1}}),
]


@pytest.mark.parametrize(("feld", "anders"), FALSCH, ids=[f"{i}-{feld}" for i, (feld, _) in enumerate(FALSCH)])
def test_broken_rules(feld: str, anders: dict[str, Any]) -> None:
    with pytest.raises(InhaltUngueltig) as info:
        Quittung.from_bytes(wire(**anders))
    assert info.value.feld == feld


def test_the_constructor_takes_tuples_only() -> None:
    with pytest.raises(InhaltUngueltig):
        quittung(abgelehnt=[])
    with pytest.raises(InhaltUngueltig):
        quittung(abgelehnt=([0, "konflikt"],))
    with pytest.raises(InhaltUngueltig):
        quittung(kette=KETTE)


def test_a_telegramm_is_no_receipt() -> None:
    with pytest.raises(InhaltUngueltig):
        Quittung.from_bytes(KLARTEXT)


def test_the_right_receipt() -> None:
    check_quittung(quittung(), TELEGRAMM, KLARTEXT)
    check_quittung(quittung(neu=0, abgelehnt=((0, "konflikt"),)), TELEGRAMM, KLARTEXT)


@pytest.mark.parametrize(
    "anders",
    [
        {"zaehler": "1EMH0012345679"},
        {"anfrage": bytes(16)},
        {"zu": bytes(32)},
        {"abgelehnt": ((1, "konflikt"),)},
    ],
    ids=lambda anders: next(iter(anders)),
)
def test_a_receipt_for_something_else(anders: dict[str, Any]) -> None:
    with pytest.raises(QuittungUngueltig):
        check_quittung(quittung(**anders), TELEGRAMM, KLARTEXT)


def test_a_receipt_for_the_same_request_with_other_readings() -> None:
    """The request number alone does not bind: the readings that were stored are named by their hash."""
    andere = telegramm(Messwert(T0, 1, 0, None, 0))
    with pytest.raises(QuittungUngueltig):
        check_quittung(quittung(), andere, andere.to_bytes())


def test_a_receipt_for_another_meter_than_the_one_that_asks() -> None:
    andere = replace(TELEGRAMM, zaehler="1EMH0099999999")
    klartext = andere.to_bytes()
    with pytest.raises(QuittungUngueltig, match="another meter"):
        check_quittung(quittung(zu=hashlib.sha256(klartext).digest()), andere, klartext)


def test_rows_of_events_are_counted_too() -> None:
    meldungen = (Meldung(0, T0, "NEUSTART", "a"), Meldung(1, T0, "NEUSTART", "b"))
    ereignisse = replace(TELEGRAMM, art="EREIGNISSE", werte=(), ereignisse=meldungen)
    klartext = ereignisse.to_bytes()
    zu = hashlib.sha256(klartext).digest()
    check_quittung(quittung(zu=zu, abgelehnt=((1, "zukunft"),)), ereignisse, klartext)
    with pytest.raises(QuittungUngueltig):
        check_quittung(quittung(zu=zu, abgelehnt=((2, "zukunft"),)), ereignisse, klartext)
