"""The ``key:value`` counters of Mem-Info: which keys there are, what they mean, and which kernels print them.

Reads one run of counters (the machine-wide ones, a node's, a zone's) into numbers by key, from
``mm/show_mem.c:show_free_areas()`` (before 6.3 in ``mm/page_alloc.c``).  Kernels add, drop and move keys almost every
year and distributions port them back, so a value is only ever found by its key, never by its place.  A value that may
be cut is dropped; after the first thing that is no counter, nothing more is read.
"""

import functools
from collections.abc import Mapping
from enum import StrEnum

from oomparse.pattern import pattern
from oomparse.record import maker, record


class KeyKind(StrEnum):
    """Where a counter stands."""

    TOTALS = "totals"
    NODE = "node"
    ZONE = "zone"
    PAGE_COUNTS = "page_counts"


@record(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """What is known of one key.

    ``field`` is the model's name for it; ``unit`` is what stands behind the number (``kB``) or empty for pages.
    ``since`` and ``until`` are the first and last release that print it there (``until=None``: still), widened to the
    releases that were not seen; ``distros`` print it outside of that range.  ``last`` says that a line may end with it.
    """

    field: str
    unit: str = "kB"
    since: str
    until: str | None = None
    distros: tuple[str, ...] = ()
    last: bool = False


def _pages(
    since: str, until: str | None = None, *, field: str, last: bool = False, distros: tuple[str, ...] = ()
) -> KeyRange:
    return KeyRange(field=f"{field}_pages", unit="", since=since, until=until, last=last, distros=distros)


def _kb(
    since: str, until: str | None = None, *, field: str, last: bool = False, distros: tuple[str, ...] = ()
) -> KeyRange:
    return KeyRange(field=f"{field}_kb", since=since, until=until, last=last, distros=distros)


UNRECLAIMABLE = "all_unreclaimable"
"""The one key whose value is a word: ``all_unreclaimable? yes``."""

_TOTALS: Mapping[str, KeyRange] = {
    "Active": _pages("2.6.18", "2.6.27", field="active"),
    "inactive": _pages("2.6.18", "2.6.27", field="inactive"),
    "Active_anon": _pages("2.6.28", "2.6.31", field="active_anon"),
    "active_anon": _pages("2.6.32", field="active_anon"),
    "inactive_anon": _pages("2.6.28", field="inactive_anon"),
    "isolated_anon": _pages("2.6.32", field="isolated_anon", last=True),
    "active_file": _pages("2.6.28", field="active_file"),
    "inactive_file": _pages("2.6.28", field="inactive_file"),
    "isolated_file": _pages("2.6.32", field="isolated_file", last=True),
    "unevictable": _pages("2.6.28", field="unevictable"),
    "dirty": _pages("2.6.18", field="dirty"),
    "writeback": _pages("2.6.18", field="writeback", last=True),
    "unstable": _pages("2.6.18", "5.7", field="unstable", last=True),
    "free": _pages("2.6.18", field="free"),
    "slab": _pages("2.6.18", "2.6.31", field="slab"),
    "slab_reclaimable": _pages("2.6.32", field="slab_reclaimable"),
    "slab_unreclaimable": _pages("2.6.32", field="slab_unreclaimable", last=True),
    "mapped": _pages("2.6.18", field="mapped"),
    "mapped-file": _pages("2.6.18", "2.6.18", field="mapped_file", distros=("el5",)),
    "mapped-anon": _pages("2.6.18", "2.6.18", field="mapped_anon", distros=("el5",)),
    "shmem": _pages("2.6.32", field="shmem"),
    "pagetables": _pages("2.6.18", field="pagetables", last=True),
    "sec_pagetables": _pages("6.1", field="sec_pagetables"),
    "bounce": _pages("2.6.21", field="bounce", last=True, distros=("el5",)),
    "kernel_misc_reclaimable": _pages("5.15", field="kernel_misc_reclaimable", last=True),
    "free_pcp": _pages("4.1", field="free_pcp", distros=("el7",)),
    "free_cma": _pages("3.7", field="free_cma", last=True),
}

_NODE: Mapping[str, KeyRange] = {
    "active_anon": _kb("4.8", field="active_anon"),
    "inactive_anon": _kb("4.8", field="inactive_anon"),
    "active_file": _kb("4.8", field="active_file"),
    "inactive_file": _kb("4.8", field="inactive_file"),
    "unevictable": _kb("4.8", field="unevictable"),
    "isolated(anon)": _kb("4.8", field="isolated_anon"),
    "isolated(file)": _kb("4.8", field="isolated_file"),
    "mapped": _kb("4.8", field="mapped"),
    "dirty": _kb("4.8", field="dirty"),
    "writeback": _kb("4.8", field="writeback"),
    "shmem": _kb("4.8", field="shmem"),
    "shmem_thp": _kb("4.8", field="shmem_thp"),
    "shmem_pmdmapped": _kb("4.8", field="shmem_pmdmapped"),
    "anon_thp": _kb("4.8", field="anon_thp"),
    "writeback_tmp": _kb("4.8", "6.17", field="writeback_tmp"),
    "unstable": _kb("4.8", "5.7", field="unstable"),
    "kernel_stack": _kb("5.9", field="kernel_stack", distros=("el8",)),
    "shadow_call_stack": _kb("5.9", field="shadow_call_stack"),
    "pagetables": _kb("5.11", field="pagetables", distros=("el8",)),
    "sec_pagetables": _kb("6.1", field="sec_pagetables"),
    "pages_scanned": KeyRange(field="pages_scanned", unit="", since="4.8", until="4.11"),
    UNRECLAIMABLE: KeyRange(field=UNRECLAIMABLE, unit="", since="4.8", last=True),
    "Balloon": _kb("6.15", field="balloon", last=True),
    "gpu_active": _kb("7.0", field="gpu_active"),
    "gpu_reclaim": _kb("7.0", field="gpu_reclaim", last=True),
}

_ZONE: Mapping[str, KeyRange] = {
    "free": _kb("2.6.18", field="free"),
    "boost": _kb("5.16", field="boost"),
    "min": _kb("2.6.18", field="min"),
    "low": _kb("2.6.18", field="low"),
    "high": _kb("2.6.18", field="high"),
    "reserved_highatomic": _kb("5.5", field="reserved_highatomic", distros=("el8",)),
    "free_highatomic": _kb("6.16", field="free_highatomic"),
    "active": _kb("2.6.18", "2.6.27", field="active"),
    "inactive": _kb("2.6.18", "2.6.27", field="inactive"),
    "active_anon": _kb("2.6.28", field="active_anon"),
    "inactive_anon": _kb("2.6.28", field="inactive_anon"),
    "active_file": _kb("2.6.28", field="active_file"),
    "inactive_file": _kb("2.6.28", field="inactive_file"),
    "unevictable": _kb("2.6.28", field="unevictable"),
    "isolated(anon)": _kb("2.6.32", "4.7", field="isolated_anon"),
    "isolated(file)": _kb("2.6.32", "4.7", field="isolated_file"),
    "writepending": _kb("4.8", field="writepending"),
    "zspages": _kb("6.18", field="zspages"),
    "present": _kb("2.6.18", field="present"),
    "managed": _kb("3.8", field="managed"),
    "mlocked": _kb("2.6.32", field="mlocked"),
    "dirty": _kb("2.6.32", "4.7", field="dirty"),
    "writeback": _kb("2.6.32", "4.7", field="writeback"),
    "mapped": _kb("2.6.32", "4.7", field="mapped"),
    "shmem": _kb("2.6.32", "4.7", field="shmem"),
    "slab_reclaimable": _kb("2.6.32", "4.12", field="slab_reclaimable"),
    "slab_unreclaimable": _kb("2.6.32", "4.12", field="slab_unreclaimable"),
    "kernel_stack": _kb("2.6.32", "5.8", field="kernel_stack"),
    "shadow_call_stack": _kb("5.8", "5.8", field="shadow_call_stack"),
    "pagetables": _kb("2.6.32", "5.10", field="pagetables"),
    "unstable": _kb("2.6.32", "4.7", field="unstable"),
    "bounce": _kb("2.6.32", field="bounce"),
    "free_pcp": _kb("4.1", field="free_pcp", distros=("el7",)),
    "local_pcp": _kb("4.1", field="local_pcp", distros=("el7",)),
    "free_cma": _kb("3.7", field="free_cma", last=True),
    "writeback_tmp": _kb("2.6.32", "4.7", field="writeback_tmp"),
    "pages_scanned": KeyRange(field="pages_scanned", unit="", since="2.6.18", until="4.7"),
    UNRECLAIMABLE: KeyRange(field=UNRECLAIMABLE, unit="", since="2.6.18", until="4.7", last=True),
    "cma_watermark": _kb("3.18", "3.18", field="cma_watermark", last=True),
}

_PAGE_COUNTS: Mapping[str, KeyRange] = {
    "RAM": _pages("2.6.27", field="ram"),
    "of RAM": _pages("2.6.18", "3.19", field="ram"),
    "HighMem": _pages("2.6.27", "3.12", field="highmem"),
    "HighMem/MovableOnly": _pages("3.12", field="highmem", distros=("el7",)),
    "of HIGHMEM": _pages("2.6.18", "2.6.26", field="highmem"),
    "reserved": _pages("2.6.18", field="reserved"),
    "cma reserved": _pages("3.19", field="cma_reserved"),
    "hwpoisoned": _pages("3.14", field="hwpoisoned"),
    "shared": _pages("2.6.18", "3.19", field="shared"),
    "non-shared": _pages("2.6.27", "3.12", field="non_shared"),
    "in page table cache": _pages("2.6.18", "2.6.26", field="pagetable_cache"),
    "in pagetable cache": _pages("2.6.27", "5.3", field="pagetable_cache"),
    "free": _pages("2.6.18", "3.19", field="free"),
    "slab": _pages("2.6.18", "3.19", field="slab"),
    "dirty": _pages("2.6.18", "2.6.26", field="dirty"),
    "writeback": _pages("2.6.18", "2.6.26", field="writeback"),
    "mapped": _pages("2.6.18", "2.6.26", field="mapped"),
    "pagetables": _pages("2.6.18", "2.6.26", field="pagetables"),
    "pagecache": _pages("2.6.18", "2.6.18", field="pagecache", distros=("el5",)),
    "total pagecache": _pages("2.6.25", field="pagecache"),
}

KEYS: Mapping[KeyKind, Mapping[str, KeyRange]] = {
    KeyKind.TOTALS: _TOTALS,
    KeyKind.NODE: _NODE,
    KeyKind.ZONE: _ZONE,
    KeyKind.PAGE_COUNTS: _PAGE_COUNTS,
}


def key_range(kind: KeyKind, key: str) -> KeyRange | None:
    """Return which kernels print a key (``boost``, ``isolated(anon)``) there, or ``None`` for an unknown one."""
    return KEYS[kind].get(key)


@record(frozen=True, slots=True, kw_only=True)
class Counters:
    """The counters of one line, by the kernel's own keys.

    ``other`` holds those that this version does not know, under the key with its unit appended.
    """

    values: Mapping[str, int]
    other: Mapping[str, int]
    all_unreclaimable: bool | None = None
    damaged: bool = False

    @property
    def unknown(self) -> tuple[str, ...]:
        """The keys of ``other``, as the kernel prints them."""
        return tuple(key.removesuffix("_kb").removesuffix("_pages") for key in self.other)


_OLD_FIRST_LINE = ("Active_anon", "inactive_anon")
"""Where the first line of the machine-wide counters begins and ends, 2.6.28 to 2.6.31 only."""

_RECORD_ENDS = ("bounce", "free_cma")
"""What ends the machine-wide counters where they are one record of several lines (since 2.6.21)."""

_KEY = pattern(r"[A-Za-z_][A-Za-z0-9_()/-]{0,47}")
_ANSWERS = {"yes": True, "no": False}
_QUESTION = f"{UNRECLAIMABLE}?"
_MAX_DIGITS = 20


_DIGITS = pattern(rf"([0-9]{{1,{_MAX_DIGITS}}})")
_MAX_SHAPES = 256


def read_counters(kind: KeyKind, text: str) -> Counters:
    """Read ``key:value`` counters; what may be cut or garbled is left out and marks the result as damaged.

    >>> read_counters(KeyKind.ZONE, "free:12kB min:3kB new:4kB free_cma:0kNode").values
    {'free': 12, 'min': 3}
    """
    parts = _DIGITS.split(text)
    numbers = parts[1::2]
    shape = _read_shape(kind, "0".join(parts[::2]))
    if shape.damaged or shape.other or len(shape.values) != len(numbers):
        return _read(kind, text)
    values = dict(zip(shape.values, map(int, numbers), strict=True))
    return maker(Counters)(values=values, other={}, all_unreclaimable=shape.all_unreclaimable)


@functools.lru_cache(maxsize=_MAX_SHAPES)
def _read_shape(kind: KeyKind, text: str) -> Counters:
    """Read what all lines of one kernel have in common, their numbers aside."""
    return _read(kind, text)


def _read(kind: KeyKind, text: str) -> Counters:
    """Read the counters word by word."""
    known = KEYS[kind]
    values: dict[str, int] = {}
    other: dict[str, int] = {}
    unreclaimable: bool | None = None
    value: int | None = None
    last: KeyRange | None = None
    name = key = first = ""
    words = iter(text.split())
    for word in words:
        if word == _QUESTION:
            name, unreclaimable = UNRECLAIMABLE, _ANSWERS.get(next(words, ""))
            value = unreclaimable
        else:
            name, mark, printed = word.partition(":")
            if mark and not printed:
                printed = next(words, "")  # "shmem_thp: 0kB", 4.8 to 6.5
            unit = "kB" if printed[-2:] in {"kB", "KB"} else ""
            value = _number(printed[:-2] if unit else printed)
            if value is None or name in values:
                value = None
            elif (meant := known.get(name)) is None:
                value = value if _KEY.fullmatch(name) else None
                if value is not None:
                    other[f"{name}_{unit.lower() or 'pages'}"] = value
            elif meant.unit == unit and name != UNRECLAIMABLE:
                values[name] = value
            else:
                value = None
        if value is None and word.isdecimal() and last is not None and not last.unit:
            values.pop(key, None)  # the line was broken inside its number
        last, key = known.get(name), name
        first = first or name
        if value is None:
            break
    ends = last is None or last.last or (first, name) == _OLD_FIRST_LINE
    if kind is KeyKind.TOTALS and "\n" in text.strip():
        ends = last is None or name in _RECORD_ENDS
    cut = value is not None and not ends
    if cut and last is not None and not last.unit:
        values.pop(name, None)  # it may lack digits, and nothing stands behind it to say so
    return maker(Counters)(values=values, other=other, all_unreclaimable=unreclaimable, damaged=cut or value is None)


def _number(digits: str) -> int | None:
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= _MAX_DIGITS else None
