"""How to read a log: what every reading function may be told.

A record without behaviour of its own, beyond making the assembler and the resolver of stamps that it describes.
"""

from oomparse.assembler import Assembler
from oomparse.record import record
from oomparse.timestamps import TimeResolver


@record(frozen=True, slots=True, kw_only=True)
class Options:
    """How to read: picklable, so that worker processes can be told."""

    strict: bool = False
    year: int | None = None
    tz: str | None = None
    transport: str | None = None
    include_user: bool = False
    live: bool = False
    every_line: bool = False
    """Read lines that are far from every trigger too: slower by an order of magnitude, and the same events."""

    def assembler(self) -> Assembler:
        """Return the assembler that these options ask for."""
        return Assembler(live=self.live, include_user=self.include_user, strict=self.strict)

    def times(self, anchor: float | None = None) -> TimeResolver:
        """Return the resolver of stamps that these options ask for; ``anchor`` is the log's own time."""
        return TimeResolver(year=self.year, tz=self.tz, anchor=anchor)
