"""The notebook of 2021, run as it is written, with the ids and keys of then: it prints what it printed then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import syft as sy
from support.cells import Notebook
from support.replay import check_executed, expected, replayed, timeless

NOTEBOOK = Path(__file__).with_name("nodes_2021.py")
EXPECTED = expected(Path(__file__).with_name("nodes_2021.expected"))

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
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        try:
            with replayed(
                NOTEBOOK, nodes=_NODES, seeds=_SEEDS, messages=_MESSAGES, name="Festive Goldberg"
            ) as notebook:
                yield notebook
        finally:
            if hasattr(sy, "LOG_FILE"):
                del sy.LOG_FILE


@pytest.mark.parametrize("cell", list(EXPECTED))
def test_a_cell_prints_what_it_printed_in_2021(notebook: Notebook, cell: str) -> None:
    assert timeless(notebook.cells[cell].printed) == EXPECTED[cell]


def test_the_log_file_has_the_whole_story(notebook: Notebook) -> None:
    told = Path("syft_do.log").read_text()
    printed = "".join(notebook.cells[name].printed for name in notebook.names)
    lines = [line for line in printed.splitlines() if "][logger]][" in line]
    assert told.splitlines() == lines
    assert Path("syft_do.log").stat().st_mode & 0o077 == 0


def test_the_executed_notebook_in_the_documents_is_this_one(notebook: Notebook) -> None:
    check_executed(notebook, "nodes.ipynb", "Nodes, addresses and signed messages", "As in 2021")
