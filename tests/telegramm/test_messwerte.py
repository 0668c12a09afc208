"""The rules of a Telegramm's plaintext, each broken once, on the wire and in the constructor."""

import hashlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telegramm.fehler import InhaltUngueltig
from telegramm.messwerte import Firmware, Meldung, Messwert, Netz, StatusBit, Telegramm, Uhrstand
from tests.telegramm.muster import ZAEHLER, telegramm

T0 = 1_781_517_600  # 2026-06-15T10:00:00Z, a quarter hour
UHR = {"zustand": "GESTELLT", "letzter_abgleich": 1_781_517_000, "abweichung_ms": -12}
NETZ = {"apn": "m2m.example", "rat": "LTE-M", "rsrp": -97, "rsrq": -11, "bytes_monat": 123_456}
FW = {"version": "1.4.2", "sha256": bytes(32)}
FEHLT = object()


def wire(**anders: Any) -> bytes:
    """A valid message as a foreign meter would write it, with single fields changed or left out."""
    felder: dict[str, Any] = {
        "v": 1,
        "art": "MESSWERTE",
        "zaehler": ZAEHLER,
        "epoche": 1,
        "folge": 4711,
        "anfrage": bytes(range(16)),
        "erzeugt": 1_781_517_600_123,
        "uhr": UHR,
        "werte": [[T0, 2_043_104, 0, 193, 0]],
    }
    felder |= anders
    return cbor2.dumps({name: wert for name, wert in felder.items() if wert is not FEHLT}, canonical=True)


def test_a_foreign_message_is_read() -> None:
    assert Telegramm.from_bytes(wire()) == telegramm()
    assert telegramm().to_bytes() == wire()


def test_known_answer() -> None:
    """The plaintext of the example in docs/telegramm.md, byte by byte."""
    teile = """
        a9
        6176 01
        63617274 69 4d45535357455254 45
        63756872 a3
          677a757374616e64 68 47455354454c4c54
          6d6162776569636875 6e675f6d73 2b
          706c65747a7465725f6162676c65696368 1a 6a2fcac8
        65666f6c6765 19 1267
        657765727465 81 85 1a6a2fcd20 1a001f2ce0 00 18c1 00
        6665706f636865 01
        67616e6672616765 50 000102030405060708090a0b0c0d0e0f
        6765727a65756774 1b 0000019ecab9457b
        677a6165686c6572 6e 31454d4830303132333435363738
    """
    assert telegramm().to_bytes().hex() == "".join(teile.split())


def test_everything_at_once() -> None:
    voll = Telegramm.from_bytes(wire(netz=NETZ, fw=FW))
    assert voll.netz == Netz("m2m.example", "LTE-M", -97, -11, 123_456)
    assert voll.fw == Firmware("1.4.2", bytes(32))
    assert voll.to_bytes() == wire(netz=NETZ, fw=FW)


def test_other_kinds() -> None:
    ereignisse = wire(
        art="EREIGNISSE", werte=FEHLT, ereignisse=[[0, T0 + 7, "SPANNUNGSAUSFALL", "Phase L1 ohne Spannung"]]
    )
    gelesen = Telegramm.from_bytes(ereignisse)
    assert gelesen.ereignisse == (Meldung(0, T0 + 7, "SPANNUNGSAUSFALL", "Phase L1 ohne Spannung"),)
    assert gelesen.to_bytes() == ereignisse
    fehlanzeige = wire(art="FEHLANZEIGE", werte=FEHLT, luecken=[[T0, T0 + 900], [T0 + 1800, T0 + 3600]])
    gelesen = Telegramm.from_bytes(fehlanzeige)
    assert gelesen.luecken == ((T0, T0 + 900), (T0 + 1800, T0 + 3600))
    assert gelesen.to_bytes() == fehlanzeige
    zeit = wire(
        art="ZEIT", werte=FEHLT, uhr={"zustand": "UNGUELTIG", "letzter_abgleich": None, "abweichung_ms": None}
    )
    gelesen = Telegramm.from_bytes(zeit)
    assert gelesen.uhr == Uhrstand("UNGUELTIG", None, None)
    assert gelesen.to_bytes() == zeit


