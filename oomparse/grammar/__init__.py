"""The grammar: every line that a kernel prints in an OOM report, as one table of `LineFormat`.

To add a kernel line, append a `LineFormat` with its samples to the module of its section (see CONTRIBUTING); nothing
else needs to know of it.  To add a module, name it in `_MODULES`.
"""

import functools
from importlib import import_module

from oomparse.grammar.format import LineFormat

_MODULES = (
    "header",
    "stack",
    "memcg",
    "meminfo",
    "slabs",
    "profile",
    "tasks",
    "verdict",
    "kill",
    "reaper",
    "others",
)


def formats_of(module: str) -> tuple[LineFormat, ...]:
    """Return the formats of one module."""
    found: tuple[LineFormat, ...] = import_module(f"oomparse.grammar.{module}").FORMATS
    return found


@functools.cache
def homes() -> tuple[tuple[LineFormat, str], ...]:
    """Return every format with its module, in the order in which they are tried: exact ones before tolerant ones."""
    found = [(line_format, module) for module in _MODULES for line_format in formats_of(module)]
    return tuple(sorted(found, key=lambda home: home[0].tolerant))


@functools.cache
def formats() -> tuple[LineFormat, ...]:
    """Return every format, in the order in which they are tried."""
    return tuple(line_format for line_format, _ in homes())


def __getattr__(name: str) -> tuple[LineFormat, ...]:
    if name == "FORMATS":
        return formats()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
