"""This module is a door: values to workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syft.client.kept import send as send_to
from syft.client.pointer import HasSession
from syft.errors import InvalidInput
from syft.workers.abstract import id_of, lets_go
from syft.workers.multi import together
from syft.workers.pointers import PointerTensor, check_worker, sending
from syft.workers.values import description_of, plain, tags_of


def send(
    value: Any,
    *workers: Any,
    tags: Iterable[str] | None = None,
    description: str = "",
    pointable: bool | None = None,
    garbage_collect_data: bool | None = None,
    inplace: bool = False,
    user: object = None,
) -> Any:
    """Take a value to workers, to be kept there, yours.

    Args:
        value: of a type that travels.
        workers: virtual workers, clients of nodes, or ids of those that this process knows.
        tags: to find it by; the value's own when left out.
        description: for people; the value's own when left out.
        pointable: whether everybody finds it; what is not goes with the last pointer to it.
        garbage_collect_data: the older word for the opposite. Where neither is said, what is at a virtual worker
            goes with its last pointer, and what is at a node stays.
        inplace: kept for the old signature; a value here cannot become a pointer.
        user: kept for the old signature: who sends is known by their key.
    Returns:
        A pointer; for several workers a `MultiPointerTensor`.
    Raises:
        SendNotPermittedError: a worker takes nothing from you.
        UnsupportedType: the value cannot travel.
    """
    if inplace:
        raise InvalidInput(
            "A value here cannot become a pointer; use what `send` returns: `x = x.send(worker)`."
        )
    if not workers:
        raise InvalidInput("Say where to: `x.send(worker)`.")
    if pointable is not None and garbage_collect_data is not None and pointable is garbage_collect_data:
        raise InvalidInput("What everybody finds does not go with your pointer: say one of the two.")
    found = [check_worker(worker) for worker in workers]
    if len({id_of(worker) for worker in found}) != len(found):
        raise InvalidInput("Two of the workers go by the same id; name each once.")
    if isinstance(tags, str):
        raise InvalidInput("Tags are a list of texts: tags=['...'].")
    named = tags_of(value) if tags is None else list(tags)
    text = description or description_of(value)
    if pointable is None and garbage_collect_data is not None:
        pointable = not garbage_collect_data
    pointers = [_sent(value, worker, named, text, pointable) for worker in found]
    return pointers[0] if len(pointers) == 1 else together(pointers)


def _sent(
    value: Any, worker: HasSession, tags: list[str], description: str, pointable: bool | None
) -> PointerTensor:
    stays = not lets_go(worker) if pointable is None else pointable
    with sending():
        pointer = send_to(worker, plain(value), tags=tags, description=description, pointable=stays)
    return PointerTensor.to(pointer)
