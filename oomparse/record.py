"""Frozen dataclasses that are quick to define and quick to fill.

`record` is `dataclasses.dataclass` for frozen, slotted, keyword-only classes, with the same arguments and the same
behaviour.  What `dataclasses` writes and compiles for each class as it is defined (``__init__``, ``__repr__``,
``__eq__``, ``__hash__``, ``__setattr__``, ``__delattr__``) took half the time until the first line was read; here all
but the first are shared, and ``__init__`` is compiled when it is first asked for.  And where a frozen dataclass stores
each field through ``object.__setattr__``, this ``__init__`` lends the new object the class of an open twin (the same
slots, nothing frozen) while it stores: in a third of the time, of a report that is a thousand such objects.  `maker`
halves that again, where the class need not be called.

It knows nothing of kernels or text.  It refuses what the project does not need: ``__post_init__``, ``init=False``.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields, is_dataclass
from functools import cache, partial
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

__all__ = ["maker", "record", "replaced"]

P = ParamSpec("P")
T = TypeVar("T")

if TYPE_CHECKING:
    # To a type checker they are the same.
    from dataclasses import dataclass as record

    def maker(cls: Callable[P, T]) -> Callable[P, T]:
        """Do as `_maker`."""

else:

    def record(*, frozen: bool, slots: bool, kw_only: bool) -> Callable[[type[T]], type[T]]:
        """Make a class a dataclass; the arguments are those that the type checker reads."""
        if not frozen:
            raise TypeError("a record is frozen: take dataclasses.dataclass for what is not")
        # What makes it frozen is shared, too; so it is called frozen only when it has been made, and so are its bases.
        make = dataclass(frozen=False, slots=slots, kw_only=kw_only, init=False, repr=False, eq=False)

        def decorate(cls: type[T]) -> type[T]:
            bases = [base.__dataclass_params__ for base in cls.__mro__[1:] if is_dataclass(base)]
            if not all(params.frozen for params in bases):
                raise TypeError("cannot inherit frozen dataclass from a non-frozen one")
            for params in bases:
                params.frozen = False
            try:
                made = make(cls)
            finally:
                for params in bases:
                    params.frozen = True
            made.__dataclass_params__.frozen = True
            for name, method in _SHARED.items():
                if name not in made.__dict__:
                    setattr(made, name, method)
            made.__init__ = _Init(made)
            return made

        return decorate


WORTH_COMPILING = 8
"""A class of which so many objects are made has an ``__init__`` of its own, which takes 0.2 ms to compile."""


class _Init:
    """Stands for an ``__init__`` until somebody asks for it, or until it is worth compiling."""

    __slots__ = ("_cls", "_defaults", "_made")

    def __init__(self, cls: type[Any]) -> None:
        self._cls = cls
        self._made = 0
        self._defaults: dict[str, Any] = {}
        """Of each field the default, the factory of one, or `MISSING`."""

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        self._made += 1
        if instance is not None and self._made < WORTH_COMPILING:
            return partial(self._fill, instance)
        compiled = _compiled(self._cls)
        self._cls.__init__ = compiled
        return compiled.__get__(instance, owner)

    def _fill(self, instance: object, *unnamed: object, **values: object) -> None:
        defaults = self._defaults
        if not defaults:
            for field in fields(self._cls):
                factory = field.default_factory
                defaults[field.name] = field.default if factory is MISSING else _ByFactory(factory)
        if unnamed or not values.keys() <= defaults.keys():
            _compiled(self._cls)(instance, *unnamed, **values)  # says what is wrong
        for name, default in defaults.items():
            value = values.get(name, default)
            if value is MISSING:
                _compiled(self._cls)(instance, **values)  # says what is missing
            object.__setattr__(instance, name, value.make() if isinstance(value, _ByFactory) else value)


class _ByFactory(NamedTuple):
    make: Callable[[], object]


class _Factory:
    """The default of a field whose values are made by a factory."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE = _Factory()
_LEND = object.__dict__["__class__"].__set__
_OPEN = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}


def _maker(cls: Any) -> Any:
    """Return a function that makes what calling a record class makes, of the same arguments, in half the time.

    ``type.__call__`` packs named arguments into a dictionary, which ``__init__`` unpacks; a function gets them as they
    are.  For classes of which a log makes many.

    >>> @record(frozen=True, slots=True, kw_only=True)
    ... class Size:
    ...     kb: int
    >>> maker(Size)(kb=4)
    Size(kb=4)
    """
    return _written(cls, "make", "*, ", _made_and_stored)


if not TYPE_CHECKING:
    maker = cache(_maker)


@cache
def _restorer(cls: Any) -> Callable[..., Any]:
    """Return a function that makes an object of the values of all its fields, in their order."""
    restore: Callable[..., Any] = _written(cls, "restore", None, _made_and_stored)
    return restore


def replaced(made: T, **changes: object) -> T:
    """Do as `dataclasses.replace` with a record, in a fifth of the time.

    >>> @record(frozen=True, slots=True, kw_only=True)
    ... class Size:
    ...     kb: int
    ...     pages: int = 0
    >>> replaced(Size(kb=4), pages=1)
    Size(kb=4, pages=1)
    """
    cls: Any = type(made)
    values = dict(zip(_names_of(cls), _every_value_of(cls)(made), strict=True)) | changes
    again: T = maker(cls)(**values)
    return again


