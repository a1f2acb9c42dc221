"""docs/threats.md names a test for every act of sections 1 and 2, and every test that it names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
TESTS = PROJECT / "tests"
TEXT = (PROJECT / "docs" / "threats.md").read_text(encoding="utf-8")
# Both sections, each part by its number.
PARTS = [f"1.{number}" for number in range(1, 9)] + [f"2.{number}" for number in range(1, 8)]
# Files that need not be there yet, since what they try is being built; those that are, are looked into. To be emptied.
TO_COME: frozenset[str] = frozenset()


def acts(text: str = TEXT) -> dict[str, list[tuple[str, str, list[str]]]]:
    """By part: each act, what comes of it, and what tries it."""
    found: dict[str, list[tuple[str, str, list[str]]]] = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        number = part.split()[0]
        rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
        assert rows[0] == ["act", "what comes of it", "tried by"], number
        for row in rows[1:]:
            assert len(row) == 3, row
            act, answer, tried_by = (cell.strip() for cell in row)
            found.setdefault(number, []).append((act, answer, re.findall(r"`([^`]+)`", tried_by)))
    return found


@cache
def names_of_tests(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def complaints(text: str = TEXT, to_come: Collection[str] = frozenset(TO_COME)) -> list[str]:
    """What is wrong with the page."""
    found = []
    for number, rows in acts(text).items():
        for act, answer, tried_by in rows:
            if not (act and answer and tried_by):
                found.append(f"{number}: '{act}' has no answer, or nobody tries it")
            for name in tried_by:
                file, _, test = name.partition("::")
                if not test:
                    found.append(f"{number}: '{act}' names the file {file}, and no test in it")
                elif not (TESTS / file).exists():
                    if file not in to_come:
                        found.append(f"{number}: there is no {file}")
                elif not test.startswith("test_") or test not in names_of_tests(TESTS / file):
                    found.append(f"{number}: {file} has no {test}")
    return found


def test_every_part_is_there_and_has_acts() -> None:
    assert list(acts()) == PARTS
    assert sum(map(len, acts().values())) > 120


def test_every_act_has_a_test_that_is_there() -> None:
    assert complaints() == []


def test_what_is_there_is_not_to_come() -> None:
    assert not [file for file in TO_COME if (TESTS / file).exists()], "take them off the list"


def test_a_page_that_names_what_is_not_there_is_found() -> None:
    head = "### 1.1 x\n\n| act | what comes of it | tried by |\n|---|---|---|\n"
    good = "docs/test_threats.py::test_every_part_is_there_and_has_acts"
    for cell, complaint in (
        (f"`{good}`", []),
        ("nobody", ["nobody tries it"]),
        ("`docs/test_threats.py`", ["and no test in it"]),
        ("`docs/test_gone.py::test_x`", ["there is no docs/test_gone.py"]),
        ("`docs/test_threats.py::test_gone`", ["has no test_gone"]),
        ("`docs/test_threats.py::acts`", ["has no acts"]),
        (f"`{good}`, `docs/test_gone.py::test_x`", ["there is no"]),
    ):
        found = complaints(f"{head}| a | b | {cell} |\n")
        assert len(found) == len(complaint), found
        assert all(wanted in one for wanted, one in zip(complaint, found, strict=True))
