"""What came after the kill: what the oom_reaper thread got back.

Printed by ``mm/oom_kill.c:oom_reap_task_mm()`` and ``oom_reap_task()`` (since 4.6).  A reaper line may come seconds
after the kill, between other reports, and names the process by a thread's comm.
"""

import re

from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import comm, kb, lit, number, rest, rx
from oomparse.record import record

REAP_BY = "mm/oom_kill.c:oom_reap_task_mm()"


@record(frozen=True, slots=True, kw_only=True)
class Reaped(TypedLine):
    """``reaped`` with what is left, in kB; not ``reaped`` where the reaper gave up."""

    reaped: bool
    pid: int
    comm: str | None = None
    anon_rss_kb: int | None = None
    file_rss_kb: int | None = None
    shmem_rss_kb: int | None = None


def _build_cut(groups: Groups) -> Reaped:
    """A size counts where its unit stands behind it."""
    sizes = dict(re.findall(r"(anon|file|shmem)-rss:(\d{1,20})kB", groups.get("tail") or ""))
    return Reaped(
        reaped=True,
        pid=int(groups.get("pid") or 0),
        comm=groups.get("comm"),
        damaged=True,
        **{f"{kind}_rss_kb": int(size) for kind, size in sizes.items()},  # type: ignore[arg-type]  # by key
    )


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="reaped",
        section=Section.REAPER,
        trigger="oom_reaper: reaped process ",
        starts=True,
        expression=lambda: (
            lit("oom_reaper: reaped process ")
            + number("pid")
            + lit(" (")
            + comm(r"\), now anon-rss:\d")
            + lit("), now anon-rss:")
            + kb("anon_rss_kb")
            + lit(", file-rss:")
            + kb("file_rss_kb")
            + lit(", shmem-rss:")
            + number("shmem_rss_kb")
            + rx(r"[kl]B")
        ),
        build=builds(Reaped, reaped=True),
        since="4.6",
        printed_by=REAP_BY,
        printf="oom_reaper: reaped process %d (%s), now anon-rss:%lukB, file-rss:%lukB, shmem-rss:%lukB",
        samples=("oom_reaper: reaped process 46433 (chrome), now anon-rss:0kB, file-rss:0kB, shmem-rss:4kB",),
    ),
    LineFormat(
        name="reaped_cut",
        section=Section.REAPER,
        trigger="oom_reaper: reaped process ",
        starts=True,
        tolerant=True,
        expression=lambda: (
            lit("oom_reaper: reaped process ")
            + rx(r"\d{1,10}(?= )")("pid")
            + lit(" (")
            + rx(r".*(?=\))")("comm")
            + lit(")")
            + rest("tail")
        ),
        build=_build_cut,
        since="4.6",
        printed_by=REAP_BY,
        printf="oom_reaper: reaped process %d (%s), …",
        samples=("oom_reaper: reaped process 46433 (chrome), now anon-r",),
    ),
    LineFormat(
        name="reaper_failed",
        section=Section.REAPER,
        trigger="oom_reaper: unable to reap",
        starts=True,
        expression=lambda: (
            lit("oom_reaper: unable to reap pid:") + number("pid") + lit(" (") + comm(r"\)\s*\Z") + lit(")")
        ),
        build=builds(Reaped, reaped=False),
        since="4.6",
        printed_by="mm/oom_kill.c:oom_reap_task()",
        printf="oom_reaper: unable to reap pid:%d (%s)",
        samples=("oom_reaper: unable to reap pid:4711 (hog)",),
    ),
    LineFormat(
        name="reaper_gave_up",
        section=Section.REAPER,
        trigger="oom_reaper: giving up",
        starts=True,
        expression=lambda: lit("oom_reaper: giving up pid:") + number("pid") + lit(" (") + comm(r"\)\s*\Z") + lit(")"),
        build=builds(Reaped, reaped=False),
        since="4.8",
        until="4.8",
        printed_by="mm/oom_kill.c:oom_reap_task()",
        printf="oom_reaper: giving up pid:%d (%s)",
        samples=("oom_reaper: giving up pid:4711 (hog)",),
    ),
)
