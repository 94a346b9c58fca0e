"""Which events are wanted: by time and by scope.

A time without a zone means what an unzoned stamp in the log means: ``--tz``, else UTC.  One without a year is the last
such time that has passed.  An event whose wall-clock time is not known passes every time filter, since leaving it out
could hide the very kill that is looked for; how many there were is said at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from oomparse.cli.stdio import say
from oomparse.model import OomEvent, Scope
from oomparse.render.sizes import count


@dataclass(slots=True, kw_only=True)
class Selection:
    """A filter of events."""

    since: datetime | None = None
    until: datetime | None = None
    scopes: frozenset[Scope] = frozenset()
    timeless: int = 0
    """Events that passed although their time is not known."""

    def takes(self, event: OomEvent) -> bool:
        """Say whether an event is wanted."""
        if self.scopes and event.scope not in self.scopes:
            return False
        if self.since is None and self.until is None:
            return True
        wall = event.time.wall
        if wall is None:
            self.timeless += 1
            return True
        return (self.since is None or wall >= self.since) and (self.until is None or wall < self.until)

    def report(self) -> None:
        """Say how many events no time filter could judge."""
        if self.timeless:
            say(
                f"{count(self.timeless, 'event')} without a wall-clock time kept: --since and --until cannot judge them"
            )


def selection(since: str | None, until: str | None, scopes: Iterable[str], tz: str | None) -> Selection:
    """Read the options of a command line."""
    return Selection(
        since=_moment("--since", since, tz),
        until=_moment("--until", until, tz),
        scopes=frozenset(Scope(scope) for scope in scopes),
    )


def _moment(option: str, text: str | None, tz: str | None) -> datetime | None:
    if text is None:
        return None
    from oomparse.timestamps import TimeResolver

    wall = TimeResolver(tz=tz or "UTC", anchor=datetime.now(UTC)).resolve(text.strip()).wall
    if wall is None:
        raise click.BadParameter(
            f"{text!r} is no time; give one like 2026-11-21T03:00 or 'Nov 21 03:00'", param_hint=option
        )
    return wall
