"""Rules of meters: their states, what the register says of them, and when they are somebody's. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum

from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.zeit import day_start

# Nothing older hangs anywhere: an induction meter is verified anew every 16 years, and few times.
FRUEHESTE_KENNZEICHNUNG = 1950
_ICCID = re.compile(r"89[0-9]{17,18}")


class Zaehlerzustand(StrEnum):
    """Where a meter is in its life. GESPERRT: distrusted, at its place or not."""

    LAGER = "LAGER"
    EINGEBAUT = "EINGEBAUT"
    GESPERRT = "GESPERRT"
    AUSGEBAUT = "AUSGEBAUT"
    VERSCHROTTET = "VERSCHROTTET"


class Bauart(StrEnum):
    """How a meter measures; its Eichfrist follows from it. INDUKTION_WANDLER: with a disc, behind transformers."""

    ELEKTRONISCH = "ELEKTRONISCH"
    INDUKTION = "INDUKTION"
    INDUKTION_WANDLER = "INDUKTION_WANDLER"


_UEBERGAENGE = {
    Zaehlerzustand.LAGER: {Zaehlerzustand.EINGEBAUT, Zaehlerzustand.GESPERRT, Zaehlerzustand.VERSCHROTTET},
    Zaehlerzustand.EINGEBAUT: {Zaehlerzustand.AUSGEBAUT, Zaehlerzustand.GESPERRT},
    Zaehlerzustand.GESPERRT: set(Zaehlerzustand) - {Zaehlerzustand.GESPERRT},
    Zaehlerzustand.AUSGEBAUT: set(Zaehlerzustand) - {Zaehlerzustand.AUSGEBAUT},
    Zaehlerzustand.VERSCHROTTET: set(),
}
# What fits a meter that hangs at a Messstelle, and one that does not.
_AM_PLATZ = {Zaehlerzustand.EINGEBAUT, Zaehlerzustand.GESPERRT}


def list_erlaubte(alt: Zaehlerzustand, *, eingebaut: bool) -> list[str]:
    """The states that a meter may take next, in the order of its life; `eingebaut`: it hangs at a Messstelle."""
    passend = _AM_PLATZ if eingebaut else set(Zaehlerzustand) - {Zaehlerzustand.EINGEBAUT}
    return [str(zustand) for zustand in Zaehlerzustand if zustand in _UEBERGAENGE[alt] & passend]


def check_zustand(alt: Zaehlerzustand, neu: Zaehlerzustand, *, eingebaut: bool) -> None:
    """Raise KonfliktFehler, which names the states that are allowed, unless a meter may go from one to another.

    `eingebaut`: whether it hangs at a Messstelle. EINGEBAUT and AUSGEBAUT follow from an Einbau, nobody sets them
    against it.
    """
    if alt == neu:
        return
    erlaubt = list_erlaubte(alt, eingebaut=eingebaut)
    if neu not in erlaubt:
        raise zustand_nicht_erlaubt(alt, neu, erlaubt)


def zustand_nicht_erlaubt(alt: Zaehlerzustand, neu: Zaehlerzustand, erlaubt: Sequence[str]) -> KonfliktFehler:
    """Why a meter cannot go from one state to another; `erlaubt`: those to which it can."""
    hinweis = (
        f"Möglich sind: {', '.join(erlaubt)}. Ein- und Ausbau laufen über den Einbau."
        if erlaubt
        else "Dieser Zustand ist endgültig."
    )
    return KonfliktFehler(
        f"Der Zähler ist {alt} und kann so nicht {neu} werden. {hinweis}",
        code="zustand_nicht_erlaubt",
        weitere={"erlaubt": erlaubt},
    )


def check_iccid(iccid: str) -> str:
    """Return the number of a SIM card without spaces: 19 or 20 digits, 89 first, the last one a check digit.

    ITU-T E.118; the check digit is that of ISO/IEC 7812-1 (Luhn). Raises EingabeUngueltig.
    """
    ziffern = iccid.replace(" ", "")
    if _ICCID.fullmatch(ziffern) is None:
        raise _iccid_invalid("Die ICCID der SIM-Karte hat 19 oder 20 Ziffern und beginnt mit 89.")
    # From the right: every second digit counts twice, of two digits their sum.
    doppelt = (sum(divmod(2 * int(ziffer), 10)) for ziffer in ziffern[-2::-2])
    if (sum(doppelt) + sum(map(int, ziffern[::-2]))) % 10:
        raise _iccid_invalid("Die Prüfziffer der ICCID stimmt nicht. Sehen Sie auf der Karte nach.")
    return ziffern


def _iccid_invalid(detail: str) -> EingabeUngueltig:
    return EingabeUngueltig(detail, feld="sim_iccid", code="iccid_ungueltig")


def check_lebensdaten(kennzeichnung_jahr: int | None, inbetriebnahme_datum: date | None, heute: date) -> None:
    """Raise EingabeUngueltig unless marking and commissioning are plausible and in order.

    A meter may bear the mark of next year, when it is made at the end of this one; nobody commissions it before.
    """
    if kennzeichnung_jahr is not None and not FRUEHESTE_KENNZEICHNUNG <= kennzeichnung_jahr <= heute.year + 1:
        raise EingabeUngueltig(
            f"Das Jahr der Kennzeichnung liegt zwischen {FRUEHESTE_KENNZEICHNUNG} und {heute.year + 1}.",
            feld="kennzeichnung_jahr",
        )
    if inbetriebnahme_datum is None:
        return
    if inbetriebnahme_datum > heute:
        raise EingabeUngueltig(
            "Das Datum liegt in der Zukunft.", feld="inbetriebnahme_datum", code="datum_in_zukunft"
        )
    if kennzeichnung_jahr is not None and inbetriebnahme_datum.year < kennzeichnung_jahr:
        raise EingabeUngueltig(
            f"Der Zähler ist mit {kennzeichnung_jahr} gekennzeichnet und kann nicht am"
            f" {inbetriebnahme_datum:%d.%m.%Y} in Betrieb gegangen sein. Prüfen Sie Kennzeichnung und Datum.",
            feld="inbetriebnahme_datum",
            code="inbetriebnahme_zu_frueh",
        )


def check_gewaehrleistung(
    ende_datum: date | None, inbetriebnahme_datum: date | None, feld: str = "gewaehrleistung_ende_datum"
) -> None:
    """Raise EingabeUngueltig for a warranty that ended before the meter was in service.

    ASSUMPTION: a warranty begins when the meter is delivered and is still running when it is first put in. For one
    that lay in the warehouse for longer no end is entered: nobody could claim anything.
    """
    if ende_datum is not None and inbetriebnahme_datum is not None and ende_datum < inbetriebnahme_datum:
        raise EingabeUngueltig(
            f"Die Gewährleistung kann nicht vor der Inbetriebnahme am {inbetriebnahme_datum:%d.%m.%Y} enden."
            " Prüfen Sie beide Daten.",
            feld=feld,
            code="gewaehrleistung_zu_frueh",
        )


def check_seit_inbetriebnahme(zeitpunkt: datetime, inbetriebnahme_datum: date | None, feld: str) -> None:
    """Raise EingabeUngueltig for an instant at which a meter was not in service yet; `feld` names it."""
    if inbetriebnahme_datum is not None and zeitpunkt < day_start(inbetriebnahme_datum):
        raise EingabeUngueltig(
            f"Der Zeitpunkt liegt vor der Inbetriebnahme des Zählers am {inbetriebnahme_datum:%d.%m.%Y}."
            " Prüfen Sie Datum und Uhrzeit.",
            feld=feld,
            code="vor_dem_einbau",
        )


def check_zeitraum(von: date, bis: date | None) -> None:
    """Raise EingabeUngueltig unless [von, bis) is a period of days or of instants; no `bis` = open."""
    if bis is not None and bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")


def clip(
    zeitraeume: Iterable[tuple[datetime, datetime | None]], von: datetime, bis: datetime
) -> list[tuple[datetime, datetime]]:
    """The parts of [von, bis) that lie in one of these periods, which are ordered and do not overlap.

    Periods that touch become one: the edge between them means nothing to whoever asks.
    """
    teile: list[tuple[datetime, datetime]] = []
    for beginn, ende in zeitraeume:
        anfang, schluss = max(beginn, von), bis if ende is None else min(ende, bis)
        if anfang >= schluss:
            continue
        if teile and teile[-1][1] == anfang:
            teile[-1] = (teile[-1][0], schluss)
        else:
            teile.append((anfang, schluss))
    return teile
