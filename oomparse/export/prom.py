"""Events as Prometheus metrics, in the text form that node_exporter's textfile collector reads.

Counts only what has few values: never a process, a cgroup or a host (the collector adds its own instance label).  The
counters are those of one run over one set of logs.
"""

from collections import Counter
from collections.abc import Iterable

from oomparse.model import OomEvent, Outcome

_HELP = {
    "oomparse_oom_kills_total": "Processes that the kernel killed for want of memory.",
    "oomparse_oom_events_total": "OOM incidents, by how they ended.",
    "oomparse_incomplete_reports_total": "OOM reports of which a part is missing.",
    "oomparse_unknown_lines_total": "Lines inside OOM reports that no known kernel prints.",
}
_KILLS = frozenset({Outcome.KILLED, Outcome.LOWMEMORYKILLER})


class Metrics:
    """Counts events."""

    def __init__(self) -> None:
        self._samples: dict[str, Counter[tuple[tuple[str, str], ...]]] = {name: Counter() for name in _HELP}
        for name in ("oomparse_incomplete_reports_total", "oomparse_unknown_lines_total"):
            self._samples[name][()] = 0

    def add(self, event: OomEvent) -> None:
        """Count an event of a batch."""
        kills = len(event.victims) if event.outcome in _KILLS else 0
        labels = (("scope", event.scope.value), ("constraint", event.constraint or ""))
        self._samples["oomparse_oom_kills_total"][labels] += kills
        outcome = (("scope", event.scope.value), ("outcome", event.outcome.value))
        self._samples["oomparse_oom_events_total"][outcome] += 1
        self._samples["oomparse_incomplete_reports_total"][()] += not event.complete
        self._samples["oomparse_unknown_lines_total"][()] += len(event.unknown_lines)

    def text(self) -> str:
        """Return the exposition: metrics and their samples in a fixed order."""
        lines: list[str] = []
        for name, samples in self._samples.items():
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} counter"]
            lines += [f"{name}{_labels(labels)} {value}" for labels, value in sorted(samples.items())]
        return "\n".join(lines) + "\n"


def to_prometheus(events: Iterable[OomEvent]) -> str:
    """Return the metrics of these events."""
    metrics = Metrics()
    for event in events:
        metrics.add(event)
    return metrics.text()


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
