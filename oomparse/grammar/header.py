"""The first lines of a report: who asked for memory, for how much, and on which machine.

Printed by ``mm/oom_kill.c:dump_header()`` (up to 2.6.23 ``out_of_memory()``), ``kernel/cpuset.c`` and
``lib/dump_stack.c:dump_stack_print_info()``.  All values are the invoker's, not the victim's.  The call trace itself is
in `oomparse.grammar.stack`.
"""

import re
from typing import TYPE_CHECKING

from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import (
    COMM_BYTES,
    MAX_BLANKS,
    is_elided,
    lit,
    nodes,
    number,
    optional,
    rest,
    rest_of_line,
    rx,
    until,
)
from oomparse.record import record

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

HEADER_BY = "mm/oom_kill.c:dump_header()"
DUMP_STACK_BY = "lib/dump_stack.c:dump_stack_print_info()"


@record(frozen=True, slots=True, kw_only=True)
class Header(TypedLine):
    """``X invoked oom-killer: …``; ``printed`` is the text in the parentheses behind the mask."""

    comm: str | None = None
    pid: int | None = None
    gfp_mask: int | None = None
    printed: str | None = None
    nodemask: str | None = None
    order: int | None = None
    oom_adj: int | None = None
    oom_score_adj: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class CpusetLine(TypedLine):
    """``comm cpuset=NAME mems_allowed=LIST`` (2.6.29 to 4.20); NAME is the last component of the path."""

    comm: str
    cpuset: str
    mems_allowed: str


@record(frozen=True, slots=True, kw_only=True)
class CpuLine(TypedLine):
    """``CPU: … PID: … Comm: …`` (since 3.10) or ``Pid: …, comm: …`` (before)."""

    cpu: int | None = None
    uid: int | None = None
    pid: int
    comm: str
    tainted: str | None = None
    release: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class HardwareLine(TypedLine):
    """``Hardware name: …``, where the firmware gives one."""

    hardware: str


@record(frozen=True, slots=True, kw_only=True)
class WorkqueueLine(TypedLine):
    """What a kworker was doing."""

    workqueue: str


@record(frozen=True, slots=True, kw_only=True)
class HeaderNote(TypedLine):
    """A line of the header that says nothing more of the event (spelled-out taint, COMPACTION, stopper)."""

    text: str


@record(frozen=True, slots=True, kw_only=True)
class SysrqLine(TypedLine):
    """Somebody asked for it: SysRq-f."""


_INVOKED = r" invoked oom-killer: gfp_mask=0x"


def _tolerant_header(groups: Groups) -> Header:
    """Read what is whole in a header of unknown shape: ``key=value`` pairs, in any order.

    A value at the very end may be cut, except that the kernel ends the line with ``oom_score_adj``.
    """
    comm, tail = groups.get("comm"), groups.get("tail") or ""
    values: dict[str, int | str] = {}
    unknown: list[str] = []
    damaged = "gfp_mask=" not in tail or "order=" not in tail
    for match in re.finditer(r"\b(\w++)=(0x[0-9a-f]{1,16}\b|-?\d+|\(null\)|[^\s,()]*)(?:\(([^()]*)\))?", tail):
        key, value, names = match.groups()
        at_end = match.end() == len(tail.rstrip()) or is_elided(tail[match.end() : match.end() + 3])
        if key == "gfp_mask" and value.startswith("0x") and not (at_end and names is None):
            values["gfp_mask"] = int(value, 16)
            if names is not None:
                values["printed"] = re.sub(r"\s+", "", names)
        elif key in ("order", "oom_score_adj", "oom_adj", "oomkilladj") and re.fullmatch(r"-?\d{1,6}", value):
            if at_end and key == "order":
                damaged = True
                continue
            values["oom_adj" if key == "oomkilladj" else key] = int(value)
        elif key == "nodemask" and tail[match.end() : match.end() + 1] == ",":
            values["nodemask"] = value
        elif key not in ("gfp_mask", "nodemask", "order", "oom_score_adj", "oom_adj", "oomkilladj"):
            unknown.append(key)
        else:
            damaged = True
    return Header(comm=comm, damaged=damaged or not unknown, unknown=tuple(unknown), **values)  # type: ignore[arg-type]  # by key


def _invoker(follows: str) -> "Element":
    """A comm; or, where other output is glued to the line, all of that."""
    return rx(rf".{{0,{COMM_BYTES}}}(?={follows})|[^\n]*(?={follows})")("comm")


