"""``oomparse fixtures``: the corpus of real reports, for looking at and for sending to a pipeline."""

import json
import sys
from typing import TYPE_CHECKING

import click

from oomparse.cli.stdio import say

if TYPE_CHECKING:
    from oomparse.testing.cases import Case, Corpus


@click.group()
def command() -> None:
    """Real OOM reports with what is known of them, to test log pipelines with.

    Each CASE is one scenario on one kernel, such as 6.1.0-56-cloud-amd64/memcg-nested, in several logs.
    """


def _corpus() -> "Corpus":
    from oomparse.testing import corpus

    return corpus()


def _case(name: str) -> "Case":
    try:
        return _corpus().case(name)
    except LookupError as error:
        raise click.BadParameter(str(error), param_hint="CASE") from error


@command.command("list")
@click.option("--kernel", metavar="RELEASE", help="Only this kernel: a release, or its beginning such as 6.1.")
@click.option("--scope", metavar="SCOPE", help="Only this scope: global, memcg, cpuset, memory_policy.")
@click.option("--scenario", metavar="NAME", help="Only this scenario.")
@click.option("--log", "form", metavar="FORMAT", help="Only those with a log in this format.")
@click.option("--architecture", metavar="NAME", help="Only this architecture: x86_64, i686, aarch64.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with everything that is known.")
def list_cases(
    kernel: str | None,
    scope: str | None,
    scenario: str | None,
    form: str | None,
    architecture: str | None,
    *,
    as_json: bool,
) -> int:
    """List the cases."""
    corpus = _corpus()
    cases = corpus.select(kernel=kernel, scope=scope, scenario=scenario, form=form, architecture=architecture)
    width = max((len(case.name) for case in cases), default=0)
    for case in cases:
        if as_json:
            import msgspec

            click.echo(msgspec.json.encode(case.record))
        else:
            click.echo(f"{case.name:{width}}  {','.join(case.record.scopes) or '-':13}  {case.record.title}")
    if corpus.partial:
        from oomparse.testing.cases import WHERE

        say(f"these came with the package; {WHERE}")
    return 0 if cases else 1


@command.command()
@click.argument("case")
@click.option("--log", "form", metavar="FORMAT", help="The log in this format, as it was captured.")
@click.option("--truth", is_flag=True, help="What user space knew.")
@click.option("--expected", is_flag=True, help="The events that oomparse makes of it.")
def show(case: str, *, form: str | None, truth: bool, expected: bool) -> None:
    """Show what is known of CASE, or one of its logs."""
    found = _case(case)
    if form is not None:
        try:
            sys.stdout.buffer.write(found.data(found.log(form)))
        except LookupError as error:
            raise click.BadParameter(str(error), param_hint="--log") from error
    elif truth:
        click.echo(json.dumps(found.truth, indent=1))
    elif expected:
        click.echo(json.dumps(found.expected(), indent=1, ensure_ascii=False))
    else:
        _describe(found)


def _describe(case: "Case") -> None:
    record = case.record
    click.echo(f"{record.name}: {record.title}")
    for title, value in (
        ("kernel", f"{record.kernel} ({record.distribution}, {record.architecture})"),
        ("scopes", ", ".join(record.scopes) or "none: there is nothing to find"),
        ("killed", str(record.kills)),
        ("origin", f"{record.origin}, {record.made}; {record.licence}"),
        ("notes", "; ".join(record.notes)),
        ("logs", "".join(f"\n  {log.format:18} {log.file}" for log in record.logs)),
    ):
        if value:
            click.echo(f"{title:8} {value}")


@command.command()
@click.argument("case")
@click.option(
    "--as", "form", metavar="FORMAT", help="How to write it; if not said, syslog-3164, and syslog-network to a socket."
)
@click.option(
    "--to", "target", metavar="TARGET", default="-", help="-, a file to append to, udp://HOST:PORT, tcp://HOST:PORT."
)
@click.option("--rate", metavar="N", type=click.FloatRange(min=0, min_open=True), help="At most N messages a second.")
@click.option("--now", "fresh", is_flag=True, help="Stamp it as if it happened now.")
@click.option("--host", metavar="NAME", default="oomlab", show_default=True, help="Whose log it is.")
@click.option("--times", metavar="N", type=click.IntRange(min=1), default=1, help="Send it N times.")
@click.option(
    "--release", metavar="RELEASE", help="In the words of this kernel, such as 3.10 or 2.6.32-431.el6.x86_64."
)
def emit(
    case: str,
    *,
    form: str | None,
    target: str,
    rate: float | None,
    fresh: bool,
    host: str,
    times: int,
    release: str | None,
) -> None:
    """Send the messages of CASE where a pipeline listens, written as any log writes them."""
    from oomparse.testing.emit import emit as send_all
    from oomparse.testing.emit import form_for, sink
    from oomparse.testing.wrap import FORMATS, Machine, machine_now, wrap

    try:
        form = form_for(target, form)
    except LookupError as error:
        raise click.BadParameter(str(error), param_hint="--as") from error
    if form not in FORMATS:
        raise click.BadParameter(f"there are {', '.join(FORMATS)}", param_hint="--as")
    found = _case(case)
    try:
        messages = found.messages(release)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--release") from error
    with sink(target) as send:
        for _ in range(times):
            machine = machine_now(messages, host=host) if fresh else Machine(host=host)
            count = send_all(wrap(messages, form, machine=machine), send, rate=rate)
    if target != "-":
        say(f"{count * times} messages sent to {target}")
