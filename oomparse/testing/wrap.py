r"""Kernel messages as any log writes them: the same report for a pipeline that reads something else.

Turns `Message`s (of a case, or made by a test) into the records of a log, each with its line end.  Every format does
with odd bytes what its real writer does: dmesg and ``/dev/kmsg`` print ``\xNN``, syslog and the console split a newline
into two records, journald keeps the bytes.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from oomparse.message import Message

FACILITY_NAMES = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp")
LEVEL_NAMES = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
DEFAULT_LEVEL = 4
MACHINE_ID = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Whose log it is: its name, and when it was booted (aware); stamps are the seconds since then."""

    host: str = "oomlab"
    booted: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 3, 12, 3, tzinfo=UTC))
    boot_id: str = "9852fa9733f549b986dfd21377f3231d"

    def wall(self, message: Message) -> datetime:
        """Return when a message was printed."""
        return self.booted + timedelta(microseconds=message.monotonic_us or 0)


def machine_now(messages: Iterable[Message], *, host: str = "oomlab") -> Machine:
    """Return a machine booted such that the first message is printed now."""
    first = next((message.monotonic_us for message in messages if message.monotonic_us is not None), 0)
    return Machine(host=host, booted=datetime.now(UTC) - timedelta(microseconds=first))


def wrap(messages: Iterable[Message], form: str, *, machine: Machine | None = None) -> Iterator[bytes]:
    """Yield the records of a log in a format, a message after the other.

    Raises:
        LookupError: the format is none of `FORMATS`; the text names them.
    """
    writer = FORMATS.get(form)
    if writer is None:
        raise LookupError(f"cannot write the format {form!r}; there are {', '.join(FORMATS)}")
    machine = machine or Machine()
    before, between, after = FRAMES.get(form, (b"", b"", b""))
    for number, message in enumerate(messages):
        record = writer(message if message.sequence is not None else replace(message, sequence=number), machine)
        yield (between if number else before) + record
    if after:
        yield after


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _stamp(message: Message) -> bytes:
    seconds, micros = divmod(message.monotonic_us or 0, 1_000_000)
    caller = b"[%6s]" % message.caller.encode() if message.caller else b""
    return b"[%5d.%06d]%s " % (seconds, micros, caller)


def _level(message: Message) -> int:
    return DEFAULT_LEVEL if message.level is None else message.level


def _priority(message: Message) -> int:
    return (message.facility or 0) << 3 | _level(message)


def _escaped(text: str, *, plain: bytes) -> bytes:
    r"""Write what is no printable ASCII as ``\xNN``, but for the bytes in ``plain``."""
    return b"".join(
        bytes([byte]) if (32 <= byte < 127 and byte != 0x5C) or byte in plain else b"\\x%02x" % byte
        for byte in _raw(text)
    )


def _kmsg(message: Message, _: Machine) -> bytes:
    caller = b",caller=%s" % message.caller.encode() if message.caller else b""
    head = b"%d,%d,%d,-%s;" % (_priority(message), message.sequence or 0, message.monotonic_us or 0, caller)
    return head + _escaped(message.text, plain=b"") + b"\n"


Prefix = Callable[[Message, Machine], bytes]
Writer = Callable[[Message, Machine], bytes]


def _dmesg(prefix: Prefix) -> Writer:
    """Escape as util-linux does, and indent the further lines of a message by the width of the prefix."""

    def write(message: Message, machine: Machine) -> bytes:
        head = prefix(message, machine)
        lines = (_escaped(line, plain=b"\t\r\v\f\\") for line in message.text.split("\n"))
        return head + (b"\n" + b" " * len(head)).join(lines) + b"\n"

    return write


def _by_line(prefix: Prefix, end: bytes = b"\n") -> Writer:
    """Give each line of a message its own prefix, bytes as they are."""

    def write(message: Message, machine: Machine) -> bytes:
        head = prefix(message, machine)
        return b"".join(head + line + end for line in _raw(message.text).split(b"\n"))

    return write


