"""Sizes, and limits that are none."""

import pytest

from oomparse.decode.units import human_size, is_unlimited, kb_to_bytes, pages_to_bytes


@pytest.mark.parametrize(
    "limit_kb",
    [
        9007199254740988,  # 3.19 and later, 4 KiB pages
        9007199254740976,  # 16 KiB pages
        9007199254740928,  # 64 KiB pages
        9007199254740991,  # up to 3.12
        18014398509481983,  # 3.13 to 3.18
        8589934588,  # 32 bits
    ],
)
def test_unlimited(limit_kb: int) -> None:
    assert is_unlimited(limit_kb)


@pytest.mark.parametrize("limit_kb", [0, 4, 32768, 8589934592, 1 << 40, 9007199254740992 - 65 * 1024])
def test_limited(limit_kb: int) -> None:
    assert not is_unlimited(limit_kb)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (10 * 1024, "10.0 KiB"),
        (1024 * 1024 - 1, "1.00 MiB"),
        (33 * 1024 * 1024 + 1, "33.0 MiB"),
        (1023 * 1024 * 1024, "1023 MiB"),
        (3328599654, "3.10 GiB"),
        (-(1 << 20), "-1.00 MiB"),
        (1 << 71, "2048 EiB"),
    ],
)
def test_human_size(size: int, text: str) -> None:
    assert human_size(size) == text


def test_conversions() -> None:
    assert pages_to_bytes(3, 65536) == 196608
    assert kb_to_bytes(7) == 7168
