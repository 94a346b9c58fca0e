"""The long sections of one report, parsed when first asked for.

The loader behind an event's lazy fields (`oomparse.lazy`): keeps the texts of the report's lines with the section that
each was recognised as, and runs the formats of that section again when somebody reads the field.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from oomparse.grammar.dispatch import parse_line
from oomparse.grammar.format import Section, TypedLine
from oomparse.grammar.memcg import (
    STAT_LINE,
    MemcgCounter,
    MemcgStat,
    MemcgStats,
    is_cut,
    plain_stats,
    stat_line,
    stats_tail,
)
from oomparse.grammar.tasks import TaskHeader, TaskLine, task_cells, task_rows
from oomparse.pattern import pattern
from oomparse.sections import MemInfo, TaskCells, TaskTable

_FOREIGN_SHARE = 1.05
"""RAM that is this much larger than the zones shown belongs to nodes that are not shown."""


STATS_AT_ONCE = 100
"""Lines of memory.stat that are looked at together (kernels print some fifty): most of them may be odd."""
_IS_ROW = pattern(r"\s*\[\s*-?\d")


def _stats_line(text: str) -> TypedLine | None:
    stat = stat_line(text)  # no format takes such a line
    if stat is not None:
        return stat
    parsed = parse_line(text)
    return parsed.line if parsed is not None else stats_tail(text)


def _drop_cut(stats: dict[str, int] | None, texts: Sequence[str]) -> None:
    """Leave out the last of a cgroup's statistics, where printk may have cut it."""
    if stats is not None and texts and is_cut(texts):
        stats.pop(texts[-1].partition(" ")[0], None)


