"""Use cases of maintenance: what is due when and why, and what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.ereignis.service import apply_changes, record_audit
from betreiber.errors import KonfliktFehler, VersionVeraltet
from betreiber.seite import Seite
from betreiber.stromzaehler.service import change_stromzaehler, get_stromzaehler
from betreiber.wartung import queries
from betreiber.wartung.domain import (
    Anlass,
    Eichungsart,
    Sortierung,
    Tatsache,
    Wartungsblatt,
    Wartungseintrag,
    Wartungslage,
    check_kennzeichnung,
    check_vergangen,
    derive_faelligkeit,
    last_eichung,
)
from betreiber.wartung.eichfrist import Eichfrist, compute_eichfrist
from betreiber.zeit import local_date
from db.models import Stromzaehler, Wartung
from db.session import begin_read

STAPEL = 1_000


def list_wartungen(
    session: Session,
    akteur: Akteur,
    *,
    seite: int,
    pro_seite: int,
    sortierung: str,
    faellig_bis: date | None = None,
    ueberfaellig: bool = False,
    antrag_bis: date | None = None,
    anlass: Anlass | None = None,
    eingebaut: bool = False,
    modell: str | None = None,
    postleitzahl: str | None = None,
) -> Seite[Wartungseintrag]:
    """What planners plan from. `faellig_bis` and `antrag_bis` count; `postleitzahl` is the start of one.

    `ueberfaellig`: only what was due before today, or whose Eichfrist is over. `antrag_bis`: only what is to be
    applied for by then. `eingebaut`: only what hangs.
    """
    return queries.list_wartungen(
        session,
        akteur.zeitpunkt,
        faellig_bis=faellig_bis,
        ueberfaellig_am=local_date(akteur.zeitpunkt) if ueberfaellig else None,
        antrag_bis=antrag_bis,
        anlass=anlass,
        eingebaut=eingebaut,
        modell=modell,
        postleitzahl=postleitzahl,
        sortierung=Sortierung(sortierung),
        seite=seite,
        pro_seite=pro_seite,
    )


def get_wartung(session: Session, akteur: Akteur, stromzaehler_id: int) -> Wartungsblatt:
    """Maintenance of one meter and why it is due; version 0 before the first entry. Raises NichtGefunden."""
    get_stromzaehler(session, akteur, stromzaehler_id)
    lage = queries.get_lage(session, stromzaehler_id, akteur.zeitpunkt)
    frist = eichfrist_of(lage)
    faelligkeit = derive_faelligkeit(lage, frist.ende_datum, local_date(akteur.zeitpunkt))
    return Wartungsblatt(
        stromzaehler_id=stromzaehler_id,
        einbau_datum=lage.einbau_datum,
        letzte_manuelle_ablesung_datum=lage.letzte_manuelle_ablesung_datum,
        letzte_eichung_datum=lage.letzte_eichung_datum,
        naechste_wartung_datum=faelligkeit.datum,
        anlass=faelligkeit.anlass,
        eichfrist_ende_datum=frist.ende_datum,
        antragsfrist_datum=frist.antragsfrist_datum,
        antragswarnung_datum=frist.antragswarnung_datum(lage.bundesland),
        begruendung=frist.begruendung + faelligkeit.begruendung,
        version=lage.version,
    )


def change_wartung(
    session: Session, akteur: Akteur, stromzaehler_id: int, version: int, daten: Mapping[str, Any]
) -> Wartungsblatt:
    """Enter dates. `naechste_wartung_datum` set by hand wins over what follows from the rules; None: the rules.

    Raises NichtGefunden, VersionVeraltet, EingabeUngueltig for a past date in the future or a verification
    before the year of the marking, KonfliktFehler for another day of the last one than the facts say.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    lage = queries.get_lage(session, stromzaehler_id, akteur.zeitpunkt)
    if lage.version != version:
        raise VersionVeraltet
    check_vergangen(daten, local_date(akteur.zeitpunkt))
    check_kennzeichnung(daten, lage.kennzeichnung_jahr)
    eingaben = dict(daten)
    if "naechste_wartung_datum" in eingaben:
        eingaben["vorgabe_datum"] = eingaben.pop("naechste_wartung_datum")
    nachher = replace(lage, **eingaben)
    if "letzte_eichung_datum" in daten and last_eichung(nachher) != nachher.letzte_eichung_datum:
        raise KonfliktFehler(
            "Die letzte Eichung folgt aus den eingetragenen Eichungen. Tragen Sie dort eine ein oder nehmen Sie"
            " eine zurück.",
            code="eichung_eingetragen",
        )
    write(session, akteur, stromzaehler_id, eingaben)
    session.flush()
    # Before the commit: what fails after it would be refused and done all the same.
    blatt = get_wartung(session, akteur, stromzaehler_id)
    session.commit()
    return blatt


