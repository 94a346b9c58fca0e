"""The page on testing shows a test of a real rsyslogd: it runs as it stands there, in a project of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.roads.rsyslog import RSYSLOGD

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.mark.skipif(RSYSLOGD is None, reason="rsyslogd is not installed")
def test_the_example_with_rsyslog_passes(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (block for block in blocks if "rsyslogd" in block)
    (tmp_path / "test_example.py").write_text(example, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in result.stdout, result.stdout + result.stderr
