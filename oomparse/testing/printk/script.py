"""A whole report: the sections in the order in which the kernel prints them."""

from collections.abc import Iterator

from oomparse.model import Outcome
from oomparse.testing.printk.memcg import memcg_block, protection
from oomparse.testing.printk.meminfo import meminfo_block
from oomparse.testing.printk.opening import opening
from oomparse.testing.printk.plan import Plan
from oomparse.testing.printk.record import Record
from oomparse.testing.printk.tasks import slab_table, task_dump
from oomparse.testing.printk.verdict import verdict


def script(plan: Plan) -> Iterator[Record]:
    """Yield every record of a report."""
    event, kernel = plan.event, plan.kernel
    if event.outcome is not Outcome.LOWMEMORYKILLER:
        yield from opening(plan)
        yield from memcg_block(plan)
        if event.meminfo is not None and prints_meminfo(plan):
            yield from meminfo_block(event.meminfo, kernel)
        if event.slabs is not None and not plan.of_memcg:
            yield from slab_table(event.slabs, kernel)
        yield from protection(plan)
        if event.tasks is not None:
            yield from task_dump(event.tasks, kernel)
    yield from verdict(plan)


def prints_meminfo(plan: Plan) -> bool:
    """Whether Mem-Info is printed: since 3.9 not where a cgroup's limit was hit."""
    return not (plan.of_memcg and plan.kernel.at_least("3.9"))
