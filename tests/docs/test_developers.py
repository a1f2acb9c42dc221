"""What DEVELOPERS.md names is there: folders of tests, the modules and tests of each property, each catch-all."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
SOURCE = PROJECT / "src" / "syft"
TESTS = PROJECT / "tests"
TEXT = (PROJECT / "DEVELOPERS.md").read_text(encoding="utf-8")

CATCHES_ALL = {"Exception", "BaseException"}
WITHOUT_TESTS = {"support"}


def rows_of(heading: str, text: str = TEXT) -> list[list[str]]:
    """The cells of every row of the tables under a heading, down to the next one of its rank."""
    rank = "#" * (len(heading) - len(heading.lstrip("#")))
    part = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(rank)}}} |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert part is not None, f"DEVELOPERS.md has no heading `{heading}`"
    rows = [line.strip("| ").split(" | ") for line in part.group(1).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def paths_in(cell: str) -> list[str]:
    """What a cell has between backticks, up to a colon: `store/sql.py: open_store` is `store/sql.py`."""
    return [name.partition(":")[0] for name in re.findall(r"`([^`]+)`", cell)]


def complaints_about(rows: list[list[str]], source: Path, tests: Path) -> list[str]:
    """What is wrong with the rows of the properties: number, property, held by, guarded by."""
    found = []
    for number, _property, held_by, guarded_by in rows:
        for cell, folder in ((held_by, source), (guarded_by, tests)):
            named = paths_in(cell)
            if not named and "to come" not in cell and cell != "every module":
                found.append(f"{number}: `{cell}` names nothing; write a path, or `to come`")
            found += [
                f"{number}: {folder.name}/{name} does not exist"
                for name in named
                if not (folder / name).exists()
            ]
    return found


def test_each_property_names_modules_and_tests_that_exist() -> None:
    rows = [row for row in rows_of("## Security properties") if re.fullmatch(r"P\d+", row[0])]
    assert [row[0] for row in rows] == [f"P{number}" for number in range(1, len(rows) + 1)]
    assert len(rows) >= 33
    assert complaints_about(rows, SOURCE, TESTS) == []


def test_a_row_that_names_what_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.py").touch()
    table = (
        "## A\n| P1 | x | `there.py` | `gone.py` |\n| P2 | y | nobody | to come |\n## B\n| P3 | z | - | - |\n"
    )
    found = complaints_about(rows_of("## A", table), tmp_path, tmp_path)
    assert [line.partition(":")[0] for line in found] == ["P1", "P2"]


def test_each_kind_of_test_has_its_row() -> None:
    named = {name for row in rows_of("## Kinds of tests") for name in paths_in(row[0])}
    missing = sorted(name for name in named if not (PROJECT / name).exists())
    assert missing == []
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert {f"tests/{name}/" for name in folders - WITHOUT_TESTS} <= named


def catch_alls(tree: ast.AST, name: str = "") -> Iterator[tuple[str, bool]]:
    """Each handler that catches everything: the function it is in, and whether it raises again."""
    for node in ast.iter_child_nodes(tree):
        inner = name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{name}.{node.name}".lstrip(".")
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or ast.unparse(kind) in CATCHES_ALL for kind in kinds):
                again = any(isinstance(step, ast.Raise) and step.exc is None for step in node.body)
                yield name, again
        yield from catch_alls(node, inner)


def test_catch_alls_are_read_as_they_should() -> None:
    source = """
class A:
    def f(self):
        try: ...
        except (ValueError, BaseException):
            raise
def g():
    try: ...
    except: ...
    try: ...
    except ValueError: ...
"""
    assert list(catch_alls(ast.parse(source))) == [("A.f", True), ("g", False)]


def test_every_place_that_catches_everything_is_listed_with_its_reason() -> None:
    there: Counter[tuple[str, str]] = Counter()
    for path in sorted(SOURCE.rglob("*.py")):
        module = str(path.relative_to(SOURCE))
        for function, again in catch_alls(ast.parse(path.read_text(encoding="utf-8"))):
            there[f"{module}: {function}", "raises again" if again else "ends here"] += 1
    rows = [row for row in rows_of("## Where everything is caught") if row[0].startswith("`")]
    listed = Counter((row[0].strip("`"), row[1]) for row in rows)
    assert listed == there, "list each place that catches everything in DEVELOPERS.md, or catch less"
    assert [row[0] for row in rows if not row[2]] == []
