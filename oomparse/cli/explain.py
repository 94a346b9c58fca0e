"""``oomparse explain``: why this process, and where the memory went."""

from itertools import islice
from typing import TYPE_CHECKING

import click

from oomparse.cli import options
from oomparse.cli.failures import Failures
from oomparse.cli.selection import selection
from oomparse.cli.stdio import say, targets_or_stdin

if TYPE_CHECKING:
    from oomparse.userspace import UserspaceKill


@click.command()
@options.targets_argument
@click.option("--event", "number", type=click.IntRange(min=1), metavar="N", help="Only the Nth event, from 1.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.filter_options
@options.userspace_option
@options.reading_options
def command(
    *,
    targets: tuple[str, ...],
    number: int | None,
    form: str,
    since: str | None,
    until: str | None,
    scopes: tuple[str, ...],
    strict: bool,
    year: int | None,
    tz: str | None,
    transport: str | None,
    include_user: bool,
    userspace: bool,
) -> int:
    """Explain events: why this process was killed, where the memory went, and what stands out.

    The events are numbered as ``oomparse parse`` prints them with the same options.  JSON is one object a line.
    """
    names = targets_or_stdin(targets)
    wanted = selection(since, until, scopes, tz)
    failures = Failures()

    from oomparse.explain import explain, render_text
    from oomparse.export.jsonl import encode_record
    from oomparse.reader import parse_paths
    from oomparse.render.totals import NO_EVENTS
    from oomparse.userspace import told

    def tell(kill: "UserspaceKill") -> None:
        if form == "json":
            click.echo(encode_record(kill))
        else:
            click.echo(f"{told(kill)}\n")

    events = parse_paths(
        names,
        on_error=failures.note,
        on_userspace=tell if userspace else None,
        strict=strict,
        year=year,
        tz=tz,
        transport=transport,
        include_user=include_user,
    )
    chosen = filter(wanted.takes, events)
    found = 0
    for found, event in enumerate(islice(chosen, number and number - 1, number), 1):
        explanation = explain(event)
        if form == "json":
            click.echo(encode_record(explanation))
        else:
            heading = f"Event {found}: " if number is None else ""
            click.echo(("" if found == 1 else "\n") + heading + render_text(explanation), nl=False)
    if not found and not failures.any:
        if number is not None:
            say(f"there is no event {number} in {', '.join(names)}")
        elif form == "text":
            click.echo(NO_EVENTS)
    wanted.report()
    return failures.status(found=found)
