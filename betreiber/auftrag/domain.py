"""Rules of work orders: their states, who may change what, control readings. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from betreiber.arbeitstage import is_arbeitstag
from betreiber.errors import EingabeUngueltig, KonfliktFehler, ZugriffVerweigert
from betreiber.stoerung.domain import ARTEN, URSACHEN, Stoerungsart, Ursache
from betreiber.zeit import BERLIN, VIERTELSTUNDE_S, local_date

# One repair that did not help is not followed by a second one before the data had three days to come back.
NACHFRIST = timedelta(hours=72)
# Two years: the longest notice that anybody plans with.
TERMIN_HOECHSTENS = timedelta(days=730)
# How far from a control reading the remote values may lie with which it is compared.
VERGLEICH_HOECHSTENS_S = 31 * 86_400
# A second order for it would bring nothing new: somebody has been there and has to say what it was.
NUR_VON_MENSCHEN_BEHOBEN = Stoerungsart.MANIPULATION
FOTOS_HOECHSTENS = 20
# No camera writes so little; a file of some bytes proves nothing.
FOTO_MINDESTENS_BYTES = 500
# What some telephones write behind the end of a picture.
_NACHSPANN_BYTES = 1024
_BILDENDEN = {"image/jpeg": b"\xff\xd9", "image/png": b"IEND\xaeB`\x82"}
BEHOBEN = "Die Störung ist behoben, bevor jemand hinfuhr."
UEBERHOLT = "Der Zähler hängt dort nicht mehr."


class Auftragsart(StrEnum):
    """What is to be done at the place."""

    EINBAU = "EINBAU"
    WECHSEL = "WECHSEL"
    REPARATUR = "REPARATUR"
    KONTROLLABLESUNG = "KONTROLLABLESUNG"
    EICHUNG = "EICHUNG"
    AUSBAU = "AUSBAU"


class Eichfristart(StrEnum):
    """What ends an Eichfrist: another meter, or a verification of this one."""

    WECHSEL = "WECHSEL"
    EICHUNG = "EICHUNG"


class Wartungsart(StrEnum):
    """What can be done to a meter that hangs."""

    WECHSEL = "WECHSEL"
    REPARATUR = "REPARATUR"
    KONTROLLABLESUNG = "KONTROLLABLESUNG"
    EICHUNG = "EICHUNG"
    AUSBAU = "AUSBAU"


class Auftragszustand(StrEnum):
    """How far a work order is."""

    OFFEN = "OFFEN"
    GEPLANT = "GEPLANT"
    UNTERWEGS = "UNTERWEGS"
    ERLEDIGT = "ERLEDIGT"
    FEHLGESCHLAGEN = "FEHLGESCHLAGEN"
    STORNIERT = "STORNIERT"


class Planzustand(StrEnum):
    """The states that somebody sets; ERLEDIGT and FEHLGESCHLAGEN follow from a completion and from a visit."""

    OFFEN = "OFFEN"
    GEPLANT = "GEPLANT"
    UNTERWEGS = "UNTERWEGS"
    STORNIERT = "STORNIERT"


class Nachweisart(StrEnum):
    """What a fitter brought back."""

    ABLESUNG = "ABLESUNG"
    FOTO = "FOTO"
    NOTIZ = "NOTIZ"


class Tourformat(StrEnum):
    """How a tour is given out: for programs, for a spreadsheet, for a calendar, on paper."""

    JSON = "json"
    CSV = "csv"
    ICS = "ics"
    PDF = "pdf"


_Z = Auftragszustand
# A fitter in a cellar without reception may finish without having said before that they are on their way.
UEBERGAENGE: Mapping[Auftragszustand, Sequence[Auftragszustand]] = {
    _Z.OFFEN: (_Z.GEPLANT, _Z.STORNIERT),
    _Z.GEPLANT: (_Z.OFFEN, _Z.UNTERWEGS, _Z.ERLEDIGT, _Z.FEHLGESCHLAGEN, _Z.STORNIERT),
    _Z.UNTERWEGS: (_Z.GEPLANT, _Z.ERLEDIGT, _Z.FEHLGESCHLAGEN),
    _Z.ERLEDIGT: (),
    _Z.FEHLGESCHLAGEN: (),
    _Z.STORNIERT: (),
}
LAUFEND = (_Z.OFFEN, _Z.GEPLANT, _Z.UNTERWEGS)
# Before somebody went.
NOCH_ZUHAUSE = (_Z.OFFEN, _Z.GEPLANT)
BEIM_MONTEUR = (_Z.GEPLANT, _Z.UNTERWEGS)


@dataclass(frozen=True, slots=True)
class Auftragsauskunft:
    """An order with whom to call before: the customer of whom the meter is now, or None; and how to get in."""

    auftrag: Any
    kontakt: Any
    zugangshinweis: str | None


@dataclass(frozen=True, slots=True)
class Vergleich:
    """How far a control reading lies outside of what the remote values around it allow, in Wh."""

    bezug_abweichung_wh: int
    einspeisung_abweichung_wh: int | None

    def exceeds(self, toleranz_wh: int) -> bool:
        """Whether one of the registers differs by more than the tolerance."""
        return max(abs(self.bezug_abweichung_wh), abs(self.einspeisung_abweichung_wh or 0)) > toleranz_wh


@dataclass(frozen=True, slots=True)
class Erledigung:
    """What came of a completion. `vergleich` None: there was nothing to compare with; `folgeauftrag_id`: the
    repair that a difference asks for.
    """

    auftrag: Any
    vergleich: Vergleich | None
    folgeauftrag_id: int | None


@dataclass(frozen=True, slots=True)
class Auftragsverlauf:
    """Of an order, what counts for the figures; `erster_besuch_zeitpunkt`: of the first visit that failed."""

    art: str
    zustand: str
    termin_datum: date | None
    angelegt_zeitpunkt: datetime
    beendet_zeitpunkt: datetime | None
    erster_besuch_zeitpunkt: datetime | None = None


def shows_zugang(zustand: str, *, alle: bool) -> bool:
    """Whether somebody sees whom to call and how to get in; a fitter (not `alle`) only while the order runs."""
    return alle or zustand in LAUFEND


def check_uebergang(alt: Auftragszustand, neu: Auftragszustand) -> None:
    """Raise KonfliktFehler, which names the allowed states, unless an order may go from one state to another."""
    erlaubt = UEBERGAENGE[alt]
    if neu in erlaubt:
        return
    rest = f"Von hier aus geht es nach {', '.join(erlaubt)}." if erlaubt else "Er ist damit abgeschlossen."
    raise KonfliktFehler(
        f"Der Auftrag ist {alt} und kann nicht {neu} werden. {rest}",
        code="zustand_nicht_erlaubt",
        weitere={"erlaubt": [zustand.value for zustand in erlaubt]},
    )


def is_ueberholt(termin: date | None, ausbau: datetime | None) -> bool:
    """Whether an order for a meter that hangs at its place no longer is to be cancelled; `termin`: None = OFFEN.

    `ausbau`: when it was removed there; None: its installation was undone. What was planned for that local day or
    before may be the very visit at which it was removed, or one that was made before: its fitter says so.
    """
    return termin is None or ausbau is None or termin > local_date(ausbau)


def check_beim_monteur(zustand: Auftragszustand) -> None:
    """Raise KonfliktFehler unless an order is with a fitter, who alone brings proofs."""
    if zustand not in BEIM_MONTEUR:
        raise KonfliktFehler(
            f"Der Auftrag ist {zustand}; Nachweise gehören zu einem geplanten oder begonnenen Auftrag.",
            code="auftrag_nicht_begonnen",
        )


def check_monteur_darf(daten: Mapping[str, Any]) -> None:
    """Raise ZugriffVerweigert unless a fitter changes nothing but that they are on their way."""
    andere = sorted(set(daten) - {"zustand"})
    if andere:
        raise ZugriffVerweigert(
            f"Das ändert die Planung, nicht der Monteur: {', '.join(andere)}.", code="feld_nicht_erlaubt"
        )
    if daten.get("zustand", _Z.UNTERWEGS) != _Z.UNTERWEGS:
        raise ZugriffVerweigert(
            "Als Monteur können Sie UNTERWEGS setzen; alles andere melden Sie als Besuch oder Erledigung.",
            code="feld_nicht_erlaubt",
        )


def plan_changes(
    zustand: Auftragszustand, werte: Mapping[str, Any], daten: Mapping[str, Any], heute: date
) -> dict[str, Any]:
    """What a change makes of an order. `werte`: its benutzer_id and termin_datum; `daten`: what is asked for.

    An order that is taken out of the plan has no fitter and no day. Raises KonfliktFehler for a state that cannot
    follow and for a plan of an order that is no longer at home; EingabeUngueltig for a state without its reason,
    its fitter or its day, and for a day that is over.
    """
    neu = Auftragszustand(daten.get("zustand", zustand))
    if neu is not zustand or zustand not in LAUFEND:
        check_uebergang(zustand, neu)
    geplant = {name: daten[name] for name in ("benutzer_id", "termin_datum") if name in daten}
    if (geplant or "anlass" in daten) and neu not in NOCH_ZUHAUSE:
        raise KonfliktFehler(
            "Anlass, Monteur und Termin ändern Sie nur an einem Auftrag, der OFFEN oder GEPLANT ist.",
            code="zustand_nicht_erlaubt",
            weitere={"erlaubt": [erlaubt.value for erlaubt in UEBERGAENGE[zustand]]},
        )
    if (neu is _Z.STORNIERT) != (daten.get("grund") is not None):
        raise EingabeUngueltig(
            "Eine Stornierung braucht einen Grund, und nur sie hat hier einen.", feld="grund", code="grund_fehlt"
        )
    aenderung = {**daten, "zustand": neu.value}
    if neu is _Z.OFFEN:
        if any(wert is not None for wert in geplant.values()):
            raise EingabeUngueltig(
                "Monteur und Termin hat nur ein geplanter Auftrag. Setzen Sie zustand auf GEPLANT.",
                feld="zustand",
                code="auftrag_nicht_geplant",
            )
        return {**aenderung, "benutzer_id": None, "termin_datum": None}
    if neu is _Z.GEPLANT:
        plan = {**werte, **geplant}
        for feld, name in (("benutzer_id", "einen Monteur"), ("termin_datum", "einen Termin")):
            if plan[feld] is None:
                raise EingabeUngueltig(
                    f"Ein geplanter Auftrag braucht {name}.", feld=feld, code="auftrag_nicht_geplant"
                )
        # An order whose day went by unnoticed may still be told why it was made.
        if neu is not zustand or "termin_datum" in geplant:
            check_termin(plan["termin_datum"], heute, "termin_datum")
    return aenderung


def check_termin(tag: date, heute: date, feld: str) -> None:
    """Raise EingabeUngueltig for a day that is over, or so far away that it must be a slip of the pen."""
    if tag < heute:
        raise EingabeUngueltig("Der Termin liegt in der Vergangenheit.", feld=feld, code="termin_vergangen")
    check_nicht_zu_fern(tag, heute, feld)


def check_nicht_zu_fern(tag: date, heute: date, feld: str) -> None:
    """Raise EingabeUngueltig for a day for which nobody plans yet."""
    if tag > heute + TERMIN_HOECHSTENS:
        raise EingabeUngueltig(
            f"Das Datum liegt mehr als {TERMIN_HOECHSTENS.days} Tage in der Zukunft. Prüfen Sie das Jahr.",
            feld=feld,
            code="termin_zu_fern",
        )


def is_termin_arbeitstag(termin: date | None, bundesland: str) -> bool | None:
    """Whether a visit is on a working day of its place; None without a day."""
    return None if termin is None else is_arbeitstag(termin, bundesland)


def check_nachweis(art: Nachweisart, daten: Mapping[str, Any]) -> None:
    """Raise EingabeUngueltig unless a proof says what its kind promises and nothing else."""
    if art is Nachweisart.FOTO:
        raise EingabeUngueltig("Ein Foto senden Sie als Datei an .../fotos.", feld="art")
    if art is Nachweisart.ABLESUNG and daten.get("bezug_gesamt_wh") is None:
        raise EingabeUngueltig("Zu einer Ablesung gehört der Zählerstand.", feld="bezug_gesamt_wh")
    if art is Nachweisart.NOTIZ and daten.get("notiz") is None:
        raise EingabeUngueltig("Die Notiz fehlt.", feld="notiz")
    if art is Nachweisart.NOTIZ:
        for feld in ("bezug_gesamt_wh", "einspeisung_gesamt_wh"):
            if daten.get(feld) is not None:
                raise EingabeUngueltig("Eine Notiz hat keinen Zählerstand.", feld=feld)


def check_foto(medientyp: str, inhalt: bytes) -> None:
    """Raise EingabeUngueltig for a file that is no photo, and for one that a bad line cut off."""
    if medientyp not in _BILDENDEN:
        raise EingabeUngueltig(
            "Ein Foto ist PNG oder JPEG; andere Dateien gehören zu den Dokumenten des Zählers.",
            feld="datei",
            code="dateityp_unbekannt",
        )
    if len(inhalt) < FOTO_MINDESTENS_BYTES or _BILDENDEN[medientyp] not in inhalt[-_NACHSPANN_BYTES:]:
        raise EingabeUngueltig(
            "Das Foto ist unvollständig. Übertragen Sie es noch einmal oder nehmen Sie es neu auf.",
            feld="datei",
            code="foto_unvollstaendig",
        )


def check_neues_foto(inhalt_sha256: bytes, vorhandene: Collection[bytes | None]) -> None:
    """Raise KonfliktFehler for a photo that an order has already, and for one too many.

    `vorhandene`: SHA-256 of the order's photos; None of one that is older than the column.
    """
    if inhalt_sha256 in vorhandene:
        raise KonfliktFehler("Dieses Foto ist bei diesem Auftrag schon abgelegt.", code="foto_vorhanden")
    if len(vorhandene) >= FOTOS_HOECHSTENS:
        raise KonfliktFehler(
            f"Ein Auftrag hat höchstens {FOTOS_HOECHSTENS} Fotos, und so viele sind schon abgelegt.",
            code="zu_viele_fotos",
        )


def check_nachweis_zeit(zeitpunkt: datetime, angelegt: datetime, jetzt: datetime) -> None:
    """Raise EingabeUngueltig for a proof from before the order, or from the future."""
    if zeitpunkt > jetzt:
        raise EingabeUngueltig(
            "Der Zeitpunkt liegt in der Zukunft.", feld="zeitpunkt", code="zeitpunkt_in_zukunft"
        )
    if zeitpunkt < angelegt:
        raise EingabeUngueltig(
            "Der Zeitpunkt liegt vor dem Auftrag: dieser Nachweis gehört nicht zu ihm.",
            feld="zeitpunkt",
            code="nachweis_zu_alt",
        )


def around(laeufe: Iterable[tuple[int, int]], uhrzeit: int) -> tuple[int | None, int | None]:
    """The last measured reading at or before a time and the first one at or after it, in seconds since 1970.

    `laeufe`: ascending stretches (first, last) in which every quarter hour has its reading.
    """
    davor = uhrzeit - uhrzeit % VIERTELSTUNDE_S
    vorher = nachher = None
    for erste, letzte in laeufe:
        if erste <= uhrzeit:
            vorher = min(letzte, davor)
        if letzte >= uhrzeit:
            nachher = max(erste, -(-uhrzeit // VIERTELSTUNDE_S) * VIERTELSTUNDE_S)
            break
    return vorher, nachher


def headroom_wh(leistung_w: int, faktor: int, dauer_s: int) -> int:
    """By how much a register (Wh) can have risen in a while at a connection; `faktor`: of the transformers."""
    return leistung_w * dauer_s // (3600 * faktor) + 1


def difference_wh(abgelesen_wh: int, mindestens_wh: int, hoechstens_wh: int) -> int:
    """How far a fitter's reading lies outside of what the remote values allow, in Wh; 0 = within.

    ASSUMPTION: the register did not begin anew in between; if it did, the difference is as large as the register,
    and a person sees why.
    """
    return abgelesen_wh - max(mindestens_wh, min(abgelesen_wh, hoechstens_wh))


def describe_stoerung(art: str, ursache: str, beginn: datetime) -> str:
    """Why a Störung sends somebody there, for the people who plan it and who go."""
    seit = f"{beginn.astimezone(BERLIN):%d.%m.%Y %H:%M}"
    return f"{art} seit {seit}: {ARTEN[Stoerungsart(art)]} {URSACHEN[Ursache(ursache)]}"


def describe_vergleich(auftrag_id: int, vergleich: Vergleich) -> str:
    """Why a repair is asked for, for the people who plan it."""
    text = f"Kontrollablesung (Auftrag {auftrag_id}) weicht vom Fernwert ab:"
    text += f" Bezug {vergleich.bezug_abweichung_wh:+} Wh"
    if vergleich.einspeisung_abweichung_wh is not None:
        text += f", Einspeisung {vergleich.einspeisung_abweichung_wh:+} Wh"
    return text
