"""Arrow: the schema follows the model, and what is written is read back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oomparse.export.jsonl import EventRecord, to_builtins
from oomparse.model import EventTime, Memcg, OomEvent, Outcome, Victim
from oomparse.sections import TaskRow, TaskTable

pa = pytest.importorskip("pyarrow", reason="pyarrow is the extra `arrow`")

from oomparse.export import arrow  # noqa: E402  # needs pyarrow

EVENT = OomEvent(
    event_id="e",
    outcome=Outcome.KILLED,
    time=EventTime(wall=datetime(2026, 11, 21, 2, 20, 54, 250, tzinfo=UTC)),
    victims=(Victim(pid=7, comm="a\udcff"), Victim(pid=2**63, comm="b")),
    memcg=Memcg(stats={"anon": 1}, hierarchy={"/a": {"file": 2}}),
    tasks=TaskTable.of([TaskRow(pid=7, rss_pages=3)]),
)


def test_the_columns_are_those_of_the_record() -> None:
    assert arrow.schema().names == list(EventRecord.__struct_fields__)
    assert set(arrow.schema(brief=True).names) == set(to_builtins(EVENT, brief=True))


def test_each_fact_has_a_type_of_its_own() -> None:
    (row,) = arrow.to_table([EVENT]).to_pylist()
    assert row["time"]["wall"] == EVENT.time.wall
    assert row["outcome"] == "killed"
    assert [victim["comm"] for victim in row["victims"]] == [r"a\xff", "b"]
    assert [victim["pid"] for victim in row["victims"]] == [7, None]
    assert row["victim"]["pid"] == 7
    assert row["memcg"]["stats"] == [("anon", 1)]
    assert row["memcg"]["hierarchy"] == [("/a", [("file", 2)])]
    assert row["tasks"][0]["rss_pages"] == 3
    assert row["meminfo"] is None
    assert str(arrow.schema().field("time").type.field("wall").type) == "timestamp[us, tz=UTC]"


@settings(max_examples=25)
@given(st.lists(st.from_type(OomEvent), max_size=3), st.booleans())
def test_any_events_fit_the_schema(events: list[OomEvent], brief: bool) -> None:
    table = arrow.to_table(events, brief=brief)
    table.validate(full=True)
    assert table.num_rows == len(events)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_stream_has_every_event_once_and_in_order(count: int) -> None:
    writer = arrow.StreamWriter(brief=True, batch_events=2)
    events = [OomEvent(event_id=str(number), outcome=Outcome.KILLED) for number in range(count)]
    data = b"".join(writer.write(event) for event in events) + writer.finish()
    table = pa.ipc.open_stream(data).read_all()
    assert table.column("event_id").to_pylist() == [event.event_id for event in events]
    assert table.schema == arrow.schema(brief=True)
