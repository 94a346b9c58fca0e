"""Releases as real kernels spell them, and ranges of releases."""

import pytest

from oomparse.decode.kernel import compare, contains, intersect, parse_release

RELEASES = [
    ("3.10.0-1160.el7.x86_64", (3, 10, 0), "el7", (1160,)),
    ("3.10.0-957.27.2.el7.x86_64", (3, 10, 0), "el7", (957, 27, 2)),
    ("4.18.0-240.10.1.el8_3.x86_64", (4, 18, 0), "el8", (240, 10, 1)),
    ("5.14.0-427.13.1.el9_4.x86_64+debug", (5, 14, 0), "el9", (427, 13, 1)),
    ("6.12.0-55.9.1.el10_0.aarch64", (6, 12, 0), "el10", (55, 9, 1)),
    ("2.6.32-431.11.2.el6.x86_64", (2, 6, 32), "el6", (431, 11, 2)),
    ("2.6.18-194.17.1.el5PAE", (2, 6, 18), "el5", (194, 17, 1)),
    ("2.6.9-89.29.1.ELsmp", (2, 6, 9), "el4", (89, 29, 1)),
    ("2.6.32-042stab113.5", (2, 6, 32), "ovz", (42,)),
    ("2.6.18-028stab056", (2, 6, 18), "ovz", (28,)),
    ("3.10.0-1160.41.1.vz7.183.5", (3, 10, 0), "vz7", (1160, 41, 1)),
    ("6.1.119-1.el9.elrepo.x86_64", (6, 1, 119), "elrepo", (1,)),
    ("4.14.35-2047.511.5.5.el7uek.x86_64", (4, 14, 35), "uek", (2047, 511, 5, 5)),
    ("5.15.0-1087-azure", (5, 15, 0), "ubuntu", (1087,)),
    ("4.4.0-31-generic", (4, 4, 0), "ubuntu", (31,)),
    ("6.1.0-56-cloud-amd64", (6, 1, 0), "debian", (56,)),
    ("3.16.0-4-amd64", (3, 16, 0), "debian", (4,)),
    ("4.12.14-122.37-default", (4, 12, 14), "suse", (122, 37)),
    ("5.10.228-219.884.amzn2.x86_64", (5, 10, 228), "amzn2", (219, 884)),
    ("6.5.6-300.fc39.x86_64", (6, 5, 6), "fc39", (300,)),
    ("7.3-rc7", (7, 3, 0), None, ()),
    ("4.19.0", (4, 19, 0), None, ()),
    ("2.6.38.8", (2, 6, 38), None, ()),
    ("5.10", (5, 10, 0), None, ()),
    ("5.4.18+", (5, 4, 18), None, ()),
]


@pytest.mark.parametrize(("text", "version", "distribution", "build"), RELEASES)
def test_release(text: str, version: tuple[int, int, int], distribution: str | None, build: tuple[int, ...]) -> None:
    release = parse_release(text)
    assert release is not None
    assert (release.version, release.distribution, release.build) == (version, distribution, build)


def test_release_candidate() -> None:
    release = parse_release("7.3-rc7-cloud-amd64")
    assert release is not None
    assert release.rc == 7


@pytest.mark.parametrize("text", ["", "linux", "7", "v5.10", "x86_64", "#1 SMP", "5.", "5.x (guess)", "9" * 40 + ".1"])
def test_no_release(text: str) -> None:
    assert parse_release(text) is None


def test_compare() -> None:
    assert compare("2.6.32-754.el6", "3.10.0-1160.el7") == -1
    assert compare("5.10.209", "5.10.9") == 1
    assert compare("4.18.0-147.el8", "4.18") == 0
    assert compare("4.18", "unknown") is None


@pytest.mark.parametrize(
    ("since", "until", "release", "inside"),
    [
        ("2.6.18", "2.6.31", "2.6.31.14", True),
        ("2.6.18", "2.6.31", "2.6.32", False),
        ("4.6", "4.20", "4.20.17", True),
        ("4.6", "4.20", "5.0", False),
        ("4.6", None, "4.5.7", False),
        (None, "3.9", "2.6.18", True),
        (None, None, "7.3", True),
    ],
)
def test_contains(since: str | None, until: str | None, release: str, inside: bool) -> None:
    parsed = parse_release(release)
    assert parsed is not None
    assert contains(since, until, parsed) is inside


def test_intersection_keeps_the_names() -> None:
    era = intersect([("2.6.18", None), ("4.19", "6.6"), (None, "6.4"), ("5.4", None)], "5.10.0-46-cloud-amd64")
    assert (era.since, era.until, era.consistent, era.agrees) == ("5.4", "6.4", True, True)


def test_intersection_disagrees_with_the_release() -> None:
    era = intersect([("5.0", None)], "4.18.0-240.el8.x86_64")
    assert era.agrees is False
    assert era.release == "4.18.0-240.el8.x86_64"


def test_no_kernel_prints_all_of_these() -> None:
    era = intersect([("5.2", None), (None, "5.1")], "4.18.0-147.el8.x86_64")
    assert (era.since, era.until, era.consistent, era.agrees) == (None, None, False, None)


def test_one_series_is_a_range() -> None:
    assert intersect([("5.0", None), (None, "5.0")]).consistent


def test_nothing_known() -> None:
    era = intersect([])
    assert (era.since, era.until, era.consistent, era.agrees) == (None, None, True, None)
