"""The command ``stromzaehler``. Texts are German, because customers and fitters read them."""

from __future__ import annotations

import os

import click

from stromzaehler_sim.befehle import betrieb, display, einschreiben, firewall, flotte, lesen, sim, stoerung


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="messstellenbetreiber", prog_name="stromzaehler")
def main() -> None:
    """Simulierte Stromzähler, die nur nach außen sprechen.

    \b
    Beispiel:
      stromzaehler einschreiben var/z1 --zaehler 1EMH0012345678 --token ABC... \\
        --einschreibung-url https://localhost:8444 --telegramm-url https://localhost:8443 --ca var/ca.pem
      stromzaehler start var/z1
    """
    # Keys, load and PIN of a household are its own business: nobody else on this machine reads what is written.
    os.umask(0o077)


for befehl in (
    einschreiben.einschreiben,
    betrieb.start,
    betrieb.historie,
    betrieb.sende,
    display.display,
    flotte.flotte,
    lesen.lesen,
    firewall.firewall,
    sim.sim,
    stoerung.stoere,
    stoerung.protokoll,
):
    main.add_command(befehl)


if __name__ == "__main__":
    main()
