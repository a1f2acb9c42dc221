"""This module holds what is said to a gateway about its members."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.message import Message
from syft.model.peer import PeerState
from syft.model.settings import NodeInfo
from syft.model.uid import UID


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A member, as a gateway shows it.

    Args:
        info: what the member said of itself, its key proved; its address has the gateway in it.
        state: whether it has been accepted.
        url: where it is; shown to the gateway's administrators only.
        reachable: whether it answered when it was last asked; None when it has not been asked yet.
        seen_at: when it last answered, in UTC.
        added_at: when it asked to join, in UTC.
    """

    info: NodeInfo
    state: PeerState
    url: str = ""
    reachable: bool | None = None
    seen_at: datetime | None = None
    added_at: datetime


class JoinNetwork(Message, frozen=True, tag="network.join"):
    """Have that datasite as a member. Answered by `MemberReply`, which says whether it is one already.

    Args:
        introduction: what the datasite signed for you, a moment ago.
    """

    introduction: bytes


class AcceptMember(Message, frozen=True, tag="network.accept"):
    """Have a datasite that asked to join as a member. Answered by `MemberReply`.

    Args:
        node_uid: the datasite's.
    """

    node_uid: UID


class ListMembers(Message, frozen=True, tag="network.members"):
    """Who is a member? Answered by `MembersReply`.

    Args:
        name: only the one that has exactly this name.
        limit: how many at most; 0 for no bound but the node's.
        offset: how many to skip.
    """

    name: str = ""
    limit: int = 0
    offset: int = 0


class MemberReply(Message, frozen=True, tag="network.member.reply"):
    """One member, and what the gateway that answers says of itself."""

    member: MemberView
    gateway: NodeInfo


class MembersReply(Message, frozen=True, tag="network.members.reply"):
    """A page of members, and how many there are in all."""

    members: tuple[MemberView, ...]
    total: int
