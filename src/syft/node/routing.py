"""This module decides for whom an envelope is; it reads the header and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syft.errors import EnvelopeError
from syft.model.peer import Peer, PeerState
from syft.model.uid import UID
from syft.wire.envelope import Header

_NARROW_FIRST: Final = ("vm", "device", "domain", "network")


def next_hop(
    header: Header, own: UID, find: Callable[[UID], Peer | None], *, sender_is_known: Callable[[], bool]
) -> Peer | None:
    """The peer that an envelope goes to next; None where it is for this node.

    The narrowest part of the address that is known decides. Where this node is itself a part, only what is narrower
    than it counts: what came down to it does not go up again.

    Args:
        header: of the envelope.
        own: this node's UID.
        find: the peer that is a node, if there is one.
        sender_is_known: whether the sender has an account here, or is a peer. Down goes anybody's message, since the
            node there decides for itself; up goes none of a stranger's, or this node would be anybody's way in there.
    Raises:
        EnvelopeError: the address ends elsewhere, and this node knows no way there.
    """
    address = header.address
    if address.target == own:
        return None
    for part in _NARROW_FIRST:
        uid: UID | None = getattr(address, part)
        if uid == own:
            break
        peer = find(uid) if uid is not None else None
        if peer is None or peer.state is not PeerState.ACCEPTED:
            continue
        # A parent or gateway is the way to what lies behind it, and to itself.
        if peer.is_below or sender_is_known():
            return peer
    raise EnvelopeError(
        "Address unknown - cannot forward message. Throwing it away. This message is for another node, which "
        "this one does not know."
    )
