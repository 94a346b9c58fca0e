"""The lazy public face: every name resolves, and none of them costs anything before it is used."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import oomparse
from benchmarks.generate import Plan, blocks

HEAVY = ("pyparsing", "dateutil", "msgspec", "click", "dataclasses", "inspect", "typing", "rich", "systemd")


def imported_by(statement: str) -> set[str]:
    code = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    # -S: what the site packages load at start (for editable installs) is not ours.
    root = str(Path(oomparse.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.append({root!r})\n{code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_importing_loads_nothing_but_itself() -> None:
    assert imported_by("import oomparse") == {"oomparse"}


def test_listing_and_help_load_nothing() -> None:
    loaded = imported_by("import oomparse; assert 'parse' in dir(oomparse)")
    assert not loaded.intersection(HEAVY)


def test_a_log_loads_what_it_needs(tmp_path: Path) -> None:
    """What takes long to import and says nothing of who died waits until somebody asks more."""
    log = tmp_path / "kern.log"
    log.write_bytes(next(blocks(Plan(storm=1, tasks=5)))[0])
    reading = f"import oomparse; (event,) = oomparse.parse_paths([{str(log)!r}]); event.victims, event.scope"
    loaded = imported_by(reading)
    assert "oomparse.plain" in loaded
    slow = {
        "pathlib",
        "urllib",
        "tarfile",
        "pyparsing",
        "dateutil",
        "hashlib",
        "oomparse.building",
        "oomparse.decode.gfp",
    }
    assert not loaded & slow
    assert slow & imported_by(f"{reading}; event.event_id") == {"hashlib", "oomparse.building", "oomparse.decode.gfp"}


@pytest.mark.parametrize("name", oomparse.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(oomparse, name) is not None
    assert name in dir(oomparse)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'parze'"):
        oomparse.parze  # noqa: B018  # the point of the test


def test_names_are_listed_the_same_three_times() -> None:
    tree = ast.parse(Path(oomparse.__file__).read_text(encoding="utf-8"))
    typed = {
        (node.module, alias.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    lazy = {(f"oomparse.{home}", name) for home, names in oomparse._HOMES.items() for name in names}
    assert {pair for pair in typed if str(pair[0]).startswith("oomparse.")} == lazy
    assert {name for _, name in lazy} | {"__version__"} == set(oomparse.__all__)
    assert oomparse.__all__ == sorted(oomparse.__all__)


def test_no_public_name_hides_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(oomparse.__path__)}
    assert modules.isdisjoint(oomparse.__all__), "importing that module would replace the public name"
