"""Which readings are plausible. Pure: no database, no HTTP, no clock.

A faulty reading never holds up its neighbours: it goes to quarantine with its reason, the others are stored.
"""

import hashlib
import math
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import NamedTuple

from betreiber.ablesung.anzeige import ANZEIGESCHRITT_WH, find_confirmed, raise_to
from betreiber.ablesung.zaehlwerk import Register, Uebergang, Zaehlwerk
from betreiber.errors import EingabeUngueltig
from telegramm.messwerte import Messwert

# A fuse carries more than its rating for a while; beyond a quarter more, a value is no longer believed.
UEBERLAST = Decimal("1.25")
# PTB-A 50.8 allows a meter's clock 3 % of the interval: a reading within it is not from the future.
UHR_TOLERANZ_S = 27
FENSTER = 64
_FOLGE_BYTES, _ABDRUCK_BYTES = 8, 16
# A meter counts its epoche on when it has lost its memory; it does not come to that a hundred times unnoticed.
EPOCHE_VORAUS = 100
# A meter whose readings are there needs one message a quarter hour and a few more for log and time.
TELEGRAMME_JE_VIERTEL = 12
# Up to this age the newest reading says that a meter has nothing to catch up with.
AKTUELL_S = 1800
# Entries of one meter's log that are recorded in a day: a device gone mad must not fill the events.
MELDUNGEN_JE_TAG = 1000
# An entry that seems older is one from before the clock was set: no meter is silent for so long.
MELDUNG_HOECHSTALTER_S = 400 * 86_400
# Codes of a device's log: somebody is at the meter.
MANIPULATION = frozenset({"GEHAEUSE_OFFEN", "MAGNETFELD"})

_OHNE_WANDLER = Zaehlwerk(1)
_NICHTS_ABGELESEN: Mapping[int, Register] = {}

# A half-open period [von, bis) in seconds since 1970, both on edges of quarter hours; it stands for the readings
# at von, von + 900, ..., bis - 900.
Spanne = tuple[int, int]


class Qualitaet(IntEnum):
    """State of a stored value (BO4E's Messwertstatus); the API gives the names."""

    ABGELESEN = 0
    ERSATZWERT = 1
    VORLAEUFIGERWERT = 2


# What Verbrauch needs of a reading: registers in Wh (taken, fed in) and quality.
Registerstand = tuple[int, int, Qualitaet]
# A stretch of readings that follow each other by a quarter hour: its first and its last, in seconds since 1970.
Lauf = tuple[int, int]


class Herkunft(IntEnum):
    """Who says what a value is (EnWG § 40(2) Nr. 6: how a reading was obtained)."""

    GERAET = 0
    MANUELL = 1
    KORREKTUR = 2
    ERSATZWERT = 3
    IMPORT = 4


class Befund(StrEnum):
    """What became of a reading. The last five are the reasons of a quarantine, as the receipt names them."""

    NEU = "neu"
    DOPPELT = "doppelt"
    KONFLIKT = "konflikt"
    RUECKLAUF = "ruecklauf"
    ZUKUNFT = "zukunft"
    ZU_ALT = "zu_alt"
    LEISTUNG = "leistung"


class Stand(NamedTuple):
    """A stored reading: seconds since 1970, Wh, Wh, W or None."""

    uhrzeit: int
    bezug_wh: int
    einspeisung_wh: int
    leistung_w: int | None


class Ablesung(NamedTuple):
    """A stored reading: times in seconds since 1970, registers in Wh, power in W or None, status of the device."""

    uhrzeit: int
    bezug_wh: int
    einspeisung_wh: int
    leistung_w: int | None
    qualitaet: Qualitaet
    status: int
    empfangen: int
    herkunft: Herkunft


def as_staende(ablesungen: Mapping[int, Ablesung]) -> dict[int, Registerstand]:
    """What Verbrauch needs of these readings."""
    return {zeit: (ablesung[1], ablesung[2], ablesung[4]) for zeit, ablesung in ablesungen.items()}


@dataclass(frozen=True, slots=True)
class Grenzen:
    """Between which bounds a reading of a meter is possible.

    `fruehestens`, `spaetestens`: seconds since 1970, both allowed; `hoechstleistung_w`: of the connection, behind
    the transformer, None = unknown; `eingebaut`: whether its installation is known, so that readings are expected
    from `fruehestens` on; `uhr_toleranz_s`: by how much its clock may differ from ours; `ueberlauf_wh`: where its
    registers roll over, None = unknown; `zaehlwerk`: its factor and sections; `einbauten`: when it was put in,
    seconds since 1970: the register that people read then stands, whatever the meter says of the same time.
    """

    fruehestens: int
    spaetestens: int
    hoechstleistung_w: int | None
    eingebaut: bool = False
    uhr_toleranz_s: int = UHR_TOLERANZ_S
    ueberlauf_wh: int | None = None
    zaehlwerk: Zaehlwerk = _OHNE_WANDLER
    einbauten: Collection[int] = ()


