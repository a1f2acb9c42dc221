"""This module decides whether one more result of a code may leave."""

from __future__ import annotations

import msgspec

from syft.errors import PolicyExhausted
from syft.model.code import OutputPolicy


def can_leave(policy: OutputPolicy, released: int, on_these: int = 0) -> bool:
    """Whether one more result may leave.

    Args:
        policy: what was approved.
        released: how many results have left under this approval.
        on_these: how many of them were computed on the inputs of this one; 0 where that does not matter yet.
    """
    return released < policy.limit and not _is_there(policy, on_these)


def _is_there(policy: OutputPolicy, on_these: int) -> bool:
    """Whether as many results as may have left on the same inputs."""
    return not isinstance(policy.per_inputs, msgspec.UnsetType) and on_these >= policy.per_inputs


def check_can_leave(policy: OutputPolicy, released: int, name: str, on_these: int = 0) -> None:
    """Raise unless one more result may leave.

    Args:
        policy: what was approved.
        released: how many results have left under this approval.
        name: of the code, for the text.
        on_these: how many of them were computed on the inputs of this one.
    Raises:
        PolicyExhausted: it was used as often as was approved.
    """
    if can_leave(policy, released, on_these):
        return
    again = "Make a new request if you need another: `client.code.request_code_execution(...)`."
    if released >= policy.limit:
        raise PolicyExhausted(
            f"'{name}' was approved to give out a result {_times(policy.limit)}, and has. {again}"
        )
    assert not isinstance(policy.per_inputs, msgspec.UnsetType)
    raise PolicyExhausted(
        f"'{name}' was approved to give out a result {_times(policy.per_inputs)} for the same inputs, and has for "
        f"these. {again}"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
