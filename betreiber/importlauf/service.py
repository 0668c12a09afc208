"""The use case of taking in a file of historic readings, like readings of a meter: judged, stored once, told."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import islice

from sqlalchemy.orm import Session

from betreiber.ablesung.domain import Befund
from betreiber.auth.domain import Akteur
from betreiber.importlauf.domain import Berichtszeile
from betreiber.importlauf.fortschritt import begin_lauf, finish_lauf, lock_lauf, new_lauf
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
            lauf = _lock(session, auftrag, lauf)
            bericht = stapel.take_in(teil)
            _count(lauf, bericht, teil[-1].position)
            report(bericht)
            if not auftrag.probelauf:
                session.commit()
            progress("Einlesen", quelle.bytes_read(), quelle.groesse)
        _finish(session, akteur, lauf, auftrag)
    return Ergebnis(quelle.format, lauf.neu, lauf.doppelt, lauf.abgelehnt, ab, fertig, warnungen)


def _begin(session: Session, akteur: Akteur, quelle: Quelle, auftrag: Auftrag) -> Importlauf:
    if auftrag.probelauf:
        # It is not remembered, and it looks at the whole file.
        return new_lauf(akteur, quelle, auftrag.dateiname)
    return begin_lauf(
        session,
        akteur,
        quelle,
        auftrag.dateiname,
        again=lambda lauf: auftrag.erneut and lauf.beendet_zeitpunkt is not None,
    )


def _lock(session: Session, auftrag: Auftrag, bisher: Importlauf) -> Importlauf:
    """The run of the file, locked until the commit."""
    return bisher if auftrag.probelauf else lock_lauf(session, bisher)


def _count(lauf: Importlauf, bericht: Sequence[Berichtszeile], position: int) -> None:
    ergebnisse = Counter(zeile.ergebnis for zeile in bericht)
    lauf.neu += ergebnisse[Befund.NEU.name]
    lauf.doppelt += ergebnisse[Befund.DOPPELT.name]
    lauf.abgelehnt += len(bericht) - ergebnisse[Befund.NEU.name] - ergebnisse[Befund.DOPPELT.name]
    lauf.position = position


def _finish(session: Session, akteur: Akteur, lauf: Importlauf, auftrag: Auftrag) -> None:
    if auftrag.probelauf:
        session.rollback()
    else:
        finish_lauf(session, akteur, lock_lauf(session, lauf))
