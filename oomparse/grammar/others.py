"""Killers that print in a manner of their own: Android's lowmemorykiller and OpenVZ's beancounters.

``drivers/staging/android/lowmemorykiller.c`` (2.6.29 to 4.11) prints up to four lines a kill, as one record or as
several.  OpenVZ (2.6.32-042stab) replaces the header of the report; its kill line is in `oomparse.grammar.kill`.
"""

from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.header import Header
from oomparse.grammar.tokens import REST, comm, kb, lit, number, optional, rest, rest_of_line, rx
from oomparse.grammar.verdict import Notice
from oomparse.pattern import pattern
from oomparse.record import record

LMK_BY = "drivers/staging/android/lowmemorykiller.c:lowmem_shrink()"
UB_BY = "mm/oom_kill.c:ub_oom_start()"


@record(frozen=True, slots=True, kw_only=True)
class LmkKilled(TypedLine):
    """Android's in-kernel lowmemorykiller; ``adj`` is oom_score_adj since 3.3, oom_adj before."""

    pid: int
    comm: str
    adj: int | None = None
    size_pages: int | None = None
    freed_kb: int | None = None
    """Where its further lines are in the same record."""
    details: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class LmkDetail(TypedLine):
    """A further line of the same kill."""

    freed_kb: int | None = None
    on_behalf_comm: str | None = None
    on_behalf_pid: int | None = None
    text: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class UbEnd(TypedLine):
    """OpenVZ: ``oom-killer in ub N generation N ends: …``."""

    text: str


_TO_FREE = pattern(r"\bto free (\d{1,20})kB ")


