"""The SQL of the inventory, a statement for many lines: what their numbers mean."""

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.models import (
    Einbau,
    Kunde,
    KundeStromzaehler,
    Messstelle,
    Stromzaehler,
    Tarif,
    Vertrag,
)


def find_kunden(session: Session, kundennummern: Collection[str]) -> dict[str, Kunde]:
    """Customers by their numbers."""
    zeilen = session.scalars(select(Kunde).where(Kunde.kundennummer.in_(kundennummern)))
    return {zeile.kundennummer: zeile for zeile in zeilen}


def find_messstellen(session: Session, ids: Collection[str]) -> dict[str, Messstelle]:
    """Metering points by both of their ids, whichever of them was asked for."""
    anweisung = select(Messstelle).where(or_(Messstelle.malo_id.in_(ids), Messstelle.melo_id.in_(ids)))
    zeilen = session.scalars(anweisung).all()
    return {kennung: zeile for zeile in zeilen for kennung in (zeile.malo_id, zeile.melo_id)}


def find_stromzaehler(session: Session, zaehlernummern: Collection[str]) -> dict[str, Stromzaehler]:
    """Meters by their numbers."""
    zeilen = session.scalars(select(Stromzaehler).where(Stromzaehler.zaehlernummer.in_(zaehlernummern)))
    return {zeile.zaehlernummer: zeile for zeile in zeilen}


def list_einbauten(
    session: Session, stromzaehler_ids: Collection[int], messstelle_ids: Collection[int]
) -> list[Einbau]:
    """Which meters hung where, of these meters and at these places, oldest first."""
    anweisung = select(Einbau).where(
        or_(Einbau.stromzaehler_id.in_(stromzaehler_ids), Einbau.messstelle_id.in_(messstelle_ids))
    )
    return list(session.scalars(anweisung.order_by(Einbau.von)))


def list_zuordnungen(session: Session, stromzaehler_ids: Collection[int]) -> list[KundeStromzaehler]:
    """Whose these meters were, oldest first."""
    anweisung = select(KundeStromzaehler).where(KundeStromzaehler.stromzaehler_id.in_(stromzaehler_ids))
    return list(session.scalars(anweisung.order_by(KundeStromzaehler.von)))


def find_tarife(session: Session, bezeichnungen: Collection[str]) -> dict[str, Tarif]:
    """Price sheets by their names."""
    zeilen = session.scalars(select(Tarif).where(Tarif.bezeichnung.in_(bezeichnungen)))
    return {zeile.bezeichnung: zeile for zeile in zeilen}


def find_vertraege(session: Session, vertragsnummern: Collection[str]) -> dict[str, Vertrag]:
    """Contracts by their numbers."""
    zeilen = session.scalars(select(Vertrag).where(Vertrag.vertragsnummer.in_(vertragsnummern)))
    return {zeile.vertragsnummer: zeile for zeile in zeilen}
