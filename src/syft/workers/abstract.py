"""This module is a door: what a worker is, whoever it belongs to: a node, and the caller's way to it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from syft.client.client import Client
from syft.client.pointer import HasSession
from syft.client.session import Session

# What names a worker within a process.
WorkerId = str | int


class AbstractWorker(ABC):
    """A place where values are kept and computed with. Clients of nodes are such, too."""

    @property
    @abstractmethod
    def session(self) -> Session:
        """Through which everything is asked."""


AbstractWorker.register(Client)


def id_of(worker: HasSession) -> WorkerId:
    """What a worker goes by in this process: a virtual one by its id, a client by its node's name.

    Two nodes may call themselves the same; what a node is at last is `worker.session.info.uid`.
    """
    own = getattr(worker, "worker_id", None)
    return worker.session.info.name if own is None else own


def lets_go(worker: HasSession) -> bool:
    """Whether what is sent there goes with its last pointer unless said otherwise: at virtual workers only."""
    return bool(getattr(worker, "collects_garbage", False))
