"""The call trace and the registers of the task that asked for memory.

Printed by ``lib/dump_stack.c:dump_stack()`` through each architecture's own code (x86: ``arch/x86/kernel/dumpstack.c``,
arm64: ``arch/arm64/kernel/stacktrace.c``, and so on), and rewritten on the way by klogd on old distributions.  Symbols,
offsets and sizes are kept as they stand; raw stack words are recognised and dropped.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from oomparse.grammar.format import Groups, LineFormat, Section, TypedLine, builds
from oomparse.grammar.tokens import lit, rx
from oomparse.pattern import pattern
from oomparse.record import maker, record
from oomparse.sections import Frame

if TYPE_CHECKING:
    from oomparse.grammar.tokens import Element

X86_BY = "arch/x86/kernel/dumpstack.c:show_trace_log_lvl()"
REGISTERS_BY = "arch/x86/kernel/process_64.c:__show_regs()"
ARM_BY = "arch/arm/kernel/traps.c:dump_backtrace_entry()"
ANY_BY = "lib/dump_stack.c:dump_stack()"


@record(frozen=True, slots=True, kw_only=True)
class StackTitle(TypedLine):
    """``Call Trace:``."""


@record(frozen=True, slots=True, kw_only=True)
class FrameLine(TypedLine):
    """One line of the trace; ``callee`` is the function that the caller in ``frames`` had called (32-bit ARM)."""

    frames: tuple[Frame, ...] = ()
    callee: Frame | None = None


@record(frozen=True, slots=True, kw_only=True)
class RegistersLine(TypedLine):
    """Registers as printed, by name."""

    registers: Mapping[str, str] = field(default_factory=dict)


@record(frozen=True, slots=True, kw_only=True)
class CodeLine(TypedLine):
    """The bytes at the instruction pointer, or the words that say that they cannot be read."""

    code: str


@record(frozen=True, slots=True, kw_only=True)
class StackNote(TypedLine):
    """A marker or raw stack words: part of the trace, without a place in the event."""


_SYMBOL = r"[A-Za-z_.$][\w.$]{0,511}"


def _sized(prefix: str = "") -> str:
    """``symbol+0xoffset/0xsize [module build-id]``."""
    return (
        rf"(?P<{prefix}symbol>{_SYMBOL})\+0x(?P<{prefix}offset>[0-9a-f]{{1,16}})/0x(?P<{prefix}size>[0-9a-f]{{1,16}})"
        rf"(?: \[(?P<{prefix}module>[^\s\[\]]+)(?: [0-9a-f]{{1,64}})?\])?"
    )


def _frame(groups: Groups, prefix: str = "") -> Frame:
    offset, size, address = (groups.get(prefix + key) for key in ("offset", "size", "address"))
    return Frame(
        symbol=groups.get(f"{prefix}symbol") or groups.get(f"{prefix}name"),
        offset=None if offset is None else int(offset, 16),
        size=None if size is None else int(size, 16),
        module=groups.get(f"{prefix}module") or groups.get("old_module"),
        address=None if address is None else int(address, 16),
        reliable=not groups.get("doubt"),
    )


def _build_frame(groups: Groups) -> FrameLine:
    return FrameLine(frames=(_frame(groups),))


def _build_call(groups: Groups) -> FrameLine:
    return FrameLine(frames=(_frame(groups),), callee=_frame(groups, "callee_"))


def _build_callee(groups: Groups) -> FrameLine:
    return FrameLine(callee=_frame(groups, "callee_"), damaged=True)


_BRACED = pattern(r"<([0-9a-f]{8,16})>\{(?::(\w+):)?([\w.$]+)\+(\d{1,9})\}")


def _build_braced(groups: Groups) -> FrameLine:
    return FrameLine(
        frames=tuple(
            Frame(symbol=symbol, offset=int(offset), module=module or None, address=int(address, 16))
            for address, module, symbol, offset in _BRACED.findall(groups.get("frames") or "")
        )
    )


_WITHIN = pattern(r"R(?:SP|AX|BX|DX|SI|BP|08|10|11|13|14)|E(?:AX|BX|CX|SI|DI|BP)")
"""Registers of x86 that others follow on the same line."""
_REGISTER = pattern(r"\b([A-Za-z_]\w{0,15}): *([^\s,=]*[^\s,=:])(?=[\s,]|\Z)")

_REGISTER_NAME = pattern(r"\b([A-Za-z_]\w{0,15}): ")
_KNOWN_REGISTER = pattern(
    r"[RE](?:IP|SP|AX|BX|CX|DX|SI|DI|BP|FLAGS)|R\d\d|ORIG_[RE]AX|[CDEFGS]S|knlGS|CR\d|DR\d|CPU"
    r"|NIP|LR|CTR|REGS|TRAP|MSR|CR|XER|CFAR|DAR|DSISR|DEAR|ESR|IRQMASK|SOFTE|GPR\d\d"
)


def _build_registers(groups: Groups) -> RegistersLine:
    """A register of a line that ends too early may lack digits."""
    text = (groups.get("registers") or "").rstrip()
    found = _REGISTER.findall(text)
    names = tuple([name for name, _ in found])
    printed = tuple(_REGISTER_NAME.findall(text))
    read = bool(found) and (printed == names or set(printed) <= set(names))
    unknown, within = _known_registers(names)
    whole = read and not within and not text.endswith(":")
    cut = not whole and read
    return maker(RegistersLine)(registers=dict(found[:-1] if cut else found), damaged=not whole, unknown=unknown)


@functools.lru_cache(maxsize=256)
def _known_registers(names: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Return those of the names that are not known, and whether others follow the last on its line."""
    unknown = tuple(name for name in names if _KNOWN_REGISTER.fullmatch(name) is None)
    return unknown, bool(names) and _WITHIN.fullmatch(names[-1]) is not None


