"""Records in JSON: who writes what under which name, and who spoke."""

import json
from typing import Any

import pytest

import oomparse
from oomparse.message import Line, Message
from oomparse.transports import decode

KILL = "Out of memory: Killed process 7 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB"
SYSLOG = f"Nov 21 03:18:24 box kernel: [    7.670939] {KILL}"


def decoded(document: object, indent: int | None = None) -> list[Message]:
    lines = json.dumps(document, indent=indent).encode().split(b"\n")
    return list(decode(Line(data, number) for number, data in enumerate(lines, 1)))


@pytest.mark.parametrize(
    ("record", "from_kernel"),
    [
        ({"PROGRAM": "kernel", "FACILITY": "kern", "PRIORITY": "warning", "MESSAGE": KILL, "HOST": "box"}, True),
        ({"PROGRAM": "kernel", "FACILITY": "user", "PRIORITY": "warning", "MESSAGE": KILL, "HOST": "box"}, False),
        ({"PROGRAM": "sh", "MESSAGE": KILL}, False),
        ({"Computer": "box", "Facility": "kern", "ProcessName": "kernel", "SyslogMessage": KILL}, True),
        ({"Computer": "box", "Facility": "user", "ProcessName": "kernel", "SyslogMessage": KILL}, False),
        ({"ident": "kernel", "pri": "4", "message": KILL}, True),
        ({"tag": "kernel:", "message": KILL}, True),
        ({"tag": "sh[3]:", "facility": "kern", "message": KILL}, False),
        ({"tag": "x", "facility": "kern", "message": f"kernel: {KILL}"}, False),
        ({"tag": "kube.var.log.kern", "message": KILL}, None),
        ({"ident": "kernel", "pri": "12", "message": KILL}, False),
        ({"priority": 12, "sequence": 9, "sec": 7, "usec": 4, "msg": KILL}, False),
        ({"priority": 4, "sequence": 9, "sec": 7, "usec": 4, "msg": KILL}, None),
        ({"message": KILL, "log": {"syslog": {"facility": {"code": 0, "name": "kernel"}}}}, True),
        ({"message": KILL, "log": {"syslog": {"facility": {"code": 1, "name": "user-level"}}}}, False),
        ({"message": KILL, "syslog": {"facility": 1, "facility_label": "user-level"}}, False),
        ({"message": KILL, "systemd": {"t": {"TRANSPORT": "kernel"}, "u": {"SYSLOG_FACILITY": "0"}}}, True),
        ({"message": KILL, "systemd": {"t": {"TRANSPORT": "kernel"}, "u": {"SYSLOG_FACILITY": "1"}}}, False),
        ({"message": KILL, "systemd": {"t": {"TRANSPORT": "syslog"}, "u": {"SYSLOG_IDENTIFIER": "kernel"}}}, False),
        ({"message": KILL, "transport": "syslog"}, None),
        ({"message": KILL, "severity": 400}, None),
        ({"pri": 4, "time": 7.5, "msg": KILL}, None),
        ({"pri": 12, "time": 7.5, "msg": KILL}, False),
        ({"fac": "kern", "pri": "warn", "time": 7.5, "msg": KILL}, True),
    ],
)
def test_who_spoke(record: dict[str, Any], from_kernel: bool | None) -> None:
    (message,) = decoded(record)
    assert (message.text.removeprefix("kernel: "), message.from_kernel) == (KILL, from_kernel)
    assert len(list(oomparse.parse(json.dumps(record)))) == (from_kernel is not False)


def test_records_on_one_line_keep_their_own_speakers() -> None:
    records = [
        {"syslogtag": "kernel:", "syslogfacility": "0", "msg": " [    7.670939] Mem-Info:", "hostname": "box"},
        {"syslogtag": "kernel:", "syslogfacility": "1", "msg": f" {KILL}", "hostname": "box"},
        {"syslogtag": "sh[7]:", "syslogfacility": "0", "msg": f" {KILL}", "hostname": "box"},
        {"syslogtag": "kernel:", "syslogfacility": "0", "msg": " [    7.670940] Node 0", "hostname": "other"},
    ]
    data = b"".join(json.dumps(record).encode() for record in records)
    for lines in ([data], [b"[" + data.replace(b"}{", b"},{") + b"]"], data.replace(b"}{", b"}\n{").split(b"\n")):
        found = list(decode(Line(line, number) for number, line in enumerate(lines, 1)))
        assert [(message.from_kernel, message.host, message.text.strip()) for message in found] == [
            (True, "box", "Mem-Info:"),
            (False, "box", KILL),
            (False, "box", KILL),
            (True, "other", "Node 0"),
        ]
        assert {message.line_start for message in found} == set(range(1, len(lines) + 1))


def rows(*fields: tuple[str, str]) -> list[dict[str, str]]:
    return [{"field": f"@{name}", "value": value} for name, value in fields]


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize(
    "document",
    [
        {"events": [{"timestamp": 1795231104738, "message": SYSLOG}] * 2, "searchedLogStreams": []},
        {"took": 3, "hits": {"total": {"value": 2}, "hits": [{"_id": "1", "_source": {"message": SYSLOG}}] * 2}},
        {"results": [rows(("timestamp", "2026-11-21 03:18:24.738"), ("message", SYSLOG), ("ptr", "Cm8"))] * 2},
        [[{"message": SYSLOG}], [{"message": SYSLOG}]],
        [{"message": SYSLOG, "tags": [{"a": [[1]]}], "events": [{"x": 1}]}] * 2,
    ],
    ids=["logs", "search", "insights", "arrays", "inner-arrays"],
)
def test_documents(document: object, indent: int | None) -> None:
    found = decoded(document, indent)
    assert [(message.text, message.host, message.from_kernel) for message in found] == [(KILL, "box", True)] * 2


def test_a_record_with_lists_is_one_record() -> None:
    (message,) = decoded({"message": SYSLOG, "tags": [{"a": 1}], "events": [{"x": 1}]})
    assert message.text == KILL


def test_a_row_has_its_own_time() -> None:
    (message,) = decoded({"results": [rows(("timestamp", "2026-11-21T03:18:24.738Z"), ("message", KILL))]})
    assert (message.text, message.printed) == (KILL, "2026-11-21T03:18:24.738Z")


def test_a_record_that_holds_the_rest_of_the_buffer_is_one_record() -> None:
    """As dmesg 2.38 writes with ``-J -F``.  A name is too short for what begins the next record."""
    rest = "a\n<4>[ 1.0] b invoked oom-killer\n<4>[    7.670950] Mem-Info:\n<6>[    7.670960] c\n"
    (message,) = decoded({"pri": 4, "time": 7.670939, "msg": rest})
    assert message.text == "a\n<4>[ 1.0] b invoked oom-killer"
