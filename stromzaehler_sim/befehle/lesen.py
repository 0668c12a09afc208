"""``stromzaehler lesen``: a reading head on the optical port of a meter."""

from __future__ import annotations

import json
from pathlib import Path

import click

from stromzaehler_sim.anzeige.bedienung import Bedienung
from stromzaehler_sim.anzeige.messstand import Messquelle
from stromzaehler_sim.anzeige.optisch import data_set, telegram
from stromzaehler_sim.befehle.grundlage import ORDNER_DA, readable_errors
from stromzaehler_sim.uhr import Uhr


@click.command()
@click.argument("ordner", type=ORDNER_DA)
@click.option("--json", "als_json", is_flag=True, help="Als JSON, die Werte als Text wie auf der Leitung.")
def lesen(ordner: Path, als_json: bool) -> None:
    """Ausgeben, was die optische Datenschnittstelle des Zählers jetzt sendet.

    Mit InF OFF (Lieferzustand) ganze kWh und keine Leistung, mit InF On 0,1 Wh und Leistung. Umgeschaltet wird am
    Zähler: stromzaehler display ORDNER.

    \b
    Beispiel:
      stromzaehler lesen var/z1
      stromzaehler lesen var/z1 --json
    """
    with readable_errors():
        quelle = Messquelle(ordner)
        einstellungen = quelle.settings()
        messstand = quelle.read(Uhr.from_env().now(), Bedienung(einstellungen))
    daten = data_set(messstand, inf=einstellungen.inf)
    if als_json:
        werte = {datum.obis: {"wert": datum.wert, "einheit": datum.einheit or None} for datum in daten}
        click.echo(json.dumps(werte, indent=2))
    else:
        click.echo(telegram(daten))
