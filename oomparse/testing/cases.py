"""The corpus on disk: finds the cases, and reads a case's logs, truth and expected events when asked.

A wheel carries a chosen part of the corpus beside this package; a checkout has all of it in ``fixtures/``.
"""

import json
import lzma
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from oomparse.errors import SourceError
from oomparse.message import Line, Message
from oomparse.testing import catalogue
from oomparse.testing.catalogue import CaseRecord, Format, LogFile

VARIABLE = "OOMPARSE_CORPUS"
"""Environment variable with the folder of another corpus than the one that came with the package."""

WHERE = (
    "the whole corpus is the folder fixtures/ of oomparse's source distribution (pip download --no-binary=oomparse "
    f"--no-deps oomparse) and repository; unpack it and set {VARIABLE} to that folder"
)

MACHINES = {"amd64": "x86_64", "i386": "i686", "arm64": "aarch64"}
"""Debian's names of architectures, and what ``uname -m`` says there."""

PACKAGE = Path(__file__).resolve().parent.parent
INSTALLED = PACKAGE / "fixtures"


@dataclass(frozen=True)
class Case:
    """One incident, in every log that was kept of it."""

    record: CaseRecord
    directory: Path

    @property
    def name(self) -> str:
        """The kernel's directory and the scenario's."""
        return self.record.name

    @property
    def kernel(self) -> str:
        """The kernel's release."""
        return self.record.kernel

    @property
    def logs(self) -> tuple[LogFile, ...]:
        """The most faithful log first."""
        return self.record.logs

    @property
    def formats(self) -> tuple[Format, ...]:
        """The formats that this case has a log of, each once."""
        return tuple(dict.fromkeys(log.format for log in self.logs))

    def log(self, form: str) -> LogFile:
        """Return the log of a format (``dmesg``, ``kmsg``, …).

        Raises:
            LookupError: this case has none; the text names those that it has.
        """
        for log in self.logs:
            if log.format == form:
                return log
        raise LookupError(f"{self.name} has no log in the format {form!r}; it has {', '.join(self.formats)}")

    def path(self, log: LogFile) -> Path:
        """Return where a log is, compressed as it is."""
        return self.directory / log.file

    def data(self, log: LogFile) -> bytes:
        """Return a log's bytes, decompressed."""
        return _content(self.path(log))

    def messages(self, release: str | None = None) -> list[Message]:
        """Return what the kernel printed, from the most faithful log; `oomparse.testing.wrap` writes it as any log.

        With a ``release`` (``2.6.32-431.el6.x86_64``, ``3.10``), what that kernel would have printed
        (`oomparse.testing.reword`).
        """
        if release is not None:
            from oomparse.testing.reword import reword

            return list(reword(self, release).messages)
        from oomparse.transports import decode

        lines = self.data(self.logs[0]).split(b"\n")
        return list(decode(Line(line, number) for number, line in enumerate(lines, 1) if line))

    def expected(self, log: LogFile | None = None) -> list[dict[str, Any]]:
        """Return the events that a log holds (of no log in particular: those that the best of them holds)."""
        name = (log or self.logs[0]).expected
        events: list[dict[str, Any]] = json.loads(_content(self.directory / name))
        return events

    @cached_property
    def truth(self) -> Mapping[str, Any]:
        """What user space knew: processes, cgroups, limits, who died; never taken from a log."""
        plain = self.directory / catalogue.TRUTH_FILE
        truth: Mapping[str, Any] = json.loads(_content(plain if plain.exists() else plain.with_suffix(".json.xz")))
        return truth

    def __str__(self) -> str:
        return self.name


def _content(path: Path) -> bytes:
    raw = path.read_bytes()
    return lzma.decompress(raw) if path.suffix == ".xz" else raw


class Corpus(Sequence[Case]):
    """All cases of a directory, by name."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files = sorted(directory.glob(f"*/*/{catalogue.CASE_FILE}"))
        if not self._files:
            raise SourceError(f"no cases here; {WHERE}", path=str(directory))

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The cases, read when first asked for."""
        return tuple(Case(catalogue.read(path), path.parent) for path in self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __getitem__(self, index: Any) -> Any:
        return self.cases[index]

    def case(self, name: str) -> Case:
        """Return a case by its name, or by its last part where only one case has it.

        Raises:
            LookupError: none or several are called so; the text names some.
        """
        found = [case for case in self.cases if case.name == name or case.name.split("/")[-1] == name]
        exact = [case for case in found if case.name == name]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            raise LookupError(f"several cases are called {name!r}: {', '.join(map(str, found))}")
        near = [case.name for case in self.cases if name in case.name] or [case.name for case in self.cases]
        more = ", …" if len(near) > 8 else ""
        hint = f"; this is a part: {WHERE}" if self.partial else ""
        raise LookupError(f"no case is called {name!r}; there are {', '.join(near[:8])}{more}{hint}")

    @property
    def partial(self) -> bool:
        """True for the chosen part that comes with an installed package."""
        return self.directory == INSTALLED

    def select(
        self,
        *,
        kernel: str | None = None,
        scope: str | None = None,
        scenario: str | None = None,
        form: str | None = None,
        architecture: str | None = None,
    ) -> tuple[Case, ...]:
        """Return the cases of a kernel (the release or its beginning), a scope, a scenario, with a log in a format.

        The architecture is what ``uname -m`` says (``x86_64``, ``i686``, ``aarch64``), or Debian's name for it.
        """
        machine = MACHINES.get(architecture, architecture) if architecture else None
        return tuple(
            case
            for case in self.cases
            if (kernel is None or case.kernel == kernel or case.kernel.startswith((f"{kernel}.", f"{kernel}-")))
            and (scope is None or scope in case.record.scopes)
            and (scenario is None or scenario == case.record.scenario)
            and (form is None or form in case.formats)
            and (machine is None or machine == case.record.architecture)
        )


def directory() -> Path:
    """Return where the corpus is: where `VARIABLE` says, in the installed package, or at the top of the checkout."""
    if told := os.environ.get(VARIABLE):
        return Path(told)
    return INSTALLED if INSTALLED.is_dir() else PACKAGE.parent / "fixtures"


def corpus(path: str | Path | None = None) -> Corpus:
    """Return the corpus that came with oomparse, or one in another directory.

    Raises:
        SourceError: there is none.
    """
    return Corpus(Path(path) if path is not None else directory())
