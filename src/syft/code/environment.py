"""This module names the environment that code runs in: one digest over the interpreter and every installed package."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib.metadata import distributions

from blake3 import blake3


@cache
def environment_digest() -> str:
    """The digest of this interpreter and its packages, 64 hex digits.

    Approvals bind it: a result under another version of a library is another result. Computed once a process.
    """
    packages = sorted(
        {f"{dist.metadata['Name']}=={dist.version}".lower() for dist in distributions() if dist.metadata}
    )
    lines = [sys.implementation.name, platform.python_version(), platform.machine(), *packages]
    return blake3("\n".join(lines).encode()).hexdigest()