def test_a_thousand_readings_at_most() -> None:
    tausend = [[T0 + 900 * i, i, 0, None, 0] for i in range(1000)]
    assert len(Telegramm.from_bytes(wire(werte=tausend)).werte) == 1000
    with pytest.raises(InhaltUngueltig, match=r"^werte: must have at most 1000"):
        Telegramm.from_bytes(wire(werte=[*tausend, [T0 + 900_000, 0, 0, None, 0]]))


def test_limits_that_still_hold() -> None:
    grenze = 2**63 - 1
    zeit = grenze - grenze % 900
    rand = [[0, 0, 0, -(2**63), 0], [zeit, grenze, grenze, grenze, 2**31 - 1]]
    gelesen = Telegramm.from_bytes(wire(werte=rand, epoche=0, folge=grenze, erzeugt=0))
    assert gelesen.werte == (Messwert(0, 0, 0, -(2**63), 0), Messwert(zeit, grenze, grenze, grenze, 2**31 - 1))


def test_null_power_is_not_zero() -> None:
    (ohne,) = Telegramm.from_bytes(wire(werte=[[T0, 1, 2, None, 0]])).werte
    assert ohne.leistung_w is None
    assert telegramm(ohne).to_bytes() != telegramm(ohne._replace(leistung_w=0)).to_bytes()


def test_status_bits() -> None:
    assert [(bit.name, bit.value) for bit in StatusBit] == [
        ("UHR_UNSICHER", 1),
        ("UHR_GESTELLT", 2),
        ("NEUSTART", 4),
        ("SPANNUNGSAUSFALL", 8),
        ("GEHAEUSE_OFFEN", 16),
        ("MAGNETFELD", 32),
    ]
    mit = telegramm(Messwert(T0, 1, 2, 3, StatusBit.NEUSTART | StatusBit.MAGNETFELD))
    assert mit.to_bytes() == wire(werte=[[T0, 1, 2, 3, 36]])


def _reading(feld: int, wert: Any) -> dict[str, Any]:
    zeile: list[Any] = [T0, 1, 2, 3, 0]
    zeile[feld] = wert
    return {"werte": [zeile]}


EREIGNIS = {"art": "EREIGNISSE", "werte": FEHLT}
LUECKE = {"art": "FEHLANZEIGE", "werte": FEHLT}

