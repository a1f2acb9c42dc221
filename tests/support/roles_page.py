"""Writes the tables of docs/roles.md from the source: what each role may do, and who may say what about whose things.

    python tests/support/roles_page.py

Run it after a change of `access/roles.py` or of the table in `tests/security/test_who_may_what.py`; a test compares.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Final

TESTS: Final = Path(__file__).parent.parent
PAGE: Final = TESTS.parent / "docs" / "roles.md"
sys.path.insert(0, str(TESTS))

from syft.access.roles import (  # noqa: E402 - as a program it has to find itself first
    CAPABILITIES,
    PEER_CAPABILITIES,
    WITHOUT_GUEST_SESSIONS,
    WORKER_CAPABILITIES,
)
from syft.model.message import tag_of  # noqa: E402
from syft.model.permission import Capability, Role  # noqa: E402
from syft.node import services  # noqa: E402, F401 - importing them fills the table
from syft.node.dispatch import table  # noqa: E402

YES: Final = "yes"
NO: Final = "-"
# What a cell of the table says, for people. Any other is the code of the error.
WORDS: Final = {"ok": YES, "authorization": NO, "not_found": "not there"}


def rows() -> tuple[Any, ...]:
    """The table that the tests try."""
    spec = importlib.util.spec_from_file_location("table", TESTS / "security" / "test_who_may_what.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tuple(module.ROWS)


def capabilities() -> str:
    """A line for each capability, a column for each role."""
    columns = [
        *((role.label, CAPABILITIES[role]) for role in Role if role is not Role.NONE),
        ("guest, where they are kept out", WITHOUT_GUEST_SESSIONS),
        ("worker's key", WORKER_CAPABILITIES),
        *((f"key of a {relation.value}", held) for relation, held in PEER_CAPABILITIES.items()),
    ]
    lines = [f"| capability | {' | '.join(name for name, _ in columns)} |", "|---" * (len(columns) + 1) + "|"]
    for one in Capability:
        cells = [YES if one in held else NO for _, held in columns]
        lines.append(f"| `{one.value}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def needed() -> str:
    """A line for each capability, with the kinds of messages that take it."""
    lines = ["| capability | messages |", "|---|---|"]
    for one in Capability:
        kinds = sorted(tag_of(kind) for kind, entry in table().items() if entry.needs is one)
        lines.append(f"| `{one.value}` | {', '.join(f'`{kind}`' for kind in kinds) or NO} |")
    return "\n".join(lines)


def who_may_what() -> str:
    """A line for each kind of message and whose object it is about."""
    lines = ["| message | about | guest | data scientist | data owner | admin |", "|---|---|---|---|---|---|"]
    for row in rows():
        cells = [WORDS.get(cell, f"`{cell}`") for cell in (row.guest, row.scientist, row.owner, row.admin)]
        about = "" if row.whose == "-" else row.whose
        lines.append(f"| `{tag_of(row.kind)}` | {about} | {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES: Final = {"capabilities": capabilities, "needed": needed, "who may what": who_may_what}


def page(text: str) -> str:
    """The page with its tables as they are now; what stands between them is kept."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{PAGE.name} has no place for the table '{name}'")
        text = before + begin + make() + end + after
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
