"""What surrounds the meter acts on it: supply, cover, magnet and clock chip, with the entries in its log.

Each `Eingriff` is noticed in one transaction: it leaves the inbox, begins or ends what lasts, moves the clock chip
and is in the log, or none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stromzaehler_sim.protokoll import Code
from stromzaehler_sim.stoerung import OHNE_PHASE, Eingriff, Eingriffsart, Lage, Lageart
from stromzaehler_sim.uhr import Rtc, Uhr, draw_gang_ppm
from stromzaehler_sim.zaehlwerk import Zaehlwerk

VERLUSTE: Final = (Eingriffsart.PUFFER_VERLUST, Eingriffsart.SCHLUESSEL_VERLUST)

_BEGINNT = {
    Eingriffsart.STROMAUSFALL: Lageart.STROMAUSFALL,
    Eingriffsart.DECKEL_AUF: Lageart.GEHAEUSE_OFFEN,
    Eingriffsart.MAGNET_AN: Lageart.MAGNETFELD,
}
_ENDET = {
    Eingriffsart.WIEDERKEHR: Lageart.STROMAUSFALL,
    Eingriffsart.DECKEL_ZU: Lageart.GEHAEUSE_OFFEN,
    Eingriffsart.MAGNET_AUS: Lageart.MAGNETFELD,
}
_CODES_BEGINN = {
    Lageart.STROMAUSFALL: (Code.SPANNUNGSAUSFALL, Code.LETZTES_LEBENSZEICHEN),
    Lageart.GEHAEUSE_OFFEN: (Code.GEHAEUSE_OFFEN,),
    Lageart.MAGNETFELD: (Code.MAGNETFELD,),
    **dict.fromkeys(OHNE_PHASE, (Code.PHASE_FEHLT,)),
}
_CODES_ENDE = {
    Lageart.STROMAUSFALL: (Code.SPANNUNGSWIEDERKEHR, Code.NETZAUSFALL, Code.NEUSTART),
    Lageart.GEHAEUSE_OFFEN: (Code.GEHAEUSE_ZU,),
    Lageart.MAGNETFELD: (Code.MAGNETFELD_ENDE,),
    **dict.fromkeys(OHNE_PHASE, (Code.PHASE_DA,)),
}


class Umwelt:
    """The surroundings of one meter. Usable by one thread at a time."""

    def __init__(self, zaehlwerk: Zaehlwerk, uhr: Uhr, zaehler: str) -> None:
        self._zaehlwerk = zaehlwerk
        self._uhr = uhr
        rtc = zaehlwerk.load_rtc()
        if rtc is None:
            # The maker set the clock right; from then on it drifts.
            rtc = Rtc(uhr.now(), 0.0, draw_gang_ppm(zaehler))
            with zaehlwerk.transaction():
                zaehlwerk.save_rtc(rtc)
        self._rtc = rtc

    def rtc_now(self) -> float:
        """What the clock chip shows, in seconds since 1970."""
        return self._rtc.show(self._uhr.now())

    def lasts(self, art: Lageart, jetzt: float) -> bool:
        """Whether a fault lasts at ``jetzt``. While STROMAUSFALL does, a meter does nothing at all."""
        return any(lage.art is art for lage in self._zaehlwerk.stoerungen.lasting(jetzt))

    def notice(self, jetzt: float, uhrzeit: float, lose: Callable[[Eingriffsart], None]) -> bool:
        """Take note of everything that was done to the meter, and of what came to its end; True when anything was.

        ``jetzt`` is when it happens, ``uhrzeit`` what the meter's clock says then, for the log; both in s since
        1970, and equal unless the meter has lost its time. ``lose`` destroys what the `VERLUSTE` name.
        """
        bemerkt = False
        for lage in self._zaehlwerk.stoerungen.ended(jetzt):
            bemerkt = True
            self._settle(lage, uhrzeit - jetzt)
        while (erster := self._zaehlwerk.stoerungen.first()) is not None:
            bemerkt = True
            nummer, eingriff = erster
            with self._zaehlwerk.transaction():
                self._zaehlwerk.stoerungen.remove(nummer)
                self._apply(eingriff, jetzt, uhrzeit)
            # Only now: killed here, nothing is lost; the other way round the next keys would be lost, too.
            if eingriff.art in VERLUSTE:
                lose(eingriff.art)
            for lage in self._zaehlwerk.stoerungen.ended(jetzt):
                self._settle(lage, uhrzeit - jetzt)
        return bemerkt

    def note_clock(self, *, ungueltig: bool, uhrzeit: float) -> None:
        """The meter's time was lost, or is there again at its own instant ``uhrzeit``.

        What is stamped afterwards is marked from the last reading on: `Lageart.UHR_UNGUELTIG`.
        """
        with self._zaehlwerk.transaction():
            if ungueltig:
                von = self._zaehlwerk.uhrzeit or int(self._uhr.now())
                if self._zaehlwerk.stoerungen.begin(Lageart.UHR_UNGUELTIG, von, None):
                    self._zaehlwerk.protokoll.insert(uhrzeit, Code.UHR_UNGUELTIG)
            else:
                self._zaehlwerk.stoerungen.end(Lageart.UHR_UNGUELTIG, int(uhrzeit))

    def _apply(self, eingriff: Eingriff, jetzt: float, uhrzeit: float) -> None:
        protokoll = self._zaehlwerk.protokoll
        match eingriff.art:
            case Eingriffsart.PHASE_WEG:
                self._begin(OHNE_PHASE[(eingriff.wert or 1) - 1], jetzt, uhrzeit, eingriff.dauer_s)
            case Eingriffsart.PHASE_DA:
                self._zaehlwerk.stoerungen.end(OHNE_PHASE[(eingriff.wert or 1) - 1], int(jetzt))
            case art if art in _BEGINNT:
                self._begin(_BEGINNT[art], jetzt, uhrzeit, eingriff.dauer_s)
            case art if art in _ENDET:
                self._zaehlwerk.stoerungen.end(_ENDET[art], int(jetzt))
            case Eingriffsart.UHR_VERLUST:
                self._set_rtc(self._rtc.lose(self._uhr.now()))
            case Eingriffsart.UHR_VERSATZ:
                self._set_rtc(self._rtc.move(self._uhr.now(), eingriff.wert or 0))
            case Eingriffsart.UHR_GANG:
                self._set_rtc(self._rtc.run_at(self._uhr.now(), eingriff.wert or 0))
            case Eingriffsart.PUFFER_VERLUST:
                protokoll.insert(uhrzeit, Code.PUFFER_VERLOREN)
            case Eingriffsart.SCHLUESSEL_VERLUST:
                protokoll.insert(uhrzeit, Code.SCHLUESSEL_VERLOREN)

    def _begin(self, art: Lageart, jetzt: float, uhrzeit: float, dauer_s: int | None) -> None:
        # What is counted already stays counted: a fault acts from now on.
        von = max(int(jetzt), self._zaehlwerk.uhrzeit or 0)
        if self._zaehlwerk.stoerungen.begin(art, von, None if dauer_s is None else von + dauer_s):
            for code in _CODES_BEGINN[art]:
                self._zaehlwerk.protokoll.insert(uhrzeit, code, _text(code, art))

    def _settle(self, lage: Lage, versatz_s: float) -> None:
        bis = lage.bis if lage.bis is not None else lage.von
        with self._zaehlwerk.transaction():
            self._zaehlwerk.stoerungen.settle(lage)
            for code in _CODES_ENDE.get(lage.art, ()):
                self._zaehlwerk.protokoll.insert(bis + versatz_s, code, _text(code, lage.art, bis - lage.von))

    def _set_rtc(self, rtc: Rtc) -> None:
        self._zaehlwerk.save_rtc(rtc)
        self._rtc = rtc


def _text(code: Code, art: Lageart, dauer_s: int = 0) -> str:
    """The text of an entry where it says more than its code."""
    match code:
        case Code.PHASE_FEHLT:
            return f"{art.value[-2:]} ist ohne Spannung."
        case Code.PHASE_DA:
            return f"{art.value[-2:]} ist nach {_duration(dauer_s)} wieder unter Spannung."
        case Code.NETZAUSFALL:
            return f"Netzausfall beendet, er dauerte {_duration(dauer_s)}."
        case _:
            return ""


def _duration(sekunden: int) -> str:
    stunden, rest = divmod(sekunden, 3600)
    minuten, sekunden = divmod(rest, 60)
    return f"{stunden}:{minuten:02d}:{sekunden:02d} h"
