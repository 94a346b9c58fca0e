"""Numbers as people say them.

The kernel's kB become KiB, MiB and so on, the exact number beside them.  A limit that the kernel prints where there is
none (``PAGE_COUNTER_MAX`` in kB, which depends on the page size and the word size) is said to be none.
"""

_UNITS = ("kB", "MiB", "GiB", "TiB", "PiB", "EiB")
_UNLIMITED_64_BIT_KB = 9007199254740000  # LONG_MAX bytes, less what is lost to whole pages of up to 256 KiB
_UNLIMITED_32_BIT_KB = range(8589934588 - 64, 8589934592)


def human_kb(kb: int) -> str:
    """Return a size with its unit and the exact number.

    >>> human_kb(716), human_kb(32460)
    ('716 kB', '31.7 MiB (32460 kB)')
    """
    rounded = rounded_kb(kb)
    return rounded if rounded.endswith(" kB") else f"{rounded} ({kb} kB)"


def rounded_kb(kb: int) -> str:
    """Return a size rounded to three digits or so.

    >>> rounded_kb(2097152), rounded_kb(-5)
    ('2.0 GiB', '-5 kB')
    """
    if abs(kb) < 1024:
        return f"{kb} kB"
    power = min((abs(kb).bit_length() - 1) // 10, len(_UNITS) - 1)
    return f"{kb / 1024**power:.1f} {_UNITS[power]}"


def human_limit_kb(kb: int, *, exact: bool = True) -> str:
    """Return a limit, or ``no limit`` where the number stands for none.

    >>> human_limit_kb(9007199254740988), human_limit_kb(32768)
    ('no limit', '32.0 MiB (32768 kB)')
    """
    if is_unlimited_kb(kb):
        return "no limit"
    return human_kb(kb) if exact else rounded_kb(kb)


def is_unlimited_kb(kb: int) -> bool:
    """Say whether a limit is the kernel's way to write that there is none."""
    return kb >= _UNLIMITED_64_BIT_KB or kb in _UNLIMITED_32_BIT_KB


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "kill"), count(3, "kill")
    ('1 kill', '3 kills')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
