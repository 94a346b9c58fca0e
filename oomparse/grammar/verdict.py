"""Who was chosen, why, and who was killed: the last lines of a report.

Printed by ``mm/oom_kill.c`` (``oom_kill_process()``, ``dump_oom_victim()``, ``out_of_memory()``) and
``mm/memcontrol.c:mem_cgroup_print_oom_context()``.  The kill lines themselves are in `oomparse.grammar.kill`, the
reaper's in `oomparse.grammar.reaper`.
"""

import re

from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import CPU_LIST, comm, is_elided, lit, message, nodes, number, optional, rest, rx
from oomparse.pattern import pattern
from oomparse.record import record

KILL_BY = "mm/oom_kill.c:oom_kill_process()"
OUT_OF_MEMORY_BY = "mm/oom_kill.c:out_of_memory()"


@record(frozen=True, slots=True, kw_only=True)
class ConstraintLine(TypedLine):
    """The ``oom-kill:`` summary (since 5.0)."""

    constraint: str | None = None
    nodemask: str | None = None
    cpuset: str | None = None
    mems_allowed: str | None = None
    global_oom: bool = False
    oom_memcg: str | None = None
    task_memcg: str | None = None
    comm: str | None = None
    pid: int | None = None
    uid: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class Selected(TypedLine):
    """``Kill process N (comm) score S …`` (until 5.0)."""

    message: str | None = None
    pid: int
    comm: str
    score: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class SharingMm(TypedLine):
    """``Kill process N (comm) sharing same memory`` (2.6.37 to 4.3)."""

    pid: int
    comm: str
    ve: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class NotKilled(TypedLine):
    """``Would have killed process …`` (RHEL 6) and ``… is already exiting`` (since 5.9)."""

    message: str | None = None
    pid: int
    comm: str
    exiting: bool


@record(frozen=True, slots=True, kw_only=True)
class NoKillable(TypedLine):
    """``Out of memory and no killable processes...``."""


@record(frozen=True, slots=True, kw_only=True)
class PanicLine(TypedLine):
    """``Kernel panic - not syncing: …``; ``oom`` where its words are the OOM killer's own."""

    text: str
    oom: bool


@record(frozen=True, slots=True, kw_only=True)
class Pinned(TypedLine):
    """``oom killer N (comm) has mm pinned by N (comm)``: the reaper must leave this memory alone."""

    pid: int
    comm: str
    by_pid: int
    by_comm: str


@record(frozen=True, slots=True, kw_only=True)
class Notice(TypedLine):
    """A line around reports: rate limits, suspend markers, debugging."""

    text: str = ""


def split_memcgs(middle: str) -> tuple[bool, str | None, str | None]:
    """Split ``,oom_memcg=A,task_memcg=B`` (or ``,global_oom,task_memcg=B``) into its parts.

    A cgroup's name may hold ``,task_memcg=`` itself; of the possible splits, the one is right in which B lies at or
    below A.
    """
    key = ",task_memcg="
    if middle.startswith(",global_oom"):
        tail = middle.removeprefix(",global_oom")
        return True, None, tail.removeprefix(key) if tail.startswith(key) else None
    if middle.startswith(",oom_memcg="):
        both = middle.removeprefix(",oom_memcg=")
        at = both.find(key)
        first = at
        while at >= 0:
            upper, lower = both[:at], both[at + len(key) :]
            if upper in {lower, "/"} or lower.startswith(upper + "/"):
                return False, upper, lower
            at = both.find(key, at + 1)
        return False, both if first < 0 else both[:first], None if first < 0 else both[first + len(key) :]
    return False, None, middle.removeprefix(key) if middle.startswith(key) else None


