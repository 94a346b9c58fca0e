"""Run the whole table: `python -m benchmarks.run`, or `--quick` for a few minutes instead of half an hour.

Generates its logs itself, fetches nothing, prints the table as it goes and writes ``RESULTS.md``.  Peers that are not
installed are named as skipped; those that are no programs are found by an option or an environment variable:

    OOMANALYSER=…/OOMAnalyser.py                 the module of github.com/CarstenGrohmann/OOMAnalyser
    CADVISOR_OOMPARSER=…/cadvisor-oomparser      what benchmarks/cadvisor/build makes of github.com/google/cadvisor
"""

import tempfile
from pathlib import Path

import click

from benchmarks.cases import CASES
from benchmarks.common import Options, installed_ripgrep
from benchmarks.generate import MEGABYTE
from benchmarks.measure import CommandError
from benchmarks.table import Row, Section, markdown, renewed, show

RESULTS = Path(__file__).with_name("RESULTS.md")
PLOT = Path(__file__).with_name("growth.svg")
_EXISTING = click.Path(exists=True, path_type=Path)


@click.command(context_settings={"show_default": True})
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--quick", is_flag=True, help="A tenth of the sizes.")
@click.option("--runs", default=5, help="Runs of each command; medians are shown.")
@click.option("--data", type=click.Path(path_type=Path), help="Keep the generated logs here for the next run.")
@click.option("--oomanalyser", type=_EXISTING, envvar="OOMANALYSER", help="OOMAnalyser.py.")
@click.option(
    "--cadvisor",
    type=_EXISTING,
    envvar="CADVISOR_OOMPARSER",
    help="A program that runs cadvisor's oomparser over the file it is given: see benchmarks/cadvisor/build.",
)
@click.option("--ripgrep", type=_EXISTING, envvar="RIPGREP", help="Where rg is not on the path.")
@click.option("--write/--no-write", default=True, help="Write RESULTS.md.")
def main(
    cases: tuple[str, ...],
    *,
    quick: bool,
    runs: int,
    data: Path | None,
    oomanalyser: Path | None,
    cadvisor: Path | None,
    ripgrep: Path | None,
    write: bool,
) -> None:
    """Measure oomparse: all CASES, or some again."""
    with tempfile.TemporaryDirectory() as scratch:
        place = data or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        scale = 1 if quick else 10
        options = Options(
            data=place,
            archive_bytes=100 * MEGABYTE * scale,
            storm_reports=1000 * scale,
            stream_bytes=[size * MEGABYTE * scale for size in (10, 100, 1000)],
            growth_bytes=[size * MEGABYTE * scale for size in (1, 10, 50, 100, 300, 1000)],
            growth_reports=[count * scale for count in (10, 100, 300, 1000)],
            growth_rows=[count * scale for count in (100, 1000, 2500, 5000)],
            interleaved=10_000 * scale,
            task_rows=5_000 * scale,
            runs=runs,
            plot=PLOT if write else None,
            oomanalyser=oomanalyser,
            cadvisor=cadvisor,
            ripgrep=ripgrep or installed_ripgrep(),
        )
        sections = []
        for name in cases or CASES:
            try:
                section = CASES[name](options)
            except CommandError as error:
                section = Section(title=name.capitalize(), rows=[Row(work=name, ours="failed")], notes=[str(error)])
            show(section)
            sections.append(section)
    if write:
        command = " ".join(("python -m benchmarks.run", *(["--quick"] if quick else []), *cases))
        results = (
            renewed(RESULTS.read_text(), sections, command=command) if cases else markdown(sections, command=command)
        )
        RESULTS.write_text(results)


if __name__ == "__main__":
    main()
