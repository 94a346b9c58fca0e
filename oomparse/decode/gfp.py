"""gfp masks and their names, by kernel era.

Turns ``gfp_mask=0x201da`` into the names that the kernel's ``%pGg`` prints since 4.6 (``lib/vsprintf.c:
format_flags()``), for older kernels composed in the same way from the headers of their time, and names back into a
mask.  The data stands in `oomparse.decode._gfp_tables`.

It refuses a mask of an unknown era, and one that the kernels in question name differently: then the answer is
``None``, and the mask stays a number.  A bit without a name stays a number within the answer (``0x1000000``).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from oomparse.decode import _gfp_tables as tables
from oomparse.decode.kernel import Release, contains, parse_release
from oomparse.errors import OomparseError
from oomparse.model import Era
from oomparse.record import record


class UnknownFlagError(OomparseError, ValueError):
    """A flag name (or a kernel) that the tables do not have; the text names what they do have."""


@record(frozen=True, slots=True, kw_only=True)
class Layout:
    """The flags of one kernel: the names in the order in which ``%pGg`` tries them, each with its mask."""

    release: str
    names: tuple[tuple[str, int], ...]

    def decode(self, value: int) -> tuple[str, ...]:
        """Split a mask into names; bits without a name come last, as one number."""
        found: list[str] = []
        for name, mask in self.names:
            if not value:
                break
            if value & mask == mask:
                found.append(name)
                value &= ~mask
        if value:
            found.append(hex(value))
        return tuple(found)


def decode_mask(value: int, release: str | Era | None) -> tuple[str, ...] | None:
    """Return the names of a mask as the kernel prints them, or ``None`` where the kernel decides and is not known.

    ``release`` is what ``uname -r`` printed (``3.10.0-1160.el7.x86_64``, or just ``3.10``), or the `Era` of an event;
    an era's printed release comes first, then its range, where all kernels in the range must agree.

    >>> decode_mask(0x201DA, "3.10")
    ('GFP_HIGHUSER_MOVABLE', '__GFP_COLD')
    """
    if value == 0:
        return ()
    if value < 0:
        return None
    answers = {layout.decode(value) for layout in layouts(release)}
    return answers.pop() if len(answers) == 1 else None


def encode(names: Iterable[str], release: str) -> int:
    """Return the mask that these names (and ``0x…`` numbers) mean in a kernel.

    Raises `UnknownFlagError` for a name that this kernel does not have, and for a kernel whose masks are not known.
    """
    candidates = layouts(release)
    if not candidates:
        raise UnknownFlagError(
            f"no gfp table for kernel {release!r}: give a release from {tables.FIRST_RELEASE} to {tables.LAST_RELEASE}"
        )
    wanted = tuple(names)
    answers = {_encode(wanted, layout) for layout in candidates}
    if len(answers) > 1:
        raise UnknownFlagError(f"kernel {release!r} may give {'|'.join(wanted)} either of: {_listed(answers)}")
    return answers.pop()


def layouts(release: str | Era | None) -> tuple[Layout, ...]:
    """Return every layout that a kernel of this release or era may have; none where it is not known."""
    if isinstance(release, Era):
        parsed = parse_release(release.release) if release.release else None
        if parsed is None:
            return _layouts_between(release)
    else:
        parsed = parse_release(release) if release else None
    if parsed is None or not contains(tables.FIRST_RELEASE, tables.LAST_RELEASE, parsed):
        return ()
    return tuple(layout_of(base, _fork(parsed)) for base in _bases(parsed))


@lru_cache(maxsize=64)
def layout_of(release: str, fork: int | None = None) -> Layout:
    """Return the layout of one mainline release, with the additions of a row of ``FORKS``."""
    at = parse_release(release)
    if at is None:
        raise UnknownFlagError(f"{release!r} is not a kernel release")
    flags = {name: int(step, 16) for name, steps in tables.FLAGS.items() if (step := _step(steps, at)) is not None}
    masks = {f"__GFP_{name}": mask for name, mask in flags.items()}
    for name, steps in tables.COMPOUNDS:
        step = _step(steps, at)
        if step is not None:
            masks[name] = _compose(step, masks)
    extra = tables.FORKS[fork][3] if fork is not None else {}
    order = [*tables.COMPOUND_ORDER, *(_spelled(name) for name in _order(at)), *(_spelled(name) for name in extra)]
    for name, text in extra.items():
        masks.pop(_spelled(name), None)
        if text != "-":
            masks[_spelled(name)] = int(text, 16)
    # DMA and DMA32 are printed under their compound's name alone.
    return Layout(release=release, names=tuple((name, masks[name]) for name in order if name in masks))


def breakpoints() -> tuple[str, ...]:
    """Return the releases at which a flag, a compound or the order of the names changed, oldest first."""
    steps = " ".join([*tables.FLAGS.values(), *(steps for _, steps in tables.COMPOUNDS)])
    names = {step.partition(":")[0] for step in steps.split()} | {since for since, _ in tables.ORDERS}
    return tuple(sorted(names, key=_key))


def _layouts_between(era: Era) -> tuple[Layout, ...]:
    if not era.consistent or (era.since is None and era.until is None):
        return ()
    since = era.since or tables.FIRST_RELEASE
    until = era.until or tables.LAST_RELEASE
    first, last = parse_release(since), parse_release(until)
    if first is None or last is None:
        return ()
    if not all(contains(tables.FIRST_RELEASE, tables.LAST_RELEASE, end) for end in (first, last)):
        return ()
    inside = [point for point in breakpoints() if _key(point) > _key(since) and _key(point) <= _key(until)]
    bases = {base for point in (since, *inside) if (at := parse_release(point)) for base in _bases(at)}
    return tuple(layout_of(base) for base in sorted(bases, key=_key))


def _bases(release: Release) -> tuple[str, ...]:
    """Return the mainline releases whose layout this kernel may have."""
    if release.distribution in tables.BACKPORTS:
        return tables.BACKPORTS[release.distribution]
    series = _series(release)
    return tables.UNSEEN.get(series, (series,))


def _fork(release: Release) -> int | None:
    series = _series(release)
    for index, (distribution, base, first_build, _) in enumerate(tables.FORKS):
        if release.distribution == distribution and series == base and release.build[:1] >= (first_build,):
            return index
    return None


def _series(release: Release) -> str:
    major, minor, patch = release.version
    return f"2.6.{patch}" if (major, minor) == (2, 6) else f"{major}.{minor}"


def _step(steps: str, at: Release) -> str | None:
    """Return the value that holds at a release."""
    current: str | None = None
    for step in steps.split():
        since, _, value = step.partition(":")
        if contains(since, None, at):
            current = value
    return None if current == "-" else current


def _compose(step: str, masks: Mapping[str, int]) -> int:
    mask = 0
    for name in step.split(","):
        if name.startswith("-"):
            mask &= ~masks[_spelled(name[1:])]
        else:
            mask |= masks[_spelled(name)]
    return mask


def _order(at: Release) -> tuple[str, ...]:
    return [names for since, names in tables.ORDERS if contains(since, None, at)][-1]


def _spelled(name: str) -> str:
    return name if name.startswith(("GFP_", "__GFP_")) else f"__GFP_{name}"


def _encode(names: tuple[str, ...], layout: Layout) -> int:
    known = dict(layout.names)
    mask = 0
    for name in names:
        if name.startswith(("0x", "0X")):
            mask |= int(name, 16)
        elif name in known:
            mask |= known[name]
        else:
            raise UnknownFlagError(f"kernel {layout.release} has no flag {name!r}; it has {', '.join(sorted(known))}")
    return mask


def _listed(answers: Iterable[int]) -> str:
    return ", ".join(hex(answer) for answer in sorted(answers))


def _key(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))
