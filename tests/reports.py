"""Kernel texts for tests: whole reports of our own making, as messages."""

from collections.abc import Iterable

from oomparse.assembler import Assembler
from oomparse.message import Message
from oomparse.model import OomEvent


def memcg_report(comm: str = "hog", pid: int = 100, memcg: str = "/lab/box", *, kill: bool = True) -> list[str]:
    """A memcg report as 6.8 prints it."""
    lines = [
        f"{comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        f"CPU: 1 UID: 1000 PID: {pid} Comm: {comm} Not tainted 6.12.1-amd64 #1  Debian 6.12.1-1",
        "Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2 04/01/2014",
        "memory: usage 32768kB, limit 32768kB, failcnt 18",
        "swap: usage 0kB, limit 9007199254740988kB, failcnt 0",
        f"Memory cgroup stats for {memcg}:",
        "anon 33484800",
        "file 4096",
        "Tasks state (memory values in pages):",
        "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj "
        "name",
        "[     99]     0    99     1167      666      534        1       131    45056        0             0 sidecar",
        f"[{pid:7d}]  1000 {pid:5d}    17040     7817     7685        1       131   102400        0             0 "
        f"{comm}",
        f"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=lab,mems_allowed=0,oom_memcg={memcg},"
        f"task_memcg={memcg},task={comm},pid={pid},uid=1000",
    ]
    return [*lines, memcg_kill(comm, pid)] if kill else lines


def memcg_kill(comm: str, pid: int) -> str:
    return (
        f"Memory cgroup out of memory: Killed process {pid} ({comm}) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, "
        "shmem-rss:524kB, UID:1000 pgtables:100kB oom_score_adj:0"
    )


def global_report_3_10(comm: str = "java", selected: int = 50, killed: int = 50) -> list[str]:
    """A global report as 3.10 prints it, without Mem-Info."""
    return [
        "sshd invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0",
        "sshd cpuset=/ mems_allowed=0",
        "CPU: 0 PID: 12 Comm: sshd Not tainted 3.10.0 #1",
        "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
        f"[{selected:5d}]   500 {selected:5d}  3116506  1906256    4100        0             0 {comm}",
        f"[{killed:5d}]   500 {killed:5d}    16506     6256      41        0             0 {comm}",
        f"Out of memory: Kill process {selected} ({comm}) score 812 or sacrifice child",
        f"Killed process {killed} ({comm}) total-vm:12466024kB, anon-rss:7625016kB, file-rss:2608kB",
    ]


def reaped(comm: str, pid: int) -> str:
    return f"oom_reaper: reaped process {pid} ({comm}), now anon-rss:0kB, file-rss:0kB, shmem-rss:524kB"


def messages(
    texts: Iterable[str],
    *,
    start: float = 10.0,
    step: float = 0.0001,
    caller: str | None = None,
    host: str | None = None,
) -> list[Message]:
    """Stamp texts as dmesg does."""
    found = []
    for at, text in enumerate(texts):
        stamp = start + at * step
        found.append(
            Message(
                text=text,
                transport="dmesg",
                monotonic_us=round(stamp * 1_000_000),
                printed=f"{stamp:.6f}",
                caller=caller,
                host=host,
                line_start=at + 1,
                line_end=at + 1,
            )
        )
    return found


def assemble(found: Iterable[Message], *, live: bool = False) -> list[OomEvent]:
    assembler = Assembler(live=live)
    events = [event for message in found for event in assembler.feed(message)]
    return [*events, *assembler.close()]
