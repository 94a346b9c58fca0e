"""Other people's parsers, run where the caller has them: none is fetched, built or copied here.

    python -m benchmarks.peers oomanalyser /path/to/OOMAnalyser.py storm.log

prints the number of reports from which the peer got a victim.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


def reports_of(path: Path) -> Iterator[str]:
    """Cut a storm into the texts of its reports, as a person would who pastes them one by one."""
    lines: list[str] = []
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            if " invoked oom-killer: " in line:
                lines = []
            lines.append(line)
            if "Killed process" in line:
                yield "".join(lines)
                lines = []


def load(path: Path) -> ModuleType:
    """Import a module from a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def oomanalyser(module_path: Path, log: Path) -> int:
    """Analyse every report with OOMAnalyser; return how many gave a victim."""
    module = load(module_path)
    found = 0
    for text in reports_of(log):
        analyser = module.OOMAnalyser(module.OOMEntity(text))
        if analyser.analyse() and analyser.oom_result.details.get("killed_proc_pid"):
            found += 1
    return found


if __name__ == "__main__":
    print(oomanalyser(Path(sys.argv[2]), Path(sys.argv[3])))
