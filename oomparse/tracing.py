"""Every line of a log with the format that took it, or why none did: ``oomparse trace``.

Turns a log into `TraceLine`s.  It asks the grammar alone, line by line; which report a line belongs to is not its
business.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from oomparse.grammar.record import Piece, is_exact, pieces
from oomparse.grammar.strict import furthest
from oomparse.message import Message
from oomparse.options import Options
from oomparse.sources.files import expand
from oomparse.transports import DecodeContext, decode


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One kernel line.

    ``format`` is the name of the format that took it (``exact`` False: a tolerant one, or the line is damaged);
    ``column`` (1-based) and ``why`` say where the format that came furthest stopped, and are None where all is well or
    where no format begins like this.
    """

    message: Message
    text: str
    format: str | None = None
    exact: bool = False
    column: int | None = None
    why: str | None = None
    tried: str | None = None


def trace(
    path: str | os.PathLike[str], *, transport: str | None = None, year: int | None = None, tz: str | None = None
) -> Iterator[TraceLine]:
    """Yield every line of a log file.  Raises `SourceError` where it cannot be read."""
    options = Options(transport=transport, year=year, tz=tz)
    for series in expand((path,)):
        context = DecodeContext(times=options.times(series.mtime), path=series.name)
        for content in series.contents():
            for message in decode(content.lines(), transport=transport, context=context):
                for piece in pieces(message.text):
                    yield _traced(message, piece)


def _traced(message: Message, piece: Piece) -> TraceLine:
    text, parsed = piece
    if is_exact(parsed) and parsed is not None:
        return TraceLine(message=message, text=text, format=parsed.format.name, exact=True)
    tried, column, why = furthest(text)
    return TraceLine(
        message=message,
        text=text,
        format=parsed.format.name if parsed is not None else None,
        column=column if tried is not None else None,
        why=why if tried is not None else None,
        tried=tried.name if tried is not None else None,
    )