class Urteil(NamedTuple):
    """One Befund for each reading; where registers rolled over, which readings follow each other there now."""

    befunde: list[Befund]
    uebergaenge: list[Uebergang]


def find_rejected(befunde: Sequence[Befund]) -> list[int]:
    """The places of the readings that go to quarantine."""
    if befunde.count(Befund.NEU) + befunde.count(Befund.DOPPELT) == len(befunde):
        return []
    return [stelle for stelle, befund in enumerate(befunde) if befund not in (Befund.NEU, Befund.DOPPELT)]


def check_stand(stand: datetime | None, jetzt: datetime) -> int | None:
    """The moment of receipt as of which is asked, in whole seconds since 1970; None = all that has come.

    Raises EingabeUngueltig for one in the future: what will have come by then is not known.
    """
    if stand is None:
        return None
    if stand > jetzt:
        raise EingabeUngueltig(
            "stand liegt in der Zukunft. Lassen Sie ihn weg, um alles zu sehen, was empfangen wurde.",
            feld="stand",
            code="zeitpunkt_in_zukunft",
        )
    return math.floor(stand.timestamp())


def max_power(anschlussleistung_kw: Iterable[Decimal]) -> int | None:
    """The power in W that no reading can mean, from the connections at which a meter hung; None without any."""
    leistungen = list(anschlussleistung_kw)
    return int(max(leistungen) * 1000 * UEBERLAST) if leistungen else None


def rollover_wh(stellen: int) -> int:
    """Where a register with so many digits before the decimal point in kWh begins anew at zero, in Wh."""
    return int(10**stellen) * 1000


def judge(
    werte: Sequence[Messwert],
    bekannt: Mapping[int, Stand],
    vorher: Stand | None,
    nachher: Stand | None,
    grenzen: Grenzen,
    hoechstens: Mapping[int, Register] = _NICHTS_ABGELESEN,
) -> Urteil:
    """Judge the readings of one message, ascending by time.

    `bekannt`: what is stored for the same times and between them; `vorher`, `nachher`: the nearest stored readings
    outside. A known value is never overwritten: the first one that came stays. Only what people read at the
    display gives way, `hoechstens` (Wh) being the most that it can mean, by its time: at its own time where the
    meter says no less and no more than that, which is NEU; and it counts as no less than what is before it.

    A register that falls has rolled over only where its digits and the possible power explain it; every other fall
    is a RUECKLAUF.

    ASSUMPTION: no gap is so long that the connection at full power goes once around the register: six digits and
    30 kW take three years. After a longer one a fall may be taken for a rollover that was none.
    """
    genauer = find_confirmed(werte, bekannt, hoechstens) if hoechstens else set()
    while True:
        # Nothing is judged by a display that shows less than what the meter itself says of the same time.
        ohne = {zeit: stand for zeit, stand in bekannt.items() if zeit not in genauer} if genauer else bekannt
        urteil = _judge_all(werte, ohne, vorher, nachher, grenzen, hoechstens)
        # What cannot be does not take the place of what people read, and its neighbours have to fit that.
        falsch = {werte[stelle].uhrzeit for stelle in find_rejected(urteil.befunde)} if genauer else set()
        if genauer.isdisjoint(falsch):
            return urteil
        genauer -= falsch


def raise_stand(stand: Stand, vorher: Stand | None, hoechstens: Mapping[int, Register]) -> Stand:
    """A stored reading as it counts once `vorher` is before it; only what people read at the display changes."""
    if vorher is None or stand.uhrzeit not in hoechstens:
        return stand
    bezug_wh, einspeisung_wh = raise_to(stand[1:3], vorher[1:3], hoechstens[stand.uhrzeit])
    return stand._replace(bezug_wh=bezug_wh, einspeisung_wh=einspeisung_wh)