def _named(*tail: "Element") -> "Element":
    """``comm invoked oom-killer: gfp_mask=0x…`` and what this generation prints behind it."""
    expression = _invoker(_INVOKED) + lit(" invoked oom-killer: gfp_mask=") + rx(r"0x[0-9a-f]{1,16}")("gfp_mask")
    for part in tail:
        expression = expression + part
    return expression


def _flag_names() -> "Element":
    return lit("(") + rx(r"[^()]*")("printed") + lit(")")


def _nodemask() -> "Element":
    return lit(", nodemask=") + nodes("nodemask")


def _order() -> "Element":
    return lit(", order=") + number("order")


def _adj(key: str, name: str) -> "Element":
    return lit(f", {key}=") + number(name)


def _taint() -> "Element":
    return rx(rf"Not tainted|Tainted: [^\n]*?(?= {{1,{MAX_BLANKS}}}\(?\d{{1,4}}\.\d)")("tainted") + rx(r" +\(?")


_TAINT = r" (?:Not tainted|Tainted: )"
_KDUMP = rf" Kdump: loaded{_TAINT}"
_CONTAINER = r" ve(?:id)?: \S{1,64}"
"""OpenVZ and Virtuozzo print it behind the name."""


def _stack_comm(*names: str) -> "Element":
    """``%.20s``, read in the first of these ways that goes."""
    inside = (rf".{{0,20}}(?={_CONTAINER}{follows})" for follows in (_KDUMP, _TAINT))
    return rx("|".join((*inside, *names)))("comm") + rx(rf"(?:{_CONTAINER}(?={_KDUMP}|{_TAINT}))?")


def _cpu_line(*, uid: bool) -> "Element":
    start = lit("CPU: ") + number("cpu")
    return (
        (start + lit(" UID: ") + number("uid") if uid else start)
        + lit(" PID: ")
        + number("pid")
        + lit(" Comm: ")
        + _stack_comm(rf".{{0,20}}(?={_KDUMP})", rf".{{0,20}}(?={_TAINT})")
        + rx(r" (?:Kdump: loaded )?")
        + _taint()
        + rx(r"\d+\.[^\s)]+")("release")
        + rest_of_line("build")
    )


def _pid_line() -> "Element":
    return (
        lit("Pid: ")
        + number("pid")
        + lit(", comm: ")
        + _stack_comm(rf".{{0,20}}(?={_TAINT})", r".{0,20}?(?= *(?:Not tainted|Tainted: ))")
        + rx(r" *")
        + _taint()
        + rx(r"\d+\.[^\s)]+")("release")
        + rest_of_line("build")
    )


def _build_cpu(groups: Groups) -> CpuLine:
    tainted = (groups.get("tainted") or "").replace("\u00a0", " ").strip()
    cpu, uid = groups.get("cpu"), groups.get("uid")
    return CpuLine(
        cpu=None if cpu is None else int(cpu),
        uid=None if uid is None else int(uid),
        pid=int(groups.get("pid") or 0),
        comm=groups.get("comm") or "",
        tainted=tainted.removeprefix("Tainted:").strip() if tainted.startswith("Tainted:") else "",
        release=groups.get("release"),
    )


