"""The writer's own tables, held against the registry of lines."""

import re
from dataclasses import replace

import pytest

from oomparse.grammar import formats
from oomparse.grammar.arrangements import arrangements
from oomparse.grammar.counters import KEYS, KeyKind
from oomparse.grammar.dispatch import parse_line
from oomparse.grammar.format import Section
from oomparse.sections import MemInfo, MemTotals, ZoneMemory
from oomparse.testing.printk import RELEASES, representable, write
from oomparse.testing.printk.kernel import BACKPORTS, Kernel
from oomparse.testing.printk.memcg import SHAPES as STAT_SHAPES
from oomparse.testing.printk.meminfo import ORDERS
from oomparse.testing.printk.tasks import SHAPES as TABLE_SHAPES
from tests.incident import INCIDENT

EVERYTHING = replace(
    INCIDENT, meminfo=MemInfo(totals=MemTotals(free_pages=1), zones=(ZoneMemory(node=0, zone="Normal", free_kb=1),))
)


@pytest.mark.parametrize("release", [name for name in RELEASES if "-" not in name])
def test_every_line_of_a_report_is_of_its_own_kernel(release: str) -> None:
    """The registry dates each line; the writer may not mix kernels."""
    era = representable(EVERYTHING, release).era
    assert era is not None
    assert era.consistent
    kernel = Kernel.of(release)
    for text in write(EVERYTHING, release):
        found = parse_line(text)
        assert found is None or kernel.at_least(found.format.since), text


def test_back_ports_name_lines_that_the_registry_knows_them_for() -> None:
    by_name = {line_format.name: line_format for line_format in formats()}
    shapes = {shape.name for shape in (*STAT_SHAPES, *TABLE_SHAPES, *ORDERS)}
    for (distribution, base), backports in BACKPORTS.items():
        assert [backport.build for backport in backports] == sorted(backport.build for backport in backports)
        for name in {name for backport in backports for name in backport.adds | backport.drops} - shapes:
            assert name in by_name, (distribution, name)
        for name in {name for backport in backports for name in backport.adds} - shapes:
            line_format = by_name[name]
            own = any(distribution.startswith(distro) for distro in line_format.distros)
            assert own or Kernel.of(base).line(name) is not None, (distribution, name)


def test_lines_of_one_distribution_are_not_mainlines() -> None:
    for line_format in formats():
        if re.search(r"_(?:el\d|vz\d|openvz)", line_format.name):
            assert not line_format.mainline, line_format.name


@pytest.mark.parametrize("kind", [KeyKind.NODE, KeyKind.ZONE])
def test_keys_stand_in_the_order_of_every_kernel(kind: KeyKind) -> None:
    order = list(KEYS[kind])
    for arrangement in arrangements(kind):
        names = [key.name for key in arrangement.keys]
        assert names == sorted(names, key=order.index)


NEVER_WRITTEN = {
    Section.HEADER: {"compaction"},
    Section.CPU: {"taint_words", "stopper", "sched_ext"},
    Section.VERDICT: {"pinned", "ub_end", "lmk_to_free", "lmk_reason", "select_openvz", "kill_disabled"},
    Section.REAPER: {"reaper_gave_up"},
}
"""Lines that say nothing that the model keeps, or are parts of others."""


@pytest.mark.parametrize("section", [*NEVER_WRITTEN, Section.MEMCG, Section.CPUSET, Section.SYSRQ])
def test_every_line_has_a_kernel_that_writes_it(section: Section) -> None:
    chosen = {
        line_format.name
        for release in (*RELEASES, "2.6.22", "2.6.29", "2.6.34")
        for known in formats()
        if known.section is section and not known.tolerant
        if (line_format := Kernel.of(release).line(known.name)) is not None
    }
    every = {found.name for found in formats() if found.section is section and not found.tolerant}
    assert every - chosen <= NEVER_WRITTEN.get(section, set())
