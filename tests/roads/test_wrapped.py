"""What container engines, clouds, grep, editors and busybox put around a log that is sound."""

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import oomparse
from oomparse.testing.wrap import wrap
from tests.roads.table import CASES, NEGATIVE, differences, messages, reference, report, trees

HIDDEN = ("sequence", "caller", "records")
STAMP = "2026-11-21T03:12:05.123456789Z"
CRI_BYTES = 60
"""containerd cuts at 16 KiB; less here, so that reports have cut lines."""


def syslog(case: str) -> list[bytes]:
    return b"".join(wrap(messages(case), "syslog-3164")).splitlines(keepends=True)


def dmesg(case: str) -> list[bytes]:
    return b"".join(wrap(messages(case), "dmesg")).split(b"\n")[:-1]


def as_docker(line: bytes) -> bytes:
    # Docker replaces what is not UTF-8.
    return (
        json.dumps({"log": line.decode("utf-8", "replace") + "\n", "stream": "stdout", "time": STAMP}).encode() + b"\n"
    )


def as_cri(line: bytes) -> bytes:
    parts = [line[at : at + CRI_BYTES] for at in range(0, len(line), CRI_BYTES)] or [b""]
    tags = [b"P"] * (len(parts) - 1) + [b"F"]
    return b"".join(b"%s stdout %s %s\n" % (STAMP.encode(), tag, part) for tag, part in zip(tags, parts, strict=True))


def as_gcp(line: bytes) -> bytes:
    fields = {"insertId": "a1", "resource": {"type": "gce_instance"}, "textPayload": line.decode(), "timestamp": STAMP}
    return json.dumps(fields).encode() + b"\n"


def as_cloudwatch(line: bytes) -> bytes:
    return (
        json.dumps({"timestamp": 1795230725123, "message": line.decode(), "ingestionTime": 1795230726000}).encode()
        + b"\n"
    )


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "docker json-file": as_docker,
    "CRI": as_cri,
    "CRI around docker": lambda line: as_cri(as_docker(line).rstrip(b"\n")),
    "GCP": as_gcp,
    "CloudWatch": as_cloudwatch,
    "quoted": lambda line: b"> " + line + b"\n",
    "quoted twice": lambda line: b"> > " + line + b"\n",
    "indented": lambda line: b"    " + line + b"\n",
    "Windows": lambda line: line + b"\r\n",
    "docker logs -t": lambda line: STAMP.encode() + b" " + line + b"\n",
    "kubectl logs --prefix": lambda line: b"[pod/shell-x/shell] " + line + b"\n",
    "docker compose logs": lambda line: b"web-1  | " + line + b"\n",
    "numbered": lambda line: b"12: " + line + b"\n",
    "grep": lambda line: b"logs/dmesg.txt:" + line + b"\n",
    "grep around": lambda line: b"logs/dmesg.txt-" + line + b"\n",
    "quoted indented JSON": lambda line: b">     " + as_cloudwatch(line),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_what_is_inside_is_read(name: str, tmp_path: Path) -> None:
    found = {}
    for case in CASES:
        wrapped = b"".join(WRAPPERS[name](line) for line in dmesg(case))
        events = list(oomparse.parse(wrapped))
        found[case] = differences(reference(case, (*HIDDEN, "speaker")), trees(events))
        assert not (events and case in NEGATIVE)
        (tmp_path / "wrapped.log").write_bytes(wrapped)
        of_file = [replace(event.source, path=None) for event in oomparse.parse_file(tmp_path / "wrapped.log")]
        assert of_file == [event.source for event in events]
        found[f"{case}, a file"] = differences(trees(events), trees(oomparse.parse_file(tmp_path / "wrapped.log")))
    assert report(found) == ""


@pytest.mark.skipif(shutil.which("grep") is None, reason="grep is not installed")
@pytest.mark.parametrize(
    "options",
    [("-n",), ("-H",), ("-nH",), ("-n", "-A300"), ("-nH", "-B2", "-A300"), ("--color=always", "-nH")],
    ids=" ".join,
)
def test_what_grep_found_is_read(options: tuple[str, ...], tmp_path: Path) -> None:
    found = {}
    context = any(option.startswith("-A") for option in options)
    for case in CASES:
        if context and case in NEGATIVE:
            continue
        (tmp_path / f"{case}.log").write_bytes(b"\n".join(dmesg(case)) + b"\n")
        pattern = "oom-killer" if context else ""
        command = ["grep", "-a", *options, "--", pattern, f"{case}.log"]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
        got, wanted = trees(oomparse.parse(shown)), reference(case, (*HIDDEN, "speaker"))
        found[case] = differences(wanted, got) if not context else _differing_kills(wanted, got)
    assert report(found) == ""


def _differing_kills(wanted: list[dict[str, Any]], got: list[dict[str, Any]]) -> list[str]:
    kills = [
        [victim["pid"] for event in events for victim in event["victims"] if event["invoker"]]
        for events in (wanted, got)
    ]
    return [] if kills[0] == kills[1] else [f"{kills[1]}, expected {kills[0]}"]


def test_a_compressed_file(tmp_path: Path) -> None:
    found = {}
    for case in CASES:
        path = tmp_path / f"{case}.log.gz"
        path.write_bytes(gzip.compress(b"\n".join(dmesg(case)) + b"\n"))
        found[case] = differences(reference(case, (*HIDDEN, "speaker")), trees(oomparse.parse_file(path)))
    assert report(found) == ""