def _judge_all(
    werte: Sequence[Messwert],
    bekannt: Mapping[int, Stand],
    vorher: Stand | None,
    nachher: Stand | None,
    grenzen: Grenzen,
    hoechstens: Mapping[int, Register],
) -> Urteil:
    if not bekannt and nachher is None and _is_ordinary(werte, vorher, grenzen):
        return Urteil([Befund.NEU] * len(werte), [])
    urteil = Urteil([], [])
    folgende = sorted(zeit for zeit in bekannt)
    ueberlaeufe = grenzen.zaehlwerk.rollovers
    zaehlwerk = grenzen.zaehlwerk.without_rollovers() if ueberlaeufe else grenzen.zaehlwerk
    naechster = 0
    unten = vorher
    for wert in werte:
        while naechster < len(folgende) and folgende[naechster] < wert.uhrzeit:
            unten = raise_stand(bekannt[folgende[naechster]], unten, hoechstens)
            naechster += 1
        if (stand := bekannt.get(wert.uhrzeit)) is not None:
            urteil.befunde.append(Befund.DOPPELT if stand == wert[:4] else Befund.KONFLIKT)
            continue
        neu = Stand(*wert[:4])
        oben = bekannt[folgende[naechster]] if naechster < len(folgende) else nachher
        if oben is not None:
            oben = raise_stand(oben, neu, hoechstens)
        befund, uebergelaufen = _judge_new(neu, unten, oben, grenzen, zaehlwerk)
        urteil.befunde.append(befund)
        if befund is not Befund.NEU:
            continue
        # Where nothing rolls over and nothing did before, as nearly always, there is nothing to say.
        if uebergelaufen or ueberlaeufe:
            uebergaenge = _list_steps(unten, neu, oben, zaehlwerk)
            if uebergelaufen or any(uebergang.spans(ueberlaeufe) for uebergang in uebergaenge):
                urteil.uebergaenge.extend(uebergaenge)
        unten = neu
    return urteil


def _is_ordinary(werte: Sequence[Messwert], vorher: Stand | None, grenzen: Grenzen) -> bool:
    """Whether readings do nothing but count on from `vorher`, by what the connection can carry.

    So it is nearly always, and costs a fraction of a judgement of each.
    """
    grenze_w, faktor = grenzen.hoechstleistung_w, grenzen.zaehlwerk.faktor
    if grenze_w is None or grenzen.zaehlwerk.abschnitte or not werte:
        return False
    if werte[0].uhrzeit < grenzen.fruehestens or werte[-1].uhrzeit > grenzen.spaetestens:
        return False
    if any(wert.leistung_w is not None and abs(wert.leistung_w) * faktor > grenze_w for wert in werte):
        return False
    reihe: Sequence[Stand | Messwert] = werte if vorher is None else [vorher, *werte]
    return all(
        0 <= (spaeter.bezug_wh - frueher.bezug_wh) * faktor <= moeglich_wh
        and 0 <= (spaeter.einspeisung_wh - frueher.einspeisung_wh) * faktor <= moeglich_wh
        for frueher, spaeter in pairwise(reihe)
        for moeglich_wh in (_possible_wh(grenze_w, spaeter.uhrzeit - frueher.uhrzeit, faktor),)
    )


def _possible_wh(grenze_w: int, dauer_s: int, faktor: int) -> int:
    """What a connection carries at most in that time, as registers that may move in whole kWh show it."""
    return grenze_w * dauer_s // 3600 + ANZEIGESCHRITT_WH * faktor


def _judge_new(
    wert: Stand, unten: Stand | None, oben: Stand | None, grenzen: Grenzen, zaehlwerk: Zaehlwerk
) -> tuple[Befund, bool]:
    """What becomes of a reading, and whether a register rolled over beside it."""
    if wert.uhrzeit > grenzen.spaetestens:
        return Befund.ZUKUNFT, False
    if wert.uhrzeit < grenzen.fruehestens:
        return Befund.ZU_ALT, False
    grenze_w = grenzen.hoechstleistung_w
    if grenze_w is not None and wert.leistung_w is not None:
        if abs(wert.leistung_w) * zaehlwerk.faktor_at(wert.uhrzeit) > grenze_w:
            return Befund.LEISTUNG, False
    uebergelaufen = False
    for frueher, spaeter in ((unten, wert), (wert, oben)):
        if frueher is None or spaeter is None:
            continue
        befund, umbruch = _judge_step(frueher, spaeter, grenzen, zaehlwerk)
        if befund is not Befund.NEU:
            return befund, False
        uebergelaufen = uebergelaufen or umbruch
    return Befund.NEU, uebergelaufen


def _judge_step(frueher: Stand, spaeter: Stand, grenzen: Grenzen, zaehlwerk: Zaehlwerk) -> tuple[Befund, bool]:
    """Whether one reading can follow another, and whether a register rolled over between them."""
    bezug_wh, einspeisung_wh = zaehlwerk.difference(frueher, spaeter)
    # A factor that begins with the later reading does not hold between the two.
    faktor = zaehlwerk.faktor_at(spaeter.uhrzeit - 1)
    grenze_w, ueberlauf_wh = grenzen.hoechstleistung_w, grenzen.ueberlauf_wh
    umbruch = bezug_wh < 0 or einspeisung_wh < 0
    if umbruch:
        if grenze_w is None or ueberlauf_wh is None or max(frueher[1:3]) >= ueberlauf_wh:
            return Befund.RUECKLAUF, False
        bezug_wh += faktor * ueberlauf_wh if bezug_wh < 0 else 0
        einspeisung_wh += faktor * ueberlauf_wh if einspeisung_wh < 0 else 0
    if grenze_w is not None:
        moeglich_wh = _possible_wh(grenze_w, spaeter.uhrzeit - frueher.uhrzeit, faktor)
        if not (0 <= bezug_wh <= moeglich_wh and 0 <= einspeisung_wh <= moeglich_wh):
            return (Befund.RUECKLAUF if umbruch else Befund.LEISTUNG), False
    return Befund.NEU, umbruch


