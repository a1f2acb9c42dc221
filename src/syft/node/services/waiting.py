"""This module lets an answer wait for a person's: who blocks on a request asks once, not every second."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from syft.errors import InvalidInput
from syft.model.request import Request, RequestState
from syft.node.context import Context

# As for jobs: shorter than any proxy's patience; the client asks again.
MAX_WAIT_S: Final = 25.0
MAX_TIMEOUT: Final = timedelta(days=365)


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


def when_answered(ctx: Context, request: Request, wait_s: float) -> Request:
    """The request when it is no longer pending, or as it stands after `wait_s` seconds (at most `MAX_WAIT_S`).

    It does not wait where too many wait already: whoever asked asks again.
    """
    workers = ctx.site.workers
    waiter = workers.waiter(request.uid)
    try:
        # Read after the waiter is there: an answer in between would never wake it.
        with ctx.site.store.reading() as reader:
            request = reader.get(Request, request.uid)
        if wait_s > 0 and request.state is RequestState.PENDING:
            if request.expires_at is not None:
                wait_s = min(wait_s, max(0.0, (request.expires_at - ctx.now).total_seconds()))
            with workers.seat(ctx.user_uid) as free:
                if free:
                    waiter.wait(min(wait_s, MAX_WAIT_S))
            with ctx.site.store.reading() as reader:
                request = reader.get(Request, request.uid)
    finally:
        workers.forget(request.uid, waiter)
    return request
