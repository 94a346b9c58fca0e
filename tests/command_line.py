"""What the tests of the command line share."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    shown: str
    """On standard output."""
    said: str
    """On standard error."""


class Run(Protocol):
    """The fixture ``run``: the command line within this process; ``piped`` is its standard input."""

    def __call__(self, *arguments: object, piped: bytes = b"") -> Done: ...


class Process(Protocol):
    """The fixture ``process``: the command line as a process; ``options`` are those of `subprocess.run`."""

    def __call__(
        self, *arguments: object, piped: bytes | None = None, env: Mapping[str, str] | None = None, **options: Any
    ) -> Done: ...


def kill_line(comm: str = "hog", pid: int = 7, *, seconds: float = 12.5, memcg: bool = False) -> str:
    """A kill line of our own making, as dmesg shows it since 5.4."""
    cause = "Memory cgroup out of memory" if memcg else "Out of memory"
    return (
        f"[{seconds:12.6f}] {cause}: Killed process {pid} ({comm}) total-vm:9000kB, anon-rss:8000kB, file-rss:4kB, "
        "shmem-rss:0kB, UID:1000 pgtables:40kB oom_score_adj:0\n"
    )
