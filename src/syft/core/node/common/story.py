"""This module is a door: what happens to a message in a node, told in the lines that PySyft 0.5 printed."""

from __future__ import annotations

from typing import Protocol

from syft import logger
from syft.access.caller import Caller
from syft.core.common.vocabulary import class_of
from syft.core.io.address import Address
from syft.errors import AuthorizationException, SyftException
from syft.model.message import Message
from syft.model.naming import key_emoji
from syft.model.uid import UID
from syft.node.peers import Peers
from syft.wire.envelope import Header

_NOT_AUTHORIZED = "You are not Authorized to access this service"


class Told(Protocol):
    """A node, as far as its story needs one."""

    @property
    def pprint(self) -> str:
        """Its line for the eye."""

    @property
    def uid(self) -> UID:
        """Its own."""

    @property
    def peers(self) -> Peers:
        """Whom it knows."""

    @property
    def root_key(self) -> bytes | None:
        """The key that may everything."""

    def target_emoji(self) -> str:
        """Its address in two characters."""


class Story:
    """Looks on at a node, and tells.

    Args:
        node: whose story it is.
    """

    def __init__(self, node: Told) -> None:
        self._node = node

    def took_in(self, header: Header, message: Message) -> None:
        """See `Observer`."""
        if not logger.is_told("DEBUG"):
            return
        node = self._node.pprint
        kind = class_of(message)
        signed = f"✉️ 🔏 ({kind.signed_type.__name__ if kind else 'SignedMessage'})"
        if kind is not None:
            # Made anew from the bytes, which is a line of its own.
            kind.of(message, Address.of(header.address, ""), header.uid)
        reply = "with" if "WithReply" in signed else "without"
        _tell(f"> Received {reply} Reply {_letter(message)} {header.uid} @ {node}")
        _tell(f"> Processing 📨 {signed} @ {node} <{_name(message)}: {header.uid.no_dash}>")
        _tell(f"> Recipient Found {signed}{self._node.target_emoji()} == {node}")

    def asked_may(self, header: Header, message: Message, caller: Caller) -> None:
        """See `Observer`."""
        if logger.is_told("DEBUG"):
            root = key_emoji(self._node.root_key)
            _tell(f"> Checking {_letter(message)} 🔑 Matches {self._node.pprint} root 🗝")
            _tell(f"> Matching 🔑 {key_emoji(caller.verify_key)}  == {root}  🗝")

    def refused(self, header: Header, message: Message, error: SyftException) -> None:
        """See `Observer`."""
        if isinstance(error, AuthorizationException):
            _tell(f"> ❌ Auth FAILED {_letter(message)}")
            logger.tell("CRITICAL", _NOT_AUTHORIZED)

    def may(self, header: Header, message: Message) -> None:
        """See `Observer`."""
        if logger.is_told("DEBUG"):
            _tell(f"> ✅ Auth Succeeded {_letter(message)} 🔑 == 🗝")

    def passed_on(self, header: Header) -> None:
        """See `Observer`."""
        if logger.is_told("DEBUG"):
            address, target = header.address, header.address.target
            to = f"@{target.emoji()}" if target else ""
            # What is passed on is not read: of its kind, only what the envelope says is known.
            signed = (
                f"✉️ 🔏 ({'SignedEventualSyftMessageWithoutReply' if header.eventual else 'SignedMessage'})"
            )
            _tell(f"> Recipient Not Found ↪️ {signed}{to} != {self._node.pprint}")
            _tell(f"> Forwarding {signed} {header.uid.emoji()}")
            for part in (address.vm, address.device, address.domain, address.network):
                if part == self._node.uid:
                    break
                if part is not None:
                    _tell(f"> Lookup: {part.emoji()}")
                    if self._node.peers.find(part) is not None:
                        break


def _name(message: Message) -> str:
    kind = class_of(message)
    return kind.__name__ if kind else type(message).__name__


def _letter(message: Message) -> str:
    return f"✉️  ({_name(message)})"


def _tell(text: str) -> None:
    logger.tell("DEBUG", text)
