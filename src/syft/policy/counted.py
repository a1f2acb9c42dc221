"""This module counts what an output policy counts: results that left, and those that wait for a person to let them."""

from __future__ import annotations

from typing import Protocol

import msgspec

from syft.model.code import OutputPolicy
from syft.model.held import HeldResult, HeldState
from syft.model.job import Release
from syft.model.uid import UID


class Counts(Protocol):
    """What of a store counting needs; `store.base.Reader` has it."""

    def count(self, kind: type[msgspec.Struct], /, **equals: object) -> int:
        """How many records have these values."""
        ...


def counted_on(reader: Counts, request_uid: UID, policy: OutputPolicy, inputs_key: str) -> int:
    """How many of them were computed on these very inputs; 0 where the policy does not ask, and nobody counts.

    Args:
        reader: of the store.
        request_uid: the approval.
        policy: its output policy.
        inputs_key: of the inputs (`policy.inputs.inputs_key`).
    """
    if isinstance(policy.per_inputs, msgspec.UnsetType):
        return 0
    return counted(reader, request_uid, inputs_key)


def counted(reader: Counts, request_uid: UID, inputs_key: str | None = None) -> int:
    """How many results count against the output policy under that approval.

    A result that waits counts as if it had left: whoever lets it go must not find the policy used up by others that
    were computed meanwhile, and nobody has ten results made to have the best of them let go. One that was refused
    counts no more.

    Args:
        reader: of the store.
        request_uid: the approval.
        inputs_key: count those alone that were computed on these inputs (`policy.inputs.inputs_key`); None for all.
    """
    of = {} if inputs_key is None else {"inputs_key": inputs_key}
    waiting = reader.count(HeldResult, request_uid=request_uid, state=HeldState.WAITING, **of)
    return reader.count(Release, request_uid=request_uid, **of) + waiting
