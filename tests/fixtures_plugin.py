"""Options of the tests over the corpus: rewrite what is expected, or read every log of every kernel."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("corpus")
    group.addoption("--update", action="store_true", help="rewrite the expectations of fixtures/; read the difference")
    group.addoption(
        "--all-logs",
        action="store_true",
        default="CI" in os.environ,
        help="read every log of the corpus, not only those of each scenario's newest kernel (so where CI is set)",
    )
    group.addoption("--every-cut", action="store_true", help="cut logs at every line, not at some (takes minutes)")
