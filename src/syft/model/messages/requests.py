"""This module holds what is said about requests."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from syft.errors import InvalidInput
from syft.model.code import CodeSubmission
from syft.model.image import ImageConfig
from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.messages.codes import CodeView
from syft.model.messages.objects import ObjectView
from syft.model.pool import PoolSpec
from syft.model.request import HandlerAction, RequestHandler, RequestState
from syft.model.terms import MAX_APPROVERS, MAX_RUNS, Terms
from syft.model.uid import UID
from syft.model.user import PersonView


class KnownSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site of a protocol that the node of a request knows, by its key.

    Args:
        key: 64 hex digits.
        name: what the node calls it, whatever the deployment does.
        known_as: what it is to the node: "this node", "a child of this node", "a member of the gateway 'x'".
    """

    key: str
    name: str
    known_as: str


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True):
    """One person's yes to a request.

    Args:
        by: who.
        counts: whether it is to what the request shows now, by somebody who may still say so. One who has approved
            other terms, other limits or an older function has to look again.
        standing: whether a standing approval of theirs said so.
        created_at: when, in UTC.
    """

    by: PersonView
    counts: bool
    standing: bool = False
    created_at: datetime


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its requester and its reviewers see it.

    Args:
        uid: the request's own.
        state: where it stands.
        code: what is to run; None where it is about something else.
        object_uid: what is to be read; None where it is about something else.
        object: what the reader may know of it; None when it is gone.
        nested: the functions it launches; those that are not there yet are missing.
        requester: who asks.
        reason: why.
        decided_by: who answered.
        decision_reason: in their words.
        results_released: how many results have left under it.
        created_at: when it was asked, in UTC.
        decided_at: when it was answered, in UTC.
        limits: what each run may use, every figure: as approved; until then as if it were approved as asked.
        expires_at: when it is withdrawn if nobody has answered, in UTC; None: it waits.
        by_rule: whether a standing rule of the owner's answered.
        known_sites: of a step of a protocol, those of its sites that this node knows, itself among them.
        pool: the worker pool that is to be made; None where it is about something else.
        results_held: how many results under it wait for a person to look at them.
        deposited: whether the answer was given by hand; then nothing runs under it.
        terms: the conditions under which it was approved; until then those that its approvers so far have made.
        approvals: who has approved.
        needed: how many people have to, at least.
        runs_begun: how many runs have been begun under it.
        reviewed: whether a person looks at each result before it leaves.
    """

    uid: UID
    state: RequestState
    code: CodeView | None = None
    object_uid: UID | None = None
    object: ObjectView | None = None
    nested: tuple[CodeView, ...] = ()
    requester: PersonView
    reason: str = ""
    decided_by: PersonView | None = None
    decision_reason: str = ""
    results_released: int = 0
    created_at: datetime
    decided_at: datetime | None = None
    limits: JobLimits = JobLimits()
    expires_at: datetime | None = None
    by_rule: bool = False
    known_sites: tuple[KnownSite, ...] = ()
    pool: PoolSpec | None = None
    results_held: int = 0
    deposited: bool = False
    terms: Terms = Terms()
    approvals: tuple[ApprovalView, ...] = ()
    needed: int = 1
    runs_begun: int = 0
    reviewed: bool = False


class CreateRequest(Message, frozen=True, tag="requests.create"):
    """Please let this function run. Answered by `RequestReply`.

    Args:
        submission: the function; submitted on the way where it is new.
        reason: why.
    """

    may_wait: ClassVar[bool] = True

    submission: CodeSubmission
    reason: str = ""


class RequestObject(Message, frozen=True, tag="requests.object"):
    """Please let me read this object's private value. Answered by `RequestReply`.

    Args:
        object_uid: of an object that the caller may know of.
        reason: why.
        timeout_s: after so many seconds nobody need answer any more; None: it waits.
        wait_s: how long the answer to this message may wait for the owner's, in seconds; 0 not at all.
    """

    object_uid: UID
    reason: str = ""
    timeout_s: float | None = None
    wait_s: float = 0.0


class RequestPool(Message, frozen=True, tag="requests.pool"):
    """Please make this worker pool. Answered by `RequestReply`.

    Args:
        pool: as it is wanted.
        reason: why.
        image: packages that its runs are to have: a worker image that is kept with the request, to be built by an
            administrator before the pool is made; None where `pool` says which, or has none.
        tag: name of that image; empty: one is made up.
    """

    pool: PoolSpec
    reason: str = ""
    image: ImageConfig | None = None
    tag: str = ""


class GetRequest(Message, frozen=True, tag="requests.get"):
    """One request: by its UID, or by its place among those the caller may see. Answered by `RequestReply`.

    Args:
        uid: which; or
        index: its place, oldest first.
        wait_s: how long the answer to this message may wait for the owner's, in seconds.
    """

    uid: UID | None = None
    index: int | None = None
    wait_s: float = 0.0


class ListRequests(Message, frozen=True, tag="requests.list"):
    """Which requests may I see, oldest first? Answered by `RequestsReply`."""

    state: RequestState | None = None
    limit: int = 0
    offset: int = 0


class NewStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to approve all later requests, too, that are in everything the same.

    Args:
        times: how many; None: any number.
        users: e-mails of those whose requests; None: anybody's.
    """

    times: int | None = None
    users: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.times is not None and not 1 <= self.times <= MAX_RUNS:
            raise InvalidInput(f"A standing approval is for 1 to {MAX_RUNS} requests.")
        if self.users is not None and not 1 <= len(self.users) <= MAX_APPROVERS:
            raise InvalidInput(f"A standing approval names 1 to {MAX_APPROVERS} accounts, or none for all.")


