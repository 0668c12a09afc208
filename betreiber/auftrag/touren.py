"""Use cases of day tours: the way of a day, and a proposal who goes where when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from betreiber.arbeitstage import is_arbeitstag
from betreiber.auftrag import queries
from betreiber.auftrag.domain import Auftragszustand, check_termin
from betreiber.auftrag.service import own_monteur, record_change
from betreiber.auftrag.tourvorschlag import (
    Stopp,
    Tourvorschlag,
    choose_stopps,
    count_room,
    find_room,
    place_on_the_way,
    propose_touren,
)
from betreiber.auth.domain import Akteur
from betreiber.errors import EingabeUngueltig, VersionVeraltet
from betreiber.messstelle.domain import Bundesland
from betreiber.seite import Seite
from betreiber.zeit import local_date
from db.models import Auftrag, Benutzer
from db.session import begin_read
from db.stapel import flush

PLANUNG_HOECHSTENS = timedelta(days=92)
# What one call plans: the tours of a week for a hundred fitters.
STOPPS_HOECHSTENS = 10_000


@dataclass(frozen=True, slots=True)
class Tourenvorschlag:
    """Which orders get which day and fitter; `ohne_termin`: open ones for which there was no room."""

    probelauf: bool
    vorschlaege: Sequence[Tourvorschlag]
    ohne_termin: int


def list_tour(session: Session, akteur: Akteur, datum: date, monteur: int | None = None) -> list[Auftrag]:
    """The orders of a day in the order of the way: by postcode, street, house number. Fitters get their own."""
    auftraege = queries.list_of_day(session, datum, own_monteur(akteur, monteur))
    return sorted(auftraege, key=lambda auftrag: (*_place(auftrag.messstelle), auftrag.auftrag_id))


def list_monteure(session: Session, *, seite: int, pro_seite: int) -> Seite[Benutzer]:
    """The logins of fitters by name, a page at a time; also those that may not log in any more."""
    return queries.list_logins_of_monteure(session, seite=seite, pro_seite=pro_seite)


def propose(
    session: Session,
    akteur: Akteur,
    *,
    von: date,
    bis: date,
    monteure: Sequence[int],
    stopps_hoechstens: int,
    postleitzahl: str | None,
    probelauf: bool,
) -> Tourenvorschlag:
    """Distribute the open orders over the working days of [von, bis); without `probelauf` they are planned so.

    Where room is short the most urgent ones get it. Raises EingabeUngueltig for a period that is none, over,
    longer than 92 days or too far away, and for a login that is none of a fitter; VersionVeraltet when somebody
    planned or cancelled one of the orders meanwhile.
    """
    check_termin(von, local_date(akteur.zeitpunkt), "von")
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    if bis - von > PLANUNG_HOECHSTENS:
        raise EingabeUngueltig(
            f"Höchstens {PLANUNG_HOECHSTENS.days} Tage auf einmal.", feld="bis", code="zeitraum_zu_lang"
        )
    if probelauf:
        begin_read(session)
    if set(monteure) - queries.list_monteure(session, monteure):
        raise EingabeUngueltig(
            "Mindestens eine der Personen ist kein Monteur, der sich anmelden kann.",
            feld="monteure",
            code="monteur_unbekannt",
        )
    if not probelauf:
        queries.lock_monteure(session, monteure)
    tage = [von + timedelta(days=tag) for tag in range((bis - von).days)]
    belegt = queries.count_stopps(session, von, bis)
    frei = find_room(tage, list(dict.fromkeys(monteure)), belegt, stopps_hoechstens)
    je_land = {
        land.value: min(STOPPS_HOECHSTENS, count_room(frei, partial(is_arbeitstag, bundesland=land)))
        for land in Bundesland
    }
    offene = queries.count_open(session, akteur.zeitpunkt, postleitzahl)
    wartende = queries.list_stopps(session, akteur.zeitpunkt, postleitzahl, je_land)
    zeilen = {zeile.auftrag_id: zeile for zeile in wartende}
    stopps = [Stopp(nummer, zeile.bundesland, _place(zeile)) for nummer, zeile in zeilen.items()]
    gewaehlt = choose_stopps(stopps, frei, is_arbeitstag)[:STOPPS_HOECHSTENS]
    vorschlaege = propose_touren(gewaehlt, frei, is_arbeitstag)
    if not probelauf:
        _plan(session, akteur, [(zeilen[v.auftrag_id].art, v) for v in vorschlaege])
        session.commit()
    return Tourenvorschlag(probelauf, vorschlaege, offene - len(vorschlaege))


def _plan(session: Session, akteur: Akteur, plan: Sequence[tuple[str, Tourvorschlag]]) -> None:
    """Give orders their day and their fitter, by a few statements for all. VersionVeraltet: one was planned or
    cancelled meanwhile.
    """
    if not plan:
        return
    if queries.write_plan(session, [asdict(vorschlag) for _, vorschlag in plan]) != len(plan):
        raise VersionVeraltet
    for art, vorschlag in plan:
        neu = {"zustand": Auftragszustand.GEPLANT.value, **asdict(vorschlag)}
        auftrag = Auftrag(art=art, **neu)
        del neu["auftrag_id"]
        alt = {"zustand": Auftragszustand.OFFEN.value, "termin_datum": None, "benutzer_id": None}
        record_change(session, akteur, auftrag, alt, neu)
    flush(session)


def _place(messstelle: Any) -> tuple[str, str, int, str]:
    hausnummer = messstelle.hausnummer + (messstelle.hausnummerzusatz or "")
    return place_on_the_way(messstelle.postleitzahl, messstelle.strasse, hausnummer)
