"""This module does what is asked about the node itself: who it is, of what it is a part, and what is a part of it."""

from __future__ import annotations

from typing import Final

import msgspec

from syft.errors import AlreadyExists, EnvelopeError, InvalidInput, NotFound
from syft.logger import tell
from syft.model.address import Address
from syft.model.message import Done, Message
from syft.model.messages.nodes import (
    Ancestry,
    Deliver,
    Introduce,
    Introduction,
    KnowGateway,
    RegisterChild,
    Registration,
    RemovePeer,
    ShowNode,
    TakeAncestry,
    Taken,
)
from syft.model.peer import Peer, PeerState, Relation, check_fits_in, check_url, wider_part
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.peers import put_peer
from syft.store.base import Reader
from syft.wire.envelope import inspect, seal

# As people of 2021 know the kinds; "datasite" and "gateway" came later.
_KIND_NAMES = {"vm": "VirtualMachine"}
# The setting under which a node's place is kept, as JSON.
PLACE: Final = "node_place"
MAX_CHILDREN: Final = 1000


class Place(msgspec.Struct, frozen=True):
    """Where a node is, as far as it has been told.

    Args:
        parts: network, domain and device above it, 32 hex digits each; empty where there is none.
        as_of_ms: when that was so, by its parent's clock.
    """

    parts: tuple[str, str, str] = ("", "", "")
    as_of_ms: int = 0

    @property
    def above(self) -> Address:
        """The address of what it is a part of."""
        return Address(*(UID.from_string(part) if part else None for part in self.parts))

    @classmethod
    def of(cls, above: Address, as_of_ms: int) -> Place:
        """A place, from an address."""
        parts = (above.network, above.domain, above.device)
        return cls(tuple(uid.hex if uid else "" for uid in parts), as_of_ms)  # type: ignore[arg-type]  # three


def read_place(reader: Reader) -> Place:
    """Where the node of this store is; nowhere, when it has not been told."""
    kept = reader.setting(PLACE)
    return msgspec.json.decode(kept, type=Place) if kept else Place()


def read_introduction(ctx: Context, envelope: bytes) -> Registration:
    """What a node says of itself, its key proved by its signature, for this node and just now.

    Raises:
        WireError: it was signed for another node, long ago, shown before, or is something else.
        InvalidInput: it does not hold together.
    """
    sealed = inspect(envelope)
    opened = sealed.open(
        recipient=ctx.site.identity.verify_key,
        now_ms=int(ctx.now.timestamp() * 1000),
        guard=ctx.node.introductions,
    )
    said = opened.message
    if not isinstance(said, Registration) or said.info.verify_key != sealed.header.sender.hex():
        raise EnvelopeError("This is not an introduction by the node it names. Introduce it anew.")
    if said.info.uid == ctx.node.info.uid or said.info.verify_key == ctx.node.info.verify_key:
        raise InvalidInput("A node cannot be a part of itself.")
    check_url(said.url)
    return said


def new_peer(ctx: Context, said: Registration, relation: Relation, state: PeerState) -> Peer:
    """The record of a node that has introduced itself.

    Raises:
        AlreadyExists: its UID, or its key, is another node's: routes to that one would lead to this.
        InvalidInput: a field is not as it should be.
    """
    info = said.info
    if info.address.target != info.uid:
        raise InvalidInput("The address of a node ends at that node.")
    known = ctx.node.peers.find(info.uid)
    if known and known.verify_key != info.verify_key and known.state is not state is PeerState.ACCEPTED:
        # Anybody can ask to join under any UID: what nobody has decided about keeps out nobody who is let in.
        known = None
    same_key = ctx.node.peers.of_key(bytes.fromhex(info.verify_key))
    if (known and known.verify_key != info.verify_key) or (same_key and same_key.node_uid != info.uid):
        raise AlreadyExists(
            "Another node is known here by that UID or key. If it has been replaced, remove the old one first."
        )
    return Peer(
        uid=known.uid if known else UID(),
        node_uid=info.uid,
        name=info.name,
        kind=info.kind,
        verify_key=info.verify_key,
        relation=relation,
        state=state,
        url=said.url,
        address=info.address,
        added_at=known.added_at if known else ctx.now,
    )


@handles(ShowNode, needs=Capability.ADMINISTER)
def show_node(ctx: Context, message: ShowNode) -> None:
    """Write down who the node is, in its log; nothing is answered."""
    info = ctx.node.info
    kind = _KIND_NAMES.get(info.kind, info.kind.capitalize())
    tell("CRITICAL", f"{kind}: {info.name}: {info.uid}")


@handles(Introduce, needs=Capability.MANAGE_PEERS)
def introduce(ctx: Context, message: Introduce) -> Message:
    """Sign who this node is, for one other node and a short time. Nothing is kept of it."""
    check_url(message.url)
    envelope, _ = seal(
        Registration(ctx.node.info, message.url),
        identity=ctx.site.identity,
        recipient=bytes.fromhex(message.to.verify_key),
        address=message.to.address,
        now_ms=int(ctx.now.timestamp() * 1000),
    )
    return Introduction(envelope)