def _bare_comm() -> "Element":
    return rx(rf".{{1,{COMM_BYTES}}}(?= invoked oom-killer:?\s*\Z)")("comm") + rx(r" invoked oom-killer:?")


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="sysrq",
        section=Section.SYSRQ,
        trigger="SysRq : Manual OOM execution",
        starts=True,
        expression=lambda: lit("SysRq : Manual OOM execution"),
        build=builds(SysrqLine),
        since="2.6.18",
        until="4.0",
        printed_by="drivers/tty/sysrq.c:__handle_sysrq()",
        printf="SysRq : Manual OOM execution",
        samples=("SysRq : Manual OOM execution",),
    ),
    LineFormat(
        name="sysrq_4_1",
        section=Section.SYSRQ,
        trigger="sysrq: SysRq : Manual OOM execution",
        starts=True,
        expression=lambda: lit("sysrq: SysRq : Manual OOM execution"),
        build=builds(SysrqLine),
        since="4.1",
        until="5.1",
        printed_by="drivers/tty/sysrq.c:__handle_sysrq()",
        printf="sysrq: SysRq : Manual OOM execution",
        samples=("sysrq: SysRq : Manual OOM execution",),
    ),
    LineFormat(
        name="sysrq_5_2",
        section=Section.SYSRQ,
        trigger="sysrq: Manual OOM execution",
        starts=True,
        expression=lambda: lit("sysrq: Manual OOM execution"),
        build=builds(SysrqLine),
        since="5.2",
        distros=("ubuntu",),
        printed_by="drivers/tty/sysrq.c:__handle_sysrq()",
        printf="sysrq: Manual OOM execution",
        samples=("sysrq: Manual OOM execution",),
    ),
    LineFormat(
        name="header_4_6",
        section=Section.HEADER,
        trigger=" invoked oom-killer: gfp_mask=",
        expression=lambda: _named(_flag_names(), _order(), _adj("oom_score_adj", "oom_score_adj")),
        build=builds(Header),
        since="4.6",
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer: gfp_mask=%#x(%pGg), order=%d, oom_score_adj=%hd",
        samples=(
            "hog invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, "
            "oom_score_adj=0",
            "a) (b invoked oom-killer: gfp_mask=0x0(), order=0, oom_score_adj=-1000",
        ),
    ),
    LineFormat(
        name="header_4_9",
        section=Section.HEADER,
        trigger=" invoked oom-killer: gfp_mask=",
        expression=lambda: _named(_flag_names(), _nodemask(), _order(), _adj("oom_score_adj", "oom_score_adj")),
        build=builds(Header),
        since="4.9",
        until="4.20",
        distros=("el8",),
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer: gfp_mask=%#x(%pGg), nodemask=%*pbl, order=%d, oom_score_adj=%hd",
        samples=(
            "hog invoked oom-killer: gfp_mask=0x6200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null), order=0, "
            "oom_score_adj=0",
        ),
    ),
    LineFormat(
        name="header_4_11",
        section=Section.HEADER,
        trigger=" invoked oom-killer: gfp_mask=",
        expression=lambda: _named(
            _flag_names(), _nodemask(), lit(",  order=") + number("order"), _adj("oom_score_adj", "oom_score_adj")
        ),
        build=builds(Header),
        since="4.11",
        until="4.14",
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer: gfp_mask=%#x(%pGg), nodemask=%*pbl,  order=%d, oom_score_adj=%hd",
        samples=("hog invoked oom-killer: gfp_mask=0x14000c0(GFP_KERNEL), nodemask=0-1,  order=0, oom_score_adj=0",),
    ),
    LineFormat(
        name="header_3_7",
        section=Section.HEADER,
        trigger=" invoked oom-killer: gfp_mask=",
        expression=lambda: _named(_order(), _adj("oom_score_adj", "oom_score_adj")),
        build=builds(Header),
        since="3.7",
        until="4.5",
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer: gfp_mask=0x%x, order=%d, oom_score_adj=%hd",
        samples=("java invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0",),
    ),
    LineFormat(
        name="header_2_6_36",
        section=Section.HEADER,
        trigger=" invoked oom-killer: gfp_mask=",
        expression=lambda: _named(_order(), _adj("oom_adj", "oom_adj"), _adj("oom_score_adj", "oom_score_adj")),
        build=builds(Header),
        since="2.6.36",
        until="3.6",
        distros=("el6",),
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer: gfp_mask=0x%x, order=%d, oom_adj=%d, oom_score_adj=%d",
        samples=("httpd invoked oom-killer: gfp_mask=0x280da, order=0, oom_adj=0, oom_score_adj=0",),
    ),
    LineFormat(
        name="header_2_6_32",
        section=Section.HEADER,
        trigger=" invoked oom-killer: gfp_mask=",
        expression=lambda: _named(_order(), _adj("oom_adj", "oom_adj")),
        build=builds(Header),
        since="2.6.32",
        until="2.6.35",
        distros=("el6",),
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer: gfp_mask=0x%x, order=%d, oom_adj=%d",
        samples=("msgctl invoked oom-killer: gfp_mask=0xd0, order=1, oom_adj=0",),
    ),
    LineFormat(
        name="header_2_6_19",
        section=Section.HEADER,
        trigger=" invoked oom-killer: gfp_mask=",
        expression=lambda: _named(_order(), _adj("oomkilladj", "oom_adj")),
        build=builds(Header),
        since="2.6.19",
        until="2.6.31",
        distros=("el5",),
        printed_by="mm/oom_kill.c:out_of_memory()",
        printf="%s invoked oom-killer: gfp_mask=0x%x, order=%d, oomkilladj=%d",
        samples=("mysqld invoked oom-killer: gfp_mask=0x201d2, order=0, oomkilladj=-16",),
    ),
    LineFormat(
        name="header_2_6_18",
        section=Section.HEADER,
        trigger="oom-killer: gfp_mask=0x",
        starts=True,
        expression=lambda: (
            lit("oom-killer: gfp_mask=")
            + rx(r"0x[0-9a-f]{1,16}")("gfp_mask")
            + optional(lit(", order=") + number("order"))
        ),
        build=builds(Header),
        since="2.6.18",
        until="2.6.18",
        distros=("el4", "ovz"),
        printed_by="mm/oom_kill.c:out_of_memory()",
        printf="oom-killer: gfp_mask=0x%x, order=%d",
        samples=("oom-killer: gfp_mask=0x201d2, order=0", "oom-killer: gfp_mask=0xd0"),
    ),
    LineFormat(
        name="header_2_6_18_glued",
        section=Section.HEADER,
        trigger="oom-killer: gfp_mask=0x",
        tolerant=True,
        expression=lambda: (
            rx(r"[^\n]{1,200}?(?<! invoked )(?=oom-killer: gfp_mask=0x[0-9a-f]{1,16}(?:, order=\d{1,2})?\s*\Z)")
            + lit("oom-killer: gfp_mask=")
            + rx(r"0x[0-9a-f]{1,16}")("gfp_mask")
            + optional(lit(", order=") + number("order"))
        ),
        build=builds(Header, damaged=True),
        since="2.6.18",
        until="2.6.18",
        distros=("el4", "ovz"),
        printed_by="mm/oom_kill.c:out_of_memory()",
        printf="… oom-killer: gfp_mask=0x%x, order=%d",
        samples=(
            "[<c0144d5d>] __alloc_pages+0x26f/0x31boom-killer: gfp_mask=0x1d2, order=0",
            "[<c01484c4>] <4>oom-killer: gfp_mask=0xd0, order=1",
        ),
    ),
    LineFormat(
        name="header_other",
        section=Section.HEADER,
        trigger=" invoked oom-killer: ",
        tolerant=True,
        expression=lambda: _invoker(r" invoked oom-killer: \w+[=:]") + lit(" invoked oom-killer: ") + rest("tail"),
        build=_tolerant_header,
        since="2.6.19",
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer: key=value, …",
        samples=("hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, colour=3, oom_score_adj=0",),
    ),
    LineFormat(
        name="header_bare",
        section=Section.HEADER,
        trigger=" invoked oom-killer",
        tolerant=True,
        expression=_bare_comm,
        build=builds(Header, damaged=True),
        since="2.6.19",
        printed_by=HEADER_BY,
        printf="%s invoked oom-killer",
        samples=("hog invoked oom-killer",),
    ),
    LineFormat(
        name="compaction",
        section=Section.HEADER,
        trigger="COMPACTION is disabled!!!",
        starts=True,
        expression=lambda: rx("COMPACTION is disabled!!!")("text"),
        build=builds(HeaderNote),
        since="4.9",
        printed_by=HEADER_BY,
        printf="COMPACTION is disabled!!!",
        samples=("COMPACTION is disabled!!!",),
    ),
    LineFormat(
        name="cpuset",
        section=Section.CPUSET,
        trigger=" cpuset=",
        expression=lambda: (
            rx(rf".{{0,{COMM_BYTES}}}(?= cpuset=)")("comm")
            + lit(" cpuset=")
            + until(r" mems_allowed=[\d,-]*\s*\Z", "cpuset")
            + lit(" mems_allowed=")
            + nodes("mems_allowed")
        ),
        build=builds(CpusetLine),
        since="2.6.29",
        until="4.20",
        distros=("el6", "el7", "el8"),
        printed_by="kernel/cpuset.c:cpuset_print_current_mems_allowed()",
        printf="%s cpuset=%s mems_allowed=%*pbl",
        samples=("hog cpuset=/ mems_allowed=0", "tmux: server cpuset=docker-1da1.scope mems_allowed=0-1,3"),
    ),
    LineFormat(
        name="cpu",
        section=Section.CPU,
        trigger="CPU: ",
        starts=True,
        expression=lambda: _cpu_line(uid=False),
        build=_build_cpu,
        since="3.10",
        until="6.10",
        printed_by=DUMP_STACK_BY,
        printf="CPU: %d PID: %d Comm: %.20s %s%s %s %.*s",
        samples=(
            "CPU: 0 PID: 90 Comm: my hog Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2",
            "CPU: 1 PID: 77 Comm: nfsd Kdump: loaded Tainted: G            E      6.1.119-1.el9.x86_64 #1",
            "CPU: 3 PID: 812 Comm: a ve: 101 Not tainted 3.10.0-1160.vz7.185.3 #1 185.3",
        ),
    ),
    LineFormat(
        name="cpu_6_11",
        section=Section.CPU,
        trigger="CPU: ",
        starts=True,
        expression=lambda: _cpu_line(uid=True),
        build=_build_cpu,
        since="6.11",
        printed_by=DUMP_STACK_BY,
        printf="CPU: %d UID: %u PID: %d Comm: %.20s %s%s %s %.*s %s",
        samples=(
            "CPU: 3 UID: 33 PID: 812 Comm: my hog Not tainted 6.12.0 #1",
            "CPU: 0 UID: 0 PID: 9 Comm: sh Not tainted 7.3-cloud-amd64 #1 PREEMPT(lazy)  Debian 7.3~rc7-1~exp1 ",
            "CPU: 64 UID: 1000 PID: 5646 Comm: cc1 Tainted: G S                 6.11.0-rc6+ #34",
        ),
    ),
    LineFormat(
        name="pid",
        section=Section.CPU,
        trigger="Pid: ",
        starts=True,
        expression=_pid_line,
        build=_build_cpu,
        since="2.6.24",
        until="3.9",
        distros=("el5", "el6"),
        printed_by="arch/x86/kernel/dumpstack.c:dump_stack()",
        printf="Pid: %d, comm: %.20s %s %s %.*s",
        samples=(
            "Pid: 24113, comm: sshd Not tainted 2.6.32-431.11.2.el6.x86_64 #1",
            "Pid: 18736, comm: mythbackend Tainted: P        2.6.24-16-generic #1",
            "Pid: 5012, comm: a b Not tainted (2.6.28-11-generic #42-Ubuntu)",
            "Pid: 5012, comm: a veid: 101 Not tainted 2.6.32-042stab084.17 #1",
        ),
    ),
    LineFormat(
        name="hardware",
        section=Section.CPU,
        trigger="Hardware name:",
        starts=True,
        expression=lambda: rx(r"Hardware name: ?") + rest_of_line("hardware"),
        build=builds(HardwareLine),
        since="3.10",
        printed_by=DUMP_STACK_BY,
        printf="Hardware name: %s",
        samples=("Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014",),
    ),
    LineFormat(
        name="workqueue",
        section=Section.CPU,
        trigger="Workqueue: ",
        starts=True,
        expression=lambda: lit("Workqueue: ") + rest_of_line("workqueue"),
        build=builds(WorkqueueLine),
        since="3.10",
        printed_by="kernel/workqueue.c:print_worker_info()",
        printf="Workqueue: %s %ps",
        samples=("Workqueue: events moom_callback",),
    ),
    LineFormat(
        name="taint_words",
        section=Section.CPU,
        trigger="Tainted: [",
        starts=True,
        expression=lambda: lit("Tainted: [") + rest_of_line("words"),
        build=lambda groups: HeaderNote(text=f"Tainted: [{groups.get('words')}"),
        since="6.11",
        printed_by=DUMP_STACK_BY,
        printf="Tainted: [%c]=%s, …",
        samples=("Tainted: [S]=CPU_OUT_OF_SPEC, [E]=UNSIGNED_MODULE",),
    ),
    LineFormat(
        name="stopper",
        section=Section.CPU,
        trigger="Stopper: ",
        starts=True,
        expression=lambda: lit("Stopper: ") + rest_of_line("text"),
        build=builds(HeaderNote),
        since="5.12",
        printed_by="kernel/stop_machine.c:print_stop_info()",
        printf="Stopper: %pS <- %pS",
        samples=("Stopper: multi_cpu_stop+0x0/0xf0 <- stop_machine_cpuslocked+0xe0/0x130",),
    ),
    LineFormat(
        name="sched_ext",
        section=Section.CPU,
        trigger="Sched_ext: ",
        starts=True,
        expression=lambda: lit("Sched_ext: ") + rest_of_line("text"),
        build=builds(HeaderNote),
        since="6.12",
        printed_by="kernel/sched/ext.c:print_scx_info()",
        printf="Sched_ext: %s (%s%s), task: %s",
        samples=("Sched_ext: simple (enabled+all), task: runnable_at=-4ms",),
    ),
)
