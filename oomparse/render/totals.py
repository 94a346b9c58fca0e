"""The line below the blocks: how many events and kills, of which scope, and how many reports were incomplete."""

from collections import Counter
from dataclasses import dataclass, field

from oomparse.model import OomEvent, Outcome, Scope
from oomparse.render.sizes import count

_KILLS = frozenset({Outcome.KILLED, Outcome.LOWMEMORYKILLER})
_NAMES = {
    Scope.GLOBAL: "global",
    Scope.MEMCG: "by a cgroup limit",
    Scope.CPUSET: "cpuset",
    Scope.MEMORY_POLICY: "memory policy",
    Scope.UNKNOWN: "of unknown scope",
}


NO_EVENTS = "No OOM events."


@dataclass(slots=True)
class Totals:
    """Counts events as they pass.  An event that is written again (a later revision) counts once."""

    events: int = 0
    kills: int = 0
    incomplete: int = 0
    scopes: Counter[Scope] = field(default_factory=Counter)

    def add(self, event: OomEvent) -> None:
        """Count one event of a batch (each is delivered once)."""
        self.events += 1
        self.kills += len(event.victims) if event.outcome in _KILLS else 0
        self.incomplete += not event.complete
        self.scopes[event.scope] += 1

    def line(self) -> str:
        """Return the totals in words, without a line end."""
        if not self.events:
            return NO_EVENTS
        scopes = ", ".join(f"{self.scopes[scope]} {name}" for scope, name in _NAMES.items() if self.scopes[scope])
        parts = [f"{count(self.events, 'event')} ({scopes})", count(self.kills, "kill")]
        if self.incomplete:
            parts.append(f"{count(self.incomplete, 'report')} incomplete")
        return ", ".join(parts) + "."
