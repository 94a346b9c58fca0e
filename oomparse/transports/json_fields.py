"""What the fields of a JSON record are called, by those who write logs in JSON.

Turns an object into the values that a log line has: text, time, host, tag, facility, level.  Everybody names them in
another way; names are compared without case, without what stands before them (``_``, ``@``) and with ``-`` as ``_``.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

TEXT = (
    "message", "msg", "log", "textpayload", "syslogmessage", "raw", "rawmsg", "text", "line", "content", "body",
)  # fmt: skip
TIME = (
    "timestamp", "time", "timereported", "timegenerated", "ts", "isodate", "date", "receivetimestamp", "ingestiontime",
)  # fmt: skip
HOST = ("hostname", "host", "computer", "fromhost", "node_name")
TAG = ("syslogtag", "programname", "syslog_identifier", "app_name", "appname", "program", "ident", "processname")
FACILITY = (
    "syslogfacility", "syslogfacility_text", "facility", "syslog_facility", "facility_label", "syslog_facility_code",
)  # fmt: skip
LEVEL = ("syslogseverity", "priority", "severity", "severitylevel", "severity_label", "level")
PRIORITY = ("priority", "pri", "syslog_pri")
"""May be a level alone, or a facility along with it (RFC 3164's PRI)."""
ROAD = ("transport",)
JOURNAL_ROADS = frozenset(("kernel", "syslog", "journal", "stdout", "audit", "driver"))
"""What ``_TRANSPORT`` may be in a journal (systemd.journal-fields(7))."""

MAX_NESTING = 3
_NESTED = frozenset(
    (
        "jsonpayload", "fields", "source", "result", "properties", "record", "data", "event", "attributes", "log",
        "syslog", "systemd", "journald", "t", "u",
    )
)  # fmt: skip

Object = Mapping[str, Any]
Scopes = Sequence[Object]
"""An object and those that it holds under customary names, the outer ones first."""


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return name.lstrip("_@").lower().replace("-", "_")


def scopes(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an object and the objects that it holds under customary names."""
    return list(_scopes(found, MAX_NESTING))


def _scopes(found: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    yield found
    for name, inner in found.items():
        if depth and type(inner) is dict and _plain(name) in _NESTED:
            yield from _scopes(inner, depth - 1)


def named(scopes: Scopes) -> list[Object]:
    """Return the scopes with plain names; of two alike the first counts."""
    return [{_plain(name): value for name, value in reversed(list(scope.items()))} for scope in scopes]


def first(scopes: Scopes, names: Sequence[str]) -> Any:
    """Return the value of the first name that an object has; ``{"name": …}`` or ``{"code": …}`` stands for that."""
    for scope in scopes:
        for name in names:
            value = scope.get(name)
            if type(value) is dict:
                value = value.get("code", value.get("name"))
            if value is not None:
                return value
    return None


def tag(scopes: Scopes, *, of_syslog: bool) -> str | None:
    """Return the syslog tag; a ``tag`` may be a log agent's own, unless the record is known to be ``of_syslog``."""
    found = first(scopes, TAG)
    if found is None:
        short = first(scopes, ("tag",))
        known = isinstance(short, str) and (of_syslog or short == "kernel" or short.endswith(":"))
        return short if known else None
    return str(found)


def text(scope: Object) -> object:
    """Return the text of an object with plain names."""
    for name in TEXT:
        if name in scope and type(scope[name]) is not dict:
            return scope[name]
    return None


def longest(scopes: Scopes) -> str | None:
    """Return the longest text of an object that has none under a customary name."""
    texts = [value for scope in scopes for value in scope.values() if isinstance(value, str)]
    return max(texts, key=len, default=None)