FALSCH: list[tuple[str, dict[str, Any]]] = [
    ("", {"v": FEHLT}),
    ("v", {"v": 2}),
    ("v", {"v": 0}),
    ("v", {"v": True}),
    ("v", {"v": "1"}),
    ("", {"art": FEHLT}),
    ("", {"art": "messwerte"}),
    ("", {"art": 1}),
    ("", {"art": ["MESSWERTE"]}),
    ("art", {"art": "QUITTUNG", "werte": FEHLT}),
    ("art", {"art": ["MESSWERTE"], "werte": FEHLT}),
    ("", {"zaehler": FEHLT}),
    ("zaehler", {"zaehler": "1 EMH 00 1234 5678"}),
    ("zaehler", {"zaehler": "7EMH0012345678"}),
    ("zaehler", {"zaehler": ZAEHLER + "\n"}),
    ("zaehler", {"zaehler": ZAEHLER.encode()}),
    ("", {"epoche": FEHLT}),
    ("epoche", {"epoche": -1}),
    ("epoche", {"epoche": True}),
    ("epoche", {"epoche": None}),
    ("", {"folge": FEHLT}),
    ("folge", {"folge": -1}),
    ("", {"folge": 2**63}),
    ("", {"folge": 1.0}),
    ("", {"anfrage": FEHLT}),
    ("anfrage", {"anfrage": bytes(15)}),
    ("anfrage", {"anfrage": bytes(17)}),
    ("anfrage", {"anfrage": "0123456789abcdef"}),
    ("", {"erzeugt": FEHLT}),
    ("erzeugt", {"erzeugt": -1}),
    ("erzeugt", {"erzeugt": False}),
    ("", {"uhr": FEHLT}),
    ("uhr", {"uhr": None}),
    ("uhr", {"uhr": {}}),
    ("uhr", {"uhr": UHR | {"zone": "UTC"}}),
    ("uhr.zustand", {"uhr": UHR | {"zustand": "GUT"}}),
    ("uhr.letzter_abgleich", {"uhr": UHR | {"letzter_abgleich": -1}}),
    ("uhr.abweichung_ms", {"uhr": UHR | {"abweichung_ms": "0"}}),
    ("", {"werte": FEHLT}),
    ("werte", {"werte": []}),
    ("werte", {"werte": None}),
    ("werte", {"werte": {}}),
    ("werte", {"werte": [[]]}),
    ("werte", {"werte": [1]}),
    ("werte", {"werte": ["12345"]}),
    ("werte", {"werte": [[T0, 1, 2, 3]]}),
    ("werte", {"werte": [[T0, 1, 2, 3, 0, 0]]}),
    ("werte[0].uhrzeit", _reading(0, T0 + 1)),
    ("werte[0].uhrzeit", _reading(0, -900)),
    ("werte[0].uhrzeit", _reading(0, None)),
    ("werte[0].uhrzeit", _reading(0, False)),
    ("werte[1].uhrzeit", {"werte": [[T0, 1, 0, 0, 0], [T0, 1, 0, 0, 0]]}),
    ("werte[1].uhrzeit", {"werte": [[T0, 1, 0, 0, 0], [T0 - 900, 1, 0, 0, 0]]}),
    ("werte[0].bezug_wh", _reading(1, -1)),
    ("werte[0].bezug_wh", _reading(1, None)),
    ("werte[0].bezug_wh", _reading(1, True)),
    ("", _reading(1, 2**63)),
    ("", _reading(1, 1.5)),
    ("werte[0].einspeisung_wh", _reading(2, -1)),
    ("werte[0].einspeisung_wh", _reading(2, "2")),
    ("werte[0].leistung_w", _reading(3, False)),
    ("werte[0].leistung_w", _reading(3, "3")),
    ("", _reading(3, float("nan"))),
    ("", _reading(3, -(2**63) - 1)),
    ("werte[0].status", _reading(4, -1)),
    ("werte[0].status", _reading(4, 2**31)),
    ("werte[0].status", _reading(4, True)),
    ("werte[0].status", {"werte": [[T0, 1, 2, None, -1]]}),
    ("werte[0].status", _reading(4, None)),
    ("", {"ereignisse": [[0, T0, "A", "b"]]}),
    ("", {"luecken": [[T0, T0 + 900]]}),
    ("", {"art": "ZEIT"}),
    ("", {"fremd": 1}),
    ("", {"netz": NETZ, "fremd": 1}),
    ("", EREIGNIS),
    ("ereignisse", EREIGNIS | {"ereignisse": []}),
    ("ereignisse", EREIGNIS | {"ereignisse": [[0, T0, "A"]]}),
    ("ereignisse[0].nummer", EREIGNIS | {"ereignisse": [[-1, T0, "A", "b"]]}),
    ("ereignisse[0].nummer", EREIGNIS | {"ereignisse": [[True, T0, "A", "b"]]}),
    ("ereignisse[1].nummer", EREIGNIS | {"ereignisse": [[7, T0, "A", "b"], [7, T0, "A", "b"]]}),
    ("ereignisse[0].uhrzeit", EREIGNIS | {"ereignisse": [[0, -1, "A", "b"]]}),
    ("ereignisse[0].code", EREIGNIS | {"ereignisse": [[0, T0, "a", "b"]]}),
    ("ereignisse[0].code", EREIGNIS | {"ereignisse": [[0, T0, 1, "b"]]}),
    ("ereignisse[0].code", EREIGNIS | {"ereignisse": [[0, T0, "A" * 65, "b"]]}),
    ("ereignisse[0].text", EREIGNIS | {"ereignisse": [[0, T0, "A", ""]]}),
    ("ereignisse[0].text", EREIGNIS | {"ereignisse": [[0, T0, "A", "b\nc"]]}),
    ("ereignisse[1].text", EREIGNIS | {"ereignisse": [[0, T0, "A", "b"], [1, T0, "A", 1]]}),
    ("ereignisse[0].text", EREIGNIS | {"ereignisse": [[0, T0, "A", "b" * 501]]}),
    ("luecken", LUECKE | {"luecken": []}),
    ("luecken", LUECKE | {"luecken": [[T0]]}),
    ("luecken[0]", LUECKE | {"luecken": [[T0, T0]]}),
    ("luecken[0]", LUECKE | {"luecken": [[T0 + 900, T0]]}),
    ("luecken[0]", LUECKE | {"luecken": [[T0 + 1, T0 + 900]]}),
    ("luecken[0]", LUECKE | {"luecken": [[T0, T0 + 901]]}),
    ("luecken[0]", LUECKE | {"luecken": [[-900, T0]]}),
    ("luecken[0]", LUECKE | {"luecken": [[T0, None]]}),
    ("luecken[1]", LUECKE | {"luecken": [[T0, T0 + 900], [T0 + 900, T0 + 1800]]}),
    ("luecken[1]", LUECKE | {"luecken": [[T0, T0 + 900], [T0 - 1800, T0 - 900]]}),
    ("netz", {"netz": None}),
    ("netz", {"netz": {"apn": "x"}}),
    ("netz.apn", {"netz": NETZ | {"apn": ""}}),
    ("netz.rat", {"netz": NETZ | {"rat": "x" * 17}}),
    ("netz.rsrp", {"netz": NETZ | {"rsrp": 1}}),
    ("netz.rsrq", {"netz": NETZ | {"rsrq": -101}}),
    ("netz.bytes_monat", {"netz": NETZ | {"bytes_monat": None}}),
    ("fw", {"fw": []}),
    ("fw.version", {"fw": FW | {"version": 1}}),
    ("fw.sha256", {"fw": FW | {"sha256": bytes(31)}}),
]


