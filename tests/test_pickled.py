"""What goes between processes arrives as it was."""

import pickle
from datetime import UTC, datetime

import pytest

from oomparse.errors import Issue, IssueCode
from oomparse.grammar import formats
from oomparse.grammar.dispatch import parse_line
from oomparse.grammar.format import TypedLine
from oomparse.message import Message

LINES = [parsed.line for row in formats() for sample in row.samples if (parsed := parse_line(sample)) is not None]
MESSAGES = [
    Message(text="Killed process 1 (init)"),
    Message(
        text="caf\udce9",
        wall=datetime(2026, 11, 27, 18, 0, tzinfo=UTC),
        line_start=7,
        issues=(Issue(code=IssueCode.ZONE_ASSUMED, detail="UTC"),),
    ),
]


@pytest.mark.parametrize("kind", list(dict.fromkeys(map(type, LINES))))
def test_typed_lines(kind: type[TypedLine]) -> None:
    for line in LINES:
        if type(line) is kind:
            again = pickle.loads(pickle.dumps(line))
            assert type(again) is kind
            assert again == line


@pytest.mark.parametrize("message", MESSAGES)
def test_messages(message: Message) -> None:
    assert pickle.loads(pickle.dumps(message)) == message
