"""This module is a door: the client of PySyft 0.5: the one client of this library, with an address."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from nacl.signing import SigningKey, VerifyKey

from syft import logger
from syft.client.client import Client as CoreClient
from syft.client.neighbours import register_child
from syft.client.session import Session
from syft.core.common.message import SyftMessage
from syft.core.common.signed import SignedMessage
from syft.core.common.vocabulary import shown
from syft.core.io.address import Address
from syft.core.io.location.specific import SpecificLocation
from syft.core.io.route import SoloRoute
from syft.core.store import Store
from syft.errors import InvalidInput
from syft.model.identity import Identity
from syft.model.message import Message
from syft.model.messages.nodes import Taken
from syft.model.naming import key_emoji
from syft.model.uid import UID
from syft.transport.ask import Answer, exchange, expect
from syft.transport.base import Parcel, Route
from syft.transport.memory import MemoryRoute


class Client(CoreClient, Address):
    """What a person holds of a node: all that a client of a datasite is, and an address.

    Args:
        session: the key, for whom it speaks, and the way there.
    """

    # Parts of an address that a client of this kind cannot have: they are narrower than the node.
    narrower: ClassVar[tuple[str, ...]] = ()

    def __init__(self, session: Session) -> None:
        CoreClient.__init__(self, session)
        # As was usual then: what nobody points to is let go of one by one.
        session.drops.threshold = 1
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
    def store(self) -> Store:
        """The objects at the node that you may know of."""
        return Store(self)

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
        """Say something that is handled once, when the node can be reached.

        When this returns, the node at the end of the route has it on its disk and answers for it, for a week.

        Args:
            msg: a message, or one that was signed as one that may wait.
            route_index: which way to take.
        Raises:
            InvalidInput: such messages are answered at once or not at all.
            SyftException: it was not taken.
        """
        if isinstance(msg, SyftMessage) and not msg.core.may_wait:
            raise InvalidInput(f"A {msg.class_name} cannot wait; send it with `send_immediate_msg_...`.")
        expect(Answer(self._send(msg, route_index, eventual=True), b""), Taken)

    def register(self, client: Any = None, **account: Any) -> Any:  # type: ignore[override]  # two words became one
        """Make the node of another client a part of this one's node: its address grows, and those of its parts.

        Both clients must be root clients of their nodes. Other clients keep the address they had.

        Args:
            client: of the narrower node.
            account: in place of a client, what `syft.Client.register` takes: make an account.
        Raises:
            AuthorizationException: one of them is no root client; nothing was changed.
            InvalidInput: that node is as wide as this one, or wider.
        """
        if account:
            return super().register(**account)
        if not isinstance(client, Client):
            raise InvalidInput("Give a client of the node to register: `client.register(client=...)`.")
        if logger.is_told("DEBUG"):
            logger.tell("DEBUG", f"> Registering {client.pprint} with {self.pprint}")
        register_child(self.session, client.session)
        return None

    def _send(
        self, msg: SyftMessage[Any] | SignedMessage, route_index: int, *, eventual: bool = False
    ) -> Message:
        told = logger.is_told("DEBUG")
        if isinstance(msg, SyftMessage):
            if told:
                logger.tell(
                    "DEBUG", f"> {self.pprint} Signing {msg.pprint} with {key_emoji(self.verify_key)}"
                )
            to = msg.address.core
            recipient = (
                bytes.fromhex(self.session.info.verify_key) if to == self.session.info.address else b""
            )
            signed: SignedMessage = msg.sign(self.signing_key, recipient, eventual)
            # Signed a moment ago: to check that now would cost more than to sign it did.
            sender, uid, target = self.session.identity.verify_key, msg.id, to.target
        else:
            signed, header = msg, msg.header
            sender, uid, recipient = header.sender, header.uid, header.recipient
            target = header.address.target
        route = self.routes[route_index]
        if told:
            logger.tell("DEBUG", f"> Sending {signed.pprint} {self.pprint} ➡️  {signed.address.pprint}")
            logger.tell("DEBUG", f"> Routing {signed.pprint} via {route.pprint}")
        # Within one process the address alone says who answers, and whoever answers is in this process.
        elsewhere = not recipient and target != self.session.info.uid
        node = self.session.info
        answers = None if elsewhere and not eventual and isinstance(route.connection, MemoryRoute) else node
        return exchange(route.connection, Parcel(signed.envelope), sender, uid, answers).message

    def __hash__(self) -> int:  # type: ignore[override]  # clients go into sets, addresses do not
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"
