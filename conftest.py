"""Runs the examples in the documents and docstrings, so that none of them can become untrue.

Python blocks run as they stand, all of one document in one name space; a block of ``>>>`` lines is a doctest.  In
console blocks each line that starts with ``$`` is a command for bash, and what follows is what it must print (standard
output and error together, ``...`` for anything).  Everything runs in the root of the repository.
"""

import doctest
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

pytest_plugins = ("tests.fixtures_plugin",)

ROOT = Path(__file__).parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SECONDS = 60


def run_console(example: Example) -> str | None:
    """Run each command of a console block and compare what it prints; return the first difference."""
    checker = doctest.OutputChecker()
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for session in ("\n" + str(example.parsed)).split("\n$ ")[1:]:
        command, _, expected = session.partition("\n")
        result = subprocess.run(  # noqa: S603  # the commands are our own documents'
            ["/bin/bash", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | {"PATH": programs, "COLUMNS": "100"},
            timeout=SECONDS,
            check=False,
            text=True,
        )
        expected = expected.rstrip() + "\n"
        printed = result.stdout.rstrip() + "\n"
        if not checker.check_output(expected, printed, doctest.ELLIPSIS):
            return f"$ {command}\n" + checker.output_difference(doctest.Example(command, expected), printed, 0)
    return None


def _enter_root(namespace: dict[str, Any]) -> None:
    namespace["_cwd"] = Path.cwd()
    os.chdir(ROOT)


def _leave_root(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_cwd"])


_documents = Sybil(
    name="document",
    parsers=[PythonCodeBlockParser(doctest_optionflags=OPTIONS), CodeBlockParser("console", run_console), SkipParser()],
    patterns=["README.md", "CONTRIBUTING.md", "docs/*.md"],
    excludes=["docs/_build/*"],
    setup=_enter_root,
    teardown=_leave_root,
)
_docstrings = Sybil(
    name="docstring",
    parsers=[DocTestParser(optionflags=OPTIONS)],
    patterns=["oomparse/*.py", "oomparse/**/*.py"],
)

pytest_collect_file = (_documents + _docstrings).pytest()
