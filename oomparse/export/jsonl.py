r"""Events to JSON Lines and back: the same tree, the same names, one object a line.

The records are derived from `OomEvent` field by field, so the two cannot drift; msgspec writes and reads the
dataclasses themselves.  Enums are their strings, times RFC 3339, what the kernel did not print is ``null``.  Beside
``victims`` stands ``victim``, the first of them.  JSON holds no bytes: one that was not UTF-8 is written ``\xNN``, as
dmesg does, and stays so when it is read back; control characters are legal in JSON and stay themselves.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast, get_type_hints

import msgspec

from oomparse.errors import OomparseError
from oomparse.lazy import Packed, is_read, original
from oomparse.model import EVENT_SCHEMA, LAZY_FIELDS, Memcg, OomEvent, Victim
from oomparse.sections import TaskCells, TaskRow, TaskTable

BRIEF_MEMCG_OMITS = ("stats", "hierarchy")

Field: TypeAlias = tuple[str, Any, Any]


class DecodeError(OomparseError, ValueError):
    """A line that is no event of this schema; the text says what is wrong with it."""


def _record(cls: type, *, omit: Iterable[str] = (), replace: Mapping[str, Any] | None = None) -> type[msgspec.Struct]:
    """Return a msgspec record with the fields of a dataclass, some left out and some given another type."""
    hints: dict[str, Any] = {**get_type_hints(cls), **(replace or {})}
    left_out = set(omit)
    fields: list[Field] = []
    for field in dataclasses.fields(cls):
        if field.name in left_out:
            continue
        default: Any = msgspec.NODEFAULT
        if field.default is not dataclasses.MISSING:
            default = field.default
        elif field.default_factory is not dataclasses.MISSING:
            default = msgspec.field(default_factory=field.default_factory)
        fields.append((field.name, hints[field.name], default))
        if field.name == "victims":
            fields.append(("victim", Victim | None, None))
    return msgspec.defstruct(cls.__name__, fields, kw_only=True, frozen=True, gc=False, module=__name__)


_REPLACED: dict[str, Any] = {"schema": Literal[EVENT_SCHEMA], "tasks": tuple[TaskRow, ...] | None}

EventRecord = _record(OomEvent, replace=_REPLACED)
"""The shape of one line, from which `oomparse.export.schema` makes the JSON Schema."""

_BriefMemcg = _record(Memcg, omit=BRIEF_MEMCG_OMITS)
BriefRecord = _record(OomEvent, omit=LAZY_FIELDS, replace={**_REPLACED, "memcg": _BriefMemcg | None})


def _plain(value: object) -> object:
    """Tell msgspec what it does not know: mappings that are no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"cannot write {type(value).__name__} as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


@functools.cache
def _decoder() -> "msgspec.json.Decoder[Any]":
    """Return the reader of whole events; it looks at every type, which those who only write need not wait for."""
    return msgspec.json.Decoder(EventRecord)


def encode(event: OomEvent, *, brief: bool = False) -> bytes:
    """Return the event as one line of JSON without a line end; ``brief`` leaves out the sections, unparsed."""
    loader = event.loader
    if isinstance(loader, Encoded) and loader.brief == brief:
        return loader.line(encode_record(event.issues), encode_record(event.source))
    return encode_record(_to_record(event, brief=brief))


def encode_record(record: object) -> bytes:
    """Return any dataclass of ours as one line of JSON, by the same rules."""
    try:
        return _encoder.encode(record)
    except UnicodeEncodeError:
        return _encoder.encode(_builtins(record))


def _builtins(record: object) -> object:
    """Return a record as dicts, lists and strings without surrogates; what is JSON already stays so."""
    if not isinstance(record, (EventRecord, BriefRecord)):
        return _without_surrogates(msgspec.to_builtins(record, enc_hook=_plain))
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    return {name: value if isinstance(value, msgspec.Raw) else _builtins(value) for name, value in values.items()}


class Encoded:
    """An event as JSON, in place of what it would be parsed from, without its issues and its source.

    Their line numbers may be known only where all parts of a log are put together.
    """

    __slots__ = ("_event", "_parts", "brief")

    def __init__(self, parts: Sequence[bytes], *, brief: bool) -> None:
        self._parts = tuple(parts)
        self.brief = brief
        self._event: OomEvent | None = None

    def __reduce__(self) -> tuple[Callable[..., "Encoded"], tuple[Any, ...]]:
        """Leave out what was decoded."""
        return functools.partial(Encoded, brief=self.brief), (self._parts,)

    def line(self, issues: bytes, source: bytes) -> bytes:
        """Return the whole line."""
        before, between, after = self._parts
        return b"".join((before, issues, between, source, after))

    def load(self, name: str) -> Any:
        """Return a field, as `decode` would."""
        if self._event is None:
            self._event = decode(self.line(b"[]", b"{}"))
        return getattr(self._event, name)

    def lines(self) -> tuple[str, ...]:
        """Return nothing: the texts stay where the JSON was made."""
        return ()


