"""Plaintexts that are refused, numbers that were used, rows that are quarantined; each in a perfect container."""

import os
from collections.abc import Callable
from typing import Any

import cbor2

from telegramm.messwerte import Messwert
from tests.ablesung.buehne import Buehne
from tests.ablesung.fall import Fall
from tests.kanal import messwert

TAG = 86_400


def _map(eingabe: str, change: Callable[[dict[str, Any]], object]) -> Fall:
    """A message in canonical CBOR whose map was changed."""
    return Fall("schema", eingabe, 422, "inhalt", lambda b: b.post_text(b.changed(change)))


def _text(eingabe: str, make: Callable[[bytes], bytes]) -> Fall:
    """A message whose bytes were changed."""
    return Fall("schema", eingabe, 422, "inhalt", lambda b: b.post_text(make(b.klartext())))


def _set(**felder: Any) -> Callable[[dict[str, Any]], object]:
    return lambda karte: karte.update(felder)


def _unsorted(klartext: bytes) -> bytes:
    karte = cbor2.loads(klartext)
    return cbor2.dumps(dict(reversed(karte.items())))


def _repeated_key(klartext: bytes) -> bytes:
    # Nine keys become ten: 0xa9 is the head of a map of nine, "v": 1 stands at its end once more.
    assert klartext[0] == 0xA8 + 1
    return b"\xaa" + klartext[1:4] + klartext[1:]


def _nested(karte: dict[str, Any]) -> None:
    tief: Any = 0
    for _ in range(9):
        tief = [tief]
    karte["uhr"] = tief


def _first(uhrzeit: Callable[[int], int]) -> Callable[[dict[str, Any]], object]:
    def change(karte: dict[str, Any]) -> None:
        karte["werte"][0][0] = uhrzeit(karte["werte"][0][0])

    return change


def _append(versatz: int) -> Callable[[dict[str, Any]], object]:
    return lambda karte: karte["werte"].append([karte["werte"][0][0] + versatz, 1000, 0, None, 0])


def _many(karte: dict[str, Any]) -> None:
    ende = karte["werte"][0][0]
    karte["werte"] = [[ende - 900 * (1000 - n), 1000, 0, None, 0] for n in range(1001)]


KLARTEXT = [
    _text("not CBOR", lambda _: b"\xff\xff"),
    _text("trailing byte", lambda text: text + b"\x00"),
    _text("keys not sorted", _unsorted),
    _text("key repeated", _repeated_key),
    _text("a head longer than needed", lambda text: text.replace(b"\x61v\x01", b"\x61v\x18\x01")),
    _text("indefinite length", lambda text: b"\xbf" + text[1:] + b"\xff"),
    _map("float", _set(epoche=1.0)),
    _text("NaN", lambda text: text.replace(b"\x61v\x01", b"\x61v\xf9\x7e\x00")),
    _text("tag", lambda text: text.replace(b"\x61v\x01", b"\x61v\xc1\x01")),
    _map("nested 10 deep", _nested),
    _map("unknown field", _set(zusatz=1)),
    _map("missing field", lambda karte: karte.pop("uhr")),
    _map("a number as text", _set(folge="1")),
    _map("a boolean as a number", _set(folge=True)),
    _map("a number of 2^63", _set(folge=2**63)),
    _map("a negative number", _set(folge=-1)),
    _map("version 2", _set(v=2)),
    _map("unknown art", _set(art="RECHNUNG")),
    _map("a receipt instead of a message", _set(art="QUITTUNG")),
    _map("no readings", _set(werte=[])),
    _map("1,001 readings", _many),
    _map("a reading beside a quarter hour", _first(lambda zeit: zeit + 1)),
    _map("a quarter hour twice", _append(0)),
    _map("readings descending", _append(-900)),
    Fall(
        "identity",
        "`zaehler` is not the signer: a stolen content signed anew",
        403,
        "identitaet",
        lambda b: b.post_rows(zaehler=b.fremde_nummer),
    ),
]


def _sent(b: Buehne, *werte: Messwert, **felder: Any) -> bytes:
    """A plaintext that the operator has taken in."""
    klartext = b.klartext(*werte, **felder)
    assert b.post_text(klartext).status_code == 200
    return klartext


