"""This module runs strangers' functions in child processes of a pre-imported parent: the embedded sandbox."""

from __future__ import annotations

import contextlib
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
from syft.sandbox.keeper import Keeper
from syft.sandbox.launch import Launcher, ZygoteError
from syft.sandbox.levels import LANDLOCK, LEVELS, from_strongest
from syft.sandbox.lifeline import Lifeline
from syft.sandbox.limits import Limits, Usage
from syft.sandbox.profiles import BASE, PRELOAD, PROFILES, Profile
from syft.sandbox.selection import Refused, hand_over
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
    are lost, and the next run starts another. Each profile has such a parent of its own, started by the first run
    that wants it.

    The level is the strongest that proves itself here, in a run that tries what must not be possible. It is
    chosen once: when the parent dies, its successor must reach the same level. So it is with control groups: each
    run has one from the first on, or none has.

    Args:
        level: isolation level to use and no other; "auto" for the strongest that proves itself.
        minimum: with "auto", the weakest that will do; below it no job is run.
        protected: directories that no run may be able to read. A level at which it could counts as not available.
        preload: modules that all runs find imported; those that are not installed are left out.
        profiles: what some runs find imported beside those, by the name that `Execution.profile` has.
        environment: variables that every run sees beside the fixed ones.
        canary_every_s: how often the fence must prove itself again while the runner lives.
        idle_s: how long the parent of a profile stands without a run; the one of all others always does.
        packages: directory of packages that runs find before this interpreter's own. Only runs import from it; so
            what is preloaded and is in there, too, is imported by each run itself.
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
        profiles: Mapping[str, Profile] = PROFILES,
        idle_s: float = 600.0,
        packages: Path | None = None,
    ) -> None:
        for one, allowed in ((level, (AUTO, *LEVELS)), (minimum, LEVELS)):
            if one not in allowed:
                raise InvalidInput(f"'{one}' is not a level of isolation; they are {', '.join(LEVELS)}")
        self._protected = [str(path.absolute()) for path in protected]
        self._preload = tuple(preload)
        self._packages = str(packages.absolute()) if packages is not None else ""
        self._environment = dict(environment or {})
        self._delegation = Delegation()
        self._profiles = dict(profiles)
        self._keeper = Keeper(
            from_strongest(minimum) if level == AUTO else (level,),
            self._launcher,
            self._profiles,
            canary_every_s=canary_every_s,
            idle_s=idle_s,
        )
        self._lock = threading.Lock()
        self._lifelines: dict[str, Lifeline] = {}
        self._closed = False

    @property
    def level(self) -> str:
        """The isolation level in force; "" until it is known."""
        base = self._keeper.base
        return base.level if base else ""

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What the level lacks on this machine, one sentence each; empty until it is known."""
        base = self._keeper.base
        return base.weaknesses if base else ()

    @property
    def control_groups(self) -> str:
        """Where each run gets its control group; empty if runs have none, or that is not known yet."""
        base = self._keeper.base
        return base.control_groups if base else ""

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Why stronger levels are not in force, one sentence each; empty until that is known."""
        base = self._keeper.base
        return base.passed_over if base else ()

    @property
    def standing(self) -> tuple[str, ...]:
        """Profiles whose libraries are in memory now."""
        return self._keeper.names

    def wait(self) -> str:
        """Wait until it can run jobs; the level then.

        Raises:
            InvalidState: no level that will do is available here, the sandbox could not be started, or it has
                been closed.
        """
        self._check_usable()
        try:
            return self._keeper.wait().level
        except Refused as refused:
            raise InvalidState(str(refused)) from refused
        except ZygoteError as error:
            raise InvalidState(f"the sandbox could not be started: {error}") from error

    def start(self) -> None:
        """Begin to get ready, in the background.

        Raises:
            InvalidState: the runner has been closed, or this is not Linux.
        """
        self._check_usable()
        # What is wrong beyond that is told to who runs something.
        with contextlib.suppress(Refused, ZygoteError):
            self._keeper.start()

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
        for lifeline in running:
            lifeline.kill(_CLOSED)
        self._keeper.close()

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

    def _check_usable(self) -> None:
        if self._closed:
            raise InvalidState(_CLOSED)
        if sys.platform != "linux":  # pragma: no cover - tests need Linux
            raise InvalidState("the embedded sandbox needs Linux; on Windows, use WSL 2")

    def _launcher(self, level: str, profile: str) -> Launcher:
        more = self._profiles[profile].preload if profile != BASE else ()
        preload = [*self._preload, *more]
        return Launcher(level, preload, self._environment, self._protected, self._delegation, self._packages)

    def _run(self, execution: Execution, supervisor: Supervisor, lifeline: Lifeline) -> Outcome:
        self._check_usable()
        # Another attempt if the zygote has just died: nothing has begun by then.
        attempts = [BASE, BASE]
        if execution.profile != BASE and self._keeper.offers(execution.profile):
            attempts.insert(0, execution.profile)
        while True:
            try:
                with self._keeper.zygote(attempts.pop(0)) as (launcher, ready):
                    if lifeline.killed is not None:
                        raise ZygoteError("it was not needed any more")
                    return hand_over(launcher, ready, execution, supervisor, lifeline)
            except Refused as refused:
                raise InvalidState(str(refused)) from refused
            except ZygoteError as error:
                if not attempts or lifeline.killed is not None:
                    killed = lifeline.answer()
                    if killed is not None:
                        return Outcome(status=Status.KILLED, reason=killed)
                    return Outcome(status=Status.LOST, reason=f"the sandbox could not be started: {error}")
