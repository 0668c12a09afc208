"""The use case of taking in a file of historic readings, like readings of a meter: judged, stored once, told."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import islice

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Befund
from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import record_audit
from betreiber.errors import KonfliktFehler
from betreiber.importlauf import queries
from betreiber.importlauf.domain import Berichtszeile
from betreiber.importlauf.plan import Zaehlerfinder, plan_reihen
from betreiber.importlauf.quelle import Quelle, open_quelle
from betreiber.importlauf.stapel import Stapel
from betreiber.loeschlauf.domain import retention_end
from betreiber.zeit import day_start, local_date
from db.models import Importlauf
from db.session import begin_read


@dataclass(frozen=True, slots=True)
class Auftrag:
    """How a file is to be taken in.

    `aufbewahrung_jahre`: full calendar years for which readings are kept; `probelauf`: judge and tell, store
    nothing; `erneut`: also when it was done; `anfangsstand_wh`: registers at the begin of a file of energies.
    """

    dateiname: str
    aufbewahrung_jahre: int
    probelauf: bool = False
    erneut: bool = False
    anfangsstand_wh: tuple[int, int] | None = None
    # Half a year of one meter, or a day of two hundred: much for one commit, little for the memory.
    stapel_zeilen: int = 20_000


@dataclass(frozen=True, slots=True)
class Ergebnis:
    """What became of a file. `ab`: the line behind which this run began; `fertig`: it was done before."""

    format: str
    neu: int
    doppelt: int
    abgelehnt: int
    ab: int
    fertig: bool
    warnungen: Sequence[str]


def import_datei(
    session: Session,
    akteur: Akteur,
    datei: BufferedIOBase,
    auftrag: Auftrag,
    *,
    report: Callable[[Sequence[Berichtszeile]], None],
    progress: Callable[[str, int, int], None],
) -> Ergebnis:
    """Take a file in, some thousand lines a transaction; the same file again goes on where it stopped.

    `report` gets what became of each line, before it is committed; `progress` what is done, how
    much of it, and of how much.
    A dry run is one transaction that is rolled back: on SQLite nobody else writes meanwhile.
    Raises EingabeUngueltig for a file that cannot be used, KonfliktFehler while another command takes it in.
    """
    quelle = open_quelle(datei, test_erlaubt=auftrag.probelauf)
    begin_read(session)
    aelteste = day_start(retention_end(local_date(akteur.zeitpunkt), auftrag.aufbewahrung_jahre))
    finder = Zaehlerfinder(session, akteur.zeitpunkt, aelteste)
    reihen, warnungen = plan_reihen(session, finder, quelle, auftrag.anfangsstand_wh, progress)
    session.rollback()
    lauf = _begin(session, akteur, quelle, auftrag)
    ab, fertig = lauf.position, lauf.beendet_zeitpunkt is not None
    if not fertig:
        stapel = Stapel(session, akteur, finder, reihen)
        saetze = (satz for satz in quelle.read() if satz.position > ab)
        while teil := list(islice(saetze, auftrag.stapel_zeilen)):
            lauf = _lock(session, quelle, auftrag, lauf)
            bericht = stapel.take_in(teil)
            _count(lauf, bericht, teil[-1].position)
            report(bericht)
            if not auftrag.probelauf:
                session.commit()
            progress("Einlesen", quelle.bytes_read(), quelle.groesse)
        _finish(session, akteur, _lock(session, quelle, auftrag, lauf), auftrag)
    return Ergebnis(quelle.format, lauf.neu, lauf.doppelt, lauf.abgelehnt, ab, fertig, warnungen)


def _begin(session: Session, akteur: Akteur, quelle: Quelle, auftrag: Auftrag) -> Importlauf:
    lauf = queries.lock_lauf(session, quelle.sha256)
    if auftrag.probelauf:
        # It is not remembered, and it looks at the whole file.
        session.rollback()
        return _new_lauf(akteur, quelle, auftrag)
    if lauf is None:
        lauf = _new_lauf(akteur, quelle, auftrag)
        session.add(lauf)
        try:
            session.flush()
        except IntegrityError as error:  # On PostgreSQL two commands may find at once that nobody has begun.
            raise _in_arbeit() from error
    elif auftrag.erneut and lauf.beendet_zeitpunkt is not None:
        lauf.begonnen_zeitpunkt, lauf.beendet_zeitpunkt = akteur.zeitpunkt, None
        lauf.position = lauf.neu = lauf.doppelt = lauf.abgelehnt = 0
    session.commit()
    return lauf


def _new_lauf(akteur: Akteur, quelle: Quelle, auftrag: Auftrag) -> Importlauf:
    return Importlauf(
        datei_sha256=quelle.sha256,
        dateiname=auftrag.dateiname,
        format=quelle.format,
        begonnen_zeitpunkt=akteur.zeitpunkt,
        position=0,
        neu=0,
        doppelt=0,
        abgelehnt=0,
    )


def _lock(session: Session, quelle: Quelle, auftrag: Auftrag, bisher: Importlauf) -> Importlauf:
    """The run of the file, locked until the commit."""
    if auftrag.probelauf:
        return bisher
    position = bisher.position
    lauf = queries.lock_lauf(session, quelle.sha256)
    if lauf is None or lauf.position != position or lauf.beendet_zeitpunkt is not None:
        raise _in_arbeit()
    return lauf


def _in_arbeit() -> KonfliktFehler:
    return KonfliktFehler("Ein anderer Befehl liest diese Datei gerade ein. Warten Sie dessen Ende ab.")


def _count(lauf: Importlauf, bericht: Sequence[Berichtszeile], position: int) -> None:
    ergebnisse = Counter(zeile.ergebnis for zeile in bericht)
    lauf.neu += ergebnisse[Befund.NEU.name]
    lauf.doppelt += ergebnisse[Befund.DOPPELT.name]
    lauf.abgelehnt += len(bericht) - ergebnisse[Befund.NEU.name] - ergebnisse[Befund.DOPPELT.name]
    lauf.position = position


def _finish(session: Session, akteur: Akteur, lauf: Importlauf, auftrag: Auftrag) -> None:
    if auftrag.probelauf:
        session.rollback()
        return
    lauf.beendet_zeitpunkt = akteur.zeitpunkt
    summen = {"neu": lauf.neu, "doppelt": lauf.doppelt, "abgelehnt": lauf.abgelehnt}
    record_audit(session, akteur, "EINGELESEN", "importlauf", lauf.importlauf_id, neu=summen)
    session.commit()
