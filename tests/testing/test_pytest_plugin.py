"""The plugin in a project of somebody else's, run by a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from oomparse.testing import corpus

PROJECT = """
import bz2, gzip, lzma
import pytest
from oomparse.testing.wrap import FORMATS

@pytest.mark.oom_cases(kernel="6.1", scope="memcg", form="kmsg", scenario="memcg-nested")
def test_case(oom_case, oom_log):
    path = oom_log("syslog-iso", compression="gz", host="web-7")
    text = gzip.decompress(path.read_bytes())
    assert b" web-7 kernel: [" in text
    assert oom_case.expected()[0]["victims"][0]["comm"] == "app-a"
    assert b"Killed process %d (app-a)" % oom_case.truth["oom_killed_pids"][0] in text

@pytest.mark.oom_cases(scenario="oom-group")
class TestMarkedClass:
    @pytest.mark.oom_cases(kernel="6")
    def test_closest_marker_wins_and_the_rest_stays(self, oom_case):
        assert oom_case.record.scenario == "oom-group" and oom_case.kernel.startswith("6.")

def test_stream(oom_stream, tmp_path):
    log = tmp_path / "kern.log"
    live = oom_stream(log, "syslog-3164", case="7.3-cloud-amd64/memcg-nested")
    assert live.write(1) == 1
    assert log.read_bytes().count(b"\\n") == 1
    live.write_until(b"Killed process")
    assert b"Killed process" in log.read_bytes().splitlines()[-1]
    live.write()

@pytest.mark.parametrize("form", FORMATS)
def test_every_format(form, oom_log):
    import oomparse
    path = oom_log(form, case="6.1.0-56-cloud-amd64/memcg-nested")
    (event,) = oomparse.parse_file(path)
    assert event.victim.comm == "app-a" and event.complete

@pytest.mark.parametrize("compression", [None, "gz", "bz2", "xz", "zst"])
def test_every_compression(compression, oom_log):
    import oomparse
    path = oom_log("syslog-5424", case="6.1.0-56-cloud-amd64/memcg-nested", compression=compression)
    assert path.name == "syslog-5424.log" + ("." + compression if compression else "")
    (event,) = oomparse.parse_file(path)
    assert event.victim.comm == "app-a"

def test_words_of_another_kernel(oom_log, oom_stream, tmp_path):
    import oomparse
    case = "6.1.0-56-cloud-amd64/swap-global"
    (event,) = oomparse.parse_file(oom_log("kmsg", case=case, release="3.10"))
    assert event.source.kernel_release == "3.10" and event.victim.pgtables_kb is None
    path = tmp_path / "live.log"
    oom_stream(path, case=case, release="2.6.24").write()
    (event,) = oomparse.parse_file(path)
    assert event.source.kernel_release == "2.6.24" and event.victim.anon_rss_kb is None

def test_second_log_of_a_format_is_another_file(oom_log):
    first = oom_log(case="6.1.0-56-cloud-amd64/memcg-nested")
    second = oom_log(case="6.1.0-56-cloud-amd64/noop")
    assert first != second and b"Killed process" in first.read_bytes()

def test_stream_to_a_socket_has_priorities(oom_stream):
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        target = "udp://127.0.0.1:%d" % server.getsockname()[1]
        assert oom_stream(target, case="6.1.0-56-cloud-amd64/memcg-nested").write(1, rate=1000) == 1
        assert server.recv(2000).startswith(b"<4>")

def test_corpus(oom_corpus, oom_log):
    case = oom_corpus.case("6.1.0-56-cloud-amd64/noop")
    assert case.record.negative
    assert oom_log("kmsg", case=case).read_bytes().startswith(b"5,0,0,-;Linux version")
"""

BYSTANDER = """
import sys

def test_without_fixtures():
    assert not [name for name in sys.modules if name in ("pyparsing", "dateutil", "msgspec")]
"""

OWN = """
import pytest

@pytest.mark.oom_cases(architecture="x86_64")
def test_case(oom_case, oom_corpus):
    assert [oom_case] == list(oom_corpus) and oom_case.record.scenario == "noop"
"""

WRONG = """
import pytest

@pytest.mark.oom_cases(kernal="6.1")
def test_case(oom_case): ...
"""


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "oomparse.testing.pytest_plugin", "--strict-markers", *arguments]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": "/usr/bin:/bin", **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_fixtures_and_marker(project: Path) -> None:
    (project / "test_pipeline.py").write_text(PROJECT)
    result = run(project, "-q")
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_is_imported_until_it_is_used(project: Path) -> None:
    (project / "test_other.py").write_text(BYSTANDER)
    result = run(project, "-q")
    assert result.returncode == 0, result.stdout + result.stderr


def test_corpus_of_ones_own(project: Path) -> None:
    """The variable names a folder; a marker that chooses nothing there is an error, not a test that passes."""
    folder = project / "mine" / "6.1.0-56-cloud-amd64"
    folder.mkdir(parents=True)
    (folder / "noop").symlink_to(corpus().case("6.1.0-56-cloud-amd64/noop").directory)
    (project / "test_pipeline.py").write_text(OWN)
    result = run(project, "-q", OOMPARSE_CORPUS=str(folder.parent))
    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert run(project, "-q", OOMPARSE_CORPUS=str(project)).returncode != 0


def test_wrong_selector_is_named(project: Path) -> None:
    (project / "test_pipeline.py").write_text(WRONG)
    result = run(project, "-q")
    assert result.returncode != 0
    assert "oom_cases takes kernel, scope, scenario, form, architecture, not kernal" in result.stdout + result.stderr
