"""This module shows worker pools, and lets administrators say what a job may use in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from syft.client.limits import Amount, Limits, as_limits, limit_facts
from syft.client.lists import Listing
from syft.client.present import Card, Shown, SyftSuccess, when
from syft.client.session import Session
from syft.model.limits import FIGURES
from syft.model.messages.pools import GetPool, ListPools, PoolReply, PoolsReply, PoolView, SetPoolLimits
from syft.model.uid import UID

_LEAVE: Final[Any] = object()


class WorkerPool(Shown):
    """A place where jobs run.

    Args:
        session: through which to change it.
        view: how it stood when the node was last asked.
    """

    def __init__(self, session: Session, view: PoolView) -> None:
        self._session = session
        self._view = view

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def name(self) -> str:
        """By which functions ask for it: `worker_pool_name=`."""
        return self._view.name

    @property
    def limits(self) -> Limits:
        """What a job there may use: what it gets where it asks for nothing, and what it never gets more than."""
        return Limits.of(self._view.limits)

    @property
    def own_limits(self) -> Limits:
        """Those of them that were set for this pool; the others are the server's."""
        return Limits.of(self._view.own)

    @property
    def created_at(self) -> datetime:
        """When it was made, in UTC."""
        return self._view.created_at

    def set_limits(
        self,
        *,
        memory: Amount = _LEAVE,
        cpu: Amount = _LEAVE,
        wall: Amount = _LEAVE,
        scratch: Amount = _LEAVE,
        output: Amount = _LEAVE,
        threads: Amount = _LEAVE,
    ) -> SyftSuccess:
        """Change what a job there may use, from the next run on. What is left out stays; administrators only.

        Args:
            memory: beyond its inputs: "2 GiB". None, here as below: what the server's settings say.
            cpu: processor time of all its threads together: "5 min".
            wall: time from its start to its end: "10 min".
            scratch: files it writes while it runs: "1 GiB".
            output: its result, encoded: "10 MiB".
            threads: beside the first: 8.
        Raises:
            InvalidInput: a figure that cannot be read.
            AuthorizationException: you are no administrator.
        """
        words = (memory, cpu, wall, scratch, output, threads)
        given = {
            figure: amount for figure, amount in zip(FIGURES, words, strict=True) if amount is not _LEAVE
        }
        limits = as_limits({figure.word: amount for figure, amount in given.items()})
        reset = tuple(figure.field for figure, amount in given.items() if amount is None)
        self._view = self._session.ask(SetPoolLimits(self.name, limits, reset), PoolReply).pool
        return SyftSuccess(f"The limits of worker pool '{self.name}' are set.", value=self)

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "Pool Name": self.name,
            **dict(limit_facts(self._view.limits)),
            "Created at": when(self.created_at),
        }

    def _card(self) -> Card:
        own = {label for label, _ in limit_facts(self._view.own)}
        facts = [
            (label, f"{amount} (set for this pool)" if label in own else amount)
            for label, amount in limit_facts(self._view.limits)
        ]
        return Card(
            f"WorkerPool {self.name}",
            [("id", self.id.hex), ("Created at", when(self.created_at)), *facts],
        )


class WorkerPools(Listing[WorkerPool]):
    """The worker pools at a node: `client.worker_pools`, by place or name."""

    _title: ClassVar[str] = "WorkerPool List"
    _what: ClassVar[str] = "worker pool"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _page(self, limit: int, offset: int) -> tuple[Sequence[WorkerPool], int]:
        reply = self._session.ask(ListPools(limit, offset), PoolsReply)
        return [WorkerPool(self._session, view) for view in reply.pools], reply.total

    def _named(self, key: str) -> WorkerPool:
        return WorkerPool(self._session, self._session.ask(GetPool(key), PoolReply).pool)

    def get_by_name(self, name: str) -> WorkerPool:
        """The worker pool of that name."""
        return self._named(name)
