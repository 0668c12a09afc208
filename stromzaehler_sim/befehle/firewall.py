"""``stromzaehler firewall``: the rules for the kernel of the machine that a meter runs on."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import click

from gateway.ordner import Ordner
from stromzaehler_sim.befehle.grundlage import ORDNER_DA, readable_errors
from stromzaehler_sim.firewall.nftables import build_rules
from stromzaehler_sim.firewall.ziele import Ziel, operator_ziele, plain_address, read_resolver, resolve


class Adresse(click.ParamType[str]):
    """An IPv4 or IPv6 address, in its shortest form."""

    name = "adresse"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            ip_address(value)
            return plain_address(value)
        except ValueError:
            self.fail(f"{value!r} ist keine IP-Adresse (Beispiel: 192.0.2.10 oder 2001:db8::10).", param, ctx)


@click.command()
@click.argument("ordner", type=ORDNER_DA, nargs=-1, required=True)
@click.option(
    "--ausgabe",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Datei für die Regeln; ohne Angabe werden sie ausgegeben.",
)
@click.option("--adresse", type=Adresse(), multiple=True, help="Adresse des Betreibers, statt DNS zu fragen.")
@click.option(
    "--nameserver", type=Adresse(), multiple=True, help="Nameserver; ohne Angabe die aus /etc/resolv.conf."
)
@click.option("--dhcp", is_flag=True, help="Dieser Rechner bekommt seine Adresse über DHCP.")
def firewall(
    ordner: tuple[Path, ...],
    ausgabe: Path | None,
    adresse: tuple[str, ...],
    nameserver: tuple[str, ...],
    dhcp: bool,
) -> None:
    """Regeln für nftables erzeugen: nach außen nur zum Betreiber, nach innen nichts.

    Sie gelten für den ganzen Rechner (oder Container), auf dem die Zähler laufen. Ändert der Betreiber seine
    Adresse, die Regeln neu erzeugen und laden.

    \b
    Beispiel:
      stromzaehler firewall var/z1 --ausgabe zaehler.nft
      nft -c -f zaehler.nft && sudo nft -f zaehler.nft
    """
    with readable_errors():
        ziele = operator_ziele(Ordner(pfad) for pfad in ordner)
        if adresse:
            adressen = tuple(sorted({Ziel(host, ziel.port) for host in adresse for ziel in ziele}))
        else:
            adressen = resolve(ziele)
        regeln = build_rules(
            adressen,
            nameserver or read_resolver(),
            dhcp=dhcp,
            woher=[f"Operator: {ziel.host} port {ziel.port}" for ziel in ziele],
        )
        if ausgabe is None:
            click.echo(regeln, nl=False)
            return
        ausgabe.write_text(regeln, encoding="utf-8")
    click.echo(f"{ausgabe}: {len(adressen)} Ziele. Prüfen: nft -c -f {ausgabe}  Laden: sudo nft -f {ausgabe}")
