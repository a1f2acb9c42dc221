"""Every module says what it is for, and stands in docs/ARCHITECTURE.md; its layers are the enforced ones."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
SOURCE = PROJECT / "src" / "syft"
ARCHITECTURE = PROJECT / "docs" / "ARCHITECTURE.md"
MODULES = sorted(SOURCE.rglob("*.py"))

# A line of the tree block: some spaces, names ending in `.py`, `/` or `/*`, two spaces, their purpose.
ENTRY = re.compile(
    r"^(?P<indent> *)(?P<names>[\w/]+(?:\.py|/\*?)(?: [\w/]+(?:\.py|/\*?))*)(?: {2,}(?P<about>.*))?$"
)


def first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def read_tree(text: str) -> tuple[list[str], set[str]]:
    """The files that the tree block names, and the folders it names as wholes with `/*`.

    A name stands under the folder that is above it and less indented. Lines that name nothing are prose.
    """
    block = re.search(r"^```\nsrc/syft/\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert block is not None, "docs/ARCHITECTURE.md has no block that begins with the line `src/syft/`"
    files: list[str] = []
    wholes: set[str] = set()
    above: list[tuple[int, str]] = []
    for line in block.group(1).splitlines():
        entry = ENTRY.match(line)
        if entry is None:
            continue
        indent = len(entry["indent"])
        above = [(depth, folder) for depth, folder in above if depth < indent]
        parent = above[-1][1] if above else ""
        for name in entry["names"].split(" "):
            if name.endswith("/*"):
                wholes.add(parent + name.removesuffix("*"))
            elif name.endswith("/"):
                above.append((indent, parent + name))
            else:
                files.append(parent + name)
    return files, wholes


def test_the_reader_of_the_tree_reads_what_it_should() -> None:
    text = """
```
src/syft/
  __init__.py           the names

  A HEADING
  wire/                 bytes                                            [4]
    codec.py types.py   values to bytes
                        and back, see errors.py in prose
  transport/base.py     one line, one file
  store/
    migrations/*        opaque
    deep/
      one.py
  errors.py
```
"""
    files, wholes = read_tree(text)
    assert files == [
        "__init__.py",
        "wire/codec.py",
        "wire/types.py",
        "transport/base.py",
        "store/deep/one.py",
        "errors.py",
    ]
    assert wholes == {"store/migrations/"}


def test_the_tree_in_the_docs_is_the_tree_in_the_source() -> None:
    named, wholes = read_tree(ARCHITECTURE.read_text(encoding="utf-8"))
    there = {
        str(path.relative_to(SOURCE)): path
        for path in MODULES
        if path.name != "__init__.py" or path.parent == SOURCE
    }
    missing = sorted(
        name for name in there if name not in named and not any(name.startswith(whole) for whole in wholes)
    )
    gone = sorted(name for name in named if name not in there)
    complaints = [f"add {name:<28} {first_line(there[name])}" for name in missing]
    complaints += [f"take out {name}, which is not in src/syft" for name in gone]
    complaints += [f"{name} stands there twice" for name, times in Counter(named).items() if times > 1]
    assert not complaints, "in the tree of docs/ARCHITECTURE.md:\n  " + "\n  ".join(complaints)


def test_the_layers_in_the_docs_are_the_layers_in_the_test() -> None:
    tree = ast.parse((PROJECT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    (value,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS"
    )
    enforced: dict[int, set[str]] = {}
    for name, layer in ast.literal_eval(value).items():
        enforced.setdefault(layer, set()).add(name)
    rows = re.findall(r"^\| *(\d+) *\| *(.*?) *\|", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE)
    written = {int(layer): set(re.findall(r"`([^`]+)`", names)) for layer, names in rows}
    assert written == enforced


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_says_in_one_line_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line, _, rest = docstring.partition("\n")
    where = f"{path.relative_to(PROJECT)}:1: "
    assert docstring, where + "no docstring; write one line that completes `this module ...`"
    assert line.endswith("."), where + "the first line of the docstring is not a sentence on one line"
    assert len(line.split()) >= 3, where + "the first line of the docstring says nothing"
    assert not rest or rest.startswith("\n"), where + "leave the line after the docstring's first one empty"
