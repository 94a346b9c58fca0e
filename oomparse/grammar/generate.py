"""Write ``_lowered.py``: every format's trigger and home, and its expression lowered to one regular expression.

``python -m oomparse.grammar.generate`` (``make grammar``).  pyparsing is what people read and what strict mode runs;
the hot path needs only the patterns, and imports neither pyparsing nor the modules of formats that no line of the log
has.  A test holds the file fresh.
"""

from pathlib import Path

from oomparse.grammar import homes
from oomparse.grammar.lower import compile as compile_expression

TARGET = Path(__file__).with_name("_lowered.py")

HEAD = '''"""The formats' expressions as regular expressions.  Written by `oomparse.grammar.generate`; do not edit."""

PATTERNS: dict[str, str] = {
'''
TABLE = """
TABLE: tuple[tuple[str, str, str, bool, bool], ...] = (
    # name, module, trigger, starts, tolerant
"""


def generated() -> str:
    """Return the text that ``_lowered.py`` should hold."""
    lines = [HEAD]
    rows = []
    for line_format, module in homes():
        lowered = compile_expression(line_format.expression())
        if not lowered.direct:
            raise ValueError(f"{line_format.name}: use each results name once, and on regular expressions only")
        lines.append(f"    {line_format.name!r}: {lowered.regex.pattern!r},\n")
        row = (line_format.name, module, line_format.trigger, line_format.starts, line_format.tolerant)
        rows.append(f"    {row!r},\n")
    lines += ["}\n", TABLE, *rows, ")\n"]
    return "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(generated(), encoding="utf-8")
