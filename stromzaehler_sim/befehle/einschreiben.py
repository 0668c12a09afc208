"""``stromzaehler einschreiben``: from a one-time token to an enrolled meter."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from gateway.einschreibung import enroll
from gateway.ordner import Ordner
from stromzaehler_sim.befehle.grundlage import DATEI_DA, ORDNER, readable_errors
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung

LAST_OPTIONEN = ("seed", "jahresverbrauch", "pv_kwp", "messreihe", "spalte", "spalte_einspeisung", "wiederholen")
DEFAULT = click.core.ParameterSource.DEFAULT


@click.command()
@click.argument("ordner", type=ORDNER)
@click.option("--zaehler", required=True, help="Zählernummer nach DIN 43863-5, z. B. 1EMH0012345678.")
@click.option("--token", required=True, help="Einmal-Token des Betreibers für genau diesen Zähler.")
@click.option(
    "--einschreibung-url", required=True, help="Adresse der Einschreibung, z. B. https://localhost:8444."
)
@click.option("--telegramm-url", required=True, help="Adresse für Telegramme, z. B. https://localhost:8443.")
@click.option("--ca", "ca", required=True, type=DATEI_DA, help="Wurzelzertifikat des Betreibers (PEM).")
@click.option("--fingerabdruck", help="SHA-256 des Wurzelzertifikats (hex); wird verglichen.")
@click.option("--seed", type=int, help="Startwert des Haushaltsmodells; ohne Angabe aus der Zählernummer.")
@click.option("--jahresverbrauch", type=click.IntRange(1, 1_000_000), default=3500, show_default=True, help="kWh.")
@click.option(
    "--pv-kwp", type=click.FloatRange(0, 1000), default=0.0, show_default=True, help="Photovoltaik in kWp."
)
@click.option("--messreihe", type=DATEI_DA, help="CSV statt Modell: 1. Spalte Beginn (UTC), dann Wh als Ganzzahl.")
@click.option("--spalte", help="Spalte des Bezugs in der Messreihe.")
@click.option("--spalte-einspeisung", help="Spalte der Einspeisung in der Messreihe.")
@click.option("--wiederholen", is_flag=True, help="Die ganzen Wochen der Messreihe immer wiederholen.")
@click.pass_context
def einschreiben(
    kontext: click.Context,
    ordner: Path,
    zaehler: str,
    token: str,
    einschreibung_url: str,
    telegramm_url: str,
    ca: Path,
    fingerabdruck: str | None,
    seed: int | None,
    jahresverbrauch: int,
    pv_kwp: float,
    messreihe: Path | None,
    spalte: str | None,
    spalte_einspeisung: str | None,
    wiederholen: bool,
) -> None:
    """Einen Zähler beim Betreiber einschreiben; sein ORDNER wird angelegt.

    Wiederholen schadet nicht: die Schlüssel bleiben dieselben.

    \b
    Beispiel:
      stromzaehler einschreiben var/z1 --zaehler 1EMH0012345678 --token ABC... \\
        --einschreibung-url https://localhost:8444 --telegramm-url https://localhost:8443 \\
        --ca var/ca.pem --jahresverbrauch 4000 --pv-kwp 5
    """
    with readable_errors():
        einstellung = LastprofilEinstellung(
            seed=_seed_of(zaehler) if seed is None else seed,
            jahresverbrauch_kwh=jahresverbrauch,
            pv_kwp=pv_kwp,
            messreihe=None if messreihe is None else str(messreihe.resolve()),
            spalte=spalte,
            spalte_einspeisung=spalte_einspeisung,
            wiederholen=wiederholen,
        )
        # Before the token is used up: a load profile that cannot be built is reported now.
        einstellung.build()
        konfiguration = enroll(
            Ordner(ordner),
            zaehler=zaehler,
            token=token,
            einschreibung_url=_with_path(einschreibung_url, "/geraete/v1/einschreibung"),
            telegramm_url=_with_path(telegramm_url, "/geraete/v1/telegramme"),
            ca_pem=ca.read_bytes(),
            fingerabdruck=fingerabdruck,
        )
        # Enrolling once more must not give a meter that counts another load, unless one is named.
        genannt = any(kontext.get_parameter_source(name) is not DEFAULT for name in LAST_OPTIONEN)
        if genannt or not (ordner / "lastprofil.json").exists():
            einstellung.save(ordner)
    click.echo(f"{konfiguration.zaehler} ist eingeschrieben (Epoche {konfiguration.epoche}).")
    click.echo(f"Weiter mit: stromzaehler start {ordner}")


def _seed_of(zaehler: str) -> int:
    """A seed of its own for each meter number, the same in every process."""
    return int.from_bytes(hashlib.sha256(zaehler.replace(" ", "").encode()).digest()[:4])


def _with_path(url: str, pfad: str) -> str:
    """Complete an address without a path; one with a path is left as it is."""
    ohne_schema = url.partition("://")[2].rstrip("/")
    return url if "/" in ohne_schema else url.rstrip("/") + pfad
