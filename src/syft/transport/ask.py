"""This module is one exchange: seal a message, send it, open the answer; everybody who asks a node asks by it."""

from __future__ import annotations

import time
from typing import NamedTuple, TypeVar

from syft.errors import BadReply, WireError, from_code
from syft.model.identity import Identity
from syft.model.message import Done, Message, Refusal
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.transport.base import Parcel, Route
from syft.wire.envelope import inspect, seal

M = TypeVar("M", bound=Message)


def now_ms() -> int:
    """This machine's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Answer(NamedTuple):
    """What came back: a message, and bytes beside it."""

    message: Message
    attachment: bytes | memoryview


def ask(
    route: Route, identity: Identity, node: NodeInfo, message: Message, attachment: bytes | memoryview = b""
) -> Answer:
    """Say `message` to `node` and return what it answers.

    Args:
        route: the way there.
        identity: who asks.
        node: whom; the answer must be signed by the key it has here.
        message: what to say.
        attachment: bytes to go with it.
    Raises:
        SyftException: the node refused, by the error it named.
        NodeUnreachable: no answer.
        BadReply: an answer that the node did not sign, or to another question.
    """
    envelope, uid = seal(
        message,
        identity=identity,
        recipient=bytes.fromhex(node.verify_key),
        address=node.address,
        now_ms=now_ms(),
        attachment=attachment,
    )
    return exchange(route, Parcel(envelope, attachment), identity.verify_key, uid, node)


def exchange(route: Route, parcel: Parcel, sender: bytes, uid: UID, node: NodeInfo) -> Answer:
    """Send what has been sealed, and open the answer.

    Args:
        route: the way there.
        parcel: sealed.
        sender: the key that signed it.
        uid: of the message in it.
        node: who is to answer.
    Raises:
        SyftException: see `ask`.
    """
    key = bytes.fromhex(node.verify_key)
    reply = route.send(parcel)
    if reply is None:
        return Answer(Done(), b"")
    try:
        sealed = inspect(reply.envelope)
        # Whoever sits on the line could answer in the node's place; only the node has its key.
        if sealed.header.sender != key:
            raise BadReply(
                f"The answer from {route.url} is not signed by '{node.name}'. Somebody may be in between."
            )
        opened = sealed.open(
            recipient=sender,
            now_ms=now_ms(),
            guard=None,
            attachment=reply.attachment,
            reply_to=uid,
        )
    except WireError as error:
        raise BadReply(f"The answer from {route.url} cannot be trusted: {error.public_message}") from error
    if isinstance(opened.message, Refusal):
        raise from_code(opened.message.code, opened.message.text)
    return Answer(opened.message, opened.attachment)


def expect(answer: Answer, kind: type[M]) -> M:
    """The answer's message, which must be of that kind.

    Raises:
        BadReply: it is another.
    """
    if not isinstance(answer.message, kind):
        raise BadReply(
            f"The node answered with {type(answer.message).__name__} where {kind.__name__} was due."
        )
    return answer.message
