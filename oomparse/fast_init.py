"""Frozen dataclasses that are filled as fast as open ones.

The ``__init__`` that `dataclasses` writes for a frozen class goes through ``object.__setattr__`` for every field: two
microseconds for sixteen of them, and a report is a thousand such objects.  `fast_init` puts one in its place that lends
the new object the class of an open twin (the same slots, nothing frozen) while it stores, in a third of the time.  The
arguments and the result are the same.  It knows nothing of kernels or text.
"""

import functools
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")

_LEND = object.__dict__["__class__"].__set__


def fast_init(cls: type[T]) -> type[T]:
    """Give a frozen, slotted, keyword-only dataclass a faster ``__init__``, which is compiled when first called."""
    # Set by name: to a type checker, __init__ is what the dataclass decorator says.
    own = cls.__init__

    @functools.wraps(own)
    def first(self: T, **values: Any) -> None:
        setattr(cls, "__init__", _compiled(cls, own))  # noqa: B010 - as above
        cls.__init__(self, **values)

    setattr(cls, "__init__", first)  # noqa: B010 - as above
    return cls


def _compiled(cls: type[Any], own: Any) -> Callable[..., None]:
    twin = type(f"Open{cls.__name__}", cls.__bases__, {"__slots__": cls.__slots__} | _OPEN)
    names: dict[str, Any] = {"_class": cls, "_lend": _LEND, "_own": own, "_twin": twin}
    defaults = own.__kwdefaults__ or {}  # a mark, where a factory makes them
    arguments, made = [], []
    for field in fields(cls):
        name = field.name
        arguments.append(name)
        if name in defaults:
            names[f"_{name}"] = defaults[name]
            arguments[-1] += f"=_{name}"
        if field.default_factory is not MISSING:
            names[f"_make_{name}"] = field.default_factory
            made.append(f" if {name} is _{name}: {name} = _make_{name}()")
    stored = [field.name for field in fields(cls)]
    source = (
        f"def __init__(self, *, {', '.join(arguments)}):",
        *made,
        " if self.__class__ is not _class:",  # a subclass has a layout of its own
        f"  return _own(self, {', '.join(f'{name}={name}' for name in stored)})",
        " _lend(self, _twin)",
        *(f" self.{name} = {name}" for name in stored),
        " _lend(self, _class)",
    )
    exec("\n".join(source), names)  # noqa: S102 - made of the names of fields, as dataclasses does
    compiled: Callable[..., None] = functools.wraps(own)(names["__init__"])
    return compiled


_OPEN = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
