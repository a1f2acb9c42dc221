"""This module ends a server in order when it is told to, also as the first process of a container."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Final

_FIRST: Final = 1
# Told by the terminal itself, to every process that runs in its foreground.
_BY_THE_KERNEL: Final = 0x80
# Not handed on: about the first process's own children, or not to be caught at all.
_OWN: Final = (signal.SIGCHLD, signal.SIGKILL, signal.SIGSTOP)
_KILLED: Final = 128


@contextlib.contextmanager
def ended_on_request() -> Iterator[None]:
    """While this lasts, SIGTERM unwinds the main thread, so that whatever is open is closed; the status is then 0.

    Without it the process would be gone at once; and the first process of a container, for which the kernel ignores
    signals that nobody has asked for, would go on until it is killed.
    """
    before = signal.signal(signal.SIGTERM, _unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _unwind(_signal: int, _frame: FrameType | None) -> None:
    # A second one does not interrupt the closing.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


def leave_first_place() -> None:
    """In the first process of a pid namespace, as in a container, go on in a child, and be what that place needs.

    Whatever loses its parent there becomes a child of the first process, which must wait for it, or it stays as a
    dead entry until the table of processes is full. A server that does so itself would take the ends of its own
    children from those who wait for them. Called before the first thread is started. Elsewhere it does nothing.
    """
    if os.getpid() != _FIRST or sys.platform != "linux":
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os._exit(_look_after(child))


def _look_after(child: int) -> int:
    """Hand signals on and wait for whatever ends, until the child does; its status, as a shell would tell it."""
    while True:
        told = signal.sigwaitinfo(signal.valid_signals())
        if told.si_signo not in _OWN and told.si_code != _BY_THE_KERNEL:
            os.kill(child, told.si_signo)
        # Signals of one kind are told once, however many there were.
        ended, status = _reap()
        while ended:
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else _KILLED - code
            ended, status = _reap()


def _reap() -> tuple[int, int]:
    """Pid and status of a process that has ended; 0 if none has."""
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0
