"""This module tries functions on mock values in a fenced run on this computer, by the same runner as the real run."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from syft.client.objects import decode_file
from syft.client.present import SyftInfo, clean, say
from syft.code import CapturedFunction
from syft.errors import CodeFailed, InvalidInput, LimitExceeded, SyftException, UnsupportedType
from syft.model.limits import FIGURES, JobLimits
from syft.model.uid import UID
from syft.policy.limits import filled, nested_limits
from syft.sandbox.contract import (
    Execution,
    FileInput,
    Host,
    InlineInput,
    Input,
    Outcome,
    Runner,
    Status,
    Stream,
)
from syft.sandbox.levels import LANDLOCK, PROCESS
from syft.sandbox.limits import Limits, limits_of
from syft.sandbox.profiles import profile_for
from syft.sandbox.runner import EmbeddedRunner
from syft.sandbox.tree import Tree
from syft.wire import codec
from syft.wire.types_partitioned import Part

_INLINE_LIMIT_BYTES: Final = 1024 * 1024
_LEVEL_WAIT_S: Final = 10.0
# What a try may use where its function asks for nothing.
DEFAULTS: Final = JobLimits(
    **{figure.field: getattr(Limits(), figure.field) for figure in FIGURES},
)


class Tryable(Protocol):
    """A function that can be tried."""

    @property
    def captured(self) -> CapturedFunction:
        """Its text and what it launches."""
        ...

    @property
    def limits(self) -> JobLimits:
        """What it asks that a run of it may use."""
        ...


class SharedRunner:
    """The one runner of this process: made when it is first needed, closed when the process ends.

    Args:
        make: makes the runner.
    """

    def __init__(self, make: Callable[[], Runner]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._runner: Runner | None = None
        self._owner = 0

    def get(self) -> Runner:
        """The runner; another one in a forked process, which does not own its parent's."""
        with self._lock:
            if self._runner is None or self._owner != os.getpid():
                self._runner = self._make()
                self._owner = os.getpid()
                atexit.register(self.close)
            return self._runner

    def warm(self) -> None:
        """Begin to get ready, so that the first try does not wait. A failure shows when something is run."""
        with contextlib.suppress(SyftException):
            self.get().start()

    def close(self) -> None:
        """End what runs. May be called twice."""
        with self._lock:
            runner, self._runner = self._runner, None
        if runner is not None and self._owner == os.getpid():
            atexit.unregister(self.close)
            runner.close()


# What is tried is this person's own code: where there is no fence, it runs without one, and that is said.
shared: Final = SharedRunner(lambda: EmbeddedRunner(minimum=PROCESS))


# What an owner runs is somebody else's, and may be run on the real data: never without a fence.
strangers: Final = SharedRunner(lambda: EmbeddedRunner(minimum=LANDLOCK))


def try_function(function: Tryable, inputs: Mapping[str, Any]) -> Any:
    """Run the function on these values behind the fence, and return what it returned.

    Args:
        function: to try.
        inputs: values by parameter name.
    Raises:
        CodeFailed: it raised; the text has its traceback, since all it saw is the caller's own.
        LimitExceeded: it used too much.
        UnsupportedType: an input or the result cannot travel.
    """
    what = f"Testing '{function.captured.name}' on mock data in an ephemeral server"
    return _run_here(shared.get(), function, inputs, what)


def run_strangers(function: Tryable, inputs: Mapping[str, Any]) -> Any:
    """Run somebody else's function on these values on this computer, and return what it returned.

    Args:
        function: to run.
        inputs: values by parameter name; they may be the real ones.
    Raises:
        InvalidState: this computer has no fence for it; then it does not run.
        SyftException: as `try_function`.
    """
    what = f"Running '{function.captured.name}', which somebody else has written, behind the fence of this computer"
    return _run_here(strangers.get(), function, inputs, what)


