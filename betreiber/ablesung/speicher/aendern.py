"""Put other values in the place of stored ones, or withdraw them: what was there stays as a version."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Ablesung
from betreiber.ablesung.speicher.stapel import Stapel
from betreiber.ablesung.speicher.umgebung import load
from db.models import Telegrammstand


def replace(session: Session, stand: Telegrammstand, ablesungen: Sequence[Ablesung]) -> dict[int, Ablesung]:
    """Put these readings in place of what is stored, or where nothing is; returns what was there.

    Nothing is judged; the moment of the replacement is `empfangen` of the new one. The caller holds the lock.
    """
    neue = {ablesung.uhrzeit: ablesung for ablesung in ablesungen}
    if not neue:
        return {}
    umgebung = load(session, stand.stromzaehler_id, neue)
    stapel = Stapel()
    stapel.put(stand.stromzaehler_id, list(neue.values()), umgebung.zeilen, umgebung.bloecke)
    stapel.flush(session)
    _forget(stand, max(neue))
    return umgebung.among(neue)


def remove(session: Session, stand: Telegrammstand, zeiten: Sequence[int], jetzt: int) -> dict[int, Ablesung]:
    """Withdraw the readings at these times; returns them. The caller holds the lock."""
    if not zeiten:
        return {}
    umgebung = load(session, stand.stromzaehler_id, zeiten)
    stapel = Stapel()
    stapel.remove(stand.stromzaehler_id, zeiten, umgebung.zeilen, umgebung.bloecke, jetzt)
    stapel.flush(session)
    _forget(stand, max(zeiten))
    return umgebung.among(zeiten)


def _forget(stand: Telegrammstand, neueste: int) -> None:
    """What was changed may be, or lie behind, the newest measured reading: the next write looks for it."""
    if stand.stand_uhrzeit is not None and neueste >= stand.stand_uhrzeit:
        stand.stand_uhrzeit = stand.stand_bezug_wh = stand.stand_einspeisung_wh = None
