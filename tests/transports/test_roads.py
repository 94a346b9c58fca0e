"""The same kernel records, sent down every road, are the same messages at its end."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from oomparse.message import Line, Message
from oomparse.timestamps import TimeResolver
from oomparse.transports import DecodeContext, decode

BOOT = datetime(2026, 11, 21, 3, 18, 17, tzinfo=UTC)
RECORDS = [
    (1_000_000, "hog-mt/t7 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=250"),
    (1_000_010, "CPU: 1 PID: 137 Comm: a\\x2db Not tainted 6.1.0 #236-Ubuntu"),
    (1_000_020, " <TASK>"),
    (1_000_030, " dump_stack_lvl+0x33/0x47"),
    (1_000_040, "active_anon:195 inactive_anon:106862\n active_file:0 inactive_file:0\n unevictable:0"),
    (1_000_050, "[  pid  ]   uid  tgid total_vm      rss name"),
    (1_000_060, "[     90]     0    90    10893     4227 my [hog]: x"),
    (
        1_000_070,
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a/user\\x2d1.slice,task=caf\udcff,pid=9,uid=0",
    ),
    (1_000_080, "Memory cgroup out of memory: Killed process 9 (caf\udcff) total-vm:4kB"),
    (61_000_000, "oom_reaper: reaped process 9 (caf\udcff), now anon-rss:0kB"),
]
Road = Callable[[], list[bytes]]


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def hidden(text: str) -> str:
    """The text as dmesg writes it."""
    return text.replace("\udcff", "\\xff")


def seconds(micros: int) -> str:
    return f"{micros // 1_000_000:5d}.{micros % 1_000_000:06d}"


def prefixed(prefix: Callable[[int], str], escape: Callable[[str], str] = hidden) -> list[bytes]:
    """Each record behind its prefix, further lines indented."""
    lines = []
    for micros, text in RECORDS:
        head = prefix(micros)
        lines += raw(head + escape(text).replace("\n", "\n" + " " * len(head.encode()))).split(b"\n")
    return lines


def split(prefix: Callable[[int], str]) -> list[bytes]:
    """Each line behind the prefix of its record."""
    return [raw(prefix(micros) + line) for micros, text in RECORDS for line in text.split("\n")]


def moment(micros: int) -> datetime:
    return BOOT + timedelta(microseconds=micros)


def dmesg(micros: int) -> str:
    return f"[{seconds(micros)}] "


def syslog(micros: int) -> str:
    return f"{moment(micros):%b %d %H:%M:%S} box kernel: "


def kmsg_text(text: str) -> str:
    return text.replace("\\", "\\x5c").replace("\n", "\\x0a").replace("\udcff", "\\xff")


def entry(micros: int, text: str) -> dict[str, object]:
    message: object = list(raw(text)) if "\udcff" in text else text
    realtime = str(int(moment(micros).timestamp()) * 1_000_000)
    return {
        "_TRANSPORT": "kernel",
        "SYSLOG_FACILITY": "0",
        "_SOURCE_MONOTONIC_TIMESTAMP": str(micros),
        "__REALTIME_TIMESTAMP": realtime,
        "MESSAGE": message,
    }


def export() -> list[bytes]:
    parts = []
    for micros, text in RECORDS:
        data = raw(text)
        fields = b"__CURSOR=s=1\n_TRANSPORT=kernel\n_SOURCE_MONOTONIC_TIMESTAMP=%d\n" % micros
        parts.append(fields + b"MESSAGE\n" + len(data).to_bytes(8, "little") + data + b"\n\n")
    return b"".join(parts).split(b"\n")


def verbose() -> list[bytes]:
    lines: list[bytes] = []
    for micros, text in RECORDS:
        lines.append(f"{moment(micros):%a %Y-%m-%d %H:%M:%S.%f} UTC [s=1;i={micros}]".encode())
        lines += [b"    _TRANSPORT=kernel", *raw("    MESSAGE=" + text.replace("\n", "\n" + " " * 12)).split(b"\n")]
    return lines


def dmesg_json() -> list[bytes]:
    records = [{"pri": 4, "time": micros / 1e6, "msg": text} for micros, text in RECORDS]
    return (
        json.dumps({"dmesg": records}, indent=3)
        .replace("\\udcff", "\udcff")
        .encode("utf-8", "surrogateescape")
        .split(b"\n")
    )


def frames() -> list[bytes]:
    parts = []
    for micros, text in RECORDS:
        record = raw(f"<4>1 {moment(micros).isoformat()} box kernel - - - {text}")
        parts.append(b"%d %s" % (len(record), record))
    return b"".join(parts).split(b"\n")


def wrapped(wrap: Callable[[int, bytes], bytes]) -> list[bytes]:
    return [wrap(number, line) for number, line in enumerate(prefixed(dmesg), 100)]


def as_json(data: bytes, **fields: str) -> bytes:
    text = json.dumps({**fields, "text": data.decode("utf-8", "surrogateescape")}, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


def docker(_: int, data: bytes) -> bytes:
    return json.dumps({"log": data.decode() + "\n", "stream": "stdout", "time": "2026-11-21T03:18:24.5Z"}).encode()


def utf16(data: Iterable[bytes]) -> list[bytes]:
    return ("\ufeff" + "\r\n".join(line.decode() for line in data)).encode("utf-16-le").split(b"\n")


ROADS: dict[str, Road] = {
    "dmesg": lambda: prefixed(dmesg),
    "dmesg caller": lambda: prefixed(lambda micros: f"[{seconds(micros)}][{'T12':>6}] "),
    "dmesg -T": lambda: prefixed(lambda micros: f"[{moment(micros):%a %b %e %H:%M:%S %Y}] "),
    "dmesg -x": lambda: prefixed(lambda micros: f"kern  :warn  : [{seconds(micros)}] "),
    "dmesg -r": lambda: prefixed(lambda micros: f"<4>[{seconds(micros)}] "),
    "dmesg iso": lambda: prefixed(lambda micros: f"{moment(micros):%Y-%m-%dT%H:%M:%S},{micros % 1_000_000:06d}+00:00 "),
    "dmesg -d": lambda: prefixed(lambda micros: f"[{seconds(micros)} <    0.000010>] "),
    "dmesg -e": lambda: prefixed(lambda micros: f"[  +0.0000{micros % 100:02d}] "),
    "dmesg -J": dmesg_json,
    "kmsg": lambda: [raw(f"4,{micros},{micros},-;{kmsg_text(text)}") for micros, text in RECORDS],
    "journal short": lambda: prefixed(syslog, str),
    "journal short-iso": lambda: prefixed(lambda micros: f"{moment(micros):%Y-%m-%dT%H:%M:%S+00:00} box kernel: ", str),
    "journal short-full": lambda: prefixed(
        lambda micros: f"{moment(micros):%a %Y-%m-%d %H:%M:%S} UTC box kernel: ", str
    ),
    "journal short-unix": lambda: prefixed(lambda micros: f"{moment(micros).timestamp():.6f} box kernel: ", str),
    "journal short-monotonic": lambda: prefixed(lambda micros: f"[{seconds(micros)}] box kernel: ", str),
    "journal json": lambda: [json.dumps(entry(*record)).encode() for record in RECORDS],
    "journal json-seq": lambda: [b"\x1e" + json.dumps(entry(*record)).encode() for record in RECORDS],
    "journal json-sse": lambda: [
        line for record in RECORDS for line in (b"data: " + json.dumps(entry(*record)).encode(), b"")
    ],
    "journal json-pretty": lambda: [
        line for record in RECORDS for line in json.dumps(entry(*record), indent="\t").encode().split(b"\n")
    ],
    "journal export": export,
    "journal verbose": verbose,
    "rfc5424 frames": frames,
    "docker": lambda: wrapped(docker),
    "cri": lambda: wrapped(lambda number, data: b"2026-11-21T03:18:24.%09dZ stdout F %s" % (number, data)),
    "json": lambda: wrapped(lambda _, data: as_json(data)),
    "quoted": lambda: wrapped(lambda _, data: b"> >> " + data),
    "indented": lambda: wrapped(lambda _, data: b"    " + data),
    "numbered": lambda: wrapped(lambda number, data: b"%6d " % number + data),
    "grep": lambda: wrapped(lambda number, data: b"/var/log/dmesg.0:%d:%s" % (number, data)),
    "windows": lambda: wrapped(lambda _, data: data + b"\r"),
    "utf-16": lambda: utf16(prefixed(dmesg)),
    "quoted grep": lambda: wrapped(lambda number, data: b"> dmesg.txt:%d:%s" % (number, data)),
    "json in docker in cri": lambda: wrapped(
        lambda number, data: b"2026-11-21T03:18:24.%09dZ stdout F %s" % (number, docker(number, as_json(data)))
    ),
}
SPLITTING_ROADS: dict[str, Road] = {
    "console": lambda: [line + b"\r" for line in split(dmesg)],
    "rsyslog": lambda: split(lambda micros: f"{syslog(micros)}[{seconds(micros)}] "),
    "rsyslog without stamps": lambda: split(syslog),
    "rsyslog iso": lambda: split(lambda micros: f"{moment(micros).isoformat()} box kernel: [{seconds(micros)}] "),
    "rsyslog forward": lambda: [b"".join(split(lambda micros: f"<4>{moment(micros).isoformat()} box kernel: "))],
    "busybox": lambda: split(
        lambda micros: f"{moment(micros):%b %e %H:%M:%S} box kern.warn kernel: [{seconds(micros)}] "
    ),
    "rfc5424": lambda: split(lambda micros: f"<4>1 {moment(micros).isoformat()} box kernel - - - [{seconds(micros)}] "),
    "tagged": lambda: split(lambda _: "kernel: "),
    "dmesg -t": lambda: split(lambda _: ""),
}


def arrived(lines: Iterable[bytes]) -> list[Message]:
    context = DecodeContext(times=TimeResolver(year=2026, tz="UTC"))
    return list(decode((Line(data, number) for number, data in enumerate(lines, 1)), context=context))


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS.keys())
def test_records_arrive_whole(road: Road) -> None:
    assert [message.text for message in arrived(road())] == [text for _, text in RECORDS]


@pytest.mark.parametrize("road", SPLITTING_ROADS.values(), ids=SPLITTING_ROADS.keys())
def test_lines_arrive(road: Road) -> None:
    assert [message.text for message in arrived(road())] == [line for _, text in RECORDS for line in text.split("\n")]


@pytest.mark.parametrize(
    "name", [name for name in ROADS if "iso" in name or "-T" in name or "full" in name or "unix" in name]
)
def test_the_wall_clock_arrives(name: str) -> None:
    got = [message.wall and message.wall.replace(microsecond=0) for message in arrived(ROADS[name]())]
    assert got == [moment(micros).replace(microsecond=0) for micros, _ in RECORDS]


@pytest.mark.parametrize(
    "name", ["dmesg", "dmesg -x", "dmesg -d", "dmesg -J", "kmsg", "journal json", "docker", "grep", "utf-16"]
)
def test_the_kernels_clock_arrives(name: str) -> None:
    assert [message.monotonic_us for message in arrived(ROADS[name]())] == [micros for micros, _ in RECORDS]


@pytest.mark.parametrize(
    ("name", "proof"),
    [("dmesg", None), ("dmesg -x", True), ("dmesg -r", None), ("kmsg", True), ("journal json", True), ("docker", None)],
)
def test_who_spoke_arrives_as_far_as_the_road_proves_it(name: str, proof: bool | None) -> None:
    assert {message.from_kernel for message in arrived(ROADS[name]())} == {proof}
