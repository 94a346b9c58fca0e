"""The memory cgroup block: whose limit was hit, the counters, the statistics.

As ``mm/memcontrol.c`` prints it; see `oomparse.grammar.memcg`.  From 5.3 to 6.4 the statistics are one record, and what
does not fit into a record is lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from oomparse.grammar.format import Section
from oomparse.grammar.memcg import CUT_RECORD_BYTES, MemcgStat, MemcgStats, TaskInMemcg, stat_line
from oomparse.model import Memcg
from oomparse.testing.printk.plan import Plan
from oomparse.testing.printk.record import Record, Said, known, of, tell

Stats = Mapping[str, int]

MAX_RECORD_BYTES = CUT_RECORD_BYTES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How the statistics are printed: their unit, and whether each has a record of its own."""

    name: str
    since: str
    unit: str
    apart: bool = False
    until: str | None = None
    mainline: bool = True


SHAPES = (
    Shape(name="stats_3_9", since="3.9", until="5.2", unit="kB"),
    Shape(name="stats_5_3", since="5.3", until="6.4", unit="bytes"),
    Shape(name="stats_6_5", since="6.5", unit="bytes", apart=True),
)


def memcg_block(plan: Plan) -> Iterator[Record]:
    """Yield the block of a memcg OOM."""
    memcg = plan.event.memcg
    if memcg is None or not plan.of_memcg:
        return
    yield from _limit(plan, memcg)
    yield from _counters(plan, memcg)
    yield from _stats(plan)


def protection(plan: Plan) -> Iterator[Record]:
    """Yield what memory.min and memory.low protected (since 6.19, in any report)."""
    memcg = plan.event.memcg
    if memcg is not None and not (memcg.min_protection_kb is None and memcg.low_protection_kb is None):
        yield from tell(
            plan.kernel,
            "memcg_protection",
            min_protection_kb=known(memcg.min_protection_kb),
            low_protection_kb=known(memcg.low_protection_kb),
        )


def _limit(plan: Plan, memcg: Memcg) -> Iterator[Record]:
    upper, kernel = memcg.oom_memcg, plan.kernel
    if upper is None:
        return
    if memcg.task_memcg is None and plan.chosen is None and not plan.killed:
        yield from tell(kernel, "memcg_limit_reached", oom_memcg=upper)
        return
    lower = upper if memcg.task_memcg is None else memcg.task_memcg
    if not kernel.at_least("3.15") or kernel.at_least("3.18"):
        yield from tell(kernel, "task_in_memcg", task_memcg=lower, oom_memcg=upper)
        return
    # 3.15 to 3.17 print it in three records, of which the last is empty.
    yield of(f"Task in {lower}", Section.MEMCG, TaskInMemcg(task_memcg=lower))
    yield of(f" killed as a result of limit of {upper}", Section.MEMCG, TaskInMemcg(oom_memcg=upper))
    yield Record("", Section.MEMCG)


def _counters(plan: Plan, memcg: Memcg) -> Iterator[Record]:
    rows = [
        ("memory", memcg.usage_kb, memcg.limit_kb, memcg.failcnt),
        ("memory+swap", memcg.memsw_usage_kb, memcg.memsw_limit_kb, memcg.memsw_failcnt),
        ("kmem", memcg.kmem_usage_kb, memcg.kmem_limit_kb, memcg.kmem_failcnt),
    ]
    shape = plan.kernel.choose(SHAPES)
    both = shape is not None and shape.unit == "bytes"
    if both and memcg.version != 1 and rows[1][1:] == rows[2][1:] == (None, None, None):
        rows[1:] = [("swap", memcg.swap_usage_kb, memcg.swap_limit_kb, memcg.swap_failcnt)]
    for kind, usage, limit, failcnt in rows:
        if (usage, limit, failcnt) != (None, None, None) and (kind != "kmem" or plan.kernel.at_least("3.8")):
            numbers = {"usage_kb": known(usage), "limit_kb": known(limit), "failcnt": known(failcnt)}
            yield from tell(plan.kernel, "memcg_counter", kind=kind, **numbers)


def printed_stats(plan: Plan) -> tuple[str | None, dict[str, Stats]]:
    """Return the statistics of each cgroup as this kernel prints them, and their unit."""
    shape, tree = _tree(plan)
    if shape is None:
        return None, {}
    if shape.unit == "bytes" and not shape.apart:
        tree = {path: _fitting(stats) for path, stats in tree.items()}
    return (shape.unit if any(tree.values()) else None), tree


def _tree(plan: Plan) -> tuple[Shape | None, dict[str, Stats]]:
    memcg, shape = plan.event.memcg, plan.kernel.choose(SHAPES)
    if memcg is None or not plan.of_memcg or shape is None or memcg.stats_unit not in (None, shape.unit):
        return None, {}
    tree = dict(memcg.hierarchy or {})
    if memcg.stats is not None and not tree:
        tree = {memcg.oom_memcg or "": memcg.stats}
    return shape, dict(islice(tree.items(), 1 if shape.unit == "bytes" else None))


def _fitting(stats: Stats) -> Stats:
    """Leave out what does not fit into one record, and the line before it: that may lack digits."""
    text = "\n".join(f"{key} {value}" for key, value in stats.items())
    kept = text[:MAX_RECORD_BYTES].count("\n") if len(text) >= MAX_RECORD_BYTES else len(stats)
    return dict(islice(stats.items(), kept))


def _stats(plan: Plan) -> Iterator[Record]:
    shape, tree = _tree(plan)
    if shape is None:
        return
    for path, stats in tree.items():
        if shape.unit == "kB" and stats:
            body = "".join(f" {key}:{value}KB" for key, value in stats.items())
            yield from tell(plan.kernel, "memcg_stats_3_9", path=path or None, body=body)
            continue
        yield from tell(plan.kernel, "memcg_stats", path=path or None, body="")
        lines = [_stat(key, value) for key, value in stats.items()]
        if shape.apart:
            yield from (Record(line.text, Section.MEMCG, (line,)) for line in lines)
        elif lines:
            yield _one_record(lines)


def _stat(key: str, value: int) -> Said:
    text = f"{key} {value}"
    # A name that is none of memory.stat's is said as it is given.
    return Said(text, stat_line(text) or MemcgStat(key=key, value=value))


def _one_record(lines: list[Said]) -> Record:
    """Return what printk takes of the lines."""
    text = "\n".join(line.text for line in lines)[:MAX_RECORD_BYTES].rstrip("\n")
    last = text.rpartition("\n")[2]
    shown = lines[: text.count("\n") + 1]
    if last != shown[-1].text and not last[-1:].isdigit():
        shown[-1] = Said(last, MemcgStats(damaged=True))
    return Record(text, Section.MEMCG, tuple(shown))