def _indented(prefix: Prefix) -> Writer:
    """Indent the further lines of a message by the width of the prefix, bytes as they are."""

    def write(message: Message, machine: Machine) -> bytes:
        head = prefix(message, machine)
        return head + (b"\n" + b" " * len(head)).join(_raw(message.text).split(b"\n")) + b"\n"

    return write


def _facility(message: Message) -> str:
    return FACILITY_NAMES[message.facility or 0] if (message.facility or 0) < len(FACILITY_NAMES) else "user"


def _decoded(message: Message, stamp: bytes) -> bytes:
    return b"%-6s:%-6s: %s" % (_facility(message).encode(), LEVEL_NAMES[_level(message)].encode(), stamp)


def _ctime(message: Message, machine: Machine) -> bytes:
    return machine.wall(message).strftime("[%a %b %e %H:%M:%S %Y] ").encode()


def _dmesg_iso(message: Message, machine: Machine) -> bytes:
    wall = machine.wall(message)
    return (wall.strftime("%Y-%m-%dT%H:%M:%S,%f") + _zone(wall, ":") + " ").encode()


def _zone(wall: datetime, colon: str) -> str:
    offset = wall.strftime("%z")
    return offset[:3] + colon + offset[3:]


def _rfc3164(message: Message, machine: Machine) -> bytes:
    return f"{machine.wall(message):%b %e %H:%M:%S} {machine.host} kernel: ".encode() + _stamp(message)


def _iso(message: Message, machine: Machine) -> bytes:
    wall = machine.wall(message)
    return (wall.strftime("%Y-%m-%dT%H:%M:%S.%f") + _zone(wall, ":")).encode()


def _syslog_iso(message: Message, machine: Machine) -> bytes:
    return _iso(message, machine) + f" {machine.host} kernel: ".encode() + _stamp(message)


def _rfc5424(message: Message, machine: Machine) -> bytes:
    head = b"<%d>1 %s %s kernel - - - " % (_priority(message), _iso(message, machine), machine.host.encode())
    return head + _stamp(message)


def _journal_short(message: Message, machine: Machine) -> bytes:
    return f"{machine.wall(message):%b %e %H:%M:%S} {machine.host} kernel: ".encode()


def _journal_short_iso(message: Message, machine: Machine) -> bytes:
    wall = machine.wall(message)
    return f"{wall:%Y-%m-%dT%H:%M:%S}{_zone(wall, '')} {machine.host} kernel: ".encode()


def _journal_short_precise(message: Message, machine: Machine) -> bytes:
    return f"{machine.wall(message):%b %d %H:%M:%S.%f} {machine.host} kernel: ".encode()


def _journal_short_full(message: Message, machine: Machine) -> bytes:
    return f"{machine.wall(message):%a %Y-%m-%d %H:%M:%S %Z} {machine.host} kernel: ".encode()


def _journal_short_unix(message: Message, machine: Machine) -> bytes:
    return f"{machine.wall(message).timestamp():.6f} {machine.host} kernel: ".encode()


def _journal_short_monotonic(message: Message, machine: Machine) -> bytes:
    return _stamp(replace(message, caller=None)) + f"{machine.host} kernel: ".encode()


def _entry(message: Message, machine: Machine) -> dict[str, bytes]:
    monotonic, wall = message.monotonic_us or 0, machine.wall(message)
    realtime = round((wall - datetime.fromtimestamp(0, UTC)) / timedelta(microseconds=1))
    facility = message.facility or 0
    cursor = f"s={MACHINE_ID};i={message.sequence or 0:x};b={machine.boot_id};m={monotonic:x};t={realtime:x};x=0"
    fields = {
        "__CURSOR": cursor,
        "__REALTIME_TIMESTAMP": str(realtime),
        "__MONOTONIC_TIMESTAMP": str(monotonic),
        "_BOOT_ID": machine.boot_id,
        "_SOURCE_MONOTONIC_TIMESTAMP": str(monotonic),
        "_TRANSPORT": "kernel",
        "PRIORITY": str(_level(message)),
        "SYSLOG_FACILITY": str(facility),
        "SYSLOG_IDENTIFIER": "unknown" if facility else "kernel",
        "_MACHINE_ID": MACHINE_ID,
        "_HOSTNAME": machine.host,
    }
    return {name: value.encode() for name, value in fields.items()} | {"MESSAGE": _raw(message.text)}


