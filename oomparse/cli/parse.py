"""``oomparse [parse]``: the events of archived logs."""

from functools import partial

import click

from oomparse.cli import options
from oomparse.cli.failures import Failures
from oomparse.cli.output import event_writer
from oomparse.cli.progress import progress_bar
from oomparse.cli.selection import selection
from oomparse.cli.stdio import targets_or_stdin


@click.command()
@options.targets_argument
@options.output_options
@options.output_file_option
@options.filter_options
@options.jobs_option
@options.userspace_option
@options.reading_options
def command(
    *,
    targets: tuple[str, ...],
    form: str,
    brief: bool,
    colour: str,
    output: str | None,
    since: str | None,
    until: str | None,
    scopes: tuple[str, ...],
    jobs: int,
    strict: bool,
    year: int | None,
    tz: str | None,
    transport: str | None,
    include_user: bool,
    userspace: bool,
) -> int:
    """Find the OOM events in logs: files (also .gz, .xz, .bz2, .zst), directories, globs, URLs, - for standard input.

    Rotated files of one log are read as one stream, oldest first.  Exit status: 0 events found, 1 none, 2 an error.
    """
    names = targets_or_stdin(targets)
    _refuse_to_overwrite(output, names)
    wanted = selection(since, until, scopes, tz)
    failures = Failures()

    from oomparse.reader import parse_paths

    with (
        event_writer(form, path=output, brief=brief, colour=colour) as writer,
        progress_bar(names, to_file=output is not None) as bar,
    ):
        events = parse_paths(
            names,
            jobs=jobs,
            on_error=failures.note,
            on_read=bar.advance if bar else None,
            on_userspace=writer.write_userspace if userspace else None,
            pack=writer.pack,
            strict=strict,
            year=year,
            tz=tz,
            transport=transport,
            include_user=include_user,
        )
        for event in filter(wanted.takes, events):
            if bar:
                bar.event(partial(writer.write, event))
            else:
                writer.write(event)
        writer.finish(failed=failures.any)
    wanted.report()
    return failures.status(found=writer.count)


def _refuse_to_overwrite(output: str | None, names: list[str]) -> None:
    if output is None:
        return
    from pathlib import Path  # not needed by most runs, and slow to import

    target = Path(output)
    if target.exists():
        for name in names:
            if name != "-" and Path(name).exists() and target.samefile(name):
                raise click.UsageError(f"{name} is both read and written")
