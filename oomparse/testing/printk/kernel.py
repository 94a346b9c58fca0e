"""Which lines a kernel prints: its version against the registry's ranges, and what its distribution took over.

Turns a release (``2.6.18``, ``4.18.0-240.el8.x86_64``) into a `Kernel` that chooses among lines: of those that could
say the same, the one that this kernel has.  Mainline follows ``since`` and ``until`` of the registry; what Red Hat and
OpenVZ ported back at which build stands in `BACKPORTS`, by the names of the lines.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

from oomparse.decode.gfp import UnknownFlagError, breakpoints, decode_mask, encode, layout_of
from oomparse.decode.kernel import Release, contains, parse_release
from oomparse.errors import OomparseError
from oomparse.grammar import formats
from oomparse.grammar.counters import KeyRange
from oomparse.grammar.format import LineFormat

FIRST_RELEASE = "2.6.18"


class NotRepresentableError(OomparseError, ValueError):
    """This kernel prints no report that says what the event says; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backport:
    """What a distribution's kernel prints from a build on: lines that it has beside, or in place of, its base's."""

    build: int
    adds: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()


def _backport(build: int, adds: str = "", drops: str = "") -> Backport:
    return Backport(build=build, adds=frozenset(adds.split()), drops=frozenset(drops.split()))


BACKPORTS: Mapping[tuple[str, str], tuple[Backport, ...]] = {
    ("el5", "2.6.18"): (
        _backport(0, "header_2_6_19", "select_2_6_18"),
        _backport(53, "totals_el5"),
        _backport(92, "pagecache"),
        _backport(194, "killed_el5_uid"),
    ),
    ("el6", "2.6.32"): (
        _backport(0, "killed_2_6_33"),
        _backport(
            220,
            "header_2_6_36 select_2_6_36 killed_el6_uid task_header_2_6_36 table_2_6_36 sharing_mm would_have_killed",
        ),
    ),
    ("el7", "3.10"): (
        _backport(0, "totals_4_1", "per_cpu"),
        _backport(514, "killed_4_5"),
        _backport(1062, "killed_el7_uid"),
        _backport(1160, "", "sharing_mm"),
    ),
    ("el8", "4.18"): (
        _backport(0, "killed_5_2 group_kill", "select_2_6_36"),
        _backport(240, "header_4_6 oom_kill killed_el8_3 stats_5_3", "cpuset task_in_memcg memcg_limit_reached"),
        _backport(348, "killed_5_4 tasks_title task_header_4_19 table_4_19 already_exiting"),
    ),
    ("vz7", "3.10"): (_backport(0, "killed_vz7"),),
    ("vz9", "5.14"): (_backport(0, "killed_vz9"),),
    ("ovz", "2.6.18"): (_backport(0, "header_2_6_18 select_2_6_18 killed_2_6_18"),),
    ("ovz", "2.6.32"): (
        _backport(0, "header_openvz killed_openvz", "select_2_6_20 table_2_6_25 task_in_memcg memcg_counter"),
        _backport(84, "header_openvz_ub"),
    ),
}
"""By distribution and base: what it ported back, the builds in order (of OpenVZ 6 the number behind ``stab``)."""


_ARCHITECTURES = {"arm64": re.compile(r"arm64|aarch64"), "i386": re.compile(r"[-.](?:i?[3-6]86|pae)\b")}


class Ranged(Protocol):
    """A line, or the shape of one, that some kernels print."""

    @property
    def name(self) -> str:
        """What `BACKPORTS` calls it."""

    @property
    def since(self) -> str:
        """The first release that prints it."""

    @property
    def until(self) -> str | None:
        """The last, or ``None``."""

    @property
    def mainline(self) -> bool:
        """Whether mainline ever printed it."""