def change_register(
    session: Session, akteur: Akteur, stromzaehler_id: int, version: int, daten: Mapping[str, Any]
) -> Stromzaehler:
    """Change a meter's data and the dates that follow from them. Raises as change_stromzaehler."""
    stromzaehler = change_stromzaehler(session, akteur, stromzaehler_id, version, daten)
    refresh(session, akteur, stromzaehler_id)
    session.commit()
    return stromzaehler


def record_einbau(session: Session, akteur: Akteur, stromzaehler_id: int, einbau_datum: date | None) -> None:
    """Note the day on which a meter was last installed, in the caller's transaction; None: it never was."""
    write(session, akteur, stromzaehler_id, {"einbau_datum": einbau_datum})


def record_ersten_einbau(
    session: Session, akteur: Akteur, stromzaehler: Stromzaehler, einbau_datum: date, bundesland: str | None
) -> None:
    """As record_einbau, for a meter that was just registered: what is known of it stands in its row.

    It asks the database nothing, so that many meters are taken in by few statements.
    """
    lage = Wartungslage(
        stromzaehler_id=stromzaehler.stromzaehler_id,
        zustand=stromzaehler.zustand,
        bauart=stromzaehler.bauart,
        kennzeichnung_jahr=stromzaehler.kennzeichnung_jahr,
        nutzungsdauer_jahre=stromzaehler.nutzungsdauer_jahre,
        gewaehrleistung_ende_datum=stromzaehler.gewaehrleistung_ende_datum,
        inbetriebnahme_datum=stromzaehler.inbetriebnahme_datum,
        einbau_datum=einbau_datum,
        letzte_manuelle_ablesung_datum=None,
        letzte_eichung_datum=None,
        vorgabe_datum=None,
        kontrollablesung_monate=None,
        naechste_wartung_datum=None,
        anlass=None,
        eichfrist_ende_datum=None,
        antragsfrist_datum=None,
        antragswarnung_datum=None,
        version=0,
        bundesland=bundesland,
        erster_einbau_datum=einbau_datum,
        tatsachen=(),
    )
    wartung = Wartung(stromzaehler_id=stromzaehler.stromzaehler_id, version=0)
    werte = {"einbau_datum": einbau_datum, **_derive(lage, local_date(akteur.zeitpunkt))}
    _store(session, akteur, wartung, werte)


def record_ablesung(session: Session, akteur: Akteur, stromzaehler_id: int, ablesung_datum: date) -> None:
    """Note that people read the display of a meter on a day, in the caller's transaction; the newest one stays."""
    letzte = queries.get_lage(session, stromzaehler_id, akteur.zeitpunkt).letzte_manuelle_ablesung_datum
    neueste = max(letzte or ablesung_datum, ablesung_datum)
    write(session, akteur, stromzaehler_id, {"letzte_manuelle_ablesung_datum": neueste})


def refresh(session: Session, akteur: Akteur, stromzaehler_id: int) -> None:
    """Let the dates of a meter follow what they depend on, in the caller's transaction, after its own writes."""
    write(session, akteur, stromzaehler_id, {})


