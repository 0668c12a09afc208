"""Use cases of installing and removing: they touch the meter, its place, its maintenance and the event log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_einbaubar, check_geschehen, einbau_beendet
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import apply_changes, record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.seite import Seite
from betreiber.stromzaehler.domain import Zaehlerzustand, check_seit_inbetriebnahme, check_zeitraum
from betreiber.stromzaehler.service import get_stromzaehler, put_right, set_zustand
from betreiber.stromzaehler.zuordnung import check_unassigned, release
from betreiber.wartung.service import record_einbau, refresh
from betreiber.zeit import local_date
from db.models import Einbau, Messstelle, Stromzaehler
from db.session import violated_overlap


def list_einbauten(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[Einbau]:
    """Where a meter hung when, oldest first. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    return queries.list_einbauten(session, stromzaehler_id, seite=seite, pro_seite=pro_seite)


def get_einbau(session: Session, akteur: Akteur, stromzaehler_id: int, einbau_id: int) -> Einbau:
    """One Einbau of a meter. Raises NichtGefunden, also when it is another meter's."""
    einbau = queries.get_einbau(session, stromzaehler_id, einbau_id)
    if einbau is None:
        raise NichtGefunden
    return einbau


def create_einbau(session: Session, akteur: Akteur, stromzaehler_id: int, daten: Mapping[str, Any]) -> Einbau:
    """Record that a meter was installed: it becomes EINGEBAUT, its einbau_datum is noted, an event is written.

    Raises NichtGefunden for the meter, EingabeUngueltig for an unknown place or an instant in the future or before
    the meter's commissioning, and KonfliktFehler when the meter hangs elsewhere, the place is taken, or the meter
    may not be installed or is somebody's from before.
    """
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    messstelle = queries.get_messstelle(session, daten["messstelle_id"])
    if messstelle is None:
        raise EingabeUngueltig(
            "Diese Messstelle gibt es nicht.", feld="messstelle_id", code="messstelle_unbekannt"
        )
    check_geschehen(daten["von"], akteur.zeitpunkt, "von")
    einbau = install(session, akteur, stromzaehler, messstelle, daten["von"], "von")
    session.commit()
    return einbau


def install(
    session: Session,
    akteur: Akteur,
    stromzaehler: Stromzaehler,
    messstelle: Messstelle,
    von: datetime,
    feld: str = "zeitpunkt",
) -> Einbau:
    """Hang a meter at a place, in the caller's transaction; `feld` names `von`. Raises as create_einbau."""
    stromzaehler_id = stromzaehler.stromzaehler_id
    einbau = Einbau(stromzaehler_id=stromzaehler_id, messstelle=messstelle, von=von)
    _check_overlap(session, einbau, messstelle.messstelle_id, von, None)
    check_einbaubar(Zaehlerzustand(stromzaehler.zustand))
    check_seit_inbetriebnahme(von, stromzaehler.inbetriebnahme_datum, feld)
    check_unassigned(session, stromzaehler_id, von)
    session.add(einbau)
    _flush(session)
    record_install(session, akteur, stromzaehler, einbau)
    record_einbau(session, akteur, stromzaehler_id, local_date(von))
    return einbau


def record_install(session: Session, akteur: Akteur, stromzaehler: Stromzaehler, einbau: Einbau) -> None:
    """What an Einbau that was just written means for its meter and the logs; it asks the database nothing."""
    daten = {"messstelle_id": einbau.messstelle_id, "von": einbau.von}
    neu = {"stromzaehler_id": einbau.stromzaehler_id, **daten}
    record_audit(session, akteur, "ANGELEGT", "einbau", einbau.einbau_id, neu=neu)
    set_zustand(session, akteur, stromzaehler, Zaehlerzustand.EINGEBAUT, einbau_datum=local_date(einbau.von))
    record_ereignis(
        session, akteur, Ereignisart.STROMZAEHLER_EINGEBAUT, "stromzaehler", einbau.stromzaehler_id, daten=daten
    )


def end_einbau(
    session: Session, akteur: Akteur, stromzaehler_id: int, einbau_id: int, version: int, bis: datetime
) -> Einbau:
    """Record that a meter was removed: it becomes AUSGEBAUT (one that is GESPERRT stays so), an event is written.

    From then on it is nobody's. Raises NichtGefunden, VersionVeraltet, EingabeUngueltig for an instant before the
    installation or in the future, KonfliktFehler for an overlap, for an Einbau that ended at another instant, or
    when the meter is to be somebody's after the removal.
    """
    einbau = get_einbau(session, akteur, stromzaehler_id, einbau_id)
    if einbau.version != version:
        raise VersionVeraltet
    check_geschehen(bis, akteur.zeitpunkt, "bis")
    if einbau.bis is None:
        take_out(session, akteur, einbau, bis)
        release(session, akteur, stromzaehler_id, bis)
    elif einbau.bis != bis:
        raise einbau_beendet()
    session.commit()
    return einbau


