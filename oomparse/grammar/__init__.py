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


@functools.cache
def formats() -> tuple[LineFormat, ...]:
    """Return every format, in the order in which they are tried: exact ones before tolerant ones."""
    found = [line_format for name in _MODULES for line_format in import_module(f"oomparse.grammar.{name}").FORMATS]
    return tuple(sorted(found, key=lambda line_format: line_format.tolerant))


def __getattr__(name: str) -> tuple[LineFormat, ...]:
    if name == "FORMATS":
        return formats()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
