"""The syntax of EDIFACT (ISO 9735): segments, elements, and the counts and references that must agree.

Nothing here knows what a message means. An interchange whose counts or references are wrong is incomplete or was
tampered with: it is refused as a whole, before anything of it is used.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from betreiber.errors import EingabeUngueltig

SEGMENT_HOECHSTENS = 4096
_STANDARD = ":+.? '"


class Segment(NamedTuple):
    """A segment: its number in the interchange from 1 (UNA does not count), tag, and elements of components."""

    nummer: int
    name: str
    elemente: tuple[tuple[str, ...], ...]

    def get(self, element: int, komponente: int = 0) -> str:
        """A component, counted from 0 behind the tag; empty where there is none."""
        if element >= len(self.elemente) or komponente >= len(self.elemente[element]):
            return ""
        return self.elemente[element][komponente]


class Nachricht(NamedTuple):
    """A message: type and version as UNH gives them, and its segments between UNH and UNT."""

    referenz: str
    art: tuple[str, ...]
    segmente: Sequence[Segment]


class Uebertragung(NamedTuple):
    """An interchange. `dezimalzeichen`: as UNA gives it; `test`: the sender marked it as a test."""

    referenz: str
    dezimalzeichen: str
    test: bool
    nachrichten: Sequence[Nachricht]


def looks_like_edifact(anfang: bytes) -> bool:
    """Whether a file that begins so is an interchange."""
    return anfang.lstrip().startswith((b"UNA", b"UNB"))


def parse(inhalt: bytes) -> Uebertragung:
    """Read an interchange. Raises EingabeUngueltig where its syntax, counts or references are wrong."""
    # UNOC, the character set of the German market, is ISO 8859-1.
    text = inhalt.decode("latin-1").lstrip()
    zeichen = _STANDARD
    if text.startswith("UNA"):
        zeichen, text = text[3:9], text[9:].lstrip()
        if len(set(zeichen)) != 6 or any(z.isalnum() for z in zeichen):
            raise EingabeUngueltig(f"Das Segment UNA nennt unbrauchbare Trennzeichen: {zeichen!r}.")
    segmente = list(_iter_segments(text, zeichen))
    if not segmente or segmente[0].name != "UNB" or segmente[-1].name != "UNZ":
        raise EingabeUngueltig("Kein UNB am Anfang oder kein UNZ am Ende: die Übertragung ist unvollständig.")
    kopf, schluss = segmente[0], segmente[-1]
    nachrichten = list(_iter_messages(segmente[1:-1]))
    _check_count("UNZ", schluss, len(nachrichten), "Nachrichten")
    _check_reference("UNZ", schluss, kopf.get(4))
    return Uebertragung(kopf.get(4), zeichen[2], kopf.get(10) == "1", nachrichten)


def _iter_segments(text: str, zeichen: str) -> Iterator[Segment]:
    teiler, element, freigabe, ende = zeichen[0], zeichen[1], zeichen[3], zeichen[5]
    # A released character is none of the syntax: a segment goes up to an end that is not released.
    muster = re.compile(_unreleased(ende, freigabe) + re.escape(ende) + r"\s*", re.DOTALL)
    stelle = nummer = 0
    while stelle < len(text):
        treffer = muster.match(text, stelle)
        nummer += 1
        if treffer is None or len(treffer[0]) > SEGMENT_HOECHSTENS or "\0" in treffer[0]:
            raise EingabeUngueltig(f"Das {nummer}. Segment hat kein Ende, ist zu lang oder enthält Nullzeichen.")
        stelle = treffer.end()
        yield Segment(nummer, *_read_text(treffer[1], element, teiler, freigabe))


# An interchange says the same instants of every place: so they are in memory once.
@lru_cache(20_000)
def _read_text(text: str, element: str, teiler: str, freigabe: str) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """Tag and elements of a segment."""
    tag, *elemente = (
        tuple(_release(teil, freigabe) for teil in _split(stueck, teiler, freigabe))
        for stueck in _split(text, element, freigabe)
    )
    return tag[0], tuple(elemente)


def _split(text: str, trenner: str, freigabe: str) -> list[str]:
    """The parts of a text between separators that are not released."""
    if freigabe not in text:
        return text.split(trenner)
    teile, stelle = [], 0
    muster = re.compile(_unreleased(trenner, freigabe), re.DOTALL)
    while stelle <= len(text):
        treffer = muster.match(text, stelle)
        teile.append(treffer[0] if treffer else "")
        stelle += len(teile[-1]) + 1
    return teile


def _unreleased(trenner: str, freigabe: str) -> str:
    """The pattern of a text up to a separator that is not released."""
    trenner, freigabe = re.escape(trenner), re.escape(freigabe)
    # Bounded, and without a way back: a file of many MiB without a separator must not fill the memory.
    return f"((?:[^{freigabe}{trenner}]|{freigabe}.){{0,{SEGMENT_HOECHSTENS}}}+)"


def _release(text: str, freigabe: str) -> str:
    return re.sub(re.escape(freigabe) + "(.)", r"\1", text, flags=re.DOTALL) if freigabe in text else text


def _iter_messages(segmente: Sequence[Segment]) -> Iterator[Nachricht]:
    beginn: int | None = None
    for stelle, segment in enumerate(segmente):
        if segment.name == "UNH":
            if beginn is not None:
                raise EingabeUngueltig(f"Im {segment.nummer}. Segment beginnt eine Nachricht in einer anderen.")
            beginn = stelle
        elif beginn is None:
            raise EingabeUngueltig(f"Das {segment.nummer}. Segment gehört zu keiner Nachricht.")
        elif segment.name == "UNT":
            kopf = segmente[beginn]
            _check_count("UNT", segment, stelle - beginn + 1, "Segmente")
            _check_reference("UNT", segment, kopf.get(0))
            yield Nachricht(kopf.get(0), (kopf.elemente[1:2] or ((),))[0], segmente[beginn + 1 : stelle])
            beginn = None
    if beginn is not None:
        raise EingabeUngueltig("Die letzte Nachricht hat kein UNT: die Übertragung ist unvollständig.")


def _check_count(name: str, segment: Segment, gezaehlt: int, was: str) -> None:
    if segment.get(0) != str(gezaehlt):
        raise EingabeUngueltig(
            f"{name} nennt {segment.get(0)[:20]} {was}, es sind aber {gezaehlt}: die Übertragung ist beschädigt."
            " Fordern Sie sie neu an."
        )


def _check_reference(name: str, segment: Segment, erwartet: str) -> None:
    if segment.get(1) != erwartet:
        raise EingabeUngueltig(
            f"{name} nennt die Referenz {segment.get(1)[:40]!r}, der Anfang aber {erwartet[:40]!r}:"
            " die Übertragung ist beschädigt. Fordern Sie sie neu an."
        )
