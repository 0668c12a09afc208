"""Which meter is offered which firmware. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from telegramm.firmware import Firmwareangebot, version_order


@dataclass(frozen=True, slots=True)
class Freigabe:
    """A released image that was not withdrawn; `anteil_prozent` of the meters of `modell` are offered it."""

    modell: str
    version: str
    anteil_prozent: int
    angebot: Firmwareangebot


def is_in_anteil(zaehlernummer: str, anteil_prozent: int) -> bool:
    """Whether a meter is among this share of all. A larger share holds every meter of a smaller one.

    It goes by the meter number alone, so the same meters are first with every release: those that are watched.
    """
    platz = int.from_bytes(hashlib.sha256(f"firmware:{zaehlernummer}".encode()).digest()[:8]) % 100
    return platz < anteil_prozent


def choose_freigabe(
    freigaben: Iterable[Freigabe], modell: str, zaehlernummer: str, version: str | None
) -> Freigabe | None:
    """The newest release for this meter that is newer than `version`, which it reports to run.

    A meter that does not say what it runs, or not as a version, is offered nothing.
    """
    eigene = _order_or_none(version)
    if eigene is None:
        return None
    neuere = [
        freigabe
        for freigabe in freigaben
        if freigabe.modell == modell
        and version_order(freigabe.version) > eigene
        and is_in_anteil(zaehlernummer, freigabe.anteil_prozent)
    ]
    return max(neuere, key=lambda freigabe: version_order(freigabe.version), default=None)


def _order_or_none(version: str | None) -> tuple[int, ...] | None:
    try:
        return None if version is None else version_order(version)
    except ValueError:
        return None