def _build_killing(groups: Groups) -> LmkKilled:
    details = groups.get("details")
    freed = _TO_FREE.search(details or "")
    return LmkKilled(
        pid=int(groups.get("pid") or 0),
        comm=groups.get("comm") or "",
        adj=int(groups.get("adj") or 0),
        freed_kb=int(freed[1]) if freed else None,
        details=details,
    )


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="lmk_killing",
        section=Section.VERDICT,
        trigger="lowmemorykiller: Killing '",
        starts=True,
        expression=lambda: (
            lit("lowmemorykiller: Killing '")
            + rx(r".*?(?=' \(\d+\))")("comm")
            + lit("' (")
            + number("pid")
            + rx(r"\)[^,]*, adj ")
            + number("adj")
            + rest("details")
        ),
        build=_build_killing,
        since="3.3",
        until="4.11",
        printed_by=LMK_BY,
        printf="lowmemorykiller: Killing '%s' (%d), adj %hd,",
        samples=(
            "lowmemorykiller: Killing 'd.process.media' (2613), adj 1000,",
            "lowmemorykiller: Killing 'facebook.katana' (913), adj 529,\n   to free 20784kB on behalf of 'kswapd0' "
            "(442) because\n   cache 32112kB is below limit 32384kB for oom_score_adj 529\n   Free memory is 17432kB "
            "above reserved",
        ),
    ),
    LineFormat(
        name="lmk_sigkill",
        section=Section.VERDICT,
        trigger="send sigkill to ",
        expression=lambda: (
            rx(r"(?:lowmemorykiller: )?send sigkill to ")
            + number("pid")
            + lit(" (")
            + comm(r"\), adj -?\d+, size \d+")
            + rx(r"\), (?:oom_)?(?:score_)?adj ")
            + number("adj")
            + lit(", size ")
            + number("size_pages")
            + rest("details")
        ),
        build=builds(LmkKilled),
        since="2.6.29",
        until="3.10",
        printed_by=LMK_BY,
        printf="lowmemorykiller: send sigkill to %d (%s), adj %d, size %d",
        samples=("send sigkill to 812 (com.android.mms), adj 15, size 3061",),
    ),
    LineFormat(
        name="lmk_to_free",
        section=Section.VERDICT,
        trigger="to free ",
        expression=lambda: (
            rx(r"\s*to free ")
            + kb("freed_kb")
            + lit(" on behalf of '")
            + rx(r".*?(?=' \(\d+\))")("on_behalf_comm")
            + lit("' (")
            + number("on_behalf_pid")
            + rx(r"\)(?: because)?")
        ),
        build=builds(LmkDetail),
        since="3.3",
        until="4.11",
        printed_by=LMK_BY,
        printf="   to free %ldkB on behalf of '%s' (%d) because",
        samples=("   to free 20784kB on behalf of 'kswapd0' (442) because",),
    ),
    LineFormat(
        name="lmk_reason",
        section=Section.VERDICT,
        trigger="kB ",
        expression=lambda: rx(
            r"\s*(?:cache \d+kB is below limit \d+kB for oom_score_adj -?\d+|Free memory is -?\d+kB above reserved"
            rf"{REST})"
        )("text"),
        build=builds(LmkDetail),
        since="3.3",
        until="4.11",
        printed_by=LMK_BY,
        printf="   cache %ldkB is below limit %ldkB for oom_score_adj %hd",
        samples=(
            "   cache 32112kB is below limit 32384kB for oom_score_adj 1000",
            "   Free memory is 17432kB above reserved",
        ),
    ),
    LineFormat(
        name="header_openvz_ub",
        section=Section.HEADER,
        trigger=") invoked oom-killer in ub ",
        expression=lambda: (
            number("pid")
            + lit(" (")
            + comm(r"\) invoked oom-killer in ub \d")
            + rx(r"\) invoked oom-killer in ub \S+ generation \d+ gfp ")
            + rx(r"0x[0-9a-f]{1,16}")("gfp_mask")
        ),
        build=builds(Header),
        since="2.6.32",
        until="2.6.32",
        distros=("ovz",),
        mainline=False,
        printed_by=UB_BY,
        printf="%d (%s) invoked oom-killer in ub %d generation %d gfp 0x%x",
        samples=("2109 (httpd) invoked oom-killer in ub 101 generation 0 gfp 0x200d2",),
    ),
    LineFormat(
        name="header_openvz",
        section=Section.HEADER,
        trigger=" oom-killer: gfp 0x",
        expression=lambda: (
            number("pid")
            + lit(" (")
            + comm(r"\) invoked (?:\S+ )?oom-killer: gfp 0x")
            + rx(r"\) invoked (?:\S+ )?oom-killer: gfp ")
            + rx(r"0x[0-9a-f]{1,16}")("gfp_mask")
            + optional(lit(" order ") + number("order"))
            + optional(lit(" oomkilladj=") + number("oom_adj"))
        ),
        build=builds(Header),
        since="2.6.32",
        until="2.6.32",
        distros=("ovz",),
        mainline=False,
        printed_by=UB_BY,
        printf="%d (%s) invoked %s oom-killer: gfp 0x%x order %d oomkilladj=%d",
        samples=("2109 (httpd) invoked global oom-killer: gfp 0x200d2 order 0 oomkilladj=0",),
    ),
    LineFormat(
        name="ub_end",
        section=Section.VERDICT,
        trigger="oom-killer in ub ",
        starts=True,
        expression=lambda: rx(r"oom-killer in ub \S+ generation \d+ ends: ") + rest_of_line("text"),
        build=builds(UbEnd),
        since="2.6.32",
        until="2.6.32",
        distros=("ovz",),
        mainline=False,
        printed_by=UB_BY,
        printf="oom-killer in ub %d generation %d ends: %s",
        samples=("oom-killer in ub 101 generation 0 ends: task died",),
    ),
    LineFormat(
        name="ub_note",
        section=Section.NOTICE,
        trigger="OOM",
        expression=lambda: rx(
            r"OOM killed process .+ \(pid=\d+, ve=\d+\) exited, free=.*"
            r"|OOM kill(?:er)? in rage,? .*|OOM: (?:disabled for|no mm for) process .*|OOM kill timeout: \d+ \(.*\)"
        )("text"),
        build=builds(Notice),
        since="2.6.18",
        until="2.6.32",
        distros=("ovz",),
        mainline=False,
        printed_by="kernel/ub/ub_oom.c:ub_oom_task_exit()",
        printf="OOM killed process %s (pid=%d, ve=%d) exited, free=%lu.",
        samples=("OOM killed process httpd (pid=2109, ve=101) exited, free=10293.",),
    ),
)
