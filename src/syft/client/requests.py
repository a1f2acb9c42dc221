"""This module shows requests, and lets owners answer them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec

from syft.client.access import AccessRequest, AnyRequest
from syft.client.handlers import Handler, Handlers
from syft.client.limits import Amount, Limits, as_limits, asked_text
from syft.client.lists import Listing, ViewList
from syft.client.policies import input_text
from syft.client.present import Card, SyftSuccess, say, when
from syft.client.protocolview import ProtocolView, plain, protocol_of
from syft.client.session import Session
from syft.client.usercode import UserCode
from syft.errors import InvalidInput
from syft.model.limits import limits_text
from syft.model.messages.codes import CodeView
from syft.model.messages.requests import (
    AddHandler,
    ApproveRequest,
    GetRequest,
    HandlersReply,
    ListRequests,
    RemoveHandlers,
    RequestReply,
    RequestsReply,
    RequestView,
)
from syft.model.pool import PoolSpec
from syft.model.request import HandlerAction, RequestState
from syft.model.uid import UID


class Request(AnyRequest):
    """A scientist's question whether a function may run, and the owner's answer."""

    @property
    def _code(self) -> CodeView:
        code = self._view.code
        assert code is not None
        return code

    @property
    def code(self) -> UserCode:
        """What is to run."""
        return UserCode(self._session, self._code)

    @property
    def codes(self) -> ViewList[UserCode]:
        """What is to run, and the functions it launches."""
        views = (self._code, *self._view.nested)
        return ViewList("UserCode List", [UserCode(self._session, view) for view in views])

    @property
    def protocol(self) -> ProtocolView | None:
        """The protocol that it is about a step of, with the code of all its steps; None where it is about none."""
        found = protocol_of(self._view)
        return found[0] if found else None

    @property
    def results_released(self) -> int:
        """How many results have left under it."""
        return self._view.results_released

    @property
    def limits(self) -> Limits:
        """What each run may use: as approved; until then as if it were approved as asked."""
        return Limits.of(self._view.limits)

    @property
    def changes(self) -> str:
        """What approving it would change, in a sentence."""
        code = self._code.submission
        step = protocol_of(self._view)
        part = f"{step[0].numbered(step[1])}. " if step else ""
        asks = f"It asks for {limits_text(code.asked)}. " if code.asked.said else ""
        return (
            f"{part}Request to change {code.name} (Pool Id: {code.pool}) to permission RequestStatus.APPROVED. "
            f"{asks}{self._nested_text()}"
        )

    def _limits_text(self) -> str:
        if self._view.state is RequestState.PENDING:
            return asked_text(self._view.limits, self._code.submission.asked)
        return limits_text(self._view.limits)

    def _nested_text(self) -> str:
        nested = self._code.submission.nested
        if not nested:
            return "No nested requests."
        if self._view.state is RequestState.PENDING:
            missing = ", ".join(self.missing_nested)
            what = f"{missing} must be submitted first" if missing else "approving it approves them too"
            return f"Nested Requests not resolved: {', '.join(sorted(nested))}; {what}."
        return f"Nested requests: {', '.join(nested)}."

    @property
    def missing_nested(self) -> tuple[str, ...]:
        """Functions it launches that have not been submitted."""
        there = {view.submission.name for view in self._view.nested}
        return tuple(name for name in self._code.submission.nested if name not in there)

    def approve(
        self,
        disable_warnings: bool = False,
        approve_nested: bool = False,
        *,
        limits: Limits | Mapping[str, Amount] | None = None,
    ) -> SyftSuccess:
        """Let it run: exactly the code that this object shows, with the functions it launches as it shows them.

        What each run may use is what this object shows under `limits`, with the changes that are given here.

        Args:
            disable_warnings: accepted for those who knew it.
            approve_nested: likewise; the functions it launches are always part of what is approved.
            limits: what to change about them: `sy.Limits(memory="1 GiB")`.
        Raises:
            InvalidInput: limits that cannot be read, or above those of its worker pool.
            InvalidState: it was answered before, its code is not what this shows, or a launched function is missing.
            AuthorizationException: it is not yours to answer.
        """
        code, nested = self._code, self._view.nested
        say(f"Approving request on change {code.submission.name} for datasite {self._session.info.name}")
        if nested:
            names = ", ".join(f"{view.submission.name} (version {view.version})" for view in nested)
            say(f"With the functions it launches: {names}")
        changed = as_limits(limits)
        if changed.said:
            say(f"With other limits than asked for: {limits_text(changed)}")
        # Every figure as it was read here: a pool that was changed meanwhile changes nothing about what is approved.
        granted = msgspec.structs.replace(self._view.limits, **changed.said)
        message = ApproveRequest(self.id, code.digest, tuple(view.digest for view in nested), granted)
        return self._answered(message, f"Request {self.id.hex} changes applied")

    def _card(self) -> Card:
        view, info = self._view, self._session.info
        who = f"{view.requester.name} ({view.requester.email})"
        if view.requester.institution:
            who += f" Institution: {view.requester.institution}"
        facts: list[tuple[str, object]] = [
            ("Id", view.uid.hex),
            ("Request time", when(view.created_at)),
            ("Status", f"RequestStatus.{view.state.name}"),
            ("Requested on", f"{info.name[:1].upper()}{info.name[1:]} of type {info.kind.capitalize()}"),
            ("Requested by", who),
        ]
        if view.reason:
            facts.append(("Reason", view.reason))
        step = protocol_of(view)
        if step is not None:
            protocol, number = step
            facts.append(("Protocol", protocol.about(number)))
            for site in protocol.sites:
                facts.append((f"Site of {plain(site.role)}", f"{site}: {site.key}"))
            facts.append(("All steps", "`request.protocol` shows what runs at every site, with the code."))
        for given, parameter in self._code.submission.renamed.items():
            facts.append(("Note", f"the policy's input '{given}' is the function's parameter '{parameter}'"))
        facts.append(("Changes", self.changes))
        facts.append(("Limits of each run", self._limits_text()))
        # What is being asked for, where people look before they approve; `.code` has the source.
        for code in (self._code, *view.nested):
            of = "" if code is self._code else f" of {code.submission.name}"
            if code is self._code or code.submission.input_policy.rules:
                facts.append((f"Inputs{of}", input_text(code.submission.input_policy)))
            if code is not self._code and code.submission.asked.said:
                facts.append(
                    (f"Limits{of}", f"{limits_text(code.submission.asked)}, within those of each run")
                )
            if code.findings:
                facts.append((f"To look at{of}", " ".join(code.findings)))
        limit = self._code.submission.output_policy.limit
        facts.append(("Results", f"{view.results_released} of {limit} released"))
        if view.state is RequestState.PENDING:
            facts.append(
                ("Code", "`request.codes` shows all that would run; `request.code` what was asked for.")
            )
        if view.decided_by is not None:
            facts.append(("Answered by", f"{view.decided_by.name} ({when(view.decided_at)})"))
        if view.decision_reason:
            facts.append(("Answer", view.decision_reason))
        return Card("Request", facts)


class PoolRequest(AnyRequest):
    """Somebody's wish for a worker pool, and the administrator's answer."""

    @property
    def pool(self) -> PoolSpec:
        """The pool as it is wanted."""
        assert self._view.pool is not None
        return self._view.pool

    @property
    def changes(self) -> str:
        """What approving it would change, in a sentence."""
        pool = self.pool
        parts = [
            f"{pool.workers} workers" if pool.workers else "as many workers as the server's settings say"
        ]
        if pool.isolation:
            parts.append(f"isolation {pool.isolation}")
        if pool.image_uid is not None:
            parts.append(
                f"the worker image {pool.image_uid.hex} (`client.images.get_by_uid(...)`), which must be built"
            )
        if pool.limits.said:
            parts.append(f"limits: {limits_text(pool.limits)}")
        return f"Request to make the worker pool '{pool.name}' with {', '.join(parts)}."

    def approve(self, disable_warnings: bool = False, approve_nested: bool = False) -> SyftSuccess:
        """Make the pool, exactly as this object shows it.

        Args:
            disable_warnings: accepted for those who knew it.
            approve_nested: likewise.
        Raises:
            AlreadyExists: there is one of that name by now.
            InvalidState: it was answered before.
            AuthorizationException: it is not yours to answer.
        """
        return self._answered(ApproveRequest(self.id, ""), f"The worker pool '{self.pool.name}' is there.")

    def _card(self) -> Card:
        view = self._view
        facts: list[tuple[str, object]] = [
            ("Id", view.uid.hex),
            ("Request time", when(view.created_at)),
            ("Status", f"RequestStatus.{view.state.name}"),
            ("Requested by", f"{view.requester.name} ({view.requester.email})"),
        ]
        if view.reason:
            facts.append(("Reason", view.reason))
        facts.append(("Changes", self.changes))
        if view.decided_by is not None:
            facts.append(("Answered by", f"{view.decided_by.name} ({when(view.decided_at)})"))
        if view.decision_reason:
            facts.append(("Answer", view.decision_reason))
        return Card("Request", facts)


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

    # --- standing rules

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
