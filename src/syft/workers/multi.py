"""This module is a door: pointers to several workers' values that are computed with together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syft.client.operators import Operators
from syft.client.pointer import HasSession
from syft.errors import InvalidInput
from syft.model.uid import UID
from syft.workers.abstract import WorkerId, id_of
from syft.workers.pointers import PointerTensor


class MultiPointerTensor(Operators):
    """The same, or the parts of the same, at several workers; what is done with it is done at each.

    Args:
        children: a pointer for each worker, by the worker's id.
    """

    def __init__(self, children: Mapping[WorkerId, PointerTensor]) -> None:
        self.child = dict(children)

    @property
    def location(self) -> list[HasSession]:
        """The workers."""
        return [pointer.location for pointer in self.child.values()]

    locations = location

    def get(self, sum_results: bool = False) -> Any:
        """The values, in the order of the workers; with `sum_results` their sum. They are gone there."""
        values = [pointer.get() for pointer in self.child.values()]
        return sum(values[1:], start=values[0]) if sum_results else values

    @property
    def _place(self) -> tuple[UID, UID] | None:
        return None

    def _operate(self, op: str, *inputs: Any, **options: Any) -> MultiPointerTensor:
        """At each worker with its own part.

        Raises:
            InvalidInput: another has other workers.
        """
        for one in inputs:
            if isinstance(one, MultiPointerTensor) and one.child.keys() != self.child.keys():
                raise InvalidInput(f"The two are at different workers: {self!r} and {one!r}.")
        return MultiPointerTensor(
            {
                worker: pointer._operate(
                    op,
                    *(one.child[worker] if isinstance(one, MultiPointerTensor) else one for one in inputs),
                    **options,
                )
                for worker, pointer in self.child.items()
            }
        )

    def __repr__(self) -> str:
        lines = "".join(f"\n\t-> {pointer!r}" for pointer in self.child.values())
        return f"(Wrapper)>[MultiPointerTensor]{lines}"


def together(pointers: list[PointerTensor]) -> MultiPointerTensor:
    """One for these, each at a worker of its own.

    Raises:
        InvalidInput: two are at one worker.
    """
    children = {id_of(pointer.location): pointer for pointer in pointers}
    if len(children) != len(pointers):
        raise InvalidInput("Two of the workers go by the same id; name each once.")
    return MultiPointerTensor(children)
