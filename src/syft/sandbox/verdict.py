"""This module decides how a run ended, from what the kernel says and from what the code claims. No I/O.

What the code claims is repeated to nobody but the data owner, except for what could have been said without
running it: one of a closed set of names, a line number of its source.
"""

from __future__ import annotations

import builtins
import keyword
import re
import signal
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from syft.model.limits import bytes_text
from syft.sandbox.channel import Failed, Hint, Result
from syft.sandbox.contract import Execution, Outcome, Status
from syft.sandbox.control import Ended
from syft.sandbox.limits import OPEN_FILES_MAX, Limits, Usage

OTHER_ERROR: Final = "Exception"
ONE_PROCESS_HINT: Final = "a run starts no processes; use threads, or workers=0"
READ_ONLY_HINT: Final = "the inputs are read-only, work on a copy: data = data.copy()"
CLOSED_CHANNEL: Final = "the code closed its channel to the node"
FORBIDDEN_CALL: Final = "the code made a forbidden system call"
# What people return by mistake, beside classes of their own.
_COMMON_TYPES: Final = frozenset(
    {"function", "generator", "coroutine", "module", "method", "builtin_function_or_method"}
    | {"Figure", "Axes", "AxesSubplot"}
)
# The kernel's limit on processor time is counted by ticks, and what was used more exactly: they differ.
_CPU_SHARE: Final = 0.7


@dataclass
class Evidence:
    """What is known about a run when it is over.

    Args:
        killed: reason of who had it killed.
        lost: what broke, in the sandbox.
        ended: what the zygote saw; None if the answer did not wait for the end.
        started: whether the stranger's code had begun; until then, what comes from the run is ours.
        result: header of the result, as claimed.
        complete: whether all of the result has arrived.
        failed: the error, as claimed.
    """

    killed: str | None = None
    lost: str | None = None
    ended: Ended | None = None
    started: bool = False
    result: Result | None = None
    complete: bool = False
    failed: Failed | None = None
    result_size: int = 0
    stdout: str = ""
    stderr: str = ""
    usage: Usage = field(default_factory=Usage)


def outcome(execution: Execution, evidence: Evidence, error_names: Collection[str], level: str) -> Outcome:
    """How the run ended.

    Args:
        execution: what was run.
        evidence: what is known.
        error_names: names of exception classes that exist without the stranger's code.
        level: isolation it ran under.
    """
    status, reason = _judge(execution, evidence, error_names)
    failed = evidence.failed
    claimed = evidence.result if status is Status.FINISHED else None
    return Outcome(
        status=status,
        reason=reason,
        error_type=_error_type(failed, execution.source, error_names) if failed else None,
        error_line=_error_line(failed, execution.source) if failed else None,
        error_text=failed.error_text if failed else "",
        traceback=failed.traceback if failed else "",
        stdout=evidence.stdout,
        stderr=evidence.stderr,
        result_type=claimed.type_name if claimed else None,
        result_shape=claimed.shape if claimed else (),
        result_size=evidence.result_size,
        usage=evidence.usage,
        level=level,
    )


def _judge(execution: Execution, evidence: Evidence, error_names: Collection[str]) -> tuple[Status, str]:
    """Who did what first is not known; a kill counts before all else, as its caller was promised."""
    ended = evidence.ended
    if evidence.killed == CLOSED_CHANNEL and ended is not None and ended.out_of_memory:
        # It was being ended, and much memory is given back slowly.
        return Status.KILLED, limit_text("memory", execution.limits)
    if evidence.killed is not None:
        return Status.KILLED, evidence.killed
    if evidence.complete:
        return Status.FINISHED, ""
    if evidence.failed is not None:
        return _judge_failure(execution, evidence, evidence.failed, error_names)
    if evidence.lost is not None:
        return Status.LOST, evidence.lost
    if ended is None or ended.status is None:
        why = ended.why if ended else ""
        return Status.LOST, f"the run could not be started: {why}".removesuffix(": ")
    if not evidence.started and ended.status >= 0:
        return Status.LOST, "the run could not be set up"
    return _judge_exit(ended, ended.status, execution.limits)


