"""This module brings nodes together: a part to its whole, and a datasite to a gateway."""

from __future__ import annotations

from syft.client.session import Session
from syft.errors import SyftException
from syft.model.message import Done
from syft.model.messages.network import JoinNetwork, MemberReply
from syft.model.messages.nodes import (
    Ancestry,
    Introduce,
    Introduction,
    KnowGateway,
    RegisterChild,
    RemovePeer,
    TakeAncestry,
)
from syft.model.messages.session import GetNodeInfo, NodeInfoReply
from syft.model.peer import check_fits_in
from syft.transport.http import HttpRoute
from syft.transport.memory import join, part


def url_of(session: Session) -> str:
    """Where a node is reached, as far as this client knows: empty for one in this process."""
    return session.route.url if isinstance(session.route, HttpRoute) else ""


def register_child(parent: Session, child: Session, *, url: str | None = None) -> None:
    """Make a node a part of another. Either both know of it afterwards, or neither does.

    Args:
        parent: a session of the wider node's administrator.
        child: a session of the narrower node's administrator.
        url: where the parent reaches the child; as the child's session does when left out.
    Raises:
        InvalidInput: the child is as wide as the parent, or wider.
        AuthorizationException: one of the sessions is not an administrator's.
    """
    check_fits_in(child.info.kind, parent.info.kind)
    # The child says yes first, and keeps nothing of it; then the parent; only then is anything changed.
    asked = Introduce(parent.info, url_of(child) if url is None else url)
    envelope = child.ask(asked, Introduction).envelope
    info = parent.ask(RegisterChild(envelope), Ancestry).parent
    join(parent.route, child.route)
    try:
        child.ask(TakeAncestry(info, url_of(parent)), Done)
    except SyftException:
        part(parent.route, child.route)
        parent.ask(RemovePeer(child.info.uid), Done)
        raise
    for session in (parent, child):
        session.info = session.ask(GetNodeInfo(), NodeInfoReply).info


def join_network(member: Session, gateway: Session, *, url: str | None = None) -> MemberReply:
    """Have a gateway take a datasite as a member.

    Args:
        member: a session of the datasite's administrator.
        gateway: a session at the gateway; its administrator's accepts, another's asks.
        url: where the gateway reaches the datasite; as the datasite's session does when left out.
    Returns:
        The member as the gateway shows it, which says whether it has been accepted.
    Raises:
        AuthorizationException: the first session is not an administrator's.
        NodeUnreachable: the gateway cannot reach the datasite.
        AlreadyExists: the network has a member of that name.
    """
    asked = Introduce(gateway.info, url_of(member) if url is None else url)
    envelope = member.ask(asked, Introduction).envelope
    here = join(gateway.route, member.route)
    try:
        reply = gateway.ask(JoinNetwork(envelope), MemberReply)
    except SyftException:
        if here:
            part(gateway.route, member.route)
        raise
    member.ask(KnowGateway(gateway.info, url_of(gateway)), Done)
    return reply
