"""The kill line, in every generation: ``Killed process N (comm) …``.

Printed by ``mm/oom_kill.c`` (``__oom_kill_task()``, ``oom_kill_process()``, ``__oom_kill_process()``).  Sizes are kB of
the victim's memory when it was killed; pid and UID are those of the initial namespaces.  The comm is raw: it ends at
the last ``)`` that the rest of the line can follow.
"""

import re
from typing import TYPE_CHECKING

from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import COMM_BYTES, MESSAGE, REST, comm, kb, lit, message, number, optional, rx
from oomparse.pattern import pattern
from oomparse.record import record

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

KILL_BY = "mm/oom_kill.c:__oom_kill_process()"
OLD_KILL_BY = "mm/oom_kill.c:oom_kill_process()"
OLDEST_KILL_BY = "mm/oom_kill.c:__oom_kill_task()"


@record(frozen=True, slots=True, kw_only=True)
class Killed(TypedLine):
    """A process that was killed; ``message`` is what stands before ``: Killed process``."""

    message: str | None = None
    pid: int | None = None
    comm: str | None = None
    uid: int | None = None
    total_vm_kb: int | None = None
    anon_rss_kb: int | None = None
    file_rss_kb: int | None = None
    shmem_rss_kb: int | None = None
    pgtables_kb: int | None = None
    oom_score_adj: int | None = None
    rss_kb: int | None = None
    swap_kb: int | None = None
    score: int | None = None
    ve: str | None = None
    new_words: bool = False
    """The line begins with words that no kernel has used so far: it proves nothing without a report before it."""


def _said() -> "Element":
    return message() + lit(": ")


def _process(before: str = r"\) total-vm:\d") -> "Element":
    return lit("Killed process ") + number("pid") + lit(" (") + comm(before)


def _sizes(*, shmem: bool) -> "Element":
    sizes = (
        lit("total-vm:")
        + kb("total_vm_kb")
        + lit(", anon-rss:")
        + kb("anon_rss_kb")
        + lit(", file-rss:")
        + kb("file_rss_kb")
    )
    return sizes + lit(", shmem-rss:") + kb("shmem_rss_kb") if shmem else sizes


def _owner() -> "Element":
    return (
        lit(", UID:")
        + number("uid")
        + lit(" pgtables:")
        + kb("pgtables_kb")
        + lit(" oom_score_adj:")
        + number("oom_score_adj")
    )


_TAIL_FIELDS = {
    "total-vm": "total_vm_kb",
    "vsz": "total_vm_kb",
    "vm": "total_vm_kb",
    "anon-rss": "anon_rss_kb",
    "file-rss": "file_rss_kb",
    "shmem-rss": "shmem_rss_kb",
    "pgtables": "pgtables_kb",
    "rss": "rss_kb",
    "swap": "swap_kb",
    "UID": "uid",
    "oom_score_adj": "oom_score_adj",
}
_TAIL_PAIR = pattern(r"(?<![\w-])([A-Za-z][\w-]*)(?::\s*|\s(?=-?\d))(-?\d{1,20})(\w*)")


_OTHER_COMM = pattern(rf"\(((?s:.{{0,{COMM_BYTES}}}))\)(?=[^()]*\Z|,? [A-Za-z-]+:? ?\d)")
"""In a line of unknown shape, a name ends at the last ``)`` or at the first that a size follows."""


_REDACTED = r"[Xx*#?<\[]\S{0,15} \([^\n]*\),? (?:UID \S+ )?(?:total-vm|vsz|vm):"
"""Somebody has put something else in the place of the pid; then the sizes must show that this is the kernel's line."""


def _build_other(groups: Groups) -> Killed:
    """Read a kill line of unknown shape: whatever ``key:value`` is whole; the comm ends at the last ``)``."""
    body = (groups.get("body") or "").rstrip()
    pid = re.match(r"(\d{1,10})(?=\D)", body)
    values: dict[str, int | str] = {}
    if pid is not None:
        values["pid"] = int(pid[1])
    tail = body
    opening = body.find("(")
    if opening >= 0:
        named = _OTHER_COMM.match(body, opening)
        if named is not None:
            values["comm"] = named[1]
        tail = body[pid.end() if pid else 0 : opening] + (body[named.end() :] if named is not None else "")
    sizes, unknown, damaged = _read_sizes(tail)
    said = groups.get("message")
    if said is not None:
        values["message"] = said
    values.update(sizes)
    return Killed(damaged=damaged or not unknown, unknown=unknown, **values)  # type: ignore[arg-type]  # by key


