"""Compute on data that you are not allowed to see: `import syft as sy`.

Names are looked up when they are first used (PEP 562), so that `import syft` costs nothing, and a client never
loads what only a server needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # For type checkers and editors, which do not run `__getattr__`.
    from syft import orchestra as orchestra
    from syft.client.client import Client as Client
    from syft.client.login import login as login
    from syft.client.login import login_as_guest as login_as_guest

_HOME: Final[dict[str, str]] = {
    "UID": "syft.model.uid",
}

__all__ = sorted([*_HOME, "__version__", "orchestra"])


def __getattr__(name: str) -> Any:
    if name == "orchestra":
        return import_module("syft.orchestra")
    if name == "__version__":
        return import_module("syft.version").VERSION
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"syft has no name '{name}'. `dir(syft)` lists those it has.")


def __dir__() -> list[str]:
    return __all__
