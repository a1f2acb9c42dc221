"""This module looks at a result before it leaves: size now; counts, groups and privacy loss have their place here."""

from __future__ import annotations

from syft.errors import LimitExceeded
from syft.model.object import ValueRef

# A result is an answer, not the data: more than this needs a decision, not a default.
MAX_RELEASED_BYTES = 1 << 30


def check_disclosure(result: ValueRef) -> None:
    """Raise when what would leave is not what an answer looks like.

    Args:
        result: what the code returned, as the sandbox counted it.
    Raises:
        LimitExceeded: it is too large to be an answer.
    """
    if result.size > MAX_RELEASED_BYTES:
        raise LimitExceeded(f"A result may have at most {MAX_RELEASED_BYTES >> 20} MiB.")
