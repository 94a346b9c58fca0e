"""Frozen dataclasses that go between processes by the thousand: pickled as their values, built by their constructor.

What `dataclasses` does by itself asks for the fields of the class, and sets them one by one, at every instance.
"""

import functools
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any


class Compact:
    """Base of such dataclasses; they have two fields or more."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Say how to build the same again."""
        cls = type(self)
        return _rebuilt, (cls, *_values(cls)(self))


def _rebuilt(cls: type[Any], *values: object) -> object:
    return cls(**dict(zip(_names(cls), values, strict=True)))


@functools.cache
def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


@functools.cache
def _values(cls: type[Any]) -> Callable[[object], tuple[object, ...]]:
    return attrgetter(*_names(cls))
