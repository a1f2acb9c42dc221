"""This module is a door: services of one's own, as PySyft 0.5 had them, in the node's one table."""

from __future__ import annotations

from typing import Any, ClassVar

from nacl.signing import VerifyKey

from syft.core.common.vocabulary import shown
from syft.core.io.address import Address
from syft.core.node.common.service.auth import needs_of
from syft.model.message import Message
from syft.node.context import Context
from syft.node.dispatch import Entry


class NodeService:
    """Something a node does when a message comes.

    A subclass says for which classes (`message_handler_types`) and what (`process`, decorated with `service_auth`).
    """

    is_answered: ClassVar[bool] = False
    may_wait: ClassVar[bool] = False

    @staticmethod
    def message_handler_types() -> list[type[Any]]:
        """The classes of message that it handles."""
        raise NotImplementedError

    @staticmethod
    def process(node: Any, msg: Any, verify_key: VerifyKey) -> Any:
        """Handle one, and answer it where it is answered."""
        raise NotImplementedError

    @classmethod
    def entry(cls, node: Any) -> Entry:
        """The row of the table that it is, at a node.

        Raises:
            InvalidInput: it does not say who may have it.
        """

        def handler(ctx: Context, message: Message) -> Message | None:
            msg = shown(message, Address.of(node.info.address, str(node.name)), ctx.message_uid)
            answer = cls.process(node, msg, VerifyKey(ctx.caller.verify_key))
            return answer.core if cls.is_answered else None

        return Entry(needs_of(cls.process), handler, may_wait=cls.may_wait)


class ImmediateNodeServiceWithReply(NodeService):
    """It answers."""

    is_answered = True


class ImmediateNodeServiceWithoutReply(NodeService):
    """It does not answer."""


class EventualNodeServiceWithoutReply(NodeService):
    """It does not answer, and may be done later: messages for it may wait on the way."""

    may_wait = True
