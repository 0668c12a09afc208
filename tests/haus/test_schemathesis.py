"""The API against its own description: generated requests, as staff and as a customer, against a real database.

What is generated from the description must be answered as the description says: never with a 500, always with a
status, a media type and a shape that stand there; what breaks the description must be refused.
"""

import os
import zlib
from datetime import UTC, datetime

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from sqlalchemy import update

from betreiber.app import create_app
from betreiber.auth.domain import Rolle
from betreiber.settings import Settings
from db.models import Benutzer
from db.schema import upgrade
from db.session import create_engine, create_session
from scripts import openapi
from tests.hilfen import FesteUhr, Klient, Welt

CHECKS = [
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
BEISPIELE = 300 if os.environ.get("MSB_TEST_GRUENDLICH") else 8
JANUAR = datetime(2026, 1, 1, tzinfo=UTC)
schema = schemathesis.openapi.from_path(str(openapi.DATEI))
schema.config.generation.update(with_security_parameters=False)  # tests/haus/test_token.py forges tokens


class Betreiber:
    """An operator with one of each thing, and somebody to ask it."""

    def __init__(self, ordner):
        settings = Settings(daten=ordner, jwt_secret="g" * 32, argon2_zeit=1, argon2_speicher_kib=64)
        self.engine = create_engine(settings.datenbank)
        upgrade(self.engine)
        welt = Welt(self.engine, FesteUhr())
        kunde, stelle, zaehler = welt.kunde(e_mail="erika@example.org"), welt.messstelle(), welt.stromzaehler()
        tarif = welt.tarif()
        auftrag = welt.auftrag(stelle, stromzaehler_id=zaehler)
        self.vorhanden = {
            "kunde_id": kunde,
            "messstelle_id": stelle,
            "stromzaehler_id": zaehler,
            "tarif_id": tarif,
            "auftrag_id": auftrag,
            "auftragsnachweis_id": welt.auftragsnachweis(auftrag),
            "zutrittsankuendigung_id": welt.zutrittsankuendigung(auftrag),
            "vertrag_id": welt.vertrag(kunde, stelle, tarif),
            "stoerung_id": welt.stoerung(zaehler),
            "dokument_id": welt.dokument(zaehler),
            "eichung_id": welt.eichung(zaehler),
            "abrechnungsfreigabe_id": welt.abrechnungsfreigabe(zaehler),
            "einbau_id": welt.einbau(zaehler, stelle, JANUAR),
            "kunde_stromzaehler_id": welt.zuordnung(kunde, zaehler, JANUAR),
        }
        self._namen = {"kunde": welt.benutzer("kunde", kunde_id=kunde), "personal": welt.benutzer("admin")}
        with create_session(self.engine) as session:
            alle = [str(rolle) for rolle in Rolle if rolle is not Rolle.KUNDE]
            session.execute(
                update(Benutzer).where(Benutzer.benutzername == self._namen["personal"]).values(rollen=alle)
            )
            session.commit()
        self.app = create_app(settings, uhr=FesteUhr())
        self.client = Klient(self.app)
        self._personen = {}

    def login(self, wer, *, neu):
        if neu or wer not in self._personen:
            self._personen[wer] = self.client.login(self._namen[wer])
        return self._personen[wer]

    def close(self):
        self.app.extensions["msb_engine"].dispose()
        self.engine.dispose()


@pytest.fixture(scope="module")
def betreiber(tmp_path_factory):
    betreiber = Betreiber(tmp_path_factory.mktemp("schemathesis"))
    yield betreiber
    betreiber.close()


@pytest.mark.parametrize("wer", ["kunde", "personal"])
@schema.parametrize()
@hypothesis.settings(max_examples=BEISPIELE, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_api(case, betreiber, wer):
    # Logging out and changing the password end the session, so these get a new one each time.
    person = betreiber.login(wer, neu=case.path.startswith(("/v1/anmeldung", "/v1/passwort")))
    # What breaks the description is left as it is: its refusal is what is looked at.
    if case.meta.generation.mode.is_positive and coin(case):
        aim(case, betreiber, person)
    kopf = {"Authorization": f"Bearer {person.zugriffstoken}"}
    case.call_and_validate(app=betreiber.app, headers=kopf, checks=CHECKS)


def coin(case):
    """Heads or tails by what was generated: the same case always falls the same way."""
    return zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode()) % 2 == 0


def aim(case, betreiber, person):
    """Let a request hit: an object that is there, its present version, a period on quarter hours."""
    for name in case.path_parameters:
        case.path_parameters[name] = betreiber.vorhanden[name]
    if "If-Match" in case.headers:
        antwort = betreiber.client.get(case.formatted_path, als=person)
        case.headers["If-Match"] = antwort.headers.get("ETag", case.headers["If-Match"])
    if "von" in case.query:
        case.query |= {"von": "2026-03-01T00:00:00Z", "bis": "2026-04-01T00:00:00+02:00"}
