"""Enrolment of a fleet: from a list of one-time tokens to a folder for each meter."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from gateway.einschreibung import enroll
from gateway.fehler import GatewayFehler
from gateway.ordner import Ordner
from stromzaehler_sim.fehler import FlotteUngueltig
from stromzaehler_sim.last.kalender import make_random
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung, seed_of
from stromzaehler_sim.uhr import Halt
from telegramm.zaehlernummer import check_zaehlernummer

FAEDEN = 8


@dataclass(frozen=True, slots=True)
class Zugang:
    """Where a fleet enrols and sends; the root certificate of the operator as PEM."""

    einschreibung_url: str
    telegramm_url: str
    ca_pem: bytes
    fingerabdruck: str | None = None


def read_tokens(datei: Path) -> dict[str, str]:
    """Meter number and token of each line of a CSV file with the columns ``zaehlernummer`` and ``token``.

    Raises FlotteUngueltig naming the line.
    """
    tokens: dict[str, str] = {}
    try:
        with datei.open(encoding="utf-8", newline="") as strom:
            tabelle = csv.DictReader(strom)
            if not {"zaehlernummer", "token"} <= set(tabelle.fieldnames or ()):
                raise FlotteUngueltig(f"{datei} braucht die Spalten zaehlernummer,token.")
            for zeile in tabelle:
                try:
                    zaehler, token = check_zaehlernummer(zeile["zaehlernummer"] or ""), zeile["token"]
                    if zaehler in tokens or not token:
                        raise ValueError(f"{zaehler} steht doppelt da oder hat kein Token")
                except ValueError as fehler:
                    raise FlotteUngueltig(f"{datei}, Zeile {tabelle.line_num}: {fehler}.") from fehler
                tokens[zaehler] = token
    except (OSError, UnicodeDecodeError, csv.Error) as fehler:
        raise FlotteUngueltig(f"{datei} ist nicht lesbar: {fehler}.") from fehler
    return tokens


def enroll_all(
    ordner: Path,
    tokens: Iterable[tuple[str, str]],
    zugang: Zugang,
    halt: Halt,
    on_progress: Callable[[int], None],
) -> dict[str, GatewayFehler]:
    """Enrol each (meter number, token) into a folder of its own, several at once; the faults by meter.

    ``on_progress`` gets the number of meters done. ``halt`` ends it between two meters; whoever is enrolled stays.
    """

    def enroll_one(zaehler: str, token: str) -> None:
        if halt.is_set():
            return
        ziel = Ordner(ordner / zaehler)
        # Before the enrolment, whose end is what makes the folder a meter.
        draw_household(zaehler).save(ziel.pfad)
        enroll(
            ziel,
            zaehler=zaehler,
            token=token,
            einschreibung_url=zugang.einschreibung_url,
            telegramm_url=zugang.telegramm_url,
            ca_pem=zugang.ca_pem,
            fingerabdruck=zugang.fingerabdruck,
        )

    fehler: dict[str, GatewayFehler] = {}
    with ThreadPoolExecutor(FAEDEN) as pool:
        laufende = {pool.submit(enroll_one, zaehler, token): zaehler for zaehler, token in tokens}
        for fertig, lauf in enumerate(as_completed(laufende), start=1):
            try:
                lauf.result()
            except GatewayFehler as grund:
                fehler[laufende[lauf]] = grund
            on_progress(fertig)
    return fehler


def list_meters(ordner: Path) -> list[Path]:
    """The folders of the enrolled meters of a fleet, sorted by meter number."""
    if not ordner.is_dir():
        return []
    return sorted(pfad for pfad in ordner.iterdir() if pfad.is_dir() and Ordner(pfad).is_enrolled)


def draw_household(zaehler: str) -> LastprofilEinstellung:
    """A household for a meter, always the same for the same number: most are small, some have appliances.

    The shares are plausible, not counted: a fifth has photovoltaics, a tenth a heat pump, a tenth a wallbox.
    """
    zufall = make_random(f"flotte {zaehler}")
    verbrauch = round(min(9000.0, max(900.0, zufall.lognormvariate(7.9, 0.4))))
    pv, pumpe, wallbox = (zufall.random() for _ in range(3))
    return LastprofilEinstellung(
        seed=seed_of(zaehler),
        jahresverbrauch_kwh=verbrauch,
        pv_kwp=round(zufall.uniform(3.0, 12.0), 1) if pv < 0.2 else 0.0,
        waermepumpe_kwh=zufall.randrange(2500, 7000) if pumpe < 0.1 else 0,
        wallbox_kwh=zufall.randrange(1000, 4000) if wallbox < 0.1 else 0,
    )
