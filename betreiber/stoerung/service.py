"""Use cases of Störungen: look at them, close one, and see the whole fleet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.seite import Seite
from betreiber.stoerung import queries
from betreiber.stoerung.domain import ARTEN, URSACHEN, Regeln, Stoerungsart, Ursache
from betreiber.stoerung.queries import Gebiet, Zeile
from betreiber.stoerung.urteil import Lage
from db.models import Stoerung


@dataclass(frozen=True, slots=True)
class Stoerungsauskunft:
    """A Störung as the API tells it."""

    stoerung_id: int
    stromzaehler_id: int
    zaehlernummer: str
    art: str
    stufe: str
    ursache: str
    beschreibung: str
    beginn_zeitpunkt: datetime
    erkannt_zeitpunkt: datetime
    behoben_zeitpunkt: datetime | None
    behoben_durch: str | None
    grund: str | None
    daten: Mapping[str, Any]
    messstelle: Any
    version: int


@dataclass(frozen=True, slots=True)
class Anzahl:
    """How many meters have a property."""

    wert: str | None
    anzahl: int
    stumm: int | None = None


@dataclass(frozen=True, slots=True)
class Firmwareanzahl:
    modell: str
    firmwareversion: str | None
    anzahl: int


@dataclass(frozen=True, slots=True)
class Stoerungsanzahl:
    art: str
    stufe: str
    anzahl: int


@dataclass(frozen=True, slots=True)
class Flotte:
    """The whole fleet in numbers."""

    gesamt: int
    stumm: int
    stumm_promille: int
    zustaende: Sequence[Anzahl]
    jahre: Sequence[Anzahl]
    postleitzahlen: Sequence[Anzahl]
    firmware: Sequence[Firmwareanzahl]
    stoerungen: Sequence[Stoerungsanzahl]


def list_stoerungen(session: Session, akteur: Akteur, **auswahl: Any) -> Seite[Stoerungsauskunft]:
    """Störungen, the last found first. `auswahl`: the arguments of StoerungenQuerySchema."""
    seite = queries.list_stoerungen(session, akteur.zeitpunkt, **auswahl)
    return Seite([_describe(zeile) for zeile in seite.eintraege], seite.seite, seite.pro_seite, seite.gesamt)


def get_stoerung(session: Session, akteur: Akteur, stoerung_id: int) -> Stoerungsauskunft:
    """One Störung. Raises NichtGefunden."""
    return _describe(_find(session, akteur, stoerung_id))


def close_stoerung(
    session: Session, akteur: Akteur, stoerung_id: int, version: int, grund: str
) -> Stoerungsauskunft:
    """Close an open one for a reason; it does not open anew before its signal was good again.

    One that only a person ends is over with that: what the meter sees from now on is another one.
    Raises NichtGefunden, VersionVeraltet, KonfliktFehler (`stoerung_behoben`).
    """
    zeile = _find(session, akteur, stoerung_id)
    if zeile.stoerung.version != version:
        raise VersionVeraltet
    stoerung = zeile.stoerung
    if stoerung.behoben_zeitpunkt is not None:
        raise KonfliktFehler(
            "Die Störung ist schon behoben, und ihr Grund bleibt stehen.", code="stoerung_behoben"
        )
    stoerung.behoben_zeitpunkt, stoerung.behoben_durch, stoerung.grund = akteur.zeitpunkt, akteur.name, grund
    if not Regeln()[Stoerungsart(stoerung.art)].von_selbst:
        stoerung.abgeklungen_zeitpunkt = akteur.zeitpunkt
    record_audit(session, akteur, "BEHOBEN", "stoerung", stoerung_id, neu={"grund": grund})
    record_change(session, akteur, Ereignisart.STOERUNG_BEHOBEN, stoerung.stromzaehler_id, stoerung.art, stoerung)
    session.commit()
    return _describe(zeile)


def record_change(
    session: Session, akteur: Akteur, was: Ereignisart, stromzaehler_id: int, art: str, lage: Lage | Stoerung
) -> None:
    """The event of a change, in the caller's transaction."""
    daten = {"art": art, "stufe": lage.stufe, "ursache": lage.ursache}
    record_ereignis(session, akteur, was, "stromzaehler", stromzaehler_id, daten)


def _find(session: Session, akteur: Akteur, stoerung_id: int) -> Zeile:
    zeile = queries.get_stoerung(session, akteur.zeitpunkt, stoerung_id)
    if zeile is None:
        raise NichtGefunden
    return zeile


def _describe(zeile: Zeile) -> Stoerungsauskunft:
    stoerung = zeile.stoerung
    return Stoerungsauskunft(
        stoerung.stoerung_id,
        stoerung.stromzaehler_id,
        zeile.zaehlernummer,
        stoerung.art,
        stoerung.stufe,
        stoerung.ursache,
        f"{ARTEN[Stoerungsart(stoerung.art)]} {URSACHEN[Ursache(stoerung.ursache)]}",
        stoerung.beginn_zeitpunkt,
        stoerung.erkannt_zeitpunkt,
        stoerung.behoben_zeitpunkt,
        stoerung.behoben_durch,
        stoerung.grund,
        stoerung.daten,
        zeile.messstelle,
        stoerung.version,
    )


def describe_flotte(session: Session, akteur: Akteur, *, stellen: int) -> Flotte:
    """The fleet by state, year, place and firmware; `stellen`: how many digits of a postcode count."""
    gebiete = queries.count_silent(session, akteur.zeitpunkt)
    gesamt, stumm = sum(gebiet.anzahl for gebiet in gebiete), sum(gebiet.stumm for gebiet in gebiete)
    jahre = ((None if jahr is None else str(jahr), anzahl) for jahr, anzahl in queries.count_jahre(session))
    return Flotte(
        gesamt,
        stumm,
        1000 * stumm // gesamt if gesamt else 0,
        [Anzahl(*zeile) for zeile in queries.count_zustaende(session)],
        [Anzahl(*zeile) for zeile in jahre],
        _by_prefix(gebiete, stellen),
        [Firmwareanzahl(*zeile) for zeile in queries.count_firmware(session)],
        [Stoerungsanzahl(*art_stufe, anzahl) for art_stufe, anzahl in queries.count_open(session).items()],
    )


def _by_prefix(gebiete: Sequence[Gebiet], stellen: int) -> list[Anzahl]:
    """Postcodes that begin alike, in order; those without a place last."""
    summen: dict[str | None, tuple[int, int]] = {}
    for postleitzahl, anzahl, stumm in gebiete:
        anfang = None if postleitzahl is None else postleitzahl[:stellen]
        vorher = summen.get(anfang, (0, 0))
        summen[anfang] = vorher[0] + anzahl, vorher[1] + stumm
    orte = chain(sorted(filter(None, summen)), [None] if None in summen else [])
    return [Anzahl(ort, *summen[ort]) for ort in orte]
