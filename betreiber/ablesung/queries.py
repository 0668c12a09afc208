"""The SQL of the device channel; readings themselves are `speicher.py`'s."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from db.models import Einbau, Ereignis, Geraeteschluessel, Messstelle, Stromzaehler, Telegrammstand

# Both run with every Telegramm: built once.
_GERAET = (
    select(
        Stromzaehler.stromzaehler_id,
        Stromzaehler.zaehlernummer,
        Stromzaehler.modell,
        Stromzaehler.zustand,
        Stromzaehler.faktor,
        Geraeteschluessel.zweck,
        Geraeteschluessel.epoche,
        Geraeteschluessel.ski,
        Geraeteschluessel.fingerabdruck,
        Geraeteschluessel.zertifikat,
        Geraeteschluessel.gueltig_bis,
        Geraeteschluessel.gesperrt_zeitpunkt,
    )
    .join(Stromzaehler, Stromzaehler.stromzaehler_id == Geraeteschluessel.stromzaehler_id)
    .where(
        Geraeteschluessel.stromzaehler_id
        == select(Geraeteschluessel.stromzaehler_id)
        .where(Geraeteschluessel.ski == bindparam("ski"))
        .scalar_subquery()
    )
    .order_by(Geraeteschluessel.geraeteschluessel_id)
)
_EINBAUTEN = (
    select(Einbau.von, Messstelle.anschlussleistung_kw)
    .join(Messstelle, Messstelle.messstelle_id == Einbau.messstelle_id)
    .where(Einbau.stromzaehler_id == bindparam("stromzaehler_id"))
    .order_by(Einbau.von)
)


@dataclass(frozen=True, slots=True)
class Schluessel:
    """A key of a meter, as `geraeteschluessel` holds it."""

    zweck: str
    epoche: int
    ski: bytes
    fingerabdruck: bytes
    zertifikat: bytes
    gueltig_bis: datetime
    gesperrt: bool


@dataclass(frozen=True, slots=True)
class Geraet:
    """A meter as the channel knows it, with every key that was ever certified for it."""

    stromzaehler_id: int
    zaehlernummer: str
    modell: str
    zustand: str
    faktor: int
    schluessel: tuple[Schluessel, ...]


def find_geraet(session: Session, ski: bytes) -> Geraet | None:
    """The meter to which a key belongs."""
    zeilen = session.execute(_GERAET, {"ski": ski}).all()
    if not zeilen:
        return None
    schluessel = tuple(
        Schluessel(
            zeile.zweck,
            zeile.epoche,
            zeile.ski,
            zeile.fingerabdruck,
            zeile.zertifikat,
            zeile.gueltig_bis,
            zeile.gesperrt_zeitpunkt is not None,
        )
        for zeile in zeilen
    )
    erste = zeilen[0]
    return Geraet(
        erste.stromzaehler_id, erste.zaehlernummer, erste.modell, erste.zustand, erste.faktor, schluessel
    )


def list_einbauten(session: Session, stromzaehler_id: int) -> list[tuple[datetime, Decimal]]:
    """Where a meter hung: begin and connection power in kW of each place, oldest first."""
    zeilen = session.execute(_EINBAUTEN, {"stromzaehler_id": stromzaehler_id})
    return [(zeile.von, zeile.anschlussleistung_kw) for zeile in zeilen]


def lock_stand(session: Session, stromzaehler_id: int) -> Telegrammstand | None:
    """What is remembered of a meter's messages, locked: messages of one meter are taken in one by one."""
    return session.get(Telegrammstand, stromzaehler_id, with_for_update=True)


def has_stromzaehler(session: Session, stromzaehler_id: int) -> bool:
    return session.get(Stromzaehler, stromzaehler_id) is not None


def count_ereignisse(
    session: Session, stromzaehler_id: int, seit: datetime, arten: Sequence[str]
) -> dict[str, int]:
    """How many events of these kinds a meter has had since an instant, by kind."""
    zeilen = session.execute(
        select(Ereignis.art, func.count().label("anzahl"))
        .where(
            Ereignis.objekt_art == "stromzaehler",
            Ereignis.objekt_id == stromzaehler_id,
            Ereignis.zeitpunkt >= seit,
            Ereignis.art.in_(arten),
        )
        .group_by(Ereignis.art)
    )
    return {zeile.art: zeile.anzahl for zeile in zeilen}
