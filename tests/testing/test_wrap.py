"""What we write is what the real writers write: held against captured logs, byte by byte, and read back."""

import json

import pytest

import oomparse
from oomparse import Message
from oomparse.testing import Case, corpus
from oomparse.testing.compare import comparable, differences
from oomparse.testing.wrap import FORMATS, Machine, machine_now, wrap

CORPUS = corpus()
EXACT = ("kmsg", "dmesg", "dmesg-x", "dmesg-t", "klog")
"""Formats that hold nothing but what the kernel knows."""


@pytest.mark.parametrize("form", EXACT)
def test_written_as_captured(form: str) -> None:
    checked = 0
    for case in CORPUS.select(scenario="weird-comm", form=form) + CORPUS.select(scenario="memcg-nested", form=form):
        log = case.log(form)
        if not log.trimmed:
            assert b"".join(wrap(case.messages(), form)) == case.data(log), case
            checked += 1
    assert checked


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "case",
    [
        CORPUS.case("7.3-cloud-amd64/memcg-nested"),
        CORPUS.case("6.1.0-56-cloud-amd64/oom-group"),
        CORPUS.case("4.4.155/children-v1"),
        CORPUS.case("7.3-cloud-amd64/weird-cgroup"),
        CORPUS.case("5.10.0-46-cloud-amd64/reaper-v1"),
    ],
    ids=str,
)
def test_read_back_as_expected(case: Case, form: str) -> None:
    brief = case.record.detail == "brief"
    events = oomparse.parse(b"".join(wrap(case.messages(), form)))
    got = [comparable(json.loads(json.dumps(event.to_dict())), brief=brief) for event in events]
    assert differences(case.expected(), got, form) == []


def test_stamps_and_host_are_those_of_the_machine() -> None:
    messages = CORPUS.case("6.1.0-56-cloud-amd64/memcg-nested").messages()
    machine = machine_now(messages, host="web-7")
    (event,) = oomparse.parse(b"".join(wrap(messages, "syslog-iso", machine=machine)))
    assert event.source.host == "web-7"
    assert event.time.wall is not None
    assert abs((event.time.wall - machine.wall(messages[0])).total_seconds()) < 2


def test_odd_bytes_as_each_writer_has_them() -> None:
    message = Message(text="a\nb\udcff\\", monotonic_us=1_500_000, level=3, facility=1, caller="T7", sequence=9)

    def written(form: str) -> bytes:
        return next(wrap([message], form, machine=Machine(host="h")))

    assert written("kmsg") == rb"11,9,1500000,-,caller=T7;a\x0ab\xff\x5c" + b"\n"
    assert written("dmesg") == b"[    1.500000][    T7] a\n" + b" " * 23 + rb"b\xff" + b"\\\n"
    assert written("klog") == b"<11>[    1.500000][    T7] a\n<11>[    1.500000][    T7] b\xff\\\n"
    assert written("console") == b"[    1.500000][    T7] a\r\n[    1.500000][    T7] b\xff\\\r\n"
    assert json.loads(written("journal-json"))["MESSAGE"] == list(b"a\nb\xff\\")
    assert b"MESSAGE\n\x05\0\0\0\0\0\0\0a\nb\xff\\\n\n" in written("journal-export")


def test_what_takes_a_log_for_utf_8_loses_other_bytes() -> None:
    message = Message(text='caf\udcff "hog" a/b', monotonic_us=1_500_000, level=4, facility=0)

    def written(form: str) -> bytes:
        return next(wrap([message], form, machine=Machine(host="h")))

    assert json.loads(written("docker-json"))["log"] == '[    1.500000] caf\ufffd "hog" a/b\n'
    assert json.loads(written("shipped-json"))["message"] == '[    1.500000] caf\ufffd "hog" a/b'
    assert b'caf\xff \\"hog\\" a\\/b' in written("syslog-json")
    assert written("cri").endswith(b'stdout F [    1.500000] caf\xff "hog" a/b\n')
    assert written("logcat") == b'11-21 03:12:04.500     0     0 W         : caf\xff "hog" a/b\n'


def test_dmesg_json_is_one_document() -> None:
    case = CORPUS.case("6.1.0-56-cloud-amd64/memcg-v2")
    data = b"".join(wrap(case.messages(), "dmesg-json"))
    assert json.loads(data)["dmesg"][-1]["msg"].startswith("Memory cgroup out of memory: Killed process ")
    # The captured one has what was trimmed off the log that the messages come from.
    written, captured = data.split(b"},{"), case.data(case.log("dmesg-json")).split(b"},{")
    assert len(written) > 20
    assert written[-20:] == captured[-20:]


def test_unknown_format_names_the_known() -> None:
    with pytest.raises(LookupError, match="dmesg, dmesg-T"):
        next(wrap([], "papyrus"))
