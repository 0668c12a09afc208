"""Rules of installing and removing a meter. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.stromzaehler.domain import Zaehlerzustand, list_erlaubte
from betreiber.zeit import day_start, local_date

_EINBAUBAR = (Zaehlerzustand.LAGER, Zaehlerzustand.AUSGEBAUT)


def check_einbaubar(zustand: Zaehlerzustand) -> None:
    """Raise KonfliktFehler unless a meter in this state may be installed."""
    if zustand not in _EINBAUBAR:
        raise KonfliktFehler(
            f"Ein Zähler im Zustand {zustand} kann nicht eingebaut werden. Nehmen Sie einen aus dem Lager.",
            code="zaehler_nicht_einbaubar",
            weitere={"erlaubt": list_erlaubte(zustand, eingebaut=False)},
        )


def check_zurueckgekehrt(zustand: Zaehlerzustand) -> None:
    """Raise KonfliktFehler unless a meter in this state may hang again where it hung."""
    if zustand is Zaehlerzustand.VERSCHROTTET:
        raise KonfliktFehler(
            "Der alte Zähler ist verschrottet und kann nicht wieder hängen. Tragen Sie einen neuen Wechsel ein.",
            code="zaehler_nicht_einbaubar",
            weitere={"erlaubt": []},
        )


def check_geschehen(zeitpunkt: datetime, jetzt: datetime, feld: str) -> None:
    """Raise EingabeUngueltig for an instant in the future: what is recorded here has been done.

    ASSUMPTION: planned work is kept elsewhere; recorded here, it would change the meter's state too early.
    """
    if zeitpunkt > jetzt:
        raise EingabeUngueltig(
            "Der Zeitpunkt liegt in der Zukunft. Tragen Sie ein, was geschehen ist.",
            feld=feld,
            code="zeitpunkt_in_zukunft",
        )


def check_nach(zeitpunkt: datetime, fruehestens: datetime, was: str) -> None:
    """Raise EingabeUngueltig for an instant before `fruehestens`; `was`: German (dative), what happened then."""
    if zeitpunkt < fruehestens:
        raise EingabeUngueltig(
            f"Der Zeitpunkt liegt vor {was}. Prüfen Sie Datum und Uhrzeit.",
            feld="zeitpunkt",
            code="vor_dem_einbau",
        )


def haengt_nicht(zaehlernummer: str, erlaubt: Sequence[str]) -> KonfliktFehler:
    """Why nothing can be done at a place with a meter that does not hang there; `erlaubt`: states it may take."""
    return KonfliktFehler(
        f"Der Zähler {zaehlernummer} hängt nicht an dieser Messstelle. Prüfen Sie, ob es schon eingetragen ist.",
        code="zaehler_haengt_nicht",
        weitere={"erlaubt": erlaubt},
    )


def einbau_beendet() -> KonfliktFehler:
    """Why the end of an Einbau does not move: a register, whose the meter was and a successor stand on it."""
    return KonfliktFehler(
        "Der Einbau ist schon beendet, und an seinem Ende hängen Schlussstand und Zuordnung. War es ein"
        " Zählerwechsel, nehmen Sie ihn zurück und tragen ihn neu ein. Hing der Zähler länger, tragen Sie ihn ab"
        " diesem Ende wieder ein und dann den richtigen Ausbau. Hing er kürzer, beenden Sie die Zuordnung früher:"
        " danach zählt nichts mehr.",
        code="einbau_beendet",
    )


def first_day_without(zeitpunkt: datetime) -> date:
    """The first local day on which nothing of what ends at an instant is left: that of the instant at midnight."""
    tag = local_date(zeitpunkt)
    return tag if day_start(tag) == zeitpunkt else tag + timedelta(days=1)


def schon_eingetragen(was: str) -> KonfliktFehler:
    """Why the same call again does nothing; `was`: German, of what is recorded."""
    return KonfliktFehler(
        f"{was} ist schon eingetragen. Es wurde nichts geändert; Sie müssen nichts mehr tun.",
        code="schon_eingetragen",
    )


def sendet_selbst(zaehlernummer: str) -> KonfliktFehler:
    """Why a customer enters no reading that the meter itself is about to send."""
    return KonfliktFehler(
        f"Der Zähler {zaehlernummer} sendet seine Stände selbst; Sie müssen keinen eintragen. Zeigt die Anzeige"
        " etwas anderes, als Sie hier sehen, melden Sie es uns mit Foto und Uhrzeit: wir prüfen den Zähler."
        " Sendet er einen Tag lang nichts mehr, können Sie den Stand eintragen.",
        code="zaehler_sendet_selbst",
    )


def describe_stand(bezug_wh: int, einspeisung_wh: int) -> str:
    """Two registers as people read them: 9.880,543 kWh Bezug und 0,000 kWh Einspeisung."""
    return f"{_as_kwh(bezug_wh)} Bezug und {_as_kwh(einspeisung_wh)} Einspeisung"


def _as_kwh(energie_wh: int) -> str:
    kwh = f"{energie_wh // 1000:,}".replace(",", ".")
    return f"{kwh},{energie_wh % 1000:03} kWh"
