"""Use cases of verification: its facts, and what may be billed after the end of the Eichfrist."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import record_audit
from betreiber.errors import KonfliktFehler, NichtGefunden
from betreiber.seite import Seite
from betreiber.stromzaehler.domain import check_zeitraum
from betreiber.stromzaehler.service import get_stromzaehler
from betreiber.wartung import queries
from betreiber.wartung.domain import (
    Abrechnungsteil,
    Eichungsart,
    Rechtsgrund,
    Tatsache,
    check_kennzeichnung,
    check_tage,
    check_tatsache,
    german,
)
from betreiber.wartung.eichfrist import check_verlaengerung, split_abrechenbar
from betreiber.wartung.service import eichfrist_of, refresh, write
from betreiber.zeit import local_date
from db.models import Abrechnungsfreigabe, Eichung


def list_eichungen(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[Eichung]:
    """What the Eichfrist of a meter follows from, oldest first. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    return queries.list_eichungen(session, stromzaehler_id, seite=seite, pro_seite=pro_seite)


def create_eichung(session: Session, akteur: Akteur, stromzaehler_id: int, daten: Mapping[str, Any]) -> Eichung:
    """Enter a fact; the Eichfrist and what is due follow.

    Raises NichtGefunden, EingabeUngueltig for a fact that is incomplete, in the future, before the year of the
    marking, or an extension that the law does not know, KonfliktFehler for one that stands there already.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    check_tatsache(daten, local_date(akteur.zeitpunkt))
    lage = queries.get_lage(session, stromzaehler_id, akteur.zeitpunkt)
    check_kennzeichnung(daten, lage.kennzeichnung_jahr)
    neue = Tatsache(daten["art"], daten["datum"], daten["bis_datum"], daten["los"])
    if any((alte.art, alte.datum) == (neue.art, neue.datum) for alte in lage.tatsachen):
        raise KonfliktFehler("Das ist für diesen Tag schon eingetragen.", code="eichung_eingetragen")
    if neue.art is Eichungsart.LOSVERLAENGERUNG:
        check_verlaengerung(eichfrist_of(lage), neue)
    eichung = Eichung(stromzaehler_id=stromzaehler_id, angelegt_zeitpunkt=akteur.zeitpunkt, **daten)
    session.add(eichung)
    session.flush()
    neu = {"stromzaehler_id": stromzaehler_id, **daten}
    record_audit(session, akteur, "ANGELEGT", "eichung", eichung.eichung_id, neu=neu)
    refresh(session, akteur, stromzaehler_id)
    session.commit()
    return eichung


def withdraw_eichung(session: Session, akteur: Akteur, stromzaehler_id: int, eichung_id: int) -> None:
    """Take a fact back: it stays in the list and counts no longer; twice is once.

    Raises NichtGefunden, KonfliktFehler for a fact on which a ground to bill rests that counts.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    eichung = queries.get_eichung(session, stromzaehler_id, eichung_id)
    if eichung is None:
        raise NichtGefunden
    if eichung.zurueckgenommen_zeitpunkt is None:
        _check_entbehrlich(session, akteur, eichung)
    if _withdraw(session, akteur, eichung, "eichung", eichung_id):
        # The day of a verification that never was must not stay behind as one entered by hand.
        eingaben = {"letzte_eichung_datum": None} if eichung.art == Eichungsart.EICHUNG else {}
        write(session, akteur, stromzaehler_id, eingaben)
    session.commit()


def get_abrechenbarkeit(
    session: Session, akteur: Akteur, stromzaehler_id: int, von: datetime, bis: datetime
) -> list[Abrechnungsteil]:
    """[von, bis) in stretches whose readings may be billed, or not, and why.

    Raises NichtGefunden, EingabeUngueltig when it is no period.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    check_zeitraum(von, bis)
    frist = eichfrist_of(queries.get_lage(session, stromzaehler_id, akteur.zeitpunkt))
    return split_abrechenbar(frist, queries.list_freigaben(session, stromzaehler_id), von, bis)


def list_abrechnungsfreigaben(
    session: Session, akteur: Akteur, stromzaehler_id: int, *, seite: int, pro_seite: int
) -> Seite[Abrechnungsfreigabe]:
    """On which grounds a meter is billed after the end of its Eichfrist, oldest first. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    return queries.list_abrechnungsfreigaben(session, stromzaehler_id, seite=seite, pro_seite=pro_seite)


