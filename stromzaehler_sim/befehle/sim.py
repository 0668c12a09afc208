"""``stromzaehler sim``: put a SIM card in, take it out, unlock it, look at it."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.ordner import Ordner
from stromzaehler_sim.befehle.grundlage import ORDNER_DA, Meldung, readable_errors
from stromzaehler_sim.fehler import MobilfunkFehler
from stromzaehler_sim.mobilfunk.einstellung import Funkeinstellung
from stromzaehler_sim.mobilfunk.funkzelle import Funkzelle, radio_seed
from stromzaehler_sim.mobilfunk.sim import (
    PIN_VERSUCHE,
    PUK_VERSUCHE,
    Sim,
    SimZustand,
    check_iccid,
    generate_iccid,
    generate_puk,
)
from stromzaehler_sim.mobilfunk.volumen import Volumen
from stromzaehler_sim.uhr import Uhr

_ZUSTAENDE = {
    SimZustand.KEINE: "nicht eingelegt",
    SimZustand.PIN_GESPERRT: "verlangt die PIN",
    SimZustand.NICHT_EINGEBUCHT: "kein Netz",
    SimZustand.EINGEBUCHT: "Netz vorhanden",
}


@click.group()
def sim() -> None:
    """Die SIM-Karte eines Zählers. Ohne SIM-Fach (sim.json) sendet ein Zähler wie über ein Kabel.

    \b
    Beispiel:
      stromzaehler sim einlegen var/z1 --apn internet.m2m --pin 1234
      stromzaehler sim pin var/z1 1234
      stromzaehler sim zeigen var/z1
    """


@sim.command()
@click.argument("ordner", type=ORDNER_DA)
@click.option("--apn", default="internet.m2m", show_default=True, help="Zugangspunkt des Tarifs.")
@click.option("--iccid", help="Kartennummer (19 oder 20 Ziffern); ohne Angabe wird eine erzeugt.")
@click.option("--pin", default="", help="PIN der Karte; ohne Angabe fragt die Karte nach keiner.")
@click.pass_context
def einlegen(kontext: click.Context, ordner: Path, apn: str, iccid: str | None, pin: str) -> None:
    """Eine SIM-Karte einlegen. Ohne Optionen kommt die Karte zurück, die vorher entnommen wurde.

    \b
    Beispiel:
      stromzaehler sim einlegen var/z1 --apn internet.m2m --pin 1234
    """
    with readable_errors():
        bisher = Sim.load(ordner)
        if bisher is not None and bisher.eingelegt:
            raise MobilfunkFehler(
                f"Es ist schon eine SIM-Karte eingelegt. Zuerst: stromzaehler sim entnehmen {ordner}"
            )
        genannt = any(
            kontext.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
            for name in ("apn", "iccid", "pin")
        )
        if bisher is not None and not genannt:
            karte = bisher.insert()
        else:
            # Two cards of one meter differ: the number of the one before is part of the seed.
            zaehler = Ordner(ordner).load_konfiguration().zaehler
            nummer = check_iccid(iccid) if iccid else generate_iccid(f"{zaehler} {bisher and bisher.iccid}")
            karte = Sim(iccid=nummer, apn=apn, pin=pin, puk=generate_puk(nummer))
        karte.save(ordner)
    click.echo(f"SIM-Karte {karte.iccid} eingelegt, APN {karte.apn}.")
    if karte.zustand is SimZustand.PIN_GESPERRT:
        click.echo(f"Sie verlangt ihre PIN (PUK: {karte.puk}). Weiter mit: stromzaehler sim pin {ordner} PIN")


@sim.command()
@click.argument("ordner", type=ORDNER_DA)
def entnehmen(ordner: Path) -> None:
    """Die SIM-Karte aus dem Zähler nehmen; er zählt weiter und bewahrt alles auf.

    \b
    Beispiel:
      stromzaehler sim entnehmen var/z1
    """
    with readable_errors():
        karte = _card(ordner).remove()
        karte.save(ordner)
    click.echo(f"SIM-Karte {karte.iccid} entnommen. Zurück mit: stromzaehler sim einlegen {ordner}")


@sim.command()
@click.argument("ordner", type=ORDNER_DA)
@click.argument("pin")
@click.option("--puk", help="PUK der Karte: entsperrt sie nach drei falschen PINs und setzt PIN neu.")
def pin(ordner: Path, pin: str, puk: str | None) -> None:
    """Die PIN der SIM-Karte eingeben. Der Zähler merkt sie sich und gibt sie bei jedem Start ein.

    \b
    Beispiel:
      stromzaehler sim pin var/z1 1234
      stromzaehler sim pin var/z1 4321 --puk 12345678
    """
    with readable_errors():
        vorher = _card(ordner)
        karte = vorher.enter_pin(pin) if puk is None else vorher.enter_puk(puk, pin)
        # A wrong try, too, is on the card before anybody is told.
        karte.save(ordner)
    if karte.fehlversuche_puk > vorher.fehlversuche_puk:
        raise Meldung(
            f"PUK falsch. Noch {PUK_VERSUCHE - karte.fehlversuche_puk} Versuche, dann ist die Karte tot."
        )
    if karte.fehlversuche_pin > vorher.fehlversuche_pin:
        noch = PIN_VERSUCHE - karte.fehlversuche_pin
        raise Meldung(f"PIN falsch. Noch {noch} Versuche." if noch else "PIN falsch. Die Karte verlangt die PUK.")
    click.echo("Die SIM-Karte ist entsperrt.")


@sim.command()
@click.argument("ordner", type=ORDNER_DA)
def zeigen(ordner: Path) -> None:
    """Karte, Empfang und Datenvolumen anzeigen.

    \b
    Beispiel:
      stromzaehler sim zeigen var/z1
    """
    with readable_errors():
        Ordner(ordner).load_konfiguration()  # says so where there is no meter
        karte, einstellung, uhr = Sim.load(ordner), Funkeinstellung.load(ordner), Uhr.from_env()
        if karte is None:
            click.echo("Dieser Zähler hat kein SIM-Fach und sendet wie über ein Kabel.")
            return
        zustand, empfang = karte.zustand, None
        if zustand is SimZustand.NICHT_EINGEBUCHT:
            empfang = Funkzelle(radio_seed(karte.iccid), einstellung).empfang(uhr.now())
            zustand = zustand if empfang is None else SimZustand.EINGEBUCHT
        verbraucht = Volumen(ordner, einstellung.budget_bytes, uhr.now).bytes_monat
    text = "gesperrt, verlangt die PUK" if karte.puk_noetig and karte.eingelegt else _ZUSTAENDE[zustand]
    budget = "ohne Grenze" if einstellung.budget_bytes is None else f"von {_megabyte(einstellung.budget_bytes)}"
    click.echo(f"SIM-Karte  {karte.iccid}: {text}")
    click.echo(f"APN        {karte.apn}")
    if empfang is not None:
        funk = f"Zelle {empfang.zelle:07x}, RSRP {empfang.rsrp_dbm} dBm, RSRQ {empfang.rsrq_db} dB"
        click.echo(f"Empfang    {einstellung.rat}, {funk}")
    click.echo(f"Volumen    {_megabyte(verbraucht)} {budget} in diesem Monat")


def _megabyte(menge: int) -> str:
    return f"{menge / 1e6:.1f} MB".replace(".", ",")


def _card(ordner: Path) -> Sim:
    Ordner(ordner).load_konfiguration()  # says so where there is no meter
    karte = Sim.load(ordner)
    if karte is None or not karte.eingelegt:
        raise MobilfunkFehler(f"Es ist keine SIM-Karte eingelegt. Zuerst: stromzaehler sim einlegen {ordner}")
    return karte
