"""The memory cgroup block: whose limit was hit, the counters, the statistics.

Printed by ``mm/memcontrol.c`` (``mem_cgroup_print_oom_info()``; since 5.0 ``mem_cgroup_print_oom_meminfo()``) and,
since 6.19, ``mem_cgroup_show_protected_memory()``.  Up to 5.2 the statistics are one line of ``key:NKB`` a cgroup; from
5.3 on they are the lines of memory.stat, bytes and bare counts.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from oomparse.grammar.arrangements import PrintedBy
from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import BLANKS, INDENT, is_elided, kb, lit, number, optional, path, rest, rest_of_line, rx
from oomparse.pattern import pattern
from oomparse.record import record

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

INFO_BY = "mm/memcontrol.c:mem_cgroup_print_oom_info()"
MEMINFO_BY = "mm/memcontrol.c:mem_cgroup_print_oom_meminfo()"


@record(frozen=True, slots=True, kw_only=True)
class TaskInMemcg(TypedLine):
    """``Task in A killed as a result of limit of B`` (until 4.20): A the victim's cgroup, B the limited one."""

    task_memcg: str | None = None
    oom_memcg: str | None = None

    @property
    def is_within(self) -> bool:
        """Whether A is B or lies below it, as it must."""
        lower, upper = self.task_memcg or "", self.oom_memcg or ""
        return upper in {lower, "/"} or lower.startswith(f"{upper}/")


@record(frozen=True, slots=True, kw_only=True)
class LimitReached(TypedLine):
    """``Memory limit reached of cgroup B`` (4.1 to 4.20, reports without a victim)."""

    oom_memcg: str


@record(frozen=True, slots=True, kw_only=True)
class MemcgCounter(TypedLine):
    """``kind`` is ``memory``, ``swap``, ``memsw`` or ``kmem``."""

    kind: str
    usage_kb: int | None = None
    limit_kb: int | None = None
    failcnt: int | None = None

    def kernels(self) -> tuple[PrintedBy, ...]:
        """Return which kernels have such a counter."""
        return _COUNTERS_SINCE.get(self.kind, ())


@record(frozen=True, slots=True, kw_only=True)
class MemcgStats(TypedLine):
    """``Memory cgroup stats for PATH:`` and the numbers that stand behind it; ``unit`` is None where none do."""

    path: str | None = None
    unit: str | None = None
    stats: Mapping[str, int] = field(default_factory=dict)

    def kernels(self) -> tuple[PrintedBy, ...]:
        """Return which kernels print such statistics."""
        return (STATS_PRINTED_BY,) if self.unit == "bytes" else ()


@record(frozen=True, slots=True, kw_only=True)
class MemcgStat(TypedLine):
    """One ``key value`` line of memory.stat."""

    key: str
    value: int

    def kernels(self) -> tuple[PrintedBy, ...]:
        """Return which kernels print such lines."""
        return (STATS_PRINTED_BY,)


@record(frozen=True, slots=True, kw_only=True)
class MemcgProtection(TypedLine):
    """What memory.min and memory.low protected of the cgroup (of the whole machine in a global report)."""

    min_protection_kb: int
    low_protection_kb: int


@record(frozen=True, slots=True, kw_only=True)
class GroupKill(TypedLine):
    """``Tasks in PATH are going to be killed due to memory.oom.group set``."""

    path: str


def _build_task_in(groups: Groups) -> TaskInMemcg:
    """Split at the one of several places where the victim's cgroup lies at or below the limited one."""
    task_memcg, oom_memcg = groups["task_memcg"] or "", groups["oom_memcg"] or ""
    parts = f"{task_memcg}{_LIMIT_OF}{oom_memcg}".split(_LIMIT_OF)
    for at in range(1, len(parts)):
        split = TaskInMemcg(task_memcg=_LIMIT_OF.join(parts[:at]), oom_memcg=_LIMIT_OF.join(parts[at:]))
        if split.is_within:
            task_memcg, oom_memcg = split.task_memcg or "", split.oom_memcg or ""
            break
    return TaskInMemcg(
        task_memcg=None if is_elided(task_memcg) else task_memcg,
        oom_memcg=None if is_elided(oom_memcg) else oom_memcg,
        damaged=is_elided(f"{task_memcg}{oom_memcg}"),
    )