class ApproveRequest(Message, frozen=True, tag="requests.approve"):
    """Let it run as it stands now, or let it be read. Answered by `RequestReply`.

    Args:
        uid: which.
        digest: of the code the reviewer looked at, or of the object's value: what is approved is what was read. Empty
            for a worker pool, which a request shows whole and never changes.
        nested: the digests of the functions it launches, likewise, in any order.
        limits: what each run may use; figures that are not said are those its author asked for, else the pool's.
        terms: under which conditions. Where others have approved already, only what has the same counts with theirs.
        standing: approve what is the very same in future, too.
    """

    uid: UID
    digest: str
    nested: tuple[str, ...] = ()
    limits: JobLimits = JobLimits()
    terms: Terms = Terms()
    standing: NewStanding | None = None


class DenyRequest(Message, frozen=True, tag="requests.deny"):
    """Do not let it run; revokes what was approved. Answered by `RequestReply`."""

    uid: UID
    reason: str


class WithdrawRequest(Message, frozen=True, tag="requests.withdraw"):
    """I no longer ask. Answered by `RequestReply`."""

    may_wait: ClassVar[bool] = True

    uid: UID


class AddHandler(Message, frozen=True, tag="requests.handlers.add"):
    """Answer requests for my objects without asking me. Answered by `HandlersReply`, with that one.

    Args:
        action: what to answer.
        tags: only about objects with exactly these tags; empty: about all that no other rule names. A rule
            with the same tags takes the place of the one before.
        element_quota: how many elements may leave by it in all; None: any number. What would be more is denied.
        timeout_s: after so many seconds it ends; None: it stays.
        print_local: say on the node's standard output that it answered.
        log_local: say in the node's log that it answered.
    """

    action: HandlerAction
    tags: tuple[str, ...] = ()
    element_quota: int | None = None
    timeout_s: float | None = None
    print_local: bool = False
    log_local: bool = False


class ListHandlers(Message, frozen=True, tag="requests.handlers.list"):
    """Which are my standing rules, oldest first? Answered by `HandlersReply`."""


class RemoveHandlers(Message, frozen=True, tag="requests.handlers.remove"):
    """Take standing rules of mine away. Answered by `HandlersReply`, with what is left.

    Args:
        uids: which; None: all.
    """

    uids: tuple[UID, ...] | None = None


class HandlersReply(Message, frozen=True, tag="requests.handlers.reply"):
    """Standing rules."""

    handlers: tuple[RequestHandler, ...]


class StandingView(msgspec.Struct, frozen=True, kw_only=True):
    """A standing approval as those see it who may decide about its code.

    Args:
        uid: its own.
        by: whose.
        request_uid: the request on which it was given.
        code_uid: what that is about.
        code_name: of that.
        users: whose requests it approves; None: anybody's.
        times: how many; None: any number.
        used: how many it has.
        limits: what each run may use.
        terms: under which conditions.
        created_at: when, in UTC.
    """

    uid: UID
    by: PersonView
    request_uid: UID
    code_uid: UID
    code_name: str
    users: tuple[PersonView, ...] | None = None
    times: int | None = None
    used: int = 0
    limits: JobLimits = JobLimits()
    terms: Terms = Terms()
    created_at: datetime


class ListStandingApprovals(Message, frozen=True, tag="requests.standing.list"):
    """Which standing approvals are there, that I gave or may end? Answered by `StandingApprovalsReply`."""

    limit: int = 0
    offset: int = 0


class RemoveStandingApproval(Message, frozen=True, tag="requests.standing.remove"):
    """Approve nothing more by this one. What it approved stays so. Answered by `Done`."""

    uid: UID


class StandingApprovalsReply(Message, frozen=True, tag="requests.standing.reply"):
    """A page of standing approvals, oldest first, and how many there are in all."""

    approvals: tuple[StandingView, ...]
    total: int


class RequestReply(Message, frozen=True, tag="requests.reply"):
    """One request."""

    request: RequestView


class RequestsReply(Message, frozen=True, tag="requests.list.reply"):
    """A page of requests, and how many there are in all."""

    requests: tuple[RequestView, ...]
    total: int
