"""docs/operations.md lists the operations there are, as they are written, with their options."""

from __future__ import annotations

import re
from pathlib import Path

from syft.client.operators import Groups
from syft.client.pointer import Pointer
from syft.ops.operation import Growth
from syft.ops.table import OPERATIONS

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "operations.md"


def test_the_table_in_the_docs_is_the_table_in_the_source() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(.+)` \| [^|]+ \| (.+) \|$", text, re.MULTILINE)
    written = {
        name: (how.replace("\\|", "|"), set(re.findall(r"`(\w+)`", options))) for name, how, options in rows
    }
    assert len(rows) == len(written)
    assert written == {row.name: (row.written, set(row.options)) for row in OPERATIONS.values()}


def test_what_the_docs_write_can_be_written() -> None:
    methods = set(dir(Pointer)) | set(dir(Groups))
    for row in OPERATIONS.values():
        named = re.search(r"^a\.(\w+)", row.written)
        if named and row.growth is not Growth.MADE:
            assert named[1] in methods, row.name
        if row.tag.startswith("__"):
            assert row.tag in methods, row.name