R = TypeVar("R", bound=Ranged)


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel; `of` makes it of its release."""

    release: Release
    backports: tuple[Backport, ...] = ()

    @classmethod
    def of(cls, release: str) -> "Kernel":
        """Return the kernel of a release.

        Raises `NotRepresentableError` for what is no release, and for kernels before 2.6.18.
        """
        parsed = parse_release(release)
        if parsed is None or not contains(FIRST_RELEASE, None, parsed):
            raise NotRepresentableError(f"{release!r} is no kernel release from {FIRST_RELEASE} on")
        major, minor, patch = parsed.version
        base = f"2.6.{patch}" if (major, minor) == (2, 6) else f"{major}.{minor}"
        build = next(iter(parsed.build), 0)
        stab = re.search(r"stab(\d+)", release)
        if stab is not None:
            build = int(stab[1])
        known = BACKPORTS.get((parsed.distribution or "", base), ())
        return cls(parsed, tuple(backport for backport in known if backport.build <= build))

    @property
    def architecture(self) -> str:
        """``arm64`` or ``i386`` where the release says so, as distributions' do; else ``x86_64``."""
        for architecture, words in _ARCHITECTURES.items():
            if words.search(self.release.text):
                return architecture
        return "x86_64"

    def at_least(self, since: str) -> bool:
        """Whether this is that release or a later one."""
        return contains(since, None, self.release)

    def choose(self, candidates: Iterable[R]) -> R | None:
        """Return the one of lines that say the same, which this kernel prints: of several the youngest."""
        found = list(candidates)
        for backport in reversed(self.backports):
            for candidate in found:
                if candidate.name in backport.adds:
                    return candidate
        dropped = {name for backport in self.backports for name in backport.drops}
        in_range = [
            candidate
            for candidate in found
            if candidate.mainline
            and candidate.name not in dropped
            and contains(candidate.since, candidate.until, self.release)
        ]
        return max(in_range, key=lambda candidate: _version(candidate.since), default=None)

    def line(self, *names: str) -> LineFormat | None:
        """Return which of the formats of these names this kernel prints, if any; ``killed`` names all of a family."""
        return self.choose(found for name in names for found in family(name))

    def prints(self, key: KeyRange) -> bool:
        """Whether this kernel prints a counter."""
        only = key.since == key.until and bool(key.distros)
        return self.ported(key) or (not only and contains(key.since, key.until, self.release))

    def ported(self, key: KeyRange) -> bool:
        """Whether the counter is none of its base version's own."""
        distribution = self.release.distribution or ""
        return any(distribution.startswith(name) for name in key.distros)

    def gfp_names(self, mask: int) -> tuple[str, ...] | None:
        """Return the names of a mask, or ``None`` where they are not known for this kernel."""
        return decode_mask(mask, self.release.text)

    def gfp_value(self, names: Iterable[str]) -> int | None:
        """Return the mask of those names, as far as this kernel has them; ``None`` where its masks are not known.

        A name that this kernel does not have stands for the flags that it is made of elsewhere.
        """
        if self.gfp_names(1) is None:
            return None
        mask = 0
        for name in names:
            value = self._gfp_bits(name)
            for flag in _made_of(name) if value is None else ():
                mask |= self._gfp_bits(flag) or 0
            mask |= value or 0
        return mask

    def _gfp_bits(self, name: str) -> int | None:
        for known in (name, GFP_RENAMED.get(name)):
            try:
                return encode((known,), self.release.text) if known is not None else None
            except UnknownFlagError:
                continue
        return None


GFP_RENAMED = {"__GFP_DIRECT_RECLAIM": "__GFP_WAIT", "__GFP_RETRY_MAYFAIL": "__GFP_REPEAT"}
"""What older kernels called much the same (up to 4.3, and up to 4.12)."""


@cache
def _made_of(name: str) -> tuple[str, ...]:
    """Return the single flags that a compound is made of, in the first kernel that has it."""
    for release in breakpoints():
        masks = dict(layout_of(release).names)
        if name in masks:
            single = {flag: mask for flag, mask in masks.items() if mask.bit_count() == 1}
            return tuple(flag for flag, mask in single.items() if mask & masks[name])
    return ()


@cache
def family(name: str) -> tuple[LineFormat, ...]:
    """Return the exact format of a name, or of all generations: ``killed_5_4``, ``killed_el5_uid``, … of ``killed``.

    Raises `LookupError` where none is called so.
    """
    generation = re.compile(re.escape(name) + r"(?:_(?:\d|el\d|vz\d|openvz).*)?")
    found = tuple(
        line_format for line_format in formats() if not line_format.tolerant and generation.fullmatch(line_format.name)
    )
    if not found:
        raise LookupError(f"no line format is called {name!r}")
    return found


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))
