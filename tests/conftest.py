"""What every test starts from: a home of its own, and the same examples each time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

# The same examples on every machine, so that a red test is the change's doing. `HYPOTHESIS_PROFILE=search`
# looks for new ones; what it finds becomes an @example beside the property.
hypothesis.settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("search", max_examples=5000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="session", autouse=True)
def syft_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[os.PathLike[str]]:
    """An empty folder as SYFT_HOME, so that no test reads or changes a person's own data."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYFT_HOME", str(home))
        yield home
