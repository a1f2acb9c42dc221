"""This module finds the strongest level of isolation that this machine allows and that proves itself."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from syft.logger import say
from syft.sandbox import advice, canary, scratch
from syft.sandbox.acts.stage import Stage
from syft.sandbox.contract import Execution, Outcome, Status
from syft.sandbox.control import Fork, Ready
from syft.sandbox.launch import Launcher, LevelError, ZygoteError
from syft.sandbox.levels import GVISOR, NAMESPACES, PROCESS
from syft.sandbox.lifeline import Lifeline
from syft.sandbox.supervise import Supervisor

_PAUSE_S: Final = 1.0


class Refused(Exception):
    """No level that will do is available on this machine; says why, and what to do."""


@dataclass(frozen=True)
class Chosen:
    """A zygote at a level that has proved itself."""

    launcher: Launcher
    ready: Ready


class Selection:
    """One search, in a thread of its own, and what came of it.

    Args:
        levels: to try, the strongest first.
        launch: makes a zygote at a level.
        canary_every_s: how often the level must prove itself again.
        breached: told, in this search's thread, that a fence which held does not hold any more.
        lost: told, in this search's thread, that the zygote chosen has died.
    """

    def __init__(
        self,
        levels: Sequence[str],
        launch: Callable[[str], Launcher],
        canary_every_s: float,
        breached: Callable[[Refused], None],
        lost: Callable[[], None],
    ) -> None:
        self._levels = tuple(levels)
        self._launch = launch
        self._canary_every_s = canary_every_s
        self._breached = breached
        self._lost = lost
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._launcher: Launcher | None = None
        self._chosen: Chosen | None = None
        self._failure: Exception | None = None
        self._passed_over: list[str] = []
        self._decided = threading.Event()
        self._thread = threading.Thread(target=self._search, name="syft-isolation", daemon=True)
        self._thread.start()

    @property
    def gone(self) -> bool:
        """Whether it can take no more runs, and another may."""
        if not self._decided.is_set() or isinstance(self._failure, Refused):
            return False
        return self._chosen is None or self._chosen.launcher.gone

    @property
    def level(self) -> str:
        """The level chosen; "" until it is known."""
        return self._chosen.ready.level if self._chosen else ""

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What the level lacks on this machine, one sentence each."""
        return tuple(self._chosen.ready.weaknesses) if self._chosen else ()

    @property
    def control_groups(self) -> str:
        """Where each run gets its control group; empty if runs have none."""
        return self._chosen.launcher.control_groups if self._chosen else ""

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Why stronger levels were not chosen, one sentence each."""
        return tuple(self._passed_over)

    def wait(self) -> tuple[Launcher, Ready]:
        """Wait until a level is chosen.

        Raises:
            Refused: this machine allows none that will do, or the level chosen has failed its test since.
            ZygoteError: no zygote could be started, for a reason that has nothing to do with levels.
        """
        self._decided.wait()
        chosen, failure = self._chosen, self._failure
        if failure is not None:
            raise failure
        assert chosen is not None
        return chosen.launcher, chosen.ready

    def close(self) -> None:
        """End the zygote and wait until nothing is left. May be called twice."""
        self._closing.set()
        with self._lock:
            launcher = self._launcher
        if launcher is not None:
            launcher.close()
        self._thread.join()

    def _search(self) -> None:
        try:
            self._chosen = self._find()
        except (Refused, ZygoteError) as error:
            self._failure = error
        except Exception as error:
            self._failure = ZygoteError(f"{type(error).__name__}: {error}")
        finally:
            self._decided.set()
        if self._chosen is not None:
            self._watch(self._chosen)

    def _watch(self, chosen: Chosen) -> None:
        """Have the fence prove itself again, now and then; without it nothing runs any more."""
        while not chosen.launcher.wait_until_over(self._canary_every_s):
            if chosen.ready.level == PROCESS:
                continue  # it promises nothing
            try:
                _prove(chosen.launcher, chosen.ready.level)
            except canary.Breach as error:
                say(logging.ERROR, "the fence has a hole", isolation=chosen.ready.level, why=str(error))
                refused = Refused(
                    "This server does not run code any more: its fence has failed a test that it had passed "
                    f"before ({error}). Start the server again, and run `syft doctor` on its machine."
                )
                self._failure = refused
                chosen.launcher.close()
                self._breached(refused)
                return
            except (canary.CanaryFailed, ZygoteError) as error:
                if not self._closing.is_set():
                    say(logging.WARNING, "the fence could not be tested", why=str(error))
        # Not at once: on a machine without memory it would be ended again and again, and take what is left.
        if not self._closing.wait(_PAUSE_S):
            self._lost()

    def _find(self) -> Chosen:
        broken: list[ZygoteError] = []
        for level in self._levels:
            try:
                return self._try(level)
            except (LevelError, canary.CanaryFailed) as error:
                self._passed_over.append(f"{level}: {error}")
                say(logging.WARNING, "a level of isolation is not available", isolation=level, why=str(error))
            except ZygoteError as error:
                self._passed_over.append(f"{level}: {error}")
                broken.append(error)
        if len(broken) == len(self._levels):
            raise broken[-1]
        raise Refused(_refusal(self._levels, self._passed_over))

    def _try(self, level: str) -> Chosen:
        """A zygote at that level, proved.

        A test that broke off says nothing about the fence: on a machine with too much to do it is the time that ran
        out, or the kernel has ended the zygote for want of memory. It is made once more, so that neither leaves a
        server at a weaker level, or without any, until its next start.

        Raises:
            LevelError: this machine does not allow the level.
            CanaryFailed: the level did not prove itself.
            ZygoteError: it could not be started, or died.
        """
        for last in (False, True):
            with self._lock:
                if self._closing.is_set():
                    raise ZygoteError("it was closed")
                self._launcher = launcher = self._launch(level)
            try:
                return Chosen(launcher, _prove(launcher, level))
            except (ZygoteError, canary.CanaryFailed) as error:
                launcher.close()
                if last or self._closing.is_set() or isinstance(error, LevelError | canary.Breach):
                    raise
                say(
                    logging.WARNING,
                    "the fence could not be tested; once more",
                    isolation=level,
                    why=str(error),
                )
            except BaseException:
                launcher.close()
                raise
        raise AssertionError("not reached")  # pragma: no cover - the second try ends the loop


def _refusal(levels: Sequence[str], why: Sequence[str]) -> str:
    """Why no job is run, and what an operator can do about it."""
    to_do = "Run `syft doctor` on the server's machine to see what is missing"
    if GVISOR in levels:
        to_do += "; `gvisor` needs the program runsc (`apt install runsc`), and Linux on x86-64 or aarch64"
    if NAMESPACES in levels:
        to_do += "; `namespaces` needs Linux 5.12 with unprivileged user namespaces, `landlock` Linux 5.13"
    to_do += ". A weaker level is used only if SYFT_ISOLATION_MIN or SYFT_ISOLATION names it."
    if NAMESPACES in levels:
        to_do = " ".join(
            [to_do, *(f"For `namespaces`: {one}" for one in advice.how_to_raise(advice.look(), why[0]))]
        )
    return (
        f"This server does not run code: isolation of at least '{levels[-1]}' is required and not available "
        f"here ({'; '.join(why)}). {to_do}"
    )


def _prove(launcher: Launcher, level: str) -> Ready:
    """Wait for a zygote, and have it show what its level promises.

    Raises:
        ZygoteError: it could not be started, or has died.
        CanaryFailed: it did not show it.
    """
    if level == PROCESS:
        return launcher.wait()
    held = scratch.Held("syft-selftest-")
    try:
        with Stage(held.path / "stage", canary.LIMITS) as stage:
            # The acts are tried outside first, while the zygote imports.
            canary.check(_On(launcher), stage, level)
    except (ZygoteError, canary.Breach):
        raise
    except canary.CanaryFailed as error:
        launcher.wait()  # perhaps for the same reason, and it knows more
        if launcher.gone:
            # That says nothing about the level.
            raise ZygoteError(f"it died during its self-test: {error}") from error
        raise
    except Exception as error:
        launcher.wait()
        raise ZygoteError(f"the self-test could not be set up: {error}") from error
    finally:
        held.remove()
    return launcher.wait()


class _On:
    """Runs on one zygote, as soon as it is ready, whatever becomes of others."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    def run(self, execution: Execution, *, result: BinaryIO) -> Outcome:
        ready = self._launcher.wait()
        lifeline = Lifeline()
        try:
            supervisor = Supervisor(execution, result, None, lifeline)
            try:
                return hand_over(self._launcher, ready, execution, supervisor, lifeline)
            except ZygoteError as error:
                return Outcome(status=Status.LOST, reason=str(error))
            finally:
                supervisor.close()
        finally:
            lifeline.answer()


def hand_over(
    launcher: Launcher, ready: Ready, execution: Execution, supervisor: Supervisor, lifeline: Lifeline
) -> Outcome:
    """Have a zygote fork a run, and watch it to its end.

    Raises:
        ZygoteError: the zygote has died, and nothing has begun.
    """
    # Not the run's own: a job that was lost begins again while the end of its first attempt is still to be told, and
    # would be taken for it. Nor must a run that looks into its parent's memory find the names of others' jobs.
    uid = secrets.token_hex(16)
    launcher.fork(Fork(uid, execution.limits), supervisor.descriptors, lifeline)
    supervisor.close_theirs()
    return supervisor.supervise(launcher.directory(uid), ready.errors, ready.level)
