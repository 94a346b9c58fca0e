"""Draws the railroad diagram of a line format where a page says ``{railroad} name``."""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from pyparsing import ParserElement, Regex
from pyparsing.diagram import to_railroad
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from oomparse.grammar import formats
from oomparse.grammar.format import LineFormat
from oomparse.grammar.tokens import NUMBER

STACK_FROM = 6
"""A sequence of so many elements is drawn top down, to fit the page."""


class Railroad(Directive):
    """The diagram of one format, named in the argument."""

    required_arguments = 1
    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the drawing as HTML; other builders leave it out."""
        found = [line_format for line_format in formats() if line_format.name == self.arguments[0]]
        if not found:
            raise self.error(f"no line format is called {self.arguments[0]!r}")
        html = f'<details class="railroad"><summary>Railroad diagram</summary>{draw(found[0])}</details>'
        return [nodes.raw("", html, format="html")]


def draw(line_format: LineFormat) -> str:
    """Return the diagram as one SVG element."""
    expression = line_format.expression()
    label(expression, set())
    drawn: list[str] = []
    for part in to_railroad(expression, vertical=STACK_FROM, show_results_names=True):
        part.diagram.writeSvg(drawn.append)
    return "".join(drawn)


def label(element: ParserElement, seen: set[int]) -> None:
    """Name the regular expressions by what a reader wants to know of them."""
    if id(element) in seen:
        return
    seen.add(id(element))
    if isinstance(element, Regex) and not element.customName:
        pattern = str(element.pattern).removeprefix("(?s:").removesuffix(")")
        element.set_name("number" if pattern == NUMBER else f"/{pattern}/")
    for part in element.recurse():
        label(part, seen)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directive."""
    app.add_directive("railroad", Railroad)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
