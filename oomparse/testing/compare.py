r"""Events made comparable: what two logs of one report must agree on, and where a log may know less.

Turns an event's JSON tree into what does not depend on the road that the report took: no paths, line numbers, hosts or
wall-clock times.  What some roads drop or escape (``\xNN``) is known by format; everything else must be equal.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from oomparse.model import LAZY_FIELDS

WITHOUT_MONOTONIC = frozenset({"dmesg-T", "dmesg-xT", "dmesg-iso", "dmesg-t", "dmesg-e", "dmesg-H", "logcat"}) | {
    f"journal-short{style}" for style in ("", "-iso", "-precise", "-full", "-unix")
}
"""Formats that print no seconds since boot."""

WITHOUT_BYTES = frozenset({"shipped-json", "docker-json"})
"""Formats in which a byte that is not UTF-8 became U+FFFD."""

LEFT_OUT = frozenset({"schema", "event_id", "revision", "source", "time", "victim"})
"""Of the road, or said elsewhere in the tree."""

ROAD_ISSUES = frozenset({"provenance_unknown", "year_assumed", "zone_assumed", "time_ambiguous"})
"""Remarks on the road, not on the report."""


def comparable(event: Mapping[str, Any], *, brief: bool) -> dict[str, Any]:
    """Return the part of an event's JSON tree that every log of the report must agree on.

    ``brief`` puts the number of rows in the place of each section.
    """
    tree = {key: value for key, value in event.items() if key not in LEFT_OUT}
    tree["kernel_release"] = (event.get("source") or {}).get("kernel_release")
    tree["monotonic_seconds"] = (event.get("time") or {}).get("monotonic_seconds")
    tree["issues"] = [
        {"code": issue["code"], "detail": issue.get("detail")}
        for issue in event.get("issues") or ()
        if issue["code"] not in ROAD_ISSUES
    ]
    if brief:
        sections = {name: _size(tree.pop(name, None)) for name in LAZY_FIELDS}
        memcg = tree.get("memcg")
        if memcg:
            tree["memcg"] = {key: value for key, value in memcg.items() if key not in ("stats", "hierarchy")}
            sections["memcg_stats"] = _size(memcg.get("stats"))
        tree["sections"] = sections
    return tree


def differences(expected: Sequence[Mapping[str, Any]], got: Sequence[Mapping[str, Any]], form: str) -> list[str]:
    """Return where the comparable events of a log differ from those expected, a line each; nothing where they agree."""
    found: list[str] = []
    if len(expected) != len(got):
        found.append(f"{len(got)} events, expected {len(expected)}")
    for index, (wanted, event) in enumerate(zip(expected, got, strict=False)):
        _differ(wanted, event, f"[{index}]", form, found)
    return found


def _differ(expected: Any, got: Any, where: str, form: str, found: list[str]) -> None:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in dict.fromkeys([*expected, *got]):
            _differ(expected.get(key), got.get(key), f"{where}.{key}", form, found)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (one, other) in enumerate(zip(expected, got, strict=True)):
            _differ(one, other, f"{where}[{index}]", form, found)
    elif expected != got and not _lost(expected, got, where, form):
        found.append(f"{where}: {got!r}, expected {expected!r}")


def _lost(expected: Any, got: Any, where: str, form: str) -> bool:
    if where.endswith(".monotonic_seconds"):
        return got is None and form in WITHOUT_MONOTONIC
    if isinstance(expected, str) and isinstance(got, str) and form.startswith("dmesg"):
        # dmesg escapes bytes but leaves a backslash alone, so its text cannot always be undone.
        return _escaped(expected) == _escaped(got)
    if isinstance(expected, str) and isinstance(got, str) and form in WITHOUT_BYTES:
        return _escaped(expected).decode("utf-8", "replace") == got
    return False


def _escaped(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), raw)


def _size(section: Any) -> int | None:
    if section is None:
        return None
    if isinstance(section, Mapping) and "zones" in section:
        return len(section["zones"])
    if isinstance(section, Mapping) and "frames" in section:
        return len(section["frames"])
    return len(section)
