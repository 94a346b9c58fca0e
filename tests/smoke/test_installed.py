"""What an installed oomparse does, with nothing but its core dependencies and pytest beside it.

Runs in the source tree like every test, and on the built wheel from outside the tree (``tools/check wheel``): uses
nothing from the repository.
"""

import json
import subprocess
import sys
from importlib.metadata import entry_points, metadata
from importlib.resources import files

REPORT = """\
[ 8123.400100] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[ 8123.400110] CPU: 1 PID: 4242 Comm: hog Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.176-1
[ 8123.400220] memory: usage 32768kB, limit 32768kB, failcnt 39
[ 8123.400330] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/jobs,\
task_memcg=/jobs/a,task=hog,pid=4242,uid=1000
[ 8123.400440] Memory cgroup out of memory: Killed process 4242 (hog) total-vm:68160kB, anon-rss:30740kB, \
file-rss:4kB, shmem-rss:0kB, UID:1000 pgtables:104kB oom_score_adj:0
"""


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "oomparse", *arguments], input=stdin, capture_output=True, text=True, check=False
    )


def test_importing_it_is_cheap() -> None:
    script = (
        "import sys, oomparse; "
        "print(sorted({'click', 'dateutil', 'msgspec', 'pyparsing', 'rich', 'systemd'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_it_is_typed_and_licensed() -> None:
    assert files("oomparse").joinpath("py.typed").is_file()
    assert metadata("oomparse")["License-Expression"] == "MIT"
    assert [entry.value for entry in entry_points(group="console_scripts", name="oomparse")] == ["oomparse.cli:main"]


def test_library_reads_a_report() -> None:
    import oomparse

    (event,) = oomparse.parse(REPORT)
    assert event.victim is not None
    assert (event.victim.pid, event.victim.comm, event.victim.anon_rss_kb) == (4242, "hog", 30740)
    assert event.scope is oomparse.Scope.MEMCG
    assert event.memcg is not None
    assert (event.memcg.oom_memcg, event.memcg.task_memcg) == ("/jobs", "/jobs/a")


def test_command_line_reads_a_report() -> None:
    result = run("parse", "--format", "jsonl", "-", stdin=REPORT)
    assert (result.returncode, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["victims"][0]["pid"] == 4242


def test_command_line_says_that_there_is_nothing() -> None:
    result = run("parse", "-", stdin="[    1.000000] usb 1-1: new high-speed USB device\n")
    assert result.returncode == 1


def test_command_line_names_what_it_cannot_read() -> None:
    result = run("parse", "no-such-file.log")
    assert result.returncode == 2
    assert "no-such-file.log" in result.stderr
    assert "Traceback" not in result.stderr
