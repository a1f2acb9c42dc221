"""This module is what can be watched of a message on its way through a node, step by step; nothing is changed by it."""

from __future__ import annotations

from typing import Protocol

from syft.access.caller import Caller
from syft.errors import SyftException
from syft.model.message import Message
from syft.wire.envelope import Header


class Observer(Protocol):
    """Somebody who looks on. What an implementation must keep to:

    1. It is called in the thread of the message, in the order of the methods below; it is quick and raises nothing.
    2. It is in the node's own process and sees what the node sees. It changes nothing.
    """

    def took_in(self, header: Header, message: Message) -> None:
        """An envelope was for this node, and passed every check of `wire/envelope`."""

    def asked_may(self, header: Header, message: Message, caller: Caller) -> None:
        """It is known who sent it; next it is asked whether they may."""

    def refused(self, header: Header, message: Message, error: SyftException) -> None:
        """They may not, or the handler refused."""

    def may(self, header: Header, message: Message) -> None:
        """They may; next is the handler."""

    def passed_on(self, header: Header) -> None:
        """It was for another node, and goes there as it is."""


class _Nobody:
    """Looks away."""

    def took_in(self, header: Header, message: Message) -> None: ...
    def asked_may(self, header: Header, message: Message, caller: Caller) -> None: ...
    def refused(self, header: Header, message: Message, error: SyftException) -> None: ...
    def may(self, header: Header, message: Message) -> None: ...
    def passed_on(self, header: Header) -> None: ...


NOBODY: Observer = _Nobody()
