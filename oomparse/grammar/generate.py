"""Write ``_lowered.py``: every format's expression, lowered to one regular expression ahead of time.

``python -m oomparse.grammar.generate`` (``make grammar``).  pyparsing is what people read and what strict mode runs;
the hot path needs only the patterns, and does not pay for importing pyparsing.  A test holds the file fresh.
"""

from pathlib import Path

from oomparse.grammar import formats
from oomparse.grammar.lower import compile as compile_expression

TARGET = Path(__file__).with_name("_lowered.py")

HEAD = '''"""The formats' expressions as regular expressions.  Written by `oomparse.grammar.generate`; do not edit."""

PATTERNS: dict[str, str] = {
'''


def generated() -> str:
    """Return the text that ``_lowered.py`` should hold."""
    lines = [HEAD]
    for line_format in formats():
        lowered = compile_expression(line_format.expression())
        if not lowered.direct:
            raise ValueError(f"{line_format.name}: use each results name once, and on regular expressions only")
        lines.append(f"    {line_format.name!r}: {lowered.regex.pattern!r},\n")
    lines.append("}\n")
    return "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(generated(), encoding="utf-8")
