"""docs/roles.md says what the source does: capabilities of roles, what each message takes, and who may what."""

from __future__ import annotations

import re

import pytest

from support.roles_page import PAGE, TABLES, page
from syft.access.roles import CAPABILITIES
from syft.model.permission import Capability, Role

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_source() -> None:
    assert page(TEXT) == TEXT, "run `python tests/support/roles_page.py`, and read what has changed"
    # Each of them has something in it.
    for name in TABLES:
        assert len(TEXT.partition(f"<!-- {name} -->")[2].partition("<!-- end")[0].splitlines()) > 20, name


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.NONE])
def test_each_role_may_what_the_page_says(role: Role) -> None:
    """THREATS 2.1, 2.6: read from the page: who changes the table of roles changes what people are told."""
    table = TEXT.partition("<!-- capabilities -->\n")[2].partition("\n<!-- end")[0].splitlines()
    column = table[0].strip("| ").split(" | ").index(role.label)
    said = {
        Capability(re.sub("`", "", cells[0]))
        for cells in (line.strip("| ").split(" | ") for line in table[2:])
        if cells[column] == "yes"
    }
    assert said == CAPABILITIES[role]


def test_a_page_without_its_places_is_not_written() -> None:
    with pytest.raises(SystemExit, match="no place"):
        page(TEXT.replace("<!-- end of needed -->", ""))
