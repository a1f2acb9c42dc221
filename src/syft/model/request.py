"""This module holds requests: somebody asks that code may run, to read an object, or for a worker pool.

The owner decides, of a pool the administrator. What is decided is about exactly that code, value or pool.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.limits import JobLimits
from syft.model.object import check_tags
from syft.model.pool import PoolSpec
from syft.model.terms import Terms
from syft.model.uid import UID


class RequestState(Enum):
    """Where a request stands; the numbers are those users of PySyft 0.9 know."""

    PENDING = 0
    REJECTED = 1
    APPROVED = 2
    WITHDRAWN = 3
    REVOKED = 4


# From each state, the states that may follow. A denial of what was approved revokes it.
REQUEST_TRANSITIONS: Final[dict[RequestState, frozenset[RequestState]]] = {
    RequestState.PENDING: frozenset({RequestState.APPROVED, RequestState.REJECTED, RequestState.WITHDRAWN}),
    RequestState.APPROVED: frozenset({RequestState.REVOKED}),
    RequestState.REJECTED: frozenset(),
    RequestState.WITHDRAWN: frozenset(),
    RequestState.REVOKED: frozenset(),
}


class NestedCode(msgspec.Struct, frozen=True, kw_only=True):
    """A function that another launches, pinned to one version of it.

    Args:
        name: by which it is launched.
        code_uid: the version that was there when the request was decided.
        digest: of that code.
    """

    name: str
    code_uid: UID
    digest: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the owners and their answer.

    Args:
        uid: the request's own.
        code_uid: what is to run; or
        object_uid: what is to be read; or
        pool: the worker pool that is to be made; one of the three.
        terms: the conditions under which it was approved; until then those of who approved it first of several.
        requester_uid: who asks.
        owners: of the objects it would run on, or of the object, as it was made.
        state: where it stands.
        reason: why they ask, in their words.
        approved_digest: what exactly was approved: code, nested code, inputs with their content,
            policies, limits and environment; empty until then. Recomputed whenever the code runs. For an object
            the digest of its value, to which the grant is.
        nested: the launched functions as they were approved.
        decided_by: who answered.
        decision_reason: the owner's words, where they gave any.
        failed_runs: how many private runs under this approval have failed; bounded, because how code fails
            tells something too.
        limits: what each run may use at most, as it was approved: every figure; none until then.
        created_at: when, in UTC.
        decided_at: when, in UTC.
        expires_at: when it is withdrawn if nobody has answered, in UTC; None: it waits.
        handled_by: the standing rule of the owner's that answered; None where a person did.
        deposited: whether the answer was given by hand: then nothing ever runs under it (again).
        approved_parts: what went into `approved_digest`, each by itself, as digests: so that the next reviewer is told
            what has changed since. Decides nothing.
    """

    uid: UID
    code_uid: UID | None = None
    object_uid: UID | None = None
    requester_uid: UID
    owners: tuple[UID, ...] = ()
    state: RequestState = RequestState.PENDING
    reason: str = ""
    approved_digest: str = ""
    nested: tuple[NestedCode, ...] = ()
    decided_by: UID | None = None
    decision_reason: str = ""
    failed_runs: int = 0
    created_at: datetime
    decided_at: datetime | None = None
    limits: JobLimits = JobLimits()
    expires_at: datetime | None = None
    handled_by: UID | None = None
    pool: PoolSpec | None = None
    terms: Terms = Terms()
    deposited: bool = False
    approved_parts: dict[str, str] = {}

    def __post_init__(self) -> None:
        if [self.code_uid, self.object_uid, self.pool].count(None) != 2:
            raise InvalidInput(
                "A request is about code, about an object or about a worker pool; one of the three."
            )


class HandlerAction(Enum):
    """What a standing rule answers."""

    ACCEPT = "accept"
    DENY = "deny"


class RequestHandler(msgspec.Struct, frozen=True, kw_only=True):
    """An owner's standing rule: how requests for the owner's own objects are answered without waiting.

    Args:
        uid: the rule's own.
        owner_uid: whose; it answers for no other's objects.
        action: what it answers.
        tags: it is asked about objects that have exactly these tags; empty: about all that no other rule names.
        element_quota: how many elements it may let out in all, see `wire/elements`; None: any number.
        elements_used: how many it has.
        answered: how many requests.
        print_local: say on the node's standard output that it answered.
        log_local: say in the node's log that it answered. Never what was asked for.
        created_at: when, in UTC.
        expires_at: when it ends, in UTC; None: when it is removed.
    """

    uid: UID
    owner_uid: UID
    action: HandlerAction
    tags: tuple[str, ...] = ()
    element_quota: int | None = None
    elements_used: int = 0
    answered: int = 0
    print_local: bool = False
    log_local: bool = False
    created_at: datetime
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        check_tags(self.tags)
        if self.element_quota is not None and not 0 <= self.element_quota < 1 << 63:
            raise InvalidInput("An element quota is a number of 0 or more.")
