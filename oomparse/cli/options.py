"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from oomparse.cli.formats import FORMATS
from oomparse.errors import OomparseError

Command = TypeVar("Command", bound=Callable[..., Any])

TARGETS_METAVAR = "[FILE | DIR | GLOB | URL | -]..."


def _all(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


targets_argument = click.argument("targets", nargs=-1, metavar=TARGETS_METAVAR)

format_option = click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)

colour_option = click.option(
    "--color",
    "--colour",
    "colour",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colours; auto means on a terminal, unless NO_COLOR is set.",
)

output_options = _all(
    format_option,
    click.option("--brief", is_flag=True, help="JSON without meminfo, tasks, slabs, stack and memcg.stats."),
    colour_option,
)

output_file_option = click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Write to this file, not to the terminal."
)

jobs_option = click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")

scope_option = click.option(
    "--scope",
    "scopes",
    type=click.Choice(["global", "memcg", "cpuset", "memory_policy", "unknown"]),
    multiple=True,
    help="Only events of this scope; may be given several times.",
)

filter_options = _all(
    click.option("--since", metavar="TIME", help="Leave out events before this time (2026-11-21 03:00)."),
    click.option("--until", metavar="TIME", help="Leave out events at or after this time."),
    scope_option,
)


def _zone(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from oomparse.timestamps import zone

        try:
            zone(value)
        except OomparseError as error:
            raise click.BadParameter(str(error)) from None
    return value


def _transport(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from oomparse.transports import get

        try:
            get(value)
        except OomparseError as error:
            raise click.BadParameter(str(error)) from None
    return value


stamp_options = _all(
    click.option("--year", type=click.IntRange(1, 9998), metavar="YEAR", help="Year of the first stamp without one."),
    click.option(
        "--tz", callback=_zone, metavar="ZONE", help="Zone of stamps without one: Europe/Berlin, +02:00, local. [UTC]"
    ),
    click.option("--transport", callback=_transport, metavar="NAME", help="How the log is written, if not detected."),
)

include_user_option = click.option(
    "--include-user", is_flag=True, help="Also events that a user process wrote into the log."
)

userspace_option = click.option(
    "--userspace",
    is_flag=True,
    help="Also kills that were not the kernel's: systemd-oomd, earlyoom, kubelet, … (text and JSON; slower).",
)

reading_options = _all(
    click.option("--strict", is_flag=True, help="Stop at the first line of a report that no format takes."),
    stamp_options,
    include_user_option,
)
