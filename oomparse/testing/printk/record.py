"""One record that a kernel prints, with the typed line that it stands for."""

from collections.abc import Iterator
from typing import NamedTuple

from oomparse.grammar.dispatch import compiled
from oomparse.grammar.format import LineFormat, Section, TypedLine
from oomparse.grammar.tokens import COMM_BYTES
from oomparse.grammar.unparse import unparse
from oomparse.testing.printk.kernel import Kernel


class Said(NamedTuple):
    """One kernel line: its text, what it says, and the format that says it so."""

    text: str
    line: TypedLine
    line_format: LineFormat | None = None


class Record(NamedTuple):
    """A record's text and the lines in it: usually one, none in an empty record, several in memory.stat's."""

    text: str
    section: Section
    lines: tuple[Said, ...] = ()


def say(line_format: LineFormat, **values: str | int | None) -> Record:
    """Return the record of a line; values that the format has no name for are left out."""
    names = compiled(line_format).groupindex
    groups = {name: None if (value := values.get(name)) is None else str(value) for name in names}
    return of(unparse(line_format, groups), line_format.section, line_format.build(groups), line_format)


def tell(kernel: Kernel, *names: str, **values: str | int | None) -> Iterator[Record]:
    """Yield the record of a line, named as in `Kernel.line`; nothing where the kernel does not print it."""
    line_format = kernel.line(*names)
    if line_format is not None:
        yield say(line_format, **values)


def of(text: str, section: Section, line: TypedLine, line_format: LineFormat | None = None) -> Record:
    """Return a record of one line."""
    return Record(text, section, (Said(text, line, line_format),))


def comm(name: str | None) -> str:
    """Return a name as the kernel keeps it: 15 bytes at most, none of them NUL."""
    raw = (name or "").encode("utf-8", "surrogateescape").partition(b"\0")[0]
    return raw[:COMM_BYTES].decode("utf-8", "surrogateescape")


def known(number: int | None) -> int:
    """Return a number that the line cannot do without; 0 where the event does not say it."""
    return 0 if number is None else number
