"""The JSON Schema (2020-12) of the lines that `oomparse.export.jsonl` writes.

Made by msgspec from the same classes, so that it cannot drift; the descriptions are the classes' own docstrings and
those under their fields.  Every key is always written, except the sections in brief lines; newer versions may add keys.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from oomparse import errors, model, sections
from oomparse.export.jsonl import EventRecord
from oomparse.model import EVENT_SCHEMA, EventTime, OomEvent

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema of one event line."""
    schema = msgspec.json.schema(EventRecord)
    definitions: dict[str, Any] = schema["$defs"]
    for name, definition in definitions.items():
        cls: type = getattr(model, name, None) or getattr(sections, name, None) or getattr(errors, name)
        if is_dataclass(cls):
            _describe(cls, definition["properties"])
        definition["description"] = _first_paragraph(cls)
    # RFC 3339 wants a zone; the model's times are always aware, which their type cannot say.
    for form in definitions[EventTime.__name__]["properties"]["wall"]["anyOf"]:
        if form["type"] == "string":
            form["format"] = "date-time"
    root = definitions[OomEvent.__name__]
    root["properties"]["victim"]["description"] = _first_paragraph(OomEvent.victim)
    return {"$schema": DIALECT, "title": EVENT_SCHEMA, **schema}


def _describe(cls: type, properties: dict[str, Any]) -> None:
    documented = dict(_field_docstrings(cls))
    for field in fields(cls):
        if field.name in documented:
            properties[field.name]["description"] = documented[field.name]


def _field_docstrings(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the fields of a class that have a string below them, with the string."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)


def _first_paragraph(thing: object) -> str:
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split())
