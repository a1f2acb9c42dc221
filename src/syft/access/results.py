"""This module says whose a value is that was computed from several objects, and who may read it.

Mixing in what one may not read makes a result unreadable: otherwise adding a zero of one's own would be a key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from syft.model.object import ObjectRecord
from syft.model.uid import UID


def readers_of_all(inputs: Sequence[tuple[ObjectRecord, Collection[UID]]]) -> frozenset[UID]:
    """The accounts that may read every one of the private values; of no values, nobody (but administrators).

    Args:
        inputs: each object with the accounts that have a grant to its value as it is now.
    """
    readers = [frozenset({record.owner_uid, *granted}) for record, granted in inputs]
    return frozenset.intersection(*readers) if readers else frozenset()


def owner_of_all(inputs: Sequence[ObjectRecord], node_uid: UID) -> UID:
    """The one account that owns all of them; where there is none, the node, so that an administrator decides.

    Args:
        inputs: what the value was computed from.
        node_uid: of the node itself; no account has it.
    """
    owners = {record.owner_uid for record in inputs}
    return owners.pop() if len(owners) == 1 else node_uid