def _list_steps(unten: Stand | None, wert: Stand, oben: Stand | None, zaehlwerk: Zaehlwerk) -> list[Uebergang]:
    """The steps to a new reading and from it to the next one: a register that falls there has rolled over."""
    return [
        Uebergang(frueher.uhrzeit, spaeter.uhrzeit, *(teil < 0 for teil in zaehlwerk.difference(frueher, spaeter)))
        for frueher, spaeter in ((unten, wert), (wert, oben))
        if frueher is not None and spaeter is not None
    ]


def too_many(anzahl: int, neueste_uhrzeit: int | None, jetzt: int) -> bool:
    """Whether a meter that has sent `anzahl` messages in this quarter hour, this one among them, has to wait.

    Only one whose newest reading is under 30 minutes old: who is behind may catch up as fast as it can.
    """
    return anzahl > TELEGRAMME_JE_VIERTEL and neueste_uhrzeit is not None and jetzt - neueste_uhrzeit < AKTUELL_S


def clock_error_s(erzeugt_ms: int, jetzt: datetime, toleranz_s: int) -> int | None:
    """How many seconds a device's clock is ahead of ours, negative behind; None within the tolerance.

    ASSUMPTION: a meter builds a message right before it sends it, so that the way takes seconds at the most.
    """
    abweichung_ms = erzeugt_ms - int(jetzt.timestamp() * 1000)
    return None if abs(abweichung_ms) <= toleranz_s * 1000 else round(Decimal(abweichung_ms) / 1000)


def date_meldung(uhrzeit: int, erzeugt: int, empfangen: datetime) -> datetime:
    """When a device saw something, on our clock: as long before the receipt as before it made its message.

    `uhrzeit`, `erzeugt` (of the message): s since 1970 by the clock of the device. That may have been set in
    between: what then lies in the future, or more than MELDUNG_HOECHSTALTER_S back, counts from the receipt on.
    """
    alter_s = erzeugt - uhrzeit
    return empfangen - timedelta(seconds=alter_s) if 0 <= alter_s <= MELDUNG_HOECHSTALTER_S else empfangen


def value_hash(wert: Messwert) -> bytes:
    """SHA-256 of a reading's values: in quarantine the same bad reading is one row, however often it is sent."""
    leistung = (0, 0) if wert.leistung_w is None else (1, wert.leistung_w)
    return hashlib.sha256(
        struct.pack(">qqBqq", wert.bezug_wh, wert.einspeisung_wh, *leistung, wert.status)
    ).digest()


class Fenster:
    """The last 64 messages of a meter, newest last: folge and the beginning of the plaintext's hash.

    16 bytes of a hash tell a message from every other one. All 32 would make the row so long that PostgreSQL
    stores it out of line, with several rows to write for each message.
    """

    def __init__(self, gespeichert: bytes) -> None:
        self._gespeichert = gespeichert

    def find(self, folge: int) -> bytes | None:
        """The beginning of the hash under which a number was seen, None when it is new or too long ago."""
        nummer = folge.to_bytes(_FOLGE_BYTES, "big")
        for stelle in range(0, len(self._gespeichert), _FOLGE_BYTES + _ABDRUCK_BYTES):
            if self._gespeichert.startswith(nummer, stelle):
                return self._gespeichert[stelle + _FOLGE_BYTES : stelle + _FOLGE_BYTES + _ABDRUCK_BYTES]
        return None

    def with_added(self, folge: int, abdruck: bytes) -> bytes:
        """What to store once this message is taken in; `abdruck`: SHA-256 of its plaintext."""
        alle = self._gespeichert + folge.to_bytes(_FOLGE_BYTES, "big") + abdruck[:_ABDRUCK_BYTES]
        return alle[-FENSTER * (_FOLGE_BYTES + _ABDRUCK_BYTES) :]


def upload_slot(platz_schluessel: bytes, zaehlernummer: str) -> int:
    """The second after the quarter hour at which a meter sends, 0 to 599: the same for ever, spread evenly."""
    abdruck = hashlib.blake2b(zaehlernummer.encode(), key=platz_schluessel[:64], digest_size=8).digest()
    return int.from_bytes(abdruck, "big") % 600
