"""This module asks the host for a run, several things at once, and keeps the answers until they are sent."""

from __future__ import annotations

import io
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from syft.errors import SyftException
from syft.sandbox.channel import BULK_BYTES_MAX, Reply, bulk_header, message_frame
from syft.sandbox.contract import Host
from syft.sandbox.incoming import Launched

AT_ONCE: Final = 16
# A run that launches without ever reading an answer would fill the server's memory with them.
UNREAD_MAX: Final = 1000

_log = logging.getLogger(__name__)


class Launches:
    """What one run has asked for.

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
        self._waiting: deque[Launched] = deque()
        self._asking = 0
        self._answers: deque[Iterator[bytes | memoryview]] = deque()

    @property
    def busy(self) -> bool:
        """Whether the run should not be listened to for now."""
        with self._lock:
            return self._asking >= AT_ONCE

    @property
    def unread(self) -> int:
        """Answers that have not been taken."""
        with self._lock:
            return len(self._answers)

    def ask(self, launched: Launched) -> None:
        """Ask the host, in a thread of its own as soon as there is room for one."""
        refused = self._refusal(launched.name)
        with self._lock:
            if refused:
                self._answers.append(_refusal(launched.call, refused))
                return
            self._waiting.append(launched)
        self._begin()

    def take_answer(self) -> Iterator[bytes | memoryview] | None:
        """The next answer, as frames."""
        with self._lock:
            return self._answers.popleft() if self._answers else None

    def _refusal(self, name: str) -> str:
        if self._host is None:
            return "jobs cannot be launched here"
        if name not in self._links:
            return "this function was not submitted with it"
        return ""

    def _begin(self) -> None:
        with self._lock:
            if not self._waiting or self._asking >= AT_ONCE:
                return
            self._asking += 1
            launched = self._waiting.popleft()
        threading.Thread(target=self._ask, args=(launched,), daemon=True, name="syft-launch").start()

    def _ask(self, launched: Launched) -> None:
        assert self._host is not None
        try:
            answer = _answer(launched.call, self._host.launch_job(launched.name, launched.inputs))
        except SyftException as error:
            answer = _refusal(launched.call, error.public_message or type(error).__name__)
        except Exception:
            # Whatever broke in the node, the run that waits must be told; what it was is not its business.
            _log.exception("launching a job for a run failed")
            answer = _refusal(launched.call, "the node could not run it")
        with self._lock:
            self._asking -= 1
            self._answers.append(answer)
        self._begin()
        self._wake()


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
