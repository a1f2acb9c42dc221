"""This module is a door: what gives tensors `send`, as PySyft 0.2 had it, and the worker of this process."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

from syft.lib.hook import hook as give_send
from syft.workers.local import local_worker as me


class TorchHook:
    """Gives `send`, `tag`, `describe`, `tags` and `description` to tensors, and `send` to tables in use.

    There is one in a process; to make another warns and returns it.

    Args:
        torch: the module, or None: values of numpy and Python need no hook.
        local_worker: kept for the old signature: the worker of this process is "me".
        is_client: likewise.
        verbose: likewise.
    """

    _one: ClassVar[TorchHook | None] = None
    _has_hooked: bool = False

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """The one there is, or else the first."""
        if cls._one is None:
            cls._one = super().__new__(cls)
        one: Any = cls._one
        return one  # type: ignore[no-any-return]

    def __init__(
        self, torch: Any = None, local_worker: Any = None, is_client: bool = True, verbose: bool = True
    ) -> None:
        if self._has_hooked and torch is not None:
            warnings.warn("Torch was already hooked... skipping hooking process", stacklevel=2)
            return
        give_send()
        self._has_hooked = torch is not None
        self.torch = torch

    @property
    def local_worker(self) -> Any:
        """The worker of this process."""
        return me


hook: TorchHook = TorchHook()
