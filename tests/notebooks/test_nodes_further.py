"""The further cells of the notebook of 2021: nodes in nodes, signed bytes, and a message passed on twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cells import Notebook
from support.replay import check_executed, expected, replayed, timeless

NOTEBOOK = Path(__file__).with_name("nodes_2021_further.py")
EXPECTED = expected(Path(__file__).with_name("nodes_2021_further.expected"))

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
    with replayed(NOTEBOOK, nodes=_NODES, seeds=_SEEDS, messages=_MESSAGES) as notebook:
        yield notebook


@pytest.mark.parametrize("cell", list(EXPECTED))
def test_a_cell_prints_what_is_expected(notebook: Notebook, cell: str) -> None:
    assert timeless(notebook.cells[cell].printed) == EXPECTED[cell]


def test_a_message_is_passed_on_as_it_was_signed(notebook: Notebook) -> None:
    """Issue 4, 2: hop by hop, by two nodes that look on and one that is meant."""
    told = notebook.cells["7"].printed
    assert told.count("Recipient Not Found") == told.count("> Forwarding") == 2
    assert told.count("> Signing with") == told.count("Auth Succeeded") == 1
    assert told.strip().endswith("VirtualMachine: Bob's VM: <UID: fb1bb0675bb74c49becee700ab0a1514>")


def test_the_executed_notebook_in_the_documents_is_this_one(notebook: Notebook) -> None:
    title = "Nodes in nodes, and messages that are passed on"
    check_executed(notebook, "nodes_further.ipynb", title, "As its original goes on")
