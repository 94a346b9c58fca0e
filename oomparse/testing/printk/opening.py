"""The first lines of a report: SysRq, header, cpuset, the invoker's task and call trace.

As ``mm/oom_kill.c:dump_header()`` and ``lib/dump_stack.c`` print them; see `oomparse.grammar.header` and
`oomparse.grammar.stack`.  The build's number and the address of a frame are made up where a kernel prints them: the
model does not keep the one, and newer kernels do not print the other.
"""

from collections.abc import Iterator

from oomparse.grammar.format import Section
from oomparse.model import Invoker, Trait
from oomparse.sections import Frame, Stack
from oomparse.testing.printk.kernel import Kernel
from oomparse.testing.printk.plan import Plan
from oomparse.testing.printk.record import Record, comm, known, of, tell

BUILD = " #1"
PREEMPTION = " PREEMPT(lazy) "
"""What stands behind the release, and since 6.15 behind that."""
NO_NODEMASK = "(null)"

_REGISTERS = {
    "x86_64": (
        ("RIP",),
        ("RSP", "EFLAGS"),
        ("RAX", "RBX", "RCX"),
        ("RDX", "RSI", "RDI"),
        ("RBP", "R08", "R09"),
        ("R10", "R11", "R12"),
        ("R13", "R14", "R15"),
    ),
    "i386": (
        ("EIP",),
        ("EAX", "EBX", "ECX", "EDX"),
        ("ESI", "EDI", "EBP", "ESP"),
        ("DS", "ES", "FS", "GS", "SS", "EFLAGS"),
    ),
}
"""The registers that each architecture prints, a line each (``arch/x86/kernel/process_64.c:__show_regs()``)."""


def is_sysrq(plan: Plan) -> bool:
    """Whether SysRq-f asked for it."""
    return plan.has_header and (Trait.SYSRQ in plan.event.traits or plan.event.order == -1)


def opening(plan: Plan) -> Iterator[Record]:
    """Yield everything up to the invoker's call trace."""
    if is_sysrq(plan):
        yield from tell(plan.kernel, "sysrq")
    if plan.has_header:
        yield from _header(plan)
        yield from _cpuset(plan)
        yield from _invoker(plan)
    if plan.event.stack is not None:
        yield from _stack(plan.event.stack, plan.kernel)


def _header(plan: Plan) -> Iterator[Record]:
    event = plan.event
    invoker = event.invoker or Invoker()
    value, printed = _mask(plan)
    yield from tell(
        plan.kernel,
        "header",
        comm=comm(invoker.comm),
        pid=known(invoker.pid),
        gfp_mask=hex(value),
        printed=printed,
        nodemask=event.nodemask if event.nodemask is not None else NO_NODEMASK,
        order=_order(plan),
        oom_adj=known(invoker.oom_adj),
        oom_score_adj=known(invoker.oom_score_adj),
    )


def _order(plan: Plan) -> int:
    """SysRq asks for order -1 since 4.3, for order 0 before."""
    if is_sysrq(plan):
        return -1 if plan.kernel.at_least("4.3") else 0
    return known(plan.event.order)


def _mask(plan: Plan) -> tuple[int, str]:
    """Return the mask that means the same on this kernel, and its names."""
    mask, kernel = plan.event.gfp_mask, plan.kernel
    if mask is None:
        value = kernel.gfp_value(("GFP_KERNEL",)) or 0
        return value, "|".join(kernel.gfp_names(value) or ())
    names = kernel.gfp_names(mask.value)
    value = mask.value
    if mask.flags is not None and names is not None and set(names) != set(mask.flags):
        value = kernel.gfp_value(mask.flags) or 0
    if value == mask.value and mask.printed is not None:
        return value, mask.printed
    return value, "|".join(kernel.gfp_names(value) or mask.flags or (hex(value),))


def _cpuset(plan: Plan) -> Iterator[Record]:
    event = plan.event
    if event.cpuset is not None:
        invoker = event.invoker or Invoker()
        mems = event.mems_allowed if event.mems_allowed is not None else "0"
        yield from tell(plan.kernel, "cpuset", comm=comm(invoker.comm), cpuset=event.cpuset, mems_allowed=mems)


def _invoker(plan: Plan) -> Iterator[Record]:
    kernel, invoker = plan.kernel, plan.event.invoker
    if invoker is None or invoker.pid is None:
        return
    yield from tell(
        kernel,
        "cpu",
        "pid",
        cpu=known(invoker.cpu),
        uid=known(invoker.uid),
        pid=invoker.pid,
        comm=comm(invoker.comm),
        tainted=f"Tainted: {invoker.tainted}" if invoker.tainted else "Not tainted",
        release=kernel.release.text,
        build=BUILD + PREEMPTION if kernel.at_least("6.15") else BUILD,
    )
    if invoker.hardware is not None:
        yield from tell(kernel, "hardware", hardware=invoker.hardware)
    if invoker.workqueue is not None:
        yield from tell(kernel, "workqueue", workqueue=invoker.workqueue)


def _stack(stack: Stack, kernel: Kernel) -> Iterator[Record]:
    if not kernel.at_least("2.6.28"):
        yield Record("", Section.STACK)
    yield from tell(kernel, "call_trace_arm64" if kernel.architecture == "arm64" else "call_trace")
    marked = kernel.at_least("5.15") and kernel.architecture == "x86_64"
    if marked:
        yield from _marker(" <TASK>", kernel)
    for frame in stack.frames:
        yield from _frame(frame, kernel)
    if kernel.at_least("4.10"):
        yield from _registers(stack, kernel)
    if marked:
        yield from _marker(" </TASK>", kernel)


def _marker(text: str, kernel: Kernel) -> Iterator[Record]:
    for marker in tell(kernel, "stack_marker"):
        (said,) = marker.lines
        yield of(text, marker.section, said.line, said.line_format)


def _frame(frame: Frame, kernel: Kernel) -> Iterator[Record]:
    with_address = not kernel.at_least("4.10")
    whole = frame.symbol is not None and frame.offset is not None and frame.size is not None
    if not whole and (frame.symbol is not None or frame.address is None):
        return
    yield from tell(
        kernel,
        "frame" if whole else "frame_address",
        address=_address(frame.address or 0) if with_address or not whole else None,
        doubt=None if frame.reliable else "? ",
        symbol=frame.symbol,
        offset=f"{known(frame.offset):x}",
        size=f"{known(frame.size):x}",
        module=frame.module,
    )


def _address(address: int) -> str:
    return f"{address:08x}" if 0 < address < 1 << 32 else f"{address:016x}"


def _registers(stack: Stack, kernel: Kernel) -> Iterator[Record]:
    for names in _REGISTERS.get(kernel.architecture, ()):
        if not all(name in stack.registers for name in names):
            continue
        shown = (*names, "ORIG_RAX") if names[0] == "RSP" and "ORIG_RAX" in stack.registers else names
        text = " ".join(f"{name}: {stack.registers[name]}" for name in shown)
        yield from tell(kernel, f"registers_{names[0].lower()}", registers=text)
        if names in (("RIP",), ("EIP",)) and stack.code is not None:
            yield from tell(kernel, "code", code=stack.code)
