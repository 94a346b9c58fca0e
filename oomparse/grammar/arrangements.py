"""Which kernels print a line of Mem-Info with exactly these keys, in this order, with these units and blanks.

Tells the kernels from the whole arrangement of a line of ``mm/show_mem.c:show_free_areas()`` (before 6.3 in
``mm/page_alloc.c``), where `oomparse.grammar.counters` tells them from each key alone: a key that is not there dates a
line too.  A line that is arranged in no known way says nothing here.  Distributions mix the arrangements of several
kernels, so none of this holds for those that port lines back (`BACKPORTERS`).
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from oomparse.grammar.counters import UNRECLAIMABLE, KeyKind, key_range
from oomparse.pattern import pattern

BACKPORTERS = ("el4", "el5", "el6", "el7", "el8", "el9", "el10", "ovz", "vz")


class PrintedBy(NamedTuple):
    """The first and the last kernel that print something, and the distributions that do beside them."""

    since: str
    until: str | None
    distros: tuple[str, ...] = ()
    mainline: bool = True
    """Whether others than these distributions print it."""


# Each row: first and last release, widened to the releases that were not seen, and the keys; ``[]`` hold what a
# configuration leaves out, ``:`` behind a key a blank before its number, and a unit of its own stands behind ``=``.
_TOTALS = (
    ("2.6.18", "2.6.20", "Active inactive dirty writeback unstable free slab mapped pagetables"),
    ("2.6.21", "2.6.27", "Active inactive dirty writeback unstable"),
    ("2.6.21", "2.6.31", "free slab mapped pagetables bounce"),
    ("2.6.28", "2.6.31", "Active_anon active_file inactive_anon"),
    ("2.6.28", "2.6.31", "inactive_file unevictable dirty writeback unstable"),
    ("2.6.28", "2.6.30", "inactive_file dirty writeback unstable"),
    ("2.6.32", None, "active_anon inactive_anon isolated_anon"),
    ("2.6.32", None, "active_file inactive_file isolated_file"),
    ("2.6.32", "5.7", "unevictable dirty writeback unstable"),
    ("2.6.32", "4.0", "free slab_reclaimable slab_unreclaimable"),
    ("2.6.32", "6.0", "mapped shmem pagetables bounce"),
    ("3.7", "4.0", "free_cma"),
    ("4.1", None, "slab_reclaimable slab_unreclaimable"),
    ("4.1", None, "free free_pcp free_cma"),
    ("5.8", None, "unevictable dirty writeback"),
    ("5.15", None, "kernel_misc_reclaimable"),
    ("6.1", None, "mapped shmem pagetables"),
    ("6.1", None, "sec_pagetables bounce"),
)

_LRU = "active_anon inactive_anon active_file inactive_file unevictable"
_NODE_START = f"{_LRU} isolated(anon) isolated(file) mapped dirty writeback shmem"
_WIDE_THP = "[shmem_thp: shmem_pmdmapped: anon_thp:]"
_THP = "[shmem_thp shmem_pmdmapped anon_thp]"
_STACKS = "kernel_stack [shadow_call_stack]"
_NODE = (
    ("4.8", "4.11", f"{_NODE_START} {_WIDE_THP} writeback_tmp unstable pages_scanned all_unreclaimable?"),
    ("4.12", "5.7", f"{_NODE_START} {_WIDE_THP} writeback_tmp unstable all_unreclaimable?"),
    ("5.8", "5.8", f"{_NODE_START} {_WIDE_THP} writeback_tmp all_unreclaimable?"),
    ("5.9", "5.10", f"{_NODE_START} {_WIDE_THP} writeback_tmp {_STACKS} all_unreclaimable?"),
    ("5.11", "6.0", f"{_NODE_START} {_WIDE_THP} writeback_tmp {_STACKS} pagetables all_unreclaimable?"),
    ("6.1", "6.5", f"{_NODE_START} {_WIDE_THP} writeback_tmp {_STACKS} pagetables sec_pagetables all_unreclaimable?"),
    ("6.6", "6.16", f"{_NODE_START} {_THP} writeback_tmp {_STACKS} pagetables sec_pagetables all_unreclaimable?"),
    ("6.15", "7.0", f"{_NODE_START} {_THP} {_STACKS} pagetables sec_pagetables all_unreclaimable? Balloon"),
    (
        "7.0",
        None,
        f"{_NODE_START} {_THP} {_STACKS} pagetables sec_pagetables all_unreclaimable? Balloon gpu_active gpu_reclaim",
    ),
)

_MARKS = "free min low high"
_OLD_END = "pages_scanned all_unreclaimable?"
_OLD_MIDDLE = (
    "mlocked dirty writeback mapped shmem slab_reclaimable slab_unreclaimable kernel_stack pagetables unstable bounce"
)
_OLD_START = f"{_MARKS} {_LRU} isolated(anon) isolated(file) present"
_PENDING = f"{_LRU} writepending present managed mlocked"
_END = "bounce free_pcp local_pcp free_cma"
_ZONE = (
    ("2.6.18", "2.6.27", f"{_MARKS} active inactive present {_OLD_END}"),
    ("2.6.28", "2.6.31", f"{_MARKS} {_LRU} present {_OLD_END}"),
    ("2.6.28", "2.6.30", f"{_MARKS} active_anon inactive_anon active_file inactive_file present {_OLD_END}"),
    ("2.6.32", "3.6", f"{_OLD_START} {_OLD_MIDDLE} writeback_tmp {_OLD_END}"),
    ("3.7", "3.7", f"{_OLD_START} {_OLD_MIDDLE} free_cma writeback_tmp {_OLD_END}"),
    ("3.8", "4.0", f"{_OLD_START} managed {_OLD_MIDDLE} free_cma writeback_tmp {_OLD_END}"),
    ("3.17", "3.18", f"{_OLD_START} managed {_OLD_MIDDLE} free_cma writeback_tmp {_OLD_END} cma_watermark"),
    ("4.1", "4.7", f"{_OLD_START} managed {_OLD_MIDDLE} free_pcp local_pcp free_cma writeback_tmp {_OLD_END}"),
    (
        "4.8",
        "4.12",
        f"{_MARKS} {_PENDING} slab_reclaimable slab_unreclaimable kernel_stack pagetables {_END}",
    ),
    ("4.13", "5.5", f"{_MARKS} {_PENDING} kernel_stack pagetables {_END}"),
    ("5.5", "5.7", f"{_MARKS} reserved_highatomic=KB {_PENDING} kernel_stack pagetables {_END}"),
    ("5.8", "5.8", f"{_MARKS} reserved_highatomic=KB {_PENDING} {_STACKS} pagetables {_END}"),
    ("5.9", "5.10", f"{_MARKS} reserved_highatomic=KB {_PENDING} pagetables {_END}"),
    ("5.11", "5.16", f"{_MARKS} reserved_highatomic=KB {_PENDING} {_END}"),
    ("5.16", "6.16", f"free boost min low high reserved_highatomic=KB {_PENDING} {_END}"),
    ("6.16", "6.17", f"free boost min low high reserved_highatomic=KB free_highatomic=KB {_PENDING} {_END}"),
    (
        "6.18",
        "7.2",
        f"free boost min low high reserved_highatomic=KB free_highatomic=KB {_LRU} writepending zspages present "
        f"managed mlocked {_END}",
    ),
    (
        "7.3",
        None,
        f"free boost min low high reserved_highatomic free_highatomic {_LRU} writepending zspages present managed "
        f"mlocked {_END}",
    ),
)


class ArrangedKey(NamedTuple):
    """A key as it stands in a line: its unit, a blank before its number, and whether a configuration leaves it out."""

    name: str
    unit: str
    blank: bool
    optional: bool


class Arrangement(NamedTuple):
    """The keys of a line in the kernel's order, and the first and last kernel that print them so."""

    since: str
    until: str | None
    keys: tuple[ArrangedKey, ...]


