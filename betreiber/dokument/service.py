"""Use cases of documents: store, hand out and delete files of a meter."""

import hashlib
from datetime import date

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.dokument import queries
from betreiber.dokument.domain import Dokumentart, detect_medientyp, safe_name
from betreiber.ereignis.service import record_audit
from betreiber.errors import KonfliktFehler, NichtGefunden
from betreiber.seite import Seite
from betreiber.stromzaehler.service import get_stromzaehler, set_gewaehrleistung
from betreiber.wartung.service import refresh
from db.models import Dokument

# What an audit row says of a document: not its content, which may show somebody's flat.
_IM_AUDIT = ("stromzaehler_id", "art", "dateiname", "medientyp", "groesse_bytes", "ende_datum")


def list_dokumente(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[Dokument]:
    """Documents of a meter, the newest first. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    return queries.list_dokumente(session, stromzaehler_id, seite=seite, pro_seite=pro_seite)


def get_dokument(session: Session, akteur: Akteur, stromzaehler_id: int, dokument_id: int) -> Dokument:
    """One document of a meter. Raises NichtGefunden, also when it is another meter's."""
    dokument = queries.get_dokument(session, stromzaehler_id, dokument_id)
    if dokument is None:
        raise NichtGefunden
    return dokument


def create_dokument(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    art: Dokumentart,
    dateiname: str,
    inhalt: bytes,
    ende_datum: date | None = None,
) -> Dokument:
    """Store a file of a meter; the end of a warranty is noted at the meter.

    Raises NichtGefunden, EingabeUngueltig for a file of another type, KonfliktFehler for one that it has already.
    """
    stromzaehler = get_stromzaehler(session, akteur, stromzaehler_id)
    medientyp = detect_medientyp(inhalt)
    inhalt_sha256 = hashlib.sha256(inhalt).digest()
    if queries.has_inhalt(session, stromzaehler_id, inhalt_sha256):
        raise KonfliktFehler("Diese Datei ist bei diesem Zähler schon abgelegt.", code="dokument_vorhanden")
    dokument = Dokument(
        stromzaehler_id=stromzaehler_id,
        art=art,
        dateiname=safe_name(dateiname, medientyp),
        medientyp=medientyp,
        groesse_bytes=len(inhalt),
        inhalt_sha256=inhalt_sha256,
        ende_datum=ende_datum,
        angelegt_zeitpunkt=akteur.zeitpunkt,
        inhalt=inhalt,
    )
    session.add(dokument)
    session.flush()
    record_audit(session, akteur, "ANGELEGT", "dokument", dokument.dokument_id, neu=_describe(dokument))
    if art is Dokumentart.GEWAEHRLEISTUNG and ende_datum is not None:
        set_gewaehrleistung(session, akteur, stromzaehler, ende_datum)
        refresh(session, akteur, stromzaehler_id)
    session.commit()
    return dokument


def delete_dokument(session: Session, akteur: Akteur, stromzaehler_id: int, dokument_id: int) -> None:
    """Delete a file of a meter; what was noted at the meter because of it stays. Raises NichtGefunden."""
    dokument = get_dokument(session, akteur, stromzaehler_id, dokument_id)
    record_audit(session, akteur, "GELOESCHT", "dokument", dokument_id, alt=_describe(dokument))
    session.delete(dokument)
    session.commit()


def _describe(dokument: Dokument) -> dict[str, object]:
    return {name: getattr(dokument, name) for name in _IM_AUDIT} | {"sha256": dokument.inhalt_sha256.hex()}