def _replay(b: Buehne) -> Any:
    return b.post_text(_sent(b))


def _same_number(b: Buehne) -> Any:
    _sent(b, folge=7)
    return b.post_rows(folge=7, anfrage=os.urandom(16))


def _old_epoche(b: Buehne) -> Any:
    epoche = b.zaehler.enrolled.epoche
    _sent(b, epoche=epoche + 1)
    return b.post_rows(epoche=epoche)


FOLGE = [
    Fall(
        "load",
        "13th message in a quarter hour of a meter whose newest reading is under 30 minutes old",
        429,
        "zu_viele",
        lambda b: thirteenth(b, b.klartext()),
        neu=1,
        retry_after=True,
    ),
    Fall("replay", "the same message again", 200, "", _replay, neu=1),
    Fall("replay", "same `folge`, other content", 409, "folge", _same_number, "TELEGRAMM_ABGEWIESEN", neu=1),
    Fall("replay", "earlier `epoche`", 409, "epoche", _old_epoche, "TELEGRAMM_ABGEWIESEN", neu=1),
    Fall(
        "replay",
        "`epoche` more than 100 ahead",
        409,
        "epoche",
        lambda b: b.post_rows(epoche=b.zaehler.enrolled.epoche + 101),
        "TELEGRAMM_ABGEWIESEN",
    ),
]


def thirteenth(b: Buehne, klartext: bytes) -> Any:
    """Send a message when twelve have come in this quarter hour, the first with a current reading."""
    _sent(b)
    for _ in range(11):
        b.kanal.send(b.zaehler, b.zaehler.telegramm(b.uhr, [], art="ZEIT"))
    return b.post_text(klartext)


def _row(eingabe: str, grund: str, *schlecht: Any, vorher: bool = False) -> Fall:
    """A bad reading between two good ones; `schlecht`: seconds from now, then the values of a reading.

    With `vorher`, a good value for the same quarter hour is known.
    """

    def send(b: Buehne) -> Any:
        versatz, *werte = schlecht
        if vorher:
            _sent(b, messwert(b.jetzt + versatz, 1100))
        gute = [messwert(b.jetzt - 1800, 1000), messwert(b.jetzt, 1200)]
        return b.post_rows(*sorted([*gute, messwert(b.jetzt + versatz, *werte)]))

    return Fall(
        "plausibility",
        eingabe,
        200,
        grund,
        send,
        "ABLESUNG_IN_QUARANTAENE",
        neu=3 if vorher else 2,
        quarantaene=1,
    )


def _older_than_400_days(b: Buehne) -> Any:
    """A meter without an installation: only the age counts."""
    b.zaehler = b.fremder
    alt = messwert(b.jetzt - 400 * TAG - 900, 900)
    return b.post_rows(alt, messwert(b.jetzt - 900, 1000), messwert(b.jetzt, 1200))


def _without_customer(b: Buehne) -> Any:
    b.zaehler = b.fremder
    return b.post_rows()


ZEILEN = [
    _row("other value for a known quarter hour", "konflikt", -900, 1101, vorher=True),
    _row("other power for a known quarter hour", "konflikt", -900, 1100, 0, 5, vorher=True),
    _row("register backwards", "ruecklauf", -900, 999),
    _row("register above the next one", "ruecklauf", -900, 1201),
    _row("from the future, by more than 27 s", "zukunft", 900, 1300),
    _row("before the installation", "zu_alt", -11 * TAG, 900),
    Fall(
        "plausibility",
        "older than 400 days (`MSB_ABLESUNG_HOECHSTALTER_TAGE`)",
        200,
        "zu_alt",
        _older_than_400_days,
        "ABLESUNG_IN_QUARANTAENE",
        neu=2,
        quarantaene=1,
    ),
    _row("more energy than the connection can carry", "leistung", -900, 10**9),
    _row("more power than the connection can carry", "leistung", -900, 1100, 0, 37_501),
    Fall("plausibility", "meter without a place and a customer", 200, "", _without_customer, neu=1),
]
