"""Runs a file of notebook cells as a notebook would: one namespace, each cell's last expression is its value."""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cell:
    """What a cell printed, and the value of its last expression."""

    printed: str
    value: Any


class Notebook:
    """The cells of a file, divided by lines that begin with `# %% ` and go on with the cell's name."""

    def __init__(self, path: Path) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__notebook__"}
        self.cells: dict[str, Cell] = {}
        self._sources: dict[str, str] = {}
        # One for all cells, as in a notebook: what a cell hands out (to a logger, say) the next still writes to.
        self._screen = io.StringIO()
        for part in path.read_text().split("# %% ")[1:]:
            name, _, source = part.partition("\n")
            assert name not in self._sources, f"two cells are named {name}"
            self._sources[name] = source

    @property
    def names(self) -> list[str]:
        return list(self._sources)

    def source(self, name: str) -> str:
        """The text of a cell."""
        return self._sources[name]

    def run(self, name: str) -> Cell:
        """Run one cell. Its source is where `inspect` finds it, as IPython arranges too."""
        source = self._sources[name]
        filename = f"<cell {name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        before, value = self._screen.tell(), None
        with contextlib.redirect_stdout(self._screen), contextlib.redirect_stderr(self._screen):
            exec(compile(tree, filename, "exec"), self.namespace)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), filename, "eval"), self.namespace)
        self.cells[name] = Cell(self._screen.getvalue()[before:], value)
        return self.cells[name]
