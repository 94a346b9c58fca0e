"""The forms in which events can be written, one row each.

A form turns events into bytes as they come; some have something to say at the end.  What a form needs is imported when
it is chosen.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from oomparse.errors import OomparseError
from oomparse.model import OomEvent

if TYPE_CHECKING:
    from oomparse.batch import Pack
    from oomparse.userspace import UserspaceKill


class Look(NamedTuple):
    """How the output is to look."""

    brief: bool = False
    colour: bool = False
    encoding: str = "utf-8"
    """Of text; JSON is always UTF-8."""
    terminal: bool = False
    live: bool = False
    """Of a source that goes on: there is no end to sum up at."""


class Form(Protocol):
    """Turns events into bytes."""

    @property
    def pack(self) -> "Pack | None":
        """What a worker process makes of an event that this form will write; None for nothing in particular."""

    def write(self, event: OomEvent) -> bytes:
        """Return what is to be written of one event, now."""

    def write_userspace(self, kill: "UserspaceKill") -> bytes:
        """Return what is to be written of a kill that was not the kernel's."""

    def finish(self, *, failed: bool) -> bytes:
        """Return what is to be written after the last event; ``failed`` says that not everything could be read."""


class Text:
    """Blocks for people, and a line of totals."""

    pack = None

    def __init__(self, look: Look) -> None:
        from oomparse.render.text import block
        from oomparse.render.totals import Totals

        self._block = block
        self._look = look
        self._totals = Totals()

    def write(self, event: OomEvent) -> bytes:
        """Return the block of an event and an empty line."""
        self._totals.add(event)
        return self._encoded(self._block(event, colour=self._look.colour) + "\n")

    def write_userspace(self, kill: "UserspaceKill") -> bytes:
        """Return one sentence: it was not the kernel."""
        from oomparse.userspace import told

        return self._encoded(f"{told(kill)}\n\n")

    def finish(self, *, failed: bool) -> bytes:
        """Return the totals; none where nothing was found in what may not even have been read."""
        if self._look.live or (failed and not self._totals.events):
            return b""
        return self._encoded(f"{self._totals.line()}{' Not everything could be read.' if failed else ''}\n")

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._look.encoding, "backslashreplace")


class Lines:
    """One JSON object a line."""

    def __init__(self, encode: Callable[[OomEvent], bytes], pack: "Pack | None" = None) -> None:
        self._encode = encode
        self.pack = pack

    def write(self, event: OomEvent) -> bytes:
        """Return the line of an event."""
        return self._encode(event) + b"\n"

    def write_userspace(self, kill: "UserspaceKill") -> bytes:
        """Return the line of a record of its own schema."""
        from oomparse.export.jsonl import encode_record

        return encode_record(kill) + b"\n"

    def finish(self, *, failed: bool) -> bytes:  # noqa: ARG002  # the same for all forms
        """Return nothing: every line stands for itself."""
        return b""


class Summed:
    """A form that has something to write when all events are known."""

    pack = None

    def __init__(self, write: Callable[[OomEvent], bytes], finish: Callable[[], bytes]) -> None:
        self._write = write
        self._finish = finish

    def write(self, event: OomEvent) -> bytes:
        """Take an event in."""
        return self._write(event)

    def write_userspace(self, kill: "UserspaceKill") -> bytes:  # noqa: ARG002  # the same for all forms
        """Return nothing: this form has no place for it."""
        return b""

    def finish(self, *, failed: bool) -> bytes:  # noqa: ARG002  # the same for all forms
        """Return the rest."""
        return self._finish()


def _jsonl(look: Look) -> Form:
    from oomparse.export.jsonl import encode, pack

    return Lines(lambda event: encode(event, brief=look.brief), partial(pack, brief=look.brief))


def _ecs(_: Look) -> Form:
    import msgspec

    from oomparse.export.ecs import to_ecs

    return Lines(lambda event: msgspec.json.encode(to_ecs(event)))


def _otel(_: Look) -> Form:
    import msgspec

    from oomparse.export.otel import to_otel

    return Lines(lambda event: msgspec.json.encode(to_otel(event)))


def _prometheus(look: Look) -> Form:
    from oomparse.export.prom import Metrics

    if look.live:
        raise OomparseError("the format prometheus is written at the end, which a live source does not have")
    metrics = Metrics()

    def count(event: OomEvent) -> bytes:
        metrics.add(event)
        return b""

    return Summed(count, lambda: metrics.text().encode())


def _arrow(look: Look) -> Form:
    try:
        from oomparse.export.arrow import BATCH_EVENTS, StreamWriter
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise OomparseError("the format arrow needs pyarrow: pip install 'oomparse[arrow]'") from None
    if look.terminal:
        raise OomparseError("the format arrow is binary: write it to a file with -o, or into a pipe")
    stream = StreamWriter(brief=look.brief, batch_events=1 if look.live else BATCH_EVENTS)
    return Summed(stream.write, stream.finish)


_FORMS: Mapping[str, Callable[[Look], Form]] = {
    "text": Text,
    "jsonl": _jsonl,
    "ecs": _ecs,
    "otel": _otel,
    "prometheus": _prometheus,
    "arrow": _arrow,
}
FORMATS = tuple(_FORMS)


def form_of(name: str, look: Look) -> Form:
    """Return a fresh form."""
    return _FORMS[name](look)
