"""This module does what is asked of a gateway about its members."""

from __future__ import annotations

from typing import Final

import msgspec

from syft.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    NodeUnreachable,
    NotFound,
    SyftException,
    TooManyAttempts,
)
from syft.model.address import PART_OF_KIND, Address
from syft.model.message import Message
from syft.model.messages.network import (
    AcceptMember,
    JoinNetwork,
    ListMembers,
    MemberReply,
    MembersReply,
    MemberView,
)
from syft.model.peer import Peer, PeerState, Relation, check_fits_in
from syft.model.permission import Capability
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles
from syft.node.family import as_info
from syft.node.health import look
from syft.node.peers import put_peer
from syft.node.services.nodes import new_peer, read_introduction

MAX_MEMBERS: Final = 2000
# Whoever can reach a gateway can ask to join; its administrator is not to be buried.
MAX_PENDING: Final = 100


def _check_is_gateway(ctx: Context) -> None:
    if PART_OF_KIND[ctx.node.info.kind] != "network":
        raise InvalidState(
            "This node is not a gateway; it has no members. `syft launch --server-type gateway`."
        )


def _members(ctx: Context, *states: PeerState) -> list[Peer]:
    with ctx.site.store.reading() as reader:
        every = reader.select(Peer, relation=Relation.MEMBER)
    return [one for one in every if one.state in states]


def _view(ctx: Context, peer: Peer) -> MemberView:
    seen = ctx.node.health.of(peer.node_uid)
    # The name is the one that was decided about; a member that calls itself otherwise later is not another by it.
    own = as_info(peer, ctx.node.info)
    told = seen.info if seen else None
    info = msgspec.structs.replace(
        own,
        address=Address(network=ctx.node.info.uid, domain=peer.node_uid),
        version=told.version if told else "",
        isolation=told.isolation if told else "",
        side_type=told.side_type if told else own.side_type,
        organization=told.organization if told else "",
        description=told.description if told else "",
        signup_enabled=told.signup_enabled if told else False,
        deployed_at=told.deployed_at if told else own.deployed_at,
    )
    return MemberView(
        info=info,
        state=peer.state,
        url=peer.url if ctx.caller.can(Capability.MANAGE_PEERS) else "",
        reachable=seen.reachable if seen else None,
        seen_at=seen.at if seen else None,
        added_at=peer.added_at,
    )


def _check_there(ctx: Context, peer: Peer) -> None:
    """Raise unless that node can be reached from here, at the address it has given, with the key it has proved.

    Raises:
        NodeUnreachable: nobody answers there, or somebody else does.
        BadReply: likewise; only the administrator is told which.
    """
    route = ctx.node.peers.route_for(peer)
    try:
        ctx.node.health.saw(peer, look(route, ctx.site.identity, ctx.node.info, peer))
    except SyftException as error:
        if ctx.caller.can(Capability.MANAGE_PEERS):
            raise
        # Else a stranger could have a gateway look around inside its own network, and tell.
        raise NodeUnreachable(
            f"The gateway finds no node with this key at the address that '{peer.name}' gives. Check the address, "
            "and that the gateway can reach it.",
            error.public_message,
        ) from None


def _check_name_is_free(ctx: Context, peer: Peer, *states: PeerState) -> None:
    """Raise where another member, in one of these states, has that name: people find members by it."""
    for one in _members(ctx, *states):
        if one.name.casefold() == peer.name.casefold() and one.node_uid != peer.node_uid:
            raise AlreadyExists(
                f"A member of this network is called '{peer.name}' already. Give yours another name."
            )


def _check_has_room(ctx: Context) -> None:
    if len(_members(ctx, PeerState.ACCEPTED)) >= MAX_MEMBERS:
        raise InvalidInput(f"A gateway has at most {MAX_MEMBERS} members.")


