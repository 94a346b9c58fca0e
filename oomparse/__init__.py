"""Linux OOM-killer reports as typed events.

>>> import oomparse
>>> log = "Out of memory: Killed process 7 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:0"
>>> [event.victim.comm for event in oomparse.parse(log)]
['hog']

The names below are the public face; each is imported from its module when it is first used, so that importing
`oomparse` costs next to nothing and loads neither pyparsing nor dateutil.
"""

TYPE_CHECKING = False  # What typing.TYPE_CHECKING is, without importing typing
if TYPE_CHECKING:
    from oomparse.assembler import Assembler
    from oomparse.errors import Issue, IssueCode, LineSyntaxError, OomparseError, SourceError, printable
    from oomparse.live import afollow, follow, read_journal, read_kmsg
    from oomparse.message import Line, Message
    from oomparse.model import (
        Era,
        EventTime,
        Evidence,
        GfpMask,
        Identity,
        Invoker,
        LimitKind,
        Memcg,
        OomEvent,
        Outcome,
        Reaper,
        ReaperOutcome,
        Role,
        Scope,
        ScopeLevel,
        Selection,
        Source,
        Trait,
        Victim,
    )
    from oomparse.reader import parse, parse_file, parse_paths
    from oomparse.sections import (
        Allocation,
        Frame,
        FreeBlocks,
        FreeList,
        HugePages,
        MemInfo,
        MemTotals,
        NodeMemory,
        PageCounts,
        PerCpuList,
        Slab,
        Stack,
        SwapInfo,
        TaskRow,
        TaskTable,
        ZoneMemory,
    )
    from oomparse.tracing import TraceLine, trace

    __version__: str

_HOMES = {
    "assembler": ("Assembler",),
    "errors": ("Issue", "IssueCode", "LineSyntaxError", "OomparseError", "SourceError", "printable"),
    "live": ("afollow", "follow", "read_journal", "read_kmsg"),
    "message": ("Line", "Message"),
    "model": (
        "Era",
        "EventTime",
        "Evidence",
        "GfpMask",
        "Identity",
        "Invoker",
        "LimitKind",
        "Memcg",
        "OomEvent",
        "Outcome",
        "Reaper",
        "ReaperOutcome",
        "Role",
        "Scope",
        "ScopeLevel",
        "Selection",
        "Source",
        "Trait",
        "Victim",
    ),
    "reader": ("parse", "parse_file", "parse_paths"),
    "sections": (
        "Allocation",
        "Frame",
        "FreeBlocks",
        "FreeList",
        "HugePages",
        "MemInfo",
        "MemTotals",
        "NodeMemory",
        "PageCounts",
        "PerCpuList",
        "Slab",
        "Stack",
        "SwapInfo",
        "TaskRow",
        "TaskTable",
        "ZoneMemory",
    ),
    "tracing": ("TraceLine", "trace"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Allocation",
    "Assembler",
    "Era",
    "EventTime",
    "Evidence",
    "Frame",
    "FreeBlocks",
    "FreeList",
    "GfpMask",
    "HugePages",
    "Identity",
    "Invoker",
    "Issue",
    "IssueCode",
    "LimitKind",
    "Line",
    "LineSyntaxError",
    "MemInfo",
    "MemTotals",
    "Memcg",
    "Message",
    "NodeMemory",
    "OomEvent",
    "OomparseError",
    "Outcome",
    "PageCounts",
    "PerCpuList",
    "Reaper",
    "ReaperOutcome",
    "Role",
    "Scope",
    "ScopeLevel",
    "Selection",
    "Slab",
    "Source",
    "SourceError",
    "Stack",
    "SwapInfo",
    "TaskRow",
    "TaskTable",
    "TraceLine",
    "Trait",
    "Victim",
    "ZoneMemory",
    "__version__",
    "afollow",
    "follow",
    "parse",
    "parse_file",
    "parse_paths",
    "printable",
    "read_journal",
    "read_kmsg",
    "trace",
]


def __getattr__(name: str) -> object:
    """Import what ``name`` stands for and keep it, so that the next use finds it at once (PEP 562)."""
    value: object
    if name == "__version__":
        from importlib.metadata import version

        value = version("oomparse")
    elif home := _HOME_OF.get(name):
        from importlib import import_module

        value = getattr(import_module(f"oomparse.{home}"), name)
    else:
        raise AttributeError(f"module 'oomparse' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
