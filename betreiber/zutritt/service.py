"""Use cases of access notices: announce visits by letter, and hand the letters out."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.druck import fill_vorlage, merge_pdfs, print_pdf
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, NichtGefunden
from betreiber.seite import Seite
from betreiber.zeit import local_date
from betreiber.zutritt import queries
from betreiber.zutritt.domain import (
    ARBEITEN,
    BRIEFE_HOECHSTENS,
    Absender,
    Vorhaben,
    Zutrittsergebnis,
    Zutrittslauf,
    Zutrittsplan,
    check_anzahl,
    check_auswahl,
    check_versand,
    plan_zutritt,
    split_zeitfenster,
)
from db.models import Zutrittsankuendigung
from db.session import begin_read

_VORLAGE = Path(__file__).parent / "templates/ankuendigung.html"


def announce(
    session: Session,
    akteur: Akteur,
    *,
    absender: Absender,
    postlauf_tage: int,
    auftrag_id: int | None,
    von: date | None,
    bis: date | None,
    monteur: int | None,
    postleitzahl: str | None,
    versand_datum: date | None,
    zeitfenster: str,
    ersatztermin_arbeitstage: int | None,
    probelauf: bool,
) -> Zutrittslauf:
    """Write the letters about the planned orders of [von, bis), or about one, that are in time; all or none.

    With `probelauf` it only says what would become of each. `versand_datum` None: today. Whoever changes an order
    while the letters are set gets their way: it is GEAENDERT, and its letter is not kept. Raises EingabeUngueltig
    for a selection, a day or hours that are none, and for more orders than go in a call; DruckFehlt.
    """
    versand = versand_datum or local_date(akteur.zeitpunkt)
    check_auswahl(auftrag_id, von, bis)
    check_versand(versand, local_date(akteur.zeitpunkt))
    fenster = split_zeitfenster(zeitfenster)
    auswahl: dict[str, Any] = {
        "auftrag_id": auftrag_id,
        "von": von,
        "bis": bis,
        "monteur": monteur,
        "postleitzahl": postleitzahl,
        "hoechstens": BRIEFE_HOECHSTENS + 1,
    }
    begin_read(session)
    alle = queries.list_vorhaben(session, akteur.zeitpunkt, **auswahl)
    session.rollback()
    check_anzahl(len(alle), auftrag_id)
    plaene = {v: plan_zutritt(v, versand, postlauf_tage, ersatztermin_arbeitstage) for v in alle}
    if not probelauf:
        # Setting them takes seconds, in which nobody waits for us.
        pdfs = {
            v: _print_brief(absender, versand, fenster, v, plan)
            for v, plan in plaene.items()
            if plan.ergebnis is Zutrittsergebnis.ANGEKUENDIGT
        }
        queries.lock_auftraege(session, [v.auftrag_id for v in pdfs])
        unveraendert = set(queries.list_vorhaben(session, akteur.zeitpunkt, **auswahl))
        for v, pdf in pdfs.items():
            if v in unveraendert:
                plaene[v] = _add(session, akteur, plaene[v], versand, zeitfenster, pdf)
            else:
                plaene[v] = Zutrittsplan(v.auftrag_id, Zutrittsergebnis.GEAENDERT, v.termin_datum)
        session.commit()
    return Zutrittslauf(probelauf, versand, list(plaene.values()))


def list_ankuendigungen(session: Session, akteur: Akteur, **auswahl: Any) -> Seite[Zutrittsankuendigung]:
    """Letters, the newest first, a page at a time."""
    return queries.list_ankuendigungen(session, **auswahl)


def get_pdf(session: Session, akteur: Akteur, zutrittsankuendigung_id: int) -> bytes:
    """A letter as it left the house. Raises NichtGefunden."""
    brief = queries.get_ankuendigung(session, zutrittsankuendigung_id)
    if brief is None:
        raise NichtGefunden
    return brief.inhalt


def print_day(session: Session, akteur: Akteur, versand_datum: date, *, nach: int, hoechstens: int) -> bytes:
    """The letters of coming visits that leave the house on a day as one PDF, each as it is stored.

    `nach`: only those after this number, which were not printed yet. Raises EingabeUngueltig when there are none.
    """
    briefe = queries.list_inhalte(session, versand_datum, nach=nach, hoechstens=hoechstens)
    if not briefe:
        raise EingabeUngueltig(
            "An diesem Tag gehen keine Briefe hinaus, oder keine weiteren.",
            feld="versand_datum",
            code="briefe_fehlen",
        )
    return merge_pdfs(briefe, f"Zutrittsankündigungen vom {versand_datum:%d.%m.%Y}")


def _print_brief(
    absender: Absender, versand: date, fenster: tuple[str, str], vorhaben: Vorhaben, plan: Zutrittsplan
) -> bytes:
    html = fill_vorlage(
        _VORLAGE,
        absender=absender,
        empfaenger=vorhaben.empfaenger,
        datum=versand,
        vorhaben=vorhaben,
        plan=plan,
        arbeit=ARBEITEN[vorhaben.art],
        von=fenster[0],
        bis=fenster[1],
    )
    return print_pdf(html)


def _add(
    session: Session, akteur: Akteur, plan: Zutrittsplan, versand: date, zeitfenster: str, pdf: bytes
) -> Zutrittsplan:
    """Keep a letter, with its audit row and its event."""
    termine = {"termin_datum": plan.termin_datum, "ersatztermin_datum": plan.ersatztermin_datum}
    werte = {
        "auftrag_id": plan.auftrag_id,
        "kunde_id": plan.kunde_id,
        "versand_datum": versand,
        "zeitfenster": zeitfenster,
        **termine,
    }
    brief = Zutrittsankuendigung(angelegt_zeitpunkt=akteur.zeitpunkt, inhalt=pdf, **werte)
    session.add(brief)
    session.flush()
    nummer = brief.zutrittsankuendigung_id
    neu = {**werte, "sha256": hashlib.sha256(pdf).hexdigest()}
    record_audit(session, akteur, "ANGELEGT", "zutrittsankuendigung", nummer, neu=neu)
    ereignis = {"zutrittsankuendigung_id": nummer, "versand_datum": versand, **termine}
    record_ereignis(session, akteur, Ereignisart.ZUTRITT_ANGEKUENDIGT, "auftrag", plan.auftrag_id, ereignis)
    return replace(plan, zutrittsankuendigung_id=nummer)
