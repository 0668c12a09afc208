"""Use cases of work orders: make, plan, visit, prove, complete."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from betreiber import metrik
from betreiber.auftrag import queries
from betreiber.auftrag.domain import (
    Auftragsart,
    Auftragsauskunft,
    Auftragszustand,
    Erledigung,
    Nachweisart,
    Vergleich,
    check_beim_monteur,
    check_foto,
    check_monteur_darf,
    check_nachweis,
    check_nachweis_zeit,
    check_neues_foto,
    check_termin,
    check_uebergang,
    describe_vergleich,
    plan_changes,
    shows_zugang,
)
from betreiber.auftrag.kennzahlen import Kennzahlen, check_zeitraum, compute_kennzahlen
from betreiber.auftrag.vergleich import compare
from betreiber.auftrag.zaehlung import note_zustand
from betreiber.auth.domain import Akteur, Umfang
from betreiber.dokument.domain import detect_medientyp
from betreiber.einbau.domain import check_einbaubar
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import apply_changes, record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden, VersionVeraltet
from betreiber.seite import Seite
from betreiber.stromzaehler.domain import Zaehlerzustand
from betreiber.wartung.service import record_ablesung
from betreiber.zeit import day_start, local_date
from db.models import Auftrag, Auftragsbesuch, Auftragsnachweis, Stromzaehler

_EREIGNISSE = {
    Auftragszustand.GEPLANT: Ereignisart.AUFTRAG_GEPLANT,
    Auftragszustand.ERLEDIGT: Ereignisart.AUFTRAG_ERLEDIGT,
    Auftragszustand.FEHLGESCHLAGEN: Ereignisart.AUFTRAG_FEHLGESCHLAGEN,
    Auftragszustand.STORNIERT: Ereignisart.AUFTRAG_STORNIERT,
}


def own_monteur(akteur: Akteur, monteur: int | None = None) -> int | None:
    """Whose orders this person may see: a fitter their own, whomever they ask for; None = all."""
    return monteur if akteur.sees_all else akteur.benutzer_id or 0


def list_auftraege(
    session: Session, akteur: Akteur, *, monteur: int | None = None, **auswahl: Any
) -> Seite[Auftrag]:
    """Orders by day of the visit, a page at a time."""
    return queries.list_auftraege(session, monteur=own_monteur(akteur, monteur), **auswahl)


def get_auftrag(session: Session, akteur: Akteur, auftrag_id: int) -> Auftragsauskunft:
    """An order, whom to call, its visits and proofs. Raises NichtGefunden, also for another fitter's order."""
    auftrag = _load(session, akteur, auftrag_id)
    if not shows_zugang(auftrag.zustand, alle=akteur.sees_all):
        return Auftragsauskunft(auftrag, None, None)
    kontakt = queries.list_kontakte(session, [auftrag_id], akteur.zeitpunkt).get(auftrag_id)
    return Auftragsauskunft(auftrag, kontakt, auftrag.messstelle.zugangshinweis)


def create_auftrag(session: Session, akteur: Akteur, daten: Mapping[str, Any]) -> Auftrag:
    """Make an order; it is OFFEN. Without a meter it is about the one that hangs at the place.

    Raises EingabeUngueltig for an unknown place or meter; KonfliktFehler for a meter that does not hang there, or
    that is to be installed and cannot be, and while an order of this kind runs for the same meter or installation.
    """
    messstelle = queries.lock_messstelle(session, daten["messstelle_id"])
    if messstelle is None:
        raise EingabeUngueltig(
            "Diese Messstelle gibt es nicht.", feld="messstelle_id", code="messstelle_unbekannt"
        )
    art = Auftragsart(daten["art"])
    stromzaehler = _find_stromzaehler(session, akteur, art, messstelle.messstelle_id, daten["stromzaehler_id"])
    laufender = queries.find_laufender(session, art, messstelle, stromzaehler)
    if laufender is not None:
        raise KonfliktFehler(f"Dafür läuft schon der Auftrag {laufender}.", code="auftrag_laeuft")
    auftrag = Auftrag(art=art.value, messstelle=messstelle, stromzaehler=stromzaehler, anlass=daten["anlass"])
    add(session, akteur, auftrag)
    session.commit()
    return auftrag


