"""The terminals that line formats are composed of; the one place under the formats that knows pyparsing.

Every terminal is a `pyparsing.Regex` or `Literal` that leaves white space alone: in kernel text a space is a fact.  A
name that the kernel prints raw (a comm, a cgroup path) has no end of its own; it takes all that it can while what must
follow still follows (`until`), so that it is read from the right end and cannot be forged.
"""

import functools
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyparsing as pp

    Element = pp.ParserElement

CONTINUATION_MARK = "\u21aa"
"""Typesetters put an arrow before the rest of a line."""
INDENT = f" \t\u00a0{CONTINUATION_MARK}"
"""What may stand before a line that somebody has indented."""
NUMBER = r"-?\d{1,20}"
REST = r"(?>(?:\s*\S+)*)"
MAX_BLANKS = 40
"""Blanks that may stand where a line was wrapped; trying any number at every place would take quadratic time."""
BLANKS = rf"\s{{1,{MAX_BLANKS}}}"
COMM_BYTES = 15
"""TASK_COMM_LEN less its NUL, in every kernel."""


@functools.cache
def _pyparsing() -> ModuleType:
    import pyparsing

    return pyparsing


def lit(text: str) -> "Element":
    """Text that stands there as it is."""
    return _pyparsing().Literal(text).leave_whitespace()  # type: ignore[no-any-return]  # the module is loaded late


def rx(pattern: str) -> "Element":
    """A regular expression; ``.`` matches newlines too, since names may hold them."""
    return _pyparsing().Regex(f"(?s:{pattern})").leave_whitespace()  # type: ignore[no-any-return]  # loaded late


def number(name: str) -> "Element":
    """A decimal number, perhaps negative."""
    return rx(NUMBER)(name)


def kb(name: str, unit: str = "kB") -> "Element":
    """A number of kB and its unit."""
    return number(name) + lit(unit)


def until(follows: str, name: str) -> "Element":
    """A raw name: as much as there is while ``follows`` (a regular expression) still follows."""
    return rx(rf".*(?={follows})")(name)


def comm(follows: str, name: str = "comm") -> "Element":
    """A process's name: at most 15 bytes of anything, as many as there are while ``follows`` still follows."""
    return rx(rf".{{0,{COMM_BYTES}}}(?={follows})")(name)


def path(follows: str, name: str) -> "Element":
    """A cgroup's path: raw too, but the kernel refuses newlines in it."""
    return rx(rf"[^\n]*(?={follows})")(name)


def rest(name: str) -> "Element":
    """Everything to the end of the text, the trailing blanks left out."""
    return rx(REST)(name)


def rest_of_line(name: str) -> "Element":
    """Everything to the end of the line, the trailing blanks left out."""
    return rx(r"(?>(?:[^\S\n]*\S+)*)")(name)


def optional(expression: "Element") -> "Element":
    """What need not be there."""
    return _pyparsing().Opt(expression).leave_whitespace()  # type: ignore[no-any-return]  # loaded late


def spaces(least: int = 0) -> "Element":
    """Blanks, at least so many."""
    return rx(f"[ \\t]{{{least},}}")


CPU_LIST = r"\(null\)|\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*|"
"""What ``%*pbl`` prints: a list of ranges, nothing for an empty mask, ``(null)`` for none."""


def nodes(name: str) -> "Element":
    """A list of nodes or processors."""
    return rx(CPU_LIST)(name)


def is_elided(text: str) -> bool:
    """Tell whether somebody has left out the middle of a text, as ``journalctl --no-full`` does."""
    return "\u2026" in text or "..." in text


MESSAGE = r"(?:Out of [Mm]emory|Memory cgroup out of memory|No available memory)[^:\n]*"


def message(name: str = "message") -> "Element":
    """The words before the kill: ``Out of memory``, ``Memory cgroup out of memory``, ``No available memory …``."""
    return rx(MESSAGE)(name)
