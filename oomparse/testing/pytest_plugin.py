"""A pytest plugin: real OOM reports for the tests of anybody's log pipeline.

Gives the fixtures ``oom_corpus``, ``oom_case``, ``oom_log`` and ``oom_stream``, and the marker ``oom_cases``, which
chooses by kernel, scope, scenario and format.  It is loaded by every pytest run of an environment with oomparse in it,
so it imports nothing of oomparse before a test asks.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from oomparse.testing.cases import Case, Corpus
    from oomparse.testing.emit import Sink

MARKER = "oom_cases"
SELECTORS = ("kernel", "scope", "scenario", "form", "architecture")
DEFAULT_FORM = "syslog-3164"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}({', '.join(f'{name}=None' for name in SELECTORS)}): run with these of oomparse's real OOM reports"
        " only; a kernel is a release or its beginning (6.1), a scope global, memcg, cpuset or memory_policy.",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``oom_case`` with every case that its marker chooses."""
    if "oom_case" not in metafunc.fixturenames:
        return
    from oomparse.testing import corpus

    wanted: dict[str, Any] = {}
    for marker in metafunc.definition.iter_markers(MARKER):
        unknown = sorted(set(marker.kwargs) - set(SELECTORS))
        if unknown or marker.args:
            raise pytest.UsageError(f"{MARKER} takes {', '.join(SELECTORS)}, not {', '.join(unknown) or marker.args}")
        wanted = {**marker.kwargs, **wanted}  # the closest marker wins
    cases = corpus()
    found = cases.select(**wanted)
    if not found:
        from oomparse.testing.cases import WHERE

        hint = f"; this is a part: {WHERE}" if cases.partial else ""
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: no case of the corpus is {wanted}{hint}")
    metafunc.parametrize("oom_case", found, ids=str, indirect=True)


@pytest.fixture(scope="session")
def oom_corpus() -> "Corpus":
    """All cases: a sequence with ``case(name)`` and ``select(kernel=, scope=, scenario=, form=)``."""
    from oomparse.testing import corpus

    return corpus()


@pytest.fixture
def oom_case(request: pytest.FixtureRequest) -> "Case":
    """One case after the other: its logs, its truth, its expected events."""
    case: Case = request.param
    return case


class LogFactory(Protocol):
    """What ``oom_log`` is."""

    def __call__(
        self,
        form: str = DEFAULT_FORM,
        *,
        case: "Case | str | None" = None,
        compression: str | None = None,
        host: str = "oomlab",
        fresh: bool = False,
        release: str | None = None,
    ) -> Path:
        """Write a log of a case (a name, or the test's ``oom_case``) in a format, and return its path.

        ``compression`` is ``gz``, ``bz2``, ``xz``, ``zst`` or None; with ``fresh`` the first record is of this moment;
        with ``release`` it is in the words of that kernel (``3.10``, ``2.6.32-431.el6.x86_64``).
        """


@pytest.fixture
def oom_log(tmp_path: Path, request: pytest.FixtureRequest) -> LogFactory:
    """Make log files in any format, below ``tmp_path``."""

    def make(
        form: str = DEFAULT_FORM,
        *,
        case: "Case | str | None" = None,
        compression: str | None = None,
        host: str = "oomlab",
        fresh: bool = False,
        release: str | None = None,
    ) -> Path:
        data = b"".join(_records(_case(case, request), form, host=host, fresh=fresh, release=release))
        path = _free(tmp_path, form, f".log.{compression}" if compression else ".log")
        path.write_bytes(_compressed(data, compression))
        return path

    return make


class LiveLog:
    """A log that grows when the test says so."""

    def __init__(self, records: Iterable[bytes], send: "Sink") -> None:
        self._records = iter(records)
        self._send = send

    def write(self, records: int | None = None, *, rate: float | None = None) -> int:
        """Send the next ``records``, or all that are left, at most ``rate`` a second; return how many were sent."""
        from oomparse.testing.emit import emit

        return emit(islice(self._records, records), self._send, rate=rate)

    def write_until(self, text: bytes) -> int:
        """Send records up to and with the first that holds ``text``; return how many were sent."""
        sent = 0
        for record in self._records:
            self._send(record)
            sent += 1
            if text in record:
                break
        return sent


class StreamFactory(Protocol):
    """What ``oom_stream`` is."""

    def __call__(
        self,
        target: str | Path,
        form: str | None = None,
        *,
        case: "Case | str | None" = None,
        host: str = "oomlab",
        fresh: bool = True,
        release: str | None = None,
    ) -> LiveLog:
        """Open a target (a path that grows, ``udp://host:port``, ``tcp://host:port``) and return its writer.

        If no format is named it is ``syslog-3164``, and on a socket ``syslog-network``; ``release`` as for ``oom_log``.
        """


@pytest.fixture
def oom_stream(request: pytest.FixtureRequest) -> StreamFactory:
    """Write a report record by record where a pipeline listens; what was opened is closed after the test."""

    def make(
        target: str | Path,
        form: str | None = None,
        *,
        case: "Case | str | None" = None,
        host: str = "oomlab",
        fresh: bool = True,
        release: str | None = None,
    ) -> LiveLog:
        from oomparse.testing.emit import form_for, sink

        records = _records(_case(case, request), form_for(str(target), form), host=host, fresh=fresh, release=release)
        opened = sink(str(target))
        send = opened.__enter__()
        request.addfinalizer(lambda: opened.__exit__(None, None, None))
        return LiveLog(records, send)

    return make


def _case(case: "Case | str | None", request: pytest.FixtureRequest) -> "Case":
    from oomparse.testing import corpus

    if case is None and "oom_case" in request.fixturenames:
        found: Case = request.getfixturevalue("oom_case")
        return found
    if case is None:
        raise pytest.UsageError("which case? name one (case=…), or let the test take oom_case too")
    return corpus().case(case) if isinstance(case, str) else case


def _records(case: "Case", form: str, *, host: str, fresh: bool, release: str | None) -> Iterable[bytes]:
    from oomparse.testing.wrap import Machine, machine_now, wrap

    messages = case.messages(release)
    return wrap(messages, form, machine=machine_now(messages, host=host) if fresh else Machine(host=host))


def _free(folder: Path, stem: str, end: str) -> Path:
    """Return a path that is not there yet, so that a test may have several logs of one format."""
    names = (f"{stem}{'' if number == 1 else f'-{number}'}{end}" for number in count(1))
    return next(folder / name for name in names if not (folder / name).exists())


def _compressed(data: bytes, compression: str | None) -> bytes:
    if compression is None:
        return data
    zstd = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    modules = {"gz": "gzip", "bz2": "bz2", "xz": "lzma", "zst": zstd}
    if compression not in modules:
        raise pytest.UsageError(f"compression is {', '.join(modules)} or None, not {compression!r}")
    compressed: bytes = import_module(modules[compression]).compress(data)
    return compressed
