"""This module is the contract of a route: bytes out, bytes or nothing back."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from syft.model.settings import NodeInfo


class Parcel(NamedTuple):
    """An envelope and what travels beside it.

    Args:
        envelope: sealed bytes.
        attachment: up to `envelope.MAX_ATTACHMENT` bytes, whose digest the envelope's header holds.
        forwarded: whether a node passed it on, so that whoever hands it over is not who wrote it.
    """

    envelope: bytes
    attachment: bytes | memoryview = b""
    forwarded: bool = False


class Route(Protocol):
    """A way to one node.

    What an implementation must do:
      1. `send` hands the parcel over whole and returns the answer whole. It returns None when the node took
         the message and has nothing to say; a refusal is an answer, also to a message without reply.
      2. `send` never repeats a parcel that may have arrived: whether to ask again is the asker's to say.
      3. Any failure to reach the node, or to hear from it in time, is a `NodeUnreachable` that says where it
         tried and what to do. No other error leaves `send`, save `BadReply` for an answer over the limits.
      4. `send` may be called from many threads at once.
      5. `describe` says what the node says of itself. It is not signed: a client believes it once, when it
         first connects, and holds the node to that key from then on.
      6. `close` may be called twice; after it, `send` raises `NodeUnreachable`.
    """

    @property
    def url(self) -> str:
        """Where it goes, for people."""

    def send(self, parcel: Parcel) -> Parcel | None:
        """Hand a parcel over and wait for the answer."""

    def describe(self) -> NodeInfo:
        """What the node says of itself."""

    def close(self) -> None:
        """Give back connections."""
