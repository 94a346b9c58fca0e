"""The JSON Schema accepts what the encoder writes, and nothing that it cannot write."""

import copy
import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from oomparse.export.jsonl import to_builtins
from oomparse.export.schema import json_schema
from oomparse.model import EventTime, OomEvent, Outcome, Victim
from oomparse.sections import TaskRow, TaskTable

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def sample() -> dict[str, Any]:
    return to_builtins(
        OomEvent(
            event_id="e",
            outcome=Outcome.KILLED,
            time=EventTime(wall=datetime(2026, 11, 21, tzinfo=UTC)),
            victims=(Victim(pid=7, comm="hog"),),
            tasks=TaskTable.of([TaskRow(pid=7)]),
        )
    )


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@settings(max_examples=25)
@given(st.from_type(OomEvent).map(lambda event: dataclasses.replace(event, schema="oomparse.event/1")), st.booleans())
def test_what_is_written_is_valid(event: OomEvent, brief: bool) -> None:
    VALIDATOR.validate(to_builtins(event, brief=brief))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "oomparse.event/2"),
        (("outcome",), "exploded"),
        (("victims", 0, "pid"), "7"),
        (("victim", "role"), "bystander"),
        (("time", "wall"), 5),
        (("tasks",), {}),
        (("issues",), [{"code": "bad_luck"}]),
    ],
)
def test_what_cannot_be_written_is_not_valid(path: tuple[str | int, ...], value: object) -> None:
    tree = sample()
    assert VALIDATOR.is_valid(tree)
    broken = copy.deepcopy(tree)
    inner: Any = broken
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert not VALIDATOR.is_valid(broken)


def test_every_key_is_described_by_the_classes_themselves() -> None:
    definitions = SCHEMA["$defs"]
    assert set(definitions["OomEvent"]["properties"]) == set(sample())
    assert definitions["EventTime"]["properties"]["wall"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert definitions["Invoker"]["properties"]["oom_adj"]["description"].startswith("The old scale")
    assert all(definition["description"] for definition in definitions.values())