def sweep_wartungen(
    session: Session, akteur: Akteur, *, kontrollablesung_monate: int, stapel: int = STAPEL
) -> int:
    """Derive the dates of all meters anew, `stapel` at a time; returns how many rows changed.

    What the calendar or the settings changed since, and meters without an entry, get theirs here. No audit row:
    what is derived follows from rows that have theirs. `kontrollablesung_monate`: 0 = no control readings.
    """
    heute, nach_id, geaendert = local_date(akteur.zeitpunkt), 0, 0
    while lagen := _read_lagen(session, nach_id, akteur.zeitpunkt, stapel):
        neue, alte = [], []
        for lage in lagen:
            werte: dict[str, Any] = {"kontrollablesung_monate": kontrollablesung_monate}
            werte |= _derive(replace(lage, **werte), heute)
            zeile = {"stromzaehler_id": lage.stromzaehler_id, **werte}
            if not lage.version:
                neue.append({**zeile, "version": 1})
            elif any(getattr(lage, name) != wert for name, wert in werte.items()):
                alte.append({**zeile, "version": lage.version})
        if neue or alte:
            queries.write_derived(session, neue, alte)
            session.commit()
        nach_id, geaendert = lagen[-1].stromzaehler_id, geaendert + len(neue) + len(alte)
    return geaendert


def _read_lagen(session: Session, nach_id: int, zeitpunkt: datetime, anzahl: int) -> Sequence[Wartungslage]:
    """As queries.list_lagen, in a transaction of its own: on SQLite others write while dates are derived."""
    begin_read(session)
    lagen = queries.list_lagen(session, nach_id, zeitpunkt, anzahl)
    session.rollback()
    return lagen


def eichfrist_of(lage: Wartungslage) -> Eichfrist:
    """The Eichfrist of a meter; a verification that was only entered as a date counts, too."""
    tatsachen = lage.tatsachen
    if lage.letzte_eichung_datum is not None and not any(t.art is Eichungsart.EICHUNG for t in tatsachen):
        tatsachen += (Tatsache(Eichungsart.EICHUNG, lage.letzte_eichung_datum),)
    return compute_eichfrist(lage.bauart, lage.kennzeichnung_jahr, tatsachen)


def write(session: Session, akteur: Akteur, stromzaehler_id: int, eingaben: Mapping[str, Any]) -> None:
    """Store entries of a meter with all that follows from them, audited, in the caller's transaction."""
    lage = replace(queries.get_lage(session, stromzaehler_id, akteur.zeitpunkt), **eingaben)
    werte = {**eingaben, **_derive(lage, local_date(akteur.zeitpunkt))}
    wartung = queries.get_wartung(session, stromzaehler_id) or Wartung(stromzaehler_id=stromzaehler_id, version=0)
    _store(session, akteur, wartung, werte)


def _store(session: Session, akteur: Akteur, wartung: Wartung, werte: Mapping[str, Any]) -> None:
    alt, neu = apply_changes(wartung, werte)
    if neu:
        session.add(wartung)
        record_audit(session, akteur, "GEAENDERT", "wartung", wartung.stromzaehler_id, alt=alt, neu=neu)


def _derive(lage: Wartungslage, heute: date) -> dict[str, Any]:
    """The columns of a meter that follow from others."""
    lage = replace(lage, letzte_eichung_datum=last_eichung(lage))
    frist = eichfrist_of(lage)
    faelligkeit = derive_faelligkeit(lage, frist.ende_datum, heute)
    return {
        "letzte_eichung_datum": lage.letzte_eichung_datum,
        "naechste_wartung_datum": faelligkeit.datum,
        "anlass": faelligkeit.anlass,
        "eichfrist_ende_datum": frist.ende_datum,
        "antragsfrist_datum": frist.antragsfrist_datum,
        "antragswarnung_datum": frist.antragswarnung_datum(lage.bundesland),
    }