def pack(event: OomEvent, *, brief: bool = False) -> Packed:
    """Return an event on its way to the process that writes it as JSON: it is JSON already."""
    record = msgspec.structs.replace(_to_record(event, brief=brief), issues=_PLACE, source=_PLACE)
    parts = encode_record(record).split(_MARK)
    values = {name: getattr(event, name) for name in _SENT}
    return Packed(OomEvent, values, Encoded(parts, brief=brief))


_SENT = ("scope", "time", "source", "issues")
"""What those want to know who put the parts of a log together, or choose among its events."""

_MARK = b"\0"
"""No byte of JSON, whose strings escape it."""
_PLACE = msgspec.Raw(_MARK)


def to_builtins(event: OomEvent, *, brief: bool = False) -> dict[str, Any]:
    """Return what `encode` writes as dicts, lists and strings."""
    return cast("dict[str, Any]", msgspec.json.decode(encode(event, brief=brief)))


def to_tree(event: OomEvent, *, brief: bool = False) -> dict[str, Any]:
    """Return the same tree with its times still datetimes, for forms that have a type for them."""
    record = _to_record(event, brief=brief, tree=True)
    tree = msgspec.to_builtins(record, enc_hook=_plain, builtin_types=(datetime,))
    return cast("dict[str, Any]", _without_surrogates(tree))


def decode(line: bytes | str) -> OomEvent:
    """Read one line that `encode` wrote; keys that this version does not know are passed over.

    Raises `DecodeError` for anything else.
    """
    try:
        record = _decoder().decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DecodeError(f"not an {EVENT_SCHEMA} record: {error}") from None
    values = {name: getattr(record, name) for name in _FULL_NAMES}
    if values["tasks"] is not None:
        values["tasks"] = TaskTable.of(values["tasks"])
    return OomEvent(**values)


def _to_record(event: OomEvent, *, brief: bool, tree: bool = False) -> msgspec.Struct:
    event = original(event)
    if brief:
        values = {name: getattr(event, name) for name in _BRIEF_NAMES}
        if event.memcg is not None:
            values["memcg"] = _BriefMemcg(**{name: getattr(event.memcg, name) for name in _BRIEF_MEMCG_NAMES})
        return BriefRecord(**values, victim=event.victim)
    if event.memcg is not None:
        event.memcg.materialize()
    tasks = None if tree else _tasks(event)
    if tasks is None:
        return EventRecord(**{name: getattr(event, name) for name in _FULL_NAMES}, victim=event.victim)
    values = {name: getattr(event, name) for name in _FULL_NAMES if name != "tasks"}
    return EventRecord(**values, tasks=tasks, victim=event.victim)


def _tasks(event: OomEvent) -> msgspec.Raw | None:
    """Return the task dump as JSON, made of its texts where nobody has asked for the rows yet; else None.

    A row of the dump has a dozen numbers that only pass through, and a report has rows by the hundred.
    """
    loader: Any = event.loader
    if is_read(event, "tasks") or not hasattr(loader, "task_cells"):
        return None
    cells: TaskCells | None = loader.task_cells()
    if cells is None:
        return None
    row = _row_template(cells.fields)
    if row is None:
        return None
    names = "".join([texts[-1] for texts in cells.rows])
    if '"' in names or "\\" in names:
        return None  # they have to be escaped
    return msgspec.Raw(f"[{','.join([row % texts for texts in cells.rows])}]")


@functools.lru_cache(maxsize=64)
def _row_template(fields: tuple[str, ...]) -> str | None:
    """Return a row of the task dump as JSON, with a place for each text; None where they stand in another order."""
    whole = {field.name: "null" for field in dataclasses.fields(TaskRow)} | dict.fromkeys(fields, "%s")
    if fields != tuple(name for name, value in whole.items() if value == "%s"):
        return None
    whole["comm"] = '"%s"'
    return "{" + ",".join(f'"{name}":{value}' for name, value in whole.items()) + "}"


_FULL_NAMES = tuple(name for name in EventRecord.__struct_fields__ if name != "victim")
_BRIEF_NAMES = tuple(name for name in BriefRecord.__struct_fields__ if name != "victim")
_BRIEF_MEMCG_NAMES = _BriefMemcg.__struct_fields__


def _without_surrogates(value: object) -> object:
    match value:
        case str():
            return value if value.isascii() else _escaped(value)
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case _:
            return value


def _escaped(text: str) -> str:
    return _SURROGATE.sub(_as_bytes, text)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _as_bytes(match: re.Match[str]) -> str:
    """Write a surrogate escape as the byte that it stands for; a lone surrogate of other origin as its three."""
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogatepass"))
