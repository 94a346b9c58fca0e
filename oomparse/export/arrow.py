"""Events as Arrow tables: one fixed schema, from which Parquet, pandas, polars and DuckDB follow.

The schema is derived from the model's classes: sizes are 64-bit integers, times ``timestamp[us, UTC]``, records
structs, tuples lists, mappings maps.  ``brief`` has the same columns without the sections.
Needs pyarrow, the extra ``arrow``.  A number of more than 63 bits has no place in it and is null.
"""

import io
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from oomparse.export.jsonl import BriefRecord, EventRecord, to_tree
from oomparse.model import OomEvent

BATCH_EVENTS = 1024
"""Events that are held in memory at a time."""

# Columns that people group by.  Not those inside structs: pyarrow builds invalid dictionaries below a null struct.
_DICTIONARIES = ("outcome", "scope", "scope_level")
_INT64 = range(-(2**63), 2**63)


@cache
def schema(*, brief: bool = False) -> pa.Schema:
    """Return the schema of the tables."""
    columns = _columns(BriefRecord if brief else EventRecord)
    return pa.schema([_as_dictionary(column) if column.name in _DICTIONARIES else column for column in columns])


def to_batches(
    events: Iterable[OomEvent], *, brief: bool = False, batch_events: int = BATCH_EVENTS
) -> Iterator[pa.RecordBatch]:
    """Yield the events as record batches."""
    row = pa.struct(list(schema(brief=brief)))
    remaining = iter(events)
    while chunk := list(islice(remaining, batch_events)):
        yield pa.RecordBatch.from_struct_array(
            pa.array([_fitted(to_tree(event, brief=brief), row) for event in chunk], row)
        )


def to_table(events: Iterable[OomEvent], *, brief: bool = False) -> pa.Table:
    """Return all events as one table."""
    return pa.Table.from_batches(to_batches(events, brief=brief), schema=schema(brief=brief))


class StreamWriter:
    """Turns events into the bytes of an Arrow IPC stream, batch by batch."""

    def __init__(self, *, brief: bool = False, batch_events: int = BATCH_EVENTS) -> None:
        self._brief = brief
        self._batch_events = batch_events
        self._waiting: list[OomEvent] = []
        self._sink = io.BytesIO()
        self._stream = pa.ipc.new_stream(self._sink, schema(brief=brief))

    def write(self, event: OomEvent) -> bytes:
        """Take an event in; return what became complete by it."""
        self._waiting.append(event)
        return self._batch() if len(self._waiting) >= self._batch_events else b""

    def finish(self) -> bytes:
        """Return the rest, with the end mark."""
        last = self._batch()
        self._stream.close()
        return last + self._taken()

    def _batch(self) -> bytes:
        for batch in to_batches(self._waiting, brief=self._brief, batch_events=self._batch_events):
            self._stream.write_batch(batch)
        self._waiting.clear()
        return self._taken()

    def _taken(self) -> bytes:
        written = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return written


def _columns(cls: Any) -> list[pa.Field]:
    hints = get_type_hints(cls)
    names = [field.name for field in fields(cls)] if is_dataclass(cls) else list(cls.__struct_fields__)
    return [pa.field(name, *_column(hints[name])) for name in names]


def _as_dictionary(column: pa.Field) -> pa.Field:
    return column.with_type(pa.dictionary(pa.int8(), column.type))


def _column(hint: Any) -> tuple[pa.DataType, bool]:
    """Return the type of a column, and whether it may be null."""
    if get_origin(hint) in (Union, types.UnionType):
        (kind,) = [arm for arm in get_args(hint) if arm is not types.NoneType]
        return _arrow_type(kind), True
    # Numbers too large for a column become null, and so do they only.
    return _arrow_type(hint), hint is int


def _arrow_type(hint: Any) -> pa.DataType:
    plain = {
        str: pa.string(),
        bool: pa.bool_(),
        int: pa.int64(),
        float: pa.float64(),
        datetime: pa.timestamp("us", "UTC"),
    }
    if hint in plain:
        return plain[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return pa.string()
    if origin is tuple:
        return pa.list_(pa.field("item", *_column(arguments[0])))
    if origin is Mapping:
        return pa.map_(_arrow_type(arguments[0]), pa.field("value", *_column(arguments[1])))
    if issubclass(hint, StrEnum):
        return pa.string()
    return pa.struct(_columns(hint))


def _fitted(value: Any, kind: pa.DataType) -> Any:
    """Return a value of the JSON tree as pyarrow takes it for a column of this type."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _fitted(value.get(field.name), field.type) for field in kind.fields}
    if pa.types.is_list(kind):
        return [_fitted(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        return [(key, _fitted(item, kind.item_type)) for key, item in value.items()]
    if pa.types.is_int64(kind):
        return value if value in _INT64 else None
    return value