def _build_task_in_half(groups: Groups) -> TaskInMemcg:
    """A path that nothing follows may be cut."""
    return TaskInMemcg(task_memcg=groups["task_memcg"] or None)


_LIMIT_OF = " killed as a result of limit of "
_KINDS = {"memory": "memory", "memory+swap": "memsw", "kmem": "kmem", "swap": "swap"}


_COUNTERS_SINCE = {"kmem": (PrintedBy("3.8", None),), "swap": (PrintedBy("5.3", None, ("el8",)),)}
STATS_PRINTED_BY = PrintedBy("5.3", None, ("el8",))
"""The kernels that print memory.stat, a line each."""


def _build_counter(groups: Groups) -> MemcgCounter:
    usage, limit, failcnt = groups.get("usage_kb"), groups.get("limit_kb"), groups.get("failcnt")
    return MemcgCounter(
        kind=_KINDS[groups.get("kind") or ""],
        usage_kb=None if usage is None else int(usage),
        limit_kb=None if limit is None else int(limit),
        failcnt=None if failcnt is None else int(failcnt),
        damaged=failcnt is None,
    )


_KEY_KB = pattern(r"(?<![a-z_0-9()])(?P<key>[a-z_0-9()]++):(?P<value>-?\d{1,20})KB(?=\s|\Z)")
_KEY_BYTES = pattern(r"(?P<key>[a-z][a-z_0-9]*) (?P<value>\d{1,20})")


def _build_stats(groups: Groups) -> MemcgStats:
    path = groups.get("path")
    if path is not None and is_elided(path):
        path = None
    body = (groups.get("body") or "").strip()
    if not body:
        return MemcgStats(path=path)
    if ":" in body.split("\n", 1)[0]:
        stats = {match["key"]: int(match["value"]) for match in _KEY_KB.finditer(body)}
        whole = len(body.split()) == len(stats)
        unknown = _unknown_stats(*stats)
        if not whole:
            stats = {key: value for key, value in stats.items() if key not in unknown}
            unknown = ()
        return MemcgStats(path=path, unit="kB" if stats else None, stats=stats, damaged=not whole, unknown=unknown)
    stats = {}
    lines = [line.strip() for line in body.split("\n")]
    damaged = is_cut(lines)
    for line in lines[:-1] if damaged else lines:
        match = _KEY_BYTES.fullmatch(line)
        if match is None:
            damaged = True
            continue
        stats[match["key"]] = int(match["value"])
    unknown = _unknown_stats(*stats)
    return MemcgStats(path=path, unit="bytes" if stats else None, stats=stats, damaged=damaged, unknown=unknown)


def _path_to_end(name: str) -> "Element":
    return rx(r"(?=\S)") + rest_of_line(name)


