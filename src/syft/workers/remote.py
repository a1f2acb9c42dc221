"""This module is a door: values made at a worker, `worker.remote.numpy.zeros(3)`, and pointers to them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from syft.client.constructors import NumpyNames, PythonNames
from syft.client.pointer import HasSession
from syft.errors import MissingExtra
from syft.workers.pointers import PointerTensor
from syft.workers.sending import send


class Made:
    """The constructors of one library, at a worker.

    Args:
        names: those that the core has.
    """

    def __init__(self, names: NumpyNames | PythonNames) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Callable[..., PointerTensor]:
        make = getattr(self._names, name)
        return lambda *values, **options: PointerTensor.to(make(*values, **options))


class Tensors:
    """torch's constructors: what one makes here goes to a worker.

    Args:
        worker: where to.
    """

    def __init__(self, worker: HasSession) -> None:
        self._worker = worker

    def __getattr__(self, name: str) -> Callable[..., PointerTensor]:
        torch = sys.modules.get("torch")
        if torch is None:
            raise MissingExtra("This needs torch, which has not been imported: `import torch` first.")
        make = getattr(torch, name)

        def made(*values: Any, **options: Any) -> PointerTensor:
            pointer: PointerTensor = send(make(*values, **options), self._worker, garbage_collect_data=True)
            return pointer

        return made


class Remote:
    """What can be made at a worker, by library.

    Args:
        worker: where.
    """

    def __init__(self, worker: HasSession) -> None:
        self.numpy = Made(NumpyNames(worker))
        self.python = Made(PythonNames(worker))
        self.torch = Tensors(worker)
