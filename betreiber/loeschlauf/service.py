"""Use cases of deletion: what would go, and let it go, with a receipt.

A run has two parts. First the sums of all days are written; as long as that is not done nothing is deleted, and a
repetition does it anew. Then the receipt is begun, and readings go in small transactions which count themselves in
it; a run that was broken off goes on there.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Qualitaet
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import record_audit
from betreiber.errors import KonfliktFehler
from betreiber.loeschlauf import queries
from betreiber.loeschlauf.domain import Anteil, Loeschgrund, retention_end, sum_regions
from betreiber.seite import Seite
from betreiber.zeit import day_start, local_date
from db.models import Loeschlauf
from db.session import begin_read

T = TypeVar("T")
Fortschritt = Callable[[str, int, int], None]
# Each transaction holds the locks of so many meters and deletes so much time of theirs: under a second's work.
_ZAEHLER = 100
_TAG_S = 86_400
_ZEIT_S = 31 * _TAG_S
# Meters of one look-up.
_SCHRITT = 1000


@dataclass(frozen=True, slots=True)
class Probelauf:
    """What a run would delete: rows by table, of how many meters, all from before `stichtag_datum`."""

    stichtag_datum: date
    stromzaehler: int
    zeilen: dict[str, int]


def list_loeschlaeufe(session: Session, akteur: Akteur, *, seite: int, pro_seite: int) -> Seite[Loeschlauf]:
    """The receipts of all deletion runs, newest first."""
    return queries.list_loeschlaeufe(session, seite=seite, pro_seite=pro_seite)


def preview(session: Session, akteur: Akteur, *, jahre: int) -> Probelauf:
    """What a run would delete now. `jahre`: as of retention_end. Changes nothing."""
    stichtag = retention_end(local_date(akteur.zeitpunkt), jahre)
    vor = _epoch(stichtag)
    return Probelauf(
        stichtag, len(speicher.meters_before(session, vor)), dict(speicher.count_before(session, vor))
    )


def delete_expired_readings(
    session: Session, akteur: Akteur, *, jahre: int, fortschritt: Fortschritt = lambda *_: None
) -> Loeschlauf | None:
    """Delete the readings whose time is over and return the receipt; None when there are none.

    Commits on its way; called again, it goes on where it was broken off, and does nothing once all is done.
    `jahre`: as of retention_end; `fortschritt` is told what is done, how much of it, and of how much.
    Raises KonfliktFehler when another run begins to delete meanwhile.
    """
    begin_read(session)
    lauf, voriger = queries.find_open(session), queries.last_number(session)
    stichtag = retention_end(local_date(akteur.zeitpunkt), jahre) if lauf is None else lauf.stichtag_datum
    faellig = speicher.meters_before(session, _epoch(stichtag))
    erster = _first_day(session, faellig) or stichtag
    session.rollback()
    if lauf is None:
        if not faellig:
            return None
        _sum_days(session, erster, stichtag, voriger, fortschritt)
        _check_alone(session, voriger)
        lauf = Loeschlauf(
            zeitpunkt=akteur.zeitpunkt,
            akteur=akteur.name,
            stichtag_datum=stichtag,
            grund=Loeschgrund.AUFBEWAHRUNG,
            ergebnis={},
        )
        session.add(lauf)
        session.commit()
    nummer = lauf.loeschlauf_id
    session.rollback()
    _delete(session, nummer, faellig, _epoch(stichtag), fortschritt)
    lauf = queries.lock_lauf(session, nummer)
    lauf.beendet_zeitpunkt = akteur.zeitpunkt
    record_audit(session, akteur, "GELOESCHT", "loeschlauf", nummer, neu=lauf.ergebnis)
    session.commit()
    return lauf


def _check_alone(session: Session, voriger: int | None) -> None:
    """Raise KonfliktFehler when another run has begun to delete since `voriger` was the newest receipt.

    Its deletions come after its receipt: as long as that is not there, what was read to be summed up was whole.
    """
    if queries.last_number(session) != voriger:
        raise KonfliktFehler("Ein anderer Löschlauf hat begonnen. Warten Sie sein Ende ab.")


def _epoch(tag: date) -> int:
    return int(day_start(tag).timestamp())


def _first_day(session: Session, stromzaehler_ids: Sequence[int]) -> date | None:
    """The first local day of which sums are to be made: not one of an earlier run, whose readings are gone."""
    teile = [speicher.earliest_of(session, teil) for teil in _batches(stromzaehler_ids, _SCHRITT)]
    zeiten = [zeit for zeit in teile if zeit is not None]
    if not zeiten:
        return None
    tag = local_date(datetime.fromtimestamp(min(zeiten), UTC))
    letzter = queries.last_stichtag(session)
    return tag if letzter is None else max(tag, letzter)


def _sum_days(session: Session, von: date, bis: date, voriger: int | None, fortschritt: Fortschritt) -> None:
    """Write the sums of the local days [von, bis), a transaction each; `voriger` as of _check_alone."""
    for nummer in range((bis - von).days):
        tag = von + timedelta(days=nummer)
        # Looking takes longer than writing: on SQLite meters have to write, too.
        begin_read(session)
        anteile = _collect(session, day_start(tag), day_start(tag + timedelta(days=1)))
        session.rollback()
        _check_alone(session, voriger)
        queries.replace_tagessummen(session, tag, sum_regions(anteile))
        session.commit()
        fortschritt("Tagessummen", nummer + 1, (bis - von).days)


def _collect(session: Session, von: datetime, bis: datetime) -> dict[Anteil, tuple[int, int]]:
    """Energy (Wh: taken, fed in) of each customer and postcode in the local day [von, bis).

    Only who is complete: theirs for the whole day, measured at its begin and its end.
    """
    energien: dict[Anteil, tuple[int, int]] = {}
    unvollstaendig: set[Anteil] = set()
    kanten = (int(von.timestamp()), int(bis.timestamp()))
    for teil in _batches(queries.list_zaehlerzeiten(session, von, bis), _SCHRITT):
        ids = [zeit.stromzaehler_id for zeit in teil]
        staende = speicher.fleet_registers(session, ids, kanten)
        abschnitte = speicher.fleet_sections(session, ids)
        for zeit in teil:
            anteil = (zeit.kunde_id, zeit.postleitzahl)
            raender = [staende.get((zeit.stromzaehler_id, kante)) for kante in kanten]
            ganz = zeit.von <= von and (zeit.bis is None or zeit.bis >= bis)
            if not ganz or any(rand is None or rand[2] is not Qualitaet.ABGELESEN for rand in raender):
                unvollstaendig.add(anteil)
                continue
            werk = Zaehlwerk(zeit.faktor, abschnitte.get(zeit.stromzaehler_id, ()))
            alt, neu = (
                werk.energie(kante, rand[0], rand[1])
                for kante, rand in zip(kanten, raender, strict=True)
                if rand is not None
            )
            bisher = energien.get(anteil, (0, 0))
            energien[anteil] = (bisher[0] + neu[0] - alt[0], bisher[1] + neu[1] - alt[1])
    return {anteil: energie for anteil, energie in energien.items() if anteil not in unvollstaendig}


def _delete(session: Session, nummer: int, faellig: Sequence[int], vor: int, fortschritt: Fortschritt) -> None:
    """Delete what is over by the receipt of that number, a part at a time; each part counts itself in it."""
    for stelle, teil in enumerate(_batches(faellig, _ZAEHLER), start=1):
        erste = speicher.earliest_of(session, teil) or vor
        for grenze in [*range(erste - erste % _TAG_S + _ZEIT_S, vor, _ZEIT_S), vor]:
            lauf = queries.lock_lauf(session, nummer)
            gezaehlt = Counter(lauf.ergebnis) + speicher.delete_before(session, teil, grenze)
            lauf.ergebnis = dict(gezaehlt)
            session.commit()
        fortschritt("Zähler", min(stelle * _ZAEHLER, len(faellig)), len(faellig))


def _batches(werte: Sequence[T], anzahl: int) -> Iterator[Sequence[T]]:
    return (werte[anfang : anfang + anzahl] for anfang in range(0, len(werte), anzahl))
