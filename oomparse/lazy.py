"""Fields that are parsed when first asked for.

Turns a dataclass into one whose named fields may stay unset until someone reads them: an unset slot makes Python call
``__getattr__``, which asks the instance's loader once and keeps the answer.  ``==``, ``repr``, ``replace`` and pickling
read every field, and so work as if all had been parsed at once.  It knows nothing of kernels or text.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar, cast


class Loader(Protocol):
    """Computes the fields that were left unset; must be deterministic."""

    def load(self, name: str) -> Any:
        """Return the value of a field."""

    def lines(self) -> tuple[str, ...]:
        """Return the texts that the fields are made from."""


class StandIn(Loader):
    """A loader that has another instance with all the fields."""

    @abstractmethod
    def instance(self) -> "Deferred":
        """Return it."""


class Packed(NamedTuple):
    """An instance on its way to another process: what has been read of it, and how to read the rest there."""

    kind: type["Deferred"]
    values: Mapping[str, Any]
    loader: Loader | None

    def unpack(self) -> "Deferred":
        """Return the instance, which has parsed as much as the packed one."""
        instance = object.__new__(self.kind)
        for name, value in self.values.items():
            object.__setattr__(instance, name, value.unpack() if isinstance(value, Packed) else value)
        if self.loader is not None:
            object.__setattr__(instance, "_loader", self.loader)
        return instance


class Deferred:
    """Base of dataclasses with lazily computed fields."""

    __slots__ = ("_loader",)

    _loader: Loader

    @classmethod
    def deferred(cls, loader: Loader, later: Iterable[str], values: Mapping[str, Any]) -> Self:
        """Build an instance from ``values`` and the defaults, leaving the fields in ``later`` to ``loader``."""
        instance = cls(**values)
        for name in later:
            object.__delattr__(instance, name)
        object.__setattr__(instance, "_loader", loader)
        return instance

    @property
    def loader(self) -> Loader | None:
        """What parses the fields that are left; None where all were given."""
        try:
            found: Loader = object.__getattribute__(self, "_loader")
        except AttributeError:
            return None
        return found

    def materialize(self) -> Self:
        """Parse whatever is still unparsed, here and below, and return the same object."""
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if isinstance(value, Deferred):
                value.materialize()
        return self

    def pack(self) -> Packed:
        """Return what can be pickled without parsing anything."""
        values: dict[str, Any] = {}
        loader: Loader | None = None
        for name in (*type(self).__dataclass_fields__, "_loader"):  # type: ignore[attr-defined]  # as above
            try:
                value = object.__getattribute__(self, name)
            except AttributeError:
                continue
            if name == "_loader":
                loader = value
            else:
                values[name] = value.pack() if isinstance(value, Deferred) else value
        return Packed(type(self), values, loader)

    def _deferred_lines(self) -> tuple[str, ...]:
        loader = self.loader
        return () if loader is None else tuple(loader.lines())

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in type(self).__dataclass_fields__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            try:
                loader = object.__getattribute__(self, "_loader")
            except AttributeError:
                raise AttributeError(f"{name!r} of this {type(self).__name__} was never set") from None
            value = loader.load(name)
            object.__setattr__(self, name, value)
            return value


T = TypeVar("T", bound=Deferred)


def original(instance: T) -> T:
    """Return the instance that this one stands for, which is equal and answers at once; else this one."""
    loader = instance.loader
    return cast("T", loader.instance()) if isinstance(loader, StandIn) else instance


def is_read(instance: Deferred, name: str) -> bool:
    """Whether a field was given, or has been parsed."""
    try:
        object.__getattribute__(instance, name)
    except AttributeError:
        return False
    return True
