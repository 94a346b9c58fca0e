"""Write the pages that come out of the code: the grammar, the event tree, the issue catalogue.

``python docs/generate.py`` (``make generate``) writes them; with ``--check`` it writes nothing, names the pages that
are stale and ends with status 1.  A test runs the check, so a page and the code it describes cannot part.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path
from types import ModuleType

import click

from oomparse import errors, message, model, sections
from oomparse.errors import IssueCode, printable
from oomparse.grammar import formats
from oomparse.grammar.dispatch import compiled
from oomparse.grammar.format import LineFormat, Section
from oomparse.transports import Transport, transports

DOCS = Path(__file__).parent
MARK = "<!-- Written by docs/generate.py from the code; edit that, then run `make generate`. -->\n"


# What the pages say


def grammar_page() -> str:
    """Describe every format of the registry, section by section."""
    found = formats()
    lines = [
        MARK,
        "# Every line that oomparse knows\n",
        f"{len(found)} formats, in the order of a report.  Each is one `LineFormat` in `oomparse/grammar/`; its samples"
        " are at once its tests and what is shown here.  A format that is marked tolerant is tried last: it takes what"
        " is cut, or newer than this version, and its line counts as damaged or unknown.\n",
        "How to add one: see CONTRIBUTING.\n",
    ]
    order = list(Section)
    members = attribute_docs(Section)
    by_section = sorted(found, key=lambda line_format: order.index(line_format.section))
    for section, group in groupby(by_section, key=lambda line_format: line_format.section):
        lines.append(f"## {section.value}\n")
        if section.name in members:
            lines.append(f"{members[section.name]}\n")
        for line_format in group:
            lines += format_entry(line_format)
    return "\n".join(lines)


def format_entry(line_format: LineFormat) -> Iterator[str]:
    """Describe one format."""
    yield f"### {line_format.name}\n"
    yield fence(line_format.printf)
    kernels = f"{line_format.since} to {line_format.until}" if line_format.until else f"since {line_format.since}"
    if line_format.distros:
        kernels += f"; also {', '.join(line_format.distros)}"
    place = "at the start" if line_format.starts else "anywhere"
    yield f"- Kernels: {kernels}"
    yield f"- Printed by: `{line_format.printed_by}`"
    yield f"- Tried where this stands {place}: {code(line_format.trigger)}" + (
        " (tolerant)" if line_format.tolerant else ""
    )
    yield ""
    for sample in line_format.samples:
        yield fence(printable(sample).replace(r"\x0a", "\n"))
        yield f"gives {code(typed(line_format, sample))}\n"
    yield f"```{{railroad}} {line_format.name}\n```\n"


def typed(line_format: LineFormat, sample: str) -> str:
    """Return the typed line of a sample, without the fields that the kernel did not print."""
    found = compiled(line_format).match(sample)
    if found is None:
        raise SystemExit(f"{line_format.name}: the format does not take its own sample {sample!r}")
    line = line_format.build(found.groupdict())
    values = ((field, getattr(line, field.name)) for field in fields(line))
    shown = [f"{field.name}={value!r}" for field, value in values if value is not None and value != field.default]
    return f"{type(line).__name__}({', '.join(shown)})"


def model_page() -> str:
    """Describe the event and everything under it, from the classes."""
    parts = reachable(model.OomEvent)
    lines = [
        MARK,
        "# The event\n",
        "The tree of an event, field by field.  In JSON the names are the same, enums are their strings, times are"
        " RFC 3339, and what is `None` in Python is `null`.  `None` means that this kernel did not print it, never"
        " zero.  The unit stands in the name: `_kb` is the kernel's kB (1,024 bytes).\n",
        "Schema: `"
        + model.EVENT_SCHEMA
        + "`.  Fields that are parsed when first asked for: "
        + ", ".join(f"`{name}`" for name in model.LAZY_FIELDS)
        + ".\n",
    ]
    for part in parts:
        lines += class_entry(part, {other.__name__ for other in parts})
    return "\n".join(lines)


def messages_page() -> str:
    """Describe what travels between transports and assembler."""
    lines = [
        MARK,
        "# The message\n",
        "What a transport makes of a record and the assembler turns into events.  Build these yourself to feed an"
        " `Assembler` from a source of your own.\n",
    ]
    lines += class_entry(message.Message, set())
    return "\n".join(lines)


def errors_page() -> str:
    """Describe what can go wrong."""
    docs = attribute_docs(IssueCode)
    lines = [
        MARK,
        "# Errors and issues\n",
        "Bad text never raises in the default mode.  What an event lacks, or what had to be assumed to build it, stands"
        " in its `issues`; each has a `code`, a `detail` and the `line` of the source.\n",
        "## Issues\n",
        "| code | meaning |\n| --- | --- |",
    ]
    lines += [f"| `{code_.value}` | {docs[code_.name]} |" for code_ in IssueCode]
    lines += ["", "## Exceptions\n"]
    for exception in (errors.OomparseError, errors.LineSyntaxError, errors.SourceError):
        base = ", ".join(f"`{parent.__name__}`" for parent in exception.__bases__)
        lines += [f"### {exception.__name__}\n", f"A {base}.\n", f"{prose(exception)}\n"]
    return "\n".join(lines)


def transports_page() -> str:
    """Describe what logs look like, from the registry of transports and their samples."""
    found = transports()
    lines = [
        MARK,
        "# What it reads\n",
        "A transport is what a record looks like: a line of dmesg, of syslog, of `/dev/kmsg`.  Which one a line belongs"
        " to is told line by line, so a log may change its format midway; `transport=` (`--transport`) names one"
        " instead.  Whatever nobody knows is read as bare text.  Adding one: see CONTRIBUTING.\n",
        "| name | what it is |\n| --- | --- |",
    ]
    lines += [f"| [`{one.name}`](#{anchor(one)}) | {summary(type(one))} |" for one in found]
    lines.append("")
    for module in dict.fromkeys(map(module_of, found)):
        lines += transport_entry(module, [one for one in found if module_of(one) is module])
    return "\n".join(lines)


def commands_page() -> str:
    """Describe every command and its options, from the command line itself."""
    from oomparse.cli import app

    lines = [
        MARK,
        "# Commands and options\n",
        "`oomparse FILE` means `oomparse parse FILE`.  Every command has `--help`.\n",
    ]
    context = click.Context(app, info_name="oomparse")
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        lines += command_entry(command, click.Context(command, info_name=name, parent=context))
    return "\n".join(lines)


def command_entry(command: click.Command, context: click.Context) -> Iterator[str]:
    """Describe a command, and the commands under it."""
    depth = context.command_path.count(" ") + 1
    yield f"{'#' * depth} {context.command_path}\n"
    yield fence(" ".join([context.command_path, *command.collect_usage_pieces(context)]))
    yield f"{inspect.cleandoc(command.help or '')}\n"
    options = [one for one in command.get_params(context) if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield "| option | |\n| --- | --- |"
        yield from (f"| {option_names(one)} | {option_help(one)} |" for one in options if "--help" not in one.opts)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            assert part is not None
            yield from command_entry(part, click.Context(part, info_name=name, parent=context))


def option_names(option: click.Option) -> str:
    """Return how an option is written."""
    value = ""
    if not option.is_flag and not option.count:
        choices = option.type.choices if isinstance(option.type, click.Choice) else ()
        value = " " + (option.metavar or "\\|".join(map(str, choices)) or option.type.name.partition(" ")[0].upper())
    return ", ".join(f"`{name}{value}`" for name in [*option.opts, *option.secondary_opts])


def option_help(option: click.Option) -> str:
    """Return what an option does, and its default where that is shown."""
    default = f"  Default: `{option.default}`." if option.show_default and option.default is not None else ""
    said = (option.help or "").replace("|", "\\|")
    return f"{said}{default}".strip()


def transport_entry(module: ModuleType, members: list[Transport]) -> Iterator[str]:
    """Describe the transports of one module."""
    yield f"## {module.__name__.rpartition('.')[2].replace('_', '-')}\n"
    yield f"{prose(module)}\n"
    for one in members:
        for sample in one.samples:
            shown = [printable(data.decode("utf-8", "surrogateescape")) for data in sample.lines]
            yield f"`{one.name}`:\n"
            yield fence("\n".join(shown))


def anchor(one: Transport) -> str:
    """Return the anchor of the section that describes a transport."""
    return module_of(one).__name__.rpartition(".")[2].replace("_", "-")


def module_of(one: Transport) -> ModuleType:
    """Return the module that holds a transport."""
    return sys.modules[type(one).__module__]


def summary(thing: object) -> str:
    """Return the first sentence of a docstring."""
    return " ".join(prose(thing).partition("\n\n")[0].split())


PAGES: dict[str, Callable[[], str]] = {
    "grammar.md": grammar_page,
    "model.md": model_page,
    "message.md": messages_page,
    "errors.md": errors_page,
    "transports.md": transports_page,
    "commands.md": commands_page,
}


# How they say it


def class_entry(part: type, here: set[str]) -> Iterator[str]:
    """Describe a dataclass or an enum; ``here`` names the classes that the same page describes."""
    yield f"## {part.__name__}\n"
    # A dataclass without a docstring of its own gets its signature as one.
    if part.__doc__ and not part.__doc__.startswith(f"{part.__name__}("):
        yield f"{prose(part)}\n"
    docs = attribute_docs(part)
    if issubclass(part, Enum):
        yield "| value | meaning |\n| --- | --- |"
        for member in part:
            yield f"| `{member.value}` | {docs.get(member.name, '')} |"
    elif is_dataclass(part):
        annotations = attribute_types(part)
        yield "| field | type | default | meaning |\n| --- | --- | --- | --- |"
        for field in fields(part):
            if field.default is not MISSING:
                default = f"`{field.default!s}`" if isinstance(field.default, Enum) else f"`{field.default!r}`"
            else:
                default = "" if field.default_factory is MISSING else "empty"
            written = annotations[field.name]
            kind = code(written.replace("|", "\\|"))
            target = next((name for name in names_in(written) if name in here), None)
            if target is not None:
                kind = f"[{kind}](#{target.lower()})"
            yield f"| `{field.name}` | {kind} | {default} | {docs.get(field.name, '')} |"
    for name, attribute in vars(part).items():
        if not name.startswith("_") and (
            inspect.isfunction(attribute) or isinstance(attribute, property | classmethod)
        ):
            yield from method_entry(name, attribute)
    yield ""


def method_entry(name: str, attribute: object) -> Iterator[str]:
    """Describe what can be asked of an object beside its fields."""
    if isinstance(attribute, property):
        yield f"\n`.{name}`\n: {prose(attribute)}"
    elif inspect.isfunction(attribute) and attribute.__doc__:
        names = list(inspect.signature(attribute).parameters.values())[1:]
        yield f"\n`.{name}({', '.join(str(parameter) for parameter in names)})`\n: {prose(attribute)}"


def reachable(root: type) -> list[type]:
    """Return the classes of the model that a field of ``root`` can lead to, in the order of the fields."""
    known = {
        name: part
        for module in (model, sections, errors)
        for name, part in vars(module).items()
        if inspect.isclass(part) and part.__module__ == module.__name__
    }
    found: list[type] = []

    def visit(part: type) -> None:
        if part in found:
            return
        found.append(part)
        if issubclass(part, tuple):
            visit(sections.TaskRow)
        if is_dataclass(part):
            for text in attribute_types(part).values():
                for name in names_in(text):
                    if name in known:
                        visit(known[name])

    visit(root)
    return found


def body(part: type) -> Iterable[ast.stmt]:
    """Return the statements of a class's source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    definition = tree.body[0]
    assert isinstance(definition, ast.ClassDef)
    return definition.body


