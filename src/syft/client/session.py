"""This module holds a session: a key, for whom it speaks, and the way to one node.

Everything that a client asks goes through one.
"""

from __future__ import annotations

import contextlib
import time
from typing import TypeVar

from syft.client.drops import Drops
from syft.errors import AuthenticationError, AuthorizationException, DecodeError, InvalidInput, SyftException
from syft.model.identity import Identity, seal_for
from syft.model.message import Done, Message
from syft.model.messages.nodes import Deliver, Taken
from syft.model.messages.objects import MAX_LEASES, DropLeases
from syft.model.messages.session import Credentials
from syft.model.permission import Role
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.model.user import UserView
from syft.transport.ask import Answer, ask, expect, letter, post
from syft.transport.base import Route
from syft.transport.relay import RelayRoute
from syft.wire.records import encode_record

M = TypeVar("M", bound=Message)


class Session:
    """A key that speaks to one node, for an account or for a guest. May be used by several threads.

    Args:
        route: the way to the node.
        identity: whose key signs.
        info: the node; its answers must be signed by the key it has here.
        account: for whom the key speaks; None for a guest.
        expires_in_s: seconds until the node no longer takes the key; None for never.
    """

    def __init__(
        self,
        route: Route,
        identity: Identity,
        info: NodeInfo,
        *,
        account: UserView | None = None,
        expires_in_s: float | None = None,
    ) -> None:
        self.route = route
        self.identity = identity
        self.info = info
        self.account = account
        self._expires_at = None if expires_in_s is None else time.monotonic() + expires_in_s
        self._ended = False
        self.drops = Drops()

    @property
    def role(self) -> Role:
        """What the account is."""
        return self.account.role if self.account else Role.GUEST

    @property
    def has_expired(self) -> bool:
        """Whether the node no longer takes the key, by this machine's clock."""
        return self._expires_at is not None and time.monotonic() >= self._expires_at

    def end(self) -> None:
        """From now on nothing can be asked with this session."""
        self._ended = True

    def ask(self, message: Message, kind: type[M], attachment: bytes | memoryview = b"") -> M:
        """Say something and return the answer.

        Args:
            message: what to say.
            kind: what is due in answer.
            attachment: bytes to go with it.
        Raises:
            SyftException: the node refused, by the error it named.
            AuthenticationError: the session has ended or expired; log in again.
            NodeUnreachable: no answer.
            BadReply: an answer that cannot be trusted.
        """
        return expect(self.exchange(message, attachment), kind)

    def exchange(self, message: Message, attachment: bytes | memoryview = b"") -> Answer:
        """`ask`, with what came beside the answer."""
        if self._ended:
            raise AuthenticationError(f"You have logged out of '{self.info.name}'. Log in again to go on.")
        if self.drops.are_due:
            self.drop()
        try:
            return ask(self.route, self.identity, self.info, message, attachment)
        except (AuthenticationError, AuthorizationException) as error:
            # To the node an expired key is a stranger's, so it would only say that strangers may not.
            if self.account is not None and "As a guest" in error.public_message and not self.has_expired:
                raise AuthenticationError(
                    f"Your session with '{self.info.name}' has ended: the account was deleted, or its password was "
                    "changed. Log in again: `sy.login(...)`."
                ) from error
            if self.has_expired:
                raise AuthenticationError(
                    f"Your session with '{self.info.name}' has expired. Log in again: `sy.login(...)`."
                ) from error
            raise
        except (DecodeError, NotImplementedError) as error:
            # What was passed on by a method below is of a type that the message does not hold.
            detail = str(error).rpartition(": ")[2]
            raise InvalidInput(
                f"A value that was passed has the wrong type: {detail}. Where a UID is due, pass the `.id` of what "
                "you mean."
            ) from None

    def drop(self) -> None:
        """Tell the node of leased objects that nobody here points to any more."""
        uids = self.drops.take(MAX_LEASES)
        # If it cannot be told, their leases end by themselves.
        with contextlib.suppress(SyftException):
            if uids:
                self.ask(DropLeases(uids), Done)

    def post(self, message: Message, *, by: Session | None = None) -> UID:
        """Leave a message that this node handles when it can be reached, once.

        Args:
            message: of a kind that may wait.
            by: a session at the node to leave it with; with this one, or the gateway before it, when left out.
        Raises:
            SyftException: it was not taken.
        """
        if self._ended:
            raise AuthenticationError(f"You have logged out of '{self.info.name}'. Log in again to go on.")
        if not isinstance(message, Message) or not message.may_wait:
            raise InvalidInput(
                f"A {type(message).__name__} cannot be left as a letter. What can: a message of the core that may wait "
                "(docs/networks.md shows one)."
            )
        if by is None:
            taker = self.route.via if isinstance(self.route, RelayRoute) else self.info
            return post(self.route, self.identity, self.info, message, taker)
        # The other node knows another key of this person's, which answers for this one's letter.
        envelope, uid = letter(self.identity, self.info, message)
        by.ask(Deliver(envelope), Taken)
        return uid

    def seal_password(self, password: str) -> bytes:
        """The password, readable by the node only, and only in a message of this session's."""
        credentials = Credentials(password, self.identity.verify_key)
        return seal_for(bytes.fromhex(self.info.verify_key), encode_record(credentials))