@handles(RegisterChild, needs=Capability.MANAGE_PEERS)
def register_child(ctx: Context, message: RegisterChild) -> Message:
    """Have a node as a part of this one. A second time changes nothing.

    Raises:
        InvalidInput: it is as wide as this one, or wider.
        WireError: it did not introduce itself, to this node and just now.
    """
    said = read_introduction(ctx, message.introduction)
    check_fits_in(said.info.kind, ctx.node.info.kind)
    peer = new_peer(ctx, said, Relation.CHILD, PeerState.ACCEPTED)
    if len(ctx.node.peers.every(Relation.CHILD)) >= MAX_CHILDREN:
        raise InvalidInput(f"A node has at most {MAX_CHILDREN} parts.")
    if ctx.node.peers.find(peer.node_uid) != peer:
        event = ctx.event("node.child_registered", peer.node_uid, name=peer.name, key=peer.verify_key)
        with ctx.site.store.writing(event) as tx:
            put_peer(tx, peer)
        ctx.node.peers.load(ctx.site.store)
    return Ancestry(ctx.node.info)


@handles(TakeAncestry, needs=Capability.TAKE_ANCESTRY)
def take_ancestry(ctx: Context, message: TakeAncestry) -> Message:
    """Be a part of that node, and tell all parts of this one.

    Raises:
        InvalidInput: that node is no wider than this one, or is not where it says.
        NotFound: the key of a node sent this, and it is not the parent's.
    """
    parent, own = message.parent, ctx.node.info
    peer = ctx.caller.peer
    if ctx.caller.user is None and (
        peer is None or (peer.node_uid, peer.verify_key) != (parent.uid, parent.verify_key)
    ):
        raise NotFound("This is for the node that this one is a part of, and not for another.")
    check_fits_in(own.kind, parent.kind)
    if message.above.target != parent.uid or own.uid in msgspec.structs.astuple(message.above):
        raise InvalidInput(
            "The address of a parent ends at the parent, and has no part of its own parts in it."
        )
    check_url(message.url)
    place = Place.of(wider_part(own.kind, message.above), message.as_of_ms)
    with ctx.site.store.reading() as reader:
        before = read_place(reader)
    known = ctx.node.peers.find(parent.uid)
    taken = Peer(
        uid=known.uid if known else UID(),
        node_uid=parent.uid,
        name=parent.name,
        kind=parent.kind,
        verify_key=parent.verify_key,
        relation=Relation.PARENT,
        url=message.url or (known.url if known else ""),
        address=parent.address,
        added_at=known.added_at if known else ctx.now,
    )
    # A letter may come after what was said later.
    is_late = ctx.caller.user is None and message.as_of_ms <= before.as_of_ms
    if is_late or (before.above == place.above and known == taken):
        return Done()
    event = ctx.event("node.ancestry_taken", parent.uid, name=parent.name, key=parent.verify_key)
    with ctx.site.store.writing(event) as tx:
        for old in tx.select(Peer, relation=Relation.PARENT):
            tx.remove(Peer, old.uid)
        put_peer(tx, taken)
        tx.put_setting(PLACE, msgspec.json.encode(place).decode())
    ctx.node.place_changed()
    return Done()


@handles(KnowGateway, needs=Capability.MANAGE_PEERS)
def know_gateway(ctx: Context, message: KnowGateway) -> Message:
    """Send what is for nobody known to that gateway from now on."""
    info = message.gateway
    check_url(message.url)
    if info.uid == ctx.node.info.uid:
        raise InvalidInput("A gateway is not a member of itself.")
    peer = new_peer(ctx, Registration(info, message.url), Relation.GATEWAY, PeerState.ACCEPTED)
    if ctx.node.peers.find(info.uid) != peer:
        event = ctx.event("node.gateway_known", info.uid, name=info.name, key=info.verify_key)
        with ctx.site.store.writing(event) as tx:
            put_peer(tx, peer)
        ctx.node.peers.load(ctx.site.store)
    return Done()


@handles(Deliver, needs=Capability.USE_ACCOUNT)
def deliver(ctx: Context, message: Deliver) -> Message:
    """Keep a letter for another node, by whatever key: an account of this node answers for it.

    Raises:
        WireError: it is no letter, or too old.
        EnvelopeError: nothing is known here of the node it is for.
    """
    ctx.node.take_letter(message.envelope, ctx.user_uid.hex)
    return Taken()


@handles(RemovePeer, needs=Capability.MANAGE_PEERS)
def remove_peer(ctx: Context, message: RemovePeer) -> Message:
    """Know a node no longer.

    Raises:
        NotFound: it is not known.
    """
    peer = ctx.node.peers.find(message.node_uid)
    if peer is None:
        raise NotFound("There is no such node here, or it has been removed already.")
    with ctx.site.store.writing(ctx.event("node.peer_removed", peer.node_uid, name=peer.name)) as tx:
        tx.remove(Peer, peer.uid)
        if peer.relation is Relation.PARENT:
            tx.put_setting(PLACE, msgspec.json.encode(Place()).decode())
    ctx.node.place_changed()
    return Done()
