"""This module is a door: a worker that lives in this process: the one node, and its owner's client of it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, Self

from syft.access.caller import Caller
from syft.client import present
from syft.client.session import Session
from syft.core.node.domain import Domain
from syft.errors import InvalidInput, SyftException
from syft.model.message import Message
from syft.node.observe import Observer
from syft.wire.envelope import Header
from syft.workers import known
from syft.workers.abstract import WorkerId
from syft.workers.base import BaseWorker

# Enough to see what happened, and no more than some hundred kB.
_MAX_HISTORY: Final = 1_000


class VirtualWorker(BaseWorker):
    """A worker of this process, in memory. Whoever has it is its owner.

    Two of one id are the same worker: what is said again of it is not heard, but for `data`.

    Args:
        hook: kept for the old signature.
        id: what it goes by in this process; eleven random digits when left out.
        data: values that it begins with.
        is_client_worker: kept for the old signature: a worker keeps what it is sent.
        log_msgs: whether to note in `msg_history` what it is asked.
        verbose: likewise, and to print it.
        auto_add: whether the workers of this process know it.
    Raises:
        RuntimeError: the id is a worker's of another type.
    """

    node: Domain
    hook: Any
    msg_history: deque[str]
    _asking: Session | None

    def __new__(
        cls,
        hook: Any = None,
        id: WorkerId | None = None,
        data: Iterable[Any] = (),
        is_client_worker: bool = False,
        log_msgs: bool = False,
        verbose: bool = False,
        auto_add: bool = True,
    ) -> Self:
        """The worker of that id, or else a new one."""
        if isinstance(hook, str | int):
            raise InvalidInput(f'The id is an argument of its own: `VirtualWorker(id="{hook}")`.')
        with known.lock():
            there = known.find(id) if id is not None and auto_add else None
            if there is None:
                return cls._begun(hook, id, is_client_worker=is_client_worker, auto_add=auto_add)
            if type(there) is not cls:
                raise RuntimeError(known.ID_TAKEN)
            same: Self = there
            return same

    @classmethod
    def _begun(cls, hook: Any, id: WorkerId | None, *, is_client_worker: bool, auto_add: bool) -> Self:
        self = super().__new__(cls)
        own = random.randrange(10**10, 10**11) if id is None else id  # noqa: S311 - a name, no secret
        self.node = Domain(str(own))
        self.msg_history = deque(maxlen=_MAX_HISTORY)
        BaseWorker.__init__(self, own, self.node.get_root_client())
        self._asking = None
        self.hook = hook
        self.is_client_worker = is_client_worker
        if auto_add:
            known.add(self)
        return self

    def __init__(
        self,
        hook: Any = None,
        id: WorkerId | None = None,
        data: Iterable[Any] = (),
        is_client_worker: bool = False,
        log_msgs: bool = False,
        verbose: bool = False,
        auto_add: bool = True,
    ) -> None:
        # Runs again each time that the worker is named; what is to be done once is done above.
        if (log_msgs or verbose) and not isinstance(self.node.observer, _Noting):
            self.node.observer = _Noting(
                self.worker_id, self.node.observer, self.msg_history, verbose=verbose
            )
        self.load_data(data)

    @property
    def asking(self) -> Session:
        """As whom the owner asks for what has to be approved, and then approves it: whoever wrote code never does."""
        if self._asking is None:
            session: Session = self.node.get_client().session
            self._asking = session
        return self._asking

    def close(self) -> None:
        """Have the worker end, with all that it keeps. Its id is free again. May be called twice."""
        if known.find(self.worker_id) is self:
            known.remove(self.worker_id)
        self.node.close()

    def __repr__(self) -> str:
        try:
            # A node that has kept nothing yet is not opened for being shown.
            count = self.objects_count() if self.node.is_open else 0
        except SyftException:
            return f"<{type(self).__name__} id:{self.worker_id} (closed)>"
        return f"<{type(self).__name__} id:{self.worker_id} #objects:{count}>"


class _Noting:
    """Notes the kinds of messages that come, and passes on what it sees.

    Args:
        worker_id: whose messages they are.
        then: who looked on before.
        notes: where to.
        verbose: whether to print each as well.
    """

    def __init__(self, worker_id: WorkerId, then: Observer, notes: deque[str], *, verbose: bool) -> None:
        self._worker_id = worker_id
        self._then = then
        self._notes = notes
        self._verbose = verbose

    def took_in(self, header: Header, message: Message) -> None:
        name = type(message).__name__
        self._notes.append(name)
        if self._verbose:
            present.say(f"{self._worker_id}: {name}")
        self._then.took_in(header, message)

    def asked_may(self, header: Header, message: Message, caller: Caller) -> None:
        self._then.asked_may(header, message, caller)

    def refused(self, header: Header, message: Message, error: SyftException) -> None:
        self._then.refused(header, message, error)

    def may(self, header: Header, message: Message) -> None:
        self._then.may(header, message)

    def passed_on(self, header: Header) -> None:
        self._then.passed_on(header)