def _stats_start(follows: str) -> "Element":
    """``Memory cgroup stats for PATH:``, up to the first colon that the statistics can follow."""
    colon = rf":(?={follows})"
    return lit("Memory cgroup stats") + optional(lit(" for ") + rx(rf"[^\n]*?(?={colon})")("path")) + rx(colon)


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="task_in_memcg",
        section=Section.MEMCG,
        trigger="Task in ",
        starts=True,
        expression=lambda: (
            lit("Task in ")
            + path(rf"{BLANKS}killed as a result of limit of ", "task_memcg")
            + rx(r"\s+")
            + lit("killed as a result of limit of ")
            + _path_to_end("oom_memcg")
        ),
        build=_build_task_in,
        since="2.6.30",
        until="4.20",
        distros=("el6", "el7", "el8"),
        printed_by=INFO_BY,
        printf="Task in %s killed as a result of limit of %s",
        samples=(
            "Task in /lab/left killed as a result of limit of /lab",
            "Task in / killed as a result of limit of /a b",
            "Task in /x killed as a result of limit of /y/z killed as a result of limit of /x",
        ),
    ),
    LineFormat(
        name="task_in_first_half",
        section=Section.MEMCG,
        trigger="Task in ",
        starts=True,
        tolerant=True,
        expression=lambda: (
            lit("Task in ")
            + rx(rf"/[^\n]*(?={BLANKS}killed(?: as| a| result| of| limit)*\s*\Z)|(?=/)")("task_memcg")
            + rx(r"[^\n]*")
        ),
        build=_build_task_in_half,
        since="2.6.30",
        until="4.20",
        printed_by=INFO_BY,
        printf="Task in %s killed",
        samples=("Task in /lab/left killed", "Task in /lab/left"),
    ),
    LineFormat(
        name="task_in_second_half",
        section=Section.MEMCG,
        trigger="killed as a result of limit of ",
        tolerant=True,
        expression=lambda: (
            rx(r"(?:[^\n]*Task in (?=/))?\s*")
            + optional(rx(rf"/.*?(?={BLANKS}killed as a result of limit of )")("task_memcg"))
            + rx(r"\s*")
            + lit("killed as a result of limit of ")
            + _path_to_end("oom_memcg")
        ),
        build=builds(TaskInMemcg),
        since="3.15",
        until="4.20",
        printed_by=INFO_BY,
        printf=" killed as a result of limit of %s",
        samples=(
            " killed as a result of limit of /lab",
            "/lab/left killed as a result of limit of /lab",
            "eth0: link upTask in /lab/left killed as a result of limit of /lab",
        ),
    ),
    LineFormat(
        name="memcg_limit_reached",
        section=Section.MEMCG,
        trigger="Memory limit reached of cgroup ",
        starts=True,
        expression=lambda: lit("Memory limit reached of cgroup ") + _path_to_end("oom_memcg"),
        build=builds(LimitReached),
        since="4.1",
        until="4.20",
        distros=("el8",),
        printed_by=INFO_BY,
        printf="Memory limit reached of cgroup %s",
        samples=("Memory limit reached of cgroup /lab/box",),
    ),
    LineFormat(
        name="memcg_counter",
        section=Section.MEMCG,
        trigger=": usage ",
        expression=lambda: (
            rx(r"memory(?:\+swap)?|kmem|swap")("kind")
            + lit(": usage ")
            + kb("usage_kb")
            + lit(", limit ")
            + kb("limit_kb")
            + lit(", failcnt ")
            + number("failcnt")
        ),
        build=_build_counter,
        since="2.6.30",
        printed_by=MEMINFO_BY,
        printf="memory: usage %llukB, limit %llukB, failcnt %lu",
        samples=(
            "memory: usage 32768kB, limit 32768kB, failcnt 18",
            "memory+swap: usage 24576kB, limit 9007199254740988kB, failcnt 0",
            "swap: usage 0kB, limit 9007199254740988kB, failcnt 0",
            "kmem: usage 0kB, limit 9007199254740988kB, failcnt 0",
        ),
    ),
    LineFormat(
        name="memcg_counter_cut",
        section=Section.MEMCG,
        trigger=": usage ",
        tolerant=True,
        expression=lambda: (
            rx(r"memory(?:\+swap)?|kmem|swap")("kind")
            + lit(": usage ")
            + optional(kb("usage_kb"))
            + optional(lit(", limit ") + kb("limit_kb"))
            + optional(rx(r",\s*failcnt (?=\d+[^\d\n])") + number("failcnt"))
            + rest("tail")
        ),
        build=_build_counter,
        since="2.6.30",
        printed_by=MEMINFO_BY,
        printf="memory: usage %llukB, limit %llukB, …",
        samples=("memory: usage 3145728kB, lim",),
    ),
    LineFormat(
        name="memcg_stats_3_9",
        section=Section.MEMCG,
        trigger="Memory cgroup stats",
        starts=True,
        expression=lambda: _stats_start(r"\s{0,40}[a-z_]+:-?\d{1,20}KB") + rest("body"),
        build=_build_stats,
        since="3.9",
        until="5.2",
        distros=("el8",),
        printed_by=INFO_BY,
        printf="Memory cgroup stats for %s: %s:%luKB…",
        samples=(
            "Memory cgroup stats for /lab/left: cache:0KB rss:24576KB rss_huge:0KB mapped_file:0KB swap:0KB",
            "Memory cgroup stats for /a: b: cache:0KB rss:4KB",
            "Memory cgroup stats: cache:0KB rss:4KB",
        ),
    ),
    LineFormat(
        name="memcg_stats",
        section=Section.MEMCG,
        trigger="Memory cgroup stats",
        starts=True,
        expression=lambda: _stats_start(rf"\Z|\n|{BLANKS}\Z") + rest("body"),
        build=_build_stats,
        since="3.9",  # alone it may be the first piece of the older one; the lines behind it tell
        printed_by=MEMINFO_BY,
        printf="Memory cgroup stats for %s:",
        samples=(
            "Memory cgroup stats for /lab/box:",
            "Memory cgroup stats for /a: b:",
            "Memory cgroup stats for /lab/box:\nanon 33484800\nfile 0\nkernel_stack 16384",
        ),
    ),
    LineFormat(
        name="memcg_stats_cut",
        section=Section.MEMCG,
        trigger="Memory cgroup stats",
        starts=True,
        tolerant=True,
        expression=lambda: _stats_start(r"\s") + rest("body"),
        build=_build_stats,
        since="3.9",
        printed_by=MEMINFO_BY,
        printf="Memory cgroup stats for %s: …",
        samples=("Memory cgroup stats for /lab/left: cac",),
    ),
    LineFormat(
        name="memcg_protection",
        section=Section.MEMCG,
        trigger="Memory cgroup min protection ",
        starts=True,
        expression=lambda: (
            lit("Memory cgroup min protection ")
            + kb("min_protection_kb")
            + lit(" -- low protection ")
            + kb("low_protection_kb")
        ),
        build=builds(MemcgProtection),
        since="6.19",
        printed_by="mm/memcontrol.c:mem_cgroup_show_protected_memory()",
        printf="Memory cgroup min protection %lukB -- low protection %lukB",
        samples=("Memory cgroup min protection 0kB -- low protection 0kB",),
    ),
    LineFormat(
        name="group_kill",
        section=Section.VERDICT,
        trigger="Tasks in ",
        starts=True,
        expression=lambda: (
            lit("Tasks in ")
            + path(" are going to be killed due to memory.oom.group set", "path")
            + lit(" are going to be killed due to memory.oom.group set")
        ),
        build=builds(GroupKill),
        since="4.19",
        distros=("el8",),
        printed_by="mm/memcontrol.c:mem_cgroup_print_oom_group()",
        printf="Tasks in %s are going to be killed due to memory.oom.group set",
        samples=("Tasks in /lab/group are going to be killed due to memory.oom.group set",),
    ),
    LineFormat(
        name="group_kill_cut",
        section=Section.VERDICT,
        trigger="Tasks in /",
        starts=True,
        tolerant=True,
        expression=lambda: lit("Tasks in ") + path(r" are going to b", "path") + lit(" are going to b") + rx(r"[^\n]*"),
        build=builds(GroupKill, damaged=True),
        since="4.19",
        distros=("el8",),
        printed_by="mm/memcontrol.c:mem_cgroup_print_oom_group()",
        printf="Tasks in %s are going to be …",
        samples=("Tasks in /lab/group are going to be killed due to mem",),
    ),
)


