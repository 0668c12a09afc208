"""Takes in the lines of one batch: asks at once for what they name, judges each, writes at once what is new.

What is written besides (audit rows, events, maintenance) is what the API writes for the same objects, by the same
functions. The session gathers the rows, so that a flush is one statement a table.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.bestand import queries
from betreiber.bestand.domain import Bestandsart, Ergebnis, Satz, Urteil, Zeile, compare, judge_each
from betreiber.bestand.verweise import Verweise
from betreiber.bestand.zaehler import take_in_stromzaehler
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig
from betreiber.messstelle.domain import check_malo_id, check_melo_id
from betreiber.messstelle.service import vergeben
from betreiber.vertrag.domain import check_daten
from betreiber.vertrag.service import check_tarif
from db.models import Kunde, Messstelle, Vertrag
from db.stapel import flush, give_ids

_WIDERSPRUCH = Urteil(
    Ergebnis.ABGELEHNT,
    "",
    "konflikt",
    "Die Angaben widersprechen anderen, die schon gespeichert sind. Lesen Sie die Datei noch einmal ein.",
)


def take_in(session: Session, akteur: Akteur, art: Bestandsart, zeilen: Sequence[Zeile]) -> list[Urteil]:
    """What becomes of each line, in the caller's transaction. A line that fails does not fail its neighbours.

    The checks see all that is stored; what somebody else stores at the same time only a constraint sees. Then all
    lines are taken in one by one, and only what fails alone is refused.
    """
    saetze = [zeile.inhalt for zeile in zeilen if not isinstance(zeile.inhalt, Urteil)]
    try:
        gute = _write(session, akteur, art, saetze)
    except (IntegrityError, DataError):
        gute = [_write_alone(session, akteur, art, satz) for satz in saetze]
    folge = iter(gute)
    return [zeile.inhalt if isinstance(zeile.inhalt, Urteil) else next(folge) for zeile in zeilen]


def _write(session: Session, akteur: Akteur, art: Bestandsart, saetze: Sequence[Satz]) -> list[Urteil]:
    with session.begin_nested():
        urteile = _AUFNAHME[art](session, akteur, saetze)
        flush(session)
    return urteile


def _write_alone(session: Session, akteur: Akteur, art: Bestandsart, satz: Satz) -> Urteil:
    try:
        return _write(session, akteur, art, [satz])[0]
    except (IntegrityError, DataError):
        return _WIDERSPRUCH


def _take_in_kunden(session: Session, akteur: Akteur, saetze: Sequence[Satz]) -> list[Urteil]:
    bekannt = queries.find_kunden(session, {satz["kundennummer"] for satz in saetze})
    neue: list[tuple[Kunde, Satz]] = []

    def judge(satz: Satz) -> Urteil:
        kunde = bekannt.get(satz["kundennummer"])
        if kunde is not None:
            return compare(kunde, satz, satz.vorgaben)
        kunde = bekannt[satz["kundennummer"]] = Kunde(**satz)
        neue.append((kunde, satz))
        return Urteil(Ergebnis.ANGELEGT)

    urteile = judge_each(saetze, judge)
    _store(session, akteur, "kunde", neue)
    for kunde, _ in neue:
        record_ereignis(session, akteur, Ereignisart.KUNDE_ANGELEGT, "kunde", kunde.kunde_id)
    return urteile


def _take_in_messstellen(session: Session, akteur: Akteur, saetze: Sequence[Satz]) -> list[Urteil]:
    gefragt = {satz[name] for satz in saetze for name in ("malo_id", "melo_id")}
    bekannt = queries.find_messstellen(session, gefragt)
    neue: list[tuple[Messstelle, Satz]] = []

    def judge(satz: Satz) -> Urteil:
        malo_id, melo_id = check_malo_id(satz["malo_id"]), check_melo_id(satz["melo_id"])
        andere = bekannt.get(malo_id) or bekannt.get(melo_id)
        if andere is not None:
            if (andere.malo_id, andere.melo_id) != (malo_id, melo_id):
                raise vergeben(andere, malo_id)
            return compare(andere, satz, satz.vorgaben)
        messstelle = bekannt[malo_id] = bekannt[melo_id] = Messstelle(**satz)
        neue.append((messstelle, satz))
        return Urteil(Ergebnis.ANGELEGT)

    urteile = judge_each(saetze, judge)
    _store(session, akteur, "messstelle", neue)
    return urteile


def _take_in_vertraege(session: Session, akteur: Akteur, saetze: Sequence[Satz]) -> list[Urteil]:
    bekannt = queries.find_vertraege(session, {satz["vertragsnummer"] for satz in saetze})
    verweise = Verweise(session, saetze)
    tarife = queries.find_tarife(session, {satz["tarif"] for satz in saetze})
    neue: list[tuple[Vertrag, Mapping[str, Any]]] = []

    def judge(satz: Satz) -> Urteil:
        check_daten(satz["zustand"], satz["beginn_datum"], satz["ende_datum"])
        kunde, messstelle = verweise.kunde(satz), verweise.messstelle(satz)
        if kunde is None or messstelle is None:
            raise EingabeUngueltig("Eine MaLo- oder MeLo-ID fehlt.", feld="malo_id")
        tarif = tarife.get(satz["tarif"])
        if tarif is None:
            raise EingabeUngueltig("Diesen Tarif gibt es nicht.", feld="tarif", code="tarif_unbekannt")
        check_tarif(tarif, satz["produkt"], "tarif")
        werte = {name: wert for name, wert in satz.items() if name not in _NENNT_ANDERE} | {
            "kunde_id": kunde.kunde_id,
            "messstelle_id": messstelle.messstelle_id,
            "tarif_id": tarif.tarif_id,
        }
        vertrag = bekannt.get(satz["vertragsnummer"])
        if vertrag is not None:
            return compare(vertrag, werte, satz.vorgaben)
        vertrag = bekannt[satz["vertragsnummer"]] = Vertrag(**werte)
        neue.append((vertrag, werte))
        return Urteil(Ergebnis.ANGELEGT)

    urteile = judge_each(saetze, judge)
    _store(session, akteur, "vertrag", neue)
    return urteile


def _store(session: Session, akteur: Akteur, art: str, neue: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
    """New rows of the table `art` with what the file says of them, and who took them in."""
    zeilen = [zeile for zeile, _ in neue]
    give_ids(session, zeilen)
    session.add_all(zeilen)
    for zeile, werte in neue:
        record_audit(session, akteur, "ANGELEGT", art, getattr(zeile, f"{art}_id"), neu=werte)


_NENNT_ANDERE = frozenset({"kundennummer", "malo_id", "melo_id", "tarif"})
_AUFNAHME: dict[Bestandsart, Callable[[Session, Akteur, Sequence[Satz]], list[Urteil]]] = {
    Bestandsart.KUNDEN: _take_in_kunden,
    Bestandsart.MESSSTELLEN: _take_in_messstellen,
    Bestandsart.STROMZAEHLER: take_in_stromzaehler,
    Bestandsart.VERTRAEGE: _take_in_vertraege,
}
