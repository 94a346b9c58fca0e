"""Pages, kB and bytes, and the numbers that mean "no limit".

The kernel's kB is 1,024 bytes; a page has the size of the machine that printed the report.  Sizes for people are binary
(``3.1 GiB``).  Nothing here guesses a page size: whoever converts pages says how large they are.
"""

KB_BYTES = 1024
COMMON_PAGE_SIZE_BYTES = 4096
"""The page size of x86 and s390x, and of most arm64 kernels; never assume it unsaid."""

_PREFIXES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

# include/linux/page_counter.h: LONG_MAX / PAGE_SIZE pages on 64 bits, printed in kB: a page (of up to 64 KiB) short of
# 2**53.  Before 3.19 the limit was in bytes: LLONG_MAX (2**53 - 1 kB), from 3.13 on ULLONG_MAX (2**54 - 1 kB).
_UNLIMITED_64_BIT_KB = (1 << 53) - 64
# On 32 bits LONG_MAX pages of 4, 16 or 64 KiB.
_UNLIMITED_32_BIT_KB = frozenset(((1 << 31) - 1) * page_kb for page_kb in (4, 16, 64))


def pages_to_bytes(pages: int, page_size_bytes: int) -> int:
    """Return the bytes in a number of pages."""
    return pages * page_size_bytes


def kb_to_bytes(kb: int) -> int:
    """Return the bytes in a number of the kernel's kB."""
    return kb * KB_BYTES


def is_unlimited(limit_kb: int) -> bool:
    """Return whether a memcg limit is what the kernel prints for "none was set".

    >>> is_unlimited(9007199254740988)
    True
    """
    return limit_kb >= _UNLIMITED_64_BIT_KB or limit_kb in _UNLIMITED_32_BIT_KB


def human_size(size_bytes: int) -> str:
    """Return a size for people, with two or three digits: ``512 B``, ``31.5 MiB``, ``3.10 GiB``.

    >>> human_size(3328599654)
    '3.10 GiB'
    """
    sign = "-" if size_bytes < 0 else ""
    size = float(abs(size_bytes))
    for prefix in _PREFIXES:
        digits = 0 if prefix == "B" or size >= 99.95 else 1 if size >= 9.995 else 2
        if round(size, digits) < KB_BYTES or prefix == _PREFIXES[-1]:
            return f"{sign}{size:.{digits}f} {prefix}"
        size /= KB_BYTES
    raise AssertionError("unreachable: the last prefix takes every size")