def _journal_export(message: Message, machine: Machine) -> bytes:
    parts = []
    for name, value in _entry(message, machine).items():
        if _is_text(value):
            parts.append(name.encode() + b"=" + value + b"\n")
        else:
            parts.append(name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n")
    return b"".join([*parts, b"\n"])


def _journal_json(message: Message, machine: Machine) -> bytes:
    fields = {
        name: value.decode() if _is_text(value) else list(value) for name, value in _entry(message, machine).items()
    }
    return json.dumps(fields).encode() + b"\n"


def _journal_verbose(message: Message, machine: Machine) -> bytes:
    fields = _entry(message, machine)
    cursor = fields.pop("__CURSOR")
    head = f"{machine.wall(message):%a %Y-%m-%d %H:%M:%S.%f %Z} [".encode() + cursor + b"]\n"
    lines = []
    for name, value in fields.items():
        if not name.startswith("__"):
            indent = b"\n" + b" " * (len(name) + 5)
            lines.append(b"    " + name.encode() + b"=" + value.replace(b"\n", indent) + b"\n")
    return head + b"".join(lines)


def _dmesg_json(message: Message, _: Machine) -> bytes:
    seconds, micros = divmod(message.monotonic_us or 0, 1_000_000)
    caller = [f'"caller": "{message.caller}"'] if message.caller else []
    text = _escaped(message.text, plain=b"\t\r\v\f\\\n").decode()
    parts = [f'"pri": {_level(message)}', f'"time": {seconds:5}.{micros:06}', *caller, f'"msg": {json.dumps(text)}']
    return ",\n".join(" " * 9 + part for part in parts).encode()


def _syslog_json(message: Message, machine: Machine) -> bytes:
    """Write what rsyslog's ``%jsonmesg%`` holds; its bytes are as they were, and slashes escaped."""
    stamp = _iso(message, machine).decode()
    names = {"hostname": machine.host, "syslogtag": "kernel:", "inputname": "imklog", "fromhost": machine.host}
    numbers = {"pri": _priority(message), "syslogfacility": message.facility or 0, "syslogseverity": _level(message)}
    fields = {"msg": "", "rawmsg": "", "timereported": stamp, **names, "fromhost-ip": "127.0.0.1"}
    fields |= {name: str(value) for name, value in numbers.items()}
    fields |= {"timegenerated": stamp, "programname": "kernel", "protocol-version": "0", "structured-data": "-"}
    fields |= {"app-name": "kernel", "procid": "-", "msgid": "-"}
    text = _stamp(message) + _raw(message.text)
    fields["msg"] = fields["rawmsg"] = text.decode("utf-8", "surrogateescape")
    members = [f'"{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in fields.items()]
    return _raw("{ " + ", ".join(members).replace("/", "\\/") + ', "uuid": null, "$!": null }\n')


def _object(fields: dict[str, object]) -> bytes:
    """Write a JSON object as programs do that take a log for UTF-8: other bytes become U+FFFD."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape") + b"\n"


def _utf8(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _utc(message: Message, machine: Machine) -> str:
    return f"{machine.wall(message).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


def _docker_json(message: Message, machine: Machine) -> bytes:
    log = _utf8(_stamp(message) + _raw(message.text)) + "\n"
    return _object({"log": log, "stream": "stdout", "time": f"{_utc(message, machine)}000Z"})


def _cri(message: Message, machine: Machine) -> bytes:
    return f"{_utc(message, machine)}000Z stdout F ".encode() + _stamp(message)


def _shipped_json(message: Message, machine: Machine) -> bytes:
    """Write what a shipper with a syslog source makes of the line: Vector's names, and much alike elsewhere."""
    fields: dict[str, object] = {"appname": "kernel", "facility": _facility(message), "host": machine.host}
    fields |= {"hostname": machine.host, "message": _utf8(_stamp(message) + _raw(message.text))}
    fields |= {"severity": LEVEL_NAMES[_level(message)], "source_type": "syslog"}
    return _object(fields | {"timestamp": f"{_utc(message, machine)}Z"})


ANDROID_LEVELS = "FFFEWIID"
"""logcat's letter for each level of the kernel."""


def _logcat(message: Message, machine: Machine) -> bytes:
    wall = machine.wall(message)
    stamp = f"{wall:%m-%d %H:%M:%S}.{wall.microsecond // 1000:03}"
    return f"{stamp}     0     0 {ANDROID_LEVELS[_level(message)]}         : ".encode()


def _each_line(writer: Writer) -> Writer:
    """Write a record for each line of a message."""

    def write(message: Message, machine: Machine) -> bytes:
        return b"".join(writer(replace(message, text=line), machine) for line in message.text.split("\n"))

    return write


def _is_text(value: bytes) -> bool:
    """Tell what journald takes for text: UTF-8 without control characters, tabs allowed."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return False
    return all(char >= " " or char == "\t" for char in text)


FORMATS: dict[str, Writer] = {
    "dmesg": _dmesg(lambda message, _: _stamp(message)),
    "dmesg-T": _dmesg(_ctime),
    "dmesg-iso": _dmesg(_dmesg_iso),
    "dmesg-x": _dmesg(lambda message, _: _decoded(message, _stamp(message))),
    "dmesg-xT": _dmesg(lambda message, machine: _decoded(message, _ctime(message, machine))),
    "dmesg-r": _dmesg(lambda message, _: b"<%d>%s" % (_level(message), _stamp(message))),
    "dmesg-t": _dmesg(lambda *_: b""),
    "dmesg-json": _dmesg_json,
    "klog": _by_line(lambda message, _: b"<%d>%s" % (_priority(message), _stamp(message))),
    "kmsg": _kmsg,
    "console": _by_line(lambda message, _: _stamp(message), b"\r\n"),
    "syslog-3164": _by_line(_rfc3164),
    "syslog-iso": _by_line(_syslog_iso),
    "syslog-5424": _by_line(_rfc5424),
    "syslog-network": _by_line(
        lambda message, machine: b"<%d>%s" % (_priority(message), _rfc3164(message, machine)),
    ),
    "journal-short": _indented(_journal_short),
    "journal-short-iso": _indented(_journal_short_iso),
    "journal-short-precise": _indented(_journal_short_precise),
    "journal-short-full": _indented(_journal_short_full),
    "journal-short-unix": _indented(_journal_short_unix),
    "journal-short-monotonic": _indented(_journal_short_monotonic),
    "journal-json": _journal_json,
    "journal-export": _journal_export,
    "journal-verbose": _journal_verbose,
    "syslog-json": _each_line(_syslog_json),
    "shipped-json": _each_line(_shipped_json),
    "docker-json": _each_line(_docker_json),
    "cri": _by_line(_cri),
    "logcat": _by_line(_logcat),
}
"""What can be written, by the names of the catalogue where it has them.

``syslog-network`` is RFC 3164 as it goes over a network, ``shipped-json`` what Vector and its like write of that.
"""

FRAMES: dict[str, tuple[bytes, bytes, bytes]] = {
    "dmesg-json": (b'{\n   "dmesg": [\n      {\n', b"\n      },{\n", b"\n      }\n   ]\n}\n"),
}
"""What stands before the first record, between two, and behind the last, where that is something."""
