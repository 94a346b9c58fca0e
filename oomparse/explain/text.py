"""An explanation as text: figures in columns, for an engineer at two in the morning.

Turns an `Explanation` into lines.  Every name in it has been made safe before.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from oomparse.decode.units import human_size
from oomparse.explain.ledger import Ledger, item_name
from oomparse.explain.ranking import Candidate, Ranking, ReasonCode

if TYPE_CHECKING:
    from oomparse.explain import Explanation

MAX_CANDIDATES = 10
"""Rows of the ranking; the chosen one is always among them."""

_LABEL_WIDTH = 10
_MIN_SHARE = 0.001


def render_text(explanation: "Explanation") -> str:
    """Return the explanation as lines of text, with a line end each."""
    parts: list[list[str]] = [[explanation.headline, *_facts(explanation.story)]]
    if explanation.findings:
        parts.append(["What stands out", *_findings(explanation)])
    if explanation.ranking.computable:
        parts.append(_ranking(explanation.ranking))
    if explanation.ledger.items:
        parts.append(_ledger(explanation.ledger))
    if explanation.notes:
        parts.append([f"Note: {note}" for note in explanation.notes])
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts) + "\n"


def _facts(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {label:<{_LABEL_WIDTH}} {text}" for label, text in rows]


def _findings(explanation: "Explanation") -> list[str]:
    return [f"  {finding.confidence.value:<{_LABEL_WIDTH}} {finding.sentence}" for finding in explanation.findings]


def _ranking(ranking: Ranking) -> list[str]:
    lines = ["Why this one", f"  points = {ranking.formula}"]
    rows: list[tuple[str, ...]] = [("", "rank", "points", "score", "rss", "swap", "tables", "adj", "pid", "name")]
    listed = list(enumerate(ranking.candidates, 1))[:MAX_CANDIDATES]
    if ranking.chosen_rank is not None and ranking.chosen_rank > MAX_CANDIDATES:
        listed.append((ranking.chosen_rank, ranking.candidates[ranking.chosen_rank - 1]))
    rows += [_candidate(rank, candidate, chosen=rank == ranking.chosen_rank) for rank, candidate in listed]
    lines += _table(rows)
    hidden = len(ranking.candidates) - len(listed)
    if hidden > 0:
        lines.append(f"  … and {hidden} more")
    lines.append(f"  {_verdict(ranking)}")
    lines += [f"  - {reason.sentence}" for reason in ranking.reasons]
    return lines


def _verdict(ranking: Ranking) -> str:
    if ranking.chosen_pid is None:
        if ranking.agrees:
            return "Nobody could be chosen, and nobody was."
        if any(reason.code is ReasonCode.PANIC for reason in ranking.reasons):
            return "Nobody was chosen."
        return "The kernel chose nobody."
    if ranking.agrees:
        alone = sum(candidate.eligible for candidate in ranking.candidates) == 1
        why = "no other task may be killed" if alone else "nobody has more points"
        if len(ranking.candidates) == 1:
            why = "there is no other task"
        return f"The kernel's choice (*) agrees: {why}."
    if any(reason.code is ReasonCode.ALLOCATING_TASK for reason in ranking.reasons):
        return f"The kernel did not choose by points: rank {ranking.chosen_rank} (*) it was."
    if ranking.agrees is None:
        return "Whether the kernel's choice (*) agrees with the points cannot be told."
    return f"The kernel chose rank {ranking.chosen_rank} (*), not the one with the most points."


def _candidate(rank: int, candidate: Candidate, *, chosen: bool) -> tuple[str, ...]:
    return (
        "*" if chosen else "",
        str(rank),
        _number(candidate.points) if candidate.eligible else "",
        _number(candidate.score) if candidate.eligible else "",
        human_size(candidate.rss_bytes),
        _size(candidate.swap_bytes),
        _size(candidate.pgtables_bytes),
        str(candidate.oom_score_adj),
        _number(candidate.pid),
        f"{candidate.comm or '?'}{f'  ({candidate.why_not})' if candidate.why_not else ''}",
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Align all columns to the right but the last."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  " + "  ".join([*(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]


def _ledger(ledger: Ledger) -> list[str]:
    whose = "the machine" if ledger.subject == "machine" else "the cgroup"
    total = f", {human_size(ledger.total_bytes)}" if ledger.total_bytes is not None else ""
    lines = [f"Where the memory went ({whose}{total})"]
    rows = [
        (item_name(item.name), human_size(item.bytes), _percent(item.share))
        for item in ledger.items
        if item.share is None or item.share >= _MIN_SHARE
    ]
    small = sum(item.bytes for item in ledger.items if item.share is not None and item.share < _MIN_SHARE)
    if small:
        rows.append(("smaller items", human_size(small), _percent(small / (ledger.total_bytes or 1))))
    if ledger.remainder_bytes is not None:
        # While the report is printed, pages move, and some are then counted twice.
        label = "counted twice" if ledger.remainder_bytes < 0 else "nobody accounts for"
        rows.append((label, human_size(abs(ledger.remainder_bytes)), _percent(abs(ledger.remainder_share or 0))))
    width = max(len(name) for name, _, _ in rows)
    lines += [f"  {name:<{width}}  {size:>10}  {share:>6}" for name, size, share in rows]
    if ledger.swap_total_bytes is not None or ledger.swap_used_bytes is not None:
        lines.append(f"  {_swap(ledger)}")
    if ledger.by_task:
        lines.append("  resident, by name (shared pages count for each):")
        names = [
            (share.comm, f"{share.tasks}x" if share.tasks > 1 else "", share.rss_bytes) for share in ledger.by_task
        ]
        lines += [f"    {human_size(size):>10}  {tasks:>5}  {comm}" for comm, tasks, size in names]
    return lines


def _swap(ledger: Ledger) -> str:
    if ledger.swap_total_bytes == 0:
        return "swap: none"
    used = _size(ledger.swap_used_bytes) or "?"
    return f"swap: {used} used" + (
        "" if ledger.swap_total_bytes is None else f" of {human_size(ledger.swap_total_bytes)}"
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _size(size: int | None) -> str:
    return "" if size is None else human_size(size)


def _number(number: int | None) -> str:
    return "?" if number is None else str(number)
