"""What the catalogue says of a case, as types: one ``case.toml`` beside the logs of one report.

Turns a ``case.toml`` into a `CaseRecord` and back, and the types into a JSON Schema, so that the two cannot drift.  It
refuses a record with an unknown key, a missing one, or a schema that it does not know.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from oomparse.errors import SourceError

CASE_SCHEMA: Final = "oomparse.case/1"

CASE_FILE = "case.toml"
TRUTH_FILE = "truth.json"
EXPECTED_FILE = "expected.json"

Format = Literal[
    "dmesg",
    "dmesg-T",
    "dmesg-iso",
    "dmesg-x",
    "dmesg-xT",
    "dmesg-r",
    "dmesg-d",
    "dmesg-e",
    "dmesg-H",
    "dmesg-t",
    "dmesg-S",
    "dmesg-json",
    "klog",
    "kmsg",
    "console",
    "syslog-3164",
    "syslog-iso",
    "syslog-5424",
    "syslog-json",
    "journal",
    "journal-export",
    "journal-json",
    "journal-short",
    "journal-short-iso",
]
"""How a log is written: a program and its switch; ``klog`` is what the system call syslog(2) returns."""

ORIGIN_FORMATS: frozenset[str] = frozenset(
    {"kmsg", "klog", "dmesg-x", "dmesg-xT", "syslog-5424", "syslog-json", "journal", "journal-export", "journal-json"}
)
"""Formats that say which facility a line has.  dmesg -r and -J print its level alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One log of a case.  Compressed where its name says so; ``trimmed`` where boot messages were left out."""

    file: str
    format: Format
    trimmed: bool = False
    expected: str = EXPECTED_FILE
    """The file with this log's events; another one than usual where this log cannot tell what the others can."""

    @property
    def proves_origin(self) -> bool:
        """True where the log says which lines the kernel wrote itself."""
        return self.format in ORIGIN_FORMATS


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """What is known of a case before any of its logs is read."""

    schema: Literal["oomparse.case/1"] = CASE_SCHEMA
    name: str
    """Unique in the corpus: the kernel's directory and the scenario's, with a slash."""
    title: str
    scenario: str
    kernel: str
    """The release, as ``uname -r`` gave it."""
    architecture: str
    distribution: str
    cgroup_version: Literal[1, 2]
    scopes: tuple[str, ...]
    """Whose memory ran out, as the scenario arranged it; empty in a negative case."""
    kills: int
    """Processes killed by the kernel, as user space counted them."""
    origin: str
    made: str
    """The day, ``YYYY-MM-DD``."""
    licence: str
    detail: Literal["full", "brief"] = "brief"
    """Whether the expectation holds the sections (meminfo, tasks, slabs, stack) or only their sizes."""
    hostile: bool = False
    """Names in it are made to mislead, or user space wrote lines that look like the kernel's."""
    notes: tuple[str, ...] = ()
    logs: tuple[LogFile, ...]

    @property
    def negative(self) -> bool:
        """True where there is nothing to find."""
        return not self.scopes


def read(path: Path) -> CaseRecord:
    """Read a ``case.toml``.

    Raises:
        SourceError: it cannot be read, or does not follow the schema; the text says where.
    """
    try:
        tree = msgspec.toml.decode(path.read_bytes())
        record = msgspec.convert(tree, CaseRecord)
    except (OSError, msgspec.MsgspecError) as error:
        raise SourceError(f"not a case of the corpus: {error}", path=str(path)) from error
    unknown = set(tree) - {field.name for field in fields(CaseRecord)}
    unknown |= {key for log in tree["logs"] for key in log} - {field.name for field in fields(LogFile)}
    if unknown:
        raise SourceError(f"not a case of the corpus: unknown keys {', '.join(sorted(unknown))}", path=str(path))
    return record


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a ``case.toml``."""
    found = msgspec.json.schema(CaseRecord) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    plain: dict[str, Any] = json.loads(json.dumps(found))  # Tuples among the defaults become lists
    for part in plain["$defs"].values():
        part["additionalProperties"] = False
    return plain


def written(record: CaseRecord) -> str:
    """Return a record as TOML, in the order of the fields, without those that have their default."""
    lines = [f"{name} = {_value(value)}" for name, value in _set(record) if name != "logs"]
    for log in record.logs:
        lines += ["", "[[logs]]", *(f"{name} = {_value(value)}" for name, value in _set(log))]
    return "\n".join(lines) + "\n"


def _set(record: CaseRecord | LogFile) -> list[tuple[str, Any]]:
    return [
        (field.name, value)
        for field in fields(record)
        if (value := getattr(record, field.name)) != field.default or field.name == "schema"
    ]


def _value(value: object) -> str:
    if isinstance(value, tuple):
        inner = [_value(item) for item in value]
        short = f"[{', '.join(inner)}]"
        return short if len(short) < 100 else "[\n" + "".join(f"  {item},\n" for item in inner) + "]"
    # A JSON string, number or boolean without surrogates is the same in TOML.
    return json.dumps(value, ensure_ascii=False)