def _build_constraint(groups: Groups) -> ConstraintLine:
    memcgs = groups.get("memcgs") or ""
    global_oom, oom_memcg, task_memcg = split_memcgs(memcgs)
    elided = is_elided(memcgs)
    return ConstraintLine(
        constraint=groups.get("constraint"),
        nodemask=groups.get("nodemask"),
        cpuset=groups.get("cpuset"),
        mems_allowed=groups.get("mems_allowed"),
        global_oom=global_oom,
        oom_memcg=None if elided else oom_memcg,
        task_memcg=None if elided else task_memcg,
        comm=groups.get("comm"),
        pid=int(groups.get("pid") or 0),
        uid=int(groups.get("uid") or 0),
        damaged=elided,
    )


_SUMMARY_KEY = pattern(
    r"(?:^|,)(constraint|nodemask|cpuset|mems_allowed|oom_memcg|task_memcg|task|pid|uid|[a-z_]+)=|,(global_oom)\b"
)


def _build_cut_constraint(groups: Groups) -> ConstraintLine:
    """Read what is whole of a cut or new ``oom-kill:`` line: a value counts when the next key follows it."""
    text = (groups.get("tail") or "").rstrip()
    found = list(_SUMMARY_KEY.finditer(text))
    values: dict[str, str] = {}
    unknown: list[str] = []
    global_oom = False
    known = {"constraint", "nodemask", "cpuset", "mems_allowed", "oom_memcg", "task_memcg", "task", "pid", "uid"}
    for match, following in zip(found, [*found[1:], None], strict=True):
        if match[2]:
            global_oom = True
            continue
        key = match[1]
        value = text[match.end() : following.start() if following else len(text)]
        ends_here = following is None
        if ends_here and key in ("oom_memcg", "task_memcg", "cpuset") and re.search(r",\S?\Z", value):
            value, ends_here = value[: value.rindex(",")], False  # a pager's mark behind a comma: the value is whole
        if key == "cpuset" and following is not None and following[1] != "mems_allowed":
            continue  # the kernel prints both or none: what stands between may be more than a name
        if key not in known:
            unknown.append(key)
        elif key not in values:
            whole = _WHOLE.get(key, _ANYTHING).match(value)
            behind = value[whole.end() :] if whole is not None else ""
            cut = ends_here and not behind and _may_be_cut(key, value)
            if whole is not None and behind[:1] in {"", ","} and not cut and not is_elided(value):
                values[key] = whole[0]
    pid, uid = values.get("pid"), values.get("uid")
    elided = is_elided(text)
    return ConstraintLine(
        constraint=values.get("constraint"),
        nodemask=values.get("nodemask"),
        cpuset=values.get("cpuset"),
        mems_allowed=values.get("mems_allowed"),
        global_oom=global_oom,
        oom_memcg=values.get("oom_memcg"),
        task_memcg=values.get("task_memcg"),
        comm=values.get("task"),
        pid=int(pid) if pid else None,
        uid=int(uid) if uid else None,
        damaged=elided or not unknown,
        unknown=tuple(unknown),
    )


_ANYTHING = pattern(r"(?s:.*)")
_WHOLE = {
    "constraint": re.compile(r"[A-Z_]+"),
    "nodemask": re.compile(CPU_LIST),
    "mems_allowed": re.compile(CPU_LIST),
    "pid": re.compile(r"\d{1,10}"),
    "uid": re.compile(r"-?\d{1,10}"),
}
"""What a value looks like, where that is known."""


def _may_be_cut(key: str, value: str) -> bool:
    """Whether a value at the end of the text may be only the beginning of one."""
    if key == "constraint":
        return any(name.startswith(value) and name != value for name in _CONSTRAINTS)
    return key != "uid"


_CONSTRAINTS = ("CONSTRAINT_NONE", "CONSTRAINT_CPUSET", "CONSTRAINT_MEMORY_POLICY", "CONSTRAINT_MEMCG")

_TASK = r",task=.{0,15},pid=\d+,uid=-?\d+\s*\Z"
_SUMMARY_END = r"(?:,oom_memcg=|,global_oom|,task_memcg=|,task=)"
_OOM_PANIC = pattern(r"out of memory|panic_on_oom|deadlocked on memory", re.IGNORECASE)


