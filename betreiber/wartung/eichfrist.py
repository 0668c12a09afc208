"""The Eichfrist: how long a meter may be used for billing, and what may be billed after it. Pure.

Sources: MessEG §§ 37, 38; MessEV §§ 34, 35 and Anlage 7. The periods stand in DAUERN as dated rows, because the
law changes them. Every result explains itself in German sentences that name the law ("Warum dieser Tag").
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from betreiber.arbeitstage import arbeitstag_bis
from betreiber.errors import EingabeUngueltig
from betreiber.stromzaehler.domain import Bauart
from betreiber.wartung.domain import (
    RECHTSQUELLE,
    Abrechnungsteil,
    Eichungsart,
    Freigabe,
    Rechtsgrund,
    Tatsache,
    add_months,
    german,
)
from betreiber.zeit import day_start, local_date

ANTRAGSFRIST = timedelta(weeks=10)  # MessEG § 38 Satz 1
LOSANTRAG_MONATE = 24  # MessEV § 35: at most 2 years before the end
NICHTBENUTZUNG_MONATE = 12  # MessEV § 34 Abs. 1: more than a year


@dataclass(frozen=True, slots=True)
class Dauer:
    """The Eichfrist of a kind of meter, for periods that begin on `ab` or later."""

    bauart: str
    ab: date
    jahre: int
    text: str


# MessEV Anlage 7 through § 34, as of 2026-08; the Eichordnung before 2015 had the same periods.
DAUERN = (
    Dauer(Bauart.ELEKTRONISCH, date.min, 8, "Elektronische Zähler"),
    Dauer(Bauart.INDUKTION, date.min, 16, "Induktionszähler mit direktem Anschluss"),
    Dauer(Bauart.INDUKTION_WANDLER, date.min, 12, "Induktionszähler am Wandler"),
)
# MessEV § 34: what Anlage 7 does not name.
SONSTIGE = Dauer("", date.min, 2, "Nicht in Anlage 7 genannte Messgeräte")


@dataclass(frozen=True, slots=True)
class Gueltigkeit:
    """Days on which a meter could be used for billing, both included; `von` None: since it was marked.

    `antrag_rechtzeitig`: it ran out, or runs, and verification was applied for in time before its end.
    """

    von: date | None
    bis: date
    antrag_rechtzeitig: bool = False


@dataclass(frozen=True, slots=True)
class Eichfrist:
    """When a meter could be used for billing, and why; no `zeiten`: neither marking nor verification is known.

    `zeiten` are in order and do not overlap. `ende_datum`: the last day, that of the last of them unless a very
    late verification began a period that was over before it. `vorzeitig`: the last of them ended early.
    """

    zeiten: tuple[Gueltigkeit, ...]
    ende_datum: date | None
    vorzeitig: bool
    begruendung: tuple[str, ...]

    @property
    def antragsfrist_datum(self) -> date | None:
        """The last day to apply for verification, so that the meter stays usable; None when it cannot any more."""
        ende = self.ende_datum
        if ende is None or self.vorzeitig or self.zeiten[-1].bis < ende:
            return None
        return ende - ANTRAGSFRIST

    def antragswarnung_datum(self, bundesland: str | None) -> date | None:
        """The last working day up to `antragsfrist_datum` where the meter hangs: the day on which to warn.

        None also when the application is in: there is nothing to warn of.
        """
        frist = self.antragsfrist_datum
        if frist is None or self.zeiten[-1].antrag_rechtzeitig:
            return None
        return arbeitstag_bis(frist, bundesland)

    def has_antrag(self, tag: date) -> bool:
        """Whether a day lies behind a period before whose end verification was applied for in time.

        Source: MessEG § 38 Satz 1. The verification that follows takes nothing from the days before it.
        """
        begonnen = [zeit for zeit in self.zeiten if zeit.von is None or zeit.von <= tag]
        return bool(begonnen) and begonnen[-1].bis < tag and begonnen[-1].antrag_rechtzeitig


def find_dauer(bauart: str, beginn: date, dauern: Iterable[Dauer] = DAUERN) -> Dauer:
    """How long an Eichfrist lasts that begins on a day.

    ASSUMPTION: a change of the law does not touch periods that run; wrong if it says otherwise.
    """
    zeilen = [zeile for zeile in dauern if zeile.bauart == bauart and zeile.ab <= beginn]
    return max(zeilen, key=lambda zeile: zeile.ab, default=SONSTIGE)


# Of one day: what was opened and verified again is verified, an application asks for that verification and not for
# the one after it, and lots are about what holds then.
_REIHENFOLGE = [
    Eichungsart.EINGRIFF,
    Eichungsart.ANTRAG,
    Eichungsart.EICHUNG,
    Eichungsart.LOSVERLAENGERUNG,
    Eichungsart.NICHTBENUTZUNG,
]


def compute_eichfrist(bauart: str, kennzeichnung_jahr: int | None, tatsachen: Iterable[Tatsache]) -> Eichfrist:
    """What follows from marking and facts, in the order in which they happened.

    ASSUMPTION: the day on which a period ends early still belongs to it; wrong by the hours after an intervention.
    """
    verlauf = _Verlauf(bauart)
    if kennzeichnung_jahr is not None:
        verlauf.mark(kennzeichnung_jahr)
    reihe = sorted(tatsachen, key=lambda tatsache: (tatsache.datum, _REIHENFOLGE.index(tatsache.art)))
    for tatsache in reihe:
        if tatsache.art is Eichungsart.EICHUNG:
            verlauf.verify(tatsache.datum, reihe)
        elif tatsache.art is Eichungsart.EINGRIFF:
            verlauf.break_off(tatsache.datum)
        elif tatsache.art is Eichungsart.LOSVERLAENGERUNG:
            verlauf.extend(tatsache)
        elif tatsache.art is Eichungsart.ANTRAG:
            verlauf.apply_for(tatsache.datum)
    if not verlauf.zeiten:
        verlauf.saetze.append(
            "Die Eichfrist ist unbekannt: Tragen Sie das Kennzeichnungsjahr oder die letzte Eichung ein."
        )
    return Eichfrist(tuple(verlauf.zeiten), verlauf.ende, verlauf.vorzeitig, tuple(verlauf.saetze))


class _Verlauf:
    """The Eichfrist while one fact after the other is told."""

    def __init__(self, bauart: str) -> None:
        self.bauart = bauart
        self.zeiten: list[Gueltigkeit] = []
        self.ende: date | None = None
        self.saetze: list[str] = []
        self.vorzeitig = False

    def mark(self, jahr: int) -> None:
        self.saetze.append(
            f"Mit {jahr} gekennzeichnet: In diesem Jahr begann vermutlich die Eichfrist (MessEV § 34 Abs. 1)."
        )
        self._begin(None, date(jahr, 1, 1))

    def verify(self, datum: date, tatsachen: Iterable[Tatsache]) -> None:
        ende = self.ende
        # ASSUMPTION: after an early end a new period begins on its day, because no period ran that it could be
        # late for; wrong if the authority counts from the early end.
        if ende is None or self.vorzeitig or datum <= ende:
            beginn = datum
            self.saetze.append(f"Am {german(datum)} geeicht: Eine neue Eichfrist begann (MessEV § 34 Abs. 1).")
        elif _unused(ende, datum, tatsachen):
            beginn = datum
            self.saetze.append(
                f"Erst am {german(datum)} geeicht, aber nach dem Ende der Eichfrist nachweislich mehr als ein Jahr"
                " nicht benutzt: Die neue begann mit der Eichung (MessEV § 34 Abs. 1)."
            )
        else:
            beginn = ende
            self.saetze.append(
                f"Erst am {german(datum)} geeicht: Die neue Eichfrist zählt ab dem Ende der alten am"
                f" {german(ende)} (MessEV § 34 Abs. 1)."
            )
        self.vorzeitig = False
        self._supersede(datum)
        self._begin(datum, beginn)

    def break_off(self, datum: date) -> None:
        if self.ende is not None and datum >= self.ende:
            return
        von = self.zeiten.pop().von if self.zeiten else None
        self.zeiten.append(Gueltigkeit(von, datum))
        self.ende, self.vorzeitig = datum, True
        self.saetze.append(
            f"Eingriff, beschädigte Kennzeichen oder überschrittene Fehlergrenze am {german(datum)}:"
            " Die Eichfrist endete vorzeitig (MessEG § 37 Abs. 2)."
        )

    def extend(self, tatsache: Tatsache) -> None:
        ende, bis = self.ende, tatsache.bis_datum
        if not may_extend(ende, self.vorzeitig, tatsache.datum) or ende is None or bis is None or bis <= ende:
            self.saetze.append(
                f"Die am {german(tatsache.datum)} beantragte Verlängerung nach Los zählt nicht (MessEV § 35)."
            )
            return
        # Who had applied before had done so for the old end; a meter that is used on needs a new application.
        self.zeiten[-1], self.ende = replace(self.zeiten[-1], bis=bis, antrag_rechtzeitig=False), bis
        self.saetze.append(
            f"Am {german(tatsache.datum)} beantragt, nach Stichprobe des Loses {tatsache.los} verlängert bis"
            f" {german(bis)} (MessEV § 35)."
        )

    def apply_for(self, datum: date) -> None:
        if self.ende is None or self.vorzeitig:
            return
        frist = self.ende - ANTRAGSFRIST
        rechtzeitig = datum <= frist
        if rechtzeitig:
            self.zeiten[-1] = replace(self.zeiten[-1], antrag_rechtzeitig=True)
        wann = "rechtzeitig" if rechtzeitig else "zu spät"
        self.saetze.append(
            f"Eichung am {german(datum)} {wann} beantragt; die Frist endet 10 Wochen vor dem Ende der Eichfrist am"
            f" {german(frist)} (MessEG § 38 Satz 1)."
        )

    def _supersede(self, datum: date) -> None:
        """End the period that runs when the next begins on a day: it must not outlast an early end of the next."""
        if self.ende is None or self.ende < datum:
            return
        von = self.zeiten.pop().von
        # One that began on the same day never ran.
        if von is None or von < datum:
            self.zeiten.append(Gueltigkeit(von, datum - timedelta(days=1)))

    def _begin(self, von: date | None, beginn: date) -> None:
        dauer = find_dauer(self.bauart, beginn)
        # MessEV § 34: a period counted in years ends with the calendar year.
        self.ende = ende = date(beginn.year + dauer.jahre, 12, 31)
        self.saetze.append(
            f"{dauer.text}: {dauer.jahre} Jahre (MessEV § 34, Anlage 7), bis zum Ende des Kalenderjahres:"
            f" {german(ende)}."
        )
        if von is None or von <= ende:
            self.zeiten.append(Gueltigkeit(von, ende))
        else:
            self.saetze.append(
                "Diese Eichfrist war am Tag der Eichung schon vorbei und macht keinen Tag abrechenbar: Tauschen"
                " Sie den Zähler, oder weisen Sie nach, dass er nach dem Ende der alten mehr als ein Jahr nicht"
                " benutzt wurde (MessEV § 34 Abs. 1)."
            )


def may_extend(ende: date | None, vorzeitig: bool, antrag: date) -> bool:
    """Whether a day lies in the last 2 years, in which an extension by a sample lot is asked for (MessEV § 35)."""
    return ende is not None and not vorzeitig and add_months(ende, -LOSANTRAG_MONATE) <= antrag <= ende


def check_verlaengerung(frist: Eichfrist, tatsache: Tatsache) -> None:
    """Raise EingabeUngueltig for an extension that the law does not know, or that extends nothing."""
    ende = frist.ende_datum
    if not may_extend(ende, frist.vorzeitig, tatsache.datum):
        raise EingabeUngueltig(
            "Eine Verlängerung nach Stichprobe ist frühestens zwei Jahre vor dem Ende der Eichfrist und spätestens"
            " an diesem Tag zu beantragen (MessEV § 35).",
            feld="datum",
            code="losverlaengerung_unzulaessig",
        )
    if ende is not None and tatsache.bis_datum is not None and tatsache.bis_datum <= ende:
        raise EingabeUngueltig(
            f"Die Eichfrist läuft schon bis {german(ende)}.", feld="bis_datum", code="losverlaengerung_unzulaessig"
        )


def _unused(ende: date, eichung: date, tatsachen: Iterable[Tatsache]) -> bool:
    """Whether a meter was unused for more than a year in one piece after its Eichfrist and before a verification.

    MessEV § 34 Abs. 1 Satz 4 counts the days after the end, and does not ask that they reach the verification.
    """
    for tatsache in tatsachen:
        if tatsache.art is Eichungsart.NICHTBENUTZUNG:
            bis = min(tatsache.bis_datum or eichung, eichung)
            if bis > add_months(max(tatsache.datum, ende), NICHTBENUTZUNG_MONATE):
                return True
    return False


def split_abrechenbar(
    frist: Eichfrist, freigaben: Sequence[Freigabe], von: datetime, bis: datetime
) -> list[Abrechnungsteil]:
    """[von, bis) in stretches that may be billed or not, in order, cut at local days."""
    freigaben = [_until_next(frist, freigabe) for freigabe in freigaben]
    tage = {zeit.von for zeit in frist.zeiten} | {freigabe.von_datum for freigabe in freigaben}
    letzte = {zeit.bis for zeit in frist.zeiten} | {freigabe.bis_datum for freigabe in freigaben}
    wechsel = {tag for tag in tage if tag} | {tag + timedelta(days=1) for tag in letzte if tag}
    kanten = [von, *sorted(kante for kante in map(day_start, wechsel) if von < kante < bis), bis]
    teile: list[Abrechnungsteil] = []
    for beginn, ende in pairwise(kanten):
        abrechenbar, grund, satz = _judge(frist, freigaben, local_date(beginn))
        if teile and (teile[-1].grund, teile[-1].begruendung) == (grund, satz):
            beginn = teile.pop().von
        teile.append(Abrechnungsteil(beginn, ende, abrechenbar, grund, satz))
    return teile


def _until_next(frist: Eichfrist, freigabe: Freigabe) -> Freigabe:
    """A ground ends with the verification that follows: what comes after the period of that one needs its own."""
    beginne = [zeit.von for zeit in frist.zeiten if zeit.von is not None and zeit.von > freigabe.von_datum]
    enden = [tag - timedelta(days=1) for tag in beginne] + [tag for tag in (freigabe.bis_datum,) if tag]
    return replace(freigabe, bis_datum=min(enden, default=None))


def _is_ground(frist: Eichfrist, freigabe: Freigabe, tag: date) -> bool:
    """Whether a ground holds on a day; an application in time only while it stands there as a fact."""
    if not freigabe.von_datum <= tag <= (freigabe.bis_datum or tag):
        return False
    return freigabe.rechtsgrund is not Rechtsgrund.ANTRAG_RECHTZEITIG or frist.has_antrag(tag)


def _judge(frist: Eichfrist, freigaben: Sequence[Freigabe], tag: date) -> tuple[bool, str, str]:
    """Whether readings of a day may be billed, the ground as a code and as a sentence.

    ASSUMPTION: what is unknown is billed: nobody has shown that the Eichfrist is over. Wrong for a meter without
    marking whose register entry nobody completes.
    """
    for zeit in reversed(frist.zeiten):
        if (zeit.von is None or zeit.von <= tag) and tag <= zeit.bis:
            return True, "EICHFRIST", f"Die Eichfrist lief bis zum {german(zeit.bis)} (MessEG § 37 Abs. 1)."
    for freigabe in freigaben:
        if _is_ground(frist, freigabe, tag):
            satz = f"Freigegeben: {RECHTSQUELLE[freigabe.rechtsgrund]}. Beleg: {freigabe.beleg}."
            return True, freigabe.rechtsgrund, satz
    vorher = [zeit.bis for zeit in frist.zeiten if zeit.bis < tag]
    if vorher:
        satz = f"Die Eichfrist endete am {german(max(vorher))}; ohne Freigabe keine Abrechnung (MessEG § 37)."
        return False, "EICHFRIST_ABGELAUFEN", satz
    return True, "EICHFRIST_UNBEKANNT", "Die Eichfrist ist für diese Tage nicht bekannt. Ergänzen Sie die Angaben."
