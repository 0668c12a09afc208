"""Use cases of evaluating Verbrauch. Rights, edges of periods and quality are those of verbrauch.service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from betreiber.ablesung.zaehlerstaende import Zaehlerstand, find_raender
from betreiber.auswertung import queries
from betreiber.auswertung.domain import (
    Differenz,
    Kennzahlen,
    Lastgangaufloesung,
    Leistungswert,
    Spitzenwert,
    Spitzenzeitraum,
    Vergleichszeitraum,
    clip_quarters,
    compare,
    compute_kennzahlen,
    find_periods,
    is_whole,
    iter_lastgang,
    iter_spitzen,
)
from betreiber.auth.domain import Akteur
from betreiber.messstelle.service import get_messstelle
from betreiber.verbrauch import service as verbrauch
from betreiber.verbrauch.domain import Verbrauchswert, check_zeitraum, sum_werte
from betreiber.zeit import Aufloesung, iter_edges


@dataclass(frozen=True, slots=True)
class Lastgang:
    """Mean power of a meter in [von, bis)."""

    stromzaehler_id: int
    zaehlernummer: str
    von: datetime
    bis: datetime
    aufloesung: Lastgangaufloesung
    stand: datetime | None
    werte: Iterable[Leistungswert]
    summe: Verbrauchswert


@dataclass(frozen=True, slots=True)
class Spitzen:
    """The peaks of a meter in [von, bis), a day or a month each."""

    stromzaehler_id: int
    zaehlernummer: str
    von: datetime
    bis: datetime
    zeitraum: Spitzenzeitraum
    stand: datetime | None
    werte: Sequence[Spitzenwert]


@dataclass(frozen=True, slots=True)
class Statistik:
    """Statistics of the quarter hours of a meter in [von, bis)."""

    stromzaehler_id: int
    zaehlernummer: str
    von: datetime
    bis: datetime
    stand: datetime | None
    bezug: Kennzahlen
    einspeisung: Kennzahlen
    summe: Verbrauchswert


@dataclass(frozen=True, slots=True)
class Einbauabschnitt:
    """A meter that hung at a Messstelle in [von, bis), and what it counted in the period that was asked for."""

    einbau_id: int
    stromzaehler_id: int
    zaehlernummer: str
    von: datetime
    bis: datetime | None
    erster_zaehlerstand: Zaehlerstand | None
    letzter_zaehlerstand: Zaehlerstand | None
    verbrauch: Verbrauchswert


@dataclass(frozen=True, slots=True)
class Zaehlwerkskette:
    """The meters of a Messstelle in [von, bis), one after the other."""

    messstelle_id: int
    von: datetime
    bis: datetime
    einbauten: Sequence[Einbauabschnitt]
    summe: Verbrauchswert


@dataclass(frozen=True, slots=True)
class Vergleich:
    """Verbrauch of a period and of the one before it."""

    zeitraum: Vergleichszeitraum
    stand: datetime | None
    aktuell: Verbrauchswert
    vorher: Verbrauchswert
    bezug: Differenz
    einspeisung: Differenz


def compute_lastgang(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    aufloesung: Lastgangaufloesung,
    stand: datetime | None = None,
) -> Lastgang:
    """Mean power of a meter by quarter hour or hour. Raises as verbrauch.service.compute_stromzaehler."""
    reihe = verbrauch.stream_stromzaehler(
        session, akteur, stromzaehler_id, von=von, bis=bis, aufloesung=Aufloesung(aufloesung), stand=stand
    )
    return Lastgang(
        stromzaehler_id,
        reihe.zaehlernummer,
        von,
        bis,
        aufloesung,
        stand,
        list(iter_lastgang(reihe.werte)),
        reihe.summe,
    )


def find_spitzen(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    zeitraum: Spitzenzeitraum,
    stand: datetime | None = None,
) -> Spitzen:
    """The highest quarter hours of each day or month. Raises as verbrauch.service.compute_stromzaehler."""
    reihe = _quarters(session, akteur, stromzaehler_id, von, bis, stand)
    kanten = list(iter_edges(von, bis, Aufloesung(zeitraum)))
    return Spitzen(
        stromzaehler_id,
        reihe.zaehlernummer,
        von,
        bis,
        zeitraum,
        stand,
        list(iter_spitzen(kanten, reihe.werte)),
    )


def compute_statistik(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    von: datetime,
    bis: datetime,
    stand: datetime | None = None,
) -> Statistik:
    """Statistics of the quarter hours that are known. Raises as verbrauch.service.compute_stromzaehler."""
    reihe = _quarters(session, akteur, stromzaehler_id, von, bis, stand)
    bezug_wh, einspeisung_wh = [], []
    for wert in reihe.werte:
        if wert.bezug_wh is not None and wert.einspeisung_wh is not None:
            bezug_wh.append(wert.bezug_wh)
            einspeisung_wh.append(wert.einspeisung_wh)
    return Statistik(
        stromzaehler_id,
        reihe.zaehlernummer,
        von,
        bis,
        stand,
        compute_kennzahlen(bezug_wh),
        compute_kennzahlen(einspeisung_wh),
        reihe.summe,
    )


def compare_stromzaehler(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    datum: date,
    zeitraum: Vergleichszeitraum,
    stand: datetime | None = None,
) -> Vergleich:
    """A meter's Verbrauch of the period in which `datum` lies, and of the one before it. Raises as above."""
    aktuell, vorher = (
        verbrauch.compute_stromzaehler(
            session, akteur, stromzaehler_id, von=von, bis=bis, aufloesung=Aufloesung.GESAMT, stand=stand
        )
        for von, bis in find_periods(datum, zeitraum)
    )
    return _compare(zeitraum, stand, (aktuell.summe, aktuell.werte), (vorher.summe, vorher.werte))


