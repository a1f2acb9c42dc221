"""This module joins the limits that server, pool, author and owner have said: who fills in, who has the last word."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from syft.errors import InvalidInput, LimitExceeded
from syft.model.limits import FIGURES, JobLimits, amount_text

# A function that launches a function that launches ...: as deep as anybody means it, on a server and in a try.
MAX_DEPTH: Final = 8
# A launched run is given at least this much of what is left: its parent's own end comes first anyway.
_WALL_STEP_S: Final = 0.1


def filled(limits: JobLimits, defaults: JobLimits) -> JobLimits:
    """The limits, with the figures of `defaults` where they say nothing."""
    return msgspec.structs.replace(defaults, **limits.said)


def capped(limits: JobLimits, ceiling: JobLimits) -> JobLimits:
    """The limits, with every figure that says more than `ceiling`, or nothing, brought to that of `ceiling`."""
    said = limits.said
    lower = {field: min(amount, said.get(field, amount)) for field, amount in ceiling.said.items()}
    return msgspec.structs.replace(limits, **lower)


def check_within(limits: JobLimits, ceiling: JobLimits, pool: str, what: str) -> None:
    """Raise unless no figure is above the ceiling.

    Args:
        limits: asked for.
        ceiling: of the pool.
        pool: its name, for the text.
        what: who asks for what, for the text: "'f' asks for".
    Raises:
        InvalidInput: one is; the text names each, with its ceiling.
    """
    said, most = limits.said, ceiling.said
    over = [
        f"{figure.label} {amount_text(figure, said[figure.field])} (at most {amount_text(figure, most[figure.field])})"
        for figure in FIGURES
        if figure.field in said and figure.field in most and said[figure.field] > most[figure.field]
    ]
    if over:
        raise InvalidInput(
            f"{what} more than worker pool '{pool}' gives a job: {', '.join(over)}. "
            "Ask for less, or ask the administrator to raise the pool's limits."
        )


def nested_limits(asked: JobLimits, parent: JobLimits, left_s: float) -> JobLimits:
    """What a launched run may use: what its function asks for, within its parent's limits and what is left of its time.

    Args:
        asked: by the launched function; nothing of it can be more than its parent has.
        parent: of the run that launches it.
        left_s: until that one's wall-clock limit, in seconds.
    Raises:
        LimitExceeded: nothing is left.
    """
    if left_s <= 0:
        raise LimitExceeded("Nothing is left of the wall-clock limit of the job that launches this.")
    left = JobLimits(wall_s=round(math.ceil(left_s / _WALL_STEP_S) * _WALL_STEP_S, 1))
    return capped(capped(asked, parent), left)
