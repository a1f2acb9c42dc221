"""This module decides whether one more result of a code may leave."""

from __future__ import annotations

from syft.errors import PolicyExhausted
from syft.model.code import OutputPolicy


def can_leave(policy: OutputPolicy, released: int) -> bool:
    """Whether one more result may leave, after `released` of them have."""
    return released < policy.limit


def check_can_leave(policy: OutputPolicy, released: int, name: str) -> None:
    """Raise unless one more result may leave.

    Args:
        policy: what was approved.
        released: how many results have left under this approval.
        name: of the code, for the text.
    Raises:
        PolicyExhausted: it was used as often as was approved.
    """
    if not can_leave(policy, released):
        times = "once" if policy.limit == 1 else f"{policy.limit} times"
        raise PolicyExhausted(
            f"'{name}' was approved to give out a result {times}, and has. "
            "Make a new request if you need another: `client.code.request_code_execution(...)`."
        )
