"""This module gives back to submitted code what the guide of 2024 uses and later libraries took away.

It is preloaded into the sandbox after pandas; it changes nothing in anybody's own process.
"""

from __future__ import annotations

import sys
from typing import Any


def _swapaxes(self: Any, axis1: int, axis2: int, copy: bool | None = None) -> Any:
    """`DataFrame.swapaxes` as pandas had it until 3.0.

    numpy calls it in `np.array_split(frame, n)`, which the guide's map-reduce divides a table by. Without it
    numpy falls back to arrays, and `batch.to_numpy()` fails.
    """
    return self if axis1 == axis2 else self.transpose()


def restore() -> None:
    """Put `swapaxes` back where the installed pandas has none. May be called twice."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and not hasattr(pandas.DataFrame, "swapaxes"):
        pandas.DataFrame.swapaxes = _swapaxes


restore()
