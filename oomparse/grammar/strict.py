"""Why a line was refused, in strict mode and in ``oomparse trace``: pyparsing itself, with column and caret.

Turns a text that no format takes exactly into a `LineSyntaxError` that names the format that came furthest.
"""

from oomparse.errors import LineSyntaxError
from oomparse.grammar import formats
from oomparse.grammar.format import LineFormat
from oomparse.message import Message


def candidates(text: str) -> tuple[LineFormat, ...]:
    """Return the exact formats whose trigger stands in the text."""
    return tuple(
        line_format
        for line_format in formats()
        if not line_format.tolerant
        and (text.startswith(line_format.trigger) if line_format.starts else line_format.trigger in text)
    )


def furthest(text: str) -> tuple[LineFormat | None, int, str]:
    """Return the format that read most of the text, the column (1-based) where it stopped, and why."""
    import pyparsing as pp

    best: tuple[LineFormat | None, int, str] = (None, 1, "no line of an OOM report begins like this")
    for line_format in candidates(text):
        try:
            line_format.expression().parse_with_tabs().parse_string(text, parse_all=True)
        except pp.ParseBaseException as error:
            if best[0] is None or error.loc + 1 > best[1]:
                best = (line_format, error.loc + 1, error.msg)
    return best


def refusal(text: str, message: Message) -> LineSyntaxError:
    """Return the error that strict mode raises for a line."""
    line_format, column, why = furthest(text)
    said = why if line_format is None else f"{line_format.name}: {why}"
    return LineSyntaxError(said, line=text, column=column, lineno=message.line_start, path=message.path)
