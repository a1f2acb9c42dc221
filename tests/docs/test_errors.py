"""Every error that can cross the wire is explained in docs/errors.md, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

from syft.errors import BY_CODE

ERRORS = Path(__file__).parent.parent.parent / "docs" / "errors.md"


def test_every_error_code_is_documented_under_its_class() -> None:
    rows = re.findall(r"^\| *`(\w+)` *\| *`(\w+)` *\|", ERRORS.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a code stands twice in docs/errors.md"
    assert dict(rows) == {code: cls.__name__ for code, cls in BY_CODE.items()}


def test_every_error_has_something_to_do_next() -> None:
    rows = re.findall(r"^\| *`(\w+)` *\|.*\|(.*?)\|$", ERRORS.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(BY_CODE)
    assert [code for code, remedy in rows if len(remedy.split()) < 3] == []
