"""This module decides what is told of a run that failed, and how often a private run may fail."""

from __future__ import annotations

from typing import Final

import msgspec

from syft.errors import InvalidState
from syft.model.code import Mode
from syft.model.request import Request
from syft.model.uid import UID
from syft.sandbox.contract import Outcome, Status
from syft.store.base import Transaction

# Each failure tells its author a line number and the type of an error: a few bits about private data.
# This many is enough to mend a function, and not enough to read a column by.
MAX_FAILED_RUNS: Final = 10
# The errors of code that ran; a job that was refused before it began told nothing about private data.
TELLING: Final = frozenset({"code_failed", "limit_exceeded"})
UNTOLD: Final = (
    "It failed. How it failed stays with the data owner: this approval has told of enough failures."
)


def check_may_run(request: Request, name: str) -> None:
    """Raise when what was approved has failed too often.

    Args:
        request: the approval.
        name: of the code, for the text.
    Raises:
        InvalidState: it has.
    """
    if request.failed_runs >= MAX_FAILED_RUNS:
        raise InvalidState(
            f"'{name}' has failed {request.failed_runs} times on private data, which is as often as one "
            "approval allows. Mend it on the mock, and make a new request."
        )


def count_failure(tx: Transaction, request_uid: UID | None) -> bool:
    """Count a private run that failed against its approval; a run on mock values has none.

    Returns:
        Whether its requester may be told how: not beyond the bound, however many were begun at once.
    """
    if request_uid is None:
        return True
    request = tx.get(Request, request_uid)
    tx.replace(msgspec.structs.replace(request, failed_runs=request.failed_runs + 1))
    return request.failed_runs < MAX_FAILED_RUNS


def error_log(outcome: Outcome) -> str:
    """All that there is to say about how a run failed: for its log, which is the data owner's."""
    said = outcome.traceback or outcome.error_text
    if outcome.status is not Status.KILLED:
        return said or outcome.reason
    used = outcome.usage
    stopped = (
        f"{outcome.reason}; it had used {used.wall_s:.2f} s, {used.cpu_s:.2f} s of CPU and "
        f"{used.max_rss_bytes >> 20} MiB of memory"
    )
    return f"{said}\n{stopped}" if said else stopped


def describe(name: str, mode: Mode, outcome: Outcome) -> tuple[str, str]:
    """The error code of a run that did not finish, and what its requester is told of it.

    Of one that was lost: no more than that, since the code has not done it. Of a private run: that it failed, by
    which type of error, at which line of their own source. The error's text could be a value
    ("KeyError: 'Jane Doe'"), so it stays with the owner.

    Args:
        name: of the code.
        mode: what it ran on.
        outcome: how it ended.
    """
    if outcome.status is Status.LOST:
        return "internal", f"The node's sandbox stopped while '{name}' ran."
    if outcome.status is Status.KILLED:
        return "limit_exceeded", f"'{name}' was stopped: {outcome.reason}."
    if mode is Mode.MOCK:
        said = outcome.traceback or outcome.error_text or outcome.reason
        return "code_failed", f"Exception encountered while running {name}:\n{said}"
    return "code_failed", (
        f"Exception encountered while running {name}: {outcome.reason} (counted from its `def`). Its text stays with "
        "the data owner, because it may hold private values; run the function on the mock to see such errors in full."
    )
