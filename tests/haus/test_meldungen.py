"""What the API says of a field that it refuses is German: whoever fills in a form reads it."""

from collections.abc import Iterator

import pytest
from marshmallow import Schema, fields

# What marshmallow says by itself, of every kind of field.
ENGLISCH = {
    text
    for art in vars(fields).values()
    if isinstance(art, type) and issubclass(art, fields.Field)
    for text in getattr(art, "default_error_messages", {}).values()
} | set(Schema._default_error_messages.values())


def input_schemas(app) -> Iterator[Schema]:
    """The schema of every body, form and query part that a route of the API reads."""
    for view in app.view_functions.values():
        ansicht = getattr(view, "view_class", None)
        for methode in getattr(ansicht, "methods", ()):
            angaben = getattr(getattr(ansicht, methode.lower()), "_apidoc", {}).get("arguments", {})
            for parameter in angaben.get("parameters", ()):
                if "schema" in parameter:
                    schema = parameter["schema"]
                    yield schema() if isinstance(schema, type) else schema


def english(schema: Schema, weg: str = "") -> Iterator[str]:
    """Which messages of a schema and of the fields in it are marshmallow's own."""
    for name, text in schema.error_messages.items():
        if text in ENGLISCH:
            yield f"{weg or type(schema).__name__}: {name}"
    for name, feld in schema.load_fields.items():
        yield from _english(feld, f"{weg or type(schema).__name__}.{name}")


def _english(feld: fields.Field, weg: str) -> Iterator[str]:
    yield from (f"{weg}: {name}" for name, text in feld.error_messages.items() if text in ENGLISCH)
    if isinstance(feld, fields.List):
        yield from _english(feld.inner, f"{weg}[]")
    if isinstance(feld, fields.Nested):
        yield from english(feld.schema, weg)


def test_every_input_schema_speaks_german(app):
    schemas = list(input_schemas(app))
    # A body, a form, a query part: none of them went missing.
    namen = {type(schema).__name__ for schema in schemas}
    assert {"TourenvorschlagAnlegenSchema", "FotoAnlegenSchema", "WartungenQuerySchema"} <= namen
    assert sorted({mangel for schema in schemas for mangel in english(schema)}) == []


@pytest.mark.parametrize(
    ("feld", "weg"),
    [
        (fields.String(), "feld: null"),
        (fields.List(fields.String()), "feld[]: invalid"),
        (fields.Nested(Schema.from_dict({"zahl": fields.Integer()})), "feld.zahl: too_large"),
    ],
)
def test_a_field_of_marshmallows_own_would_be_found(feld, weg):
    gefunden = list(english(Schema.from_dict({"feld": feld}, name="Probe")()))
    assert f"Probe.{weg}" in gefunden
