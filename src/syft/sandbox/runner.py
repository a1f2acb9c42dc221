"""This module runs strangers' functions in child processes of a pre-imported parent: the embedded sandbox."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final

from syft.errors import InvalidInput, InvalidState
from syft.sandbox.contract import (
    Execution,
    FileInput,
    Host,
    InlineInput,
    Outcome,
    Runner,
    Status,
)
from syft.sandbox.control import Fork, Ready
from syft.sandbox.launch import PRELOAD, Launcher, ZygoteError
from syft.sandbox.lifeline import Lifeline
from syft.sandbox.limits import Limits, Usage
from syft.sandbox.supervise import Supervisor

__all__ = [
    "EmbeddedRunner",
    "Execution",
    "FileInput",
    "Host",
    "InlineInput",
    "Limits",
    "Outcome",
    "Runner",
    "Status",
    "Usage",
]

_CLOSED: Final = "the sandbox was closed"


class EmbeddedRunner(Runner):
    """A runner that needs nothing but this machine.

    Runs are forked from a parent process that has imported the libraries once. If that dies, the runs it had
    are lost, and the next run starts another.

    Args:
        preload: modules that runs find imported; those that are not installed are left out.
        environment: variables that every run sees beside the fixed ones.
    """

    def __init__(
        self, *, preload: Sequence[str] = PRELOAD, environment: Mapping[str, str] | None = None
    ) -> None:
        self._preload = tuple(preload)
        self._environment = dict(environment or {})
        self._lock = threading.Lock()
        self._launcher: Launcher | None = None
        self._lifelines: dict[str, Lifeline] = {}
        self._closed = False

    @property
    def level(self) -> str:
        """The isolation level in force; "" until it is known."""
        launcher = self._launcher
        return launcher.level if launcher else ""

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What the level lacks on this machine, one sentence each; empty until it is known."""
        launcher = self._launcher
        return launcher.weaknesses if launcher else ()

    def start(self) -> None:
        """Begin to get ready, in the background.

        Raises:
            InvalidState: the runner has been closed, or this is not Linux.
        """
        self._current()

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        """Run one function to its end. See `Runner`."""
        lifeline = self._register(execution.uid)
        try:
            supervisor = Supervisor(execution, result, host, lifeline)
            try:
                return self._run(execution, supervisor, lifeline)
            finally:
                supervisor.close()
        finally:
            lifeline.answer()
            with self._lock:
                del self._lifelines[execution.uid]

    def kill(self, uid: str, reason: str) -> bool:
        """End a run; the reason becomes the outcome's."""
        with self._lock:
            lifeline = self._lifelines.get(uid)
        return lifeline is not None and lifeline.kill(reason)

    def close(self) -> None:
        """End every run and leave nothing behind."""
        with self._lock:
            self._closed = True
            running = list(self._lifelines.values())
            launcher = self._launcher
        for lifeline in running:
            lifeline.kill(_CLOSED)
        if launcher is not None:
            launcher.close()

    def _register(self, uid: str) -> Lifeline:
        lifeline = Lifeline()
        with self._lock:
            if self._closed:
                lifeline.answer()
                raise InvalidState(_CLOSED)
            if uid in self._lifelines:
                lifeline.answer()
                raise InvalidInput("a run with this uid is going on")
            self._lifelines[uid] = lifeline
        return lifeline

    def _current(self) -> Launcher:
        """The zygote that takes runs now; another if it has died."""
        with self._lock:
            if self._closed:
                raise InvalidState(_CLOSED)
            if sys.platform != "linux":
                raise InvalidState("the embedded sandbox needs Linux; on Windows, use WSL 2")
            if self._launcher is None or self._launcher.gone:
                self._launcher = Launcher("process", self._preload, self._environment)
            return self._launcher

    def _run(self, execution: Execution, supervisor: Supervisor, lifeline: Lifeline) -> Outcome:
        try:
            launcher, ready = self._begin(execution, supervisor, lifeline)
        except ZygoteError as error:
            killed = lifeline.answer()
            if killed is not None:
                return Outcome(status=Status.KILLED, reason=killed)
            return Outcome(status=Status.LOST, reason=f"the sandbox could not be started: {error}")
        supervisor.close_theirs()
        return supervisor.supervise(launcher.directory(execution.uid), ready.errors, ready.level)

    def _begin(
        self, execution: Execution, supervisor: Supervisor, lifeline: Lifeline
    ) -> tuple[Launcher, Ready]:
        """Hand the run to a zygote, or to another if that one has just died: nothing has begun by then.

        Raises:
            ZygoteError: there is no zygote, or the run has been killed meanwhile.
        """
        for last in (False, True):
            launcher = self._current()
            try:
                ready = launcher.wait()
                if lifeline.killed is not None:
                    raise ZygoteError("it was not needed any more")
                launcher.fork(Fork(execution.uid, execution.limits), supervisor.descriptors, lifeline)
            except ZygoteError:
                if last or lifeline.killed is not None:
                    raise
            else:
                return launcher, ready
        raise AssertionError("the last attempt returns or raises")
