"""The command line: ``oomparse [COMMAND] …``; without a command, ``parse``.

Exit status as grep's: 0 where events were found, 1 where none were, 2 after an error, also when other sources gave
events.  Events go to standard output, everything else to standard error.  Each command is a module of its own that is
imported when it is asked for, so that ``oomparse FILE`` starts fast.
"""

import os
import sys
from typing import NoReturn

import click

from oomparse.cli.lazy import LazyGroup
from oomparse.cli.stdio import abandon_stdout, flush_stdout, prepare_stdio, say
from oomparse.errors import OomparseError
from oomparse.garbage import collect_seldom

DEBUG_VARIABLE = "OOMPARSE_DEBUG"
"""Set to anything, it shows the traceback of an internal error."""

EXIT_ERROR = 2
EXIT_INTERRUPTED = 128 + 2  # as a shell reports SIGINT


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from oomparse import __version__

        click.echo(f"oomparse {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    default="parse",
    commands={
        "parse": "find the OOM events in logs",
        "follow": "wait for OOM events in a live log",
        "explain": "say why this process was killed and where the memory went",
        "summary": "count events by victim, cgroup, unit, pod, host and hour",
        "trace": "show which format takes each line, or why none does",
        "gfp": "translate a gfp mask into flags, or flags into a mask",
        "schema": "print the JSON Schema of an event",
        "fixtures": "show real OOM reports, and send them to a pipeline",
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Say which.")
def app() -> None:
    """Turn Linux OOM-killer reports into typed events.

    Without a COMMAND, ``oomparse FILE`` means ``oomparse parse FILE``; a file named like a command is ./FILE.
    """


def main() -> NoReturn:
    """Run the command line on the arguments of this process, and exit."""
    collect_seldom()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit status; says what went wrong on standard error, and never raises."""
    prepare_stdio()
    try:
        status = _run(arguments)
        flush_stdout()
    except BrokenPipeError:
        # Whoever read standard output has seen enough; that is no error.
        abandon_stdout()
        return 0
    except KeyboardInterrupt:
        abandon_stdout()
        return EXIT_INTERRUPTED
    except OSError as error:
        abandon_stdout()
        say(str(error) if isinstance(error, OomparseError) else _of_the_system(error))
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001  # the last resort, so that nobody is shown a traceback unasked
        flush_stdout(quiet=True)
        _report_bug(error)
        return EXIT_ERROR
    return status


def _run(arguments: list[str]) -> int:
    if "_OOMPARSE_COMPLETE" in os.environ:  # a shell asks for completions; click answers and exits
        app.main(arguments, prog_name="oomparse")
    try:
        # Not app.main(): it writes to standard error when it is interrupted.
        with app.make_context("oomparse", list(arguments)) as ctx:
            status = app.invoke(ctx)
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.UsageError as error:
        error.show()
        return EXIT_ERROR
    except (OomparseError, click.ClickException) as error:
        flush_stdout()
        say(error.format_message() if isinstance(error, click.ClickException) else str(error))
        return EXIT_ERROR
    return status if isinstance(status, int) else 0


def _of_the_system(error: OSError) -> str:
    if error.filename is None:  # whatever has a name says it
        return f"cannot write the output: {error.strerror or error}"
    return f"{error.filename}: {error.strerror}"


def _report_bug(error: Exception) -> None:
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        traceback.print_exception(error)
    say(
        f"internal error ({type(error).__name__}: {error}); please report it with the log that caused it"
        f" ({DEBUG_VARIABLE}=1 shows where it happened)"
    )
