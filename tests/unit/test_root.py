"""The public names, and what `import syft` costs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import syft as sy

SOURCE = Path(sy.__file__)


@pytest.mark.parametrize("name", sy.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(sy, name) is not None


def test_what_editors_are_told_is_what_there_is() -> None:
    (block,) = [node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If)]
    told = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == set(sy.__all__)
    assert set(dir(sy)) == set(sy.__all__)


def test_an_unknown_name_says_so() -> None:
    with pytest.raises(AttributeError, match="has no name 'nonsense'"):
        _ = sy.nonsense


@pytest.mark.parametrize("use", ["syft", "syft; syft.login", "syft; syft.syft_function"])
def test_a_client_loads_nothing_that_only_a_server_or_a_table_needs(use: str) -> None:
    code = f"import {use}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    heavy = {"numpy", "pandas", "pyarrow", "sqlalchemy", "alembic", "uvicorn", "starlette", "matplotlib"}
    assert heavy.isdisjoint(loaded)
    if use == "syft":
        assert len([name for name in loaded if name.startswith("syft")]) == 1