def _judge_failure(
    execution: Execution, evidence: Evidence, failed: Failed, error_names: Collection[str]
) -> tuple[Status, str]:
    limit = limit_text(failed.hint, execution.limits)
    if limit:
        return Status.KILLED, limit
    if not evidence.started:
        return Status.LOST, f"the run could not be set up: {failed.error_text[:500]}"
    if failed.hint == "unsupported":
        return Status.FAILED, _unsupported(failed, execution.source)
    reason = _error_type(failed, execution.source, error_names)
    line = _error_line(failed, execution.source)
    if line is not None:
        reason += f" on line {line}"
    if failed.hint == "read_only":
        reason += f": {READ_ONLY_HINT}"
    if failed.hint == "one_process":
        reason += f": {ONE_PROCESS_HINT}"
    return Status.FAILED, reason


def _judge_exit(ended: Ended, status: int, limits: Limits) -> tuple[Status, str]:
    """What the end of the process says, where the run has said nothing."""
    if status >= 0:
        return Status.FAILED, f"the code ended its own process, with exit status {status}"
    if status == -signal.SIGKILL and ended.out_of_memory:
        return Status.KILLED, limit_text("memory", limits)
    if status == -signal.SIGKILL and ended.cpu_s >= _CPU_SHARE * limits.cpu_s:
        return Status.KILLED, cpu_text(limits)
    if status == -signal.SIGKILL:
        return Status.KILLED, "killed by the system, most likely for want of memory"
    if status == -signal.SIGXFSZ:
        return Status.KILLED, limit_text("scratch", limits)
    if status == -signal.SIGSYS:
        return Status.KILLED, FORBIDDEN_CALL
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return Status.FAILED, f"the code crashed its process ({name})"


def cpu_text(limits: Limits) -> str:
    """The sentence about processor time."""
    return f"CPU limit {limits.cpu_s:g} s exceeded"


def limit_text(hint: Hint, limits: Limits) -> str:
    """The sentence about a limit; empty if the hint is not about one."""
    match hint:
        case "memory":
            return f"memory limit {bytes_text(limits.memory_bytes)} exceeded"
        case "scratch":
            return f"scratch space limit {bytes_text(limits.scratch_bytes)} exceeded"
        case "threads":
            return f"limit of {limits.threads} thread{'s' if limits.threads > 1 else ''} exceeded"
        case "descriptors":
            return f"limit of {OPEN_FILES_MAX} open files exceeded"
        case "result_bytes":
            return f"output limit {bytes_text(limits.output_bytes)} exceeded"
        case _:
            return ""


def _error_type(failed: Failed, source: str, error_names: Collection[str]) -> str:
    """The claimed class, if its name was there before the code ran; a class can be called anything."""
    name = failed.error_type
    return name if name in error_names or name in names_in(source) else OTHER_ERROR


def _error_line(failed: Failed, source: str) -> int | None:
    line = failed.error_line
    return line if line is not None and 1 <= line <= source.count("\n") + 1 else None


def _unsupported(failed: Failed, source: str) -> str:
    """Why a result cannot travel. The codec's own text is not repeated: it tells keys of the value."""
    found = re.search(r"a value of type (\S+) cannot travel", failed.error_text)
    name = found[1].rpartition(".")[2] if found else ""
    return unsupported_text(name if is_nameable(name, source) else "")


def is_nameable(name: str, source: str) -> bool:
    """Whether a type's name could have been said without running the code."""
    return name in _COMMON_TYPES or hasattr(builtins, name) or name in names_in(source)


def unsupported_text(name: str) -> str:
    """The sentence about a result that cannot travel.

    Args:
        name: of its type, if that may be told.
    """
    if not name:
        return "the result cannot travel: it is, or contains, a value of a type that is not supported"
    return f"the result cannot travel: it is, or contains, a value of type {name}"


def names_in(source: str) -> set[str]:
    """The words of a source that can be names."""
    words = set(re.findall(r"\w+", source))
    return {word for word in words if word.isidentifier() and not keyword.iskeyword(word)}
