"""The blocks of docs/plans.md run, one after the other, and print what they say."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from syft.code.placeholder import TORCH

TEXT = (Path(__file__).parents[2] / "docs" / "plans.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_every_block_prints_what_it_says() -> None:
    pytest.importorskip("numpy")
    namespace: dict[str, object] = {}
    for block in BLOCKS:
        said = [line.rpartition("# -> ")[2].strip() for line in block.splitlines() if "# -> " in line]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block, namespace)
        assert printed.getvalue().splitlines() == said, block
    assert sum("# -> " in block for block in BLOCKS) >= 4


def test_the_words_of_torch_that_it_names_are_there() -> None:
    (line,) = re.findall(r"Of torch, these are followed.*?\n\n", TEXT, re.DOTALL)
    named = set(re.findall(r"`(\w+)`", line))
    assert len(named) > 4
    assert named <= set(TORCH)
