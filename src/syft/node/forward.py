"""This module passes envelopes on: the very bytes, unread, once; and their answers back, as they are."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from blake3 import blake3

from syft.errors import (
    BadReply,
    EnvelopeError,
    NodeUnreachable,
    SyftException,
    TooLarge,
    TooManyAttempts,
    WireError,
)
from syft.model.peer import Peer
from syft.model.uid import UID
from syft.node.passwords import Throttle
from syft.node.peers import Peers
from syft.transport.ask import not_passed_on, now_ms
from syft.transport.base import Parcel
from syft.wire.envelope import (
    HIDING_BYTES,
    MAX_ATTACHMENT,
    Header,
    ReplayGuard,
    Sealed,
    check_fresh,
    inspect,
)

# One client that asks one thing after the other gets some 300 answers a second: what is refused is more than that.
_BURST: Final = 1000
_PER_S: Final = 500.0
# A peer that takes in and never answers holds a thread of the server's for each message: so many of one sender, to
# one peer, and in all, which leaves a quarter of the threads (`server/app`) for what is said to this node itself.
MAX_OF_SENDER: Final = 16
MAX_UNDER_WAY: Final = 32
MAX_IN_ALL: Final = 96


class Forwarder:
    """Passes on what is for others. It looks at signature, size, freshness and address, and cannot read the rest.

    Args:
        peers: whom it knows.
        since_ms: from when on it remembers what it has passed on.
    """

    def __init__(self, peers: Peers, since_ms: int = 0) -> None:
        self._peers = peers
        self._guard = ReplayGuard(since_ms)
        self._throttle = Throttle(_BURST, _PER_S)
        self._under_way: Counter[UID] = Counter()
        self._of_sender: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def pass_on(self, sealed: Sealed, parcel: Parcel, peer: Peer, *, is_local: bool) -> Parcel | None:
        """Hand an envelope to a peer, and return what comes back, unchanged.

        Args:
            sealed: the envelope, its signature checked.
            parcel: the same, with what travels beside it.
            peer: where to.
            is_local: whether it comes from this process, which nobody has to be protected from.
        Raises:
            NodeUnreachable: the peer cannot be reached, or what came back is not its answer.
            StaleMessage: too old, from the future, or passed on before: loops and floods of copies end here.
            TooManyAttempts: the sender, or everybody to this peer, sends too much.
            TooLarge: more travels beside it than a message may have.
        """
        header = sealed.header
        now = now_ms()
        check_fresh(header, now)
        if len(parcel.attachment) > MAX_ATTACHMENT + HIDING_BYTES:
            raise TooLarge(f"At most {MAX_ATTACHMENT >> 20} MiB travel beside one message; send it in parts.")
        if not is_local:
            self._throttle.attempt(header.sender.hex())
        # By sender and message: what somebody else calls their message is their affair.
        self._guard.check_first_time(
            UID.from_bytes(blake3(header.sender + header.uid.raw).digest(16)), header.time_ms, now
        )
        route = self._peers.route_to(peer)
        self._begin(peer, header.sender)
        try:
            reply = route.send(Parcel(parcel.envelope, parcel.attachment, forwarded=True))
        except (NodeUnreachable, BadReply) as error:
            # Of its address and what stands there, strangers are told nothing.
            raise NodeUnreachable(
                f"'{peer.name}' cannot be reached from here at the moment. Try again later.",
                error.public_message,
            ) from None
        finally:
            self._end(peer, header.sender)
        if reply is not None:
            check_answers(reply, header, peer)
        return reply

    def _begin(self, peer: Peer, sender: bytes) -> None:
        with self._lock:
            if self._under_way[peer.node_uid] >= MAX_UNDER_WAY or self._of_sender[sender] >= MAX_OF_SENDER:
                raise TooManyAttempts(
                    f"Many messages are under way to '{peer.name}' already. Try again in a moment."
                )
            if self._under_way.total() >= MAX_IN_ALL:
                raise TooManyAttempts("Many messages are under way from here already. Try again in a moment.")
            self._under_way[peer.node_uid] += 1
            self._of_sender[sender] += 1

    def _end(self, peer: Peer, sender: bytes) -> None:
        with self._lock:
            for counter, key in ((self._under_way, peer.node_uid), (self._of_sender, sender)):
                counter[key] -= 1  # type: ignore[index]  # each counter with its own kind of key
                if not counter[key]:  # type: ignore[index]
                    del counter[key]


def check_answers(reply: Parcel, header: Header, peer: Peer) -> None:
    """Raise unless that is an answer to that message, by the node it was for.

    Args:
        reply: what came back.
        header: of what was passed on.
        peer: to whom it was.
    Raises:
        SyftException: the peer could not pass it on either, and says why.
        NodeUnreachable: it is something else.
    """
    try:
        sealed = inspect(reply.envelope)
        if sealed.header.reply_to != header.uid or sealed.header.recipient != header.sender:
            raise EnvelopeError("This answer belongs to another question.")
        # A message without a recipient's key is one within this process: its address alone says who answers.
        if header.recipient in (b"", sealed.header.sender):
            return
        if sealed.header.sender != peer.key:
            raise EnvelopeError("This answer is signed by neither of those who could give one.")
        failure = _failure(sealed, header, peer)
    except WireError as error:
        raise NodeUnreachable(
            f"'{peer.name}' answered, but not as it should; the answer was thrown away.", error.public_message
        ) from None
    raise failure


def _failure(sealed: Sealed, header: Header, peer: Peer) -> SyftException:
    """What a node further on says that kept it from passing a message on."""
    opened = sealed.open(recipient=header.sender, now_ms=now_ms(), guard=None, reply_to=header.uid)
    return not_passed_on(opened.message, f"'{peer.name}'")