@handles(JoinNetwork, needs=Capability.JOIN_NETWORK)
def join_network(ctx: Context, message: JoinNetwork) -> Message:
    """Take a datasite as a member where that needs no decision, or else as somebody who asks.

    Raises:
        InvalidState: this node is not a gateway.
        AlreadyExists: a member has that name.
        NodeUnreachable: it cannot be reached from here.
        TooManyAttempts: too many ask.
    """
    _check_is_gateway(ctx)
    ctx.site.origin_throttle.attempt(f"join {ctx.caller.origin}")
    said = read_introduction(ctx, message.introduction)
    check_fits_in(said.info.kind, ctx.node.info.kind)
    if not said.url and not ctx.node.peers.is_here(said.info.uid):
        raise InvalidInput(
            "Say where the gateway reaches this node: `connect_to_gateway(gateway, reachable_at='http://...')`. A node "
            'without an address is in the process that launched it; launch it with port="auto".'
        )
    known = ctx.node.peers.find(said.info.uid)
    if known is not None and known.relation is not Relation.MEMBER:
        raise AlreadyExists("That node is something else to this one already.")
    is_member = known is not None and known.state is PeerState.ACCEPTED
    # A member that has moved has proved its key, and was decided about.
    decides = ctx.caller.can(Capability.MANAGE_PEERS)
    welcome = is_member or ctx.node.settings.members_may_join or decides
    peer = new_peer(ctx, said, Relation.MEMBER, PeerState.ACCEPTED if welcome else PeerState.PENDING)
    if known is not None and is_member and not decides:
        # What it was accepted as it stays: under another's name it would be asked for that one's passwords.
        peer = msgspec.structs.replace(peer, name=known.name, kind=known.kind)
    if welcome:
        # Those who only ask are not in the way of those who are let in.
        _check_name_is_free(ctx, peer, PeerState.ACCEPTED)
        if not is_member:
            _check_has_room(ctx)
        _check_there(ctx, peer)
    else:
        _check_name_is_free(ctx, peer, PeerState.ACCEPTED, PeerState.PENDING)
        if known is None and len(_members(ctx, PeerState.PENDING)) >= MAX_PENDING:
            raise TooManyAttempts(
                "Too many wait to be accepted here already. Ask the gateway's administrator."
            )
    if known != peer:
        verb = "network.member_accepted" if welcome else "network.join_asked"
        with ctx.site.store.writing(
            ctx.event(verb, peer.node_uid, name=peer.name, key=peer.verify_key)
        ) as tx:
            put_peer(tx, peer)
        ctx.node.peers.load(ctx.site.store)
    ctx.site.origin_throttle.succeeded(f"join {ctx.caller.origin}")
    return MemberReply(_view(ctx, peer), ctx.node.info)


@handles(AcceptMember, needs=Capability.MANAGE_PEERS)
def accept_member(ctx: Context, message: AcceptMember) -> Message:
    """Have a datasite that asked as a member; it has to be there. A second time changes nothing.

    Raises:
        InvalidState: this node is not a gateway.
        NotFound: nobody with that UID has asked.
        AlreadyExists: a member has its name by now.
        NodeUnreachable: it cannot be reached from here.
    """
    _check_is_gateway(ctx)
    peer = ctx.node.peers.find(message.node_uid)
    if peer is None or peer.relation is not Relation.MEMBER:
        raise NotFound("Nobody with that UID has asked to join. `client.members.pending` lists who has.")
    if peer.state is PeerState.PENDING:
        _check_name_is_free(ctx, peer, PeerState.ACCEPTED)
        _check_has_room(ctx)
        _check_there(ctx, peer)
        peer = msgspec.structs.replace(peer, state=PeerState.ACCEPTED)
        event = ctx.event("network.member_accepted", peer.node_uid, name=peer.name, key=peer.verify_key)
        with ctx.site.store.writing(event) as tx:
            tx.replace(peer)
        ctx.node.peers.load(ctx.site.store)
    return MemberReply(_view(ctx, peer), ctx.node.info)


@handles(ListMembers, needs=Capability.LOOK_AROUND)
def list_members(ctx: Context, message: ListMembers) -> Message:
    """A page of the members; to those who decide about them, also of those who ask.

    Raises:
        InvalidState: this node is not a gateway.
    """
    _check_is_gateway(ctx)
    states = [PeerState.ACCEPTED]
    if ctx.caller.can(Capability.MANAGE_PEERS):
        states.append(PeerState.PENDING)
    every = [one for one in _members(ctx, *states) if not message.name or one.name == message.name]
    limit, offset = page(message.limit, message.offset)
    views = (_view(ctx, one) for one in every[offset : offset + limit])
    return MembersReply(fitting(views), len(every))
