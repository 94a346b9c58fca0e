"""``oomparse gfp``: a gfp mask and its flags, for a kernel or for all."""

import re

import click

from oomparse.decode.gfp import breakpoints, decode_mask, encode, layouts

_NUMBER = re.compile(r"(?:0[xX])?[0-9a-fA-F]+")


@click.command()
@click.argument("mask")
@click.option("--kernel", metavar="RELEASE", help="What uname -r says there, or a version such as 3.10.")
def command(mask: str, kernel: str | None) -> None:
    """Translate MASK: a number such as 0x201da into flags, or flags such as 'GFP_KERNEL|__GFP_ZERO' into a number.

    The same bit means another flag in another kernel: without --kernel the answer has a line for each that differs.
    """
    if kernel is not None and not layouts(kernel):
        known = breakpoints()
        raise click.BadParameter(
            f"no gfp table for {kernel!r}; give a release such as 5.10, from {known[0]} on", param_hint="--kernel"
        )
    number = int(mask, 16) if _NUMBER.fullmatch(mask) else None
    if number is not None:
        click.echo(_names_of(number, kernel) if kernel else "\n".join(_history(number)))
        return
    if kernel is None:
        raise click.UsageError("flags have another value in each kernel: give its release with --kernel")
    click.echo(hex(encode(mask.replace(" ", "").split("|"), kernel)))


def _names_of(number: int, kernel: str) -> str:
    names = decode_mask(number, kernel)
    if names is None:
        raise click.ClickException(f"kernels called {kernel} differ in this mask; give the whole release (uname -r)")
    return "|".join(names) or "no flags"


def _history(number: int) -> list[str]:
    """Return a line for each release at which the answer changed."""
    lines: list[str] = []
    before: str | None = None
    for release in breakpoints():
        names = decode_mask(number, release)
        answer = "not certain: depends on the build" if names is None else "|".join(names) or "no flags"
        if answer != before:
            lines.append(f"since {release:<7} {answer}")
        before = answer
    return lines