def take_out(session: Session, akteur: Akteur, einbau: Einbau, bis: datetime) -> None:
    """Take a meter from its place where it hangs, in the caller's transaction. Raises as end_einbau."""
    stromzaehler_id = einbau.stromzaehler_id
    check_zeitraum(einbau.von, bis)
    _check_overlap(session, einbau, einbau.messstelle_id, einbau.von, bis)
    alt, neu = apply_changes(einbau, {"bis": bis})
    _flush(session)
    record_audit(session, akteur, "GEAENDERT", "einbau", einbau.einbau_id, alt=alt, neu=neu)
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    # Removing a meter does not make it trusted again.
    if stromzaehler.zustand != Zaehlerzustand.GESPERRT:
        set_zustand(session, akteur, stromzaehler, Zaehlerzustand.AUSGEBAUT)
    daten = {"messstelle_id": einbau.messstelle_id, "bis": bis}
    record_ereignis(
        session, akteur, Ereignisart.STROMZAEHLER_AUSGEBAUT, "stromzaehler", stromzaehler_id, daten=daten
    )
    refresh(session, akteur, stromzaehler_id)


def undo_install(
    session: Session, akteur: Akteur, stromzaehler: Stromzaehler, einbau: Einbau, richtig: Mapping[str, Any]
) -> None:
    """Take back an installation that was none, in the caller's transaction: the meter lies in the warehouse.

    `richtig`: what else of the meter is as it was before, by the name of its column.
    """
    alt = {name: getattr(einbau, name) for name in ("stromzaehler_id", "messstelle_id", "von")}
    session.delete(einbau)
    session.flush()
    record_audit(session, akteur, "GELOESCHT", "einbau", einbau.einbau_id, alt=alt)
    frueher = queries.find_last_einbau(session, stromzaehler.stromzaehler_id)
    if stromzaehler.zustand == Zaehlerzustand.EINGEBAUT:
        richtig = {**richtig, "zustand": str(Zaehlerzustand.LAGER)}
    put_right(session, akteur, stromzaehler, richtig)
    einbau_datum = None if frueher is None else local_date(frueher.von)
    record_einbau(session, akteur, stromzaehler.stromzaehler_id, einbau_datum)


def put_back(session: Session, akteur: Akteur, stromzaehler: Stromzaehler, einbau: Einbau) -> None:
    """Take back a removal that was none, in the caller's transaction: the meter never left, and keeps its keys.

    Raises KonfliktFehler when it hangs elsewhere, or another one hangs there.
    """
    _check_overlap(session, einbau, einbau.messstelle_id, einbau.von, None)
    alt, neu = apply_changes(einbau, {"bis": None})
    _flush(session)
    record_audit(session, akteur, "GEAENDERT", "einbau", einbau.einbau_id, alt=alt, neu=neu)
    if stromzaehler.zustand != Zaehlerzustand.GESPERRT:
        put_right(session, akteur, stromzaehler, {"zustand": str(Zaehlerzustand.EINGEBAUT)})
    refresh(session, akteur, stromzaehler.stromzaehler_id)


def _check_overlap(
    session: Session, einbau: Einbau, messstelle_id: int, von: datetime, bis: datetime | None
) -> None:
    anderer = queries.find_overlap(
        session, einbau.stromzaehler_id, messstelle_id, von, bis, ausser=einbau.einbau_id
    )
    if anderer is not None:
        raise zaehler_haengt() if anderer.stromzaehler_id == einbau.stromzaehler_id else messstelle_belegt()


def _flush(session: Session) -> None:
    """Write an Einbau. On PostgreSQL two writers at once pass the check; a constraint stops the second."""
    try:
        session.flush()
    except IntegrityError as error:
        if (constraint := violated_overlap(error)) is not None:
            raise (messstelle_belegt() if "messstelle" in constraint else zaehler_haengt()) from error
        raise


def zaehler_haengt() -> KonfliktFehler:
    """Why a meter cannot be installed: it hangs somewhere then."""
    return KonfliktFehler(
        "Der Zähler hängt in diesem Zeitraum schon an einer Messstelle. Tragen Sie zuerst den Ausbau ein.",
        code="einbau_ueberlappt",
    )


def messstelle_belegt() -> KonfliktFehler:
    """Why no meter can be installed at a place: another one hangs there then."""
    return KonfliktFehler(
        "An der Messstelle hängt in diesem Zeitraum ein anderer Zähler. Tragen Sie zuerst dessen Ausbau ein.",
        code="messstelle_belegt",
    )
