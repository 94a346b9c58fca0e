"""``oomparse summary``: many events as a few tables."""

import click

from oomparse.cli import options
from oomparse.cli.failures import Failures
from oomparse.cli.progress import progress_bar
from oomparse.cli.selection import selection
from oomparse.cli.stdio import targets_or_stdin


@click.command()
@options.targets_argument
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.filter_options
@options.jobs_option
@options.userspace_option
@options.reading_options
def command(
    *,
    targets: tuple[str, ...],
    form: str,
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
    """Count events by victim, cgroup, unit, pod, host and hour, and find storms.

    Copies of an event in several logs (kern.log, syslog, journal) count once.
    """
    names = targets_or_stdin(targets)
    wanted = selection(since, until, scopes, tz)
    failures = Failures()

    from oomparse.export.jsonl import encode_record
    from oomparse.reader import parse_paths
    from oomparse.summary import Summary, render_text

    summary = Summary()
    with progress_bar(names, to_file=True) as bar:
        events = parse_paths(
            names,
            jobs=jobs,
            on_error=failures.note,
            on_read=bar.advance if bar else None,
            on_userspace=summary.add_userspace if userspace else None,
            strict=strict,
            year=year,
            tz=tz,
            transport=transport,
            include_user=include_user,
        )
        for event in filter(wanted.takes, events):
            summary.add(event)
            if bar:
                bar.event()
    report = summary.report()
    click.echo(encode_record(report) if form == "json" else render_text(report), nl=form == "json")
    wanted.report()
    return failures.status(found=report.events)
