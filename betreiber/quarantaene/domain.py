"""Rules of deciding on readings in quarantine. Pure."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Protocol, TypeVar

from betreiber.ablesung.domain import Ablesung, Befund
from betreiber.ablesung.zaehlwerk import Abschnitt, Zaehlwerk, begin_anew, begin_rollover
from betreiber.errors import KonfliktFehler
from betreiber.zeit import VIERTELSTUNDE_S


class Grund(StrEnum):
    """Why a reading is in quarantine."""

    KONFLIKT = Befund.KONFLIKT.value
    RUECKLAUF = Befund.RUECKLAUF.value
    ZUKUNFT = Befund.ZUKUNFT.value
    ZU_ALT = Befund.ZU_ALT.value
    LEISTUNG = Befund.LEISTUNG.value


class Entscheidung(StrEnum):
    """What becomes of readings in quarantine."""

    UEBERNEHMEN = "UEBERNEHMEN"
    VERWERFEN = "VERWERFEN"
    UEBERLAUF = "UEBERLAUF"
    WECHSEL = "WECHSEL"
    ERNEUT_PRUEFEN = "ERNEUT_PRUEFEN"


class Fallzustand(StrEnum):
    """Whether staff have decided."""

    OFFEN = "OFFEN"
    ENTSCHIEDEN = "ENTSCHIEDEN"


class Fall(Protocol):
    """A row of the quarantine, as far as deciding on it goes."""

    uhrzeit: int
    entscheidung: str | None


F = TypeVar("F", bound=Fall)


def select_open(faelle: Iterable[F], entscheidung: Entscheidung) -> list[F]:
    """Those on which nobody has decided.

    Raises KonfliktFehler when one was decided otherwise: a decision stands. To judge anew asks for the open ones.
    """
    offene = []
    for fall in faelle:
        if fall.entscheidung is None:
            offene.append(fall)
        elif entscheidung not in (Entscheidung.ERNEUT_PRUEFEN, fall.entscheidung):
            raise KonfliktFehler(
                f"Über eine Ablesung dieses Zeitraums ist schon entschieden: {fall.entscheidung}."
                " Wählen Sie den Zeitraum enger, nennen Sie wert_sha256 der offenen Ablesung, oder korrigieren Sie"
                " den gespeicherten Stand.",
                code="quarantaene_entschieden",
            )
    return offene


def check_unambiguous(faelle: Sequence[Fall]) -> None:
    """Raise KonfliktFehler when two of these readings, ascending, are of the same time: one can be stored."""
    if any(eine.uhrzeit == andere.uhrzeit for eine, andere in pairwise(faelle)):
        raise KonfliktFehler(
            "Für einen Zeitpunkt liegen mehrere Ablesungen in Quarantäne. Nennen Sie wert_sha256 der richtigen.",
            code="quarantaene_mehrdeutig",
        )


def check_rising(ablesungen: Sequence[Ablesung], zaehlwerk: Zaehlwerk) -> None:
    """Raise KonfliktFehler when the energy falls from one of these readings, ascending, to the next."""
    for alt, neu in pairwise(ablesungen):
        if min(zaehlwerk.difference(alt[:4], neu[:4])) < 0:
            raise KonfliktFehler(
                "Der Zählerstand fiele. Entscheiden Sie UEBERLAUF oder WECHSEL, wenn das Zählwerk neu begann; ist"
                " eine gespeicherte Ablesung falsch, korrigieren oder entfernen Sie zuerst diese.",
                code="zaehlerstand_faellt",
            )


def begin_section(
    entscheidung: Entscheidung,
    zaehlwerk: Zaehlwerk,
    vorher: Ablesung | None,
    erste: Ablesung,
    ueberlauf_wh: int,
    jetzt: int,
) -> tuple[Abschnitt, ...]:
    """The sections of a register once it began anew with `erste`; `vorher`: the measured reading before it.

    After a WECHSEL nobody knows what flowed between the two: it counts as nothing. Raises KonfliktFehler without a
    reading before, or when UEBERLAUF is said of registers that have not fallen.
    """
    if vorher is None:
        raise KonfliktFehler(
            "Vor dieser Ablesung ist keine gespeichert. Entscheiden Sie UEBERNEHMEN.", code="zaehlwerk_passt_nicht"
        )
    bisher = (zaehlwerk.faktor, zaehlwerk.abschnitte, erste.uhrzeit)
    if entscheidung is Entscheidung.WECHSEL:
        return begin_anew(*bisher, vorher[1:3], erste[1:3], jetzt)
    bezug, einspeisung = (teil < 0 for teil in zaehlwerk.difference(vorher[:4], erste[:4]))
    if not (bezug or einspeisung):
        raise KonfliktFehler(
            "Der Zählerstand ist nicht gefallen, also nicht übergelaufen. Entscheiden Sie UEBERNEHMEN.",
            code="zaehlwerk_passt_nicht",
        )
    return begin_rollover(*bisher, (ueberlauf_wh * bezug, ueberlauf_wh * einspeisung), jetzt)


def check_fits(befund: Befund) -> None:
    """Raise KonfliktFehler unless the next stored reading can follow a section that begins before it."""
    if befund is not Befund.NEU:
        raise KonfliktFehler(
            "Danach sind Ablesungen gespeichert, die zu einem neu begonnenen Zählwerk nicht passen. Entfernen Sie"
            " zuerst diese.",
            code="zaehlwerk_passt_nicht",
        )


def nearest(laeufe: Sequence[tuple[int, int]], uhrzeit: int) -> tuple[int | None, int | None]:
    """The readings nearest to `uhrzeit` on either side, by time; `laeufe`: ascending stretches (first, last)."""
    vorher = nachher = None
    for erste, letzte in laeufe:
        if erste < uhrzeit:
            vorher = min(letzte, uhrzeit - VIERTELSTUNDE_S)
        if letzte > uhrzeit:
            nachher = max(erste, uhrzeit + VIERTELSTUNDE_S)
            break
    return vorher, nachher
