"""A whole report on one physical line, as some forms and chats make of it: found by how its lines begin.

Turns one text into the kernel lines that run on in it.  The kernel prints nothing between them, so a line ends where
another surely begins.  Only a text that is longer than any kernel record is looked at, and only one that begins as a
report does.
"""

import itertools
import re
from collections.abc import Iterator

from oomparse.grammar.tokens import COMM_BYTES, MESSAGE
from oomparse.pattern import pattern

MAX_RECORD_CHARACTERS = 1_024
"""A kernel record has so many bytes at most (``CONSOLE_EXT_LOG_MAX`` apart); a longer text is several."""
_FEWEST_LINES = 4

_ZONE = r"(?:Node \d+,? )?(?:DMA32|DMA|Normal|HighMem|Movable|Device)"
_SYMBOL = r"(?:\? )?[A-Za-z_][\w.$]*\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}"
_KINDS = (
    r"CPU: \d+ (?:UID: \d+ )?PID: |Pid: \d+, comm: |Hardware name: |Workqueue: |Tainted: \[",
    rf"Call [Tt]race:|\s*\[<[0-9a-f]{{8,16}}>\]|\s+{_SYMBOL}|\s*</?(?:TASK|IRQ|NMI|EOI)>",
    r"R(?:IP|SP|AX|DX|BP|10|13): |Code: (?=[0-9a-f<B])",
    r"Task in /|(?:memory(?:\+swap)?|kmem|swap): usage \d|Memory cgroup (?:stats|min protection)|Memory limit reached",
    r"Mem-[Ii]nfo:|Node \d+ (?:active_anon:|hugepages_)|[Aa]ctive(?:_anon)?:\d+ (?:in)?active|lowmem_reserve\[\]:",
    rf"{_ZONE}(?: free:|: \d+\*| per-cpu:)|CPU +\d+: (?:Hot: )?hi:",
    r"\d+ (?:total pagecache pages|pages (?:in swap|(?:of )?RAM|HighMem|reserved|cma|hwpoisoned|shared|non-))",
    r"Swap cache|(?:Free|Total) swap +=|Unreclaimable slab info:",
    r"Tasks state \(|\[ +pid +\]|\[ *\d+\] +\d+ +\d+ +\d+ +\d+ ",
    rf"oom-kill:constraint=|{MESSAGE}: (?:Killed|[Kk]ill) process \d|(?<!: )Killed process \d|oom_reaper: |Tasks in /",
)
_BEGINS = pattern("|".join(f"({kind})" for kind in _KINDS))
_HEADER = pattern(rf"([^\n]{{0,{COMM_BYTES}}}) invoked oom-killer: gfp_mask=0x")
_KILL_ENDS = pattern(
    r"total-vm:\d+kB, anon-rss:\d+kB, file-rss:\d+kB(?:, shmem-rss:\d+kB)?"
    r"(?:, UID:\d+ pgtables:\d+kB oom_score_adj:-?\d+)?"
)
_COMM = pattern(rf"[Cc]omm: ([^\n]{{1,{COMM_BYTES}}}?) +(?:Kdump: loaded )?(?:Not tainted|Tainted: )")
_MOST_NAMES = 64
_STAMP = pattern(r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:\S{1,64} )?kernel: ?)?(?:\[ *\d+\.\d{6}\] ?)?\Z")
"""What stood before the next line."""
_STATS = pattern(r"(Memory cgroup stats for [^\n:]*:) ?(?=[a-z_]+ \d)")
_STAT = pattern(r"[a-z][a-z_]* \d+")


def split_run_on(text: str) -> list[str] | None:
    """Return the kernel lines of a text that holds a whole report; ``None`` where it does not."""
    header = _HEADER.match(text)
    cuts = {0}
    kinds: set[int] = set()
    for found in _BEGINS.finditer(text):
        cuts.add(found.start())
        kinds.add(found.lastindex or 0)
    if len(cuts) < _FEWEST_LINES or len(kinds) < _FEWEST_LINES or (header is None and _BEGINS.match(text) is None):
        return None
    cuts.update(found.end() for found in _KILL_ENDS.finditer(text))
    names = sorted({found[1] for found in _COMM.finditer(text)})[:_MOST_NAMES]
    if names:
        cuts.update(found.start() for found in re.finditer(rf"(?:{'|'.join(map(re.escape, names))}) cpuset=", text))
    ends = sorted({*cuts, len(text)})
    parts = (_STAMP.sub("", text[start:end]).rstrip() for start, end in itertools.pairwise(ends))
    return [line for part in parts for line in _lines(part)]


def _lines(part: str) -> Iterator[str]:
    stats = _STATS.match(part)
    if stats is None:
        if part:
            yield part
        return
    yield stats[1]
    yield from _STAT.findall(part, stats.end())
