"""Takes in the meters of one batch, each with the place where it hangs and the customer whose it is."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from betreiber.auth.domain import Akteur
from betreiber.bestand import queries
from betreiber.bestand.domain import Ergebnis, Satz, Urteil, check_same_device, compare, judge_each, overlaps
from betreiber.bestand.verweise import Verweise
from betreiber.einbau.domain import check_einbaubar, check_geschehen
from betreiber.einbau.service import messstelle_belegt, record_install, zaehler_haengt
from betreiber.ereignis.service import record_audit
from betreiber.errors import EingabeUngueltig
from betreiber.stromzaehler.domain import Zaehlerzustand, check_lebensdaten, check_seit_inbetriebnahme
from betreiber.stromzaehler.service import check_neuen
from betreiber.stromzaehler.zuordnung import noch_zugeordnet, ueberlappt
from betreiber.wartung.service import record_einbau, record_ersten_einbau
from betreiber.zeit import day_start, local_date
from db.models import Einbau, Kunde, KundeStromzaehler, Messstelle, Stromzaehler
from db.stapel import flush, give_ids

# What of a line is not the meter's own.
_DRUMHERUM = frozenset({"malo_id", "melo_id", "einbau_datum", "kundennummer", "zuordnung_datum"})


def take_in_stromzaehler(session: Session, akteur: Akteur, saetze: Sequence[Satz]) -> list[Urteil]:
    """What becomes of each line; what is new is written, in the caller's transaction."""
    stapel = _Zaehlerstapel(session, akteur, saetze)
    urteile = judge_each(saetze, stapel.judge)
    stapel.write()
    return urteile


@dataclass(slots=True, eq=False)
class _Vorhaben:
    """What is to be written for a line; `daten`: of a meter that is new. A new meter has no id before."""

    stromzaehler: Stromzaehler
    daten: Mapping[str, Any] | None
    einbau: Einbau | None
    bundesland: str | None
    zuordnung: KundeStromzaehler | None


