r"""Lines that the kernel prints in parts (``pr_cont()``), and that another message may break into records of their own.

Tells whether a text is the beginning of such a line, and joins it with the next part: ``Task in `` with ``/a``,
``lowmem_reserve[]:`` with `` 0 179``, ``…,nodemask=`` with ``(null)``.  Before 3.5 any other printk broke a line, from
4.9 on it needs another context in between; 3.15 and 3.16 broke one themselves.  Each part must look like what the
kernel prints there, so that no foreign line is taken into a name.
"""

import functools
import re

from oomparse.grammar.tokens import COMM_BYTES, CPU_LIST
from oomparse.pattern import pattern

_ZONE = r"(?:Node \d+,? +)?(?:DMA32|DMA|Normal|HighMem|Movable|Device)"
_BLOCKS = r"(?:\d+\*\d+kB\s*(?:\([A-Z]+\)\s*)?)*"
_PATH = r"/[^\n]*|\((?:null|error|name too long)\)[^\n]*"
_LIST = rf"(?:{CPU_LIST})"

# What may stand at the end of the first parts, and what the next may begin with.
_PARTS: tuple[tuple[str, str], ...] = (
    (r"Task in ?", _PATH),
    (r"Task in \S[^\n]*(?<! killed as a result of limit of)", r" ?killed as a result of limit of"),
    (r"Task in \S[^\n]* killed as a result of limit of ?", _PATH),
    (r"Memory limit reached of cgroup ?", _PATH),
    (r"Memory cgroup stats", r" ?for(?: /|\Z)"),
    (r"Memory cgroup stats for ?", _PATH),
    (r"Memory cgroup stats for /[^\n]*", r":"),
    (r"Tasks in ?", _PATH),
    (r"Tasks in /[^\n]*", r" ?are going to be killed due to memory\.oom\.group set"),
    (rf"[^\n]{{0,{COMM_BYTES}}} cpuset=", r"(?:/|[^\s/=]*\w[^\s/]*)(?: mems_allowed=[\d,-]*)?\s*\Z"),
    (rf"[^\n]{{0,{COMM_BYTES}}} cpuset=[^\n]*[^\n=]", r" ?mems_allowed=[\d,-]*\s*\Z"),
    (r"[^\n]* invoked oom-killer: [^\n]*, nodemask=", rf"{_LIST}(?:,  order=|\Z)"),
    (rf"[^\n]* invoked oom-killer: [^\n]*, nodemask={_LIST}", r",  order="),
    (r"oom-kill:constraint=[^\n]*_memcg=", _PATH),
    (r"oom-kill:constraint=[^\n]*,cpuset=", r"(?:/|[^\s/=]*\w[^\s/]*)(?:,mems_allowed=[^\n]*)?\s*\Z"),
    (
        r"oom-kill:constraint=[^\n]*[^=]",
        r",(?:cpuset=|mems_allowed=|oom_memcg=|global_oom(?:,|\Z)|task_memcg=|task=)",
    ),
    (r"lowmem_reserve\[\]:(?: -?\d+)*", r" ?-?\d+(?: -?\d+)*\s*\Z"),
    (rf"{_ZONE}: ?{_BLOCKS}", r"\d+\*\d+kB|\([A-Z]+\) ?|= \d+kB\s*\Z"),
    (r"Node \d+ ?", rf"{_ZONE}: ?{_BLOCKS}\Z"),
)


@functools.cache
def _pairs() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    """Return the parts, compiled when a line first looks like one."""
    return tuple((re.compile(rf"(?>{first})\s*\Z"), re.compile(following)) for first, following in _PARTS)


_FIRST = pattern(
    r"Task|Memory (?:cgroup stats|limit)|oom-kill:|lowmem_reserve|Node \d|(?:DMA|Normal|HighMem|Movable|Device)"
    rf"|[^\n]{{0,{COMM_BYTES}}} cpuset=|[^\n]* invoked oom-killer: [^\n]*nodemask="
)


def may_be_continued(text: str) -> bool:
    """Tell whether a text can be the first parts of a line that is printed in parts."""
    return _FIRST.match(text) is not None and any(first.match(text) is not None for first, _ in _pairs())


def joined(fragment: str, text: str) -> str | None:
    """Return ``fragment`` with its next part, or ``None`` where ``text`` is none of its parts.

    >>> joined("Task in /a", " killed as a result of limit of /")
    'Task in /a killed as a result of limit of /'
    """
    for first, following in _pairs():
        if first.match(fragment) is not None and following.match(text) is not None:
            gap = "" if fragment.endswith((" ", "=")) or text.startswith((" ", ",", ":")) else " "
            return f"{fragment}{gap}{text}"
    return None
