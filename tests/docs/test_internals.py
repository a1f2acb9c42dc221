"""The story of a message is true: its blocks run, and print what they say."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from syft import logger

INTERNALS = Path(__file__).parents[2] / "docs" / "internals.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", INTERNALS.read_text(), re.M | re.S)


def test_every_block_prints_what_it_says() -> None:
    namespace: dict[str, object] = {}
    try:
        for block in BLOCKS:
            said = [line.rpartition("# -> ")[2].strip() for line in block.splitlines() if "# -> " in line]
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(block, namespace)
            assert printed.getvalue().splitlines() == said, block
    finally:
        logger.remove()


def test_there_is_something_to_run() -> None:
    assert sum("# -> " in block for block in BLOCKS) > 5


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(syft/[\w/.]+)`", INTERNALS.read_text()))))
def test_a_module_it_names_is_there(path: str) -> None:
    assert (INTERNALS.parents[1] / "src" / path).exists()
