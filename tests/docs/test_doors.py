"""The table of doors: every name in it is there, and so is what it stands for."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

DOORS = Path(__file__).parents[2] / "docs" / "doors.md"


def _names() -> list[str]:
    rows = [line.split("|")[1:3] for line in DOORS.read_text().splitlines() if line.startswith("| `syft")]
    return sorted({name for row in rows for cell in row for name in re.findall(r"`(syft[\w.]*)`", cell)})


@pytest.mark.parametrize("name", _names())
def test_a_name_in_the_table_is_there(name: str) -> None:
    path, rest = name.split("."), []
    while True:
        try:
            found = import_module(".".join(path))
            break
        except ModuleNotFoundError:
            rest.insert(0, path.pop())
    if rest == ["LOG_FILE"]:
        return  # people set it, the logger reads it: tests/notebooks/test_nodes.py
    for one in rest:
        found = getattr(found, one)