def arrangements(kind: KeyKind) -> tuple[Arrangement, ...]:
    """Return every way in which mainline arranges a line of counters, those of a node or a zone for instance."""
    return tuple(
        Arrangement(since, until, tuple(_arranged(kind, keys)))
        for since, until, keys in {KeyKind.TOTALS: _TOTALS, KeyKind.NODE: _NODE, KeyKind.ZONE: _ZONE}[kind]
    )


def _arranged(kind: KeyKind, keys: str) -> Iterator[ArrangedKey]:
    optional = False
    for word in keys.split():
        optional = optional or word.startswith("[")
        plain = word.strip("[]")
        name, mark, unit = plain.rstrip(":?").partition("=")
        known = key_range(kind, name)
        yield ArrangedKey(name, unit if mark else known.unit if known else "", plain.endswith(":"), optional)
        optional = optional and not word.endswith("]")


def _shapes(kind: KeyKind, keys: str) -> Iterator[str]:
    """Yield what lines of this arrangement look like, each optional part there or not."""
    option = re.search(r"\[([^]]*)\] ", keys)
    if option is not None:
        for inside in ("", f"{option[1]} "):
            yield from _shapes(kind, f"{keys[: option.start()]}{inside}{keys[option.end() :]}")
        return
    words: list[str] = []
    for word in keys.split():
        key, mark, unit = word.rstrip(":").partition("=")
        known = key_range(kind, key)
        if word == f"{UNRECLAIMABLE}?":
            words.append(word)
        else:
            blank = " " if word.endswith(":") else ""
            words.append(f"{key}:{blank}{unit if mark else known.unit if known else ''}")
    yield " ".join(words)


