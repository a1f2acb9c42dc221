"""This module is one order: a run that a worker on another machine does, as the node knows it while it goes on."""

from __future__ import annotations

import hmac
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Final, Literal

from blake3 import blake3

from syft.errors import InvalidInput, InvalidState
from syft.jobs.contents import Contents
from syft.jobs.order_calls import OrderCalls
from syft.jobs.vetting import vetted
from syft.model.messages.work import PIECE_BYTES, OrderView, OutcomeView
from syft.model.uid import UID
from syft.sandbox.contract import Execution, HearsBeginning, Host, Outcome, Status, Stream
from syft.sandbox.verdict import limit_text

_OVER: Final = "The order is over."
# In which a worker gets a process ready, at any level, for a run whose time begins then.
START_S: Final = 150.0
# As the embedded sandbox writes results: whoever takes them in is given no more at once.
_WRITE_BYTES: Final = 1 << 20


class Order:
    """One order. The thread that made it waits for its end (`wait`); what its worker says comes from others.

    Args:
        execution: what is run.
        pool: the name of the pool whose workers may take it.
        contents: the values it takes.
        result: receives the encoded result.
        host: answers what the code asks.
        depth: 0 for a job, 1 for what it launches, ...
        by_name: whether only those may take it who ask for this very order.
        on_call_ended: told of each launched run that its worker waits for, when it has ended.
    """

    def __init__(
        self,
        execution: Execution,
        *,
        pool: str,
        contents: Contents,
        result: BinaryIO,
        host: Host | None,
        depth: int,
        by_name: bool,
        on_call_ended: Callable[[Order, int], None],
    ) -> None:
        self.uid = UID()
        self.execution = execution
        self.pool = pool
        self.contents = contents
        self.host = host
        self.calls: OrderCalls | None = None
        if host is not None:
            self.calls = OrderCalls(host, execution.links, lambda call: on_call_ended(self, call))
        self.depth = depth
        self.by_name = by_name
        self.session: UID | None = None
        self.lease_until = 0.0
        self._token = b""
        self._worker = ""
        self._begun: str = ""  # a worker of which the host has not heard yet
        self._result = result
        self._hasher = blake3()
        self._written = 0
        self._changed = threading.Condition()
        # Taken for as long as a piece is being written: nothing is written when the run has been answered for.
        self._writing = threading.Lock()
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self._killed: str | None = None
        self._killed_at = 0.0
        self._moved_at = 0.0
        self._pieces = {"in": contents.pieces, "out": execution.limits.output_bytes // PIECE_BYTES + 1}
        self._progress: tuple[int, int | None] | None = None
        self._printed: deque[tuple[Stream, str]] = deque()
        self._printed_left: dict[Stream, int] = {
            "stdout": execution.limits.printed_bytes,
            "stderr": execution.limits.printed_bytes,
        }
        self.finished = False

    # --- for the thread that made it

    def wait(self) -> Outcome:
        """How it ended, once it has; meanwhile the host is told what there is to tell.

        Raises:
            OSError: the result could not be written; likewise whatever else writing it has raised.
        """
        while True:
            with self._changed:
                while not (self.is_over or self._progress or self._printed or self._begun):
                    self._changed.wait()
                begun = self._begun
                self._begun = ""
                progress, self._progress = self._progress, None
                printed = list(self._printed)
                self._printed.clear()
                over = self.is_over
            listener: object = self.host
            if begun and isinstance(listener, HearsBeginning):
                listener.begun(begun)
            if self.host is not None:
                for stream, text in printed:
                    self.host.printed(stream, text)
                if progress is not None:
                    self.host.progress(*progress)
            if over:
                # Whoever is just writing a piece is through with it now.
                with self._writing:
                    pass
                if self._error is not None:
                    raise self._error
                assert self._outcome is not None
                return self._outcome

    # --- for the book

    def take(self, token: bytes, session: UID, worker: str, lease_until: float) -> None:
        """It is that worker's from now on."""
        with self._changed:
            self._token, self.session, self._worker, self.lease_until = token, session, worker, lease_until
            self._begun = worker
            self._moved_at = time.monotonic()
            self._changed.notify_all()

    def renew(self, lease_until: float) -> None:
        """Its worker is there."""
        self.lease_until = max(self.lease_until, lease_until)

    def is_token(self, token: bytes) -> bool:
        """Whether this is what its holder was told."""
        return bool(self._token) and hmac.compare_digest(self._token, token)

    def kill(self, reason: str, *, is_held: bool) -> bool:
        """Have it end; its worker says when it has. Whether there was still something to end."""
        with self._changed:
            if self.is_over:
                return False
            if self._killed is None:
                self._killed, self._killed_at = reason, time.monotonic()
            if not is_held:
                self._end(Outcome(status=Status.KILLED, reason=self._killed, worker=self._worker))
            return True

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or its result cannot be written."""
        return self._outcome is not None or self._error is not None

    def lose(self, why: str) -> None:
        """Nobody will finish it."""
        with self._changed:
            if self.is_over:
                return
            status, reason = (Status.LOST, why) if self._killed is None else (Status.KILLED, self._killed)
            self._end(Outcome(status=status, reason=reason, worker=self._worker))

    def is_overdue(self, now: float, patience_s: float) -> bool:
        """Whether its worker should have ended it so long ago: it was told to, or the run's time is over.

        The worker's own fence ends a run in time. One that was taken over says that it is there, and nothing more.
        """
        with self._changed:
            if self.is_over:
                return False
            if self._killed is not None:
                return now - self._killed_at > patience_s
            return now - self._moved_at > START_S + self.execution.limits.wall_s + patience_s

    def moved(self, way: Literal["in", "out"]) -> None:
        """A piece of a value came or went: that is no time of the run's. So many pieces as there are, and no more."""
        with self._changed:
            if self._pieces[way] > 0:
                self._pieces[way] -= 1
                self._moved_at = time.monotonic()

    def give_up(self) -> None:
        """Wait no longer for a worker that was told to end it."""
        self.lose("its worker did not end it in time")

    def await_end(self, wait_s: float) -> None:
        """Wait until it is over, or not so long."""
        until = time.monotonic() + wait_s
        with self._changed:
            while not self.is_over and until > time.monotonic():
                self._changed.wait(max(0.0, until - time.monotonic()))

    # --- what its worker says

    def view(self) -> OrderView:
        """What its worker is given."""
        execution = self.execution
        limits = execution.limits
        return OrderView(
            uid=self.uid,
            token=self._token,
            source=execution.source,
            entry=execution.entry,
            inputs=self.contents.inputs,
            references=self.contents.references,
            links=tuple(sorted(execution.links)),
            datasite_parameter=execution.datasite_parameter,
            limits={name: getattr(limits, name) for name in limits.__struct_fields__},
            profile=execution.profile,
            has_host=self.host is not None,
        )

    def put(self, offset: int, data: bytes | memoryview) -> None:
        """Take the next bytes of the result.

        Args:
            offset: how many came before; of what was taken already nothing is written again.
            data: the bytes.
        Raises:
            InvalidInput: there would be a gap.
            InvalidState: the order is over, or by this.
        """
        with self._writing:
            with self._changed:
                if self.is_over:
                    raise InvalidState(_OVER)
            if not 0 <= offset <= self._written:
                raise InvalidInput(f"The result goes on at {self._written}.")
            data = memoryview(data)[self._written - offset :]
            if self._written + len(data) > self.execution.limits.output_bytes:
                # A worker's own sandbox would have stopped it; this is one that does not.
                reason = limit_text("result_bytes", self.execution.limits)
                with self._changed:
                    self._end(Outcome(status=Status.KILLED, reason=reason, worker=self._worker))
                raise InvalidState(_OVER)
            try:
                self._write(data)
            except BaseException as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                raise InvalidState(_OVER) from None
            self._hasher.update(data)
            self._written += len(data)
        if data:
            self.moved("out")

    def tell(self, current: int | None, total: int | None, stdout: str, stderr: str) -> None:
        """Note how far it is, and what it has printed."""
        with self._changed:
            if self.is_over:
                return
            if current is not None:
                self._progress = (current, total)
            printed: tuple[tuple[Stream, str], ...] = (("stdout", stdout), ("stderr", stderr))
            for stream, text in printed:
                # No more than would be kept, whatever a worker says.
                text = text[: self._printed_left[stream]]
                self._printed_left[stream] -= len(text)
                if text:
                    self._printed.append((stream, text))
            self._changed.notify_all()

    def finish(self, said: OutcomeView, offset: int, data: bytes | memoryview, digest: str) -> None:
        """Take in how it ended.

        Args:
            said: by its worker.
            offset: see `put`.
            data: the last bytes of the result.
            digest: of the whole result.
        Raises:
            InvalidInput: it is no outcome, or not that of these bytes.
            InvalidState: the order is over.
        """
        outcome = vetted(self.execution, said, self._worker)
        if outcome.status is Status.FINISHED:
            self.put(offset, data)
            if (self._written, self._hasher.hexdigest()) != (outcome.result_size, digest):
                raise InvalidInput("The result is not what was said of it.")
        with self._changed:
            if self.is_over:
                raise InvalidState(_OVER)
            if self._killed is not None:
                # Whoever had it killed was promised that this is how it ends.
                outcome = _killed(outcome, self._killed)
            self.finished = True
            self._end(outcome)

    # --- within

    def _end(self, outcome: Outcome) -> None:
        if not self.is_over:
            self._outcome = outcome
        self._changed.notify_all()

    def _write(self, data: memoryview) -> None:
        while data:
            count = self._result.write(data[:_WRITE_BYTES])
            data = data[min(len(data), _WRITE_BYTES) if count is None else count :]


def _killed(outcome: Outcome, reason: str) -> Outcome:
    return Outcome(
        status=Status.KILLED,
        reason=reason,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        usage=outcome.usage,
        level=outcome.level,
        worker=outcome.worker,
    )
