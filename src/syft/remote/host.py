"""This module is the node as a run on a worker sees it: what the run asks is passed on, and the answers back."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Final

from syft.errors import BadReply, InvalidState, SyftException, from_code
from syft.model.message import Done, Message
from syft.model.messages.work import (
    PIECE_BYTES,
    Collect,
    Collected,
    Launch,
    Launched,
    LaunchView,
    OrderView,
    PutLaunch,
    Ref,
    TellOrder,
)
from syft.sandbox.contract import Host, OfLaunched, Reference, Stream
from syft.transport.ask import Answer, expect

# Progress and printed text are passed on so often, all that came meanwhile at once.
_TELL_EVERY_S: Final = 0.1
_AT_ONCE: Final = 500
# What is on its way to the node is held in memory; a run that launches faster has to wait.
_QUEUED_BYTES: Final = 64 << 20
_SPOOL_BYTES: Final = 8 << 20
# News that got lost is made up for by asking.
_ASK_AGAIN_S: Final = 5.0
_ENDED: Final = "the run is over"
Say = Callable[[Message, bytes | memoryview], Answer]


class NodeHost(Host):
    """The node's answers to one run. Launches are sent on in order by a thread of their own, many at once.

    Args:
        view: the order.
        say: sends a message about it.
    """

    def __init__(self, view: OrderView, say: Say) -> None:
        self._order = view.uid
        self._token = view.token
        self._say = say
        self._changed = threading.Condition()
        self._closed = False
        self._progress: tuple[int, int | None] | None = None
        self._printed: dict[Stream, str] = {"stdout": "", "stderr": ""}
        self._teller: threading.Thread | None = None
        self._telling_over = threading.Event()
        self._launches: deque[tuple[LaunchView, bytes]] = deque()
        self._queued = 0
        self._sender: threading.Thread | None = None
        self._sent = 0
        self._refused: dict[int, SyftException] = {}
        self._ended: set[int] = set()

    # --- what the runner asks

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        """Have another function run in its turn. A refusal is told by `collect`."""
        view = LaunchView(
            call=call,
            name=name,
            sizes={key: len(value) for key, value in inputs.items()},
            references=tuple(_ref(one) for one in references),
        )
        data = b"".join(inputs.values())
        with self._changed:
            while self._queued and self._queued + len(data) > _QUEUED_BYTES and not self._closed:
                self._changed.wait()
            if self._closed:
                raise InvalidState(_ENDED)
            self._queued += len(data)
            self._launches.append((view, data))
            if self._sender is None:
                self._sender = threading.Thread(target=self._send, daemon=True, name="syft-launch")
                self._sender.start()
            self._changed.notify_all()

    def collect(self, call: int) -> BinaryIO:
        """The encoded result of a launched run, once it has ended."""
        with self._changed:
            while self._sent < call and call not in self._refused and not self._closed:
                self._changed.wait()
        file = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - whoever collects it closes it
        try:
            size = None
            while size is None or file.tell() < size:
                piece, total = self._piece(call, file.tell())
                if size not in (None, total) or (not piece and file.tell() < total):
                    raise BadReply("The node sent a result that is not as long as it said.")
                size = total
                file.write(piece)
        except BaseException:
            file.close()
            raise
        return file  # type: ignore[return-value]  # it is one in all but name

    def progress(self, current: int, total: int | None) -> None:
        """Note how far the run says it has come."""
        with self._changed:
            self._progress = (current, total)
        self._have_told()

    def printed(self, stream: Stream, text: str) -> None:
        """Pass on printed text."""
        with self._changed:
            self._printed[stream] += text
        self._have_told()

    # --- what the agent says

    def call_ended(self, call: int) -> None:
        """That launched run has ended: its result can be fetched."""
        with self._changed:
            self._ended.add(call)
            self._changed.notify_all()

    def close(self) -> None:
        """The run is over: tell the last of it, and wait for nothing more. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._telling_over.set()
        if self._teller is not None:
            self._teller.join()

    # --- telling

    def _have_told(self) -> None:
        if self._teller is None:
            self._teller = threading.Thread(target=self._tell, daemon=True, name="syft-tell")
            self._teller.start()

    def _tell(self) -> None:
        over = False
        while not over:
            over = self._telling_over.wait(_TELL_EVERY_S)
            with self._changed:
                progress, self._progress = self._progress, None
                printed, self._printed = self._printed, {"stdout": "", "stderr": ""}
            if progress is None and not any(printed.values()):
                continue
            current, total = progress or (None, None)
            # All of it is in the outcome, too.
            with contextlib.suppress(SyftException):
                self._say(TellOrder(self._order, self._token, current, total, **printed), b"")

    # --- launching

    def _send(self) -> None:
        while True:
            with self._changed:
                while not self._launches and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                batch, size = [self._launches.popleft()], 0
                size = len(batch[0][1])
                while (
                    self._launches
                    and len(batch) < _AT_ONCE
                    and size + len(self._launches[0][1]) <= PIECE_BYTES
                ):
                    batch.append(self._launches.popleft())
                    size += len(batch[-1][1])
            self._send_batch([view for view, _ in batch], b"".join(data for _, data in batch))

    def _send_batch(self, views: list[LaunchView], data: bytes) -> None:
        refused: dict[int, SyftException] = {}
        try:
            offset, rest = 0, memoryview(data)
            while len(rest) > PIECE_BYTES:
                message = PutLaunch(self._order, self._token, offset)
                expect(self._say(message, rest[:PIECE_BYTES]), Done)
                offset, rest = offset + PIECE_BYTES, rest[PIECE_BYTES:]
            launch = Launch(self._order, self._token, tuple(views), offset)
            reply = expect(self._say(launch, rest), Launched)
            refused = {one.call: from_code(one.code, one.text) for one in reply.refused}
        except SyftException as error:
            refused = dict.fromkeys((view.call for view in views), error)
        with self._changed:
            self._refused |= refused
            self._sent = views[-1].call
            self._queued -= len(data)
            self._changed.notify_all()

    def _piece(self, call: int, offset: int) -> tuple[bytes | memoryview, int]:
        while True:
            with self._changed:
                if call in self._refused:
                    raise self._refused[call]
                if self._closed:
                    raise InvalidState(_ENDED)
                # Before the question: news that comes after it is of an end after it.
                self._ended.discard(call)
            answer = self._say(Collect(self._order, self._token, call, offset), b"")
            reply = expect(answer, Collected)
            if reply.ended:
                return answer.attachment, reply.size
            with self._changed:
                self._changed.wait_for(lambda: call in self._ended or self._closed, _ASK_AGAIN_S)


def _ref(one: Reference) -> Ref:
    return Ref(call=one.call) if isinstance(one, OfLaunched) else Ref(name=one.name, part=one.part)