CUT_RECORD_BYTES = (991, 975)
"""What is left of a longer record: ``LOG_LINE_MAX`` less the NUL, without and with CONFIG_PRINTK_CALLER."""


def is_cut(lines: Sequence[str]) -> bool:
    """Tell whether lines of memory.stat fill a record to the last byte: then the last of them may lack its end.

    From 5.3 to 6.4 all are one record (``pr_info("%s", buf)``), which printk cuts.
    """
    length = sum(map(len, lines)) + len(lines) - 1
    return length in CUT_RECORD_BYTES or (" " not in lines[-1] and length + 1 in CUT_RECORD_BYTES)


_CUT_KEY = pattern(r"[a-z][a-z_0-9]{0,60} ?\Z")


def cut_stat(before: Sequence[str], text: str) -> MemcgStats | None:
    """Read what is left of the last line of a record that printk has cut: a key, or the beginning of one."""
    if _CUT_KEY.match(text) is None or not is_cut((*before, text)):
        return None
    return MemcgStats(damaged=True)


STAT_LINE = pattern(r"(?P<key>[a-z][a-z_0-9]{1,60}) (?P<value>\d{1,20})\s*\Z")
"""A memory.stat line has no literal of its own: it is tried only behind ``Memory cgroup stats for``."""


_KNOWN_STATS = pattern(
    r"(?:total_)?(?:cache|rss|rss_huge|mapped_file|dirty|writeback|swap|swapcached|pgpgin|pgpgout"
    r"|anon|file|kernel|kernel_stack|slab|sock|shmem|percpu|vmalloc|hugetlb|pagetables|sec_pagetables"
    r"|zswap|zswapped|zswap_incomp|file_mapped|file_dirty|file_writeback|anon_thp|file_thp|shmem_thp"
    r"|(?:in)?active_(?:anon|file)|unevictable|slab_(?:un)?reclaimable"
    r"|(?:workingset|pg|pgscan|pgsteal|pgdemote|pgpromote|pswp|swpin|swpout|zswp|thp|numa)_?[a-z_]+)"
    r"|hierarchical_(?:memory|memsw)_limit|(?:anon|file)_cost|recent_(?:rotated|scanned)_(?:anon|file)"
)
"""The keys of memory.stat, and the kinds of events whose names go on growing."""


