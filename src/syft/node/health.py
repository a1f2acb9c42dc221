"""This module asks a gateway's members, again and again, whether they are there; what it hears is kept in memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from syft.errors import BadReply, SyftException
from syft.logger import say
from syft.model.identity import Identity
from syft.model.messages.session import GetNodeInfo, NodeInfoReply
from syft.model.peer import Peer, Relation
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.node.family import as_info
from syft.node.peers import Peers
from syft.transport.ask import ask, expect
from syft.transport.base import Route

PAUSE_S: Final = 15.0
# Members that are asked at once; one that does not answer keeps a thread for as long as a route waits.
_THREADS: Final = 8
# Characters that are kept of what a member says of itself: all members' fit a few messages.
_LONGEST: Final = {"version": 50, "isolation": 50, "side_type": 20, "organization": 200, "description": 1_000}


class Seen(NamedTuple):
    """What is known of a member.

    Args:
        reachable: whether it answered when it was last asked.
        at: when it last answered, in UTC; None for never.
        info: what it then said of itself.
    """

    reachable: bool
    at: datetime | None
    info: NodeInfo | None


def look(route: Route, identity: Identity, near: NodeInfo, peer: Peer) -> NodeInfo:
    """What the node at the end of a route says of itself, if it is that peer.

    Args:
        route: the way there.
        identity: who asks.
        near: the node that asks.
        peer: who should be there: its key must sign the answer.
    Raises:
        NodeUnreachable: nobody answers there.
        BadReply: somebody else does.
    """
    info = expect(ask(route, identity, as_info(peer, near), GetNodeInfo()), NodeInfoReply).info
    if (info.uid, info.verify_key) != (peer.node_uid, peer.verify_key):
        raise BadReply(f"At that address there is another node than '{peer.name}'.")
    return info


def _in_short(info: NodeInfo) -> NodeInfo:
    """What a member says of itself, no longer than people read: it is kept, and sent to all who list members."""
    short = {name: str(getattr(info, name))[:most] for name, most in _LONGEST.items()}
    return msgspec.structs.replace(info, **short)


class Health:
    """Asks each member who it is, every `PAUSE_S` seconds.

    Args:
        peers: among them, the members.
        identity: the gateway's key.
        info: what the gateway says of itself.
        heard_from: told of each member that answers.
    """

    def __init__(
        self,
        peers: Peers,
        identity: Identity,
        info: Callable[[], NodeInfo],
        heard_from: Callable[[UID], None],
    ) -> None:
        self._peers = peers
        self._identity = identity
        self._info = info
        self._heard_from = heard_from
        self._seen: dict[UID, Seen] = {}
        self._asking: set[UID] = set()
        self._turns = threading.BoundedSemaphore(_THREADS)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._loop, name="syft-health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop asking. What is still waited for does no harm."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def of(self, node_uid: UID) -> Seen | None:
        """What is known of a member; None when it has not been asked yet."""
        return self._seen.get(node_uid)

    def saw(self, peer: Peer, info: NodeInfo) -> None:
        """A member has answered."""
        self._seen[peer.node_uid] = Seen(True, datetime.now(UTC), _in_short(info))
        self._heard_from(peer.node_uid)

    def _loop(self) -> None:
        while not self._closing.is_set():
            members = self._peers.every(Relation.MEMBER)
            for gone in set(self._seen) - {peer.node_uid for peer in members}:
                self._seen.pop(gone, None)
            for peer in members:
                if peer.node_uid in self._asking or not self._take_turn():
                    continue
                self._asking.add(peer.node_uid)
                threading.Thread(
                    target=self._ask_in_turn, args=(peer,), name="syft-ping", daemon=True
                ).start()
            self._closing.wait(PAUSE_S)

    def _take_turn(self) -> bool:
        """Wait until another may be asked; whether there is still somebody to ask for."""
        while not self._turns.acquire(timeout=1.0):
            if self._closing.is_set():
                return False
        return not self._closing.is_set()

    def _ask_in_turn(self, peer: Peer) -> None:
        try:
            self.ask(peer)
        finally:
            self._asking.discard(peer.node_uid)
            self._turns.release()

    def ask(self, peer: Peer) -> None:
        """Ask a member now, and keep what comes of it."""
        try:
            self.saw(peer, look(self._peers.route_to(peer), self._identity, self._info(), peer))
        except SyftException as error:
            before = self._seen.get(peer.node_uid, Seen(False, None, None))
            self._seen[peer.node_uid] = Seen(False, before.at, before.info)
            say(logging.INFO, "a member did not answer", member=peer.node_uid.hex, error=error.code)
