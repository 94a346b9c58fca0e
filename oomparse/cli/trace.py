"""``oomparse trace``: every line of a log with the format that took it, or where the nearest one stopped."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from oomparse.cli import options
from oomparse.cli.stdio import say, targets_or_stdin, wants_colour
from oomparse.errors import printable
from oomparse.render.sizes import count
from oomparse.render.text import Style, paint

if TYPE_CHECKING:
    from oomparse.tracing import TraceLine

_NUMBER_WIDTH = 6
_NAME_WIDTH = 22


@click.command()
@click.argument("file", required=False)
@click.option("--unknown", is_flag=True, help="Only the lines that no format takes as they stand.")
@options.colour_option
@options.stamp_options
def command(
    *, file: str | None, unknown: bool, colour: str, year: int | None, tz: str | None, transport: str | None
) -> int:
    """Show every line of FILE with the format that took it.

    Below a line that none took as it stands is the place where the format that came furthest stopped, and what it
    wanted there.  A ~ before a format's name means that it took the line although something in it is damaged or new.
    Exit status: 0 some line was taken, 1 none, 2 an error.
    """
    (name,) = targets_or_stdin((file,) if file is not None else ())
    coloured = wants_colour(colour)

    from oomparse.tracing import trace

    total = taken = exact = 0
    for line in trace(name, year=year, tz=tz, transport=transport):
        total += 1
        taken += line.format is not None
        exact += line.exact
        if not (unknown and line.exact):
            for row in _rows(line, coloured=coloured):
                click.echo(row, color=True)
    say(f"{name}: {count(total, 'line')}, {taken} taken by a format, {exact} of them as they stand")
    return 0 if taken else 1


def _rows(line: "TraceLine", *, coloured: bool) -> Iterator[str]:
    number = "" if line.message.line_start is None else str(line.message.line_start)
    name = f"{'' if line.exact else '~'}{line.format}" if line.format else "-"
    left = f"{number:>{_NUMBER_WIDTH}}  {name:<{_NAME_WIDTH}}  "
    style = Style.LABEL if line.exact else Style.WARNING
    yield f"{paint(left, style, colour=coloured)}{printable(line.text)}"
    if line.column is not None:
        caret = " " * (len(left) + len(printable(line.text[: line.column - 1])))
        yield paint(f"{caret}^ {line.tried}: {line.why}", Style.WARNING, colour=coloured)
