"""The cases by name: each turns the options of a run into a section of the table.

What is measured is what users run: the command (``python -m oomparse``) or a caller of the library
(`benchmarks.drive`).  Peers run where they are installed or where an option says they are; the others are skipped by
name.
"""

from collections.abc import Callable

from benchmarks.common import Options
from benchmarks.parts import latency, lowered, search, start_up
from benchmarks.scans import archives, growth, memory, storm
from benchmarks.table import Section

CASES: dict[str, Callable[[Options], Section]] = {
    "archives": archives,
    "storm": storm,
    "start-up": start_up,
    "memory": memory,
    "live": latency,
    "grammar": lowered,
    "search": search,
    "growth": growth,
}
