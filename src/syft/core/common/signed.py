"""This module is a door: the signed forms of the messages of PySyft 0.5, which are the one envelope of this library."""

from __future__ import annotations

from typing import Any

from nacl.signing import VerifyKey

from syft import logger
from syft.core.common.object import ObjectWithID
from syft.core.common.vocabulary import read
from syft.errors import SyftException
from syft.wire.envelope import Header, Sealed, inspect


class SignedMessage(ObjectWithID):
    """A message in its envelope.

    Args:
        envelope: its bytes.
        message: what is in it, where that is known; read from the envelope when first asked for otherwise.
    """

    def __init__(self, envelope: bytes, message: Any = None) -> None:
        self.envelope = envelope
        self._message = message
        super().__init__(message.id if message is not None else self._sealed.header.uid)
        if logger.is_told("DEBUG"):
            logger.tell("DEBUG", f"> Creating Signed {self.pprint} {self.id.emoji()}")

    @property
    def _sealed(self) -> Sealed:
        return inspect(self.envelope)

    @property
    def header(self) -> Header:
        """What its sender said about it.

        Raises:
            EnvelopeError: it is not signed by the key it names.
        """
        return self._sealed.header

    @property
    def message(self) -> Any:
        """What was said.

        Raises:
            EnvelopeError: it is not signed by the key it names: then it is not read at all.
        """
        if self._message is None:
            self._message = read(self._sealed.as_draft())
        return self._message

    @property
    def address(self) -> Any:
        """The address that the signature covers."""
        return self.message.address

    @property
    def is_valid(self) -> bool:
        """Whether the key it names signed exactly these bytes."""
        try:
            inspect(self.envelope)
        except SyftException:
            return False
        return True

    @property
    def signature(self) -> bytes:
        """64 bytes."""
        return self._sealed.signature

    @property
    def verify_key(self) -> VerifyKey:
        """Of whoever signed."""
        return VerifyKey(self.header.sender)

    @property
    def obj_type(self) -> str:
        """The class of what is in it, in full."""
        kind = type(self.message)
        return f"{kind.__module__}.{kind.__qualname__}"

    @property
    def serialized_message(self) -> bytes:
        """What is in it, without who signed it, for whom and when."""
        return self._sealed.as_draft()

    @property
    def icon(self) -> str:
        """A letter with a seal."""
        return "✉️ 🔏"

    @property
    def pprint(self) -> str:
        """The line for the eye."""
        return f"{self.icon} ({self.class_name})"


class SignedImmediateSyftMessageWithoutReply(SignedMessage):
    """See `ImmediateSyftMessageWithoutReply`."""


class SignedImmediateSyftMessageWithReply(SignedMessage):
    """See `ImmediateSyftMessageWithReply`."""


class SignedEventualSyftMessageWithoutReply(SignedMessage):
    """See `EventualSyftMessageWithoutReply`."""
