"""The notebook of 2021, run as it is written, with the ids and keys of then: it prints what it printed then."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import syft as sy
from support import ipynb
from support.cells import Notebook
from syft.core.common.message import SyftMessage
from syft.model.identity import Identity
from syft.model.uid import UID
from syft.node import node as node_module
from syft.node.birth import new_born

NOTEBOOK = Path(__file__).with_name("nodes_2021.py")
EXECUTED = Path(__file__).parents[2] / "docs" / "notebooks" / "nodes.ipynb"
EXPECTED = Path(__file__).with_name("nodes_2021.expected")

_NODES = ("3176a99e4a1f4d35b02dcdaba6459c5e", "8e91e48ecbb64c918b89bab742a5b1d0")
# Numbers whose keys have the characters that the notebook shows: the first device's is not shown.
_SEEDS = (1, 1079, 116, 1293)
_MESSAGES = (
    "000000000000000000000000a980a910",
    "99155b5545314214b4268e08eecd1024",
    "a9b02b25d6ce42ada60299c5fb42115d",
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """The whole notebook, run once, with everything random forced to what it was."""
    patch = pytest.MonkeyPatch()
    patch.chdir(tmp_path_factory.mktemp("here"))
    nodes, seeds, messages = iter(_NODES), iter(_SEEDS), iter(_MESSAGES)

    def born(*known: str) -> Any:
        made = new_born(*known)
        return type(made)(next(nodes), made.name, made.kind, made.side_type, made.deployed_at)

    made = SyftMessage.__init__

    def named(self: Any, address: Any, msg_id: UID | None = None) -> None:
        made(self, address, msg_id or UID.from_string(next(messages)))

    patch.setattr(node_module, "new_born", born)
    patch.setattr("syft.core.node.common.node.random_name", lambda: "Festive Goldberg")
    patch.setattr(Identity, "generate", lambda: Identity.from_seed(next(seeds).to_bytes(32, "big")))
    patch.setattr(SyftMessage, "__init__", named)
    run = Notebook(NOTEBOOK)
    try:
        for name in run.names:
            run.run(name)
        yield run
    finally:
        sy.logger.remove()
        sy.logger.add(lambda line: None, level="CRITICAL")
        patch.undo()
        if hasattr(sy, "LOG_FILE"):
            del sy.LOG_FILE


def _expected() -> dict[str, str]:
    cells = EXPECTED.read_text().split("# %% ")[1:]
    return {name: text for name, _, text in (cell.partition("\n") for cell in cells)}


def _timeless(printed: str) -> str:
    return re.sub(
        r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000\]\[(\w+)\]\[logger\]\]\[\d+\] ",
        r"[\1] ",
        printed,
        flags=re.M,
    )


@pytest.mark.parametrize("cell", list(_expected()))
def test_a_cell_prints_what_it_printed_in_2021(notebook: Notebook, cell: str) -> None:
    assert _timeless(notebook.cells[cell].printed) == _expected()[cell]


def test_the_log_file_has_the_whole_story(notebook: Notebook) -> None:
    told = Path("syft_do.log").read_text()
    printed = "".join(notebook.cells[name].printed for name in notebook.names)
    lines = [line for line in printed.splitlines() if "][logger]][" in line]
    assert told.splitlines() == lines
    assert Path("syft_do.log").stat().st_mode & 0o077 == 0


def test_the_executed_notebook_in_the_documents_is_this_one(notebook: Notebook) -> None:
    if os.environ.get("SYFT_WRITE_NOTEBOOKS"):
        ipynb.write(EXECUTED, "Nodes, addresses and signed messages", [("As in 2021", notebook)])
    kept = ipynb.read(EXECUTED)
    assert [source for source, _ in kept] == [notebook.source(name).rstrip("\n") for name in notebook.names]
    assert [_timeless(printed) for _, printed in kept] == [
        _timeless(notebook.cells[name].printed) for name in notebook.names
    ]
