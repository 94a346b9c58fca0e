"""What can go wrong, as types: two exceptions for callers, one record for events.

Turns a failure into something a person can act on.  Bad *text* never raises in the default mode: it becomes an
`Issue` on the event that it touched.  Strict mode raises `LineSyntaxError`; a source that cannot be read raises
`SourceError`.  Nothing else leaves the library.
"""

from enum import StrEnum

from oomparse.record import record


class OomparseError(Exception):
    """The base of every exception that oomparse raises on purpose."""


class LineSyntaxError(OomparseError, ValueError):
    """A kernel line that no format takes, in strict mode.

    The attributes follow `json.JSONDecodeError`: ``msg``, ``line`` (the text), ``column`` (1-based), and ``lineno``
    (1-based line in the source, or ``None``).
    """

    def __init__(self, msg: str, *, line: str, column: int, lineno: int | None = None, path: str | None = None) -> None:
        super().__init__(msg)
        self.msg = msg
        self.line = line
        self.column = column
        self.lineno = lineno
        self.path = path

    def __str__(self) -> str:
        where = self.path or "<text>"
        if self.lineno is not None:
            where = f"{where}:{self.lineno}"
        shown = printable(self.line)
        caret = len(printable(self.line[: self.column - 1]))
        return f"{where}: column {self.column}: {self.msg}\n  {shown}\n  {' ' * caret}^"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_line_syntax_error, (self.msg, self.line, self.column, self.lineno, self.path))


def _rebuild_line_syntax_error(
    msg: str, line: str, column: int, lineno: int | None, path: str | None
) -> LineSyntaxError:
    return LineSyntaxError(msg, line=line, column=column, lineno=lineno, path=path)


class SourceError(OomparseError, OSError):
    """A file, device, journal or URL that cannot be read; ``path`` names it and the text says what to do."""

    def __init__(self, msg: str, *, path: str | None = None) -> None:
        super().__init__(msg)
        self.msg = msg
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.msg}" if self.path else self.msg

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_source_error, (self.msg, self.path))


def _rebuild_source_error(msg: str, path: str | None) -> SourceError:
    return SourceError(msg, path=path)


class IssueCode(StrEnum):
    """What an event lacks, or what had to be assumed to build it."""

    TRUNCATED_HEAD = "truncated_head"
    """The report's first line (``invoked oom-killer``) is missing."""
    TRUNCATED_TAIL = "truncated_tail"
    """The text ends, or another report begins, before this report says what was killed."""
    MISSING_KILL_LINE = "missing_kill_line"
    """No ``Killed process`` line: the victim is known from another line, or not at all."""
    UNKNOWN_LINE = "unknown_line"
    """A line inside the report that no format takes; ``detail`` holds it."""
    UNKNOWN_FIELD = "unknown_field"
    """A known line with a field that this version does not know; ``detail`` names it."""
    DAMAGED_LINE = "damaged_line"
    """A known line that is cut, garbled or wrapped; fields that could not be read are ``None``."""
    INTERLEAVED = "interleaved"
    """Two reports were printed at once; lines were told apart by caller id, name or order."""
    MESSAGES_LOST = "messages_lost"
    """The kernel or the log says that messages were dropped."""
    YEAR_ASSUMED = "year_assumed"
    """The stamp has no year; ``detail`` says which was assumed and from what."""
    ZONE_ASSUMED = "zone_assumed"
    """The stamp has no time zone; ``detail`` says which was assumed."""
    TIME_AMBIGUOUS = "time_ambiguous"
    """The local time happened twice (or never) in its zone."""
    SOURCE_TRUNCATED = "source_truncated"
    """An archive or journal ended before its own end mark."""
    LIMIT_REACHED = "limit_reached"
    """A named bound was reached (length of a line, lines of a report, open reports); ``detail`` names it."""
    NOT_FROM_KERNEL = "not_from_kernel"
    """A user process wrote these lines; kept only because the caller asked for them."""
    PROVENANCE_UNKNOWN = "provenance_unknown"
    """The transport cannot prove that the kernel wrote these lines."""
    CONFLICT = "conflict"
    """Two lines of the report state the same fact differently; ``detail`` says which was taken."""


@record(frozen=True, slots=True, kw_only=True)
class Issue:
    """One remark on an event: a code, what it is about, and the line of the source where it was seen."""

    code: IssueCode
    detail: str | None = None
    line: int | None = None


def printable(text: str) -> str:
    r"""Return ``text`` with everything that a terminal should not see written as ``\xNN``, as dmesg does.

    Surrogate escapes (bytes that were not UTF-8) and control characters are written byte by byte; printable Unicode
    stays.

    >>> printable("a\x1b[31m\udcff")
    'a\\x1b[31m\\xff'
    """
    if text.isprintable():
        return text
    parts: list[str] = []
    for char in text:
        if char.isprintable():
            parts.append(char)
        else:
            parts.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
    return "".join(parts)
