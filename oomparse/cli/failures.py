"""What could not be read, and the exit status that follows from it."""

from oomparse.cli.stdio import say
from oomparse.errors import SourceError

FOUND, NOTHING_FOUND, FAILED = 0, 1, 2


class Failures:
    """Says what could not be read, and remembers that something could not."""

    def __init__(self) -> None:
        self.any = False

    def note(self, error: SourceError) -> None:
        """Say one failure."""
        self.any = True
        say(str(error))

    def status(self, *, found: int) -> int:
        """Return the exit status, as grep's."""
        if self.any:
            return FAILED
        return FOUND if found else NOTHING_FOUND
