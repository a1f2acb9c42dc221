"""Writes and reads notebooks as Jupyter keeps them, with what their cells printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.cells import Notebook


def write(path: Path, title: str, parts: list[tuple[str, Notebook]]) -> None:
    """Keep notebooks that have run as one.

    Args:
        path: of the file.
        title: its heading.
        parts: each with its heading.
    """
    cells: list[dict[str, Any]] = [_text(f"# {title}")]
    count = 0
    for heading, notebook in parts:
        cells.append(_text(f"## {heading}"))
        for name in notebook.names:
            count += 1
            if " " in name:  # a sentence, and no number
                cells.append(_text(f"{name}."))
            printed = notebook.cells[name].printed
            stream = {"name": "stdout", "output_type": "stream", "text": printed.splitlines(keepends=True)}
            cells.append(
                {
                    "cell_type": "code",
                    "execution_count": count,
                    "id": f"cell-{count}",
                    "metadata": {},
                    "outputs": [stream] if printed else [],
                    "source": notebook.source(name).rstrip("\n").splitlines(keepends=True),
                }
            )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def _text(text: str) -> dict[str, Any]:
    # A name made of the text stays the same when the notebook is written anew.
    return {
        "cell_type": "markdown",
        "id": f"text-{len(text)}-{abs(hash_of(text))}",
        "metadata": {},
        "source": [text],
    }


def hash_of(text: str) -> int:
    """A number for a heading, the same in every process."""
    return sum(place * ord(char) for place, char in enumerate(text, start=1)) % 10**6


def read(path: Path) -> list[tuple[str, str]]:
    """The code cells of a file: source, and what it printed."""
    cells = json.loads(path.read_text())["cells"]
    return [
        ("".join(cell["source"]), "".join("".join(one["text"]) for one in cell["outputs"]))
        for cell in cells
        if cell["cell_type"] == "code"
    ]