@pytest.mark.parametrize(("feld", "anders"), FALSCH, ids=[f"{i}-{feld}" for i, (feld, _) in enumerate(FALSCH)])
def test_broken_rules(feld: str, anders: dict[str, Any]) -> None:
    with pytest.raises(InhaltUngueltig) as info:
        Telegramm.from_bytes(wire(**anders))
    assert info.value.feld == feld
    assert info.value.code == "inhalt"


@pytest.mark.parametrize("daten", [b"", b"\x01", b"\x80", b"\xa0", b"\x63abc"])
def test_no_map_of_a_message(daten: bytes) -> None:
    with pytest.raises(InhaltUngueltig):
        Telegramm.from_bytes(daten)


def test_radio_values_may_be_unknown() -> None:
    netz = Netz("m2m.example", "LTE-M", None, None, 0)
    assert Telegramm.from_bytes(replace(telegramm(), netz=netz).to_bytes()).netz == netz


@pytest.mark.parametrize(
    "anders",
    [
        {"art": None},
        {"werte": [Messwert(T0, 1, 2, 3, 0)]},
        {"werte": ((T0, 1, 2, 3, 0),)},
        {"ereignisse": (Meldung(0, T0, "A", "b"),)},
        {"art": "EREIGNISSE", "werte": (), "ereignisse": ((T0, "A", "b"),)},
        {"art": "FEHLANZEIGE", "werte": (), "luecken": ([T0, T0 + 900],)},
        {"art": "FEHLANZEIGE", "werte": (), "luecken": ((T0, T0 + 900, 0),)},
        {"uhr": UHR},
        {"netz": NETZ},
        {"fw": FW},
    ],
    ids=str,
)
def test_the_constructor_refuses_what_is_no_message(anders: dict[str, Any]) -> None:
    with pytest.raises(InhaltUngueltig):
        replace(telegramm(), **anders)


@st.composite
def readings(draw: st.DrawFn) -> tuple[Messwert, ...]:
    viertelstunden = draw(st.sets(st.integers(0, 2**32), min_size=1, max_size=40))
    register = st.integers(0, 2**63 - 1)
    leistung = st.none() | st.integers(-(2**63), 2**63 - 1)
    status = st.integers(0, 2**31 - 1)
    return tuple(
        Messwert(900 * viertel, draw(register), draw(register), draw(leistung), draw(status))
        for viertel in sorted(viertelstunden)
    )


@given(readings())
def test_round_trip(werte: tuple[Messwert, ...]) -> None:
    original = telegramm(*werte)
    daten = original.to_bytes()
    gelesen = Telegramm.from_bytes(daten)
    assert gelesen == original
    assert all(type(wert) is Messwert for wert in gelesen.werte)
    assert hashlib.sha256(gelesen.to_bytes()).digest() == hashlib.sha256(daten).digest()


@given(st.data())
def test_changed_bytes_are_refused_or_another_message(data: st.DataObject) -> None:
    """A flipped byte may give another valid message, but never the same one a second time."""
    daten = bytearray(wire(netz=NETZ, fw=FW))
    daten[data.draw(st.integers(0, len(daten) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        gelesen = Telegramm.from_bytes(bytes(daten))
    except InhaltUngueltig:
        return
    assert gelesen.to_bytes() == daten