def _find_stromzaehler(
    session: Session, akteur: Akteur, art: Auftragsart, messstelle_id: int, stromzaehler_id: int | None
) -> Stromzaehler | None:
    """The meter of an order: of an EINBAU the one to install, if it is known, else the one that hangs there."""
    genannter = None
    if stromzaehler_id is not None:
        genannter = queries.get_stromzaehler(session, stromzaehler_id)
        if genannter is None:
            raise EingabeUngueltig(
                "Diesen Stromzähler gibt es nicht.", feld="stromzaehler_id", code="stromzaehler_unbekannt"
            )
    eingebauter = queries.find_eingebauter(session, messstelle_id, akteur.zeitpunkt)
    if art is Auftragsart.EINBAU:
        if eingebauter is not None and not queries.has_ausbau(session, messstelle_id):
            raise KonfliktFehler(
                "An dieser Messstelle hängt noch ein Zähler. Legen Sie einen WECHSEL an, oder zuerst den AUSBAU.",
                code="messstelle_belegt",
            )
        if genannter is not None:
            check_einbaubar(Zaehlerzustand(genannter.zustand))
        return genannter
    if eingebauter is None or genannter not in (None, eingebauter):
        raise KonfliktFehler(
            "An dieser Messstelle hängt der Zähler nicht, um den es gehen soll. Prüfen Sie den Einbau.",
            code="zaehler_haengt_nicht",
        )
    return eingebauter


def change_auftrag(
    session: Session, akteur: Akteur, auftrag_id: int, version: int, daten: Mapping[str, Any]
) -> Auftrag:
    """Plan, assign, set out, cancel. Of two planners at once the second gets VersionVeraltet.

    Raises NichtGefunden, ZugriffVerweigert for a fitter who changes the plan, and as plan_changes.
    """
    auftrag = _load(session, akteur, auftrag_id, version)
    if not akteur.sees_all:
        check_monteur_darf(daten)
    _change(session, akteur, auftrag, daten)
    session.commit()
    return auftrag


def record_besuch(
    session: Session, akteur: Akteur, auftrag_id: int, version: int, daten: Mapping[str, Any]
) -> Auftrag:
    """Note a visit that failed: with a new day the order is planned again, without one it has failed.

    Raises NichtGefunden, VersionVeraltet, KonfliktFehler for an order that nobody could visit, EingabeUngueltig
    for a day that is over.
    """
    auftrag = _load(session, akteur, auftrag_id, version)
    check_uebergang(Auftragszustand(auftrag.zustand), Auftragszustand.FEHLGESCHLAGEN)
    termin = daten["ersatztermin_datum"]
    # The order first: whoever notes the same visit twice, or at once, stops at its version.
    if termin is None:
        finish(session, akteur, auftrag, Auftragszustand.FEHLGESCHLAGEN, daten["grund"])
    else:
        check_termin(termin, local_date(akteur.zeitpunkt), "ersatztermin_datum")
        _check_haengt(session, akteur, auftrag)
        plan = {"zustand": Auftragszustand.GEPLANT.value, "termin_datum": termin}
        if not _store(session, akteur, auftrag, plan):
            queries.raise_version(session, auftrag)
    nummer = queries.count_besuche(session, auftrag_id) + 1
    session.add(Auftragsbesuch(auftrag_id=auftrag_id, nummer=nummer, zeitpunkt=akteur.zeitpunkt, **daten))
    record_audit(session, akteur, "BESUCHT", "auftrag", auftrag_id, neu={"nummer": nummer, **daten})
    session.commit()
    metrik.BESUCHE_FEHLGESCHLAGEN.labels(auftrag.art).inc()
    return auftrag


def add_nachweis(session: Session, akteur: Akteur, auftrag_id: int, daten: Mapping[str, Any]) -> Auftragsnachweis:
    """Keep a reading or a note that a fitter brought back.

    Raises NichtGefunden, KonfliktFehler for an order that is not with a fitter, EingabeUngueltig for a proof
    without its content, from the future or from before the order.
    """
    art = Nachweisart(daten["art"])
    check_nachweis(art, daten)
    return _add_nachweis(session, akteur, _load(session, akteur, auftrag_id), {**daten, "art": art.value})


def add_foto(
    session: Session, akteur: Akteur, auftrag_id: int, inhalt: bytes, daten: Mapping[str, Any]
) -> Auftragsnachweis:
    """Keep a photo (PNG or JPEG).

    Raises as add_nachweis, EingabeUngueltig for another file or a part of one, and KonfliktFehler for a photo that
    the order has, or that is one too many. ASSUMPTION: one fitter at a time; two at once may exceed the number.
    """
    medientyp = detect_medientyp(inhalt)
    check_foto(medientyp, inhalt)
    auftrag = _load(session, akteur, auftrag_id)
    inhalt_sha256 = hashlib.sha256(inhalt).digest()
    check_neues_foto(inhalt_sha256, queries.list_fotos(session, auftrag_id))
    foto = {"art": Nachweisart.FOTO.value, "medientyp": medientyp}
    return _add_nachweis(session, akteur, auftrag, {**daten, **foto}, inhalt=inhalt, inhalt_sha256=inhalt_sha256)


