"""The further cells of the notebook of 2021: nodes in nodes, signed bytes, and a message passed on twice."""

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

NOTEBOOK = Path(__file__).with_name("nodes_2021_further.py")
EXECUTED = Path(__file__).parents[2] / "docs" / "notebooks" / "nodes_further.ipynb"
EXPECTED = Path(__file__).with_name("nodes_2021_further.expected")

# The device of the notebook, and whatever a virtual machine and a domain might be called.
_NODES = (
    "8e91e48ecbb64c918b89bab742a5b1d0",
    "fb1bb0675bb74c49becee700ab0a1514",
    "3176a99e4a1f4d35b02dcdaba6459c5e",
)
_SEEDS = (1079, 1293, 2, 3, 4, 116)
_MESSAGES = ("8c33192ccdd3f34ee2b0c60955df0275", "a9b02b25d6ce42ada60299c5fb42115d")


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    """All of it, run once, with the same ids and keys each time."""
    patch = pytest.MonkeyPatch()
    nodes, seeds, messages = iter(_NODES), iter(_SEEDS), iter(_MESSAGES)

    def born(*known: str) -> Any:
        made = new_born(*known)
        return type(made)(next(nodes), made.name, made.kind, made.side_type, made.deployed_at)

    made = SyftMessage.__init__

    def named(self: Any, address: Any, msg_id: UID | None = None) -> None:
        made(self, address, msg_id or UID.from_string(next(messages)))

    patch.setattr(node_module, "new_born", born)
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


def _expected() -> dict[str, str]:
    cells = EXPECTED.read_text().split("# %% ")[1:]
    return {name: text for name, _, text in (cell.partition("\n") for cell in cells)}


def _timeless(printed: str) -> str:
    return re.sub(r"^\[[^\]]*\]\[(\w+)\]\[logger\]\]\[\d+\] ", r"[\1] ", printed, flags=re.M)


@pytest.mark.parametrize("cell", list(_expected()))
def test_a_cell_prints_what_is_expected(notebook: Notebook, cell: str) -> None:
    assert _timeless(notebook.cells[cell].printed) == _expected()[cell]


def test_a_message_is_passed_on_as_it_was_signed(notebook: Notebook) -> None:
    """Issue 4, 2: hop by hop, by two nodes that look on and one that is meant."""
    told = notebook.cells["7"].printed
    assert told.count("Recipient Not Found") == told.count("> Forwarding") == 2
    assert told.count("> Signing with") == told.count("Auth Succeeded") == 1
    assert told.strip().endswith("VirtualMachine: Bob's VM: <UID: fb1bb0675bb74c49becee700ab0a1514>")


def test_the_executed_notebook_in_the_documents_is_this_one(notebook: Notebook) -> None:
    if os.environ.get("SYFT_WRITE_NOTEBOOKS"):
        ipynb.write(
            EXECUTED,
            "Nodes in nodes, and messages that are passed on",
            [("As its original goes on", notebook)],
        )
    kept = ipynb.read(EXECUTED)
    assert [source for source, _ in kept] == [notebook.source(name).rstrip("\n") for name in notebook.names]
    assert [_timeless(printed) for _, printed in kept] == [
        _timeless(notebook.cells[name].printed) for name in notebook.names
    ]
