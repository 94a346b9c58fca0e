"""The pages say what the code does: those that are generated are fresh, and the example tests are tests that pass."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_generated_pages_are_fresh() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_example_tests_pass_in_a_project_of_their_own(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    # The one with rsyslogd has a test of its own, in tests/roads.
    examples = [block for block in blocks if "import pytest" in block and "RSYSLOGD" not in block]
    assert len(examples) > 1
    for number, example in enumerate(examples):
        (tmp_path / f"test_example_{number}.py").write_text(example, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    # Some are parametrised: each function has run.
    ran = set(re.findall(r"(test_example_\d+\.py::test_\w+)\S* (?:PASSED|SKIPPED)", result.stdout))
    defined = {
        f"test_example_{number}.py::{name}"
        for number, example in enumerate(examples)
        for name in re.findall(r"^def (test_\w+)", example, re.MULTILINE)
    }
    assert ran == defined
