"""This module shows the workers on other machines, and lets administrators say which keys may take work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from syft.client.lists import Listing
from syft.client.present import Card, Shown, SyftSuccess, when
from syft.client.session import Session
from syft.errors import NotFound
from syft.model.messages.workers import (
    AdmitWorker,
    ListWorkers,
    RevokeWorker,
    WorkerReply,
    WorkersReply,
    WorkerView,
)
from syft.model.uid import UID
from syft.model.worker import WorkerState


class Worker(Shown):
    """A worker on another machine (`syft worker`): what it says of itself, and what was decided about its key.

    Args:
        session: through which to decide.
        view: how it stood when the node was last asked.
    """

    def __init__(self, session: Session, view: WorkerView) -> None:
        self._session = session
        self._view = view

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def name(self) -> str:
        """What it calls itself."""
        return self._view.name

    @property
    def pool(self) -> str:
        """The name of the pool whose work it takes, or wants to."""
        return self._view.pool

    @property
    def verify_key(self) -> str:
        """Its public key, 64 hex digits; the worker prints the same when it starts."""
        return self._view.verify_key

    @property
    def state(self) -> str:
        """ "waiting", "admitted" or "revoked"."""
        return self._view.state.value

    @property
    def online(self) -> bool:
        """Whether it is there."""
        return self._view.online

    @property
    def slots(self) -> int:
        """How many jobs it runs at once."""
        return self._view.slots

    @property
    def running(self) -> int:
        """How many runs it has now, those that jobs have launched included."""
        return self._view.running

    @property
    def isolation(self) -> str:
        """The level of its fence, as it says; empty while it is not there."""
        return self._view.isolation

    @property
    def difference(self) -> str:
        """How the packages of one that waits differ from those of its pool; empty where they do not."""
        return self._view.difference

    @property
    def last_seen_s(self) -> float | None:
        """Seconds since the node has heard of it; None where that is not known."""
        return self._view.last_seen_s

    @property
    def since(self) -> datetime:
        """When it was admitted, or first asked, in UTC."""
        return self._view.since

    def refresh(self) -> Worker:
        """Ask the node how it stands now.

        Raises:
            NotFound: it waited, and is gone.
        """
        self._view = _the(self._session, self._view.uid, self._view.verify_key)
        return self

    def admit(self) -> SyftSuccess:
        """Let this key take work of its pool. It will see private inputs of what it runs; administrators only.

        Compare `verify_key` with what the worker itself prints: anybody can ask under any name.

        Raises:
            NotFound: it does not ask any more.
            AuthorizationException: you are no administrator.
        """
        message = AdmitWorker(self._view.uid, self._view.verify_key)
        self._view = self._session.ask(message, WorkerReply).worker
        return SyftSuccess(f"The worker '{self.name}' may take work of '{self.pool}'.", value=self)

    def revoke(self) -> SyftSuccess:
        """Let this key take no more work; what it runs is given up at once. Administrators only.

        Raises:
            NotFound: it was never admitted.
            AuthorizationException: you are no administrator.
        """
        self._view = self._session.ask(RevokeWorker(self._view.uid), WorkerReply).worker
        return SyftSuccess(f"The worker '{self.name}' takes no more work.", value=self)

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "Name": self.name,
            "Pool": self.pool,
            "State": self._standing(),
            "Running": f"{self.running} of {self.slots}" if self.online else "",
            "Isolation": self.isolation,
            "Key": f"{self.verify_key[:16]}…",
        }

    def _standing(self) -> str:
        if self._view.state is WorkerState.ADMITTED:
            return "there" if self.online else "not there"
        return self.state

    def _card(self) -> Card:
        facts: list[tuple[str, object]] = [
            ("id", self.id.hex),
            ("Key", self.verify_key),
            ("Pool", self.pool),
            ("State", self._standing()),
            ("Slots", self.slots),
            ("Running", self.running),
            ("Isolation", self.isolation or "not known"),
            ("Since", when(self.since)),
        ]
        if self._view.last_seen_s is not None:
            facts.append(("Last seen", f"{self._view.last_seen_s:.0f} s ago"))
        if self._view.origin:
            facts.append(("Asks from", self._view.origin))
        if self.difference:
            facts.append(("Its packages differ", self.difference))
        return Card(f"Worker {self.name}", facts)


class WorkerList(Listing[Worker]):
    """The workers of a node: `client.workers`, by place or name; those first that wait to be admitted.

    Args:
        session: through which to ask.
        pool: of that pool only; empty for all.
    """

    _title: ClassVar[str] = "Worker List"
    _what: ClassVar[str] = "worker"

    def __init__(self, session: Session, pool: str = "") -> None:
        self._session = session
        self._pool = pool

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Worker], int]:
        reply = self._session.ask(ListWorkers(self._pool, limit, offset), WorkersReply)
        return [Worker(self._session, view) for view in reply.workers], reply.total

    def _named(self, key: str) -> Worker:
        # Names are the workers' own, keys are not: of several under one name none is meant.
        found = [one for one in self if key in (one.name, one.verify_key)]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"{len(found)} workers call themselves '{key}'. Name one by its verify_key.")
        raise NotFound(f"There is no worker '{key[:100]}' here.")

    def _by_uid(self, uid: UID) -> Worker:
        return Worker(self._session, _the(self._session, uid, ""))


def _the(session: Session, uid: UID, key: str) -> WorkerView:
    """The worker of that UID or key; when it is admitted, its UID stays."""
    offset = 0
    while True:
        reply = session.ask(ListWorkers("", 0, offset), WorkersReply)
        for view in reply.workers:
            if view.uid == uid or (key and view.verify_key == key):
                return view
        offset += len(reply.workers)
        if not reply.workers or offset >= reply.total:
            raise NotFound("There is no such worker here (any more).")
