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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from syft.client.objects import decode_file
from syft.client.present import SyftInfo, clean, say
from syft.code import CapturedFunction
from syft.errors import CodeFailed, InvalidInput, LimitExceeded, SyftException, UnsupportedType
from syft.model.limits import FIGURES, JobLimits
from syft.model.uid import UID
from syft.policy.limits import MAX_DEPTH, filled, nested_limits
from syft.sandbox.contract import Execution, FileInput, InlineInput, Outcome, Runner, Status
from syft.sandbox.levels import PROCESS
from syft.sandbox.limits import Limits, limits_of
from syft.sandbox.profiles import profile_for
from syft.sandbox.runner import EmbeddedRunner
from syft.wire import codec

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
    captured = function.captured
    runner = shared.get()
    runner.start()
    say(
        SyftInfo(
            f"Testing '{captured.name}' on mock data in an ephemeral server (isolation: {_level(runner)}); "
            "nothing leaves this computer."
        )
    )
    with tempfile.TemporaryDirectory(prefix="syft-try-") as folder, tempfile.TemporaryFile() as result:
        given = {name: _as_input(name, value, Path(folder)) for name, value in inputs.items()}
        limits = filled(function.limits, DEFAULTS)
        outcome = _run(runner, captured, given, result, limits, _Nested(runner, captured, 1, limits))
        _print_output(outcome)
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
    captured: CapturedFunction,
    inputs: Mapping[str, FileInput | InlineInput],
    result: BinaryIO,
    limits: JobLimits,
    host: _Nested,
) -> Outcome:
    execution = Execution(
        uid=UID().hex,
        source=captured.source,
        entry=captured.name,
        inputs=inputs,
        links=frozenset(captured.nested),
        datasite_parameter="datasite" if captured.uses_datasite else None,
        limits=limits_of(limits),
        profile=profile_for(captured.source),
    )
    outcome = runner.run(execution, result=result, host=host)
    result.flush()
    return outcome


class _Nested:
    """Answers `datasite.launch_job` in a try: runs the launched function in the same way.

    Args:
        runner: to run it on.
        captured: the function that launches.
        depth: of what it launches: 1 for the function that is tried, 2 for what that launches, ...
        limits: of the run that launches, every figure.
    """

    def __init__(self, runner: Runner, captured: CapturedFunction, depth: int, limits: JobLimits) -> None:
        self._runner = runner
        self._captured = captured
        self._depth = depth
        self._limits = limits
        self._ends_at = time.monotonic() + (limits.wall_s or 0.0)

    def launch_job(self, name: str, inputs: Mapping[str, bytes]) -> bytes:
        """Run another function; its result, encoded."""
        launched = self._captured.nested.get(name)
        captured: CapturedFunction | None = getattr(launched, "captured", None)
        if captured is None:
            raise InvalidInput(f"'{name}' is not a Syft function here. Decorate it with @sy.syft_function().")
        if self._depth > MAX_DEPTH:
            raise LimitExceeded(f"Launched functions launch others at most {MAX_DEPTH} deep.")
        asked: JobLimits = getattr(launched, "limits", JobLimits())
        limits = nested_limits(asked, self._limits, self._ends_at - time.monotonic())
        given = {key: InlineInput(data) for key, data in inputs.items()}
        with tempfile.TemporaryFile() as result:
            host = _Nested(self._runner, captured, self._depth + 1, limits)
            outcome = _run(self._runner, captured, given, result, limits, host)
            _print_output(outcome)
            _check(captured, outcome)
            result.seek(0)
            return result.read()

    def progress(self, current: int, total: int | None) -> None:
        """Nobody watches a try."""


def _print_output(outcome: Outcome) -> None:
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
        if function.captured.uses_datasite:
            inputs["datasite"] = self
        return LocalJob(plain(**inputs))

    def init_progress(self, n_iters: int) -> None:
        """Nobody watches."""

    def set_progress(self, to: int) -> None:
        """Nobody watches."""

    def increment_progress(self, n: int = 1) -> None:
        """Nobody watches."""


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
