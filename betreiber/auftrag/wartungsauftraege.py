"""Use case of planners: orders for all meters that are due, many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auftrag import wartungsliste
from betreiber.auftrag.domain import Auftragsart, check_nicht_zu_fern
from betreiber.auftrag.faelligkeit import choose_anlaesse, derive_bedarf, describe_faellig
from betreiber.auftrag.service import add
from betreiber.auth.domain import Akteur
from betreiber.wartung.domain import Anlass
from betreiber.zeit import local_date
from db.models import Auftrag
from db.session import begin_read
from db.stapel import flush, give_ids


@dataclass(frozen=True, slots=True)
class Wartungsauftraege:
    """The orders that were made, or would be (then without a number); how many due meters wait for the next call;
    and orders that are done although the meter is still due: what they did was not entered.
    """

    probelauf: bool
    auftraege: Sequence[Auftrag]
    uebrig: int
    nachzutragen: Sequence[Any]


def create_wartungsauftraege(
    session: Session,
    akteur: Akteur,
    *,
    faellig_bis: date,
    anlass: Anlass | None,
    postleitzahl: str | None,
    art_eichfrist: str,
    art_manuell: str | None,
    hoechstens: int,
    probelauf: bool,
) -> Wartungsauftraege:
    """Make an order for each meter that hangs somewhere and is due until a day (included), by due date.

    The end of the Eichfrist counts also where a date by hand lies later. None where a running order of the meter
    at its place does what is due, or takes the meter away; none for four weeks after such an order is done: then
    its record is missing. A second call makes no second order. Raises EingabeUngueltig for a day too far away, and
    for a reason that asks for no order.
    """
    check_nicht_zu_fern(faellig_bis, local_date(akteur.zeitpunkt), "faellig_bis")
    manuell = None if art_manuell is None else Auftragsart(art_manuell)
    bedarf = derive_bedarf(Auftragsart(art_eichfrist), manuell)
    anlaesse = choose_anlaesse(bedarf, anlass)
    if probelauf:
        begin_read(session)
    else:
        wartungsliste.lock(session)
    auswahl = wartungsliste.Auswahl(akteur.zeitpunkt, faellig_bis, postleitzahl, bedarf, anlaesse)
    gesamt = wartungsliste.count_without_auftrag(session, auswahl)
    auftraege = [
        Auftrag(
            art=bedarf[zeile.anlass].art.value,
            messstelle_id=zeile.messstelle_id,
            stromzaehler_id=zeile.stromzaehler_id,
            anlass=describe_faellig(Anlass(zeile.anlass), zeile.faellig_datum),
        )
        for zeile in wartungsliste.list_without_auftrag(session, auswahl, hoechstens)
    ]
    nachzutragen = wartungsliste.list_nachzutragen(session, auswahl, hoechstens)
    if not probelauf:
        give_ids(session, auftraege)
        add(session, akteur, *auftraege)
        flush(session)
        session.commit()
    return Wartungsauftraege(probelauf, auftraege, gesamt - len(auftraege), nachzutragen)
