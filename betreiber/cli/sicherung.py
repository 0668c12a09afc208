"""`betreiber sichern`, `betreiber wiederherstellen`: backups of the database."""

import sys
from pathlib import Path

import click

from betreiber.cli.rahmen import progress, with_settings
from betreiber.settings import Settings

# So many differences tell what is wrong; more only scroll by.
_ZEILEN = 20


@click.command()
@click.argument("ziel", type=click.Path(path_type=Path))
@click.option(
    "--stichprobe",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Checksums of every N-th meter only: for fleets of which all would take hours.",
)
@with_settings
def sichern(settings: Settings, ziel: Path, stichprobe: int) -> None:
    """Back the database up into the new folder ZIEL; the operator may run meanwhile.

    ZIEL then holds the data, a checksum for each meter and month of readings, and manifest.json. The keys of the
    operator (folder pki) are not part of it: keep them apart, encrypted.

    \b
    Example: betreiber sichern /var/backups/msb/2026-11-20
    """
    from betreiber.sicherung.service import create_backup

    with progress() as fortschritt:
        manifest = create_backup(
            settings.datenbank, ziel, settings.uhr.now(), stichprobe=stichprobe, fortschritt=fortschritt
        )
    click.echo(
        f"Gesichert nach {ziel}: {sum(manifest.zeilen.values())} Zeilen, Tabellen der Version {manifest.schema}"
    )
    click.echo(f"Die Schlüssel sind nicht dabei: sichern Sie {settings.pki_ordner} getrennt und verschlüsselt.")


@click.command()
@click.argument("quelle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--ueberschreiben", is_flag=True, help="Replace what is in the database.")
@with_settings
def wiederherstellen(settings: Settings, quelle: Path, ueberschreiben: bool) -> None:
    """Restore the backup in the folder QUELLE, and compare the checksums of every meter and month.

    No operator may run on the database. It must be empty unless --ueberschreiben is given. Exit code 1 when
    anything differs.

    \b
    Example: betreiber wiederherstellen /var/backups/msb/2026-11-20
    """
    from betreiber.leitstand import StartUnmoeglich, hold_data_folder
    from betreiber.sicherung.service import restore_backup

    settings.daten.mkdir(parents=True, exist_ok=True)
    try:
        with hold_data_folder(settings.daten), progress() as fortschritt:
            ergebnis = restore_backup(
                quelle, settings.datenbank, ueberschreiben=ueberschreiben, fortschritt=fortschritt
            )
    except StartUnmoeglich:
        click.echo(f"Fehler: In {settings.daten} läuft ein Betreiber. Beenden Sie ihn zuerst.", err=True)
        sys.exit(1)
    click.echo(f"Verglichen: {ergebnis.zeilen} Zeilen, {ergebnis.pruefsummen} Prüfsummen von Zähler und Monat.")
    for zeile in ergebnis.unterschiede[:_ZEILEN]:
        click.echo(zeile)
    if ergebnis.unterschiede:
        click.echo(f"{len(ergebnis.unterschiede)} Unterschiede: die Sicherung ist nicht, was sie war.", err=True)
        sys.exit(1)
    click.echo("Alles gleich. Starten Sie den Betreiber: was danach kam, senden die Zähler noch einmal.")
