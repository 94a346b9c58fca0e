"""How hypothesis builds the model's types that it cannot guess from their annotations."""

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from oomparse.sections import TaskRow, TaskTable

# RFC 3339 has zones of whole minutes.
_ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))

st.register_type_strategy(datetime, st.builds(datetime.replace, st.datetimes(), tzinfo=_ZONES))
st.register_type_strategy(float, st.floats(min_value=0, max_value=1e9))
st.register_type_strategy(TaskTable, st.lists(st.from_type(TaskRow), max_size=3).map(TaskTable.of))
