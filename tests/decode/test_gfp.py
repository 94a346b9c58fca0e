"""Masks against what kernels printed, and against the values of their headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.decode.gfp import UnknownFlagError, breakpoints, decode_mask, encode, layout_of
from oomparse.model import Era

# As printed by these kernels in gfp_mask=VALUE(NAMES).
PRINTED = [
    ("4.9.0-19-amd64", 0x24280CA, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
    ("4.18.0-147.el8.x86_64", 0x6200CA, "GFP_HIGHUSER_MOVABLE"),
    ("4.18.0-147.el8.x86_64", 0x6040C0, "GFP_KERNEL|__GFP_COMP"),
    ("4.19.78", 0x600040, "GFP_NOFS"),
    ("5.10.0-46-cloud-amd64", 0x100DCA, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
    ("5.10.0-46-cloud-amd64", 0x101CC0, "GFP_USER|__GFP_WRITE"),
    ("5.10.0-46-cloud-amd64", 0x400DC0, "GFP_KERNEL_ACCOUNT|__GFP_ZERO"),
    ("5.4.0-42-generic", 0x101C4A, "GFP_NOFS|__GFP_HIGHMEM|__GFP_HARDWALL|__GFP_MOVABLE|__GFP_WRITE"),
    ("5.4.0-42-generic", 0x500CC2, "GFP_HIGHUSER|__GFP_ACCOUNT"),
    ("6.1.0-56-cloud-amd64", 0x140DCA, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO"),
    ("6.1.0-56-cloud-amd64", 0x440DC0, "GFP_KERNEL_ACCOUNT|__GFP_COMP|__GFP_ZERO"),
    ("6.8.0-40-generic", 0x140CCA, "GFP_HIGHUSER_MOVABLE|__GFP_COMP"),
    ("7.3-rc7", 0x140DCA, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP"),
]

# The same composition for kernels that printed the number alone.
NUMBERS = [
    ("2.6.18-128.el5", 0x201D2, "GFP_HIGHUSER|__GFP_COLD"),
    ("2.6.24-16-generic", 0x1201D2, "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
    ("2.6.32-431.11.2.el6.x86_64", 0x201DA, "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
    ("3.10.0-1160.el7.x86_64", 0x280DA, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
    ("3.10.0-1160.el7.x86_64", 0x1000D0, "GFP_KERNEL|0x100000"),
    ("3.10.4", 0x1000D0, "GFP_KERNEL|__GFP_KMEMCG"),
    ("3.13.0-43-generic", 0xD0, "GFP_KERNEL"),
    ("3.13.0-43-generic", 0x4352DA, "GFP_TRANSHUGE"),
    ("4.4.155", 0x24000C0, "GFP_KERNEL"),
    ("4.4.155", 0x2400000, "GFP_NOIO"),
    ("2.6.18-194.17.1.el5", 0x400D0, "GFP_KERNEL|__GFP_NO_OOM"),
    ("2.6.18-164.el5", 0x400D0, "GFP_KERNEL|0x40000"),
    ("2.6.32-042stab113.5", 0x1000D0, "GFP_KERNEL|__GFP_UBC"),
    ("2.6.18", 0x10, "GFP_NOIO"),
    ("3.2.0", 0x30, "GFP_ATOMIC|GFP_NOIO"),
    ("6.12.0", 0x1000CC0, "GFP_KERNEL|0x1000000"),
]


@pytest.mark.parametrize(("release", "value", "names"), PRINTED + NUMBERS)
def test_decode(release: str, value: int, names: str) -> None:
    assert decode_mask(value, release) == tuple(names.split("|"))
    assert encode(names.split("|"), release) == value


# Values of the compounds, computed from each kernel's own headers.
COMPOUNDS = {
    "2.6.18": {"ATOMIC": 0x20, "NOIO": 0x10, "NOFS": 0x50, "KERNEL": 0xD0, "USER": 0x200D0, "HIGHUSER": 0x200D2},
    "2.6.23": {"HIGHUSER_MOVABLE": 0xA00D2},
    "2.6.24": {"TEMPORARY": 0x800D0, "HIGHUSER_MOVABLE": 0x1200D2},
    "2.6.38": {"TRANSHUGE": 0x4352DA, "HIGHUSER_MOVABLE": 0x200DA, "ATOMIC": 0x20, "KERNEL": 0xD0},
    "4.3": {"TRANSHUGE": 0x4352DA, "USER": 0x200D0},
    "4.4": {"ATOMIC": 0x2080020, "NOWAIT": 0x2000000, "NOIO": 0x2400000, "NOFS": 0x2400040, "TRANSHUGE": 0x4352CA},
    "4.5": {"KERNEL_ACCOUNT": 0x25000C0, "TEMPORARY": 0x24000D0, "USER": 0x24200C0, "HIGHUSER": 0x24200C2},
    "4.7": {"TRANSHUGE": 0x352CA},
    "4.8": {"TRANSHUGE": 0x4342CA, "TRANSHUGE_LIGHT": 0x342CA, "HIGHUSER_MOVABLE": 0x24200CA},
    "4.13": {"ATOMIC": 0x1080020, "NOWAIT": 0x1000000, "NOIO": 0x1400000, "NOFS": 0x1400040, "TEMPORARY": 0x14000D0},
    "4.16": {"KERNEL_ACCOUNT": 0x15000C0, "USER": 0x14200C0, "HIGHUSER_MOVABLE": 0x14200CA, "TRANSHUGE": 0x4342CA},
    "4.18": {"ATOMIC": 0x480020, "NOWAIT": 0x400000, "NOIO": 0x600000, "NOFS": 0x600040, "KERNEL_ACCOUNT": 0x7000C0},
    "5.0": {"USER": 0x6200C0, "HIGHUSER_MOVABLE": 0x6200CA, "TRANSHUGE": 0x2342CA, "TRANSHUGE_LIGHT": 0x342CA},
    "5.2": {"ATOMIC": 0xA20, "NOWAIT": 0x800, "NOIO": 0xC00, "NOFS": 0xC40, "KERNEL_ACCOUNT": 0x400CC0},
    "5.13": {"USER": 0x100CC0, "HIGHUSER": 0x100CC2, "HIGHUSER_MOVABLE": 0x100CCA, "TRANSHUGE": 0x1C24CA},
    "5.14": {"HIGHUSER_MOVABLE": 0x1100CCA, "TRANSHUGE": 0x11C24CA, "TRANSHUGE_LIGHT": 0x11C20CA},
    "5.19": {"HIGHUSER_MOVABLE": 0x100CCA, "ATOMIC": 0xA20},
    "6.3": {"ATOMIC": 0x820, "NOWAIT": 0x800},
    "7.3": {"ATOMIC": 0x820, "NOWAIT": 0x2800, "KERNEL": 0xCC0, "TRANSHUGE": 0x1C24CA, "TRANSHUGE_LIGHT": 0x1C20CA},
}


@pytest.mark.parametrize("release", COMPOUNDS)
def test_compound_values(release: str) -> None:
    masks = dict(layout_of(release).names)
    assert {name: masks[f"GFP_{name}"] for name in COMPOUNDS[release]} == COMPOUNDS[release]


@pytest.mark.parametrize(
    "release",
    ["2.6.9-89.EL", "7.9", "8.0", "", "unknown", None, Era(), Era(consistent=False), Era(until="2.6.12")],
)
def test_unknown_kernel_leaves_the_number(release: str | Era | None) -> None:
    assert decode_mask(0xD0, release) is None


def test_zero_has_no_names() -> None:
    assert decode_mask(0, None) == ()


def test_negative_is_no_mask() -> None:
    assert decode_mask(-1, "5.10") is None


def test_unseen_release_between_two_layouts() -> None:
    assert decode_mask(0x6000C0, "4.17.3") is None
    assert decode_mask(0x2, "4.17.3") == ("__GFP_HIGHMEM",)


def test_backports_make_it_ambiguous() -> None:
    assert decode_mask(0xCC0, "5.14.0-70.el9.x86_64") == ("GFP_KERNEL",)
    assert decode_mask(0x1100CCA, "5.14.0-70.el9.x86_64") is None


@pytest.mark.parametrize(
    ("era", "names"),
    [
        (Era(since="2.6.36", until="3.6"), ("GFP_HIGHUSER_MOVABLE", "__GFP_COLD")),
        (Era(since="2.6.25", until="2.6.35"), None),
        (Era(since="2.6.25", until="2.6.35", release="2.6.32-24-generic"), ("GFP_HIGHUSER_MOVABLE", "__GFP_COLD")),
        (Era(since="2.6.31", until="4.3"), ("GFP_HIGHUSER_MOVABLE", "__GFP_COLD")),
        (Era(consistent=False, release="3.10.0-1160.el7"), ("GFP_HIGHUSER_MOVABLE", "__GFP_COLD")),
    ],
)
def test_era(era: Era, names: tuple[str, ...] | None) -> None:
    assert decode_mask(0x201DA, era) == names


def test_era_of_3_8_to_4_5_agrees_only_where_the_headers_do() -> None:
    era = Era(since="3.8", until="4.5")
    assert decode_mask(0x2, era) == ("__GFP_HIGHMEM",)
    assert decode_mask(0xD0, era) is None


@pytest.mark.parametrize("release", breakpoints())
def test_one_bit_has_one_name(release: str) -> None:
    singles = [mask for name, mask in layout_of(release).names if name.startswith("__GFP_") and mask.bit_count() == 1]
    assert len(singles) == len(set(singles))


@given(value=st.integers(min_value=1, max_value=(1 << 32) - 1), release=st.sampled_from(breakpoints()))
def test_round_trip(value: int, release: str) -> None:
    names = decode_mask(value, release)
    assert names is not None
    assert encode(names, release) == value


def test_encode_refuses_what_the_kernel_lacks() -> None:
    with pytest.raises(UnknownFlagError, match="__GFP_WAIT"):
        encode(["__GFP_WAIT"], "5.10")
    with pytest.raises(UnknownFlagError, match=r"2\.6\.18"):
        encode(["GFP_KERNEL"], "9.9")
    with pytest.raises(UnknownFlagError, match="either of"):
        encode(["GFP_KERNEL"], "4.17")
