"""What a line of an OOM report is: `LineFormat`, and the base of the typed lines that formats build.

One `LineFormat` stands for one line that a kernel prints.  Its pyparsing expression is the grammar that people read;
`oomparse.grammar.lower` compiles the same expression to one regular expression for the hot path.  The samples are its
tests, its documentation and the captions of its railroad diagram.

pyparsing is slow to import, so no module of a format imports it: an expression is a function that is only called when
somebody asks, and `oomparse.grammar.tokens` is the one place that knows pyparsing.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from oomparse.record import maker, record

if TYPE_CHECKING:
    import pyparsing as pp

    from oomparse.grammar.arrangements import PrintedBy


class Section(StrEnum):
    """The parts of a report, in the order in which kernels print them."""

    NOTICE = "notice"
    """Lines around reports that belong to none (rate limits, suspend markers); they open no event."""
    SYSRQ = "sysrq"
    HEADER = "header"
    CPUSET = "cpuset"
    CPU = "cpu"
    STACK = "stack"
    MEMCG = "memcg"
    MEMINFO = "meminfo"
    SLABS = "slabs"
    TASKS = "tasks"
    VERDICT = "verdict"
    REAPER = "reaper"

    __hash__ = str.__hash__  # Enum's own is a function in Python, called for every line


@record(frozen=True, slots=True, kw_only=True)
class TypedLine:
    """Base of what formats build.  ``damaged``: cut or garbled; ``unknown``: keys that this version does not know."""

    damaged: bool = False
    unknown: tuple[str, ...] = ()

    in_parts = False
    """Whether some kernels print the line in parts, so that it may go on in the next record."""

    def kernels(self) -> "tuple[PrintedBy, ...]":
        """Return which kernels print such a line, where its format alone does not say it."""
        return ()


Groups = Mapping[str, "str | None"]


@record(frozen=True, slots=True, kw_only=True)
class LineFormat:
    """One line that a kernel prints.

    ``trigger`` is a literal that must stand in the text (at its start, if ``starts``); it decides which formats are
    tried.  ``expression`` gives the whole line (it is matched to the end of the text); its results names are what
    ``build`` gets.  ``since`` and ``until`` are the first and last kernel release seen to print it (``until=None``:
    still); ``distros`` names distributions that print it on an older base (``el8``), and with ``mainline=False`` they
    are the only ones.  ``tolerant`` formats are tried last, and their lines count as damaged or new.
    """

    name: str
    section: Section
    trigger: str
    expression: "Callable[[], pp.ParserElement]"
    build: Callable[[Groups], TypedLine]
    since: str
    until: str | None = None
    printed_by: str
    printf: str
    samples: tuple[str, ...]
    starts: bool = False
    tolerant: bool = False
    distros: tuple[str, ...] = ()
    mainline: bool = True


T = TypeVar("T", bound=TypedLine)

WORTH_COMPILING = 16
"""A format whose lines come so often is filled by code of its own."""


def builds(line_type: type[T], **constants: Any) -> Callable[[Groups], T]:
    """Return a ``build`` that fills the fields of ``line_type`` from the results names, by their declared types.

    ``int`` fields take decimal or ``0x`` numbers; an absent group leaves the field's default.
    """
    numbers: frozenset[str] | None = None
    quick: Callable[[Groups], T] | None = None
    calls = size = 0

    def build(groups: Groups) -> T:
        nonlocal calls, quick, size
        if quick is None:
            calls += 1
            if calls < WORTH_COMPILING or numbers is None:
                return slow(groups)
            quick, size = _call_with(line_type, constants, groups, numbers), len(groups)
        if len(groups) != size or None in groups.values():
            return slow(groups)
        try:
            return quick(groups)
        except (KeyError, ValueError):  # other names (strict mode gives those that were found), or 0x
            return slow(groups)

    def slow(groups: Groups) -> T:
        nonlocal numbers
        if numbers is None:
            numbers = _numbers(line_type)
        values: dict[str, Any] = {
            name: text if name not in numbers else int(text, 16) if "x" in text else int(text)
            for name, text in groups.items()
            if text is not None
        }
        return line_type(**constants, **values)

    return build


def _call_with(
    line_type: type[T], constants: Mapping[str, Any], names: Iterable[str], numbers: Container[str]
) -> Callable[[Groups], T]:
    """Write and compile the call that fills a line from texts of these names, all decimal or text, in half the time."""
    arguments = [f"{name}=int(groups[{name!r}])" if name in numbers else f"{name}=groups[{name!r}]" for name in names]
    source = f"lambda groups: line_type({', '.join([*arguments, '**constants'])})"
    call: Callable[[Groups], T] = eval(source, {"line_type": maker(line_type), "constants": constants})  # noqa: S307  # names of fields
    return call


def _numbers(line_type: type[TypedLine]) -> frozenset[str]:
    hints = get_type_hints(line_type)
    return frozenset(field.name for field in fields(line_type) if hints[field.name] in (int, int | None))