def _run_here(runner: Runner, function: Tryable, inputs: Mapping[str, Any], what: str) -> Any:
    captured = function.captured
    runner.start()
    say(SyftInfo(f"{what} (isolation: {_level(runner)}); nothing leaves this computer."))
    with tempfile.TemporaryDirectory(prefix="syft-try-") as folder, tempfile.TemporaryFile() as result:
        given = {name: _as_input(name, value, Path(folder)) for name, value in inputs.items()}
        limits = filled(function.limits, DEFAULTS)
        tree = Tree(_Running(runner, captured, limits), given)
        try:
            outcome = _run(runner, UID().hex, captured, given, (), result, limits, tree.host)
        finally:
            tree.close()
        print_output(outcome)
        _check(captured, outcome)
        return decode_file(result)


def _level(runner: Runner) -> str:
    """The isolation in force. It is known once the runner is ready, which the run would wait for anyway."""
    until = time.monotonic() + _LEVEL_WAIT_S
    while not runner.level and time.monotonic() < until:
        time.sleep(0.005)
    return runner.level or "not known yet"


def _as_input(name: str, value: Any, folder: Path) -> FileInput | InlineInput:
    encoded = codec.encode(value, name=name)
    if encoded.size <= _INLINE_LIMIT_BYTES:
        return InlineInput(encoded.to_bytes())
    path = folder / name
    with path.open("wb") as file:
        encoded.write_to(file)
    return FileInput(path)


def _run(
    runner: Runner,
    uid: str,
    captured: CapturedFunction,
    inputs: Mapping[str, Input],
    references: tuple[Input, ...],
    result: BinaryIO,
    limits: JobLimits,
    host: Host,
) -> Outcome:
    execution = Execution(
        uid=uid,
        source=captured.source,
        entry=captured.name,
        inputs=inputs,
        references=references,
        links=frozenset(captured.nested),
        datasite_parameter="datasite" if captured.uses_datasite else None,
        limits=limits_of(limits),
        profile=profile_for(captured.source),
    )
    outcome = runner.run(execution, result=result, host=host)
    result.flush()
    return outcome


class _Running:
    """A function that is being tried, as what launches others. See `sandbox.tree.Launching`.

    Args:
        runner: to run those on.
        captured: the function.
        limits: of its run, every figure.
    """

    def __init__(self, runner: Runner, captured: CapturedFunction, limits: JobLimits) -> None:
        self._runner = runner
        self._captured = captured
        self._limits = limits
        self._ends_at = time.monotonic() + (limits.wall_s or 0.0)

    def admit(self, name: str, given: Collection[str]) -> _Launched:
        """A launch by this function.

        Raises:
            InvalidInput: there is no such Syft function here, or it has no such parameter.
        """
        launched = self._captured.nested.get(name)
        captured: CapturedFunction | None = getattr(launched, "captured", None)
        if captured is None:
            raise InvalidInput(f"'{name}' is not a Syft function here. Decorate it with @sy.syft_function().")
        known = [parameter.name for parameter in captured.parameters]
        for one in given:
            if one not in known:
                raise InvalidInput(
                    f"'{name}' has no parameter '{one}'. It takes ({', '.join(sorted(known))})."
                )
        asked: JobLimits = getattr(launched, "limits", JobLimits())
        return _Launched(self._runner, captured, asked, self._limits, self._ends_at)

    def tell(self, current: int, total: int | None) -> None:
        """Nobody watches a try."""

    def hear(self, stream: Stream, text: str) -> None:
        """It is printed when the run has ended, in one piece."""