def stat_line(text: str) -> MemcgStat | None:
    """Read ``key value``, one record each since 6.5 (``seq_buf_do_printk()``)."""
    match = STAT_LINE.match(text.lstrip(INDENT))
    if match is None:
        return None
    key = match["key"]
    return MemcgStat(key=key, value=int(match["value"]), unknown=_unknown_stats(key))


_SOME_STATS = pattern(r"(?:[a-z][a-z_0-9]{1,60} \d{1,20}\n)*+")
_STAT = pattern(r"^(\w+) (\d+)$", re.MULTILINE)


def plain_stats(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return key and value of each text, up to the first that is plainly no line of memory.stat with a known key.

    None is, where one of them holds a line end.
    """
    if not texts or STAT_LINE.match(texts[0]) is None or "\n" in "".join(texts):
        return []
    found = _SOME_STATS.match("\n".join(texts) + "\n")
    pairs: list[tuple[str, str]] = [] if found is None else _STAT.findall(found[0])
    keys = [key for key, _ in pairs]
    unknown = _unknown_stats(*keys)
    return pairs[: keys.index(unknown[0])] if unknown else pairs


@functools.lru_cache(maxsize=1_024)
def _unknown_stats(*keys: str) -> tuple[str, ...]:
    return tuple(key for key in keys if _KNOWN_STATS.fullmatch(key) is None)


_KB_TAIL = pattern(r"(?:\s*[a-z_]+:-?\d{1,20}KB)+\s*\Z")


def stats_tail(text: str) -> MemcgStats | None:
    """Read a broken-off rest of the one-line statistics: `` cache:0KB rss:24576KB …``."""
    if _KB_TAIL.match(text) is None:
        return None
    stats = {match["key"]: int(match["value"]) for match in _KEY_KB.finditer(text)}
    broken = _unknown_stats(next(iter(stats)))
    return MemcgStats(unit="kB", stats={key: value for key, value in stats.items() if key not in broken})
