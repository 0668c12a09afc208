"""The SQL of documents."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from betreiber.seite import Seite, fetch_seite
from db.models import Dokument


def list_dokumente(session: Session, stromzaehler_id: int, *, seite: int, pro_seite: int) -> Seite[Dokument]:
    """Documents of a meter, the newest first, without their content."""
    anweisung = select(Dokument).where(Dokument.stromzaehler_id == stromzaehler_id)
    return fetch_seite(session, anweisung.order_by(Dokument.dokument_id.desc()), seite, pro_seite)


def get_dokument(session: Session, stromzaehler_id: int, dokument_id: int) -> Dokument | None:
    """A document of that meter; its content is read when somebody asks for it."""
    dokument = session.get(Dokument, dokument_id)
    return dokument if dokument is not None and dokument.stromzaehler_id == stromzaehler_id else None


def has_inhalt(session: Session, stromzaehler_id: int, inhalt_sha256: bytes) -> bool:
    """Whether the meter has a document with this content."""
    gleiche = select(Dokument.dokument_id).where(
        Dokument.stromzaehler_id == stromzaehler_id, Dokument.inhalt_sha256 == inhalt_sha256
    )
    return session.scalar(gleiche) is not None
