"""Use cases of day tours: the way of a day, and a proposal who goes where when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from betreiber.arbeitstage import is_arbeitstag
from betreiber.auftrag import queries
from betreiber.auftrag.domain import check_termin
from betreiber.auftrag.service import own_monteur, plan
from betreiber.auftrag.tourvorschlag import Stopp, Tourvorschlag, place_on_the_way, propose_touren
from betreiber.auth.domain import Akteur
from betreiber.errors import EingabeUngueltig
from betreiber.zeit import local_date
from db.models import Auftrag, Messstelle

PLANUNG_HOECHSTENS = timedelta(days=92)


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

    Raises EingabeUngueltig for a period that is none, over or longer than 92 days, and for a login that is none
    of a fitter.
    """
    check_termin(von, local_date(akteur.zeitpunkt), "von")
    if bis <= von:
        raise EingabeUngueltig("bis muss nach von liegen.", feld="bis", code="zeitraum_ungueltig")
    if bis - von > PLANUNG_HOECHSTENS:
        raise EingabeUngueltig(
            f"Höchstens {PLANUNG_HOECHSTENS.days} Tage auf einmal.", feld="bis", code="zeitraum_zu_lang"
        )
    if set(monteure) - queries.list_monteure(session, monteure):
        raise EingabeUngueltig(
            "Mindestens eine der Personen ist kein Monteur, der sich anmelden kann.",
            feld="monteure",
            code="monteur_unbekannt",
        )
    if not probelauf:
        queries.lock_monteure(session, monteure)
    offene = {auftrag.auftrag_id: auftrag for auftrag in queries.list_open(session, postleitzahl)}
    vorschlaege = propose_touren(
        [Stopp(nummer, a.messstelle.bundesland, _place(a.messstelle)) for nummer, a in offene.items()],
        [von + timedelta(days=tag) for tag in range((bis - von).days)],
        list(dict.fromkeys(monteure)),
        queries.count_stopps(session, von, bis),
        stopps_hoechstens,
        is_arbeitstag,
    )
    if not probelauf:
        for vorschlag in vorschlaege:
            auftrag = offene[vorschlag.auftrag_id]
            plan(session, akteur, auftrag, vorschlag.termin_datum, vorschlag.benutzer_id)
        session.commit()
    return Tourenvorschlag(probelauf, vorschlaege, len(offene) - len(vorschlaege))


def _place(messstelle: Messstelle) -> tuple[str, str, int, str]:
    hausnummer = messstelle.hausnummer + (messstelle.hausnummerzusatz or "")
    return place_on_the_way(messstelle.postleitzahl, messstelle.strasse, hausnummer)