def _made_and_stored(names: Sequence[str]) -> Iterable[str]:
    return ("self = _new(_twin)", *_stored(names), "_lend(self, _class)", "return self")


def _compiled(cls: Any) -> Any:
    """Write and compile the ``__init__`` of a class."""
    return _written(
        cls,
        "__init__",
        "self, *, ",
        lambda names: [
            "if self.__class__ is not _class:",  # a subclass has a layout of its own
            *(f" _set(self, {name!r}, {name})" for name in names),
            " return",
            "_lend(self, _twin)",
            *_stored(names),
            "_lend(self, _class)",
        ],
    )


def _stored(names: Sequence[str]) -> Iterable[str]:
    return (f"self.{name} = {name}" for name in names)


def _written(cls: Any, name: str, before: str | None, body: Callable[[Sequence[str]], Iterable[str]]) -> Any:
    """Write and compile a function that takes the fields of a class, behind what comes ``before`` them.

    Where nothing does, it takes all of them, without defaults.
    """
    twin = type(f"Open{cls.__name__}", cls.__bases__, {"__slots__": cls.__slots__} | _OPEN)
    names = {"_class": cls, "_lend": _LEND, "_set": object.__setattr__, "_new": object.__new__, "_twin": twin}
    names["_made"] = _MADE
    found = fields(cls)
    arguments, made = [], []
    for field in found:
        if before is None:
            arguments.append(field.name)
        elif field.default_factory is not MISSING:
            names[f"_make_{field.name}"] = field.default_factory
            arguments.append(f"{field.name}=_made")
            made.append(f"if {field.name} is _made: {field.name} = _make_{field.name}()")
        elif field.default is not MISSING:
            names[f"_default_{field.name}"] = field.default
            arguments.append(f"{field.name}=_default_{field.name}")
        else:
            arguments.append(field.name)
    source = (
        f"def given({', '.join(names)}):",
        f" def {name}({before or ''}{', '.join(arguments)}):",
        *(f"  {line}" for line in (*made, *body([field.name for field in found]))),
        f" return {name}",
    )
    scope: dict[str, Any] = {}
    # As dataclasses does: made of the names of fields, in the module that its annotations speak of.
    exec("\n".join(source), sys.modules[cls.__module__].__dict__, scope)  # noqa: S102
    function = scope["given"](**names)
    function.__qualname__ = f"{cls.__qualname__}.{name}"
    made_by_it = None if name == "__init__" else cls
    function.__annotations__ = {field.name: field.type for field in found} | {"return": made_by_it}
    return function


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
    return f"{type(self).__qualname__}({shown})"


def _hash(self: Any) -> int:
    cls: Any = type(self)
    return hash(_values_of(cls)(self))


@cache
def _values_of(cls: Any) -> "attrgetter[Any]":
    return attrgetter(*(field.name for field in fields(cls) if field.compare))


def _set(self: Any, name: str, value: object) -> None:
    if _is_kept(self, name):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _delete(self: Any, name: str) -> None:
    if _is_kept(self, name):
        raise FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _is_kept(self: Any, name: str) -> bool:
    """Whether an attribute is frozen: all are, but for those that a class below, which is no dataclass, has added."""
    cls = type(self)
    return "__dataclass_fields__" in cls.__dict__ or name in cls.__dataclass_fields__


def _reduce(self: Any) -> tuple[Any, ...]:
    """Say how to make the same again: an object that goes to another process does so among thousands."""
    cls: Any = type(self)
    if "__dataclass_fields__" not in cls.__dict__:
        return _empty, (cls,), self.__getstate__()  # a class below one, with a layout of its own
    return _restored, (cls, _every_value_of(cls)(self))


def _empty(cls: Any) -> Any:
    return object.__new__(cls)


def _restored(cls: Any, values: tuple[Any, ...]) -> Any:
    return _restorer(cls)(*values)


@cache
def _names_of(cls: Any) -> tuple[str, ...]:
    return tuple([field.name for field in fields(cls)])


@cache
def _every_value_of(cls: Any) -> Callable[[Any], tuple[Any, ...]]:
    names = _names_of(cls)
    return attrgetter(*names) if len(names) > 1 else lambda self: tuple([getattr(self, name) for name in names])


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in fields(self)]


def _set_state(self: Any, state: Iterable[Any]) -> None:
    for field, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_SHARED: dict[str, Any] = {
    "__repr__": _repr,
    "__hash__": _hash,
    "__setattr__": _set,
    "__delattr__": _delete,
    "__reduce__": _reduce,
    "__getstate__": _state,
    "__setstate__": _set_state,
}

# From a string, as dataclasses does: by that, pytest tells that it may explain a difference field by field; and rich
# knows by recursive_repr() that it may show the fields one below the other.
_EQ = """
def __eq__(self, other):
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = values_of(self.__class__)
    return values(self) == values(other)
"""
exec(_EQ, {"values_of": _values_of}, _SHARED)  # noqa: S102
