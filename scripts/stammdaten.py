"""Customers with a meter, made through the public API as a clerk and a planner would."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway.einschreibung import enroll
from gateway.ordner import Ordner
from scripts.betreiberprozess import ApiKlient, Betreiberprozess

PERSONAL = "betriebsamt@example.org"
PERSONAL_PASSWORT = "drei Woerter im Wind"


@dataclass(frozen=True)
class Haushalt:
    """A customer with a login and one enrolled meter."""

    kunde_id: int
    stromzaehler_id: int
    zaehlernummer: str
    messstelle_id: int
    benutzername: str
    passwort: str
    ordner: Path


def create_staff(betreiber: Betreiberprozess, name: str, passwort: str, *rollen: str) -> None:
    """A login for staff, by the command line."""
    argumente = [teil for rolle in rollen for teil in ("--rolle", rolle)]
    betreiber.call("benutzer", "anlegen", "--name", name, *argumente, "--passwort-stdin", eingabe=f"{passwort}\n")


def create_haushalt(
    betreiber: Betreiberprozess,
    sachbearbeitung: ApiKlient,
    planung: ApiKlient,
    nummer: int,
    seit: datetime,
    ordner: Path,
    *,
    name: str = "Haushalt",
    anschlussleistung_kw: str = "60.000",
) -> Haushalt:
    """Add customer, Messstelle, meter, installation and assignment, a login, and enrol the meter.

    `nummer` below a million tells the households apart; `seit` is an edge of a quarter hour.
    """
    anschrift = {"strasse": "Lindenallee", "hausnummer": str(nummer), "postleitzahl": "50667", "stadtname": "Köln"}
    kunde = sachbearbeitung.post(
        "/v1/kunden",
        kundennummer=f"K-{nummer:06}",
        art="VERBRAUCHER",
        name=f"{name} {nummer}",
        registriert_datum=seit.date().isoformat(),
        **anschrift,
    )
    messstelle = sachbearbeitung.post(
        "/v1/messstellen",
        malo_id=malo_id(nummer),
        melo_id=f"DE00056266802{nummer:020}",
        bundesland="NW",
        anschlussleistung_kw=anschlussleistung_kw,
        **anschrift,
    )
    zaehler = planung.post(
        "/v1/stromzaehler",
        zaehlernummer=f"1SIM00{nummer:08}",
        hersteller="SIM",
        modell="SIM-3.60",
        seriennummer=f"{nummer:08}",
    )
    stromzaehler_id = zaehler["stromzaehler_id"]
    pfad = f"/v1/stromzaehler/{stromzaehler_id}"
    von = seit.isoformat()
    planung.post(f"{pfad}/einbauten", messstelle_id=messstelle["messstelle_id"], von=von)
    sachbearbeitung.post(f"{pfad}/zuordnungen", kunde_id=kunde["kunde_id"], von=von)
    einladung = sachbearbeitung.call("POST", f"/v1/kunden/{kunde['kunde_id']}/einladungen")
    benutzername, passwort = f"kunde{nummer}@example.org", f"Zaehlerstand ablesen {nummer}"
    with ApiKlient(betreiber.url) as neuer:
        neuer.register(einladung["einladungscode"], benutzername, passwort)
    token = planung.call("POST", f"{pfad}/einschreibungstoken")
    enroll(
        Ordner(ordner),
        zaehler=zaehler["zaehlernummer"],
        token=token["token"],
        einschreibung_url=betreiber.einschreibung_url,
        telegramm_url=betreiber.telegramm_url,
        ca_pem=betreiber.ca.read_bytes(),
        fingerabdruck=None,
    )
    return Haushalt(
        kunde["kunde_id"],
        stromzaehler_id,
        zaehler["zaehlernummer"],
        messstelle["messstelle_id"],
        benutzername,
        passwort,
        ordner,
    )


def create_vertrag(sachbearbeitung: ApiKlient, haushalt: Haushalt, tarif_id: int, seit: datetime) -> None:
    """A running supply contract of the customer at the Messstelle, from that day on."""
    pfad = f"/v1/kunden/{haushalt.kunde_id}/vertraege"
    vertrag = sachbearbeitung.post(
        pfad,
        vertragsnummer=f"V-{haushalt.kunde_id:06}",
        messstelle_id=haushalt.messstelle_id,
        tarif_id=tarif_id,
        produkt="STROMLIEFERUNG",
        beginn_datum=seit.date().isoformat(),
        kuendigungsfrist_wochen=4,
    )
    version = {"If-Match": f'"{vertrag["version"]}"'}
    sachbearbeitung.call("PATCH", f"{pfad}/{vertrag['vertrag_id']}", json={"zustand": "AKTIV"}, headers=version)


def plan_wartung(planung: ApiKlient, haushalt: Haushalt, naechste: date) -> None:
    """Set the date of a meter's next maintenance."""
    pfad = f"/v1/stromzaehler/{haushalt.stromzaehler_id}/wartung"
    version = planung.get(pfad)["version"]
    planung.call(
        "PATCH", pfad, json={"naechste_wartung_datum": naechste.isoformat()}, headers={"If-Match": f'"{version}"'}
    )


def plan_auftrag(planung: ApiKlient, haushalt: Haushalt, monteur: ApiKlient, tag: date) -> None:
    """Send a fitter to the meter on a day, for a control reading."""
    auftrag = planung.post(
        "/v1/auftraege",
        art="KONTROLLABLESUNG",
        messstelle_id=haushalt.messstelle_id,
        anlass="Ablesung an der Anzeige zum Vergleich",
    )
    plan = {"zustand": "GEPLANT", "benutzer_id": monteur.benutzer_id, "termin_datum": tag.isoformat()}
    version = {"If-Match": f'"{auftrag["version"]}"'}
    planung.call("PATCH", f"/v1/auftraege/{auftrag['auftrag_id']}", json=plan, headers=version)


def malo_id(nummer: int) -> str:
    """A MaLo-ID for a running number (BDEW: the eleventh digit checks the ten before it)."""
    ziffern = f"41{nummer:08}"
    summe = sum(int(ziffer) * (1 + stelle % 2) for stelle, ziffer in enumerate(ziffern))
    return ziffern + str(-summe % 10)


def verbrauch(kunde: ApiKlient, von: datetime, bis: datetime, aufloesung: str) -> Any:
    """A customer's own Verbrauch in [von, bis)."""
    return kunde.get(
        f"/v1/kunden/{kunde.kunde_id}/verbrauch", von=von.isoformat(), bis=bis.isoformat(), aufloesung=aufloesung
    )