class ReportSections:
    """Loads ``meminfo``, ``tasks``, ``slabs``, ``stack`` of an event and ``stats…`` of its memcg."""

    __slots__ = ("_known", "_oom_memcg", "_sections", "_texts")

    def __init__(
        self, body: Mapping[Section, Sequence[str]], texts: tuple[str, ...], oom_memcg: str | None = None
    ) -> None:
        self._sections = {section: tuple(lines) for section, lines in body.items()}
        self._texts = texts
        self._oom_memcg = oom_memcg
        self._known: dict[str, Any] = {}

    def lines(self) -> tuple[str, ...]:
        """Return the report's own texts."""
        return self._texts

    def load(self, name: str) -> Any:
        """Return a section, parsed at the first time."""
        if name not in self._known:
            self._known[name] = getattr(self, f"_load_{name}")()
        return self._known[name]

    def has_meminfo(self) -> bool:
        """Whether there is a Mem-Info block."""
        return Section.MEMINFO in self._sections

    def stats_path(self) -> str | None:
        """Return the first cgroup whose statistics are printed: the one whose limit was hit.

        From 3.9 to 5.2 those of its children follow, and of a cut report the first that is left may be a child's: there
        the counters must stand before it, as the kernel prints them.
        """
        after_counters = False
        for line in map(_stats_line, self.texts_of(Section.MEMCG)):
            after_counters = after_counters or isinstance(line, MemcgCounter)
            if isinstance(line, MemcgStats) and line.path:
                return line.path if after_counters or self.load("stats_unit") != "kB" else None
        return None

    def stats_in_bytes(self) -> bool:
        """Whether the memcg statistics are those of memory.stat (since 5.3)."""
        return bool(self.load("stats_unit") == "bytes")

    def excluded_nodes(self, mems_allowed: str) -> str | None:
        """Return what shows that nodes with memory are not allowed: the zones shown hold less than all RAM.

        Since 2.6.39 an OOM report shows only the zones of allowed nodes, but counts the RAM of all.
        """
        meminfo: MemInfo | None = self.load("meminfo")
        if meminfo is None or meminfo.page_counts is None or meminfo.page_size_bytes is None:
            return None
        ram_pages = meminfo.page_counts.ram_pages
        present = [zone.present_kb for zone in meminfo.zones]
        if ram_pages is None or not present or None in present:
            return None
        ram_kb = ram_pages * meminfo.page_size_bytes // 1024
        shown_kb = sum(size for size in present if size is not None)
        if ram_kb <= shown_kb * _FOREIGN_SHARE:
            return None
        return f"mems_allowed={mems_allowed}: zones of {shown_kb} kB are shown of {ram_kb} kB RAM"

    def texts_of(self, section: Section) -> Sequence[str]:
        """Return the texts of the lines that were recognised as a section's."""
        return self._sections.get(section, ())

    def _section(self, section: Section) -> Iterator[TypedLine]:
        for text in self.texts_of(section):
            parsed = parse_line(text)
            if parsed is not None:
                yield parsed.line

    def _load_meminfo(self) -> MemInfo | None:
        from oomparse.section_builder import build_meminfo

        return build_meminfo(self._section(Section.MEMINFO))

    def _load_slabs(self) -> Any:
        from oomparse.section_builder import build_slabs

        return build_slabs(self._section(Section.SLABS))

    def _load_stack(self) -> Any:
        from oomparse.section_builder import build_stack

        return build_stack(self._section(Section.STACK))

    def _task_lines(self) -> tuple[list[TypedLine | list[str]], bool]:
        """Return the header and runs of unread rows, and whether somebody has put blanks behind the lines."""
        lines: list[TypedLine | list[str]] = []
        padded = False
        for text in self.texts_of(Section.TASKS):
            if _IS_ROW.match(text) is not None:
                if not lines or not isinstance(lines[-1], list):
                    lines.append([])
                cast("list[str]", lines[-1]).append(text)
                continue
            padded = padded or text[-1:] == " "
            parsed = parse_line(text)
            if parsed is not None:
                lines.append(parsed.line)
        return lines, padded

    def _load_tasks(self) -> TaskTable | None:
        lines, padded = self._task_lines()
        rows = task_rows(lines, padded=padded)
        return None if rows is None else TaskTable(rows)

    def task_cells(self) -> TaskCells | None:
        """Return the rows of the task dump unread, where all are below one header, and as the kernel prints them."""
        texts = self.texts_of(Section.TASKS)
        for at, text in enumerate(texts):
            parsed = parse_line(text)
            if parsed is None or isinstance(parsed.line, TaskLine) or text[-1:] == " ":
                return None
            if isinstance(parsed.line, TaskHeader):
                return task_cells(parsed.line.columns, texts[at + 1 :])
        return None

    def _load_tree(self) -> tuple[str | None, dict[str, dict[str, int]]]:
        """Return the unit and the statistics of every cgroup, in the order in which they were printed."""
        unit: str | None = None
        tree: dict[str, dict[str, int]] = {}
        current: dict[str, int] | None = None
        in_bytes: list[str] = []
        texts = self.texts_of(Section.MEMCG)
        at = 0
        while at < len(texts):
            run = texts[at : at + STATS_AT_ONCE] if STAT_LINE.match(texts[at]) is not None else ()
            if current is not None and (pairs := plain_stats(run)):
                current |= {key: int(value) for key, value in pairs}
                in_bytes += run[: len(pairs)]
                unit = unit or "bytes"
                at += len(pairs)
                continue
            line = _stats_line(texts[at])
            at += 1
            if isinstance(line, MemcgStats):
                if line.path is not None or current is None:
                    _drop_cut(current, in_bytes)
                    current, in_bytes = tree.setdefault(line.path or "", {}), []
                current.update(line.stats)
                unit = unit or line.unit
            elif isinstance(line, MemcgStat) and current is not None:
                current[line.key] = line.value
                in_bytes.append(f"{line.key} {line.value}")
                unit = unit or "bytes"
            elif line is None and in_bytes:
                return unit, tree  # what the record was cut at stands for itself
        _drop_cut(current, in_bytes)
        return unit, tree

    def _load_stats_unit(self) -> str | None:
        unit: str | None = self.load("tree")[0]
        return unit

    def _load_stats(self) -> Mapping[str, int] | None:
        """Return the statistics of the cgroup whose limit was hit; where no line names it, of the first."""
        tree: dict[str, dict[str, int]] = self.load("tree")[1]
        if "" in tree:
            return next(iter(tree.values())) or None
        path = self._oom_memcg or self.stats_path()
        return (tree.get(path) if path is not None else None) or None

    def _load_hierarchy(self) -> Mapping[str, Mapping[str, int]] | None:
        return self.load("tree")[1] or None
