"""The rows of the result, and how they are written.

Turns `Row`s into the table on the terminal and into ``RESULTS.md``, with facts about the machine that name no host,
user or path.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.  ``met`` is None where there is no target, or nothing to hold against it."""

    work: str
    ours: str
    against: str = ""
    theirs: str = ""
    ratio: str = ""
    cpu: str = ""
    """The ratio of processor time."""
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, its rows and what has to be said about them."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()


_COLUMNS = ("work", "ours", "against", "theirs", "ratio", "cpu", "target", "met")
_PROGRAMS = ("grep", "gzip", "rg")
_LIBRARIES = ("pyparsing", "python-dateutil", "msgspec", "isal", "ahocorasick-rs", "stringzilla")


def machine() -> list[str]:
    """Return what a reader needs to know of the machine."""
    model = "unknown"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return [
        f"{platform.machine()}, {os.cpu_count()} processors ({model}), {memory:.0f} GiB of memory",
        f"Linux {'.'.join(platform.release().split('.')[:2])}, Python {platform.python_version()}",
        ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        ", ".join(filter(None, map(_program, _PROGRAMS))),
        f"measured {_today()}",
    ]


def _program(name: str) -> str:
    """Return the first line of what a program says of itself, or nothing where it is not there."""
    try:
        said = subprocess.run((name, "--version"), capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return said.partition("\n")[0].strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _cells(row: Row) -> list[str]:
    met = {True: "yes", False: "no", None: ""}[row.met]
    return [row.work, row.ours, row.against, row.theirs, row.ratio, row.cpu, row.target, met]


def show(section: Section) -> None:
    """Print a section, its columns aligned."""
    lines = [list(_COLUMNS), *map(_cells, section.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{section.title}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for note in section.notes:
        print(f"- {note}")
    sys.stdout.flush()


def markdown(sections: Sequence[Section], *, command: str) -> str:
    """Return the whole of ``RESULTS.md``."""
    parts = ["# Results", f"Written by `{command}`; other machines will differ, the ratios less so.", ""]
    parts += [f"- {fact}" for fact in machine()]
    return "\n".join(parts) + "\n" + "".join(f"\n{_chapter(section)}" for section in sections)


def renewed(results: str, sections: Sequence[Section], *, command: str) -> str:
    """Return ``RESULTS.md`` with some of its sections measured again."""
    head, *chapters = results.split("\n## ")
    new = {section.title: _chapter(section, f"measured again by `{command}`, {_today()}") for section in sections}
    kept = [new.pop(chapter.partition("\n")[0], f"## {chapter.rstrip()}\n") for chapter in chapters]
    return f"{head.rstrip()}\n" + "".join(f"\n{chapter}" for chapter in (*kept, *new.values()))


def _chapter(section: Section, *more: str) -> str:
    parts = [f"## {section.title}", "", f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}"]
    parts += [f"| {' | '.join(_cells(row))} |" for row in section.rows]
    notes = [f"- {note}" for note in (*section.notes, *more)]
    return "\n".join([*parts, "", *notes] if notes else parts) + "\n"


def _today() -> str:
    """Return when it was measured, and how many processes wanted a processor in the last quarter of an hour."""
    return f"{datetime.now(UTC):%Y-%m-%d}, load {os.getloadavg()[2]:.1f}"
