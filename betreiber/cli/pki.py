"""`betreiber pki`: the operator's own keys; the commands about meters' keys are in `pki_zaehler.py`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from betreiber.cli.pki_zaehler import ablaufend, sperren, token
from betreiber.cli.rahmen import open_session, with_settings
from betreiber.settings import Settings

# Days before its end from which a certificate is spoken of, and from which it is an alarm.
WARNUNG_TAGE, ALARM_TAGE = 60, 30
# A CA that ends within two years cuts the certificates of meters short; two Betreibersaetze overlap for 90 days.
WARNUNG_FRUEHER = {"ca": 2 * 365, "betreiber": 90}
_ARTEN = {
    "wurzel": ("Wurzel", "siehe docs/schluessel.md"),
    "ca": ("CA der Zähler", "betreiber pki ca-erneuern"),
    "server": ("TLS der Zähler", "betreiber pki server-erneuern"),
    "betreiber": ("Betreibersatz", "betreiber pki betreiber-erneuern"),
    "firmware": ("Firmware", "betreiber pki firmware-schluessel --ersetzen"),
}
_NEU_LADEN = "Damit der laufende Betreiber das merkt: betreiber neu-laden"


@click.group()
def pki() -> None:
    """Keys and certificates: of the operator, and of meters.

    \b
    Example: betreiber pki anlegen
    """


for _befehl in (token, sperren, ablaufend):
    pki.add_command(_befehl)


@pki.command()
@with_settings
def anlegen(settings: Settings) -> None:
    """Make the CA and the operator's keys in the data folder; existing ones are never replaced.

    \b
    Example: MSB_GERAETE_NAMEN=zaehler.example.org betreiber pki anlegen
    """
    from betreiber.schluessel.pki import create_pki

    neu = create_pki(settings.pki_ordner, settings.geraete_namen, datetime.now(UTC))
    click.echo(f"{settings.pki_ordner}: " + ("Schlüssel angelegt." if neu else "Schlüssel sind schon da."))


@pki.command()
@with_settings
def zeigen(settings: Settings) -> None:
    """List all certificates of the operator; exit code 1 when one ends within 30 days.

    \b
    Example: betreiber pki zeigen || mail -s "Zertifikat läuft ab" betrieb@example.org
    """
    from betreiber.schluessel.pki import list_certificates

    jetzt = datetime.now(UTC)
    zeilen = list_certificates(settings.pki_ordner)
    click.echo(f"{'Name':32}{'Zweck':16}{'gültig bis':12}{'Tage':>6}  Fingerabdruck (SHA-256)")
    for zeile in zeilen:
        zweck = _ARTEN[zeile.art][0] if zeile.aktuell else "abgelöst"
        bis = zeile.zertifikat.not_valid_after_utc
        tage = zeile.days_left(jetzt)
        click.echo(f"{zeile.name:32}{zweck:16}{bis:%Y-%m-%d}{tage:8}  {zeile.fingerabdruck}")
    aktuelle = [(zeile, zeile.days_left(jetzt)) for zeile in zeilen if zeile.aktuell]
    for zeile, tage in aktuelle:
        if tage < WARNUNG_FRUEHER.get(zeile.art, WARNUNG_TAGE):
            click.echo(f"Achtung: {zeile.name} endet in {tage} Tagen: {_ARTEN[zeile.art][1]}", err=True)
    sys.exit(1 if any(tage < ALARM_TAGE for _, tage in aktuelle) else 0)


@pki.command("server-erneuern")
@with_settings
def server_erneuern(settings: Settings) -> None:
    """Make a new TLS key and certificate of the device listeners, for the names in MSB_GERAETE_NAMEN.

    \b
    Example: MSB_GERAETE_NAMEN=zaehler.example.org betreiber pki server-erneuern
    """
    from betreiber.schluessel.pki import renew_server

    renew_server(settings.pki_ordner, settings.geraete_namen, datetime.now(UTC))
    click.echo(f"Neues Zertifikat für {', '.join(settings.geraete_namen)}. {_NEU_LADEN}")


@pki.command("ca-erneuern")
@click.option(
    "--wurzel-schluessel",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The root's private key; default: wurzel.key in the folder of the keys.",
)
@with_settings
def ca_erneuern(settings: Settings, wurzel_schluessel: Path | None) -> None:
    """Make a new CA for meters under the same root, and a new Betreibersatz under it; old certificates stay valid.

    \b
    Example: betreiber pki ca-erneuern --wurzel-schluessel /media/safe/wurzel.key
    """
    from betreiber.schluessel.pki import renew_ca

    schluessel = wurzel_schluessel or settings.pki_ordner / "wurzel.key"
    renew_ca(settings.pki_ordner, schluessel, datetime.now(UTC))
    click.echo(f"Neue CA für Zähler, neuer Betreibersatz. {_NEU_LADEN}")
    click.echo("Danach: betreiber pki server-erneuern, betreiber pki firmware-schluessel --ersetzen")


@pki.command("betreiber-erneuern")
@click.option("--vorzeitig", is_flag=True, help="Also while the last change is under way, for a stolen key.")
@with_settings
def betreiber_erneuern(settings: Settings, vorzeitig: bool) -> None:
    """Make a new Betreibersatz: the keys that sign receipts and open Telegramme. The old one stays for 90 days.

    \b
    Example: betreiber pki betreiber-erneuern && betreiber neu-laden
    """
    from betreiber.schluessel.pki import UEBERLAPPUNG, renew_operator

    jetzt = datetime.now(UTC)
    nummer = renew_operator(settings.pki_ordner, jetzt, vorzeitig=vorzeitig)
    click.echo(f"Betreibersatz {nummer} angelegt. {_NEU_LADEN}")
    click.echo(f"Der alte wird ab {jetzt + UEBERLAPPUNG:%Y-%m-%d} abgelegt mit: betreiber pki betreiber-ablegen")


@pki.command("betreiber-ablegen")
@click.option("--vorzeitig", is_flag=True, help="Without waiting for the end of the overlap, for a stolen key.")
@click.option("--ja", is_flag=True, help="Do not ask.")
@with_settings
def betreiber_ablegen(settings: Settings, vorzeitig: bool, ja: bool) -> None:
    """Delete every replaced Betreibersatz whose overlap of 90 days is over; the newest one always stays.

    A meter that has sent nothing since the change knows the old one only, and has to be enrolled anew: how many
    these are is said first.

    \b
    Example: betreiber pki betreiber-ablegen
    """
    from betreiber.schluessel.ablage import load_saetze
    from betreiber.schluessel.pki import drop_operator, list_replaced

    nummern = list_replaced(settings.pki_ordner, datetime.now(UTC), vorzeitig=vorzeitig)
    if not nummern:
        click.echo("Es gibt nur den aktuellen Betreibersatz.")
        return
    stumm = _count_silent(settings, load_saetze(settings.pki_ordner)[0].seit)
    click.echo(f"Zähler, die seit dem Wechsel nichts gesendet haben: {'unbekannt' if stumm is None else stumm}")
    if stumm != 0 and not ja:
        click.confirm("Sie müssen danach neu eingeschrieben werden. Trotzdem ablegen?", abort=True)
    drop_operator(settings.pki_ordner, nummern)
    click.echo(f"Abgelegt: {', '.join(f'Betreibersatz {nummer}' for nummer in nummern)}. {_NEU_LADEN}")


def _count_silent(settings: Settings, seit: datetime) -> int | None:
    """None on a simulated clock: it does not say when in its time the keys were changed."""
    from betreiber.schluessel.service import count_silent

    if settings.uhr_start is not None:
        return None
    with open_session(settings) as session:
        return count_silent(session, seit)


@pki.command("firmware-schluessel")
@click.option("--ersetzen", is_flag=True, help="Replace the present key.")
@with_settings
def firmware_schluessel(settings: Settings, ersetzen: bool) -> None:
    """Make the key that signs firmware for meters; an existing one stays, unless it is to be replaced.

    \b
    Example: betreiber pki firmware-schluessel
    """
    from betreiber.schluessel.pki import create_firmware_key

    neu = create_firmware_key(settings.pki_ordner, datetime.now(UTC), ersetzen=ersetzen)
    click.echo("Firmwareschlüssel angelegt." if neu else "Es gibt schon einen Firmwareschlüssel (--ersetzen).")
