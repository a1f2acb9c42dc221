"""This module says what running a stranger's function means: what goes in, what comes out, who does what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, runtime_checkable

from syft.errors import InvalidInput
from syft.model.limits import MIB
from syft.sandbox.limits import Limits, Usage
from syft.sandbox.profiles import BASE

# Inline inputs are held in memory by both sides and sent as one frame; anything larger belongs in a file.
INLINE_BYTES_MAX = 64 * MIB
# One SCM_RIGHTS message carries at most 253 descriptors (SCM_MAX_FD in the kernel); some are ours.
FILE_INPUTS_MAX = 240
# As many as one job may launch: each may be an element of what is handed to the last.
REFERENCES_MAX = 10_000

_UID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class FileInput:
    """An encoded value in a file that nobody changes meanwhile; the code gets it mapped, read-only.

    Args:
        path: of the file.
        offset: where in it the value begins, in bytes.
        size: of the value, in bytes; None for all that is left of the file.
    Raises:
        InvalidInput: there are no such bytes in any file.
    """

    path: Path
    offset: int = 0
    size: int | None = None

    def __post_init__(self) -> None:
        if self.offset < 0 or (self.size is not None and self.size <= 0):
            raise InvalidInput("an input from a file begins within it, and has a size above 0")


@dataclass(frozen=True)
class InlineInput:
    """An encoded value that is small enough to be sent along (64 MiB for all of a run's together)."""

    data: bytes


Input = FileInput | InlineInput


@dataclass(frozen=True)
class OfLaunched:
    """The result of an earlier launch by the same run.

    Args:
        call: the number that the run gave the launch.
    """

    call: int


@dataclass(frozen=True)
class OfInput:
    """One of the run's own inputs.

    Args:
        name: of the parameter.
        part: which part of a partitioned value, from 0; None for the whole value.
    """

    name: str
    part: int | None = None


Reference = OfLaunched | OfInput
"""A value that the run names instead of sending it. It can name what is its own, and nothing else."""

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of one function.

    Args:
        uid: 32 lower-case hexadecimal digits, by which it can be killed; no other run has it at the same time.
        source: Python source that defines `entry` and needs nothing else; its decorators are stripped.
        entry: name of the function to call.
        inputs: what it is called with, by parameter name.
        references: values that placeholders inside the inputs stand for, by their number. They are put in place in
            the run, before the stranger's code begins, and hold no placeholders themselves.
        links: names of other submitted functions that it may pass to `datasite.launch_job`.
        datasite_parameter: name of the parameter that receives the `datasite` object, if it has one.
        limits: what the run may use.
        profile: libraries it would like to find imported, see `sandbox.profiles`. A hint for speed: a runner may
            ignore it, and whatever is not imported yet is imported by the run itself.
        depth: 0 for a job, 1 for what it launches, 2 for what that launches, ... A runner may keep room for each.
    Raises:
        InvalidInput: a name is not an identifier, the uid is malformed, the inputs are too many or too large.
    """

    uid: str
    source: str
    entry: str
    inputs: Mapping[str, Input] = field(default_factory=dict)
    references: tuple[Input, ...] = ()
    links: frozenset[str] = frozenset()
    datasite_parameter: str | None = None
    limits: Limits = field(default_factory=Limits)
    profile: str = BASE
    depth: int = 0

    def __post_init__(self) -> None:
        # The uid becomes part of a path: nothing but hexadecimal digits may be in it.
        if not _UID.fullmatch(self.uid):
            raise InvalidInput("the uid of a run is 32 lower-case hexadecimal digits")
        names = [self.entry, *self.inputs, *self.links]
        if self.datasite_parameter is not None:
            names.append(self.datasite_parameter)
        for name in names:
            if not name.isidentifier():
                raise InvalidInput(f"{name!r} is not a Python name")
        if self.datasite_parameter in self.inputs:
            raise InvalidInput(f"the parameter {self.datasite_parameter!r} is given twice")
        if len(self.references) > REFERENCES_MAX:
            raise InvalidInput(f"a run takes at most {REFERENCES_MAX} values by reference")
        given = [*self.inputs.values(), *self.references]
        # Several values may lie in one file, which is opened once.
        if len({one.path for one in given if isinstance(one, FileInput)}) > FILE_INPUTS_MAX:
            raise InvalidInput(f"a run takes inputs from at most {FILE_INPUTS_MAX} files")
        inline = sum(len(one.data) for one in given if isinstance(one, InlineInput))
        if inline > INLINE_BYTES_MAX:
            raise InvalidInput(f"inputs sent along may be {INLINE_BYTES_MAX // MIB} MiB together; use a file")


class Status(Enum):
    """How a run ended."""

    FINISHED = "finished"
    """The function returned, and all of its result has been written."""
    FAILED = "failed"
    """The code raised, crashed, ended its own process, or returned what cannot travel."""
    KILLED = "killed"
    """A limit was exceeded, or somebody called `kill`."""
    LOST = "lost"
    """The sandbox broke; the code is not to blame, and may be run again."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one run ended. What comes from the code itself is its word only; the comments say which is which.

    Args:
        status: how it ended; only `FINISHED` means that there is a result.
        reason: one sentence made by the sandbox; no free text of the code's is in it. Empty if finished.
        error_type: class of the exception, if it is one that could be named without running the code
            (built in, of a preloaded library, or in the source); "Exception" for any other.
        error_line: line in the submitted source where it was raised, within that source.
        error_text: all the code said about its error. For the data owner only.
        traceback: likewise.
        stdout: what the code printed, cut at the limit with a note. For the data owner only.
        stderr: likewise.
        result_type: name of the result's type, as the code claims.
        result_shape: likewise; empty where it has none.
        result_size: bytes written to the result, counted by the sandbox.
        usage: what it used, as the kernel counted.
        level: isolation level under which it ran.
        worker: name of the worker that ran it; empty where that was this machine.
    """

    status: Status
    reason: str = ""
    error_type: str | None = None
    error_line: int | None = None
    error_text: str = ""
    traceback: str = ""
    stdout: str = ""
    stderr: str = ""
    result_type: str | None = None
    result_shape: tuple[int, ...] = ()
    result_size: int = 0
    usage: Usage = field(default_factory=Usage)
    level: str = ""
    worker: str = ""


class Host(Protocol):
    """What running code can ask of the node. An implementation must keep to this:

    1. `launch_job` returns at once: the launched run waits for its turn, however many wait before it. It is called
       in the order in which the run asked, and by one thread at a time.
    2. `collect` blocks until that launched run has ended. It may be called from several threads at once, in any
       order, and more than once for one launch.
    3. Both raise `SyftException` to refuse; the public message is what the code sees, as an exception, when it asks
       for the result. A runner keeps what `launch_job` raised until then; the host need not know of such a call.
    4. It checks its arguments: the name is one of the run's `links`, calls are numbers of the run's own making that
       it uses once, the inputs are hostile bytes, and a reference names what is the run's own or is refused.
    5. If the run that asked ends first, answers are dropped; ending what it launched is the host's affair.
    6. `progress` and `printed` are called from the thread that called `run`; they are quick. `progress` is called
       some ten times a second at most.
    7. `printed` gets no more text than `limits.printed_bytes` of each stream: what is kept of it.
    """

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        """Have another submitted function run in its turn.

        Args:
            call: by which the run will ask for the result.
            name: of the function.
            inputs: encoded values by parameter name.
            references: values that placeholders inside the inputs stand for, by their number.
        Raises:
            SyftException: it is not going to be run.
        """
        ...

    def collect(self, call: int) -> bytes | BinaryIO:
        """Wait for a launched run to end; its result as an encoded value, in memory or as a file open for reading.

        The caller closes the file.

        Raises:
            SyftException: it did not end well, or there is no such launch.
        """
        ...

    def progress(self, current: int, total: int | None) -> None:
        """Note how far the run says it has come."""
        ...

    def printed(self, stream: Stream, text: str) -> None:
        """Take in what the run has printed next, as it comes. For the data owner only, like `Outcome.stdout`."""
        ...


@runtime_checkable
class HearsBeginning(Protocol):
    """A host that wants to know when a worker elsewhere has taken a run, which waited for one until then."""

    def begun(self, worker: str) -> None:
        """The run is that worker's now. Called once, before anything else, from the thread that called `run`."""
        ...


class Runner(Protocol):
    """Where strangers' code runs. An implementation must keep to this:

    1. `start` may be called any number of times and returns at once; `run` calls it and waits for it.
    2. `run` blocks until the outcome is known. It may be called from many threads at once.
    3. However the code ends, `run` returns an `Outcome`. It raises only `InvalidInput` (an input cannot be
       opened, or a uid is in use), `InvalidState` (after `close`, or because this machine allows no level of
       isolation that will do), and whatever `result.write` raised.
    4. The encoded result is written to `result` piece by piece and never held whole. If the status is not
       `FINISHED`, what has been written is an incomplete value: the caller throws it away. The pieces are
       views that are valid only during the call of `result.write`.
    5. When `run` has returned, the code's process is dead or has been sent SIGKILL, and no byte of it is read
       any more. What it left behind (its scratch directory, its children) is removed soon after, and at the
       latest before `close` returns.
    6. `kill` may be called at any time for any uid. It answers whether there was such a run to kill; `run`
       then returns `KILLED` with the reason given, unless it had already ended.
    7. `close` may be called twice. It kills what is running and returns when nothing is left behind.
    8. The death of the process that holds the runner ends every run.
    9. `level` names the isolation that is in force, not the one hoped for; "" until that is known.
    """

    @property
    def level(self) -> str:
        """The isolation level in force."""
        ...

    def start(self) -> None:
        """Begin to get ready, in the background."""
        ...

    def wait(self) -> str:
        """Wait until it can run functions; the isolation level then.

        Raises:
            InvalidState: it will not run any; the text says why, and what to do.
        """
        ...

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        """Run one function to its end.

        Args:
            execution: what to run.
            result: receives the encoded result.
            host: answers what the code asks of the node; without one, asking fails inside the code.
        """
        ...

    def kill(self, uid: str, reason: str) -> bool:
        """End a run; the reason becomes the outcome's."""
        ...

    def close(self) -> None:
        """End every run and leave nothing behind."""
        ...
