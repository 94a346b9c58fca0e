"""The distributions hold what they must, the metadata is true, and the repository keeps its own rules."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WHEEL_FIXTURE_BYTES = 1_000_000
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return target


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> dict[str, int]:
    (path,) = distributions.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist()}


@pytest.fixture(scope="module")
def sdist(distributions: Path) -> set[str]:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def tracked(*patterns: str) -> set[str]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return set(listed.splitlines())


def test_wheel_holds_the_package_and_no_more(wheel: dict[str, int]) -> None:
    assert tracked("oomparse") <= set(wheel)
    tops = {name.partition("/")[0] for name in wheel}
    assert tops == {"oomparse", f"oomparse-{version('oomparse')}.dist-info"}
    assert any(name.endswith("/licenses/LICENSE") for name in wheel)
    assert "oomparse/py.typed" in wheel


def test_wheel_is_small(wheel: dict[str, int]) -> None:
    fixtures = sum(size for name, size in wheel.items() if name.startswith("oomparse/fixtures/"))
    assert fixtures < WHEEL_FIXTURE_BYTES


def test_sdist_holds_what_is_tracked(sdist: set[str]) -> None:
    expected = tracked("oomparse", "tests", "fixtures", "docs", "benchmarks", "tools", "README.md", "LICENSE")
    assert expected
    assert expected <= sdist


def test_sdist_holds_no_environment(sdist: set[str]) -> None:
    assert not [name for name in sdist if "site-packages" in name or name.endswith(".pyc")]


def test_installed_metadata_is_of_this_tree() -> None:
    assert version("oomparse") == PROJECT["project"]["version"]


def test_core_needs_only_what_the_design_lists() -> None:
    core = {re.split(r"[^A-Za-z0-9.-]", requirement)[0] for requirement in PROJECT["project"]["dependencies"]}
    assert core == {"pyparsing", "python-dateutil", "msgspec", "click", "backports.zstd"}


def test_only_the_extras_that_say_so_compile() -> None:
    compiling = {
        extra
        for extra, needs in PROJECT["project"]["optional-dependencies"].items()
        if any("systemd" in need or "journal" in need for need in needs)
    }
    assert compiling == {"journal", "all"}


def test_changelog_names_the_version() -> None:
    assert f"[{version('oomparse')}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_module_says_what_it_is_for() -> None:
    modules = sorted((ROOT / "oomparse").rglob("*.py"))
    assert modules
    assert [path.name for path in modules if not path.read_text(encoding="utf-8").lstrip("r").startswith('"""')] == []


def test_scripts_are_executable() -> None:
    for name in ("tools/setup", "tools/check", ".ci/run"):
        assert (ROOT / name).stat().st_mode & 0o111, name
