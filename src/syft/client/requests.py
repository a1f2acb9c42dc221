"""This module lists requests of every kind, and an owner's standing rules about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from syft.client.access import AccessRequest
from syft.client.coderequests import Request
from syft.client.handlers import Handler, Handlers
from syft.client.lists import Listing, ViewList
from syft.client.poolrequests import PoolRequest
from syft.client.session import Session
from syft.client.standing import StandingApprovals
from syft.errors import InvalidInput
from syft.model.messages.requests import (
    AddHandler,
    GetRequest,
    HandlersReply,
    ListRequests,
    RemoveHandlers,
    RequestReply,
    RequestsReply,
    RequestView,
)
from syft.model.request import HandlerAction, RequestState
from syft.model.uid import UID


def made_of(session: Session, view: RequestView) -> Request | AccessRequest | PoolRequest:
    """A request about code, an object or a worker pool, as a person holds it."""
    if view.pool is not None:
        return PoolRequest(session, view)
    return AccessRequest(session, view) if view.code is None else Request(session, view)


class Requests(Listing[Request | AccessRequest | PoolRequest]):
    """The requests at a node that you may see: `client.requests`, by place or UID."""

    _title: ClassVar[str] = "Request List"
    _what: ClassVar[str] = "request"

    def __init__(self, session: Session, state: RequestState | None = None) -> None:
        self._session = session
        self._state = state

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Request | AccessRequest | PoolRequest], int]:
        reply = self._session.ask(ListRequests(self._state, limit, offset), RequestsReply)
        return [made_of(self._session, view) for view in reply.requests], reply.total

    def _at(self, index: int) -> Request | AccessRequest | PoolRequest:
        return made_of(self._session, self._session.ask(GetRequest(index=index), RequestReply).request)

    def _by_uid(self, uid: UID) -> Request | AccessRequest | PoolRequest:
        return made_of(self._session, self._session.ask(GetRequest(uid=uid), RequestReply).request)

    def get_by_uid(self, uid: UID) -> Request | AccessRequest | PoolRequest:
        """The request with that UID."""
        return self._by_uid(uid)

    def get_request_id_from_object_id(self, object_id: UID) -> UID:
        """The UID of the newest request about that object; the object's own where there is none."""
        found = [one.id for one in self if isinstance(one, AccessRequest) and one.object_id == object_id]
        return found[-1] if found else object_id

    def get_all_pending(self) -> ViewList[Request | AccessRequest | PoolRequest]:
        """Those that wait for an answer."""
        return Requests(self._session, RequestState.PENDING).get_all()

    def get_all_approved(self) -> ViewList[Request | AccessRequest | PoolRequest]:
        """Those that were answered with yes."""
        return Requests(self._session, RequestState.APPROVED).get_all()

    def get_all_rejected(self) -> ViewList[Request | AccessRequest | PoolRequest]:
        """Those that were answered with no."""
        return Requests(self._session, RequestState.REJECTED).get_all()

    def get_by_usercode_id(self, code_uid: UID) -> ViewList[Request]:
        """Those for one function."""
        return ViewList(
            self._title,
            [request for request in self if isinstance(request, Request) and request.code.id == code_uid],
        )

    # --- what is answered without asking

    @property
    def standing(self) -> StandingApprovals:
        """What was approved in advance: `request.approve(standing=True)` adds to it, `.remove` takes away."""
        return StandingApprovals(self._session)

    def add_handler(
        self,
        action: str,
        print_local: bool = False,
        log_local: bool = False,
        tags: Iterable[str] | None = None,
        timeout_secs: float = -1,
        element_quota: int | None = None,
    ) -> Handler:
        """Have requests for your objects answered without asking you. Other owners' are theirs to answer.

        Args:
            action: "accept" or "deny".
            print_local: say on the node's standard output that it answered.
            log_local: say in the node's log that it answered.
            tags: only about objects with exactly these tags; none: about all that no other rule names. A rule
                with the same tags takes the place of the one before.
            timeout_secs: after which it ends, in seconds; below 0: it stays.
            element_quota: how many elements may leave by it in all; what would be more is denied.
        Raises:
            InvalidInput: another action, or tags that cannot be.
        """
        known = {one.value: one for one in HandlerAction}
        if action not in known:
            raise InvalidInput(f"A handler's action is 'accept' or 'deny', not '{str(action)[:50]}'.")
        if isinstance(tags, str):
            raise InvalidInput("Tags are a list of texts: tags=['...'].")
        message = AddHandler(
            known[action],
            tuple(dict.fromkeys(tags or ())),
            element_quota,
            None if timeout_secs < 0 else timeout_secs,
            print_local,
            log_local,
        )
        return Handler(self._session, self._session.ask(message, HandlersReply).handlers[0])

    @property
    def handlers(self) -> Handlers:
        """Your standing rules: by place, by a tag, or by a part of the UID."""
        return Handlers(self._session)

    def remove_handler(self, key: int | str | UID) -> None:
        """Take a standing rule of yours away.

        Args:
            key: its place, one of its tags, its UID or a part of that.
        Raises:
            KeyError: there is none, or there are several.
        """
        self.handlers[key].remove()

    def clear_handlers(self) -> None:
        """Take all of your standing rules away."""
        self._session.ask(RemoveHandlers(), HandlersReply)
