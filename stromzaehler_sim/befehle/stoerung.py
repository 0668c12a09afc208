"""``stromzaehler stoere`` and ``protokoll``: do something to a meter, and see what it says of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.ordner import Ordner
from stromzaehler_sim.befehle.grundlage import BERLIN, ORDNER_DA, readable_errors
from stromzaehler_sim.stoerung import Eingriff, Eingriffsart
from stromzaehler_sim.zaehlwerk import Zaehlwerk, zaehlwerk_datei

_EINHEITEN = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PHASEN = (Eingriffsart.PHASE_WEG, Eingriffsart.PHASE_DA)
_ZAHLEN = {Eingriffsart.UHR_VERSATZ: "Sekunden", Eingriffsart.UHR_GANG: "ppm"}
_MIT_DAUER = (
    Eingriffsart.STROMAUSFALL,
    Eingriffsart.DECKEL_AUF,
    Eingriffsart.MAGNET_AN,
    Eingriffsart.PHASE_WEG,
)


class Dauer(click.ParamType):
    """A duration like 90s, 15m, 2h or 3d."""

    name = "dauer"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        treffer = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", str(value))
        if treffer is None:
            self.fail(f"{value!r} ist keine Dauer. Beispiele: 90s, 15m, 2h, 3d.", param, ctx)
        return int(treffer[1]) * _EINHEITEN[treffer[2]]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("ordner", type=ORDNER_DA)
@click.argument("art", type=click.Choice([art.value for art in Eingriffsart]))
@click.argument("wert", required=False)
@click.option("--dauer", type=Dauer(), help="Endet von selbst: 90s, 15m, 2h, 3d (Zeit des Zählers).")
def stoere(ordner: Path, art: str, wert: str | None, dauer: int | None) -> None:
    """Einem Zähler etwas antun; ein laufender merkt es binnen einer Sekunde, ein stehender beim Start.

    \b
    Was dauert:  stromausfall / wiederkehr, phase-weg L2 / phase-da L2,
                 deckel-auf / deckel-zu, magnet-an / magnet-aus
    Die Uhr:     uhr-verlust (zurück auf 1970), uhr-versatz SEKUNDEN, uhr-gang PPM
    Speicher:    puffer-verlust, schluessel-verlust
    \b
    Beispiel:
      stromzaehler stoere var/z1 stromausfall --dauer 2h
      stromzaehler stoere var/z1 phase-weg L2
      stromzaehler stoere var/z1 uhr-versatz -20
    """
    eingriff = _parse(Eingriffsart(art), wert, dauer)
    with readable_errors():
        zaehler = Ordner(ordner).load_konfiguration().zaehler
        with Zaehlwerk(zaehlwerk_datei(ordner), None) as zaehlwerk:
            zaehlwerk.stoerungen.put(eingriff)
    click.echo(f"{zaehler}: {art} liegt bereit. Was der Zähler dazu sagt: stromzaehler protokoll {ordner}")


def _parse(art: Eingriffsart, wert: str | None, dauer: int | None) -> Eingriff:
    """Check what belongs to ``art``; raises click.UsageError, which says what would be right."""
    if dauer is not None and art not in _MIT_DAUER:
        raise click.UsageError(f"{art} hat keine Dauer; --dauer weglassen.")
    if art in _PHASEN:
        if wert not in ("L1", "L2", "L3"):
            raise click.UsageError(f"{art} braucht eine Phase: L1, L2 oder L3. Beispiel: {art} L2")
        return Eingriff(art, int(wert[1]), dauer)
    if art in _ZAHLEN:
        if wert is None or not re.fullmatch(r"[+-]?[0-9]{1,9}", wert):
            raise click.UsageError(f"{art} braucht ganze {_ZAHLEN[art]}. Beispiel: {art} -20")
        return Eingriff(art, int(wert))
    if wert is not None:
        raise click.UsageError(f"{art} braucht keine Angabe; {wert!r} weglassen.")
    return Eingriff(art, None, dauer)


@click.command()
@click.argument("ordner", type=ORDNER_DA)
@click.option("--anzahl", type=click.IntRange(1, 1000), default=20, show_default=True, help="Neueste Einträge.")
def protokoll(ordner: Path, anzahl: int) -> None:
    """Das Protokoll eines Zählers zeigen, das Neueste unten; die Zeiten sind die seiner eigenen Uhr.

    \b
    Beispiel:
      stromzaehler protokoll var/z1 --anzahl 50
    """
    with readable_errors():
        Ordner(ordner).load_konfiguration()
        with Zaehlwerk(zaehlwerk_datei(ordner), None) as zaehlwerk:
            eintraege = zaehlwerk.protokoll.newest(anzahl)
    for eintrag in reversed(eintraege):
        zeit = datetime.fromtimestamp(eintrag.uhrzeit, UTC).astimezone(BERLIN)
        click.echo(f"{zeit:%Y-%m-%d %H:%M:%S}  {eintrag.code:<22} {eintrag.text}")
    if not eintraege:
        click.echo("Das Protokoll ist leer.")