def _read_sizes(tail: str) -> tuple[dict[str, int], tuple[str, ...], bool]:
    """Read ``key:value`` by key; return the values, the unknown keys, and whether something is damaged."""
    values: dict[str, int] = {}
    unknown: list[str] = []
    damaged = False
    for match in _TAIL_PAIR.finditer(tail):
        key, value, unit = match.groups()
        name = _TAIL_FIELDS.get(key)
        if name is None:
            unknown.append(key)
        elif name.endswith("_kb") != (unit.lower() == "kb") or name in values:
            damaged = True
        else:
            values[name] = int(value)
    return values, tuple(unknown), damaged


def _build_new_words(groups: Groups) -> Killed:
    """Read a kill line whose first words no kernel has used so far: they are named as unknown, and are no message."""
    sizes, unknown, damaged = _read_sizes(groups.get("sizes") or "")
    words = groups.get("words") or ""
    said = re.search(rf"{MESSAGE}\Z", words)
    values: dict[str, int | str | None] = {"pid": int(groups.get("pid") or 0), "comm": groups.get("comm"), **sizes}
    if said is not None:
        values["message"] = said[0]
    return Killed(new_words=True, damaged=damaged, unknown=(words, *unknown), **values)  # type: ignore[arg-type]  # by key


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="killed_5_4",
        section=Section.VERDICT,
        trigger=": Killed process ",
        expression=lambda: _said() + _process() + lit(") ") + _sizes(shmem=True) + _owner(),
        build=builds(Killed),
        since="5.4",
        distros=("el8",),
        printed_by=KILL_BY,
        printf="%s: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB, UID:%u "
        "pgtables:%lukB oom_score_adj:%hd",
        samples=(
            "Memory cgroup out of memory: Killed process 100 (hog) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, "
            "shmem-rss:524kB, UID:1000 pgtables:100kB oom_score_adj:0",
            "Out of memory: Killed process 103 () total-vm:1kB) total-vm:43568kB, anon-rss:16380kB, file-rss:0kB, "
            "shmem-rss:524kB, UID:0 pgtables:80kB oom_score_adj:-1",
        ),
    ),
    LineFormat(
        name="killed_el8_3",
        section=Section.VERDICT,
        trigger=": Killed process ",
        expression=lambda: _said() + _process() + lit(") ") + _sizes(shmem=True) + lit(", UID:") + number("uid"),
        build=builds(Killed),
        since="4.18",
        until="4.18",
        distros=("el8",),
        mainline=False,
        printed_by=KILL_BY,
        printf="%s: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB, UID:%u",
        samples=(
            "Out of memory: Killed process 100 (hog) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, "
            "shmem-rss:524kB, UID:1000",
        ),
    ),
    LineFormat(
        name="killed_5_2",
        section=Section.VERDICT,
        trigger=": Killed process ",
        expression=lambda: _said() + _process() + lit(") ") + _sizes(shmem=True),
        build=builds(Killed),
        since="5.1",
        until="5.3",
        distros=("el8",),
        printed_by=KILL_BY,
        printf="%s: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB",
        samples=(
            "Out of memory: Killed process 100 (hog) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, shmem-rss:524kB",
        ),
    ),
    LineFormat(
        name="killed_vz9",
        section=Section.VERDICT,
        trigger=": Killed process ",
        expression=lambda: (
            _said()
            + _process(r'\) VE "[^"]*" total-vm:\d')
            + lit(') VE "')
            + rx(r'[^"]*')("ve")
            + lit('" ')
            + _sizes(shmem=True)
            + _owner()
        ),
        build=builds(Killed),
        since="5.14",
        until="5.14",
        distros=("vz",),
        mainline=False,
        printed_by=KILL_BY,
        printf='%s: Killed process %d (%s) VE "%s" total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB, '
        "UID:%u pgtables:%lukB oom_score_adj:%hd",
        samples=(
            'Out of memory: Killed process 100 (hog) VE "101" total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, '
            "shmem-rss:524kB, UID:1000 pgtables:100kB oom_score_adj:0",
        ),
    ),
    LineFormat(
        name="killed_4_5",
        section=Section.VERDICT,
        trigger="Killed process ",
        starts=True,
        expression=lambda: _process() + lit(") ") + _sizes(shmem=True),
        build=builds(Killed),
        since="4.5",
        until="5.0",
        distros=("el7",),
        printed_by=OLD_KILL_BY,
        printf="Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB",
        samples=(
            "Killed process 46433 (process) total-vm:536552kB, anon-rss:12012kB, file-rss:53740kB, shmem-rss:4kB",
        ),
    ),
    LineFormat(
        name="killed_2_6_36",
        section=Section.VERDICT,
        trigger="Killed process ",
        starts=True,
        expression=lambda: _process() + lit(") ") + _sizes(shmem=False),
        build=builds(Killed),
        since="2.6.36",
        until="4.4",
        printed_by=OLD_KILL_BY,
        printf="Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB",
        samples=("Killed process 27 (left-hog) total-vm:68156kB, anon-rss:24568kB, file-rss:524kB",),
    ),
    LineFormat(
        name="killed_el7_uid",
        section=Section.VERDICT,
        trigger="Killed process ",
        starts=True,
        expression=lambda: (
            _process(r"\), UID -?\d+, total-vm:\d") + lit("), UID ") + number("uid") + lit(", ") + _sizes(shmem=True)
        ),
        build=builds(Killed),
        since="3.10",
        until="3.10",
        distros=("el7",),
        mainline=False,
        printed_by=OLD_KILL_BY,
        printf="Killed process %d (%s), UID %d, total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB",
        samples=(
            "Killed process 21945 (tidb-server), UID 1000, total-vm:33558652kB, anon-rss:920kB, file-rss:452kB, "
            "shmem-rss:0kB",
        ),
    ),
    LineFormat(
        name="killed_vz7",
        section=Section.VERDICT,
        trigger="Killed process ",
        starts=True,
        expression=lambda: (
            _process(r'\) in VE "[^"]*" total-vm:\d')
            + lit(') in VE "')
            + rx(r'[^"]*')("ve")
            + lit('" ')
            + _sizes(shmem=True)
        ),
        build=builds(Killed),
        since="3.10",
        until="3.10",
        distros=("vz",),
        mainline=False,
        printed_by=OLD_KILL_BY,
        printf='Killed process %d (%s) in VE "%s" total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB',
        samples=(
            'Killed process 21945 (mysqld) in VE "1042" total-vm:33558652kB, anon-rss:920kB, file-rss:452kB, '
            "shmem-rss:0kB",
        ),
    ),
    LineFormat(
        name="killed_el6_uid",
        section=Section.VERDICT,
        trigger="Killed process ",
        starts=True,
        expression=lambda: (
            lit("Killed process ")
            + number("pid")
            + lit(", UID ")
            + number("uid")
            + lit(", (")
            + comm(r"\) total-vm:\d")
            + lit(") ")
            + _sizes(shmem=False)
        ),
        build=builds(Killed),
        since="2.6.32",
        until="2.6.32",
        distros=("el6",),
        mainline=False,
        printed_by=OLD_KILL_BY,
        printf="Killed process %d, UID %d, (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB",
        samples=("Killed process 13550, UID 500, (java) total-vm:12466024kB, anon-rss:7625016kB, file-rss:2608kB",),
    ),
    LineFormat(
        name="killed_2_6_33",
        section=Section.VERDICT,
        trigger="Killed process ",
        starts=True,
        expression=lambda: (
            _process(r"\) vsz:\d")
            + lit(") vsz:")
            + kb("total_vm_kb")
            + lit(", anon-rss:")
            + kb("anon_rss_kb")
            + lit(", file-rss:")
            + kb("file_rss_kb")
        ),
        build=builds(Killed),
        since="2.6.33",
        until="2.6.35",
        distros=("el6",),
        printed_by=OLDEST_KILL_BY,
        printf="Killed process %d (%s) vsz:%lukB, anon-rss:%lukB, file-rss:%lukB",
        samples=("Killed process 4711 (httpd) vsz:533444kB, anon-rss:402100kB, file-rss:72kB",),
    ),
    LineFormat(
        name="killed_2_6_20",
        section=Section.VERDICT,
        trigger="Killed process ",
        starts=True,
        expression=lambda: _process(r"\)\s*\Z") + lit(")"),
        build=builds(Killed),
        since="2.6.20",
        until="2.6.32",
        printed_by=OLDEST_KILL_BY,
        printf="Killed process %d (%s)",
        samples=("Killed process 2123 (app_process)", "Killed process 12 (a) (b)"),
    ),
    LineFormat(
        name="killed_2_6_18",
        section=Section.VERDICT,
        trigger=": Killed process ",
        expression=lambda: _said() + _process(r"\)\.\s*\Z") + lit(")."),
        build=builds(Killed),
        since="2.6.18",
        until="2.6.19",
        distros=("el4", "el5"),
        printed_by=OLDEST_KILL_BY,
        printf="%s: Killed process %d (%s).",
        samples=("Out of Memory: Killed process 5346 (gdmgreeter).", "Out of memory: Killed process 53 (sh)."),
    ),
    LineFormat(
        name="killed_el5_uid",
        section=Section.VERDICT,
        trigger=": Killed process ",
        expression=lambda: (
            _said()
            + lit("Killed process ")
            + number("pid")
            + lit(", UID ")
            + number("uid")
            + lit(", (")
            + comm(r"\)\.\s*\Z")
            + lit(").")
        ),
        build=builds(Killed),
        since="2.6.18",
        until="2.6.18",
        distros=("el5",),
        mainline=False,
        printed_by=OLDEST_KILL_BY,
        printf="%s: Killed process %d, UID %d, (%s).",
        samples=("Out of memory: Killed process 5346, UID 42, (gdmgreeter).",),
    ),
    LineFormat(
        name="killed_openvz",
        section=Section.VERDICT,
        trigger="OOM killed process ",
        expression=lambda: (
            optional(rx(rf"{MESSAGE}(?=: OOM killed process \d)")("message") + lit(": "))
            + lit("OOM killed process ")
            + number("pid")
            + lit(" (")
            + comm(r"\)(?: score -?\d+)? vm:\d")
            + lit(")")
            + optional(lit(" score ") + number("score"))
            + lit(" vm:")
            + kb("total_vm_kb")
            + lit(", rss:")
            + kb("rss_kb")
            + lit(", swap:")
            + kb("swap_kb")
        ),
        build=builds(Killed),
        since="2.6.32",
        until="2.6.32",
        distros=("ovz",),
        mainline=False,
        printed_by="mm/oom_kill.c:oom_kill_task()",
        printf="%s: OOM killed process %d (%s) score %d vm:%lukB, rss:%lukB, swap:%lukB",
        samples=(
            "Out of memory in UB 101: OOM killed process 2109 (update_db) score 0 vm:4228424kB, rss:3102376kB, "
            "swap:503952kB",
            "OOM killed process 2109 (httpd) vm:428424kB, rss:310236kB, swap:0kB",
        ),
    ),
    LineFormat(
        name="killed_new_words",
        section=Section.VERDICT,
        trigger=": Killed process ",
        tolerant=True,
        expression=lambda: (
            rx(rf"(?!{MESSAGE}: )[A-Za-z][^\n]{{0,79}}?(?=: Killed process \d)")("words")
            + lit(": ")
            + _process()
            + lit(") ")
            + rx(rf"(?=total-vm:\d+kB, anon-rss:\d+kB){REST}")("sizes")
        ),
        build=_build_new_words,
        since="2.6.18",
        printed_by=KILL_BY,
        printf="%s: Killed process %d (%s) total-vm:%lukB, …",
        samples=(
            "Memory pressure: Killed process 100 (hog) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB, "
            "shmem-rss:524kB, UID:1000 pgtables:100kB oom_score_adj:0",
        ),
    ),
    LineFormat(
        name="killed_other",
        section=Section.VERDICT,
        trigger="Killed process ",
        tolerant=True,
        expression=lambda: (
            optional(_said()) + rx(r"(?:OOM k|K)illed process ") + rx(rf"(?=\d|{_REDACTED}){REST}")("body")
        ),
        build=_build_other,
        since="2.6.18",
        printed_by=KILL_BY,
        printf="%s: Killed process %d (%s) key:value, …",
        samples=(
            "Out of memory: Killed process 100 (hog) total-vm:68160kB, anon-rss:30740kB, colour:3kB, UID:7",
            "Memory cgroup out of memory: Killed process 100 (hog) total-vm:68160kB, anon-r",
            "Killed process 12 (ho",
            "Out of memory: Killed process XXXX (hog) total-vm:68160kB, anon-rss:30740kB, file-rss:4kB",
        ),
    ),
)
