"""Archived logs to measure on: rare reports among noise, or a storm of reports.

Turns a plan (size, reports, seed, transport) into the bytes of a log, the same bytes for the same plan, as a stream of
blocks that never holds more than a block; and writes them plain, gzipped or as a rotated set.

    python -m benchmarks.generate --size 1G -o kern.log
    python -m benchmarks.generate --storm 10000 -o storm.log
    python -m benchmarks.generate --size 1G --rotated 20 -o logs/kern.log
    python -m benchmarks.generate --size 10G -o - | oomparse -
"""

import gzip
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal, cast

import click

from benchmarks import noise, reports

MEGABYTE = 1_000_000
REPORT_EVERY = 50 * MEGABYTE
LINES_PER_SECOND = 40
BLOCK_SECONDS = 10
POOL_LINES = 20_000
START = datetime(2024, 1, 8, 6, 25, 1, tzinfo=UTC)

TransportName = Literal["rfc3164", "iso"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a generated log holds; equal plans give equal bytes."""

    size: int = 0
    """Bytes of noise and rare reports; the last line may pass it."""
    report_every: int = REPORT_EVERY
    """A report about every so many bytes; 0 for none."""
    storm: int = 0
    """Reports back to back, and no noise."""
    tasks: int = 100
    """Rows of each task dump."""
    transport: TransportName = "rfc3164"
    hosts: int = 1
    daemons: bool = False
    """Lines of user space too: a syslog, where the default is a kern.log."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, for the table and to check answers against."""

    bytes: int
    reports: int


class _Carrier:
    """Puts stamp, host and tag before a message."""

    def __init__(self, transport: TransportName, hosts: int) -> None:
        self._iso = transport == "iso"
        self._hosts = ["web-01"] if hosts == 1 else [f"node-{number:03d}" for number in range(hosts)]

    def heads(self, second: int) -> list[str]:
        """Return each host's prefix in one second of the log, up to where the fraction of a second goes."""
        when = START + timedelta(seconds=second)
        if self._iso:
            return [f"{when:%Y-%m-%dT%H:%M:%S}." for _ in self._hosts]
        return [
            f"{when:%b} {when.day:2d} {when:%H:%M:%S} {host} kernel: [{86_400 + second:5d}." for host in self._hosts
        ]

    def tails(self) -> list[str]:
        """Return what follows the six digits of the fraction."""
        if self._iso:
            return [f"+00:00 {host} kernel: " for host in self._hosts]
        return ["] " for _ in self._hosts]

    def user_line(self, head: str, tail: str, micro: int, text: str) -> str:
        """Return a line of user space, which has its own tag and no stamp of the kernel's."""
        if self._iso:
            return f"{head}{micro:06d}{tail.removesuffix('kernel: ')}{text}\n"
        return f"{head[: head.index(' kernel: [')]} {text}\n"


def blocks(plan: Plan) -> Iterator[tuple[bytes, int]]:
    """Yield the log as blocks of bytes, each with the number of reports that begin in it."""
    return _storm(plan) if plan.storm else _archive(plan)


def _archive(plan: Plan) -> Iterator[tuple[bytes, int]]:
    rng = random.Random(plan.seed)
    kernel_lines = noise.pool(noise.KERNEL_SHAPES, POOL_LINES, rng)
    daemon_lines = noise.pool(noise.DAEMON_SHAPES, POOL_LINES, rng) if plan.daemons else []
    carrier = _Carrier(plan.transport, plan.hosts)
    written = second = 0
    next_report = plan.report_every // 2 if plan.report_every else plan.size + 1
    while written < plan.size:
        lines: list[str] = []
        due = written >= next_report
        for _ in range(BLOCK_SECONDS):
            lines.extend(_second_of_noise(carrier, second, kernel_lines, daemon_lines, rng))
            second += 1
        if due:
            lines.extend(_report_lines(plan, carrier, second, reports.GENERATIONS, rng))
            next_report += plan.report_every
        block = "".join(lines).encode()
        written += len(block)
        yield block, int(due)


def _second_of_noise(
    carrier: _Carrier, second: int, kernel: list[str], daemons: list[str], rng: random.Random
) -> list[str]:
    at = rng.randrange(len(carrier.tails()))
    head, tail = carrier.heads(second)[at], carrier.tails()[at]
    step = 1_000_000 // LINES_PER_SECOND
    micros = range(rng.randrange(step), 1_000_000, step)
    lines = [
        f"{head}{micro:06d}{tail}{text}\n"
        for micro, text in zip(micros, rng.choices(kernel, k=len(micros)), strict=True)
    ]
    if not daemons:
        return lines
    both = []
    for micro, line, text in zip(micros, lines, rng.choices(daemons, k=len(micros)), strict=True):
        both += [line, carrier.user_line(head, tail, micro + step // 2, text)]
    return both


def _report_lines(
    plan: Plan, carrier: _Carrier, second: int, among: Sequence[reports.Generation], rng: random.Random
) -> Iterator[str]:
    at = rng.randrange(plan.hosts)
    head, tail = carrier.heads(second)[at], carrier.tails()[at]
    micro = rng.randrange(500_000)
    generation = rng.choice(among)
    for record in reports.report(generation, memcg=rng.random() < 0.5, tasks=plan.tasks, rng=rng):
        micro += rng.randrange(8, 120)
        for line in record.split("\n"):
            yield f"{head}{micro:06d}{tail}{line}\n"


def _storm(plan: Plan) -> Iterator[tuple[bytes, int]]:
    rng = random.Random(plan.seed)
    carrier = _Carrier(plan.transport, plan.hosts)
    for second in range(plan.storm):
        yield "".join(_report_lines(plan, carrier, second, reports.MODERN, rng)).encode(), 1


def write(plan: Plan, out: BinaryIO) -> Written:
    """Write the log to an open file."""
    size = count = 0
    for block, begun in blocks(plan):
        out.write(block)
        size += len(block)
        count += begun
    return Written(size, count)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed:
                yield cast("BinaryIO", packed)
        else:
            yield raw


def write_file(plan: Plan, path: Path) -> Written:
    """Write the log to ``path``, gzipped as logrotate does (level 6) where the name ends in ``.gz``."""
    with _opened(path) as out:
        return write(plan, out)


def write_rotated(plan: Plan, path: Path, count: int) -> Written:
    """Cut the log into a set as logrotate leaves it: ``path`` the newest, ``path.1``, and gzipped ``path.2.gz`` on."""
    stream = blocks(plan)
    size = begun = 0
    for number in reversed(range(count)):
        suffix = ("", ".1")[number] if number < 2 else f".{number}.gz"
        with _opened(path.with_name(path.name + suffix)) as out:
            end = plan.size * (count - number) // count if number else plan.size
            while size < end:
                block, reports_begun = next(stream)
                out.write(block)
                size += len(block)
                begun += reports_begun
    return Written(size, begun)


def parse_size(text: str) -> int:
    """Turn ``100M`` or ``1G`` (powers of ten) into bytes."""
    units = {"k": 10**3, "M": 10**6, "G": 10**9}
    return int(float(text[:-1]) * units[text[-1]]) if text[-1:] in units else int(text)


@click.command(context_settings={"show_default": True})
@click.option("--size", default="100M", help="Bytes to write, such as 10M or 1G; a storm has its own size.")
@click.option("--report-every", default="50M", help="A report about every so many bytes; 0 for none.")
@click.option("--storm", default=0, help="Write so many reports back to back instead.")
@click.option("--tasks", default=100, help="Rows of each task dump.")
@click.option("--transport", type=click.Choice(["rfc3164", "iso"]), default="rfc3164")
@click.option("--hosts", default=1)
@click.option("--daemons", is_flag=True, help="Lines of user space too.")
@click.option("--seed", default=1)
@click.option("--rotated", default=0, help="Write a rotated set of so many files.")
@click.option("-o", "--output", required=True, help="A path (gzipped where it ends in .gz), or - for standard output.")
def main(size: str, report_every: str, rotated: int, output: str, **options: object) -> None:
    """Write a log to measure on."""
    plan = Plan(size=parse_size(size), report_every=parse_size(report_every), **options)  # type: ignore[arg-type]  # click has checked them
    if output == "-":
        done = write(plan, sys.stdout.buffer)
    elif rotated:
        done = write_rotated(plan, Path(output), rotated)
    else:
        done = write_file(plan, Path(output))
    print(f"{done.bytes:,} bytes, {done.reports} reports", file=sys.stderr)


if __name__ == "__main__":
    main()
