"""A format run backwards: the values of a line in, the text that the kernel prints out.

Turns the results names of a `LineFormat` and their values into a text that the format reads as the same line.  Where
the format's ``printf`` has one conversion for each name, it is filled in, with the kernel's own widths.  Otherwise the
names stand in the order of the expression, and between two names stands what stands between them in a sample; so an
option is there if its names have values, and a line that states nothing is its first sample.

It refuses a tolerant format, which no kernel prints, and names that no sample shows side by side.
"""

import functools
import re
from collections.abc import Iterable, Mapping

from oomparse.grammar.dispatch import compiled
from oomparse.grammar.format import LineFormat
from oomparse.pattern import pattern

_CONVERSION = pattern(r"%(?P<flags>[#-]*)(?P<width>\d*)(?:\.\d+)?(?:\*pb|[hlp]*)(?P<kind>[dixusGl])")
_EDGE = ""
"""Stands for the ends of the line, where the names of its neighbours stand."""


def unparse(line_format: LineFormat, values: Mapping[str, str | int | None]) -> str:
    """Return the text of a line; ``values`` are those of its results names, ``None`` for what is not there.

    Raises `ValueError` where the format is tolerant, or no sample shows how to say this.

    >>> from oomparse.grammar import formats
    >>> failed = next(line_format for line_format in formats() if line_format.name == "reaper_failed")
    >>> unparse(failed, {"pid": 812, "comm": "hog"})
    'oom_reaper: unable to reap pid:812 (hog)'
    """
    if line_format.tolerant:
        raise ValueError(f"{line_format.name}: no kernel prints this, it is what may be left of a line")
    names = tuple(compiled(line_format).groupindex)
    given = {name: str(value) for name in names if (value := values.get(name)) is not None}
    if given and len(given) == len(names) and _printf_is_exact(line_format):
        return _filled(line_format.printf, given.values())
    gaps = _gaps(line_format)
    text, before = "", _EDGE
    for name in (*given, _EDGE):
        gap = gaps.get((before, name))
        if gap is None:
            raise ValueError(f"{line_format.name}: no sample has {name or 'the end'!r} right behind {before!r}")
        text += gap + given.get(name, "")
        before = name
    return text


@functools.cache
def _gaps(line_format: LineFormat) -> Mapping[tuple[str, str], str]:
    """Return what stands between two results names, in the first sample that has them side by side."""
    found: dict[tuple[str, str], str] = {}
    pattern = compiled(line_format)
    for sample in line_format.samples:
        match = pattern.match(sample)
        if match is None:
            continue
        before, at = _EDGE, 0
        for name in pattern.groupindex:
            if match[name] is not None:
                found.setdefault((before, name), sample[at : match.start(name)])
                before, at = name, match.end(name)
        found.setdefault((before, _EDGE), sample[at:])
    return found


@functools.cache
def _printf_is_exact(line_format: LineFormat) -> bool:
    """Tell whether the format string, filled in with a sample's values, is read as that sample is."""
    pattern = compiled(line_format)
    if len(_CONVERSION.findall(line_format.printf)) != pattern.groups:
        return False
    samples = [found.groups() for sample in line_format.samples if (found := pattern.match(sample)) is not None]
    full = [values for values in samples if None not in values]
    again = [pattern.match(_filled(line_format.printf, values)) for values in full]
    return bool(full) and [found and found.groups() for found in again] == full


def _filled(printf: str, values: Iterable[str]) -> str:
    rest = iter(values)

    def fill(conversion: re.Match[str]) -> str:
        text, width = next(rest), int(conversion["width"] or 0)
        if conversion["kind"] == "x" and "#" not in conversion["flags"]:
            text = text.removeprefix("0x")
        return text.ljust(width) if "-" in conversion["flags"] else text.rjust(width)

    return _CONVERSION.sub(fill, printf)
