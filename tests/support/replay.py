"""Runs a notebook of 2021 with the ids and keys of then, and says what it is to print."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

_EXECUTED = Path(__file__).parents[2] / "docs" / "notebooks"


@contextmanager
def replayed(
    path: Path, *, nodes: Sequence[str], seeds: Sequence[int], messages: Sequence[str], name: str = ""
) -> Iterator[Notebook]:
    """All cells, run once, with everything random forced.

    Args:
        path: of the cells.
        nodes: UIDs of the nodes, in the order in which they are made.
        seeds: of the keys, as numbers, likewise.
        messages: UIDs of the messages, likewise.
        name: of nodes that are given none; random where left out.
    """
    patch = pytest.MonkeyPatch()
    next_node, next_seed, next_message = iter(nodes), iter(seeds), iter(messages)

    def born(*known: str) -> Any:
        made = new_born(*known)
        return type(made)(next(next_node), made.name, made.kind, made.side_type, made.deployed_at)

    made = SyftMessage.__init__

    def named(self: Any, address: Any, msg_id: UID | None = None) -> None:
        made(self, address, msg_id or UID.from_string(next(next_message)))

    patch.setattr(node_module, "new_born", born)
    patch.setattr(Identity, "generate", lambda: Identity.from_seed(next(next_seed).to_bytes(32, "big")))
    patch.setattr(SyftMessage, "__init__", named)
    if name:
        patch.setattr("syft.core.node.common.node.random_name", lambda: name)
    notebook = Notebook(path)
    try:
        for cell in notebook.names:
            notebook.run(cell)
        yield notebook
    finally:
        sy.logger.remove()
        sy.logger.add(lambda line: None, level="CRITICAL")
        patch.undo()


def expected(path: Path) -> dict[str, str]:
    """What each cell is to print, by its name."""
    cells = path.read_text().split("# %% ")[1:]
    return {name: text for name, _, text in (cell.partition("\n") for cell in cells)}


def timeless(printed: str) -> str:
    """What was printed, without times and process ids."""
    return re.sub(
        r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000\]\[(\w+)\]\[logger\]\]\[\d+\] ",
        r"[\1] ",
        printed,
        flags=re.M,
    )


def _same_each_time(printed: str) -> str:
    """What was printed, without the ids and keys that are drawn anew in each run, either."""
    printed = re.sub(r"^Request time: .*$", "Request time:", timeless(printed), flags=re.M)
    printed = re.sub(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{12})\b", "ID", printed)
    printed = re.sub(r"\(key \S+ ID", "(key ID", printed)
    # What differs from run to run and from machine to machine: when, how long, how much, behind which fence.
    printed = re.sub(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "THEN", printed)
    printed = re.sub(r"^Used: .*$", "Used:", printed, flags=re.M)
    printed = re.sub(r"^Isolation: \w+$", "Isolation:", printed, flags=re.M)
    return re.sub(r"\blevel (?:process|landlock|namespaces|gvisor)\b", "level", printed)


def check_executed(notebook: Notebook, name: str, title: str, heading: str) -> None:
    """Raise unless the executed notebook among the documents has these cells, and printed what they print now.

    Args:
        notebook: has run.
        name: of the file.
        title: of the notebook; with `heading` written into it where SYFT_WRITE_NOTEBOOKS is set.
        heading: of its cells.
    """
    path = _EXECUTED / name
    if os.environ.get("SYFT_WRITE_NOTEBOOKS"):
        ipynb.write(path, title, [(heading, notebook)])
    kept = ipynb.read(path)
    assert [source for source, _ in kept] == [notebook.source(cell).rstrip("\n") for cell in notebook.names]
    for cell, (_, printed) in zip(notebook.names, kept, strict=True):
        now, then = _same_each_time(notebook.cells[cell].printed), _same_each_time(printed)
        # Said in full: `assert` is not rewritten in a module that is no test.
        assert now == then, f"cell {cell!r} printed\n{now}\nand had printed\n{then}"
