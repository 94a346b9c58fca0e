"""Kernel releases: what ``uname -r`` printed, as numbers that can be compared, and ranges of them.

A `Release` comes from the ``CPU: … Comm: … Not tainted RELEASE`` line (``lib/dump_stack.c``).  A range is a pair
``(since, until)`` of release names: ``since`` is the first that prints a line, ``until`` the last one, with all of its
stable updates; ``None`` leaves that end open.  A distribution's kernel is compared by the version that it is based on;
what it back-ported is not known here.
"""

from collections.abc import Iterable
from typing import TypeAlias

from oomparse.model import Era
from oomparse.pattern import pattern
from oomparse.record import record

Version: TypeAlias = tuple[int, int, int]
Range: TypeAlias = tuple[str | None, str | None]

_RELEASE = pattern(r"(\d{1,4})\.(\d{1,6})(?:\.(\d{1,6}))?(?:\.\d{1,6})*(?:-rc(\d{1,4}))?(?![\d.])(\S*)")
_NUMBER = pattern(r"\d{1,9}")

# The first that matches names the distribution.  Builds of mainline for a distribution (ELRepo, Oracle UEK) carry its
# suffix without its back-ports, so they are asked before it.
_DISTRIBUTIONS = tuple(
    (pattern(words), name)
    for words, name in (
        (r"\.elrepo\b", "elrepo"),
        (r"\.el\d+uek", "uek"),
        (r"\.vz(\d+)\.|\bvz(\d+)\.", "vz{}"),
        (r"\d{3}stab\d", "ovz"),
        (r"\.el(\d+)", "el{}"),
        (r"\d\.EL(?:smp|hugemem|largesmp|xenU)?\b", "el4"),
        (r"\.fc(\d+)", "fc{}"),
        (r"\.amzn(\d+)", "amzn{}"),
        (r"-arch\d", "arch"),
        (r"-android\d*|-g[0-9a-f]{7,}-ab\d", "android"),
        (r"-(?:generic|lowlatency|azure|aws|gcp|oracle|kvm|oem|raspi2?|server|virtual|gke|ibm)(?:-\w+)?$", "ubuntu"),
        (r"-(?:default|preempt|pae|desktop)$", "suse"),
        (r"-(?:cloud-|rt-|686-|6-)?(?:amd64|686|686-pae|arm64|armmp|powerpc64le|s390x)$|-cloud\b", "debian"),
    )
)


@record(frozen=True, slots=True, kw_only=True)
class Release:
    """A kernel release.  ``version`` of 2.6.32.61 is (2, 6, 32), of 5.10.209 it is (5, 10, 209)."""

    text: str
    version: Version
    rc: int | None = None
    distribution: str | None = None
    """``el5`` to ``el10``, ``ovz``, ``vz7``, ``elrepo``, ``uek``, ``fc40``, ``amzn2``, ``ubuntu``, ``debian``, …"""
    build: tuple[int, ...] = ()
    """The numbers at the head of the distribution's own part: (1160,), (240, 10, 1), (431, 11, 2)."""


def parse_release(text: str) -> Release | None:
    """Parse what ``uname -r`` prints, or a bare version such as ``3.10``; ``None`` for anything else.

    >>> parse_release("4.18.0-240.10.1.el8_3.x86_64").version
    (4, 18, 0)
    """
    match = _RELEASE.match(text.strip())
    if match is None:
        return None
    major, minor, patch, rc, rest = match.groups()
    return Release(
        text=text.strip(),
        version=(int(major), int(minor), int(patch or 0)),
        rc=int(rc) if rc else None,
        distribution=_distribution(rest),
        build=_build(rest),
    )


def compare(left: str, right: str) -> int | None:
    """Compare two releases by version: -1, 0 or 1, or ``None`` where one of them is not a release."""
    a, b = parse_release(left), parse_release(right)
    if a is None or b is None:
        return None
    return (a.version > b.version) - (a.version < b.version)


def contains(since: str | None, until: str | None, release: Release) -> bool:
    """Return whether a release lies in a range; ``until="4.20"`` takes in every 4.20.N."""
    if since is not None and release.version < _lower(since):
        return False
    return until is None or _within_series(release.version, until)


def intersect(ranges: Iterable[Range], release: str | None = None) -> Era:
    """Return the kernels that lie in all of these ranges, and whether the printed ``release`` is one of them.

    The ends are given back as they were written.  Where no kernel lies in all of them the `Era` is not
    ``consistent``: it has no ends, and ``agrees`` is ``None``.
    """
    since: str | None = None
    until: str | None = None
    for low, high in ranges:
        if low is not None and (since is None or _lower(low) > _lower(since)):
            since = low
        if high is not None and (until is None or _upper(high) < _upper(until)):
            until = high
    if since is not None and until is not None and not _within_series(_lower(since), until):
        return Era(consistent=False, release=release)
    parsed = parse_release(release) if release else None
    agrees = None if parsed is None else contains(since, until, parsed)
    return Era(since=since, until=until, release=release, agrees=agrees)


def _distribution(rest: str) -> str | None:
    for known, name in _DISTRIBUTIONS:
        if match := known.search(rest):
            number = next((group for group in match.groups() if group), "")
            return name.format(number)
    return None


def _build(rest: str) -> tuple[int, ...]:
    if not rest.startswith("-"):
        return ()
    numbers: list[int] = []
    for part in rest[1:].split("."):
        match = _NUMBER.match(part)
        if match is None:
            break
        numbers.append(int(match[0]))
        if match.end() != len(part):
            break
    return tuple(numbers)


def _parts(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))


def _lower(name: str) -> tuple[int, ...]:
    parts = _parts(name)
    return parts + (0,) * (3 - len(parts))


_SERIES_END = 1 << 30


def _upper(name: str) -> tuple[int, ...]:
    parts = _parts(name)
    return parts + (_SERIES_END,) * (3 - len(parts))


def _within_series(version: tuple[int, ...], until: str) -> bool:
    return version <= _upper(until)
