"""This module says what running a stranger's function means: what goes in, what comes out, who does what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Protocol

from syft.errors import InvalidInput
from syft.model.limits import MIB
from syft.sandbox.limits import Limits, Usage
from syft.sandbox.profiles import BASE

# Inline inputs are held in memory by both sides and sent as one frame; anything larger belongs in a file.
INLINE_BYTES_MAX = 64 * MIB
# One SCM_RIGHTS message carries at most 253 descriptors (SCM_MAX_FD in the kernel); some are ours.
FILE_INPUTS_MAX = 240

_UID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class FileInput:
    """An encoded value in a file that nobody changes meanwhile; the code gets it mapped, read-only."""

    path: Path


@dataclass(frozen=True)
class InlineInput:
    """An encoded value that is small enough to be sent along (64 MiB for all of a run's together)."""

    data: bytes


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of one function.

    Args:
        uid: 32 lower-case hexadecimal digits, by which it can be killed; no other run has it at the same time.
        source: Python source that defines `entry` and needs nothing else; its decorators are stripped.
        entry: name of the function to call.
        inputs: what it is called with, by parameter name.
        links: names of other submitted functions that it may pass to `datasite.launch_job`.
        datasite_parameter: name of the parameter that receives the `datasite` object, if it has one.
        limits: what the run may use.
        profile: libraries it would like to find imported, see `sandbox.profiles`. A hint for speed: a runner may
            ignore it, and whatever is not imported yet is imported by the run itself.
    Raises:
        InvalidInput: a name is not an identifier, the uid is malformed, the inputs are too many or too large.
    """

    uid: str
    source: str
    entry: str
    inputs: Mapping[str, FileInput | InlineInput] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    datasite_parameter: str | None = None
    limits: Limits = field(default_factory=Limits)
    profile: str = BASE

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
        if sum(isinstance(one, FileInput) for one in self.inputs.values()) > FILE_INPUTS_MAX:
            raise InvalidInput(f"a run takes at most {FILE_INPUTS_MAX} inputs from files")
        inline = sum(len(one.data) for one in self.inputs.values() if isinstance(one, InlineInput))
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


class Host(Protocol):
    """What running code can ask of the node. An implementation must keep to this:

    1. `launch_job` may be called from several threads at once, and blocks until the job has ended.
    2. It raises `SyftException` to refuse; the public message is what the code sees, as an exception.
    3. It checks its arguments: the name is one of the run's `links`, the inputs are hostile bytes.
    4. If the run that asked ends first, the answer is dropped; ending the launched job is the host's affair.
    5. `progress` is called from the thread that called `run`, some ten times a second at most; it is quick.
    """

    def launch_job(self, name: str, inputs: Mapping[str, bytes]) -> bytes | BinaryIO:
        """Run another submitted function; its result as an encoded value, in memory or as an open file."""
        ...

    def progress(self, current: int, total: int | None) -> None:
        """Note how far the run says it has come."""
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