_CODE_BYTES = 64


def _build_code(groups: Groups) -> CodeLine:
    code = (groups.get("code") or "").strip()
    words = code.split()
    cut = len(words[0]) == 2 and len(words) < _CODE_BYTES
    return CodeLine(code=code, damaged=cut)


_MARKERS = r"(?:</?[#A-Za-z_!]{2,20}>\s+)*"
_DOUBT = r"(?P<doubt>\? )?"
_ADDRESS = r"[0-9a-f]{4,16}"


def _frame_expression() -> "Element":
    """``[<address>] ? symbol+0x1/0x2 [module]``; the address may be missing, or be what klogd made of it."""
    return rx(
        rf"\s*{_MARKERS}(?:\(?\[<(?P<address>{_ADDRESS})>\]\s+|\[[^\[\]<>\s]+\]\s+)?{_DOUBT}(?::(?P<old_module>\w+):)?"
        + _sized()
        + r"(?: \([A-Z]{1,6}\))?\)?"
    )


def _power_frame() -> "Element":
    return rx(rf"\s*\[{_ADDRESS}\] \[(?P<address>{_ADDRESS})\] " + _sized() + r"(?P<doubt> \(unreliable\))?")


def _arm_frame() -> "Element":
    return rx(rf"\s*\[<(?P<callee_address>{_ADDRESS})>\] \((?:{_sized('callee_')}|(?P<callee_name>{_SYMBOL}))\)") + rx(
        rf" from \[<(?P<address>{_ADDRESS})>\] \({_sized()}\)"
    )


def _words() -> "Element":
    return rx(r"\s*(?:(?:[0-9a-f]{16}(?:\s+|(?=\s*\Z))){1,8}|(?:[0-9a-f]{8}(?:\s+|(?=\s*\Z))){2,8})")


def _registers(first: str) -> "Element":
    return rx(rf"\s*(?={first})") + rx(r"\w+: *[0-9a-fx(\[<][^\n]*")("registers")


