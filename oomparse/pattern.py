"""Regular expressions that are compiled when they are first used.

A hundred patterns take longer to compile than a short log takes to read, and of most logs half of them are never asked.
Not for a pattern that is compared with ``match.re``: its matches know the compiled one alone.
"""

import re
from typing import Any, AnyStr, cast


class _Later:
    """Stands for a pattern until one of its methods is asked for."""

    __slots__ = ("_flags", "_text", "findall", "finditer", "fullmatch", "match", "search", "split", "sub")

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled: re.Pattern[Any] = re.compile(self._text, self._flags)
        for method in _Later.__slots__[2:]:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Do as `re.compile`, later."""
    return cast("re.Pattern[AnyStr]", _Later(text, flags))
