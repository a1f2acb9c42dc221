"""This module runs strangers' functions in child processes of a pre-imported parent: the embedded sandbox."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from syft.errors import InvalidInput, InvalidState
from syft.sandbox.cgroups import Delegation
from syft.sandbox.contract import (
    Execution,
    FileInput,
    Host,
    InlineInput,
    Outcome,
    Runner,
    Status,
)
from syft.sandbox.launch import PRELOAD, Launcher, ZygoteError
from syft.sandbox.levels import LANDLOCK, LEVELS, from_strongest
from syft.sandbox.lifeline import Lifeline
from syft.sandbox.limits import Limits, Usage
from syft.sandbox.selection import Refused, Selection, hand_over
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

AUTO: Final = "auto"
_CLOSED: Final = "the sandbox was closed"


class EmbeddedRunner(Runner):
    """A runner that needs nothing but this machine.

    Runs are forked from a parent process that has imported the libraries once. If that dies, the runs it had
    are lost, and the next run starts another.

    The level is the strongest that proves itself here, in a run that tries what must not be possible. It is
    chosen once: when the parent dies, its successor must reach the same level. So it is with control groups: each
    run has one from the first on, or none has.

    Args:
        level: isolation level to use and no other; "auto" for the strongest that proves itself.
        minimum: with "auto", the weakest that will do; below it no job is run.
        protected: directories that no run may be able to read. A level at which it could counts as not available.
        preload: modules that runs find imported; those that are not installed are left out.
        environment: variables that every run sees beside the fixed ones.
        canary_every_s: how often the fence must prove itself again while the runner lives.
    Raises:
        InvalidInput: there is no such level.
    """

    def __init__(
        self,
        *,
        level: str = AUTO,
        minimum: str = LANDLOCK,
        protected: Sequence[Path] = (),
        preload: Sequence[str] = PRELOAD,
        environment: Mapping[str, str] | None = None,
        canary_every_s: float = 600.0,
    ) -> None:
        for one, allowed in ((level, (AUTO, *LEVELS)), (minimum, LEVELS)):
            if one not in allowed:
                raise InvalidInput(f"'{one}' is not a level of isolation; they are {', '.join(LEVELS)}")
        self._levels = from_strongest(minimum) if level == AUTO else (level,)
        self._protected = [str(path.absolute()) for path in protected]
        self._preload = tuple(preload)
        self._environment = dict(environment or {})
        self._canary_every_s = canary_every_s
        self._delegation = Delegation()
        self._lock = threading.Lock()
        self._selection: Selection | None = None
        self._lifelines: dict[str, Lifeline] = {}
        self._closed = False

    @property
    def level(self) -> str:
        """The isolation level in force; "" until it is known."""
        selection = self._selection
        return selection.level if selection else ""

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What the level lacks on this machine, one sentence each; empty until it is known."""
        selection = self._selection
        return selection.weaknesses if selection else ()

    @property
    def control_groups(self) -> str:
        """Where each run gets its control group; empty if runs have none, or that is not known yet."""
        selection = self._selection
        return selection.control_groups if selection else ""

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Why stronger levels are not in force, one sentence each; empty until that is known."""
        selection = self._selection
        return selection.passed_over if selection else ()

    def wait(self) -> str:
        """Wait until it can run jobs; the level then.

        Raises:
            InvalidState: no level that will do is available here, the sandbox could not be started, or it has
                been closed.
        """
        try:
            return self._current().wait()[1].level
        except Refused as refused:
            raise InvalidState(str(refused)) from refused
        except ZygoteError as error:
            raise InvalidState(f"the sandbox could not be started: {error}") from error

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
            selection = self._selection
        for lifeline in running:
            lifeline.kill(_CLOSED)
        if selection is not None:
            selection.close()

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

    def _current(self) -> Selection:
        """The zygote that takes runs now; another if it has died."""
        with self._lock:
            if self._closed:
                raise InvalidState(_CLOSED)
            if sys.platform != "linux":
                raise InvalidState("the embedded sandbox needs Linux; on Windows, use WSL 2")
            if self._selection is None or self._selection.gone:
                if self._selection is not None and self._selection.level:
                    # What was promised once holds for as long as this runner lives.
                    self._levels = (self._selection.level,)
                self._selection = Selection(self._levels, self._launcher, self._canary_every_s)
            return self._selection

    def _launcher(self, level: str) -> Launcher:
        return Launcher(level, self._preload, self._environment, self._protected, self._delegation)

    def _run(self, execution: Execution, supervisor: Supervisor, lifeline: Lifeline) -> Outcome:
        # Another attempt if the zygote has just died: nothing has begun by then.
        for last in (False, True):
            selection = self._current()
            try:
                launcher, ready = selection.wait()
                if lifeline.killed is not None:
                    raise ZygoteError("it was not needed any more")
                return hand_over(launcher, ready, execution, supervisor, lifeline)
            except Refused as refused:
                raise InvalidState(str(refused)) from refused
            except ZygoteError as error:
                if last or lifeline.killed is not None:
                    killed = lifeline.answer()
                    if killed is not None:
                        return Outcome(status=Status.KILLED, reason=killed)
                    return Outcome(status=Status.LOST, reason=f"the sandbox could not be started: {error}")
        raise AssertionError("the last attempt returns or raises")
