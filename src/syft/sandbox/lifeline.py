"""This module holds what several threads share about one run: is its process alive, and who wants it dead."""

from __future__ import annotations

import os
import select
import signal
import threading
from typing import Final

from syft.sandbox.accounting import cpu_s_of, used_below, used_by
from syft.sandbox.control import Ended

# A process that has been sent SIGKILL is gone in milliseconds, unless the kernel waits for a device.
GRACE_S: Final = 5.0


class Lifeline:
    """The life of one run's process. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pidfd: int | None = None
        self._below = False
        self._before_s: float | None = None
        self._killed: str | None = None
        self._lost: str | None = None
        self._ended: Ended | None = None
        self._answered = False
        self._known = threading.Event()
        self._over = threading.Event()
        self._wake: int | None = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def killed(self) -> str | None:
        """Reason for which somebody wants it dead."""
        return self._killed

    @property
    def lost(self) -> str | None:
        """What broke under it."""
        return self._lost

    @property
    def ended(self) -> Ended | None:
        """How its process ended."""
        return self._ended

    @property
    def wake_descriptor(self) -> int:
        """Readable when something has changed. Only for the thread that will call `answer`."""
        assert self._wake is not None
        return self._wake

    def wake(self) -> None:
        """Make the descriptor readable, if anybody still looks at it."""
        with self._lock:
            self._wake_locked()

    def _wake_locked(self) -> None:
        if self._wake is not None:
            os.eventfd_write(self._wake, 1)

    def forked(self, pidfd: int, *, below: bool = False) -> None:
        """The process exists; the descriptor is ours from now on.

        Args:
            pidfd: of the process with which the run ends.
            below: the run itself is below that process, and what it uses is theirs together.
        """
        with self._lock:
            self._pidfd = pidfd
            self._below = below
            if self._killed is not None or self._answered:
                self._strike()
        self._known.set()

    def end(self, ended: Ended) -> None:
        """The process is gone."""
        with self._lock:
            self._ended = ended
            self._release()
            self._known.set()
            self._over.set()
            self._wake_locked()

    def lose(self, why: str) -> None:
        """The zygote is gone, and the process with it, at the latest when this returns."""
        with self._lock:
            self._lost = why
            if self._pidfd is not None:
                self._strike()
                poll = select.poll()
                poll.register(self._pidfd, select.POLLIN)
                poll.poll(GRACE_S * 1000)
            self._release()
            self._known.set()
            self._over.set()
            self._wake_locked()

    def kill(self, reason: str) -> bool:
        """End the process; the first reason counts.

        Returns:
            whether the run had not been answered yet, so that the reason will be its outcome's.
        """
        with self._lock:
            if self._answered:
                return False
            if self._killed is None:
                self._killed = reason
            self._strike()
            self._wake_locked()
            return True

    def answer(self) -> str | None:
        """The outcome is about to be told: end the process; a `kill` comes too late from now on.

        Returns:
            the reason for which it was killed, if it was.
        """
        with self._lock:
            self._answered = True
            self._strike()
            if self._wake is not None:
                os.close(self._wake)
                self._wake = None
            return self._killed

    def begin(self) -> None:
        """The stranger's code is next: processor time until now was for its place."""
        with self._lock:
            if self._below and self._pidfd is not None:
                self._before_s = (used_below(self._pidfd) or (0.0, 0))[0]

    def cpu_s(self) -> float:
        """Processor seconds so far; 0 if there is no process to ask."""
        with self._lock:
            if self._pidfd is None:
                return 0.0
            if self._below:
                return (self._used_locked() or (0.0, 0))[0]
            return cpu_s_of(self._pidfd) or 0.0

    def used(self) -> tuple[float, int]:
        """Processor seconds and largest resident memory in bytes, for a run that has said its last word.

        Asked of the process while it waits to be ended; if it does not wait, it is ended, and collected.
        """
        # It may have been faster than the news of its birth.
        self._known.wait(GRACE_S)
        with self._lock:
            used = self._used_locked()
            self._strike()
        if used is not None:
            return used
        self._over.wait(GRACE_S)
        ended = self._ended
        return (ended.cpu_s, ended.max_rss_bytes) if ended is not None else (0.0, 0)

    def _used_locked(self) -> tuple[float, int] | None:
        if self._pidfd is None:
            return None
        if not self._below:
            return used_by(self._pidfd)
        used = used_below(self._pidfd) if self._before_s is not None else None
        return (max(0.0, used[0] - (self._before_s or 0.0)), used[1]) if used else None

    def _strike(self) -> None:
        if self._pidfd is not None:
            try:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            except ProcessLookupError:
                return  # it is gone already; that it was collected will be told

    def _release(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