def get_foto(
    session: Session, akteur: Akteur, auftrag_id: int, auftragsnachweis_id: int
) -> tuple[bytes, str, str]:
    """A photo, its media type and a name for it. Raises NichtGefunden."""
    _load(session, akteur, auftrag_id)
    nachweis = queries.get_foto(session, auftrag_id, auftragsnachweis_id)
    if nachweis is None or nachweis.inhalt is None or nachweis.medientyp is None:
        raise NichtGefunden
    name = f"auftrag_{auftrag_id}_{auftragsnachweis_id}.{nachweis.medientyp.partition('/')[2]}"
    return nachweis.inhalt, nachweis.medientyp, name


def _add_nachweis(
    session: Session, akteur: Akteur, auftrag: Auftrag, werte: Mapping[str, Any], **inhalt: bytes
) -> Auftragsnachweis:
    check_beim_monteur(Auftragszustand(auftrag.zustand))
    zeitpunkt = werte["zeitpunkt"] or akteur.zeitpunkt
    check_nachweis_zeit(zeitpunkt, auftrag.angelegt_zeitpunkt, akteur.zeitpunkt)
    werte = {**werte, "auftrag_id": auftrag.auftrag_id, "zeitpunkt": zeitpunkt}
    nachweis = Auftragsnachweis(**werte, **inhalt)
    session.add(nachweis)
    session.flush()
    # Without the photo: it may show more than the meter, and the audit log is kept longer than the order.
    record_audit(session, akteur, "ANGELEGT", "auftragsnachweis", nachweis.auftragsnachweis_id, neu=werte)
    session.commit()
    return nachweis


def complete(session: Session, akteur: Akteur, auftrag_id: int, version: int, *, toleranz_wh: int) -> Erledigung:
    """End an order as done; a reading that was brought back is noted with the meter's maintenance.

    The reading of a KONTROLLABLESUNG is compared with what the meter sent; a difference above `toleranz_wh` is an
    event and makes an order to repair the meter. Raises NichtGefunden, VersionVeraltet, and KonfliktFehler for an
    order that cannot be done, or a control reading without its reading.
    """
    auftrag = _load(session, akteur, auftrag_id, version)
    check_uebergang(Auftragszustand(auftrag.zustand), Auftragszustand.ERLEDIGT)
    ablesung = queries.find_ablesung(session, auftrag_id)
    kontrolle = auftrag.art == Auftragsart.KONTROLLABLESUNG
    if kontrolle and ablesung is None:
        raise KonfliktFehler(
            "Zu einer Kontrollablesung gehört der Zählerstand. Tragen Sie ihn zuerst als Nachweis ein.",
            code="nachweis_fehlt",
        )
    vergleich, folge = None, None
    zaehler = auftrag.stromzaehler
    ort = auftrag.messstelle_id
    if (
        ablesung is not None
        and zaehler is not None
        and queries.may_read(session, zaehler, ort, ablesung.zeitpunkt)
    ):
        # The rights of a fitter end at their orders; what follows from one is the operator's own doing.
        betrieb = replace(akteur, umfang=Umfang.ALLE)
        record_ablesung(session, betrieb, zaehler.stromzaehler_id, local_date(ablesung.zeitpunkt))
        if kontrolle:
            vergleich = compare(session, auftrag.messstelle, zaehler, ablesung)
        if vergleich is not None and vergleich.exceeds(toleranz_wh):
            folge = _open_case(session, akteur, auftrag, vergleich)
    finish(session, akteur, auftrag, Auftragszustand.ERLEDIGT, None)
    session.commit()
    return Erledigung(auftrag, vergleich, None if folge is None else folge.auftrag_id)


def _open_case(session: Session, akteur: Akteur, auftrag: Auftrag, vergleich: Vergleich) -> Auftrag:
    folge = Auftrag(
        art=Auftragsart.REPARATUR.value,
        messstelle=auftrag.messstelle,
        stromzaehler=auftrag.stromzaehler,
        anlass=describe_vergleich(auftrag.auftrag_id, vergleich),
    )
    add(session, akteur, folge)
    daten = {
        "auftrag_id": auftrag.auftrag_id,
        "folgeauftrag_id": folge.auftrag_id,
        "bezug_abweichung_wh": vergleich.bezug_abweichung_wh,
        "einspeisung_abweichung_wh": vergleich.einspeisung_abweichung_wh,
    }
    art = Ereignisart.KONTROLLABLESUNG_WEICHT_AB
    record_ereignis(session, akteur, art, "stromzaehler", auftrag.stromzaehler_id or 0, daten)
    return folge


