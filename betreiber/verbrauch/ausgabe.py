"""Verbrauch as JSON and as CSV, piece by piece: values in, bytes out. Pure: no database, no HTTP, no clock.

JSON says the same as `schemas.ReiheSchema`, for whom a year of quarter hours takes too long. CSV is for people
with a spreadsheet: LibreOffice and Excel read its instants as such and its numbers as numbers.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice, pairwise

from betreiber.verbrauch.domain import Reihe, Verbrauchswert, Wertqualitaet, Zahlenformat
from betreiber.zeit import BERLIN, VIERTELSTUNDE_S, format_zeitpunkt, local_date

# Signs with which a spreadsheet takes a text for a formula (OWASP, CSV Injection).
_FORMEL = ("=", "+", "-", "@", "\t", "\r")
_STAPEL = 500
_VIERTELSTUNDE = timedelta(seconds=VIERTELSTUNDE_S)
_VIERTEL_JE_TAG = 96
_MINUTEN = ("00", "15", "30", "45")
_TAG_NULL = date(1970, 1, 1).toordinal()
_SPALTEN = (
    "zaehlernummer",
    "von",
    "von_versatz",
    "bis",
    "bis_versatz",
    "bezug_kwh",
    "einspeisung_kwh",
    "bezug_kw",
    "einspeisung_kw",
    "qualitaet",
    "erwartet",
    "vorhanden",
    "ersetzt",
    "fehlend",
)


def encode_json(reihe: Reihe) -> Iterator[bytes]:
    """One JSON object as ReiheSchema describes it."""
    kopf = {
        "stromzaehler_id": reihe.stromzaehler_id,
        "zaehlernummer": reihe.zaehlernummer,
        "von": format_zeitpunkt(reihe.von),
        "bis": format_zeitpunkt(reihe.bis),
        "aufloesung": reihe.aufloesung,
        "stand": None if reihe.stand is None else format_zeitpunkt(reihe.stand),
    }
    anfang = json.dumps(kopf, ensure_ascii=False, separators=(",", ":"))
    yield f'{anfang[:-1]},"summe":{next(_json_values([reihe.summe]))},"werte":['.encode()
    trenner = ""
    for werte in _batches(reihe.werte):
        yield (trenner + ",".join(_json_values(werte))).encode()
        trenner = ","
    yield b"]}\n"


def encode_csv(reihe: Reihe, zahlen: Zahlenformat) -> Iterator[bytes]:
    """A header and a line a value (RFC 4180), instants in Europe/Berlin with their offset from UTC.

    Energy in kWh and mean power in kW, both with three decimals: energy is exact, power is rounded half away
    from zero. Where a value is missing its cells are empty.
    """
    trenner, komma = (";", ",") if zahlen is Zahlenformat.DE else (",", ".")
    zaehler = _quote(neutralize(reihe.zaehlernummer), trenner)
    yield (trenner.join(_SPALTEN) + "\r\n").encode()
    for werte in _batches(reihe.werte):
        yield "".join(_csv_lines(zaehler, werte, trenner, komma)).encode()


def file_name(reihe: Reihe) -> str:
    """Under which name a series is saved: the meter, its first day and its last."""
    tage = local_date(reihe.von), local_date(reihe.bis - timedelta(seconds=1))
    return f"verbrauch_{reihe.zaehlernummer}_{tage[0]}_{tage[1]}.csv"


def neutralize(text: str) -> str:
    """A text as a spreadsheet shall show it: with an apostrophe before what it would take for a formula."""
    return f"'{text}" if text.startswith(_FORMEL) else text


def _batches(werte: Iterable[Verbrauchswert]) -> Iterator[list[Verbrauchswert]]:
    """Some hundred values at a time: few enough for the memory, enough to be worth a piece."""
    rest = iter(werte)
    while stapel := list(islice(rest, _STAPEL)):
        yield stapel


def _json_values(werte: Sequence[Verbrauchswert]) -> Iterator[str]:
    for (von, bis), (_, _, bezug_wh, einspeisung_wh, *rest) in zip(
        _edges(werte, _utc_day, _utc), werte, strict=True
    ):
        yield (
            f'{{"von":"{von}","bis":"{bis}",'
            f'"bezug_wh":{"null" if bezug_wh is None else bezug_wh},'
            f'"einspeisung_wh":{"null" if einspeisung_wh is None else einspeisung_wh},{_json_rest(*rest)}'
        )


# The same few thousands of times a year.
@lru_cache(1000)
def _json_rest(qualitaet: Wertqualitaet, erwartet: int, vorhanden: int, ersetzt: int, fehlend: int) -> str:
    return (
        f'"qualitaet":"{qualitaet}","erwartet":{erwartet},"vorhanden":{vorhanden},'
        f'"ersetzt":{ersetzt},"fehlend":{fehlend}}}'
    )


def _csv_lines(zaehler: str, werte: Sequence[Verbrauchswert], trenner: str, komma: str) -> Iterator[str]:
    day, edge = partial(_local_day, trenner), partial(_local, trenner)
    for (von, bis), (beginn, ende, bezug_wh, einspeisung_wh, *rest) in zip(
        _edges(werte, day, edge), werte, strict=True
    ):
        dauer_s = int((ende - beginn).total_seconds())
        bezug, einspeisung = _amounts(bezug_wh, dauer_s, komma), _amounts(einspeisung_wh, dauer_s, komma)
        zellen = (zaehler, von, bis, bezug[0], einspeisung[0], bezug[1], einspeisung[1], *map(str, rest))
        yield trenner.join(zellen) + "\r\n"


def _edges(
    werte: Sequence[Verbrauchswert], day: Callable[[int], list[str]], edge: Callable[[datetime], str]
) -> Iterable[tuple[str, str]]:
    """Begin and end of each value as text; `day`: the 96 edges of a UTC day, `edge`: a single one."""
    if werte[-1].bis - werte[0].von != len(werte) * _VIERTELSTUNDE:
        return ((edge(wert.von), edge(wert.bis)) for wert in werte)
    # No value is shorter than a quarter hour: so all are quarter hours, and each follows another. A year has
    # 35,040 of them, and most of the time would go into their instants. Days count from 1970.
    erster, platz = divmod(int(werte[0].von.timestamp()) // VIERTELSTUNDE_S, _VIERTEL_JE_TAG)
    letzter = erster + (platz + len(werte)) // _VIERTEL_JE_TAG
    orte = [ort for tag in range(erster, letzter + 1) for ort in day(tag)]
    return pairwise(orte[platz : platz + len(werte) + 1])


def _utc(zeitpunkt: datetime) -> str:
    # Edges are UTC, on whole seconds: this is format_zeitpunkt in a third of its time.
    return zeitpunkt.isoformat()[:19] + "Z"


def _utc_day(tag: int) -> list[str]:
    datum = date.fromordinal(_TAG_NULL + tag)
    return [f"{datum}T{stunde:02}:{minute}:00Z" for stunde in range(24) for minute in _MINUTEN]


def _local(trenner: str, zeitpunkt: datetime) -> str:
    """Two cells: the local time, and its offset, which a spreadsheet must not take for a number or a formula."""
    text = zeitpunkt.astimezone(BERLIN).isoformat(" ")
    return f"{text[:19]}{trenner}UTC{text[19:]}"


def _local_day(trenner: str, tag: int) -> list[str]:
    """The local times of a UTC day: the offset of Europe/Berlin changes at a full hour of UTC."""
    beginn = datetime.fromordinal(_TAG_NULL + tag).replace(tzinfo=UTC)
    stunden = [_local(trenner, beginn + timedelta(hours=stunde)) for stunde in range(24)]
    return [f"{stunde[:14]}{minute}{stunde[16:]}" for stunde in stunden for minute in _MINUTEN]


# A household has few different quarter hours: most are those of the last hours.
@lru_cache(10_000)
def _amounts(energie_wh: int | None, dauer_s: int, komma: str) -> tuple[str, str]:
    """Two cells: energy in kWh, and mean power in kW."""
    if energie_wh is None:
        return "", ""
    leistung_w = (abs(energie_wh) * 7200 + dauer_s) // (2 * dauer_s)
    return _kilo(energie_wh, komma), _kilo(-leistung_w if energie_wh < 0 else leistung_w, komma)


def _quote(text: str, trenner: str) -> str:
    if any(zeichen in text for zeichen in (trenner, '"', "\r", "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text


def _kilo(menge: int, komma: str) -> str:
    ganze, rest = divmod(abs(menge), 1000)
    return f"{'-' if menge < 0 else ''}{ganze}{komma}{rest:03}"