class _Launched:
    """A launched function in a try: run in the same way, in its turn. See `sandbox.tree.Launchable`.

    Args:
        runner: to run it on.
        captured: the function.
        asked: what it asks for.
        parent: what the run that launches it may use, every figure.
        ends_at: when that one's wall-clock limit is reached, on the monotonic clock.
    """

    def __init__(
        self, runner: Runner, captured: CapturedFunction, asked: JobLimits, parent: JobLimits, ends_at: float
    ) -> None:
        self._runner = runner
        self._captured = captured
        self._asked = asked
        self._parent = parent
        self._ends_at = ends_at
        self._uid = UID().hex
        self._running: _Running | None = None

    def run(
        self, inputs: Mapping[str, Input], references: tuple[Input, ...], host: Host, result: BinaryIO
    ) -> None:
        """Run it."""
        limits = nested_limits(self._asked, self._parent, self._ends_at - time.monotonic())
        self._running = _Running(self._runner, self._captured, limits)
        outcome = _run(self._runner, self._uid, self._captured, inputs, references, result, limits, host)
        print_output(outcome)
        _check(self._captured, outcome)

    def stop(self, reason: str) -> bool:
        """End it."""
        return self._runner.kill(self._uid, reason)

    def admit(self, name: str, given: Collection[str]) -> _Launched:
        """A launch by this function, one deeper."""
        assert self._running is not None
        return self._running.admit(name, given)

    def tell(self, current: int, total: int | None) -> None:
        """Nobody watches a try."""

    def hear(self, stream: Stream, text: str) -> None:
        """It is printed when the run has ended, in one piece."""


def print_output(outcome: Outcome) -> None:
    """What the function printed is the caller's own here, so it is printed."""
    for text, stream in ((outcome.stdout, sys.stdout), (outcome.stderr, sys.stderr)):
        if text:
            # Progress bars go back to the start of their line; here each of their steps gets a line.
            print(clean(text.rstrip("\r\n").replace("\r\n", "\n").replace("\r", "\n")), file=stream)


def _check(captured: CapturedFunction, outcome: Outcome) -> None:
    """Raise unless the run finished.

    Raises:
        CodeFailed: the code raised, or the sandbox broke.
        LimitExceeded: it was stopped.
        UnsupportedType: its result cannot travel.
    """
    if outcome.status is Status.FINISHED:
        return
    if outcome.status is Status.KILLED:
        raise LimitExceeded(f"'{captured.name}' was stopped: {outcome.reason}.")
    if outcome.error_type == "UnsupportedType":
        raise UnsupportedType(f"The result of '{captured.name}' cannot be returned: {outcome.error_text}")
    said = [f"Exception encountered while running {captured.name} ({captured.file}): {outcome.reason}"]
    said.append((outcome.traceback or outcome.error_text).rstrip())
    raise CodeFailed(_at_author(captured, "\n".join(filter(None, said))))


def _at_author(captured: CapturedFunction, text: str) -> str:
    """The text with lines of the submitted source put as the author sees them."""

    def place(match: re.Match[str]) -> str:
        return f'File "{captured.file}", line {captured.author_line(int(match[1]))}'

    text = re.sub(r'File "<function>", line (\d+)', place, text)
    return re.sub(
        r"\bon line (\d+)", lambda match: f"on line {captured.author_line(int(match[1]))}", text, count=1
    )


class LocalDatasite:
    """What a function gets as `datasite` when it is run plainly in this process."""

    def launch_job(self, function: Any, **inputs: Any) -> LocalJob:
        """Run another Syft function, at once."""
        plain = getattr(function, "local_function", None)
        if plain is None:
            raise InvalidInput("launch_job takes a Syft function: decorate it with @sy.syft_function().")
        given = {name: _in_place(value) for name, value in inputs.items()}
        if function.captured.uses_datasite:
            given["datasite"] = self
        return LocalJob(plain(**given))

    def init_progress(self, n_iters: int) -> None:
        """Nobody watches."""

    def set_progress(self, to: int) -> None:
        """Nobody watches."""

    def increment_progress(self, n: int = 1) -> None:
        """Nobody watches."""


def _in_place(value: Any) -> Any:
    """A value with jobs and parts in it, however deep, replaced by what they stand for."""
    kind = type(value)
    if kind is LocalJob:
        return value.result
    if kind is Part:
        return value.value
    if kind in (list, tuple, set, frozenset):
        return kind(map(_in_place, value))
    if kind is dict:
        return {_in_place(key): _in_place(one) for key, one in value.items()}
    return value


class LocalJob:
    """A launched function that has ended.

    Args:
        result: what it returned.
    """

    def __init__(self, result: Any) -> None:
        self.result = result

    def wait(self) -> LocalJob:
        """It has ended."""
        return self

    def get(self) -> Any:
        """The same as `result`."""
        return self.result