def compute_figures(session: Session, akteur: Akteur, von: date, bis: date) -> list[Kennzahlen]:
    """The figures of orders in [von, bis), local days. Raises EingabeUngueltig for no period or a long one."""
    check_zeitraum(von, bis)
    zeitraum = (day_start(von), day_start(bis))
    verlaeufe = queries.list_verlaeufe(session, (von, bis), zeitraum)
    besuche = queries.count_failed_visits(session, *zeitraum)
    return compute_kennzahlen(verlaeufe, besuche, von, bis, local_date(akteur.zeitpunkt))


def _load(session: Session, akteur: Akteur, auftrag_id: int, version: int | None = None) -> Auftrag:
    auftrag = queries.get_auftrag(session, auftrag_id, own_monteur(akteur))
    if auftrag is None:
        raise NichtGefunden
    if version is not None and auftrag.version != version:
        raise VersionVeraltet
    return auftrag


def add(session: Session, akteur: Akteur, *auftraege: Auftrag) -> None:
    """Make orders, OFFEN, in the caller's transaction."""
    for auftrag in auftraege:
        auftrag.zustand, auftrag.angelegt_zeitpunkt = Auftragszustand.OFFEN.value, akteur.zeitpunkt
    session.add_all(auftraege)
    session.flush()
    for auftrag in auftraege:
        nummer = auftrag.auftrag_id
        neu = {
            "art": auftrag.art,
            "messstelle_id": auftrag.messstelle_id,
            "stromzaehler_id": auftrag.stromzaehler_id,
            "stoerung_id": auftrag.stoerung_id,
        }
        record_audit(session, akteur, "ANGELEGT", "auftrag", nummer, neu={**neu, "anlass": auftrag.anlass})
        record_ereignis(session, akteur, Ereignisart.AUFTRAG_ANGELEGT, "auftrag", nummer, neu)
        note_zustand(session, auftrag)


def _change(session: Session, akteur: Akteur, auftrag: Auftrag, daten: Mapping[str, Any]) -> None:
    werte = {"benutzer_id": auftrag.benutzer_id, "termin_datum": auftrag.termin_datum}
    heute = local_date(akteur.zeitpunkt)
    aenderung = plan_changes(Auftragszustand(auftrag.zustand), werte, daten, heute)
    if aenderung["zustand"] == Auftragszustand.GEPLANT and daten.keys() - {"anlass"}:
        _check_haengt(session, akteur, auftrag)
    monteur = daten.get("benutzer_id")
    if monteur is not None and not queries.list_monteure(session, [monteur]):
        raise EingabeUngueltig(
            "Das ist kein Monteur, der sich anmelden kann.", feld="benutzer_id", code="monteur_unbekannt"
        )
    if aenderung["zustand"] == Auftragszustand.STORNIERT:
        finish(session, akteur, auftrag, Auftragszustand.STORNIERT, aenderung["grund"])
    else:
        _store(session, akteur, auftrag, aenderung)


def _check_haengt(session: Session, akteur: Akteur, auftrag: Auftrag) -> None:
    """Raise KonfliktFehler for an order to whose meter nobody can go any more."""
    if not queries.is_zaehler_there(session, auftrag.auftrag_id, akteur.zeitpunkt):
        raise KonfliktFehler(
            "Der Zähler hängt dort nicht mehr. Stornieren Sie den Auftrag, oder melden Sie ihn als erledigt.",
            code="zaehler_haengt_nicht",
        )


def finish(
    session: Session, akteur: Akteur, auftrag: Auftrag, zustand: Auftragszustand, grund: str | None
) -> None:
    """End an order, in the caller's transaction; `grund`: why it failed or was cancelled."""
    werte = {"zustand": zustand.value, "grund": grund, "beendet_zeitpunkt": akteur.zeitpunkt}
    _store(session, akteur, auftrag, werte)


def _store(session: Session, akteur: Akteur, auftrag: Auftrag, werte: Mapping[str, Any]) -> bool:
    """Change a row, recorded; False: it is as it was."""
    alt, neu = apply_changes(auftrag, werte)
    if not neu:
        return False
    session.flush()
    record_change(session, akteur, auftrag, alt, neu)
    return True


def record_change(
    session: Session, akteur: Akteur, auftrag: Auftrag, alt: Mapping[str, Any], neu: Mapping[str, Any]
) -> None:
    """The audit row of a change, and the event of the state that the order has reached, or of its new plan."""
    record_audit(session, akteur, "GEAENDERT", "auftrag", auftrag.auftrag_id, alt=alt, neu=neu)
    zustand = Auftragszustand(auftrag.zustand)
    if zustand in _EREIGNISSE and neu.keys() & {"zustand", "termin_datum", "benutzer_id"}:
        daten = {"art": auftrag.art, "termin_datum": auftrag.termin_datum}
        record_ereignis(session, akteur, _EREIGNISSE[zustand], "auftrag", auftrag.auftrag_id, daten)
    if "zustand" in neu:
        note_zustand(session, auftrag)
