"""What a kernel would state of an event, and what no text can tell.

Turns an event into the event that a kernel's report of it says: `representable`.  The law that holds the writer and the
parser together: what is read from the text that was written is, but for `CARRIED`, what was representable::

    stated(parse(write(event, release))) == stated(representable(event, release))

The long sections, and every value in them, are the event's own; what follows from the lines (scope, era, identity,
issues) is concluded by `oomparse.building`, as for any report, but from the lines as they were meant, not as read.
"""

from dataclasses import replace

from oomparse.building import build_event
from oomparse.grammar.format import Section, TypedLine
from oomparse.message import Message
from oomparse.model import EventTime, OomEvent, Source
from oomparse.report import Report
from oomparse.section_builder import build_meminfo, build_slabs, build_stack
from oomparse.testing.printk.kernel import NotRepresentableError
from oomparse.testing.printk.memcg import printed_stats
from oomparse.testing.printk.opening import is_sysrq
from oomparse.testing.printk.plan import Plan
from oomparse.testing.printk.record import Record
from oomparse.testing.printk.script import script
from oomparse.testing.printk.tasks import printed_tasks

CARRIED = ("event_id", "revision", "time", "source", "issues[].line")
"""What the carrier of a text knows and the text does not: when, where and by whom it was printed."""


def representable(plan: Plan) -> OomEvent:
    """Return the event as the plan's kernel states it; what is `CARRIED` stays as it is."""
    records = tuple(script(plan))
    report = Report(Message(text=""))
    report.sysrq = is_sysrq(plan)
    for record in records:
        # SysRq's line stands before the report, and says nothing but that it was asked for.
        for text, line, line_format in record.lines if record.section is not Section.SYSRQ else ():
            report.add(Message(text=text), text, record.section, line, line_format)
    if not report.is_event:
        raise NotRepresentableError(f"{plan.kernel.release.text} prints nothing of this event")
    return _with_sections(build_event(report), plan, records)


def _with_sections(built: OomEvent, plan: Plan, records: tuple[Record, ...]) -> OomEvent:
    event = plan.event
    memcg = built.memcg
    if memcg is not None:
        unit, tree = printed_stats(plan)
        stats = next(iter(tree.values()), None) or None
        memcg = replace(memcg, stats_unit=unit, stats=stats, hierarchy=tree or None)
    table = any(record.section is Section.TASKS for record in records)
    return replace(
        built,
        memcg=memcg,
        meminfo=build_meminfo(_lines(records, Section.MEMINFO)),
        slabs=build_slabs(_lines(records, Section.SLABS)),
        stack=build_stack(_lines(records, Section.STACK)),
        tasks=printed_tasks(event.tasks, plan.kernel) if event.tasks is not None and table else None,
        event_id=event.event_id,
        revision=event.revision,
        time=event.time,
        source=event.source,
    )


def _lines(records: tuple[Record, ...], section: Section) -> list[TypedLine]:
    return [said.line for record in records if record.section is section for said in record.lines]


def stated(event: OomEvent) -> OomEvent:
    """Return what the text of an event's report states, with nothing of what is `CARRIED`."""
    return replace(
        event,
        event_id="",
        revision=1,
        time=EventTime(),
        source=Source(),
        issues=tuple(replace(issue, line=None) for issue in event.issues),
    )
