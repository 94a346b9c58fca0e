"""Draws the railroad diagram of a line format where a page says ``{railroad} name``."""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from pyparsing import And, Literal, ParserElement, Regex
from pyparsing.diagram import to_railroad
from railroad import Diagram, DiagramItem, Stack
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from oomparse.grammar import formats
from oomparse.grammar.format import LineFormat
from oomparse.grammar.tokens import NUMBER

ROW_WIDTH = 84
"""So many characters stand on a row of a diagram."""
FRAME_WIDTH = 4
"""What the frame of an element takes, in characters."""


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
    """Return the diagram as one SVG element: as many rows as fit the page."""
    expression = line_format.expression().streamline()  # a + b + c is one sequence, not two
    simplify(expression)
    elements = joined(expression.exprs) if isinstance(expression, And) else [expression]
    drawn: list[str] = []
    Diagram(Stack(*map(as_row, rows(elements)))).writeSvg(drawn.append)
    return "".join(drawn)


def joined(elements: list[ParserElement]) -> list[ParserElement]:
    """Join literals that follow each other."""
    result: list[ParserElement] = []
    for element in elements:
        if isinstance(element, Literal) and result and isinstance(result[-1], Literal):
            result[-1] = Literal(result[-1].match + element.match)
        else:
            result.append(element)
    return result


def rows(elements: list[ParserElement]) -> list[list[ParserElement]]:
    """Break a sequence where a row would grow too wide."""
    result: list[list[ParserElement]] = []
    used = ROW_WIDTH
    for element in elements:
        width = len(str(element.pattern if isinstance(element, Regex) else element)) + FRAME_WIDTH
        if used + width > ROW_WIDTH:
            result.append([])
            used = 0
        result[-1].append(element)
        used += width
    return result


def as_row(elements: list[ParserElement]) -> DiagramItem:
    """Draw a sequence on one line."""
    (part,) = to_railroad(And(elements), vertical=len(elements) + 1, show_results_names=True)
    _start, row, _end = part.diagram.items
    return row


def shorten(pattern: str) -> str:
    """Leave out the middle of a pattern that is wider than a row."""
    half = ROW_WIDTH // 2
    return pattern if len(pattern) <= ROW_WIDTH else f"{pattern[:half]} … {pattern[-half:]}"


def simplify(element: ParserElement) -> None:
    """Let the regular expressions be shown as a reader wants to see them.  The element can no longer parse."""
    if isinstance(element, Regex):
        pattern = element.re.pattern.removeprefix("(?s:").removesuffix(")")  # compiled before it becomes a mere label
        element.pattern = "number" if pattern == NUMBER else shorten(pattern)
    for part in element.recurse():
        simplify(part)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directive."""
    app.add_directive("railroad", Railroad)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
