"""No line of a report is unknown: of every log of the corpus, and of lines that the kernel printed in pieces.

What is unknown in the corpus is truly foreign: other messages that came between, and what a console made of two lines.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import oomparse
from oomparse import OomEvent
from oomparse.errors import IssueCode
from oomparse.grammar.fragment import joined, may_be_continued
from oomparse.testing import corpus
from tests.reports import assemble, messages

FOREIGN = re.compile(
    r"labnoise1?: .*tick \d+.*"  # what the laboratory's own noise maker writes
    r"|crasher\[\d+\]: segfault at .*| in init\[[0-9a-f+]+\]| likely on CPU \d+ .*"
    r"|hrtimer: interrupt took \d+ ns"  # a busy host under the emulator
    r"|\*\* replaying previous printk message \*\*|Tasks sta"  # a panic prints again what the console had begun
    r"|hog|\[ 9\.9\] Kill"  # the rest of a comm of two lines, where no stamp tells that it is one
)


def test_unknown_lines_of_the_corpus_are_foreign() -> None:
    seen = 0
    for case in corpus():
        log = next((log for log in case.logs if log.format in {"kmsg", "dmesg", "console"}), None)
        if log is None:
            continue
        for event in oomparse.parse(case.data(log)):
            seen += 1
            strange = [line for line in event.unknown_lines if FOREIGN.fullmatch(line) is None]
            assert not strange, (str(case), log.file, strange)
    assert seen > 100


MEMCG_4_4 = """\
hog invoked oom-killer: gfp_mask=0x24200ca, order=0, oom_score_adj=0
hog cpuset=/ mems_allowed=0-1
CPU: 0 PID: 27 Comm: hog Not tainted 4.4.155 #1
Call Trace:
 [<ffffffff81162487>] dump_stack+0x4d/0x66
Task in /lab/left killed as a result of limit of /lab
memory: usage 32768kB, limit 32768kB, failcnt 18
memory+swap: usage 24576kB, limit 9007199254740988kB, failcnt 0
kmem: usage 0kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /lab: cache:0KB rss:0KB rss_huge:0KB mapped_file:0KB dirty:0KB writeback:0KB swap:0KB
Memory cgroup stats for /lab/left: cache:1KB rss:24576KB rss_huge:0KB mapped_file:0KB dirty:0KB writeback:0KB swap:3KB
[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
[   27]     0    27    17039     6273      26       3        0             0 hog
Memory cgroup out of memory: Kill process 27 (hog) score 993 or sacrifice child
Killed process 27 (hog) total-vm:68156kB, anon-rss:24568kB, file-rss:524kB"""

GLOBAL_4_12 = """\
hog invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null),  order=0, oom_score_adj=0
hog cpuset=lab mems_allowed=0-1
CPU: 0 PID: 27 Comm: hog Not tainted 4.12.0 #1
Call Trace:
 dump_stack+0x4d/0x66
Mem-Info:
active_anon:41 inactive_anon:44335 isolated_anon:0
 active_file:0 inactive_file:3 isolated_file:0
 unevictable:0 dirty:0 writeback:0 unstable:0
 slab_reclaimable:2266 slab_unreclaimable:1618
 mapped:231 shmem:857 pagetables:130 bounce:0
 free:582 free_pcp:209 free_cma:0
