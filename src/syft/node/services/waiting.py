"""This module lets an answer wait for a job's end or a person's answer: who waits asks once, not every second."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from syft.errors import InvalidInput
from syft.jobs.machine import has_ended
from syft.model.job import Job
from syft.model.request import Request, RequestState
from syft.node.context import Context

# An answer waits at most this long; the client asks again. Shorter than any proxy's patience.
MAX_WAIT_S: Final = 25.0
MAX_TIMEOUT: Final = timedelta(days=365)
R = TypeVar("R", Job, Request)


def end_of(ctx: Context, timeout_s: float | None) -> datetime | None:
    """The moment that is so many seconds from now; None for None.

    Raises:
        InvalidInput: no time that can be waited.
    """
    if timeout_s is None:
        return None
    if not math.isfinite(timeout_s) or not 0 < timeout_s <= MAX_TIMEOUT.total_seconds():
        raise InvalidInput(
            f"A timeout is above 0 and at most {MAX_TIMEOUT.days} days, in seconds; leave it out for none."
        )
    return ctx.now + timedelta(seconds=timeout_s)


def when_ended(ctx: Context, job: Job, wait_s: float) -> Job:
    """The job when it has ended, or as it stands after `wait_s` seconds. See `_when_over`."""
    return _when_over(ctx, job, has_ended, wait_s)


def when_answered(ctx: Context, request: Request, wait_s: float) -> Request:
    """The request when it is no longer pending, or as it stands after `wait_s` seconds. See `_when_over`."""
    if request.expires_at is not None:
        wait_s = min(wait_s, (request.expires_at - ctx.now).total_seconds())
    return _when_over(ctx, request, _is_answered, wait_s)


def _is_answered(request: Request) -> bool:
    return request.state is not RequestState.PENDING


def _when_over(ctx: Context, record: R, is_over: Callable[[R], bool], wait_s: float) -> R:
    """The record when it is over, or as it stands after `wait_s` seconds (at most `MAX_WAIT_S`).

    It does not wait where too many wait already: whoever asked asks again.
    """
    workers = ctx.site.workers
    waiter = workers.waiter(record.uid)
    try:
        # Read after the waiter is there: an end in between would never wake it.
        with ctx.site.store.reading() as reader:
            record = reader.get(type(record), record.uid)
        if wait_s > 0 and not is_over(record):
            with workers.seat(ctx.user_uid) as free:
                if free:
                    waiter.wait(min(wait_s, MAX_WAIT_S))
            with ctx.site.store.reading() as reader:
                record = reader.get(type(record), record.uid)
    finally:
        workers.forget(record.uid, waiter)
    return record
