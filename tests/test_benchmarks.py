"""What the benchmark writes; its figures are nothing to test."""

from benchmarks.table import Row, Section, markdown, renewed


def section(title: str, ours: str) -> Section:
    return Section(title=title, rows=[Row(work="all of it", ours=ours, target="≤ 1 ×", met=True)], notes=["as it is"])


def test_a_section_is_measured_again() -> None:
    written = markdown([section("First", "1 s"), section("Second", "2 s")], command="run")
    again = renewed(written, [section("Second", "3 s"), section("Third", "4 s")], command="run second third")
    assert again.index("## First") < again.index("## Second") < again.index("## Third")
    assert "1 s" in again
    assert "2 s" not in again
    assert "3 s" in again
    assert "- measured again by `run second third`" in again
    assert again.partition("\n## ")[0] == written.partition("\n## ")[0].rstrip("\n") + "\n"


def test_nothing_changes_where_nothing_is_measured() -> None:
    written = markdown([section("First", "1 s"), section("Second", "2 s")], command="run")
    assert renewed(written, [], command="run") == written
