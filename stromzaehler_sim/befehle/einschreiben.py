"""``stromzaehler einschreiben``: from a one-time token to an enrolled meter."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.einschreibung import enroll, enroll_again
from gateway.firmware import MODELL, Firmwarestand
from gateway.ordner import Konfiguration, Ordner
from stromzaehler_sim.befehle.grundlage import DATEI_DA, ORDNER, readable_errors
from stromzaehler_sim.last.lastprofil import LastprofilEinstellung, seed_of

GERAETE_OPTIONEN = ("pv_kwp", "waermepumpe_kwh", "wallbox_kwh")
REIHE_OPTIONEN = ("messreihe", "spalte", "spalte_einspeisung", "wiederholen")
LAST_OPTIONEN = ("seed", "jahresverbrauch", "h25", *GERAETE_OPTIONEN, *REIHE_OPTIONEN)
EINSCHREIBUNG, TELEGRAMME = "/geraete/v1/einschreibung", "/geraete/v1/telegramme"
DEFAULT = click.core.ParameterSource.DEFAULT


@click.command()
@click.argument("ordner", type=ORDNER)
@click.option("--zaehler", help="Zählernummer nach DIN 43863-5, z. B. 1EMH0012345678.")
@click.option("--token", required=True, help="Einmal-Token des Betreibers für genau diesen Zähler.")
@click.option("--einschreibung-url", help="Adresse der Einschreibung, z. B. https://localhost:8444.")
@click.option("--telegramm-url", help="Adresse für Telegramme, z. B. https://localhost:8443.")
@click.option("--ca", "ca", type=DATEI_DA, help="Wurzelzertifikat des Betreibers (PEM).")
@click.option("--fingerabdruck", help="SHA-256 des Wurzelzertifikats (hex); wird verglichen.")
@click.option("--neu", is_flag=True, help="Einem Zähler, dessen Schlüssel verloren sind, neue geben.")
@click.option("--modell", default=MODELL, show_default=True, help="Modell wie beim Betreiber; für die Firmware.")
@click.option("--seed", type=int, help="Startwert des Haushaltsmodells; ohne Angabe aus der Zählernummer.")
@click.option("--jahresverbrauch", type=click.IntRange(1, 1_000_000), default=3500, show_default=True, help="kWh.")
@click.option(
    "--pv-kwp", type=click.FloatRange(0, 1000), default=0.0, show_default=True, help="Photovoltaik in kWp."
)
@click.option(
    "--waermepumpe-kwh", type=click.IntRange(0, 48_000), default=0, show_default=True, help="Wärmepumpe, kWh/Jahr."
)
@click.option(
    "--wallbox-kwh", type=click.IntRange(0, 48_000), default=0, show_default=True, help="Wallbox 11 kW, kWh/Jahr."
)
@click.option("--h25", is_flag=True, help="BDEW-Profil H25 statt Modell (Zusatz: messstellenbetreiber[h25]).")
@click.option("--messreihe", type=DATEI_DA, help="CSV statt Modell: 1. Spalte Beginn (UTC), dann Wh als Ganzzahl.")
@click.option("--spalte", help="Spalte des Bezugs in der Messreihe.")
@click.option("--spalte-einspeisung", help="Spalte der Einspeisung in der Messreihe.")
@click.option("--wiederholen", is_flag=True, help="Die ganzen Wochen der Messreihe immer wiederholen.")
@click.pass_context
def einschreiben(
    kontext: click.Context,
    ordner: Path,
    zaehler: str | None,
    token: str,
    einschreibung_url: str | None,
    telegramm_url: str | None,
    ca: Path | None,
    fingerabdruck: str | None,
    neu: bool,
    modell: str,
    seed: int | None,
    jahresverbrauch: int,
    pv_kwp: float,
    waermepumpe_kwh: int,
    wallbox_kwh: int,
    h25: bool,
    messreihe: Path | None,
    spalte: str | None,
    spalte_einspeisung: str | None,
    wiederholen: bool,
) -> None:
    """Einen Zähler beim Betreiber einschreiben; sein ORDNER wird angelegt.

    Wiederholen schadet nicht: die Schlüssel bleiben dieselben. Mit --neu bekommt ein eingeschriebener Zähler neue;
    Zählerstand und Puffer bleiben, und was nicht angegeben ist, steht in seinem Ordner.

    \b
    Beispiel:
      stromzaehler einschreiben var/z1 --zaehler 1EMH0012345678 --token ABC... \\
        --einschreibung-url https://localhost:8444 --telegramm-url https://localhost:8443 \\
        --ca var/ca.pem --jahresverbrauch 4000 --pv-kwp 5 --waermepumpe-kwh 3500
      stromzaehler einschreiben var/z1 --neu --token DEF...
    """
    genannt = {name for name in LAST_OPTIONEN if kontext.get_parameter_source(name) is not DEFAULT}
    if sum(bool(genannt & set(quelle)) for quelle in (GERAETE_OPTIONEN, REIHE_OPTIONEN, ("h25",))) > 1:
        raise click.UsageError(
            "Die Last kommt aus einer Messreihe, aus H25 oder aus Geräten (PV, Wärmepumpe, Wallbox); eines wählen."
        )
    if neu:
        if genannt:
            raise click.UsageError("--neu gibt neue Schlüssel; die Last des Zählers bleibt, wie sie ist.")
        with readable_errors(), Ordner(ordner).lock():
            konfiguration = enroll_again(
                Ordner(ordner),
                token=token,
                zaehler=zaehler,
                einschreibung_url=einschreibung_url and with_path(einschreibung_url, EINSCHREIBUNG),
                telegramm_url=telegramm_url and with_path(telegramm_url, TELEGRAMME),
                ca_pem=None if ca is None else ca.read_bytes(),
                fingerabdruck=fingerabdruck,
            )
        _report(konfiguration, ordner)
        return
    if zaehler is None or einschreibung_url is None or telegramm_url is None or ca is None:
        noetig = {
            "--zaehler": zaehler,
            "--einschreibung-url": einschreibung_url,
            "--telegramm-url": telegramm_url,
            "--ca": ca,
        }
        fehlt = ", ".join(name for name, wert in noetig.items() if wert is None)
        raise click.UsageError(f"Es fehlt: {fehlt}. Nur mit --neu steht das im Ordner.")
    with readable_errors():
        schon = Ordner(ordner).is_enrolled
        einstellung = LastprofilEinstellung(
            seed=seed_of(zaehler) if seed is None else seed,
            jahresverbrauch_kwh=jahresverbrauch,
            pv_kwp=pv_kwp,
            messreihe=None if messreihe is None else str(messreihe.resolve()),
            spalte=spalte,
            spalte_einspeisung=spalte_einspeisung,
            wiederholen=wiederholen,
            h25=h25,
            waermepumpe_kwh=waermepumpe_kwh,
            wallbox_kwh=wallbox_kwh,
        )
        # Before the token is used up: a load profile that cannot be built is reported now.
        einstellung.build()
        konfiguration = enroll(
            Ordner(ordner),
            zaehler=zaehler,
            token=token,
            einschreibung_url=with_path(einschreibung_url, EINSCHREIBUNG),
            telegramm_url=with_path(telegramm_url, TELEGRAMME),
            ca_pem=ca.read_bytes(),
            fingerabdruck=fingerabdruck,
        )
        # Enrolling once more must not give a meter that counts another load, unless one is named.
        if genannt or not (ordner / "lastprofil.json").exists():
            einstellung.save(ordner)
        if not (ordner / "firmware.json").exists():
            Firmwarestand.factory(modell).save(Ordner(ordner))
    if schon:
        click.echo(f"{konfiguration.zaehler} war schon eingeschrieben; Schlüssel und Zertifikate bleiben.")
        click.echo(f"Neue Schlüssel gibt es mit: stromzaehler einschreiben {ordner} --neu --token TOKEN")
        return
    _report(konfiguration, ordner)


def _report(konfiguration: Konfiguration, ordner: Path) -> None:
    click.echo(f"{konfiguration.zaehler} ist eingeschrieben (Epoche {konfiguration.epoche}).")
    click.echo(f"Weiter mit: stromzaehler start {ordner}")


def with_path(url: str, pfad: str) -> str:
    """Complete an address without a path; one with a path is left as it is."""
    ohne_schema = url.partition("://")[2].rstrip("/")
    return url if "/" in ohne_schema else url.rstrip("/") + pfad
