"""The description of the API: up to date, valid, complete, and at one with the table of rights."""

import json
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from betreiber.auth.rechte import load_rechte
from scripts import openapi

# The committed file; the first test says whether it is what the app gives.
SPEC = json.loads(openapi.DATEI.read_text(encoding="utf-8"))
OPERATIONEN = [
    pytest.param(pfad, methode, operation, id=f"{methode.upper()} {pfad}")
    for pfad, eintrag in SPEC["paths"].items()
    for methode, operation in eintrag.items()
    if methode != "parameters"
]
# Pages and files of the public listener, which are no part of the API.
KEINE_API = {"/", "/docs", "/openapi.json", "/static/<path:filename>"}


def test_the_committed_file_is_up_to_date():
    assert openapi.DATEI.read_text(encoding="utf-8") == openapi.generate(), "call scripts/openapi"


def test_it_is_valid_openapi():
    assert SPEC["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(SPEC).iter_errors()) == []


def test_umlauts_are_umlauts():
    text = openapi.generate()
    assert "\\u00" not in text
    assert text.endswith("}\n")


def test_the_app_serves_the_same(client):
    assert client.get("/openapi.json").json == SPEC


def test_every_route_of_the_api_is_described():
    beschrieben = {(methode.upper(), pfad) for pfad, methode, _ in (fall.values for fall in OPERATIONEN)}
    geroutet = {
        (methode, re.sub(r"<\w+:(\w+)>", r"{\1}", route))
        for methode, route in load_rechte()
        if route not in KEINE_API
    }
    assert beschrieben == geroutet


def test_operation_ids_are_unique_and_ascii():
    namen = [fall.values[2]["operationId"] for fall in OPERATIONEN]
    assert len(set(namen)) == len(namen)
    assert all(re.fullmatch(r"[a-z][a-z_]+", name) for name in namen)


@pytest.mark.parametrize(("pfad", "methode", "operation"), OPERATIONEN)
def test_an_operation_says_what_it_does_and_who_may(pfad, methode, operation):
    assert len(operation["summary"]) > 5
    route = re.sub(r"\{(\w+)\}", r"<id:\1>", pfad)
    recht = load_rechte()[methode.upper(), route]
    assert operation["security"] == ([] if recht.offen else [{"token": []}])
    for rolle in recht.rollen:
        assert rolle in operation["description"]


@pytest.mark.parametrize(("pfad", "methode", "operation"), OPERATIONEN)
def test_an_operation_says_how_it_refuses(pfad, methode, operation):
    antworten = operation["responses"]
    assert "default" not in antworten
    erwartet = {"503"}
    if operation["security"]:
        erwartet |= {"401", "403"}
    if "{" in pfad:
        erwartet.add("404")
    if "requestBody" in operation:
        erwartet |= {"400", "413", "415", "422"}
    if methode == "patch":
        erwartet |= {"409", "412", "422", "428"}
    assert erwartet <= set(antworten)
    assert any(status.startswith("2") for status in antworten)
    for status, antwort in antworten.items():
        if not status.startswith("2"):
            teil = SPEC["components"]["responses"][antwort["$ref"].rpartition("/")[2]]
            assert list(teil["content"]) == ["application/problem+json"]
            assert teil["content"]["application/problem+json"]["schema"] == {
                "$ref": "#/components/schemas/Problem"
            }


@pytest.mark.parametrize(("pfad", "methode", "operation"), OPERATIONEN)
def test_every_parameter_is_described(pfad, methode, operation):
    parameter = [*SPEC["paths"][pfad].get("parameters", []), *operation.get("parameters", [])]
    assert {p["name"] for p in parameter if p["in"] == "path"} == set(re.findall(r"\{(\w+)\}", pfad))
    for eintrag in parameter:
        assert len(eintrag.get("description", "")) > 5, eintrag["name"]
        assert "schema" in eintrag
    # Each change says on which version it builds; so do the steps of a work order.
    aendert = methode == "patch" or pfad.endswith(("/besuche", "/erledigung"))
    assert ("If-Match" in {p["name"] for p in parameter}) == aendert


def test_every_tag_is_described():
    benutzt = {tag for fall in OPERATIONEN for tag in fall.values[2]["tags"]}
    assert {tag["name"] for tag in SPEC["tags"] if tag["description"]} == benutzt


def test_energy_is_an_integer_and_money_a_text():
    for name, schema in SPEC["components"]["schemas"].items():
        for feld, art in schema.get("properties", {}).items():
            typen = art.get("type", [])
            assert "number" not in ([typen] if isinstance(typen, str) else typen), f"{name}.{feld}"
            if feld.endswith("_wh"):
                assert "integer" in typen
