"""The warning to apply for verification: an event a meter, and one mail to the planners (MessEG § 38)."""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.nachricht import enqueue_nachricht
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.wartung import queries
from betreiber.wartung.domain import german
from betreiber.wartung.service import STAPEL
from betreiber.zeit import local_date
from db.session import begin_read
from db.stapel import flush

# Who gets a thousand lines reads none.
ZEILEN_HOECHSTENS = 30
# Between two batches, because who waits for SQLite's write lock only looks now and then whether it is free.
PAUSE_S = 0.02


def warn_eichantraege(session: Session, akteur: Akteur, *, empfaenger: str, stapel: int = STAPEL) -> int:
    """Write an event for each meter whose day to warn has come, and one mail of them all; returns how many.

    An Eichfrist is told of before its end, and again only when that changes. All meters that were marked in a year
    have the same day: `stapel` of them share a transaction. The mail tells of the events since the last mail, so
    that a crash in between leaves nobody untold; without an `empfaenger` they wait until there is one.
    ASSUMPTION: one job process runs it; two at once would send two mails.
    """
    heute, anzahl = local_date(akteur.zeitpunkt), 0
    begin_read(session)
    faellig = queries.list_zu_warnende(session, heute)
    session.rollback()
    for stelle in range(0, len(faellig), stapel):
        teil = faellig[stelle : stelle + stapel]
        anzahl += _record(session, akteur, queries.mark_gewarnt(session, heute, teil))
        session.commit()
        time.sleep(PAUSE_S)
    if empfaenger:
        _tell(session, akteur, empfaenger)
    return anzahl


def _record(session: Session, akteur: Akteur, zeilen: Sequence[Any]) -> int:
    """Write an event for each of these meters."""
    for stromzaehler_id, ende, frist in zeilen:
        daten = {"eichfrist_ende_datum": ende, "antragsfrist_datum": frist}
        record_ereignis(session, akteur, Ereignisart.EICHANTRAG_FAELLIG, "stromzaehler", stromzaehler_id, daten)
    flush(session)
    return len(zeilen)


def _tell(session: Session, akteur: Akteur, empfaenger: str) -> None:
    """One mail of the events of which none has told; the audit log knows how far the last one went."""
    heute = local_date(akteur.zeitpunkt)
    begin_read(session)
    gemeldet, letztes = queries.find_unreported(session)
    gruppen = queries.count_gewarnte(session, gemeldet, heute) if gemeldet < letztes else []
    nummern = queries.list_gewarnte(session, gemeldet, heute, ZEILEN_HOECHSTENS) if gruppen else []
    session.rollback()
    if gemeldet == letztes:
        return
    if gruppen:
        enqueue_nachricht(session, akteur, empfaenger, *_compose(gruppen, nummern, heute))
    anzahl = sum(zeile[-1] for zeile in gruppen)
    record_audit(session, akteur, "GEMELDET", "eichantrag", letztes, neu={"zaehler": anzahl})
    session.commit()


def _compose(gruppen: Sequence[Any], nummern: Sequence[str], heute: date) -> tuple[str, str]:
    """Subject and text; `gruppen` and `nummern` in the order of the last day to apply."""
    anzahl = sum(zeile[-1] for zeile in gruppen)
    saetze = [
        f"{anzahl} x {hersteller} {modell}: zu beantragen bis {german(frist)}"
        + (" (der Tag ist vorbei)" if frist < heute else "")
        for frist, hersteller, modell, anzahl in gruppen[:ZEILEN_HOECHSTENS]
    ]
    if len(gruppen) > len(saetze):
        saetze.append(f"und {len(gruppen) - len(saetze)} weitere Modelle und Tage")
    rest = [f"und {anzahl - len(nummern)} weitere"] if anzahl > len(nummern) else []
    letzter = german(gruppen[0][0])
    return f"Eichung beantragen: {anzahl} Zähler, der erste bis {letzter}", "\n".join(
        [
            "Für diese Zähler ist die Eichung zu beantragen, sonst sind sie nach dem Ende der Eichfrist nicht",
            "mehr abrechenbar (MessEG § 38):",
            "",
            *saetze,
            "",
            "Zählernummern:",
            *nummern,
            *rest,
            "",
            f"Alle: GET /v1/wartungen?eingebaut=true&antrag_bis={gruppen[-1][0].isoformat()}",
            "Ist beantragt, tragen Sie bei den Eichungen des Zählers einen ANTRAG ein.",
            "",
        ]
    )