def _build_panic(groups: Groups) -> PanicLine:
    text = groups.get("text") or ""
    return PanicLine(text=text, oom=_OOM_PANIC.search(text) is not None)


_PANICS: tuple[tuple[str, str, str | None, tuple[str, ...], str], ...] = (
    ("panic_2_6_18", "2.6.18", "2.6.35", (), "out of memory. panic_on_oom is selected"),
    ("panic_2_6_22", "2.6.22", "2.6.35", (), "out of memory. Compulsory panic_on_oom is selected."),
    ("panic_2_6_29", "2.6.29", "2.6.35", (), "out of memory from page fault. panic_on_oom is selected."),
    ("panic_2_6_34", "2.6.34", "2.6.35", (), "out of memory(memcg). panic_on_oom is selected."),
    ("panic_system_wide", "2.6.36", None, ("el6",), "Out of memory: system-wide panic_on_oom is enabled"),
    ("panic_compulsory", "2.6.36", None, ("el6",), "Out of memory: compulsory panic_on_oom is enabled"),
    ("panic_no_killable", "2.6.18", "4.18", (), "Out of memory and no killable processes..."),
    ("panic_deadlocked", "4.19", None, ("el8",), "System is deadlocked on memory"),
)


def _panic_format(name: str, since: str, until: str | None, distros: tuple[str, ...], words: str) -> LineFormat:
    return LineFormat(
        name=name,
        section=Section.VERDICT,
        trigger=f"Kernel panic - not syncing: {words}",
        starts=True,
        expression=lambda: lit("Kernel panic - not syncing: ") + lit(words)("text"),
        build=_build_panic,
        since=since,
        until=until,
        distros=distros,
        printed_by=OUT_OF_MEMORY_BY,
        printf=f"Kernel panic - not syncing: {words}",
        samples=(f"Kernel panic - not syncing: {words}",),
    )


