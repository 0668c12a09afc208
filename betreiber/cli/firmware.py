"""`betreiber firmware`: release images for meters."""

from datetime import UTC, datetime
from pathlib import Path

import click

from betreiber.cli.rahmen import command_akteur, open_session, with_settings
from betreiber.settings import Settings

_MODELL = click.option("--modell", required=True, help="Model of the meters, as in their master data.")
_VERSION = click.option("--version", "firmwareversion", required=True, help="Two to four numbers, e.g. 1.4.0.")
_PROZENT = click.IntRange(0, 100)


@click.group()
def firmware() -> None:
    """Firmware of meters: release, widen the share, withdraw, list.

    \b
    Example: betreiber firmware freigeben bild.bin --modell SIM-3.60 --version 1.1.0 --anteil 5
    """


@firmware.command()
@click.argument("datei", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_MODELL
@_VERSION
@click.option("--anteil", type=_PROZENT, default=5, show_default=True, help="Share of the meters, percent.")
@with_settings
def freigeben(settings: Settings, datei: Path, modell: str, firmwareversion: str, anteil: int) -> None:
    """Sign the image DATEI and offer it to a share of the meters of a model.

    \b
    Example: betreiber firmware freigeben bild.bin --modell SIM-3.60 --version 1.1.0 --anteil 5
    """
    from betreiber.firmware.service import release_firmware
    from betreiber.schluessel.ablage import load_firmware_schluessel

    paar = load_firmware_schluessel(settings.pki_ordner)
    with open_session(settings) as session:
        anzahl = release_firmware(
            session,
            command_akteur(settings),
            bild=datei.read_bytes(),
            modell=modell,
            version=firmwareversion,
            anteil_prozent=anteil,
            schluessel=paar.schluessel,
            zertifikat=paar.zertifikat,
            echtzeit=datetime.now(UTC),
        )
    click.echo(f"Version {firmwareversion} für {modell} ist freigegeben: {anteil} % von {anzahl} Zählern.")
    if anzahl == 0:
        click.echo(f"Achtung: kein Zähler hat das Modell {modell}. Stimmt die Schreibweise?", err=True)


@firmware.command("anteil")
@_MODELL
@_VERSION
@click.argument("prozent", type=_PROZENT)
@with_settings
def ausweiten(settings: Settings, modell: str, firmwareversion: str, prozent: int) -> None:
    """Offer a release to PROZENT percent of the meters; those that had it before are among them.

    \b
    Example: betreiber firmware anteil --modell SIM-3.60 --version 1.1.0 100
    """
    from betreiber.firmware.service import widen_anteil

    with open_session(settings) as session:
        akteur = command_akteur(settings)
        widen_anteil(session, akteur, modell=modell, version=firmwareversion, anteil_prozent=prozent)
    click.echo(f"Version {firmwareversion} für {modell}: {prozent} %.")


@firmware.command()
@_MODELL
@_VERSION
@with_settings
def zurueckziehen(settings: Settings, modell: str, firmwareversion: str) -> None:
    """Offer a release to nobody any more; meters that have installed it keep it.

    \b
    Example: betreiber firmware zurueckziehen --modell SIM-3.60 --version 1.1.0
    """
    from betreiber.firmware.service import withdraw_firmware

    with open_session(settings) as session:
        akteur = command_akteur(settings)
        withdraw_firmware(session, akteur, modell=modell, version=firmwareversion)
    click.echo(f"Version {firmwareversion} für {modell} ist zurückgezogen.")


@firmware.command()
@with_settings
def liste(settings: Settings) -> None:
    """List all releases, oldest first.

    \b
    Example: betreiber firmware liste
    """
    from cryptography import x509

    from betreiber.firmware.service import list_firmware

    with open_session(settings) as session:
        zeilen = list_firmware(session)
    click.echo(f"{'Modell':24}{'Version':12}{'Anteil':>7}  {'Unterschrift bis':18}SHA-256")
    for zeile in zeilen:
        anteil = f"{zeile.anteil_prozent} %" if zeile.zurueckgezogen_zeitpunkt is None else "weg"
        bis = x509.load_der_x509_certificate(zeile.zertifikat).not_valid_after_utc
        click.echo(
            f"{zeile.modell:24}{zeile.firmwareversion:12}{anteil:>7}  {bis:%Y-%m-%d}        {zeile.sha256.hex()}"
        )