def attribute_docs(part: type) -> dict[str, str]:
    """Return the strings that stand under the attributes of a class."""
    docs: dict[str, str] = {}
    name: str | None = None
    for statement in body(part):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=target)) | ast.Assign(targets=[ast.Name(id=target)]):
                name = target
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                docs[name] = " ".join(text.split())
                name = None
            case _:
                name = None
    return docs


def attribute_types(part: type) -> dict[str, str]:
    """Return the annotations of a class as they are written."""
    return {
        statement.target.id: ast.unparse(statement.annotation)
        for statement in body(part)
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def names_in(annotation: str) -> list[str]:
    """Return the names that an annotation speaks of."""
    return [node.id for node in ast.walk(ast.parse(annotation)) if isinstance(node, ast.Name)]


def prose(thing: object) -> str:
    """Return a docstring as Markdown (ours use code quotes that both languages understand)."""
    return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def code(text: str) -> str:
    """Quote ``text`` as code, whatever stands in it."""
    quote = "``" if "`" in text else "`"
    pad = " " if text.startswith((" ", "`")) or text.endswith((" ", "`")) else ""
    return f"{quote}{pad}{text}{pad}{quote}"


def fence(text: str) -> str:
    """Set ``text`` apart as it stands."""
    return f"```text\n{text}\n```\n"


def stale() -> list[str]:
    """Return the names of pages that do not say what the code says."""
    return [
        name
        for name, page in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != page()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    old = stale()
    if arguments == ["--check"]:
        for name in old:
            print(f"docs/{name} is stale: run `make generate`")
        return 1 if old else 0
    for name in old:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
