"""Which libraries a source asks for: a guess that never raises, whatever the source is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from syft.sandbox.profiles import (
    BASE,
    LEARN,
    PRELOAD,
    PROFILES,
    SOURCE_CHARS_MAX,
    TORCH,
    Profile,
    profile_for,
)


@pytest.mark.parametrize(
    ("source", "profile"),
    [
        ("", BASE),
        ("def f(x):\n    return x.sum()", BASE),
        ("import numpy, pandas\ndef f(): pass", BASE),
        ("import torch", TORCH),
        ("def f():\n    import torch.nn as nn\n    return nn", TORCH),
        ("def f():\n    try:\n        from torch.utils import data\n    except ImportError: pass", TORCH),
        ("class A:\n    def f(self):\n        async def g():\n            import torchvision", TORCH),
        ("import sklearn.linear_model", LEARN),
        ("from scipy import stats", LEARN),
        ("import os, matplotlib.pyplot as plt", LEARN),
        ("import statsmodels.formula.api as smf", LEARN),
        ("import matplotlib, torch", TORCH),
        ("# import torch\ndef f(): return 'import torch'", BASE),
        ("import torchless", BASE),
        ("from . import torch", BASE),
        ("from .torch import x", BASE),
        ("def f(torch): return torch.sum()", BASE),
    ],
)
def test_what_a_source_imports_decides(source: str, profile: str) -> None:
    assert profile_for(source) == profile


@pytest.mark.parametrize(
    "source",
    [
        "import torch (",
        "import torch\0",
        "import torch\n" + "-" * 200_000 + "1",
        "import torch\n" + "(" * 50_000,
        "import torch\nx" + ".y" * 100_000,
        "import torch\n'\ud800'",
        "import torch\n" + " " * SOURCE_CHARS_MAX,
    ],
)
def test_a_source_that_is_no_honest_python_gets_the_base(source: str) -> None:
    assert profile_for(source) == BASE


def test_a_profile_is_there_when_any_of_it_is() -> None:
    assert Profile(("json.tool",), frozenset()).installed
    assert Profile(("no_such_package_anywhere.part", "json"), frozenset()).installed
    assert not Profile(("no_such_package_anywhere", "nor_this.one"), frozenset()).installed


@pytest.mark.parametrize("name", [BASE, *PROFILES])
def test_importing_a_profile_starts_no_thread_and_loads_no_other(name: str) -> None:
    """The zygote refuses to serve with a second thread: here one sees which profile would be lost."""
    profile = PROFILES.get(name)
    if profile is not None and not profile.installed:
        pytest.skip(f"none of {', '.join(sorted(profile.wanted_by))} is installed")
    modules = [*PRELOAD, *(profile.preload if profile else ())]
    program = f"""
import importlib, os, sys
from syft.sandbox.launch import ENVIRONMENT
os.environ.update(ENVIRONMENT)
for name in {modules}:
    try: importlib.import_module(name)
    except ImportError: pass
others = {{one for one in {sorted({TORCH, "sklearn"})} if one in sys.modules}}
print(len(os.listdir("/proc/self/task")), *sorted(others))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    expected = {BASE: ["1"], LEARN: ["1", "sklearn"], TORCH: ["1", "torch"]}
    assert said.stdout.split() == expected[name]
