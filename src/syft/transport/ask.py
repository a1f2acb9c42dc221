"""This module is one exchange: seal a message, send it, open the answer; everybody who asks a node asks by it."""

from __future__ import annotations

import time
from typing import Final, NamedTuple, TypeVar

from syft.errors import (
    BadReply,
    EnvelopeError,
    InvalidInput,
    NodeUnreachable,
    StaleMessage,
    StorageFull,
    SyftException,
    TooLarge,
    TooManyAttempts,
    WireError,
    from_code,
)
from syft.model.identity import Identity
from syft.model.message import Message, NoAnswer, Refusal, tag_of
from syft.model.messages.nodes import Taken
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.transport.base import Parcel, Route
from syft.transport.relay import RelayRoute
from syft.wire.envelope import Unhide, hide, inspect, seal

M = TypeVar("M", bound=Message)


def now_ms() -> int:
    """This machine's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Answer(NamedTuple):
    """What came back: a message, and bytes beside it."""

    message: Message
    attachment: bytes | memoryview


def ask(
    route: Route,
    identity: Identity,
    node: NodeInfo,
    message: Message,
    attachment: bytes | memoryview = b"",
    *,
    hidden: bool = False,
) -> Answer:
    """Say `message` to `node` and return what it answers. Behind a gateway, only the node can read it.

    Args:
        route: the way there.
        identity: who asks.
        node: whom; the answer must be signed by the key it has here.
        message: what to say.
        attachment: bytes to go with it.
        hidden: whether only the node can read it, and only `identity` the answer, also where no gateway is between.
    Raises:
        SyftException: the node refused, by the error it named.
        NodeUnreachable: no answer, or the gateway could not pass the message on.
        BadReply: an answer that the node did not sign, or to another question.
    """
    uid = UID()
    key = bytes.fromhex(node.verify_key)
    hidden = hidden or isinstance(route, RelayRoute)
    if hidden and len(attachment):
        attachment = hide(attachment, recipient=key, sender=identity.verify_key, uid=uid)
    envelope, _ = seal(
        message,
        identity=identity,
        recipient=key,
        address=node.address,
        now_ms=now_ms(),
        attachment=attachment,
        uid=uid,
        hidden=hidden,
    )
    parcel = Parcel(envelope, attachment)
    return exchange(route, parcel, identity.verify_key, uid, node, unhide=identity.unseal)


def post(route: Route, identity: Identity, node: NodeInfo, message: Message, taker: NodeInfo) -> UID:
    """Leave `message` for `node` with the node at the end of the route, which keeps it until it has arrived.

    Args:
        route: the way to `taker`.
        identity: who says it.
        node: who is to do something about it, once and some time.
        message: what to say; of a kind that may wait.
        taker: who takes it; answers for it from then on. Only `node` can read it.
    Returns:
        The message's UID: whatever comes of it stands under it in the node's log.
    Raises:
        SyftException: it was not taken, by the error that was named.
        NodeUnreachable: no answer: it may have been taken or not. Another attempt is another message.
    """
    envelope, uid = letter(identity, node, message, hidden=node.verify_key != taker.verify_key)
    expect(exchange(route, Parcel(envelope), identity.verify_key, uid, taker), Taken)
    return uid


def letter(identity: Identity, node: NodeInfo, message: Message, *, hidden: bool = True) -> tuple[bytes, UID]:
    """`message` as an envelope that may wait, and its UID.

    Args:
        identity: who says it.
        node: for whom it is.
        message: of a kind that may wait.
        hidden: whether only the node can read it.
    Raises:
        InvalidInput: messages of that kind are answered at once or not at all.
        TooLarge: it is too large to wait.
    """
    if not message.may_wait:
        raise InvalidInput(
            f"A message of kind '{tag_of(message)}' cannot wait: its answer is what it is for."
        )
    return seal(
        message,
        identity=identity,
        recipient=bytes.fromhex(node.verify_key),
        address=node.address,
        now_ms=now_ms(),
        eventual=True,
        hidden=hidden,
    )


def exchange(
    route: Route,
    parcel: Parcel,
    sender: bytes,
    uid: UID,
    node: NodeInfo | None,
    *,
    unhide: Unhide | None = None,
) -> Answer:
    """Send what has been sealed, and open the answer.

    Args:
        route: the way there.
        parcel: sealed.
        sender: the key that signed it.
        uid: of the message in it.
        node: who is to answer; None where only its address is known, which is so within one process only.
        unhide: opens what was hidden for the sender.
    Raises:
        SyftException: see `ask`.
    """
    reply = route.send(parcel)
    if reply is None:
        return Answer(NoAnswer(), b"")
    try:
        sealed = inspect(reply.envelope)
        # Whoever sits on the line could answer in the node's place; only the node has its key.
        is_theirs = node is None or sealed.header.sender == bytes.fromhex(node.verify_key)
        via = route.via if isinstance(route, RelayRoute) else None
        if not is_theirs and (via is None or sealed.header.sender != bytes.fromhex(via.verify_key)):
            raise BadReply(
                f"The answer from {route.url} is not signed by '{node.name if node else 'it'}'. "
                "Somebody may be in between."
            )
        opened = sealed.open(
            recipient=sender,
            now_ms=now_ms(),
            guard=None,
            attachment=reply.attachment,
            reply_to=uid,
            unhide=unhide,
        )
    except WireError as error:
        raise BadReply(f"The answer from {route.url} cannot be trusted: {error.public_message}") from error
    if not is_theirs:
        raise not_passed_on(opened.message, f"The gateway '{via.name}'" if via else "The gateway")
    if isinstance(opened.message, Refusal):
        raise from_code(opened.message.code, opened.message.text)
    return Answer(opened.message, opened.attachment)


# What a node that passes messages on may say of itself. Everything else is the addressee's to say: a gateway that
# answered "denied" in a member's name would otherwise be believed.
_FORWARDERS_SAY: Final = (
    NodeUnreachable,
    EnvelopeError,
    StaleMessage,
    TooLarge,
    TooManyAttempts,
    StorageFull,
)


def not_passed_on(message: Message, who: str) -> SyftException:
    """The error that a node on the way has answered with, in the place of the addressee.

    Args:
        message: what it said.
        who: which node, for the text.
    """
    if isinstance(message, Refusal):
        for kind in _FORWARDERS_SAY:
            if message.code == kind.code:
                return kind(f"{who} did not pass the message on: {message.text}")
    return BadReply(f"{who} answered in the place of the node that was asked. Nothing of it was believed.")


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
