"""This module is a door: the workers that this process knows, by their ids."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from syft.client.pointer import HasSession
from syft.exceptions import WorkerNotFoundException
from syft.logger import say
from syft.model.uid import UID
from syft.workers.abstract import AbstractWorker, WorkerId, id_of

LOCAL: Final = "me"
# Of the known workers, as many as an error names.
_SHOWN: Final = 10
ID_TAKEN: Final = "Worker initialized with the same id and different types."

_known: dict[WorkerId, Any] = {}
_lock = threading.RLock()


def lock() -> threading.RLock:
    """Held while an id is looked up and then given."""
    return _lock


def find(worker_id: WorkerId) -> Any:
    """The worker of that id, or None."""
    return _known.get(worker_id)


def add(worker: HasSession) -> None:
    """Have every worker of this process know this one.

    Raises:
        RuntimeError: another has that id: a node may call itself what it likes, but it takes nobody's place.
    """
    if not isinstance(worker, AbstractWorker):
        raise TypeError(f"A worker is a virtual worker or a client of a node, not a {type(worker).__name__}.")
    with _lock:
        other = _known.get(id_of(worker))
        if other is not None and _node(other) != _node(worker):
            raise RuntimeError(ID_TAKEN)
        if other is None or type(other) is type(worker):
            # A client that has logged in anew takes the place of the one before.
            _known[id_of(worker)] = worker


def _node(worker: HasSession) -> tuple[UID, str]:
    """Which node it is: by its key, too, since a node says itself which UID it has."""
    return worker.session.info.uid, worker.session.info.verify_key


def remove(worker_id: WorkerId) -> None:
    """Forget the worker of that id; nothing happens to what it keeps. May be called twice."""
    with _lock:
        _known.pop(worker_id, None)


def every() -> dict[WorkerId, Any]:
    """Those known now, by id."""
    with _lock:
        return dict(_known)


def get(worker: Any, *, fail_hard: bool = True) -> Any:
    """The worker of that id; a worker is itself.

    Args:
        worker: an id, or a worker.
        fail_hard: whether to raise where nobody has that id; if not, the id comes back.
    Raises:
        WorkerNotFoundException: nobody in this process has that id.
    """
    if not isinstance(worker, str | int):
        return worker
    found = _known.get(worker)
    if found is not None:
        return found
    if fail_hard:
        ids = list(every())
        there = ", ".join(map(str, ids[:_SHOWN])) + (
            f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        )
        raise WorkerNotFoundException(
            f"Worker '{worker}' is not known in this process. Known are: {there}. Make it with "
            f'`sy.VirtualWorker(id="{worker}")`, or log in to a node and `sy.local_worker.add_worker(client)`.'
        )
    say(logging.WARNING, "an id of no known worker is used", worker_id=worker)
    return worker
