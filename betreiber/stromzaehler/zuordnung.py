"""Whose meter it is, changed as a part of something larger: each of these runs in its caller's transaction."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes, record_audit
from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.stromzaehler import queries
from betreiber.stromzaehler.domain import check_zeitraum
from db.models import KundeStromzaehler
from db.session import violated_overlap


def assign(
    session: Session, akteur: Akteur, stromzaehler_id: int, kunde_id: int, von: datetime, bis: datetime | None
) -> KundeStromzaehler:
    """Say whose meter it is in [von, bis).

    Raises EingabeUngueltig for an unknown customer or no period, and KonfliktFehler when the meter is somebody's
    in a part of it.
    """
    if queries.find_kunde(session, kunde_id) is None:
        raise EingabeUngueltig("Diesen Kunden gibt es nicht.", feld="kunde_id", code="kunde_unbekannt")
    check_zeitraum(von, bis)
    if queries.has_overlap(session, stromzaehler_id, von, bis):
        raise ueberlappt()
    werte = {"stromzaehler_id": stromzaehler_id, "kunde_id": kunde_id, "von": von, "bis": bis}
    zuordnung = KundeStromzaehler(**werte)
    session.add(zuordnung)
    flush(session)
    record_audit(session, akteur, "ANGELEGT", "kunde_stromzaehler", zuordnung.kunde_stromzaehler_id, neu=werte)
    return zuordnung


def check_unassigned(session: Session, stromzaehler_id: int, zeitpunkt: datetime) -> None:
    """Raise KonfliktFehler when a meter that is to hang at a place has been somebody's since before an instant.

    It hung elsewhere for that customer, who would see and pay for what the next place uses.
    """
    if any(zeile.von < zeitpunkt for zeile in queries.list_zuordnungen_ab(session, stromzaehler_id, zeitpunkt)):
        raise noch_zugeordnet()


def release(
    session: Session, akteur: Akteur, stromzaehler_id: int, zeitpunkt: datetime
) -> KundeStromzaehler | None:
    """End the interval in which an instant lies at that instant; it, or None when the meter is nobody's then.

    Raises KonfliktFehler when an interval begins at the instant or later: it would stay without what it is for.
    """
    beendet = None
    for zuordnung in queries.list_zuordnungen_ab(session, stromzaehler_id, zeitpunkt):
        if zuordnung.von >= zeitpunkt:
            raise ueberlappt()
        _change(session, akteur, zuordnung, {"bis": zeitpunkt})
        beendet = zuordnung
    return beendet


def hand_over(session: Session, akteur: Akteur, alter_id: int, neuer_id: int, zeitpunkt: datetime) -> None:
    """Let whoever has a meter at an instant or later have another one from then on.

    Ends stay. Raises KonfliktFehler when the other meter is somebody's already.
    """
    for zuordnung in queries.list_zuordnungen_ab(session, alter_id, zeitpunkt):
        bis = zuordnung.bis
        if zuordnung.von < zeitpunkt:
            _change(session, akteur, zuordnung, {"bis": zeitpunkt})
            assign(session, akteur, neuer_id, zuordnung.kunde_id, zeitpunkt, bis)
            continue
        # What begins with the exchange or after it never was an interval of the old meter.
        if queries.has_overlap(session, neuer_id, zuordnung.von, bis):
            raise ueberlappt()
        _change(session, akteur, zuordnung, {"stromzaehler_id": neuer_id})


def move_edge(
    session: Session, akteur: Akteur, stromzaehler_id: int, kante_alt: datetime, kante_neu: datetime
) -> list[KundeStromzaehler]:
    """Move the edge between two intervals, or between one and a vacancy; the intervals that it touches, in order.

    Empty when there is no such edge. Raises EingabeUngueltig when nothing would be left of one of them, and
    KonfliktFehler when the meter is somebody else's up to there.
    """
    vorher, nachher = queries.find_edge(session, stromzaehler_id, kante_alt)
    if vorher is not None:
        check_zeitraum(vorher.von, kante_neu)
    if nachher is not None:
        check_zeitraum(kante_neu, nachher.bis)
    aenderungen: list[tuple[KundeStromzaehler | None, dict[str, datetime]]]
    aenderungen = [(vorher, {"bis": kante_neu}), (nachher, {"von": kante_neu})]
    # The one that becomes shorter first: at no time may two overlap.
    for zuordnung, werte in aenderungen if kante_neu < kante_alt else reversed(aenderungen):
        if zuordnung is None:
            continue
        von, bis = werte.get("von", zuordnung.von), werte.get("bis", zuordnung.bis)
        if queries.has_overlap(session, stromzaehler_id, von, bis, ausser=zuordnung.kunde_stromzaehler_id):
            raise ueberlappt()
        _change(session, akteur, zuordnung, werte)
    return [zuordnung for zuordnung in (vorher, nachher) if zuordnung is not None]


def merge_at(session: Session, akteur: Akteur, stromzaehler_id: int, kante: datetime) -> None:
    """Make one of two intervals of the same customer that touch at an instant; nothing, where they are not."""
    vorher, nachher = queries.find_edge(session, stromzaehler_id, kante)
    if vorher is None or nachher is None or vorher.kunde_id != nachher.kunde_id:
        return
    alt = {name: getattr(nachher, name) for name in ("stromzaehler_id", "kunde_id", "von", "bis")}
    session.delete(nachher)
    session.flush()
    nummer = nachher.kunde_stromzaehler_id
    record_audit(session, akteur, "GELOESCHT", "kunde_stromzaehler", nummer, alt=alt)
    _change(session, akteur, vorher, {"bis": alt["bis"]})


def find_edge(
    session: Session, stromzaehler_id: int, kante: datetime
) -> tuple[KundeStromzaehler | None, KundeStromzaehler | None]:
    """The interval of a meter that ends at an instant, and the one that begins there. For staff."""
    return queries.find_edge(session, stromzaehler_id, kante)


def _change(session: Session, akteur: Akteur, zuordnung: KundeStromzaehler, werte: Mapping[str, object]) -> None:
    alt, neu = apply_changes(zuordnung, werte)
    flush(session)
    nummer = zuordnung.kunde_stromzaehler_id
    record_audit(session, akteur, "GEAENDERT", "kunde_stromzaehler", nummer, alt=alt, neu=neu)


def flush(session: Session) -> None:
    """Write an interval. On PostgreSQL two writers at once pass the check; the constraint stops the second."""
    try:
        session.flush()
    except IntegrityError as error:
        if violated_overlap(error):
            raise ueberlappt() from error
        raise


def noch_zugeordnet() -> KonfliktFehler:
    """Why a meter cannot be installed: it is still that customer's who had it elsewhere."""
    return KonfliktFehler(
        "Der Zähler ist von früher her noch einem Kunden zugeordnet. Beenden Sie zuerst diese Zuordnung: mit dem"
        " Zeitpunkt, zu dem der Kunde den Zähler nicht mehr hatte, zum Beispiel dem des letzten Ausbaus.",
        code="zuordnung_ueberlappt",
    )


def ueberlappt() -> KonfliktFehler:
    """Why an interval cannot be written: there is another one."""
    return KonfliktFehler(
        "Der Zähler ist in diesem Zeitraum schon zugeordnet. Beenden Sie zuerst die andere Zuordnung.",
        code="zuordnung_ueberlappt",
    )
