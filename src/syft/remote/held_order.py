"""This module is one order as its worker has it: inputs brought, code run on the worker's fence, result sent back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, BinaryIO, Final, cast

from blake3 import blake3

from syft.errors import InvalidState, NodeUnreachable, SyftException
from syft.jobs.vetting import as_view
from syft.model.message import Done, Message
from syft.model.messages.work import (
    PIECE_BYTES,
    FetchInput,
    FinishOrder,
    Given,
    OrderView,
    Piece,
    PutResult,
)
from syft.remote.cache import Cache
from syft.remote.connection import Connection
from syft.remote.host import NodeHost
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Runner, Status
from syft.sandbox.limits import Limits
from syft.transport.ask import Answer, expect

_TRY_AGAIN_S: Final = 0.2


class HeldOrder:
    """One order that this worker holds.

    Args:
        view: the order.
        connection: to the node.
        cache: where its inputs are put.
        runner: the worker's own fence.
        patience_s: how long to go on asking a node that does not answer: the lease is over then.
    """

    def __init__(
        self, view: OrderView, connection: Connection, cache: Cache, runner: Runner, patience_s: float
    ) -> None:
        self.uid = view.uid
        self._view = view
        self._connection = connection
        self._cache = cache
        self._runner = runner
        self._patience_s = patience_s
        self._host = NodeHost(view, self._say) if view.has_host else None
        self._unwanted = threading.Event()
        self._ended = threading.Event()

    def work(self) -> None:
        """Run it to its end, and say how it ended.

        Raises:
            SyftException: nobody could be told; whoever wanted it finds it lost.
        """
        sink = _Sink(lambda offset, data: self._put(offset, data))
        try:
            with ExitStack() as inputs:
                outcome = self._outcome(inputs, sink)
        finally:
            self._ended.set()
            if self._host is not None:
                self._host.close()
        if self._unwanted.is_set() and outcome.status is not Status.FINISHED:
            # Where the node had it killed, it knows by whom and why; else this worker hands it back.
            outcome = replace(outcome, status=Status.LOST, reason="its worker was stopped")
        rest = sink.rest if outcome.status is Status.FINISHED else b""
        digest = sink.digest if outcome.status is Status.FINISHED else ""
        message = FinishOrder(self.uid, self._view.token, as_view(outcome), sink.sent, digest)
        expect(self._say(message, rest), Done)

    def stop(self) -> None:
        """End it: nobody wants its result any more. May be called at any time, and again."""
        if not self._unwanted.is_set():
            self._unwanted.set()
            threading.Thread(target=self._kill, daemon=True, name="syft-kill").start()

    def call_ended(self, call: int) -> None:
        """A run that it has launched has ended."""
        if self._host is not None:
            self._host.call_ended(call)

    def _kill(self) -> None:
        # While its inputs are being brought, the runner does not know it yet.
        while not (self._runner.kill(self.uid.hex, "its node wants it no more") or self._ended.wait(0.01)):
            pass

    def _outcome(self, inputs: ExitStack, sink: _Sink) -> Outcome:
        try:
            execution = self._execution(inputs)
        except SyftException as error:
            # The code is not to blame; it may be begun again.
            return Outcome(
                status=Status.LOST, reason=f"an input could not be brought: {error.public_message}"
            )
        if self._unwanted.is_set():
            return Outcome(status=Status.KILLED, reason="it was not wanted any more")
        try:
            return self._runner.run(execution, result=cast(BinaryIO, sink), host=self._host)
        except SyftException as error:
            return Outcome(status=Status.LOST, reason=f"the worker could not run it: {error.public_message}")

    def _execution(self, inputs: ExitStack) -> Execution:
        view = self._view
        # Each limit is checked by its own class; one that this version does not know is no limit it could keep.
        known = {name: view.limits[name] for name in Limits.__struct_fields__ if name in view.limits}
        return Execution(
            uid=self.uid.hex,
            source=view.source,
            entry=view.entry,
            inputs={name: self._brought(inputs, given) for name, given in view.inputs.items()},
            references=tuple(self._brought(inputs, given) for given in view.references),
            links=frozenset(view.links),
            datasite_parameter=view.datasite_parameter,
            limits=Limits(**cast(dict[str, Any], known)),
            profile=view.profile,
        )

    def _brought(self, inputs: ExitStack, given: Given) -> FileInput | InlineInput:
        if given.inline is not None:
            return InlineInput(given.inline)

        def fetch(offset: int) -> bytes | memoryview:
            answer = self._say(FetchInput(self.uid, self._view.token, given.digest, offset))
            expect(answer, Piece)
            return answer.attachment

        return FileInput(inputs.enter_context(self._cache.holding(given.digest, given.size, fetch)))

    def _put(self, offset: int, data: bytes) -> None:
        expect(self._say(PutResult(self.uid, self._view.token, offset), data), Done)

    def _say(self, message: Message, attachment: bytes | memoryview = b"") -> Answer:
        """Say something about the order; again, where no answer came: all that is said of one may be said twice."""
        until = time.monotonic() + self._patience_s
        while True:
            if self._unwanted.is_set() and not self._ended.is_set():
                raise InvalidState("nobody wants it any more")
            try:
                return self._connection.exchange(message, attachment)
            except NodeUnreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(_TRY_AGAIN_S)


class _Sink:
    """What a run returns, on its way to the node: a piece at a time is held here.

    Args:
        put: sends a piece, with how many bytes came before.
    """

    def __init__(self, put: Callable[[int, bytes], None]) -> None:
        self._put = put
        self._held = bytearray()
        self._hasher = blake3()
        self.sent = 0

    @property
    def rest(self) -> bytes:
        """What was not sent yet."""
        return bytes(self._held)

    @property
    def digest(self) -> str:
        """Of all that was written."""
        digest: str = self._hasher.hexdigest()
        return digest

    def write(self, data: Any, /) -> int:
        """Take some bytes."""
        self._hasher.update(data)
        self._held += data
        while len(self._held) > PIECE_BYTES:
            piece = bytes(self._held[:PIECE_BYTES])
            self._put(self.sent, piece)
            self.sent += len(piece)
            del self._held[:PIECE_BYTES]
        return len(data)
