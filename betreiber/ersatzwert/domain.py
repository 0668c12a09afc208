"""The ladder of Ersatzwerte (docs/ersatzwerte.md). Pure: no database, no HTTP, no clock.

What is substituted follows from the measured readings alone, so that it does not matter in which order they came.
Everything is counted in energy (Zaehlwerk.energie) and in whole Wh: the substitutes of a gap whose two ends are
known add up to the difference of the registers exactly, and no register falls.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.ersatzwert.kalender import Tagestyp, tagestyp
from betreiber.zeit import BERLIN, VIERTELSTUNDE_S, day_start, format_zeitpunkt

VIERTEL_JE_TAG = 96

# Energy in Wh behind the transformer: taken from the grid, fed into it.
Energie = tuple[int, int]
# A local day and a quarter hour of it, 0 to 95.
Viertel = tuple[date, int]


class Verfahren(StrEnum):
    """How Ersatzwerte were formed."""

    LINEAR = "LINEAR"
    VERGLEICHSTAG = "VERGLEICHSTAG"
    LASTPROFIL = "LASTPROFIL"


class Auslassung(StrEnum):
    """Why a gap stays open."""

    OHNE_VERGLEICH = "OHNE_VERGLEICH"  # no closing register, and nothing was measured in the weeks before
    RUECKLAUF = "RUECKLAUF"  # the register after the gap is lower than the one before it
    ABSCHNITT = "ABSCHNITT"  # the register went over into another factor somewhere in the gap


# Of a day, its type and a quarter hour of it, 0 to 95: the share of the import in whole parts of no unit.
Standardprofil = Callable[[date, Tagestyp, int], int]


@dataclass(frozen=True, slots=True)
class Regeln:
    """`wartezeit_s`: age from which a missing reading is substituted; `linear_hoechstens`: missing readings up to
    which a gap is filled in a straight line; `rueckschau_tage`: how far back a comparable day may lie;
    `standardprofil`: the weight of a quarter hour where the meter's own profile knows nothing, None: none.
    """

    wartezeit_s: int = 86_400
    linear_hoechstens: int = 8
    rueckschau_tage: int = 28
    standardprofil: Standardprofil | None = None


class Luecke(NamedTuple):
    """Readings that are missing after the measured one at `anfang`, in seconds since 1970.

    `ende`: the next measured one, None while there is none. The readings up to `bis`, exclusive, are overdue.
    """

    anfang: int
    ende: int | None
    bis: int

    @property
    def von(self) -> int:
        """The first missing reading."""
        return self.anfang + VIERTELSTUNDE_S


class Profil(NamedTuple):
    """Energy by quarter hour; `art`: EIGEN, from what the meter measured, or STANDARD, scaled to that."""

    art: str
    energien: list[Energie]


class Bildung(NamedTuple):
    """The Ersatzwerte of a gap: how they were formed, from what, and the readings themselves."""

    verfahren: Verfahren
    eingaben: dict[str, Any]
    werte: list[Ablesung]


def find_gaps(
    laeufe: Sequence[tuple[int, int]], einbauten: Sequence[tuple[int, int | None]], ueberfaellig_bis: int
) -> list[Luecke]:
    """The gaps with overdue readings.

    `laeufe`: the stretches of measured readings, as (first, last), ascending. `einbauten`: when the meter hung
    somewhere, [von, bis), ascending: only then readings are expected, and a register read at the next place closes
    no gap of this one. `ueberfaellig_bis`: the newest reading that ought to be there. All in seconds since 1970.
    """
    luecken = []
    anfaenge = [von for von, _ in einbauten]
    for nummer, (_, anfang) in enumerate(laeufe):
        stelle = bisect_right(anfaenge, anfang) - 1
        ausbau = einbauten[stelle][1] if stelle >= 0 else anfang
        ende = laeufe[nummer + 1][0] if nummer + 1 < len(laeufe) else None
        bis = ueberfaellig_bis + 1 if ende is None else min(ende, ueberfaellig_bis + 1)
        if ausbau is not None and (ende is None or ende > ausbau):
            ende, bis = None, min(bis, ausbau + 1)
        luecke = Luecke(anfang, ende, -(-bis // VIERTELSTUNDE_S) * VIERTELSTUNDE_S)
        if luecke.von < luecke.bis:
            luecken.append(luecke)
    return luecken


def given(ablesungen: Iterable[Ablesung]) -> list[tuple[int, int]]:
    """Substitutes that somebody else has formed, such as the operator before us: as good as measured ones here.

    Each as a stretch of its own, to be put among the others.
    """
    return [
        (ablesung.uhrzeit, ablesung.uhrzeit)
        for ablesung in ablesungen
        if ablesung.qualitaet is not Qualitaet.ABGELESEN and ablesung.herkunft is not Herkunft.ERSATZWERT
    ]


class Vergangenheit:
    """What a meter measured before a gap: energy by local day and quarter hour of the day."""

    def __init__(self, ablesungen: Sequence[Ablesung], zaehlwerk: Zaehlwerk) -> None:
        """`ablesungen`: ascending, at least one; substitutes among them are passed over."""
        self.beginn = datetime.fromtimestamp(ablesungen[0].uhrzeit, UTC)
        self._tage: defaultdict[date, dict[int, Energie]] = defaultdict(dict)
        gemessen = (ablesung for ablesung in ablesungen if ablesung.qualitaet is Qualitaet.ABGELESEN)
        for alt, neu in pairwise(gemessen):
            if neu.uhrzeit - alt.uhrzeit == VIERTELSTUNDE_S:
                tag, viertel = _local_quarter(alt.uhrzeit)
                self._tage[tag][viertel] = zaehlwerk.difference(alt[:4], neu[:4])

    def comparable_day(self, tag: date, rueckschau_tage: int) -> date | None:
        """The last day of the same type before `tag` that was measured as a whole.

        A day on which the clocks are changed lacks the 96 quarter hours of the others: it is compared with none.
        """
        typ = tagestyp(tag)
        for zurueck in range(1, rueckschau_tage + 1):
            frueher = tag - timedelta(days=zurueck)
            vollstaendig = len(self._tage.get(frueher, ())) == VIERTEL_JE_TAG and _is_ordinary(frueher)
            if vollstaendig and tagestyp(frueher) is typ:
                return frueher
        return None

    def day(self, tag: date) -> Mapping[int, Energie]:
        """The energy of a measured day by quarter hour of the day, 0 to 95."""
        return self._tage[tag]

    def profile(self, viertel: Sequence[Viertel], standard: Standardprofil | None) -> Profil | None:
        """The energy that is to be expected in these quarter hours.

        The meter's own mean by type of day; where that was not measured, of all days; where a quarter hour of the
        day was never measured, the shape of `standard` at the height of what was. None without anything measured:
        nothing is invented.
        """
        typen = {tag: tagestyp(tag) for tag in self._tage}

        @cache
        def mean(typ: Tagestyp | None, nummer: int) -> Energie | None:
            werte = [
                tag_werte[nummer]
                for tag, tag_werte in self._tage.items()
                if nummer in tag_werte and typ in (None, typen[tag])
            ]
            return _mean(werte) if werte else None

        eigenes = [mean(tagestyp(tag), nummer) or mean(None, nummer) for tag, nummer in viertel]
        gefunden = [wert for wert in eigenes if wert is not None]
        if len(gefunden) == len(eigenes):
            return Profil("EIGEN", gefunden)
        return None if standard is None else self._scaled(viertel, standard)

    def _scaled(self, viertel: Sequence[Viertel], standard: Standardprofil) -> "Profil | None":
        gemessen = [(tag, nummer, wert) for tag, werte in self._tage.items() for nummer, wert in werte.items()]
        gewicht = sum(standard(tag, tagestyp(tag), nummer) for tag, nummer, _ in gemessen)
        bezug_wh = sum(wert[0] for _, _, wert in gemessen)
        if gewicht == 0:
            return None
        # A standard profile is one of use: of feed-in it says nothing.
        return Profil(
            "STANDARD",
            [(bezug_wh * standard(tag, tagestyp(tag), nummer) // gewicht, 0) for tag, nummer in viertel],
        )


def form(
    luecke: Luecke,
    anfang: Ablesung,
    ende: Ablesung | None,
    vergangenheit: Vergangenheit,
    zaehlwerk: Zaehlwerk,
    regeln: Regeln,
    jetzt: int,
) -> Bildung | Auslassung:
    """The Ersatzwerte of a gap by the ladder, or why there are none. `anfang`, `ende`: the readings at its ends.

    With both: a straight line for a short gap; the comparable days; the meter's own profile; a straight line. With
    the first alone: the profile, as it is, preliminary.
    """
    viertel = [_local_quarter(zeit) for zeit in range(luecke.anfang, luecke.ende or luecke.bis, VIERTELSTUNDE_S)]
    start = zaehlwerk.energie(*anfang[:3])
    eingaben = _edges(anfang, ende, zaehlwerk)
    if ende is None:
        profil = vergangenheit.profile(viertel, regeln.standardprofil)
        if profil is None:
            return Auslassung.OHNE_VERGLEICH
        verfahren, qualitaet = Verfahren.LASTPROFIL, Qualitaet.VORLAEUFIGERWERT
        eingaben |= {"quelle_von": format_zeitpunkt(vergangenheit.beginn), "profil": profil.art}
        verlauf = [list(accumulate((wert[art] for wert in profil.energien), initial=0)) for art in (0, 1)]
    else:
        qualitaet = Qualitaet.ERSATZWERT
        differenz = zaehlwerk.difference(anfang[:4], ende[:4])
        if min(differenz) < 0:
            return Auslassung.RUECKLAUF
        verfahren, gewichte, naeheres = _shape(viertel, vergangenheit, regeln)
        eingaben |= naeheres
        verlauf = [share_out(differenz[art], [gewicht[art] for gewicht in gewichte]) for art in (0, 1)]
    energien = [(start[0] + bezug, start[1] + einspeisung) for bezug, einspeisung in zip(*verlauf, strict=True)]
    zeiten = range(luecke.anfang, (luecke.ende or luecke.bis) + 1, VIERTELSTUNDE_S)
    staende = [_registers(zaehlwerk, zeit, energie) for zeit, energie in zip(zeiten, energien, strict=True)]
    if not _is_rising(zaehlwerk, zip(zeiten, staende, strict=True)):
        return Auslassung.ABSCHNITT
    werte = [
        Ablesung(zeit, *stand, None, qualitaet, 0, jetzt, Herkunft.ERSATZWERT)
        for zeit, stand in zip(zeiten, staende, strict=True)
        if luecke.von <= zeit < luecke.bis
    ]
    return Bildung(verfahren, eingaben, werte)


def same_value(eine: Ablesung | None, andere: Ablesung) -> bool:
    """Whether two readings say the same, whenever they came."""
    return eine is not None and eine._replace(empfangen=andere.empfangen) == andere


def is_same_gap(
    anfang: Ablesung, ende: Ablesung | None, zaehlwerk: Zaehlwerk, eingaben: Mapping[str, Any]
) -> bool:
    """Whether Ersatzwerte were formed between these two readings, and from the same energy between them."""
    raender = _edges(anfang, ende, zaehlwerk)
    return raender == {name: eingaben[name] for name in raender}


def sources(bis: int, eingaben: Mapping[str, Any]) -> tuple[int, int]:
    """The period, in seconds since 1970, of the readings from which Ersatzwerte up to `bis` were formed."""
    von = eingaben.get("quelle_von", eingaben["anfang"]["messzeitpunkt"])
    ende = eingaben["ende"]
    return _seconds(von), bis if ende is None else _seconds(ende["messzeitpunkt"])


def share_out(summe: int, gewichte: Sequence[int]) -> list[int]:
    """How much of `summe` has come by the end of each of some parts, from 0 to `summe`, in whole numbers.

    The running sum is rounded down, not each part: the last one is exact, and none is off by 1 or more.
    """
    bis_dahin = list(accumulate(gewichte if any(gewichte) else [1] * len(gewichte), initial=0))
    return [summe * teil // bis_dahin[-1] for teil in bis_dahin]


def _shape(
    viertel: Sequence[Viertel], vergangenheit: Vergangenheit, regeln: Regeln
) -> tuple[Verfahren, Sequence[Energie], dict[str, Any]]:
    """How the energy of a gap with two known ends spreads over its quarter hours, by the first rung that holds."""
    # A gap of n missing readings has n + 1 quarter hours whose energy is not known.
    if len(viertel) - 1 > regeln.linear_hoechstens:
        tage = {tag: vergangenheit.comparable_day(tag, regeln.rueckschau_tage) for tag, _ in viertel}
        gewaehlt = {tag: wie for tag, wie in tage.items() if wie is not None}
        if len(gewaehlt) == len(tage):
            gewichte = [vergangenheit.day(gewaehlt[tag])[nummer] for tag, nummer in viertel]
            naeheres = {
                "quelle_von": format_zeitpunkt(day_start(min(gewaehlt.values()))),
                "vergleich": _sums(gewichte),
                "vergleichstage": {tag.isoformat(): wie.isoformat() for tag, wie in gewaehlt.items()},
            }
            return Verfahren.VERGLEICHSTAG, gewichte, naeheres
        profil = vergangenheit.profile(viertel, regeln.standardprofil)
        if profil is not None:
            naeheres = {
                "quelle_von": format_zeitpunkt(vergangenheit.beginn),
                "profil": profil.art,
                "vergleich": _sums(profil.energien),
            }
            return Verfahren.LASTPROFIL, profil.energien, naeheres
    return Verfahren.LINEAR, [(1, 1)] * len(viertel), {}


def _edges(anfang: Ablesung, ende: Ablesung | None, zaehlwerk: Zaehlwerk) -> dict[str, Any]:
    """The readings between which a gap lies, and what flowed between them."""
    return {
        "anfang": _as_json(anfang),
        "ende": None if ende is None else _as_json(ende),
        "differenz": None if ende is None else _named(zaehlwerk.difference(anfang[:4], ende[:4])),
    }


def _named(energie: Energie) -> dict[str, int]:
    return {"bezug_wh": energie[0], "einspeisung_wh": energie[1]}


def _sums(energien: Sequence[Energie]) -> dict[str, int]:
    """What a comparable day or profile adds up to: the scale is the energy of the gap over it."""
    return _named((sum(bezug for bezug, _ in energien), sum(einspeisung for _, einspeisung in energien)))


def _registers(zaehlwerk: Zaehlwerk, zeit: int, energie: Energie) -> Energie:
    """What the registers show, in whole Wh, when that much had flowed at `zeit`."""
    versatz, faktor = zaehlwerk.energie(zeit, 0, 0), zaehlwerk.faktor_at(zeit)
    return (energie[0] - versatz[0]) // faktor, (energie[1] - versatz[1]) // faktor


def _is_rising(zaehlwerk: Zaehlwerk, staende: Iterable[tuple[int, Energie]]) -> bool:
    """Whether no register is below zero and no energy falls: rounding does that where the factor changes."""
    verlauf = []
    for zeit, stand in staende:
        if min(stand) < 0:
            return False
        verlauf.append(zaehlwerk.energie(zeit, *stand))
    return all(min(_minus(neu, alt)) >= 0 for alt, neu in pairwise(verlauf))


def _local_quarter(uhrzeit: int) -> Viertel:
    """The local day and the number, 0 to 95, of the quarter hour that begins at `uhrzeit` (seconds since 1970)."""
    lokal = datetime.fromtimestamp(uhrzeit, BERLIN)
    return lokal.date(), lokal.hour * 4 + lokal.minute // 15


def _is_ordinary(tag: date) -> bool:
    return day_start(tag + timedelta(days=1)) - day_start(tag) == timedelta(days=1)


def _minus(neu: Energie, alt: Energie) -> Energie:
    return neu[0] - alt[0], neu[1] - alt[1]


def _mean(energien: Sequence[Energie]) -> Energie:
    """Rounded down: a preliminary value rather promises too little than more than will have flowed."""
    anzahl = len(energien)
    return sum(bezug for bezug, _ in energien) // anzahl, sum(e for _, e in energien) // anzahl


def _seconds(zeitpunkt: str) -> int:
    return int(datetime.fromisoformat(zeitpunkt).timestamp())


def _as_json(ablesung: Ablesung) -> dict[str, Any]:
    return {
        "messzeitpunkt": format_zeitpunkt(datetime.fromtimestamp(ablesung.uhrzeit, UTC)),
        "bezug_gesamt_wh": ablesung.bezug_wh,
        "einspeisung_gesamt_wh": ablesung.einspeisung_wh,
    }
