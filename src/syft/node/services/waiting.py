"""This module lets an answer wait for a job's end or a person's answer: who waits asks once, not every second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from syft.errors import InvalidInput
from syft.jobs.live import Subject
from syft.jobs.machine import has_run
from syft.model.job import Job
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.node.context import Context

# An answer waits at most this long; the client asks again. Shorter than any proxy's patience.
MAX_WAIT_S: Final = 25.0
MAX_TIMEOUT: Final = timedelta(days=365)
# Who listens is told of what came in so short a time together, and not of each line: a person sees no difference, and
# a run that prints all the time costs no more than one that prints now and then.
GATHER_S: Final = 0.05
T = TypeVar("T")


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
    """The job when it has run, or as it stands after `wait_s` seconds. See `when_news`.

    One whose result is held has run: for a person to decide nobody waits without knowing.
    """

    def look() -> Job:
        with ctx.site.store.reading() as reader:
            return reader.get(Job, job.uid)

    return when_news(ctx, job.uid, look, has_run, has_run, wait_s)


def when_news(
    ctx: Context,
    uid: UID,
    look: Callable[[], T],
    is_news: Callable[[T], bool],
    is_over: Callable[[T], bool],
    wait_s: float,
    subject: Subject = "nothing more",
) -> T:
    """What a look at a job or request shows, as soon as it is news or `wait_s` seconds are over (`MAX_WAIT_S` at most).

    It does not wait where too many wait already: whoever asked asks again.

    Args:
        ctx: who asks.
        uid: of the job or request.
        look: what the caller may know of it, as of now.
        is_news: whether that is worth an answer. The answer's moment tells no more than what it says.
        is_over: whether there will be no more news.
        wait_s: how long the answer may wait.
        subject: what may be news beside that it begins or ends, see `Live.heard`.
    """
    waiters = ctx.site.crews.waiters
    waiter = waiters.waiter(uid)
    try:
        with ctx.site.runs.live.heard(uid, waiter, subject):
            # Looked at after somebody listens: what happens in between would never be heard.
            found = look()
            if not wait_s > 0 or is_over(found):
                return found
            ends = time.monotonic() + min(wait_s, MAX_WAIT_S)
            with waiters.seat(ctx.user_uid) as free:
                if not free:
                    return found
                while not is_news(found) and (left := ends - time.monotonic()) > 0:
                    waiter.wait(left)
                    waiter.clear()
                    found = look()
                if is_news(found) and not is_over(found):
                    time.sleep(GATHER_S)
                    found = look()
    finally:
        waiters.forget(uid, waiter)
    return found


def when_answered(ctx: Context, request: Request, wait_s: float) -> Request:
    """The request when it is no longer pending, or as it stands after `wait_s` seconds. See `when_news`."""
    if request.expires_at is not None:
        wait_s = min(wait_s, (request.expires_at - ctx.now).total_seconds())

    def look() -> Request:
        with ctx.site.store.reading() as reader:
            return reader.get(Request, request.uid)

    return when_news(ctx, request.uid, look, _is_answered, _is_answered, wait_s)


def _is_answered(request: Request) -> bool:
    return request.state is not RequestState.PENDING
