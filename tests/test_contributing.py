"""CONTRIBUTING is true: its two recipes, followed to the letter in a copy of the tree, pass the tests that it names."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def recipes() -> dict[str, list[str]]:
    """Return the fenced blocks of each section of CONTRIBUTING, without indentation."""
    found: dict[str, list[str]] = {}
    for section in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        blocks = re.findall(r"^ *```\w+\n(.*?)^ *```$", body, re.DOTALL | re.MULTILINE)
        found[title] = [textwrap.dedent(block) for block in blocks]
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return a copy of what the recipes touch."""
    for name in ("oomparse", "tests", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "_build", "fixtures")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("conftest.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def python(tree: Path, *arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(tree)}
    result = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def pytest_in(tree: Path, tests: str, *, keyword: str) -> None:
    python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", keyword, tests, "tests/test_docs.py")


def replace_once(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name}: {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_kernel_line_can_be_added(recipes: dict[str, list[str]], scratch: Path) -> None:
    typed_line, line_format = recipes["Add a kernel line"]
    header = scratch / "oomparse" / "grammar" / "header.py"
    opening = "FORMATS: tuple[LineFormat, ...] = (\n"
    replace_once(header, opening, f"{typed_line}\n\n{opening}{textwrap.indent(line_format, '    ')}")
    python(scratch, "-m", "oomparse.grammar.generate")
    python(scratch, "docs/generate.py")
    python(
        scratch,
        "-c",
        textwrap.dedent("""
        from oomparse.grammar.dispatch import parse_line
        line = parse_line("oom_delay: waited 12ms for process 4242 (a) to exit) to exit").line
        assert (line.milliseconds, line.pid, line.comm) == (12, 4242, "a) to exit"), line
    """),
    )
    assert "oom_delay: waited 12ms" in (scratch / "docs" / "grammar.md").read_text(encoding="utf-8")


def test_a_transport_can_be_added(recipes: dict[str, list[str]], scratch: Path) -> None:
    (module,) = recipes["Add a transport"]
    (scratch / "oomparse" / "transports" / "piped.py").write_text(module, encoding="utf-8")
    replace_once(scratch / "oomparse" / "transports" / "registry.py", "BUILT_IN = (\n", 'BUILT_IN = (\n    "piped",\n')
    python(scratch, "docs/generate.py")
    pytest_in(scratch, "tests/transports/test_samples.py", keyword="piped or fresh")
    assert "box7|sh|Killed" in (scratch / "docs" / "transports.md").read_text(encoding="utf-8")