def compare_kunde(
    session: Session,
    akteur: Akteur,
    kunde_id: int,
    *,
    datum: date,
    zeitraum: Vergleichszeitraum,
    stand: datetime | None = None,
) -> Vergleich:
    """The same of all meters of a customer. Raises as verbrauch.service.compute_kunde."""
    aktuell, vorher = (
        verbrauch.compute_kunde(
            session, akteur, kunde_id, von=von, bis=bis, aufloesung=Aufloesung.GESAMT, stand=stand
        )
        for von, bis in find_periods(datum, zeitraum)
    )
    werte = ((reihe.summe, [teil.summe for teil in reihe.stromzaehler]) for reihe in (aktuell, vorher))
    return _compare(zeitraum, stand, *werte)


def compute_kette(
    session: Session, akteur: Akteur, messstelle_id: int, *, von: datetime, bis: datetime
) -> Zaehlwerkskette:
    """The meters that hung at a Messstelle in [von, bis), one after the other, and what each of them counted.

    Over an exchange the Verbrauch is (old end - old start) + (new end - new start), never new - old. Raises
    NichtGefunden, EingabeUngueltig for an impossible or too long period.
    """
    check_zeitraum(von, bis, Aufloesung.GESAMT)
    get_messstelle(session, akteur, messstelle_id)
    einbauten = [
        _read_einbau(session, akteur, haengend, *clip_quarters(haengend.von, haengend.bis, von, bis))
        for haengend in queries.list_einbauten(session, messstelle_id, von, bis)
    ]
    summe = sum_werte(von, bis, [einbau.verbrauch for einbau in einbauten])
    return Zaehlwerkskette(messstelle_id, von, bis, einbauten, summe)


def _read_einbau(
    session: Session, akteur: Akteur, haengend: queries.Haengend, von: datetime, bis: datetime
) -> Einbauabschnitt:
    stromzaehler_id = haengend.stromzaehler_id
    if von < bis:
        wert = verbrauch.compute_stromzaehler(
            session, akteur, stromzaehler_id, von=von, bis=bis, aufloesung=Aufloesung.GESAMT
        ).summe
    else:
        wert = sum_werte(von, bis, [])
    return Einbauabschnitt(
        haengend.einbau_id,
        stromzaehler_id,
        haengend.zaehlernummer,
        haengend.von,
        haengend.bis,
        *find_raender(session, stromzaehler_id, von, bis),
        wert,
    )


def _quarters(
    session: Session, akteur: Akteur, stromzaehler_id: int, von: datetime, bis: datetime, stand: datetime | None
) -> verbrauch.Reihe:
    return verbrauch.stream_stromzaehler(
        session, akteur, stromzaehler_id, von=von, bis=bis, aufloesung=Aufloesung.VIERTELSTUNDE, stand=stand
    )


def _compare(
    zeitraum: Vergleichszeitraum,
    stand: datetime | None,
    neu: tuple[Verbrauchswert, Iterable[Verbrauchswert]],
    alt: tuple[Verbrauchswert, Iterable[Verbrauchswert]],
) -> Vergleich:
    """`neu`, `alt`: the value of a period, and those of each meter and interval in it."""
    (aktuell, _), (vorher, _) = neu, alt
    # A part of a period compares with nothing: a customer who moved in did not save energy before.
    ganz = all(is_whole(wert.von, wert.bis, teile) for wert, teile in (neu, alt))
    return Vergleich(
        zeitraum,
        stand,
        aktuell,
        vorher,
        compare(aktuell.bezug_wh, vorher.bezug_wh) if ganz else Differenz(None, None),
        compare(aktuell.einspeisung_wh, vorher.einspeisung_wh) if ganz else Differenz(None, None),
    )