def _notice(  # noqa: PLR0917 - a row of the table below
    name: str, trigger: str, pattern: str, since: str, until: str | None, by: str, sample: str
) -> LineFormat:
    return LineFormat(
        name=name,
        section=Section.NOTICE,
        trigger=trigger,
        expression=lambda: rx(pattern)("text"),
        build=builds(Notice),
        since=since,
        until=until,
        printed_by=by,
        printf=re.sub(r"\d+", "%d", sample),
        samples=(sample,),
    )


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="oom_kill",
        section=Section.VERDICT,
        trigger="oom-kill:constraint=",
        starts=True,
        expression=lambda: (
            lit("oom-kill:constraint=")
            + rx(r"[A-Z_]+")("constraint")
            + lit(",nodemask=")
            + nodes("nodemask")
            + optional(
                lit(",cpuset=")
                + rx(rf"[^\n]*?(?=,mems_allowed=[\d,-]*{_SUMMARY_END})")("cpuset")
                + lit(",mems_allowed=")
                + nodes("mems_allowed")
            )
            + rx(rf"(?:,oom_memcg=|,global_oom|,task_memcg=)[^,\n]*+(?:(?!{_TASK}),[^,\n]*+)*+(?={_TASK})|")("memcgs")
            + lit(",task=")
            + comm(r",pid=\d+,uid=-?\d+\s*\Z")
            + lit(",pid=")
            + number("pid")
            + lit(",uid=")
            + number("uid")
        ),
        build=_build_constraint,
        since="5.0",
        distros=("el8",),
        printed_by="mm/oom_kill.c:dump_oom_victim()",
        printf="oom-kill:constraint=%s,nodemask=%*pbl,cpuset=%s,mems_allowed=%*pbl,oom_memcg=%s,task_memcg=%s,"
        "task=%s,pid=%d,uid=%d",
        samples=(
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=lab,mems_allowed=0,oom_memcg=/lab/box,"
            "task_memcg=/lab/box,task=hog,pid=100,uid=1000",
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,global_oom,task_memcg=/,"
            "task=(sd-pam),pid=4503,uid=0",
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=sh,pid=1403,uid=0",
            "oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=/,mems_allowed=0-1,global_oom,"
            "task_memcg=/x,task=spoof,pid=1,uid=0,task=,pid=1,uid=0,pid=97,uid=0",
        ),
    ),
    LineFormat(
        name="oom_kill_cut",
        section=Section.VERDICT,
        trigger="oom-kill:constraint=",
        starts=True,
        tolerant=True,
        expression=lambda: lit("oom-kill:") + rest("tail"),
        build=_build_cut_constraint,
        since="5.0",
        printed_by="mm/oom_kill.c:dump_oom_victim()",
        printf="oom-kill:constraint=%s,…",
        samples=(
            "oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=(null),cpuset=test,mems_allowed=0",
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a.slice,>",
        ),
    ),
    LineFormat(
        name="select_2_6_36",
        section=Section.VERDICT,
        trigger=": Kill process ",
        expression=lambda: (
            message()
            + lit(": Kill process ")
            + number("pid")
            + lit(" (")
            + comm(r"\)\s+score -?\d+\s+or\s+sacrifice\s+child")
            + rx(r"\)\s+score\s+")
            + number("score")
            + rx(r"\s+or\s+sacrifice\s+child")
        ),
        build=builds(Selected),
        since="2.6.36",
        until="5.0",
        distros=("el6",),
        printed_by=KILL_BY,
        printf="%s: Kill process %d (%s) score %u or sacrifice child",
        samples=(
            "Memory cgroup out of memory: Kill process 27 (left-hog) score 993 or sacrifice child",
            "Out of memory (oom_kill_allocating_task): Kill process 10595 (a.out) score 0 or sacrifice child",
        ),
    ),
    LineFormat(
        name="select_2_6_20",
        section=Section.VERDICT,
        trigger=": kill process ",
        expression=lambda: (
            message()
            + lit(": kill process ")
            + number("pid")
            + lit(" (")
            + comm(r"\)\s+score -?\d+\s+or\s+a\s+child")
            + rx(r"\)\s+score\s+")
            + number("score")
            + rx(r"\s+or\s+a\s+child")
        ),
        build=builds(Selected),
        since="2.6.20",
        until="2.6.35",
        distros=("el6",),
        printed_by=KILL_BY,
        printf="%s: kill process %d (%s) score %li or a child",
        samples=("Out of memory: kill process 2123 (app_process) score 793444352 or a child",),
    ),
    LineFormat(
        name="select_2_6_18",
        section=Section.VERDICT,
        trigger="Out of Memory: Kill process ",
        starts=True,
        expression=lambda: (
            message()
            + lit(": Kill process ")
            + number("pid")
            + lit(" (")
            + comm(r"\)(?:\s+score -?\d+)?\s+and\s+children\.")
            + lit(")")
            + optional(lit(" score ") + number("score"))
            + rx(r"\s+and\s+children\.")
        ),
        build=builds(Selected),
        since="2.6.18",
        until="2.6.19",
        distros=("ovz",),
        printed_by=KILL_BY,
        printf="Out of Memory: Kill process %d (%s) score %li and children.",
        samples=(
            "Out of Memory: Kill process 3010 (httpd) score 4711 and children.",
            "Out of Memory: Kill process 3010 (httpd) and children.",
        ),
    ),
    LineFormat(
        name="select_openvz",
        section=Section.VERDICT,
        trigger=": Kill child of process ",
        expression=lambda: (
            message()
            + lit(": Kill child of process ")
            + number("pid")
            + lit(" (")
            + comm(r"\) score -?\d+\s*\Z")
            + lit(") score ")
            + number("score")
        ),
        build=builds(Selected),
        since="2.6.32",
        until="2.6.32",
        distros=("ovz",),
        mainline=False,
        printed_by=KILL_BY,
        printf="%s: Kill child of process %d (%s) score %d",
        samples=("Out of memory in UB 101: Kill child of process 3010 (httpd) score 4711",),
    ),
    LineFormat(
        name="select_cut",
        section=Section.VERDICT,
        trigger="ill process ",
        tolerant=True,
        expression=lambda: (
            message()
            + rx(r": [Kk]ill process ")
            + number("pid")
            + lit(" (")
            + rx(r"[^()]*(?=\))")("comm")
            + rest("tail")
        ),
        build=lambda groups: Selected(
            message=groups.get("message"), pid=int(groups.get("pid") or 0), comm=groups.get("comm") or "", damaged=True
        ),
        since="2.6.18",
        until="5.0",
        printed_by=KILL_BY,
        printf="%s: Kill process %d (%s) …",
        samples=("Out of memory: Kill process 3010 (httpd) sc",),
    ),
    LineFormat(
        name="sharing_mm",
        section=Section.VERDICT,
        trigger=" sharing same memory",
        expression=lambda: (
            lit("Kill process ")
            + number("pid")
            + lit(" (")
            + comm(r'\)(?: in VE "[^"]*")? sharing same memory')
            + lit(")")
            + optional(lit(' in VE "') + rx(r'[^"]*')("ve") + lit('"'))
            + lit(" sharing same memory")
        ),
        build=builds(SharingMm),
        since="2.6.37",
        until="4.3",
        distros=("el6",),
        printed_by=KILL_BY,
        printf="Kill process %d (%s) sharing same memory",
        samples=(
            "Kill process 4711 (sharer) sharing same memory",
            'Kill process 4711 (sharer) in VE "101" sharing same memory',
        ),
    ),
    LineFormat(
        name="already_exiting",
        section=Section.VERDICT,
        trigger=": OOM victim ",
        expression=lambda: (
            message()
            + lit(": OOM victim ")
            + number("pid")
            + lit(" (")
            + comm(r"\) is already exiting\. Skip killing the task")
            + lit(") is already exiting. Skip killing the task")
        ),
        build=builds(NotKilled, exiting=True),
        since="5.9",
        distros=("el8",),
        printed_by="mm/oom_kill.c:__oom_kill_process()",
        printf="%s: OOM victim %d (%s) is already exiting. Skip killing the task",
        samples=("Memory cgroup out of memory: OOM victim 812 (hog) is already exiting. Skip killing the task",),
    ),
    LineFormat(
        name="would_have_killed",
        section=Section.VERDICT,
        trigger="Would have killed process ",
        starts=True,
        expression=lambda: (
            lit("Would have killed process ")
            + number("pid")
            + lit(" (")
            + comm(r"\)\. But continuing instead\.")
            + lit("). But continuing instead.")
        ),
        build=builds(NotKilled, exiting=False),
        since="2.6.32",
        until="2.6.32",
        distros=("el6",),
        mainline=False,
        printed_by=KILL_BY,
        printf="Would have killed process %d (%s). But continuing instead.",
        samples=("Would have killed process 4711 (init). But continuing instead.",),
    ),
    LineFormat(
        name="no_killable",
        section=Section.VERDICT,
        trigger="Out of memory and no killable processes...",
        starts=True,
        expression=lambda: lit("Out of memory and no killable processes..."),
        build=builds(NoKillable),
        since="4.19",
        distros=("el8",),
        printed_by=OUT_OF_MEMORY_BY,
        printf="Out of memory and no killable processes...",
        samples=("Out of memory and no killable processes...",),
    ),
    LineFormat(
        name="kill_disabled",
        section=Section.VERDICT,
        trigger="Would have oom-killed but ",
        starts=True,
        expression=lambda: lit("Would have oom-killed but /proc/sys/vm/oom-kill is disabled"),
        build=builds(NoKillable),
        since="2.6.9",
        until="2.6.9",
        distros=("el4",),
        mainline=False,
        printed_by=OUT_OF_MEMORY_BY,
        printf="Would have oom-killed but /proc/sys/vm/oom-kill is disabled",
        samples=("Would have oom-killed but /proc/sys/vm/oom-kill is disabled",),
    ),
    *(_panic_format(*row) for row in _PANICS),
    LineFormat(
        name="panic",
        section=Section.VERDICT,
        trigger="Kernel panic - not syncing: ",
        starts=True,
        expression=lambda: lit("Kernel panic - not syncing: ") + rest("text"),
        build=_build_panic,
        since="2.6.18",
        printed_by="kernel/panic.c:panic()",
        printf="Kernel panic - not syncing: %s",
        samples=("Kernel panic - not syncing: Attempted to kill init!",),
    ),
    LineFormat(
        name="pinned",
        section=Section.VERDICT,
        trigger=" has mm pinned by ",
        expression=lambda: (
            lit("oom killer ")
            + number("pid")
            + lit(" (")
            + comm(r"\) has mm pinned by \d+ \(")
            + lit(") has mm pinned by ")
            + number("by_pid")
            + lit(" (")
            + comm(r"\)\s*\Z", "by_comm")
            + lit(")")
        ),
        build=builds(Pinned),
        since="4.8",
        printed_by="mm/oom_kill.c:__oom_kill_process()",
        printf="oom killer %d (%s) has mm pinned by %d (%s)",
        samples=("oom killer 812 (hog) has mm pinned by 1 (init)",),
    ),
    _notice(
        "suppressed",
        "suppressed",
        r"\w+: \d+ (?:callbacks|messages) suppressed\.?",
        "2.6.18",
        None,
        "lib/ratelimit.c:___ratelimit()",
        "oom_kill_process: 20 callbacks suppressed",
    ),
    _notice(
        "fault_oom",
        "Huh VM_FAULT_OOM",
        r"Huh VM_FAULT_OOM leaked out to the #PF handler\. Retrying PF",
        "5.17",
        None,
        "mm/oom_kill.c:pagefault_out_of_memory()",
        "Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF",
    ),
    _notice(
        "suspend",
        "OOM killer ",
        r"OOM killer (?:enabled|disabled)\.",
        "4.12",
        None,
        "mm/oom_kill.c:oom_killer_disable()",
        "OOM killer disabled.",
    ),
    _notice(
        "sysrq_ignored",
        "OOM request ignored",
        r"(?:sysrq: )?OOM request ignored(?: because killer is disabled|\. No task eligible)",
        "4.1",
        None,
        "drivers/tty/sysrq.c:moom_callback()",
        "sysrq: OOM request ignored. No task eligible",
    ),
    _notice(
        "debug_points",
        "OOMkill: task ",
        r"OOMkill: task \d+ \(.*\) got \d+ points",
        "2.6.18",
        "2.6.35",
        "mm/oom_kill.c:badness()",
        "OOMkill: task 812 (hog) got 4711 points",
    ),
    _notice(
        "tried_to_kill",
        "tried to kill ",
        r"tried to kill (?:init!|an mm-less task.*)",
        "2.6.18",
        "2.6.35",
        "mm/oom_kill.c:__oom_kill_task()",
        "tried to kill an mm-less task!",
    ),
    _notice(
        "killed_in_fault",
        "VM: killing process ",
        r"VM: killing process .*",
        "2.6.18",
        "2.6.29",
        "arch/*/mm/fault.c:do_page_fault()",
        "VM: killing process httpd",
    ),
    _notice(
        "mm_less",
        "Fixed up OOM kill of mm-less task",
        r"Fixed up OOM kill of mm-less task",
        "2.6.9",
        "2.6.9",
        "mm/oom_kill.c:__oom_kill_task()",
        "Fixed up OOM kill of mm-less task",
    ),
    _notice(
        "no_reaper",
        "Unable to start OOM reaper ",
        r"Unable to start OOM reaper -?\d+\. Continuing regardless",
        "4.6",
        "4.14",
        "mm/oom_kill.c:oom_init()",
        "Unable to start OOM reaper -12. Continuing regardless",
    ),
    _notice(
        "stat_overflow",
        ": Warning, stat buffer overflow",
        r"\w+: Warning, stat buffer overflow, please report",
        "6.11",
        None,
        "mm/memcontrol.c:memory_stat_format()",
        "memory_stat_format: Warning, stat buffer overflow, please report",
    ),
)
