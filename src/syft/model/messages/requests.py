"""This module holds what is said about requests."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from syft.model.code import CodeSubmission
from syft.model.message import Message
from syft.model.messages.codes import CodeView
from syft.model.request import RequestState
from syft.model.uid import UID
from syft.model.user import PersonView


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its requester and its reviewers see it.

    Args:
        uid: the request's own.
        state: where it stands.
        code: what is to run.
        nested: the functions it launches; those that are not there yet are missing.
        requester: who asks.
        reason: why.
        decided_by: who answered.
        decision_reason: in their words.
        results_released: how many results have left under it.
        created_at: when it was asked, in UTC.
        decided_at: when it was answered, in UTC.
    """

    uid: UID
    state: RequestState
    code: CodeView
    nested: tuple[CodeView, ...] = ()
    requester: PersonView
    reason: str = ""
    decided_by: PersonView | None = None
    decision_reason: str = ""
    results_released: int = 0
    created_at: datetime
    decided_at: datetime | None = None


class CreateRequest(Message, frozen=True, tag="requests.create"):
    """Please let this function run. Answered by `RequestReply`.

    Args:
        submission: the function; submitted on the way where it is new.
        reason: why.
    """

    may_wait: ClassVar[bool] = True

    submission: CodeSubmission
    reason: str = ""


class GetRequest(Message, frozen=True, tag="requests.get"):
    """One request: by its UID, or by its place among those the caller may see. Answered by `RequestReply`."""

    uid: UID | None = None
    index: int | None = None


class ListRequests(Message, frozen=True, tag="requests.list"):
    """Which requests may I see, oldest first? Answered by `RequestsReply`."""

    state: RequestState | None = None
    limit: int = 0
    offset: int = 0


class ApproveRequest(Message, frozen=True, tag="requests.approve"):
    """Let it run as it stands now. Answered by `RequestReply`.

    Args:
        uid: which.
        digest: of the code the reviewer looked at: what is approved is what was read.
        nested: the digests of the functions it launches, likewise, in any order.
    """

    uid: UID
    digest: str
    nested: tuple[str, ...] = ()


class DenyRequest(Message, frozen=True, tag="requests.deny"):
    """Do not let it run; revokes what was approved. Answered by `RequestReply`."""

    uid: UID
    reason: str


class WithdrawRequest(Message, frozen=True, tag="requests.withdraw"):
    """I no longer ask. Answered by `RequestReply`."""

    may_wait: ClassVar[bool] = True

    uid: UID


class RequestReply(Message, frozen=True, tag="requests.reply"):
    """One request."""

    request: RequestView


class RequestsReply(Message, frozen=True, tag="requests.list.reply"):
    """A page of requests, and how many there are in all."""

    requests: tuple[RequestView, ...]
    total: int