@functools.cache
def _arrangements() -> Mapping[tuple[KeyKind, str], PrintedBy]:
    tables = ((KeyKind.TOTALS, _TOTALS), (KeyKind.NODE, _NODE), (KeyKind.ZONE, _ZONE))
    found: dict[tuple[KeyKind, str], PrintedBy] = {}
    for kind, table in tables:
        for since, until, keys in table:
            for shape in _shapes(kind, keys):
                # Without its options, a line may look the same in several rows that follow one another.
                first = found.get((kind, shape))
                found[kind, shape] = PrintedBy(first.since if first else since, until, BACKPORTERS)
    return found


_NO_DIGITS = str.maketrans("", "", "0123456789")
_ANSWER = pattern(r"(?<=\?) (?:yes|no)\b")
_KEY = pattern(r"([^\s:?]+)(?::|\?)")
_MAX_SHAPES = 4_096


def kernels_of(kind: KeyKind, counters: str, keys: Iterable[str], *, damaged: bool) -> tuple[PrintedBy, ...]:
    """Return which kernels print a line of these counters; of a ``damaged`` one, only its known keys tell."""
    if not damaged:
        return printed_by(kind, counters)
    known = (key_range(kind, key) for key in keys)
    return tuple(PrintedBy(each.since, each.until, each.distros) for each in known if each is not None)


def printed_by(kind: KeyKind, counters: str) -> tuple[PrintedBy, ...]:
    """Return which kernels print such counters: one answer for the arrangement of each line, one for each known key.

    >>> printed_by(KeyKind.TOTALS, "mapped:231 shmem:857 pagetables:130")[0][:2]
    ('6.1', None)
    """
    return _of_words(kind, counters.translate(_NO_DIGITS))


@functools.lru_cache(maxsize=_MAX_SHAPES)
def _of_words(kind: KeyKind, words: str) -> tuple[PrintedBy, ...]:
    known = _arrangements()
    shape = _ANSWER.sub("", words)
    lines = (line.strip() for line in shape.split("\n"))
    found = [arranged for line in lines if (arranged := known.get((kind, line))) is not None]
    for key in _KEY.findall(shape):
        meant = key_range(kind, key)
        if meant is not None:
            found.append(PrintedBy(meant.since, meant.until, meant.distros))
    return tuple(dict.fromkeys(found))
