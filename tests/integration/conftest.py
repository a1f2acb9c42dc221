"""A node of its own for each file that asks for one, with people of every role on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.sites import Cast, cast_on, opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """A running node and its people."""
    home = tmp_path_factory.mktemp("site")
    with opened(home) as node:
        yield cast_on(node, home)
