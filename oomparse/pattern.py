"""Regular expressions that are compiled when they are first used.

A hundred patterns take longer to compile than a short log takes to read, and of most logs half of them are never asked.
Not for a pattern that is compared with ``match.re``: its matches know the compiled one alone.
"""

import re
from typing import Any, AnyStr, cast


class _Attribute:
    """Compiles the pattern, and leaves its attributes where this is not asked any more."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, later: "_Later | None", owner: type) -> Any:
        if later is None:
            return self
        compiled: re.Pattern[Any] = re.compile(later.pattern, later.given_flags)
        for name, attribute in vars(_Later).items():
            if isinstance(attribute, _Attribute):
                later.__dict__[name] = getattr(compiled, name)
        return later.__dict__[self._name]


class _Later:
    """Stands for a pattern until one of these is asked for."""

    findall, finditer, fullmatch, match, search, split, sub = (_Attribute() for _ in range(7))
    flags, groupindex, groups = (_Attribute() for _ in range(3))

    def __init__(self, text: str | bytes, flags: int) -> None:
        self.pattern = text
        self.given_flags = flags


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Do as `re.compile`, later."""
    return cast("re.Pattern[AnyStr]", _Later(text, flags))