Node 0 active_anon:164kB inactive_anon:177340kB active_file:0kB inactive_file:12kB unevictable:0kB \
isolated(anon):0kB isolated(file):0kB mapped:924kB dirty:0kB writeback:0kB shmem:3428kB shmem_thp: 0kB \
shmem_pmdmapped: 0kB anon_thp: 0kB writeback_tmp:0kB unstable:0kB all_unreclaimable? yes
Node 0 DMA free:772kB min:144kB low:180kB high:216kB active_anon:14200kB inactive_anon:0kB active_file:0kB \
inactive_file:0kB unevictable:0kB writepending:0kB present:15992kB managed:15360kB mlocked:0kB \
slab_reclaimable:0kB slab_unreclaimable:0kB kernel_stack:0kB pagetables:0kB bounce:0kB free_pcp:224kB \
local_pcp:224kB free_cma:0kB
lowmem_reserve[]: 0 179 179 179
Node 0 DMA32 free:1592kB min:1640kB low:2048kB high:2456kB active_anon:8kB inactive_anon:175948kB active_file:0kB \
inactive_file:0kB unevictable:0kB writepending:0kB present:245632kB managed:194876kB mlocked:0kB \
slab_reclaimable:0kB slab_unreclaimable:0kB kernel_stack:0kB pagetables:496kB bounce:0kB free_pcp:192kB \
local_pcp:28kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0
Node 0 DMA: 1*4kB (U) 0*8kB 1*16kB (UM) 3*256kB (UME) 0*512kB = 788kB
Node 0 DMA32: 2*4kB (M) 0*8kB 1*16kB (U) 0*256kB 1*512kB (C) = 536kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
857 total pagecache pages
0 pages in swap cache
Swap cache stats: add 0, delete 0, find 0/0
Free swap  = 0kB
Total swap = 0kB
65406 pages RAM
0 pages HighMem/MovableOnly
12710 pages reserved
[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
[   27]     0    27    17039     6273      26       3        0             0 hog
Out of memory: Kill process 27 (hog) score 993 or sacrifice child
Killed process 27 (hog) total-vm:68156kB, anon-rss:24568kB, file-rss:524kB, shmem-rss:0kB"""

GROUP_6_1 = """\
hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
CPU: 0 PID: 27 Comm: hog Not tainted 6.1.0 #1
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 </TASK>
memory: usage 32768kB, limit 32768kB, failcnt 18
swap: usage 0kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /lab/box:
anon 33484800
file 4096
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[     27]  1000    27    17040     7817   102400        0             0 hog
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=lab,mems_allowed=0,oom_memcg=/lab/box,\
task_memcg=/lab/box/a,task=hog,pid=27,uid=1000
Memory cgroup out of memory: Killed process 27 (hog) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, \
shmem-rss:524kB, UID:1000 pgtables:100kB oom_score_adj:0
Tasks in /lab/box are going to be killed due to memory.oom.group set
Memory cgroup out of memory: Killed process 28 (hog) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, \
shmem-rss:524kB, UID:1000 pgtables:100kB oom_score_adj:0"""

REPORTS = {"memcg 4.4": MEMCG_4_4, "global 4.12": GLOBAL_4_12, "group 6.1": GROUP_6_1}

PRINTED_IN_PARTS = (
    r"(Task in )(/\S*)( killed as a result of limit of )(/.*)",
    r"(\w+ cpuset=)(\S+)( mems_allowed=\S+)",
    r"(.*nodemask=)(\(null\)|[\d,-]+)(,  order=.*)",
    r"(Memory cgroup stats for )(\S+)(:)( cache:\d+KB)((?: \w+:\d+KB)+)",
    r"(Tasks in )(/\S*)( are going to.*)",
    r"(oom-kill:constraint=\w+,nodemask=[^,]*)(,cpuset=)([^,]*)(,mems_allowed=\d+)(,oom_memcg=)([^,]*)"
    r"(,task_memcg=)([^,]*)(,task=.*)",
    r"(Node \d )(DMA(?:32)? free:.*)",
    r"(lowmem_reserve\[\]:)( \d+)((?: \d+)*)",
    r"(Node \d )(DMA(?:32)?: )(\d\*4kB )(.*?)(= .*)",
)
"""Where the kernel calls ``pr_cont()``."""

OTHER = "usb 1-1: new high-speed USB device number 2 using xhci_hcd"


def broken(line: str) -> Iterator[list[str]]:
    """Yield every way in which a line falls into the records of its parts."""
    for pattern in PRINTED_IN_PARTS:
        match = re.fullmatch(pattern, line)
        if match is None:
            continue
        first, *others = match.groups()
        for choice in range(1, 2 ** len(others)):
            parts = [first]
            for at, other in enumerate(others):
                if choice >> at & 1:
                    parts.append(other)
                else:
                    parts[-1] += other
            yield parts


def said(events: list[OomEvent]) -> list[dict[str, Any]]:
    """What the events say, without where and when, and without the foreign line."""
    trees = []
    for event in events:
        tree = event.to_dict()
        for name in ("event_id", "time", "source"):
            del tree[name]
        tree["issues"] = [
            (issue.code, issue.detail)
            for issue in event.issues
            if issue.code is not IssueCode.UNKNOWN_LINE or issue.detail != OTHER
        ]
        tree["unknown_lines"] = [line for line in event.unknown_lines if line != OTHER]
        trees.append(tree)
    return trees


@pytest.mark.parametrize("name", REPORTS)
def test_whole_report_has_nothing_unknown(name: str) -> None:
    (event,) = assemble(messages(REPORTS[name].split("\n")))
    assert (event.unknown_lines, event.issues) == ((), ())
    assert event.era is not None
    assert event.era.agrees


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("between", [(), (OTHER,)], ids=["next to each other", "something in between"])
def test_line_in_parts_is_put_together(name: str, between: tuple[str, ...]) -> None:
    lines = REPORTS[name].split("\n")
    whole = said(assemble(messages(lines)))
    tried = 0
    for at, line in enumerate(lines):
        for parts in broken(line):
            tried += 1
            first, *others = parts
            spread = [first, *(text for part in others for text in (*between, part))]
            got = said(assemble(messages([*lines[:at], *spread, *lines[at + 1 :]])))
            assert got == whole, parts
    assert tried > 3


@pytest.mark.parametrize("name", REPORTS)
def test_first_part_alone_says_nothing_wrong(name: str) -> None:
    """The rest was lost: the fields that it would have told stay empty, and no other line is changed."""
    lines = REPORTS[name].split("\n")
    whole = said(assemble(messages(lines)))
    for at, line in enumerate(lines):
        for parts in broken(line):
            got = said(assemble(messages([*lines[:at], parts[0], *lines[at + 1 :]])))
            assert len(got) >= len(whole)
            for path, value, there in different(got[0], whole[0]):
                lost = value is None or path.endswith(("issues", "unknown_lines"))
                part = isinstance(value, list | dict) and isinstance(there, list | dict) and len(value) < len(there)
                assert lost or part or re.split(r"[.\[]", path)[1] in DEPENDENT, (parts[0], path, value, there)


DEPENDENT = {"era", "outcome", "complete", "scope", "scope_evidence", "scope_level", "identity"}
"""What is concluded from the lines that are left."""


def different(got: Any, whole: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(got, dict) and isinstance(whole, dict) and got.keys() == whole.keys():
        for key in got:
            yield from different(got[key], whole[key], f"{path}.{key}")
    elif isinstance(got, list) and isinstance(whole, list) and len(got) == len(whole):
        for at, (one, other) in enumerate(zip(got, whole, strict=True)):
            yield from different(one, other, f"{path}[{at}]")
    elif got != whole:
        yield path, got, whole


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("Task in ", OTHER),
        ("Task in /a", OTHER),
        ("Task in /a killed as a result of limit of ", OTHER),
        ("hog cpuset=", OTHER),
        ("hog cpuset=/", OTHER),
        ("hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), nodemask=", OTHER),
        ("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=", OTHER),
        ("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null)", ",task"),
        ("lowmem_reserve[]:", OTHER),
        ("lowmem_reserve[]: 0 179", " 3 apples"),
        ("Node 0 DMA: 1*4kB ", OTHER),
        ("Node 0 ", OTHER),
        ("Tasks in ", OTHER),
        ("Memory cgroup stats for /a", OTHER),
    ],
)
def test_foreign_line_is_no_part(fragment: str, text: str) -> None:
    assert may_be_continued(fragment)
    assert joined(fragment, text) is None


def test_indented_report_is_read() -> None:
    """Somebody has put a blank in front of every line."""
    (event,) = assemble(messages([f" {line}" for line in MEMCG_4_4.split("\n")]))
    assert event.unknown_lines == ()
    assert event.invoker is not None
    assert event.victim is not None
    assert event.memcg is not None
    assert (event.invoker.comm, event.victim.pid, event.memcg.limit_kb) == ("hog", 27, 32768)
    assert event.tasks is not None
    assert len(event.tasks) == 1


def test_comm_of_two_lines_takes_no_line_that_stands_for_itself() -> None:
    lines = GROUP_6_1.replace("Comm: hog", "Comm: nl\nhog").split("\n")
    lines.insert(3, "Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2 04/01/2014")
    (event,) = assemble(messages(lines, step=0))
    assert event.invoker is not None
    assert event.invoker.hardware == "QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2 04/01/2014"
    assert event.stack is not None
    assert len(event.stack.frames) == 1
