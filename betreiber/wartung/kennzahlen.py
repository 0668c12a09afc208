"""The planners' numbers: what is due and overdue, as an answer and as gauges."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.auth.domain import Akteur
from betreiber.stromzaehler.domain import check_zeitraum
from betreiber.wartung import queries
from betreiber.wartung.domain import Anlass, Anlassanzahl, Wartungskennzahlen, add_months
from betreiber.zeit import local_date
from db.session import begin_read


def compute_kennzahlen(
    session: Session, akteur: Akteur, von: date | None = None, bis: date | None = None
) -> Wartungskennzahlen:
    """The numbers of [von, bis), by default of this month (Europe/Berlin), as of today.

    Raises EingabeUngueltig when it is no period. What was done is not among them: an entry that is due no longer
    may have been done, put off, or corrected, and only its order knows (`GET /v1/auftragskennzahlen`).
    """
    heute = local_date(akteur.zeitpunkt)
    von = von or heute.replace(day=1)
    bis = bis or add_months(von, 1)
    check_zeitraum(von, bis)
    zeilen = queries.count_wartungen(session, von, bis, heute)
    faellig = {zeile.anlass: zeile.faellig for zeile in zeilen}
    ueberfaellig = {zeile.anlass: zeile.ueberfaellig for zeile in zeilen}
    return Wartungskennzahlen(
        von,
        bis,
        sum(zeile.zaehler for zeile in zeilen),
        [Anlassanzahl(anlass, faellig.get(anlass, 0)) for anlass in Anlass],
        [Anlassanzahl(anlass, ueberfaellig.get(anlass, 0)) for anlass in Anlass],
        sum(zeile.abgelaufen for zeile in zeilen),
        sum(zeile.antraege for zeile in zeilen),
    )


def write_gauges(session: Session, akteur: Akteur) -> None:
    """Show the numbers of this month to Prometheus."""
    begin_read(session)
    zahlen = compute_kennzahlen(session, akteur)
    session.rollback()
    _show(metrik.WARTUNGEN_FAELLIG, zahlen.faellig)
    _show(metrik.WARTUNGEN_UEBERFAELLIG, zahlen.ueberfaellig)
    metrik.EICHFRIST_ABGELAUFEN.set(zahlen.eichfrist_abgelaufen)


def _show(gauge: metrik.Gauge, anzahlen: Sequence[Anlassanzahl]) -> None:
    for eine in anzahlen:
        gauge.labels(eine.anlass).set(eine.anzahl)
