"""This module says which libraries runs may find imported, and guesses from a source which of them it needs."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from syft.code.parsing import parse

BASE: Final = "base"
LEARN: Final = "learn"
TORCH: Final = "torch"
# Parsing takes a second for each million characters, which is more than importing would.
SOURCE_CHARS_MAX: Final = 256 << 10

# In every zygote. More would make every fork slower: the kernel copies the map of all that is imported.
PRELOAD: Final = (
    "numpy",
    "numpy.random",
    "pandas",
    "pyarrow",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.parquet",
    # What computes a plan (`jobs.execution.PLAN_SOURCE`).
    "syft.ops.plans",
    "syft.wire.several",
    # Last, when pandas is there: what the guide of 2024 needs of it.
    "syft.sandbox.compat",
)


@dataclass(frozen=True)
class Profile:
    """What one zygote has imported beside `PRELOAD`.

    Args:
        preload: modules, in order; those that are not installed are left out.
        wanted_by: packages whose import, in a source, asks for this profile.
    """

    preload: tuple[str, ...]
    wanted_by: frozenset[str]

    @property
    def installed(self) -> bool:
        """Whether anything of it is there to be imported. Imports nothing itself."""
        packages = {name.partition(".")[0] for name in self.preload}
        return any(importlib.util.find_spec(package) for package in packages)


# Importing is all that happens in a zygote: OpenMP or torch used once there would make every run hang.
PROFILES: Final[Mapping[str, Profile]] = {
    # The slowest to import comes first: a source that wants several profiles gets the first of them.
    TORCH: Profile(
        # The last is 3 s that every first optimizer would take: torch imports it when one is made.
        preload=("torch", "torch.utils.data", "torch._dynamo"),
        wanted_by=frozenset({"torch", "torchvision", "torchaudio", "lightning", "pytorch_lightning"}),
    ),
    LEARN: Profile(
        preload=(
            "scipy.stats",
            "sklearn.ensemble",
            "sklearn.linear_model",
            "sklearn.model_selection",
            "sklearn.cluster",
            "sklearn.pipeline",
            "matplotlib.pyplot",
            "statsmodels.formula.api",
        ),
        wanted_by=frozenset({"sklearn", "scipy", "matplotlib", "statsmodels", "seaborn"}),
    ),
}


def profile_for(source: str) -> str:
    """Name of the profile in which a source runs fastest.

    It looks at `import` statements anywhere in the source, those inside functions included. It is a guess about
    speed and nothing else: whatever a source imports in another way is imported while it runs, as always.
    Never raises, whatever the source is; of what does not parse the answer is `BASE`.

    Args:
        source: Python source, as submitted.
    """
    # Most sources name none of these packages anywhere, and need not be parsed.
    if not any(package in source for profile in PROFILES.values() for package in profile.wanted_by):
        return BASE
    if len(source) > SOURCE_CHARS_MAX:
        return BASE
    try:
        imported = _imported(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return BASE  # the run will tell its author
    return next((name for name, one in PROFILES.items() if one.wanted_by & imported), BASE)


def _imported(source: str) -> set[str]:
    """Top-level packages that a source imports.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it does not parse.
    """
    found: set[str] = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
