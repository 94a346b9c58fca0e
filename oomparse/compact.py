"""Frozen dataclasses that go between processes by the thousand: pickled as their values, built by their constructor.

What `dataclasses` does by itself sorts out the fields of the class, and sets them one by one, at every instance.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class Compact:
    """Base of such dataclasses."""

    __slots__ = ()

    __dataclass_fields__: ClassVar[Mapping[str, Any]]

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Say how to build the same again."""
        return _rebuilt, (type(self), *[getattr(self, name) for name in self.__dataclass_fields__])


def _rebuilt(cls: type[Compact], *values: object) -> Compact:
    return cls(**dict(zip(cls.__dataclass_fields__, values, strict=True)))
