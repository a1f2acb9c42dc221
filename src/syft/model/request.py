"""This module holds requests: a scientist asks that code may run; the owner decides, about exactly that code."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.model.limits import JobLimits
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
        code_uid: what is to run.
        requester_uid: who asks.
        owners: of the objects it would run on, as it was made.
        state: where it stands.
        reason: why they ask, in their words.
        approved_digest: what exactly was approved: code, nested code, inputs with their content,
            policies, limits and environment; empty until then. Recomputed whenever the code runs.
        nested: the launched functions as they were approved.
        decided_by: who answered.
        decision_reason: the owner's words, where they gave any.
        failed_runs: how many private runs under this approval have failed; bounded, because how code fails
            tells something too.
        limits: what each run may use at most, as it was approved: every figure; none until then.
        created_at: when, in UTC.
        decided_at: when, in UTC.
    """

    uid: UID
    code_uid: UID
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
