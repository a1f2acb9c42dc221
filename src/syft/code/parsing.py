"""This module parses strangers' source, and refuses first what Python's parser takes minutes for.

While the parser works, nothing else in the process does: a server would not answer anybody.
"""

from __future__ import annotations

import ast
import re
from typing import Final

# For each dot in the name of a module the parser copies all that came before it.
DOTS_MAX: Final = 100
# Up to Python 3.11, each field of a formatted string is looked for from the beginning of the string.
FIELDS_MAX: Final = 5_000

_DOTTED: Final = re.compile(r"(?:\.[\s\\]*\w+[\s\\]*)+")
_FORMATTED: Final = re.compile(r"""[fF][rR]?["']""")


def parse(source: str) -> ast.Module:
    """The source as a tree.

    Raises:
        SyntaxError: it does not parse, or would take too long to.
        ValueError: it is not text that Python can read.
        RecursionError, MemoryError: it is nested too deeply.
    """
    # Elsewhere the parser does not mind such a chain.
    for chain in _DOTTED.finditer(source) if "import" in source else ():
        if chain[0].count(".") > DOTS_MAX:
            raise SyntaxError(
                f"more than {DOTS_MAX} names with dots between them", _at(source, chain.start())
            )
    if source.count("{") > FIELDS_MAX and (found := _FORMATTED.search(source)):
        raise SyntaxError(
            f"formatted strings in a source with more than {FIELDS_MAX} braces", _at(source, found.start())
        )
    return ast.parse(source)


def _at(source: str, place: int) -> tuple[str, int, None, None]:
    """Where that is, as a `SyntaxError` tells it."""
    return "<unknown>", source.count("\n", 0, place) + 1, None, None


def lines_inside_texts(node: ast.AST) -> set[int]:
    """Lines that begin inside a text of several lines: taking their indentation off would change the text."""
    inside: set[int] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Constant | ast.JoinedStr) and one.end_lineno is not None:
            inside.update(range(one.lineno + 1, one.end_lineno + 1))
    return inside
