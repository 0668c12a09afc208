"""The use case of taking in what an operator has already, file by file as their lines need each other."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.bestand.datei import Bestandsdatei
from betreiber.bestand.domain import WEICHT_AB, Berichtszeile, Bestandsart, Ergebnis
from betreiber.bestand.stapel import take_in
from betreiber.importlauf.fortschritt import begin_lauf, finish_lauf, lock_lauf
from db.models import Importlauf


@dataclass(frozen=True, slots=True)
class Auftrag:
    """How files are to be taken in. `probe`: judge and tell, store nothing; `fortsetzen`: where a run stopped.

    A file of which lines were refused is taken in again as a whole all the same.
    """

    probe: bool = False
    fortsetzen: bool = False
    # A transaction: few enough for those who wait for it, enough for a statement a table to be worth it.
    stapel_zeilen: int = 1000


@dataclass(frozen=True, slots=True)
class Summe:
    """What became of the lines of a file behind line `ab`; `abweichend`: stored already, and otherwise."""

    datei: str
    ab: int
    ergebnisse: Counter[Ergebnis]
    abweichend: int


def import_bestand(
    session: Session,
    akteur: Akteur,
    dateien: Sequence[Bestandsdatei],
    auftrag: Auftrag,
    *,
    report: Callable[[Sequence[Berichtszeile]], None],
    progress: Callable[[str, int, int], None],
) -> list[Summe]:
    """Take files in, some lines a transaction, and say what became of each file.

    What is stored stays as it is, so that the same files again are taken in to the same end. `report` gets what
    became of each line, before it is committed; `progress` what is read, how much of it, and of how much.
    A dry run is one transaction that is rolled back, because lines of a file mean objects of another one: on
    SQLite nobody else writes meanwhile. Raises KonfliktFehler while another command takes a file in.
    """
    einlesung = _Einlesung(session, akteur, auftrag, report, progress)
    try:
        return [einlesung.take_in(datei) for datei in sorted(dateien, key=_rank)]
    finally:
        # After the last commit there is nothing to roll back but a dry run, or what an error left.
        session.rollback()


def _rank(datei: Bestandsdatei) -> int:
    return list(Bestandsart).index(datei.art)


@dataclass(frozen=True, slots=True)
class _Einlesung:
    session: Session
    akteur: Akteur
    auftrag: Auftrag
    report: Callable[[Sequence[Berichtszeile]], None]
    progress: Callable[[str, int, int], None]

    def take_in(self, datei: Bestandsdatei) -> Summe:
        """Take one file in, or what is left of it."""
        lauf = None if self.auftrag.probe else self._begin(datei)
        ab = lauf.position if lauf else 0
        ergebnisse, abweichend = Counter[Ergebnis](), 0
        zeilen = datei.read(nach=ab)
        while stapel := list(islice(zeilen, self.auftrag.stapel_zeilen)):
            if lauf:
                lauf = lock_lauf(self.session, lauf)
            urteile = take_in(self.session, self.akteur, datei.art, stapel)
            zahlen = Counter(urteil.ergebnis for urteil in urteile)
            ergebnisse += zahlen
            abweichend += sum(urteil.code == WEICHT_AB for urteil in urteile)
            self.report(
                [
                    Berichtszeile(datei.name, zeile.nummer, urteil)
                    for zeile, urteil in zip(stapel, urteile, strict=True)
                ]
            )
            if lauf:
                _count(lauf, zahlen, stapel[-1].nummer)
                self.session.commit()
            self.progress(datei.name, datei.bytes_read(), datei.groesse)
        if lauf and lauf.beendet_zeitpunkt is None:
            finish_lauf(self.session, self.akteur, lock_lauf(self.session, lauf))
        return Summe(datei.name, ab, ergebnisse, abweichend)

    def _begin(self, datei: Bestandsdatei) -> Importlauf:
        """The run of the file: a new one, the one that stopped, or the same once more from the first line."""

        def again(lauf: Importlauf) -> bool:
            # Which lines were refused is not stored: only the whole file tells whether they can be taken in now.
            return not self.auftrag.fortsetzen or lauf.abgelehnt > 0

        return begin_lauf(self.session, self.akteur, datei, datei.name, again=again)


def _count(lauf: Importlauf, ergebnisse: Counter[Ergebnis], position: int) -> None:
    lauf.neu += ergebnisse[Ergebnis.ANGELEGT] + ergebnisse[Ergebnis.GEAENDERT]
    lauf.doppelt += ergebnisse[Ergebnis.UNVERAENDERT]
    lauf.abgelehnt += ergebnisse[Ergebnis.ABGELEHNT]
    lauf.position = position