_X86_REGISTERS = (
    ("rip", "RIP: ", "RIP: 0033:0x40372d"),
    ("rsp", "RSP: ", "RSP: 002b:00007fff218b46d0 EFLAGS: 00000206 ORIG_RAX: 0000000000000009"),
    ("rax", "RAX: ", "RAX: 2d0e56041893822e RBX: 000000000b0e5000 RCX: 0000000000000024"),
    ("rdx", "RDX: ", "RDX: 000000000000b0c2 RSI: 00007f7cc15f0000 RDI: 0000000000000000"),
    ("rbp", "RBP: ", "RBP: 00007f7ccc6d5000 R08: 00000000ffffffff R09: 0000000000000000"),
    ("r10", "R10: ", "R10: 0000000000004022 R11: 0000000000000246 R12: 0000000000001000"),
    ("r13", "R13: ", "R13: 000000000053a998 R14: 0000000019a00000 R15: 0000000000000001"),
    ("eip", "EIP: ", "EIP: 0060:[<c0459f7b>] EFLAGS: 00010246 CPU: 1"),
    ("eax", "EAX: ", "EAX: 00000000 EBX: b7f8a000 ECX: 00000400 EDX: 00001000"),
    ("esi", "ESI: ", "ESI: b7f8b000 EDI: 00000000 EBP: bfd0e1a8 ESP: bfd0e170"),
    ("ds", "DS: ", " DS: 007b ES: 007b FS: 00d8 GS: 0033 SS: 007b EFLAGS: 00010282"),
    ("cs", "CS: ", "CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033"),
    ("fs", "FS: ", "FS:  00007f1f1c9f0740(0000) GS:ffff88807dc00000(0000) knlGS:0000000000000000"),
    ("cr2", "CR2: ", "CR2: 00007f7cc15f0000 CR3: 000000000e534000 CR4: 00000000000006f0"),
)
_POWER_REGISTERS = (
    ("nip", "NIP: ", "NIP:  00007fff9a4c7a20 LR: 0000000010001b8c CTR: 0000000000000000"),
    ("regs", "REGS: ", "REGS: c0000001f2d4fe80 TRAP: 0300   Not tainted  (6.1.0-9-powerpc64le)"),
    ("msr", "MSR: ", "MSR:  800000000280f033 <SF,VEC,VSX,EE,PR,FP,ME,IR,DR,RI,LE>  CR: 24000842  XER: 00000000"),
    ("cfar", "CFAR: ", "CFAR: 00007fff9a4c79e4 DAR: 00007fff8b2f0000 DSISR: 42000000 IRQMASK: 0"),
    ("gpr", "GPR", "GPR00: 0000000010001b80 00007fffc5b1f1e0 00007fff9a617f00 00007fff8b2f0000"),
)


def _registers_format(name: str, trigger: str, sample: str, since: str, printed_by: str) -> LineFormat:
    spaced = sample.startswith(" ")
    return LineFormat(
        name=f"registers_{name}",
        section=Section.STACK,
        trigger=trigger,
        starts=not spaced,
        expression=lambda: _registers(trigger.rstrip()),
        build=_build_registers,
        since=since,
        printed_by=printed_by,
        printf=re.sub(r"(?<=[ :>(])[0-9a-f]{4,16}(?![^\s)])", "%lx", sample),
        samples=(sample,),
    )


