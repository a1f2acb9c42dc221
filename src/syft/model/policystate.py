"""This module holds what a policy of its author's own remembers between the runs of one approval."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.uid import UID


class PolicyState(msgspec.Struct, frozen=True, kw_only=True):
    """What an output policy remembers. It has seen results, so that it is private like the data that they are made of.

    Args:
        uid: of the request whose approval it is for: another approval begins anew.
        version: how often it was changed; each change is from the version before.
        value: what the policy had set on itself, encoded. Nothing but the policy decodes it, behind the fence.
        shown: what its `public_state` returned then, encoded; for those who decide about the request.
        changed_at: when, in UTC.
    """

    uid: UID
    version: int
    value: bytes
    shown: bytes
    changed_at: datetime