class _Zaehlerstapel:
    def __init__(self, session: Session, akteur: Akteur, saetze: Sequence[Satz]) -> None:
        self._session = session
        self._akteur = akteur
        self._verweise = Verweise(session, saetze)
        self._bekannt = queries.find_stromzaehler(
            session, {satz["zaehlernummer"].replace(" ", "") for satz in saetze}
        )
        nummern = {zaehler.stromzaehler_id: nummer for nummer, zaehler in self._bekannt.items()}
        # By meter number, because new meters have no id yet; what lines of this batch plan is added.
        self._am_zaehler: dict[str, list[Einbau]] = defaultdict(list)
        self._am_platz: dict[int, list[Einbau]] = defaultdict(list)
        self._zuordnungen: dict[str, list[KundeStromzaehler]] = defaultdict(list)
        for einbau in queries.list_einbauten(session, nummern.keys(), self._verweise.messstelle_ids):
            self._am_platz[einbau.messstelle_id].append(einbau)
            if einbau.stromzaehler_id in nummern:
                self._am_zaehler[nummern[einbau.stromzaehler_id]].append(einbau)
        for zuordnung in queries.list_zuordnungen(session, nummern.keys()):
            self._zuordnungen[nummern[zuordnung.stromzaehler_id]].append(zuordnung)
        self._vorhaben: list[_Vorhaben] = []

    def judge(self, satz: Satz) -> Urteil:
        """What becomes of a line; what it asks for is planned. Raises BetreiberError for one that is refused."""
        eigene = {name: wert for name, wert in satz.items() if name not in _DRUMHERUM}
        daten = check_neuen(self._akteur, eigene)
        messstelle, kunde = self._verweise.messstelle(satz), self._verweise.kunde(satz)
        eingebaut, zugeordnet = _check_days(satz, messstelle, kunde)
        bekannt = self._bekannt.get(daten["zaehlernummer"])
        zaehler = bekannt or Stromzaehler(**daten, zustand=Zaehlerzustand.LAGER)
        seriennummer = daten["seriennummer"]
        einbau = None
        if messstelle and eingebaut:
            einbau = self._plan_einbau(zaehler, seriennummer, messstelle, eingebaut)
        zuordnung = self._plan_zuordnung(zaehler, kunde, zugeordnet, eingebaut) if kunde and zugeordnet else None
        bundesland = messstelle.bundesland if messstelle else None
        self._plan(_Vorhaben(zaehler, None if bekannt else daten, einbau, bundesland, zuordnung))
        if bekannt is None:
            return Urteil(Ergebnis.ANGELEGT)
        urteil = compare(bekannt, daten, satz.vorgaben)
        return urteil._replace(ergebnis=Ergebnis.GEAENDERT) if einbau or zuordnung else urteil

    def _plan_einbau(
        self, zaehler: Stromzaehler, seriennummer: str, messstelle: Messstelle, tag: date
    ) -> Einbau | None:
        """The Einbau that is to be written; None where it is stored, or planned by a line before.

        `seriennummer`: as the line says it, which is not always that of the meter with its number.
        """
        von = day_start(tag)
        am_zaehler = self._am_zaehler[zaehler.zaehlernummer]
        if any((einbau.messstelle_id, einbau.von) == (messstelle.messstelle_id, von) for einbau in am_zaehler):
            return None
        check_geschehen(von, self._akteur.zeitpunkt, "einbau_datum")
        if overlaps(am_zaehler, von):
            check_same_device(zaehler.zaehlernummer, zaehler.seriennummer, seriennummer)
            raise zaehler_haengt()
        if overlaps(self._am_platz[messstelle.messstelle_id], von):
            raise messstelle_belegt()
        if any(
            zeit.von < von and (zeit.bis is None or zeit.bis > von)
            for zeit in self._zuordnungen[zaehler.zaehlernummer]
        ):
            raise noch_zugeordnet()
        check_einbaubar(Zaehlerzustand(zaehler.zustand))
        heute = local_date(self._akteur.zeitpunkt)
        check_lebensdaten(zaehler.kennzeichnung_jahr, zaehler.inbetriebnahme_datum or tag, heute)
        check_seit_inbetriebnahme(von, zaehler.inbetriebnahme_datum, "einbau_datum")
        return Einbau(messstelle_id=messstelle.messstelle_id, von=von)

    def _plan_zuordnung(
        self, zaehler: Stromzaehler, kunde: Kunde, tag: date, eingebaut: date | None
    ) -> KundeStromzaehler | None:
        """The assignment that is to be written; None where it is stored, or planned by a line before."""
        von = day_start(tag)
        bisher = self._zuordnungen[zaehler.zaehlernummer]
        if any((zuordnung.kunde_id, zuordnung.von) == (kunde.kunde_id, von) for zuordnung in bisher):
            return None
        if overlaps(bisher, von):
            raise ueberlappt()
        check_seit_inbetriebnahme(von, zaehler.inbetriebnahme_datum or eingebaut, "zuordnung_datum")
        return KundeStromzaehler(kunde_id=kunde.kunde_id, von=von)

    def _plan(self, vorhaben: _Vorhaben) -> None:
        """Note what no later line of the batch may contradict."""
        nummer = vorhaben.stromzaehler.zaehlernummer
        self._bekannt[nummer] = vorhaben.stromzaehler
        if vorhaben.einbau:
            self._am_zaehler[nummer].append(vorhaben.einbau)
            self._am_platz[vorhaben.einbau.messstelle_id].append(vorhaben.einbau)
        if vorhaben.zuordnung:
            self._zuordnungen[nummer].append(vorhaben.zuordnung)
        self._vorhaben.append(vorhaben)

    def write(self) -> None:
        """Write what was planned: meters first, in the state that they get, because the rest refers to them."""
        session, akteur = self._session, self._akteur
        neue = [(teil.stromzaehler, teil.daten) for teil in self._vorhaben if teil.daten is not None]
        einbauten = [(teil.stromzaehler, teil.einbau, teil.bundesland) for teil in self._vorhaben if teil.einbau]
        zuordnungen = [(teil.stromzaehler, teil.zuordnung) for teil in self._vorhaben if teil.zuordnung]
        give_ids(session, [zaehler for zaehler, _ in neue])
        give_ids(session, [einbau for _, einbau, _ in einbauten])
        give_ids(session, [zuordnung for _, zuordnung in zuordnungen])
        for zaehler, daten in neue:
            self._audit("stromzaehler", zaehler.stromzaehler_id, daten)
        for zaehler, einbau, _ in einbauten:
            einbau.stromzaehler_id = zaehler.stromzaehler_id
            record_install(session, akteur, zaehler, einbau)
        session.add_all(zaehler for zaehler, _ in neue)
        flush(session)
        session.add_all(einbau for _, einbau, _ in einbauten)
        ohne_wartung = {zaehler.stromzaehler_id for zaehler, _ in neue}
        for zaehler, einbau, bundesland in einbauten:
            tag = local_date(einbau.von)
            if zaehler.stromzaehler_id in ohne_wartung:
                ohne_wartung.remove(zaehler.stromzaehler_id)
                record_ersten_einbau(session, akteur, zaehler, tag, bundesland)
            else:
                record_einbau(session, akteur, zaehler.stromzaehler_id, tag)
        for zaehler, zuordnung in zuordnungen:
            zuordnung.stromzaehler_id = zaehler.stromzaehler_id
            session.add(zuordnung)
            werte = {name: getattr(zuordnung, name) for name in ("stromzaehler_id", "kunde_id", "von", "bis")}
            self._audit("kunde_stromzaehler", zuordnung.kunde_stromzaehler_id, werte)

    def _audit(self, art: str, nummer: int, neu: Mapping[str, Any]) -> None:
        record_audit(self._session, self._akteur, "ANGELEGT", art, nummer, neu=neu)


def _check_days(satz: Satz, messstelle: Messstelle | None, kunde: Kunde | None) -> tuple[date | None, date | None]:
    """On which days the meter was installed and became the customer's, the same where only one is given.

    Raises EingabeUngueltig for a day without its place or customer, and for these without a day.
    """
    eingebaut, zugeordnet = satz["einbau_datum"], satz["zuordnung_datum"]
    if (messstelle is None) != (eingebaut is None):
        raise EingabeUngueltig(
            "Zum Einbau gehören eine MaLo- oder MeLo-ID und das einbau_datum.", feld="einbau_datum"
        )
    if kunde is None and zugeordnet is None:
        return eingebaut, None
    if kunde is None or (zugeordnet is None and eingebaut is None):
        raise EingabeUngueltig(
            "Zur Zuordnung gehören eine kundennummer und das zuordnung_datum (sonst gilt das einbau_datum).",
            feld="zuordnung_datum",
        )
    return eingebaut, zugeordnet or eingebaut
