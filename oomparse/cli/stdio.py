"""Standard input, output and error: what the commands need to know about them, and how they end quietly."""

import io
import os
import sys

import click

from oomparse.errors import printable


def prepare_stdio() -> None:
    """Let every character be written, whatever the locale: what its encoding lacks becomes an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a diagnostic to standard error, safe for a terminal; a text of several lines stays one."""
    click.echo("oomparse: " + "\n".join(printable(line) for line in text.split("\n")), err=True)


def flush_stdout(*, quiet: bool = False) -> None:
    """Write out what is buffered, so that a failure shows while it can be told."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        abandon_stdout()
        if not quiet:
            raise


def abandon_stdout() -> None:
    """Send whatever is still buffered nowhere: Python would try again at its end, and complain."""
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # closed from the start, or a test's
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def targets_or_stdin(targets: tuple[str, ...]) -> list[str]:
    """Return what to read: standard input where nothing is named and something is piped."""
    if targets:
        return list(targets)
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("name a file, a directory or a glob, or pipe a log into it; - is standard input")
    return ["-"]


def wants_colour(mode: str, *, to_file: bool = False) -> bool:
    """Decide on colours: ``always``, ``never``, or (``auto``) on a terminal that has some, unless NO_COLOR is set."""
    if mode != "auto":
        return mode == "always"
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    return on_terminal and not to_file and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
