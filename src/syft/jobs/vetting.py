"""This module takes in what a remote sandbox says of a run, as if the run itself had said it.

A worker may have been taken over. What its outcome says to the requester must not be free text then, which could
hold any private value: each sentence is one of those that this node could have made itself, or is put in the place
of what is not. What goes to the data owner only is bounded, and taken as it is: so is what runs print.
"""

from __future__ import annotations

import builtins
import math
import re
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.limits import bytes_text
from syft.model.messages.work import MAX_SAID, OutcomeView
from syft.sandbox.contract import Execution, Outcome, Status
from syft.sandbox.levels import LEVELS
from syft.sandbox.limits import Limits, Usage
from syft.sandbox.supervise import FLOOD_BYTES
from syft.sandbox.verdict import (
    CLOSED_CHANNEL,
    FORBIDDEN_CALL,
    ONE_PROCESS_HINT,
    OTHER_ERROR,
    READ_ONLY_HINT,
    cpu_text,
    is_nameable,
    limit_text,
    names_in,
    unsupported_text,
)

_MAX_TYPE: Final = 200
_MAX_DIMENSIONS: Final = 32
_MAX_REASON: Final = 500
_BUILT_IN: Final = frozenset(
    name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException)
)
# Of the libraries that runs find imported; the node itself has not imported those.
_OF_LIBRARIES: Final = frozenset(
    {
        "AxisError",
        "LinAlgError",
        "EmptyDataError",
        "IndexingError",
        "IntCastingNaNError",
        "InvalidIndexError",
        "MergeError",
        "OutOfBoundsDatetime",
        "OutOfBoundsTimedelta",
        "ParserError",
        "SpecificationError",
        "UndefinedVariableError",
        "ArrowInvalid",
        "ArrowKeyError",
        "ArrowNotImplementedError",
        "ArrowTypeError",
        "NotFittedError",
        "JSONDecodeError",
        "PatternError",
        "DecimalException",
        "DivisionByZero",
        "InvalidOperation",
        "StatisticsError",
        "BrokenExecutor",
        "BrokenThreadPool",
        "CancelledError",
        "InvalidStateError",
        "JobFailed",
        "OutOfMemoryError",
    }
)
_EXIT: Final = re.compile(r"the code ended its own process, with exit status \d{1,3}")
_CRASH: Final = re.compile(r"the code crashed its process \((SIG[A-Z0-9]{2,10}|signal \d{1,3})\)")


def vetted(execution: Execution, view: OutcomeView, worker: str) -> Outcome:
    """The outcome of a run, of which nothing unbounded or unforeseen is left.

    Args:
        execution: what was run.
        view: how it ended, as the worker says.
        worker: its name.
    Raises:
        InvalidInput: it is no outcome.
    """
    try:
        status = Status(view.status)
    except ValueError:
        raise InvalidInput("This is not a way for a run to end.") from None
    if view.level not in (*LEVELS, ""):
        raise InvalidInput("There is no such level of isolation.")
    for text in (view.stdout, view.stderr, view.error_text, view.traceback):
        if len(text) > MAX_SAID:
            raise InvalidInput("An outcome says more than a sandbox would keep.")
    usage = _usage(view)
    failed = status is not Status.FINISHED
    return Outcome(
        status=status,
        reason=_reason(execution, status, view.reason[:_MAX_REASON]) if failed else "",
        error_type=_error_type(execution, view.error_type) if failed and view.error_type else None,
        error_line=_error_line(execution, view.error_line) if failed else None,
        error_text=view.error_text,
        traceback=view.traceback,
        stdout=view.stdout,
        stderr=view.stderr,
        result_type=None if failed else _type_name(view.result_type),
        result_shape=() if failed else _shape(view.result_shape),
        result_size=view.result_size,
        usage=usage,
        level=view.level,
        worker=worker,
    )


def _usage(view: OutcomeView) -> Usage:
    figures = (view.wall_s, view.cpu_s, view.max_rss_bytes)
    if not all(math.isfinite(figure) and 0 <= figure < 2**62 for figure in figures):
        raise InvalidInput("This cannot be what a run has used.")
    return Usage(wall_s=view.wall_s, cpu_s=view.cpu_s, max_rss_bytes=view.max_rss_bytes)


def _type_name(name: str | None) -> str | None:
    if name is None:
        return None
    if not name or len(name) > _MAX_TYPE or not all(part.isidentifier() for part in name.split(".")):
        raise InvalidInput("This cannot be the name of a type.")
    return name


def _shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) > _MAX_DIMENSIONS or not all(0 <= one < 2**62 for one in shape):
        raise InvalidInput("This cannot be the shape of a value.")
    return shape


def _error_type(execution: Execution, name: str) -> str:
    known = name in _BUILT_IN or name in _OF_LIBRARIES or name in names_in(execution.source)
    return name if known else OTHER_ERROR


def _error_line(execution: Execution, line: int | None) -> int | None:
    return line if line is not None and 1 <= line <= execution.source.count("\n") + 1 else None


def _reason(execution: Execution, status: Status, reason: str) -> str:
    match status:
        case Status.LOST:
            # For the log only, which is the data owner's.
            return reason or "the worker lost it"
        case Status.KILLED:
            return reason if reason in _ends(execution.limits) else "it used more than it may"
        case _:
            return _failure(execution, reason)


def _ends(limits: Limits) -> frozenset[str]:
    """All that a sandbox says of a run that it has stopped by itself."""
    hints = ("memory", "scratch", "threads", "descriptors", "result_bytes")
    return frozenset(
        {
            *(limit_text(hint, limits) for hint in hints),  # type: ignore[arg-type]
            cpu_text(limits),
            f"wall-clock limit {limits.wall_s:g} s exceeded",
            f"printed more than {bytes_text(FLOOD_BYTES)}",
            "the code disturbed its channel to the node",
            "killed by the system, most likely for want of memory",
            CLOSED_CHANNEL,
            FORBIDDEN_CALL,
        }
    )


def _failure(execution: Execution, reason: str) -> str:
    if _EXIT.fullmatch(reason) or _CRASH.fullmatch(reason):
        return reason
    if reason.startswith("the result cannot travel"):
        name = reason.rpartition(" ")[2]
        return unsupported_text(name if is_nameable(name, execution.source) else "")
    found = re.fullmatch(r"(\w{1,100})(?: on line (\d{1,9}))?(: .*)?", reason)
    if found is None:
        return OTHER_ERROR
    said = _error_type(execution, found[1])
    line = _error_line(execution, int(found[2])) if found[2] else None
    if line is not None:
        said += f" on line {line}"
    if found[3] in (f": {READ_ONLY_HINT}", f": {ONE_PROCESS_HINT}"):
        said += found[3]
    return said


def as_view(outcome: Outcome) -> OutcomeView:
    """An outcome as a worker tells it."""
    said = {name: getattr(outcome, name) for name in _SAID}
    usage = outcome.usage
    return OutcomeView(
        status=outcome.status.value,
        wall_s=usage.wall_s,
        cpu_s=usage.cpu_s,
        max_rss_bytes=usage.max_rss_bytes,
        **said,
    )


_SAID: Final = tuple(
    one.name
    for one in msgspec.structs.fields(OutcomeView)
    if one.name not in ("status", "wall_s", "cpu_s", "max_rss_bytes")
)