def create_abrechnungsfreigabe(
    session: Session, akteur: Akteur, stromzaehler_id: int, daten: Mapping[str, Any]
) -> Abrechnungsfreigabe:
    """Let readings be billed although the Eichfrist is over.

    Raises NichtGefunden, EingabeUngueltig when the days are none, KonfliktFehler for ANTRAG_RECHTZEITIG where no
    application in time is entered for the Eichfrist that ended before these days.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    check_tage(daten["von_datum"], daten["bis_datum"])
    if daten["rechtsgrund"] is Rechtsgrund.ANTRAG_RECHTZEITIG:
        frist = eichfrist_of(queries.get_lage(session, stromzaehler_id, akteur.zeitpunkt))
        if not frist.has_antrag(daten["von_datum"]):
            raise KonfliktFehler(
                "Vor dem ersten Tag endete keine Eichfrist, zu der ein Antrag eingetragen ist, der mindestens 10"
                " Wochen vor ihrem Ende gestellt wurde (MessEG § 38). Tragen Sie ihn bei den Eichungen ein.",
                code="antrag_fehlt",
            )
    freigabe = Abrechnungsfreigabe(stromzaehler_id=stromzaehler_id, angelegt_zeitpunkt=akteur.zeitpunkt, **daten)
    session.add(freigabe)
    session.flush()
    neu = {"stromzaehler_id": stromzaehler_id, **daten}
    nummer = freigabe.abrechnungsfreigabe_id
    record_audit(session, akteur, "ANGELEGT", "abrechnungsfreigabe", nummer, neu=neu)
    session.commit()
    return freigabe


def withdraw_abrechnungsfreigabe(
    session: Session, akteur: Akteur, stromzaehler_id: int, abrechnungsfreigabe_id: int
) -> None:
    """Take a ground back: it stays in the list and counts no longer; twice is once. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    freigabe = queries.get_abrechnungsfreigabe(session, stromzaehler_id, abrechnungsfreigabe_id)
    if freigabe is None:
        raise NichtGefunden
    _withdraw(session, akteur, freigabe, "abrechnungsfreigabe", abrechnungsfreigabe_id)
    session.commit()


def _check_entbehrlich(session: Session, akteur: Akteur, eichung: Eichung) -> None:
    """Raise KonfliktFehler when a ground to bill that counts would not stand without a fact.

    That is not the application alone: without the verification before it, it may have come too late.
    """
    lage = queries.get_lage(session, eichung.stromzaehler_id, akteur.zeitpunkt)
    uebrige = tuple(t for t in lage.tatsachen if (t.art, t.datum) != (eichung.art, eichung.datum))
    von_hand = None if eichung.art == Eichungsart.EICHUNG else lage.letzte_eichung_datum
    mit, ohne = eichfrist_of(lage), eichfrist_of(replace(lage, tatsachen=uebrige, letzte_eichung_datum=von_hand))
    for freigabe in queries.list_freigaben(session, eichung.stromzaehler_id):
        tag = freigabe.von_datum
        if (
            freigabe.rechtsgrund is Rechtsgrund.ANTRAG_RECHTZEITIG
            and mit.has_antrag(tag)
            and not ohne.has_antrag(tag)
        ):
            raise KonfliktFehler(
                f"Auf diesem Eintrag beruht die Abrechnungsfreigabe ab dem {german(tag)}. Nehmen Sie erst diese"
                " zurück.",
                code="antrag_in_gebrauch",
            )


def _withdraw(
    session: Session, akteur: Akteur, zeile: Eichung | Abrechnungsfreigabe, objekt_art: str, nummer: int
) -> bool:
    """Whether the row counted until now."""
    if zeile.zurueckgenommen_zeitpunkt is not None:
        return False
    zeile.zurueckgenommen_zeitpunkt = akteur.zeitpunkt
    neu = {"zurueckgenommen_zeitpunkt": akteur.zeitpunkt}
    alt = dict.fromkeys(neu)
    record_audit(session, akteur, "GEAENDERT", objekt_art, nummer, alt=alt, neu=neu)
    return True
