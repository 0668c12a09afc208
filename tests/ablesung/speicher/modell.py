"""The storage of readings as a child would write it: one list of versions, gone through for every question."""

from collections.abc import Iterable, Sequence

from betreiber.ablesung.domain import Ablesung, Befund, Grenzen, Herkunft, Qualitaet
from telegramm.messwerte import Messwert

VIERTEL = 900
TAG = 86_400
# Monday, 2026-06-01T00:00:00Z.
MONTAG = 1_780_272_000
GRENZEN = Grenzen(fruehestens=0, spaetestens=2**40, hoechstleistung_w=None)


def zeit(nummer: int) -> int:
    """The n-th quarter hour after midnight (UTC) of that Monday."""
    return MONTAG + nummer * VIERTEL


def wert(nummer: int, bezug_wh: int | None = None, *, leistung_w: int | None = None, status: int = 0) -> Messwert:
    """What a meter shows then: 7 Wh a quarter hour, a third of it fed in."""
    bezug_wh = 1_000_000 + 7 * nummer if bezug_wh is None else bezug_wh
    return Messwert(zeit(nummer), bezug_wh, bezug_wh // 3, leistung_w, status)


def gemessen(messwert: Messwert, empfangen: int, herkunft: Herkunft = Herkunft.GERAET) -> Ablesung:
    return Ablesung(*messwert[:4], Qualitaet.ABGELESEN, messwert.status, empfangen, herkunft)


def ersatz(nummer: int, empfangen: int, qualitaet: Qualitaet = Qualitaet.ERSATZWERT) -> Ablesung:
    """An Ersatzwert that is none of the values which a meter sends; a provisional one is hours ahead."""
    zuviel_wh = 30 if qualitaet is Qualitaet.VORLAEUFIGERWERT else 1
    bezug_wh = 1_000_000 + 7 * nummer + zuviel_wh
    return Ablesung(zeit(nummer), bezug_wh, bezug_wh // 3, None, qualitaet, 0, empfangen, Herkunft.ERSATZWERT)


class Modell:
    """One meter."""

    def __init__(self) -> None:
        self.jetzt: dict[int, Ablesung] = {}
        self.frueher: list[tuple[Ablesung, int]] = []

    def write(
        self, werte: Sequence[Messwert], empfangen: int, herkunft: Herkunft = Herkunft.GERAET
    ) -> list[Befund]:
        """Readings that are consistent with all others. What people read gives way to what the meter sends."""
        befunde = []
        for messwert in werte:
            alt = self.jetzt.get(messwert.uhrzeit)
            if alt is not None and alt.qualitaet is Qualitaet.ABGELESEN and alt.herkunft is not Herkunft.MANUELL:
                befunde.append(Befund.DOPPELT)
            else:
                self.replace([gemessen(messwert, empfangen, herkunft)])
                befunde.append(Befund.NEU)
                self._withdraw_around(messwert, empfangen)
        return befunde

    def _withdraw_around(self, messwert: Messwert, empfangen: int) -> None:
        """Away with the Ersatzwerte beside a new reading that do not fit it, up to the measured ones around it.

        The provisional ones after it were counted on from another register: none of them fits.
        """
        for schritt in (-VIERTEL, VIERTEL):
            uhrzeit = messwert.uhrzeit + schritt
            while MONTAG <= uhrzeit < MONTAG + 5 * TAG:
                ablesung = self.jetzt.get(uhrzeit)
                if ablesung is not None and ablesung.qualitaet is Qualitaet.ABGELESEN:
                    break
                if ablesung is not None and (
                    (schritt > 0 and ablesung.qualitaet is Qualitaet.VORLAEUFIGERWERT)
                    or (ablesung.bezug_wh - messwert.bezug_wh) * schritt < 0
                ):
                    self.remove([uhrzeit], empfangen)
                uhrzeit += schritt

    def replace(self, ablesungen: Iterable[Ablesung]) -> None:
        for neu in ablesungen:
            self.remove([neu.uhrzeit], neu.empfangen)
            self.jetzt[neu.uhrzeit] = neu

    def remove(self, zeiten: Iterable[int], moment: int) -> None:
        for uhrzeit in zeiten:
            if uhrzeit in self.jetzt:
                self.frueher.append((self.jetzt.pop(uhrzeit), moment))

    def series(self, von: int, bis: int, stand: int | None = None) -> dict[int, Ablesung]:
        if stand is None:
            gueltig = list(self.jetzt.values())
        else:
            gueltig = [ablesung for ablesung in self.jetzt.values() if ablesung.empfangen <= stand]
            gueltig += [alt for alt, ersetzt in self.frueher if alt.empfangen <= stand < ersetzt]
        return {ablesung.uhrzeit: ablesung for ablesung in sorted(gueltig) if von <= ablesung.uhrzeit <= bis}

    def runs(
        self, von: int, bis: int, stand: int | None = None, *, gemessen: bool = False
    ) -> list[tuple[int, int]]:
        laeufe: list[tuple[int, int]] = []
        for uhrzeit, ablesung in self.series(von, bis, stand).items():
            if gemessen and ablesung.qualitaet is not Qualitaet.ABGELESEN:
                continue
            if laeufe and laeufe[-1][1] == uhrzeit - VIERTEL:
                laeufe[-1] = (laeufe[-1][0], uhrzeit)
            else:
                laeufe.append((uhrzeit, uhrzeit))
        return laeufe
