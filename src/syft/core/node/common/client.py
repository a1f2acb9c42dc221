"""This module is a door: the client of PySyft 0.5: the one client of this library, with an address."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from nacl.signing import SigningKey, VerifyKey

from syft import logger
from syft.client.client import Client as CoreClient
from syft.client.session import Session
from syft.core.common.message import SyftMessage
from syft.core.common.signed import SignedMessage
from syft.core.common.vocabulary import shown
from syft.core.io.address import Address
from syft.core.io.location.specific import SpecificLocation
from syft.core.io.route import SoloRoute
from syft.model.identity import Identity
from syft.model.message import Message
from syft.model.naming import key_emoji
from syft.model.uid import UID
from syft.transport.ask import exchange
from syft.transport.base import Parcel, Route


class Client(CoreClient, Address):
    """What a person holds of a node: all that a client of a datasite is, and an address.

    Args:
        session: the key, for whom it speaks, and the way there.
    """

    # Parts of an address that a client of this kind cannot have: they are narrower than the node.
    narrower: ClassVar[tuple[str, ...]] = ()

    def __init__(self, session: Session) -> None:
        CoreClient.__init__(self, session)
        place = self.address.target_id
        self.routes = [SoloRoute(place, session.route, f"Route ({session.info.name} <-> {self.name})")]
        if logger.is_told("DEBUG"):
            logger.tell("DEBUG", f"> Creating {self.pprint}")

    @classmethod
    def over(cls, route: Route, name: str = "") -> Self:
        """A client with a fresh key, at the end of that route."""
        return cls(Session(route, Identity.generate(), route.describe()))

    def _place(self, part: str) -> SpecificLocation | None:
        uid: UID | None = getattr(self.session.info.address, part)
        return SpecificLocation(uid, self.name) if uid else None

    network = property(lambda self: self._place("network"))  # the node's, not to be set
    domain = property(lambda self: self._place("domain"))
    device = property(lambda self: self._place("device"))
    vm = property(lambda self: self._place("vm"))

    @property
    def name(self) -> str:  # type: ignore[override]
        """The node's, and that this is a client of it."""
        return f"{self.session.info.name} Client"

    @property
    def icon(self) -> str:
        """A dish, and which places its address has."""
        return super().icon.replace("💠", "📡")

    @property
    def signing_key(self) -> SigningKey:
        """The client's own; it never leaves this process."""
        return SigningKey(self.session.identity.seed)

    @property
    def verify_key(self) -> VerifyKey:  # type: ignore[override]
        """Its public half."""
        return VerifyKey(self.session.identity.verify_key)

    @property
    def keys(self) -> str:
        """The client's key, a character."""
        return f"🔑 {key_emoji(self.verify_key)}"

    def send_immediate_msg_without_reply(self, msg: Any, route_index: int = 0) -> None:
        """Say something that has no answer.

        Args:
            msg: a message, which is signed with the client's key, or one that is signed already.
            route_index: which way to take.
        Raises:
            AuthorizationException: the node refused.
        """
        self._send(msg, route_index)

    def send_immediate_msg_with_reply(self, msg: Any, route_index: int = 0) -> Any:
        """Say something and wait for the answer; see `send_immediate_msg_without_reply`."""
        answer = self._send(msg, route_index)
        return shown(answer, self.address, UID())

    def send_eventual_msg_without_reply(self, msg: Any, route_index: int = 0) -> None:
        """Say something that is handled when the node can be reached."""
        self._send(msg, route_index)

    def _send(self, msg: SyftMessage[Any] | SignedMessage, route_index: int) -> Message:
        told = logger.is_told("DEBUG")
        if isinstance(msg, SyftMessage):
            if told:
                logger.tell(
                    "DEBUG", f"> {self.pprint} Signing {msg.pprint} with {key_emoji(self.verify_key)}"
                )
            is_here = msg.address.core == self.session.info.address
            signed: SignedMessage = msg.sign(
                self.signing_key, bytes.fromhex(self.session.info.verify_key) if is_here else b""
            )
        else:
            signed = msg
        route = self.routes[route_index]
        if told:
            logger.tell("DEBUG", f"> Sending {signed.pprint} {self.pprint} ➡️  {signed.address.pprint}")
            logger.tell("DEBUG", f"> Routing {signed.pprint} via {route.pprint}")
        header = signed.header
        return exchange(
            route.connection, Parcel(signed.envelope), header.sender, header.uid, self.session.info
        ).message

    def __hash__(self) -> int:  # type: ignore[override]  # clients go into sets, addresses do not
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"
