"""The n-th SQL statement fails in each change of master data: nothing half-done stays, and trying again helps."""

from tests.hilfen import malo_id
from tests.sql_fehler import fail_each_statement

ORT = {"strasse": "Lindenallee", "hausnummer": "12", "postleitzahl": "50667", "stadtname": "Köln"}
KUNDE = {"kundennummer": "K-1", "art": "VERBRAUCHER", "name": "Erika", "registriert_datum": "2026-06-01", **ORT}
MESSSTELLE = {
    "malo_id": malo_id(99),
    "melo_id": "DE0000011111222223333344444555556",
    "bundesland": "NW",
    "anschlussleistung_kw": "30.000",
    **ORT,
}
STROMZAEHLER = {
    "zaehlernummer": "1EMH0012345678",
    "hersteller": "EMH",
    "modell": "ED300L",
    "seriennummer": "12345678",
}
TARIF = {
    "bezeichnung": "Ökostrom 24",
    "produkt": "STROMLIEFERUNG",
    "grundpreis_eur_monat": "12.5000",
    "arbeitspreis_ct_kwh": "31.4200",
    "gueltig_von_datum": "2026-01-01",
}
VERTRAG = {
    "vertragsnummer": "V-1",
    "produkt": "STROMLIEFERUNG",
    "beginn_datum": "2026-01-01",
    "kuendigungsfrist_wochen": 4,
}
JANUAR, MAI = "2026-01-01T00:00:00+01:00", "2026-05-01T00:00:00+02:00"


def test_a_household_from_its_first_to_its_last_day(engine, client, als):
    amt, planung, preise = als("sachbearbeitung"), als("wartung"), als("tarif")

    def change(methode, pfad, person, version=None, **daten):
        antworten = []

        def tun():
            antworten.append(client.request(methode, pfad, als=person, version=version, json=daten))
            return antworten[-1]

        assert fail_each_statement(engine, tun) >= 3
        assert antworten[-1].status_code in (200, 201), antworten[-1].text
        return antworten[-1].json

    kunde = change("POST", "/v1/kunden", amt, **KUNDE)["kunde_id"]
    change("PATCH", f"/v1/kunden/{kunde}", amt, 1, name="Erika Muster", e_mail="erika@example.org")
    change("POST", f"/v1/kunden/{kunde}/einladungen", amt)
    messstelle = change("POST", "/v1/messstellen", amt, **MESSSTELLE)["messstelle_id"]
    change("PATCH", f"/v1/messstellen/{messstelle}", amt, 1, zugangshinweis="Hinterhof")
    zaehler = f"/v1/stromzaehler/{change('POST', '/v1/stromzaehler', planung, **STROMZAEHLER)['stromzaehler_id']}"
    change("PATCH", zaehler, planung, 1, modell="ED300S")
    change("POST", f"{zaehler}/einschreibungstoken", planung)
    einbau = change("POST", f"{zaehler}/einbauten", planung, messstelle_id=messstelle, von=JANUAR)["einbau_id"]
    zuordnung = change("POST", f"{zaehler}/zuordnungen", amt, kunde_id=kunde, von=JANUAR)["kunde_stromzaehler_id"]
    change("PATCH", f"{zaehler}/wartung", planung, 1, naechste_wartung_datum="2034-10-20")
    tarif = change("POST", "/v1/tarife", preise, **TARIF)["tarif_id"]
    vertraege = f"/v1/kunden/{kunde}/vertraege"
    vertrag = change("POST", vertraege, amt, messstelle_id=messstelle, tarif_id=tarif, **VERTRAG)["vertrag_id"]
    change("PATCH", f"{vertraege}/{vertrag}", amt, 1, zustand="AKTIV")
    change("PATCH", f"{zaehler}/zuordnungen/{zuordnung}", amt, 1, bis=MAI)
    change("PATCH", f"{zaehler}/einbauten/{einbau}", planung, 1, bis=MAI)


def test_a_session_goes_on_and_ends(engine, client, welt):
    person = client.login(welt.benutzer("sachbearbeitung"))
    daten = {"erneuerungstoken": person.erneuerungstoken}
    assert fail_each_statement(engine, lambda: client.post("/v1/anmeldung/erneuerung", json=daten)) >= 3
    assert fail_each_statement(engine, lambda: client.delete("/v1/anmeldung", als=person)) >= 3
    assert client.get("/v1/anmeldung", als=person).status_code == 401
