"""This module asks the host for what a run asks for, and keeps the answers until they are sent."""

from __future__ import annotations

import io
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from syft.errors import SyftException
from syft.sandbox.channel import BULK_BYTES_MAX, Collect, Reply, bulk_header, message_frame
from syft.sandbox.contract import Host, OfLaunched
from syft.sandbox.incoming import Launched

# Threads that wait for launched runs on behalf of one run.
AT_ONCE: Final = 16
# A run that asks for results without ever reading an answer would fill the server's memory with them.
UNANSWERED_MAX: Final = 64
# More than any host allows: beyond it, nothing is kept of a launch, and the run must go.
LAUNCHES_MAX: Final = 20_000
_FAULT: Final = "the node could not run it"

_log = logging.getLogger(__name__)


class Launches:
    """What one run has asked for. Its methods are called by one thread.

    Args:
        host: whom to ask; None refuses everything.
        links: names that may be asked for.
        wake: called, from any thread, when an answer has come.
    """

    def __init__(self, host: Host | None, links: frozenset[str], wake: Callable[[], None]) -> None:
        self._host = host
        self._links = links
        self._wake = wake
        self._lock = threading.Lock()
        self._calls = 0
        self._refused: dict[int, str] = {}
        self._waiting: deque[Collect] = deque()
        self._asking = 0
        self._answers: deque[Iterator[bytes | memoryview]] = deque()

    @property
    def busy(self) -> bool:
        """Whether the run should not be listened to for now: it has asked for much that it has not taken."""
        with self._lock:
            return self._asking + len(self._waiting) + len(self._answers) >= UNANSWERED_MAX

    def launch(self, launched: Launched) -> bool:
        """Have the host launch a run. A refusal is told when the result is asked for.

        Returns:
            False if no run's own side of the channel would ask this: calls are numbered from 1, and are not endless.
        """
        if launched.call != self._calls + 1 or launched.call > LAUNCHES_MAX:
            return False
        self._calls = launched.call
        refused = self._refusal(launched)
        if not refused:
            assert self._host is not None
            try:
                self._host.launch_job(launched.call, launched.name, launched.inputs, launched.references)
            except SyftException as error:
                refused = error.public_message or type(error).__name__
            except Exception:
                # Whatever broke in the node, the run must be told; what it was is not its business.
                _log.exception("launching a job for a run failed")
                refused = _FAULT
        if refused:
            self._refused[launched.call] = refused
        return True

    def collect(self, asked: Collect) -> bool:
        """Answer when that launched run has ended; waiting for it is done in another thread.

        Returns:
            False if there was no such launch.
        """
        if not 0 < asked.call <= self._calls:
            return False
        refused = self._refused.get(asked.call)
        with self._lock:
            if refused is None:
                self._waiting.append(asked)
            else:
                self._answers.append(_refusal(asked.call, refused))
        self._begin()
        return True

    def take_answer(self) -> Iterator[bytes | memoryview] | None:
        """The next answer, as frames."""
        with self._lock:
            return self._answers.popleft() if self._answers else None

    def _refusal(self, launched: Launched) -> str:
        if self._host is None:
            return "jobs cannot be launched here"
        if launched.name not in self._links:
            return "this function was not submitted with it"
        # The host knows nothing of those; what it was to be given is not going to be there.
        given = (self._refused.get(one.call) for one in launched.references if isinstance(one, OfLaunched))
        return next(filter(None, given), "")

    def _begin(self) -> None:
        with self._lock:
            if not self._waiting or self._asking >= AT_ONCE:
                return
            self._asking += 1
        threading.Thread(target=self._work, daemon=True, name="syft-collect").start()

    def _work(self) -> None:
        """Wait for one after another, as long as there are any."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._asking -= 1
                    return
                asked = self._waiting.popleft()
            answer = self._collected(asked)
            with self._lock:
                self._answers.append(answer)
            self._wake()

    def _collected(self, asked: Collect) -> Iterator[bytes | memoryview]:
        assert self._host is not None
        try:
            value = self._host.collect(asked.call)
            if asked.wanted:
                return _answer(asked.call, value)
            if not isinstance(value, bytes):
                value.close()
            return iter([message_frame(Reply(asked.call, 0))])
        except SyftException as error:
            return _refusal(asked.call, error.public_message or type(error).__name__)
        except Exception:
            _log.exception("collecting the result of a launched job failed")
            return _refusal(asked.call, _FAULT)


def _refusal(call: int, why: str) -> Iterator[bytes | memoryview]:
    return iter([message_frame(Reply(call, 0, why))])


def _answer(call: int, value: bytes | BinaryIO) -> Iterator[bytes | memoryview]:
    """Frames of an encoded value, read as they are sent; the file is closed at the end."""
    file = io.BytesIO(value) if isinstance(value, bytes) else value
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return _frames(call, file, size)


def _frames(call: int, file: BinaryIO, size: int) -> Iterator[bytes | memoryview]:
    with file:
        yield message_frame(Reply(call, size))
        while piece := file.read(BULK_BYTES_MAX):
            yield bulk_header(len(piece))
            yield piece
