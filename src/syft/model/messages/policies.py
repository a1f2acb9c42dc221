"""This module holds what is said about policies that authors of code wrote."""

from __future__ import annotations

from datetime import datetime

from syft.model.message import Message
from syft.model.uid import UID


class GetPolicyState(Message, frozen=True, tag="policies.state"):
    """What does the output policy of that request show of what it remembers? Answered by `PolicyStateReply`.

    Args:
        request_uid: of a request about code.
    """

    request_uid: UID


class PolicyStateReply(Message, frozen=True, tag="policies.state.reply"):
    """What an output policy has shown of itself when it was last changed.

    Args:
        version: how many results it has let out; 0: none, and there is nothing to show.
        shown: what its `public_state` returned, encoded; empty where nothing is remembered.
        changed_at: when, in UTC.
    """

    version: int = 0
    shown: bytes = b""
    changed_at: datetime | None = None