FORMATS: tuple[LineFormat, ...] = (
    LineFormat(
        name="call_trace",
        section=Section.STACK,
        trigger="Call Trace:",
        expression=lambda: rx(r"\s*Call Trace:") + rx(r"(?:\s*</?[#A-Za-z_]+>)*"),
        build=builds(StackTitle),
        since="2.6.18",
        printed_by=X86_BY,
        printf="Call Trace:",
        samples=("Call Trace:", "\nCall Trace:", "Call Trace: <IRQ>"),
    ),
    LineFormat(
        name="call_trace_arm64",
        section=Section.STACK,
        trigger="Call trace:",
        starts=True,
        expression=lambda: lit("Call trace:"),
        build=builds(StackTitle),
        since="3.7",
        printed_by="arch/arm64/kernel/stacktrace.c:dump_backtrace()",
        printf="Call trace:",
        samples=("Call trace:",),
    ),
    LineFormat(
        name="backtrace",
        section=Section.STACK,
        trigger="Backtrace:",
        starts=True,
        expression=lambda: lit("Backtrace:"),
        build=builds(StackTitle),
        since="2.6.18",
        printed_by="arch/arm/kernel/traps.c:dump_backtrace()",
        printf="Backtrace: ",
        samples=("Backtrace: ",),
    ),
    LineFormat(
        name="frame",
        section=Section.STACK,
        trigger="+0x",
        expression=_frame_expression,
        build=_build_frame,
        since="2.6.18",
        printed_by=X86_BY,
        printf=" [<%016lx>] ? %pB",
        samples=(
            " dump_stack_lvl+0x44/0x5c",
            " ? policy_node+0x51/0x70",
            " __alloc_pages_slowpath.constprop.0+0x67f/0xe70",
            " xfs_filemap_fault+0x5f/0x120 [xfs]",
            " ext4_filemap_fault+0x31/0x50 [ext4 1c2d3e4f5a6b]",
            " [<ffffffff81162487>] dump_stack+0x4d/0x66",
            " [<ffffffff810b689d>] ? cpuset_print_task_mems_allowed+0x9d/0xb0",
            " <IRQ>  [<ffffffff8108a1c5>] ? wake_up_process+0x15/0x20",
            " [<ffffffff88030f5b>] :jbd:do_get_write_access+0x4f7/0x57e",
            " [oom_kill_process+0xf6/0x110] oom_kill_process+0xf6/0x110",
            " [xfs:filemap_fault+0x28e/0x570] filemap_fault+0x28e/0x390",
            "([<0000000000112f1e>] show_stack+0x56/0x80)",
            " show_stack+0x18/0x28 (C)",
        ),
    ),
    LineFormat(
        name="frame_powerpc",
        section=Section.STACK,
        trigger="] [c",
        expression=_power_frame,
        build=_build_frame,
        since="2.6.18",
        printed_by="arch/powerpc/kernel/process.c:show_stack()",
        printf="[%016lx] [%016lx] %pS (unreliable)",
        samples=(
            "[c0000001f2d4f8a0] [c000000000b5a2b4] dump_stack_lvl+0x74/0xa8 (unreliable)",
            "[c0000001f2d4f8d0] [c0000000003e1a48] .dump_header+0x6c/0x2a0",
        ),
    ),
    LineFormat(
        name="frame_arm",
        section=Section.STACK,
        trigger=") from [<",
        expression=_arm_frame,
        build=_build_call,
        since="2.6.18",
        printed_by=ARM_BY,
        printf="[<%08lx>] (%pS) from [<%08lx>] (%pS)",
        samples=(
            "[<c002d348>] (dump_stack+0x0/0x14) from [<c006b088>] (oom_kill_process+0x5c/0x198)",
            "[<c0110a30>] (unwind_backtrace) from [<c010cd58>] (show_stack+0x10/0x14)",
        ),
    ),
    LineFormat(
        name="frame_arm_5_18",
        section=Section.STACK,
        trigger=" from ",
        expression=lambda: rx(rf"\s*(?P<callee_symbol>{_SYMBOL}) from {_sized()}"),
        build=_build_call,
        since="5.16",
        printed_by=ARM_BY,
        printf=" %ps from %pS",
        samples=(" unwind_backtrace from show_stack+0x10/0x14",),
    ),
    LineFormat(
        name="frame_arm_numbers",
        section=Section.STACK,
        trigger="Function entered at [<",
        starts=True,
        expression=lambda: rx(
            rf"Function entered at \[<(?P<callee_address>{_ADDRESS})>\] from \[<(?P<address>{_ADDRESS})>\]"
        ),
        build=_build_call,
        since="2.6.18",
        printed_by=ARM_BY,
        printf="Function entered at [<%08lx>] from [<%08lx>]",
        samples=("Function entered at [<c002d348>] from [<c006b088>]",),
    ),
    LineFormat(
        name="frame_arm_first_half",
        section=Section.STACK,
        trigger=") from",
        tolerant=True,
        expression=lambda: rx(rf"\s*\[<(?P<callee_address>{_ADDRESS})>\] \({_sized('callee_')}\) from[^\n()]*"),
        build=_build_callee,
        since="2.6.18",
        printed_by=ARM_BY,
        printf="[<%08lx>] (%pS) from [<%08lx>]",
        samples=("[<c002d348>] (dump_stack+0x0/0x14) from [<c006b088>]",),
    ),
    LineFormat(
        name="frame_arm_second_half",
        section=Section.STACK,
        trigger="+0x",
        tolerant=True,
        expression=lambda: rx(rf"\s*(?:\[<(?P<address>{_ADDRESS})>\] )?\({_sized()}\)"),
        build=_build_frame,
        since="2.6.18",
        printed_by=ARM_BY,
        printf="(%pS)",
        samples=("(oom_kill_process+0x5c/0x198)",),
    ),
    LineFormat(
        name="frame_2_6_9",
        section=Section.STACK,
        trigger=">{",
        expression=lambda: (
            rx(r"\s*(?:Call Trace:\s*)?")
            + rx(r"(?:(?:<[A-Z]+>\s*)?<[0-9a-f]{8,16}>\{(?::\w+:)?[\w.$]+\+\d+\}\s*){1,4}")("frames")
        ),
        build=_build_braced,
        since="2.6.9",
        until="2.6.17",
        distros=("el4",),
        printed_by="arch/x86_64/kernel/traps.c:printk_address()",
        printf="<%016lx>{%s%s%s%s%+ld}",
        samples=("Call Trace:<ffffffff8015b5d7>{out_of_memory+183} <ffffffff8015d2f3>{__alloc_pages+762}",),
    ),
    LineFormat(
        name="frame_address",
        section=Section.STACK,
        trigger="0x",
        expression=lambda: rx(rf"\s*(?:\[<{_ADDRESS}>\]\s+)?{_DOUBT}0x(?P<address>[0-9a-f]{{6,16}})\)?"),
        build=_build_frame,
        since="2.6.18",
        printed_by=X86_BY,
        printf=" 0x%lx",
        samples=(" ? 0xffffffffc05e3061", " [<ffffffffa0102030>] 0xffffffffa0102030"),
    ),
    LineFormat(
        name="frame_bare",
        section=Section.STACK,
        trigger="[<",
        expression=lambda: rx(rf"\s*{_MARKERS}\[<(?P<address>{_ADDRESS})>\]\s*{_DOUBT}(?P<symbol>{_SYMBOL})?"),
        build=_build_frame,
        since="2.6.18",
        printed_by=X86_BY,
        printf=" [<%08lx>]",
        samples=(" [<c0459f7b>]", " [<c0459f7b>] out_of_memory"),
    ),
    LineFormat(
        name="stack_marker",
        section=Section.STACK,
        trigger=">",
        expression=lambda: rx(r"\s*(?:<{1,2}/?[#A-Z_!]{2,20}>{1,2}\s*){1,3}"),
        build=builds(StackNote),
        since="2.6.18",
        printed_by=X86_BY,
        printf=" <TASK>",
        samples=(" <TASK>", " </TASK>", " <IRQ>", " <<EOE>>", " </IRQ> <EOI>"),
    ),
    LineFormat(
        name="stack_end_i386",
        section=Section.STACK,
        trigger="=======",
        expression=lambda: rx(r"\s*={16,40}"),
        build=builds(StackNote),
        since="2.6.18",
        until="2.6.29",
        printed_by="arch/i386/kernel/traps.c:show_trace_log_lvl()",
        printf=" =======================",
        samples=(" =======================",),
    ),
    LineFormat(
        name="stack_title",
        section=Section.STACK,
        trigger="Stack:",
        starts=True,
        expression=lambda: rx(r"Stack:(?:\s+[0-9a-f]{8,16})*"),
        build=builds(StackNote),
        since="2.6.18",
        until="4.9",
        printed_by="arch/x86/kernel/dumpstack.c:show_stack_log_lvl()",
        printf="Stack:",
        samples=("Stack:",),
    ),
    *(
        LineFormat(
            name=f"stack_words_{name}",
            section=Section.STACK,
            trigger=trigger,
            expression=_words,
            build=builds(StackNote),
            since="2.6.18",
            until="4.9",
            printed_by="arch/x86/kernel/dumpstack_64.c:show_stack_log_lvl()",
            printf=" %016lx %016lx %016lx %016lx",
            samples=(sample,),
        )
        for name, trigger, sample in (
            ("pointers", "ffff", " ffff88000e533d50 000000000e5331a8 ffffffff8126a718 0f00000000000392"),
            ("zeros", "0000", " 0000000000000001 00007f000e533ba8 0000000081162487 0f0f0f0f0f0f0f0f"),
        )
    ),
    *(_registers_format(*row, since="2.6.18", printed_by=REGISTERS_BY) for row in _X86_REGISTERS),
    *(
        _registers_format(*row, since="2.6.18", printed_by="arch/powerpc/kernel/process.c:__show_regs()")
        for row in _POWER_REGISTERS
    ),
    LineFormat(
        name="registers_rest",
        section=Section.STACK,
        trigger=": ",
        tolerant=True,
        expression=lambda: (
            rx(r"\s*(?:[0-9a-f]{1,16}\s+)?")
            + rx(rf"(?:(?:[RE][A-Z]{{2}}|R\d\d|EFLAGS|ORIG_[RE]AX): {_ADDRESS}(?:\s+|(?=\s*\Z))){{1,8}}")("registers")
            + rx(r"(?:R\w{2}:)?")
        ),
        build=_build_registers,
        since="2.6.18",
        printed_by=REGISTERS_BY,
        printf="… %s: %016lx",
        samples=("ORIG_RAX: 0000000000000009", "2d0e56041893822e RCX: 0000000000000024"),
    ),
    LineFormat(
        name="registers_arm",
        section=Section.STACK,
        trigger=" r",
        expression=lambda: rx(r"\s*(?:(?:r\d{1,2}|fp|ip|sp|lr|pc):[0-9a-f]{8}(?:\s+|(?=\s*\Z))){1,8}"),
        build=builds(StackNote),
        since="2.6.18",
        printed_by="arch/arm/lib/backtrace.S:c_backtrace()",
        printf=" r%d:%08x r%d:%08x",
        samples=(" r7:c09b6000 r6:00000015", " r5:b0015b04 r4:ffffffff"),
    ),
    LineFormat(
        name="exception_stack",
        section=Section.STACK,
        trigger="Exception stack(",
        starts=True,
        expression=lambda: rx(r"Exception stack\(0x[0-9a-f]+ to 0x[0-9a-f]+\)"),
        build=builds(StackNote),
        since="2.6.18",
        printed_by="arch/arm/kernel/traps.c:dump_mem()",
        printf="Exception stack(0x%08lx to 0x%08lx)",
        samples=("Exception stack(0xc09b7fb0 to 0xc09b7ff8)",),
    ),
    LineFormat(
        name="exception_words",
        section=Section.STACK,
        trigger="0: ",
        expression=lambda: rx(r"\s*[0-9a-f]{4}:\s+(?:[0-9a-f]{8}(?:\s+|(?=\s*\Z))){1,8}"),
        build=builds(StackNote),
        since="2.6.18",
        printed_by="arch/arm/kernel/traps.c:dump_mem()",
        printf="%04lx: %08lx %08lx",
        samples=("7fa0:                                     afe075cb a9c01f17 afe075cb 0000005f",),
    ),
    LineFormat(
        name="interrupt_powerpc",
        section=Section.STACK,
        trigger="--- ",
        starts=True,
        expression=lambda: rx(r"--- (?:interrupt|Exception|Syscall): [^\n]*"),
        build=builds(StackNote),
        since="2.6.18",
        printed_by="arch/powerpc/kernel/process.c:show_stack()",
        printf="--- interrupt: %lx at %pS",
        samples=("--- interrupt: 300 at 0x7fff9a4c7a20", "--- interrupt: 300"),
    ),
    LineFormat(
        name="link_powerpc",
        section=Section.STACK,
        trigger="LR",
        expression=lambda: rx(rf"\s*(?:LR =|LR \[{_ADDRESS}\]|NIP \[{_ADDRESS}\]) ?[^\n]*"),
        build=builds(StackNote),
        since="2.6.18",
        printed_by="arch/powerpc/kernel/process.c:show_stack()",
        printf="    LR = %pS",
        samples=("    LR = .handle_mm_fault+0x2a0/0x3f0", "LR [0000000010001b8c] 0x10001b8c"),
    ),
    LineFormat(
        name="stack_pointers_ia64",
        section=Section.STACK,
        trigger=" bsp=",
        expression=lambda: rx(r"\s*sp=[0-9a-f]{16} bsp=[0-9a-f]{16}"),
        build=builds(StackNote),
        since="2.6.18",
        printed_by="arch/ia64/kernel/process.c:ia64_do_show_stack()",
        printf="                                sp=%016lx bsp=%016lx",
        samples=("                                sp=e0000040fb0bfa60 bsp=e0000040fb0b9180",),
    ),
    LineFormat(
        name="code",
        section=Section.STACK,
        trigger="Code: ",
        starts=True,
        expression=lambda: (
            rx(r"Code: +") + rx(r"[0-9a-f<>() ]+|(?:Unable to access opcode bytes|Bad [A-Z]IP value)[^\n]*")("code")
        ),
        build=_build_code,
        since="2.6.18",
        printed_by="arch/x86/kernel/dumpstack.c:show_opcodes()",
        printf="Code: %42ph <%02x> %21ph",
        samples=(
            "Code: d9 48 c1 e9 0c 48 89 da 48 c1 ea 0d 48 b8 cf f7 53 e3 a5 9b c4 20 48 f7 e2 48 c1 ea 04 48 69 d2 fa "
            "00 00 00 48 29 d1 83 c1 01 <88> 4d 00 49 8b 85 80 00 00 00 f0 4c 01 20 41 8b 7d 24 85 ff 74 ae",
            "Code: Unable to access opcode bytes at RIP 0x403703.",
            "Code: Bad RIP value.",
        ),
    ),
    LineFormat(
        name="end_trace",
        section=Section.STACK,
        trigger="---[ end trace ",
        starts=True,
        expression=lambda: rx(r"---\[ end trace [0-9a-f]+ \]---"),
        build=builds(StackNote),
        since="2.6.25",
        printed_by="kernel/panic.c:print_oops_end_marker()",
        printf="---[ end trace %016llx ]---",
        samples=("---[ end trace 0000000000000000 ]---",),
    ),
)
