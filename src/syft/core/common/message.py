"""This module is a door: the kinds of message of PySyft 0.5, by when they are handled and whether they are answered.

A kind says two things of a message, which the core says in its envelope and its table: is an answer wanted, and now?
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Self, TypeVar

from nacl.signing import SigningKey

from syft import logger
from syft.core.common.object import ObjectWithID
from syft.core.common.signed import (
    SignedEventualSyftMessageWithoutReply,
    SignedImmediateSyftMessageWithoutReply,
    SignedImmediateSyftMessageWithReply,
    SignedMessage,
)
from syft.core.common.vocabulary import define, name_of
from syft.core.io.address import Address
from syft.errors import InvalidInput
from syft.model.identity import Identity
from syft.model.message import Message
from syft.model.messages.nodes import Custom
from syft.model.naming import key_emoji
from syft.model.uid import UID
from syft.transport.ask import now_ms
from syft.wire import codec
from syft.wire.envelope import seal

Signed = TypeVar("Signed")


class AbstractMessage(ObjectWithID, Generic[Signed]):
    """What all messages are."""


class SyftMessage(AbstractMessage[Signed]):
    """Something said to a node.

    Args:
        address: of the node.
        msg_id: the message's own; a fresh one when left out.
    """

    signed_type: ClassVar[type[SignedMessage]]
    # What a class of people's own holds beside address and id, by name: values that can travel.
    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        define(cls)

    def __init__(self, address: Address, msg_id: UID | None = None) -> None:
        super().__init__(msg_id)
        self.address = address
        if logger.is_told("DEBUG"):
            logger.tell("DEBUG", f"> Creating {self.pprint} {self.id.emoji()}")

    @property
    def icon(self) -> str:
        """A letter."""
        return "✉️ "

    @property
    def pprint(self) -> str:
        """The line for the eye."""
        return f"{self.icon} ({self.class_name})"

    @property
    def core(self) -> Message:
        """What it is in the core: a custom message with its fields, unless the class says otherwise."""
        content = {name: getattr(self, name) for name in self.fields}
        return Custom(name_of(type(self)), codec.encode(content).to_bytes())

    @classmethod
    def of(cls, message: Message, address: Address, uid: UID) -> Self:
        """The message of this class that a message of the core is."""
        content: Any = codec.decode(message.content) if isinstance(message, Custom) else {}
        if not isinstance(content, dict) or set(content) != set(cls.fields):
            raise InvalidInput(
                f"A {cls.__name__} holds {', '.join(cls.fields) or 'nothing'}; this one does not."
            )
        return cls(**content, address=address, msg_id=uid)

    def sign(self, signing_key: SigningKey, recipient: bytes = b"", eventual: bool | None = None) -> Any:
        """The message in its envelope.

        Args:
            signing_key: of whoever says it.
            recipient: the key of the node; without it the address alone says who may open it, which only
                nodes in this process take.
            eventual: whether it may wait on the way; as its class says when left out.
        """
        kind = type(self)
        if logger.is_told("DEBUG"):
            logger.tell("DEBUG", f"> Signing with {key_emoji(signing_key.verify_key)}")
            logger.tell("DEBUG", f"Serializing {kind}")
        envelope, _ = seal(
            self.core,
            identity=Identity(signing_key),
            recipient=recipient,
            address=self.address.core,
            now_ms=now_ms(),
            uid=self.id,
            eventual=isinstance(self, EventualSyftMessage) if eventual is None else eventual,
        )
        return self.signed_type(envelope, self)


class SyftMessageWithoutReply(SyftMessage[Signed]):
    """No value comes back; a refusal does."""


class SyftMessageWithReply(SyftMessage[Signed]):
    """A value comes back.

    Args:
        reply_to: where to; answers go back the way the message came, so that it is kept and not needed.
        address: of the node.
        msg_id: the message's own.
    """

    def __init__(self, reply_to: Any = None, address: Any = None, msg_id: UID | None = None) -> None:
        super().__init__(address, msg_id)
        self.reply_to = reply_to


class ImmediateSyftMessage(SyftMessage[Signed]):
    """Handled before the sender goes on."""


class EventualSyftMessage(SyftMessage[Signed]):
    """Handled when the addressee can be reached; the sender goes on at once."""


class ImmediateSyftMessageWithoutReply(ImmediateSyftMessage[Signed], SyftMessageWithoutReply[Signed]):
    """Handled now; a refusal comes back, and nothing else."""

    signed_type = SignedImmediateSyftMessageWithoutReply


class ImmediateSyftMessageWithReply(ImmediateSyftMessage[Signed], SyftMessageWithReply[Signed]):
    """Handled now, and answered."""

    signed_type = SignedImmediateSyftMessageWithReply


class EventualSyftMessageWithoutReply(EventualSyftMessage[Signed], SyftMessageWithoutReply[Signed]):
    """Handled once, some time; nothing comes back."""

    signed_type = SignedEventualSyftMessageWithoutReply
