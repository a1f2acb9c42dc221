"""This module holds who has approved what: a person's vote for one request, or for all that are the very same."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.errors import InvalidInput
from syft.model.limits import JobLimits
from syft.model.terms import MAX_RUNS, Terms
from syft.model.uid import UID


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's yes to one request, as it stood then.

    Args:
        uid: the record's own.
        request_uid: to which request.
        approver_uid: whose.
        digest: what exactly they approved (`policy.approval`): a yes to something else does not count.
        by_office: whether they decide about requests by their role, and not because an owner named them: an
            administrator's demand (`NodeSettings.approvals_needed`) is met by those alone. Owners make accounts.
        speaks_for: the owners towards whose demand it counts; None: all, since an administrator speaks for the node.
        standing_uid: the standing approval of theirs that said so; None where they did themselves.
        created_at: when, in UTC.
    """

    uid: UID
    request_uid: UID
    approver_uid: UID
    digest: str
    by_office: bool = True
    speaks_for: tuple[UID, ...] | None = None
    standing_uid: UID | None = None
    created_at: datetime


class StandingApproval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's yes in advance: to requests that are in everything the same as one that they approved.

    Args:
        uid: the record's own.
        approver_uid: whose.
        request_uid: the request that they approved when they said so.
        code_uid: what that was about.
        code_digest: of that code: by it requests that may be the same are found.
        digest: what exactly they approved: a request is the same where its own comes to this.
        limits: what each run may use, which is part of that.
        terms: under which conditions, likewise.
        users: whose requests; None: anybody's.
        times: how many requests it may approve; None: any number.
        used: how many it has.
        created_at: when, in UTC.
    """

    uid: UID
    approver_uid: UID
    request_uid: UID
    code_uid: UID
    code_digest: str
    digest: str
    limits: JobLimits = JobLimits()
    terms: Terms = Terms()
    users: tuple[UID, ...] | None = None
    times: int | None = None
    used: int = 0
    created_at: datetime

    def __post_init__(self) -> None:
        if self.times is not None and not 1 <= self.times <= MAX_RUNS:
            raise InvalidInput(f"A standing approval is for 1 to {MAX_RUNS} requests.")

    def is_over(self, now: datetime) -> bool:
        """Whether it approves nothing any more by `now`."""
        # Its terms are those of what it approves: where that would have ended, there is nothing more to approve.
        ended = self.terms.expires_at is not None and self.terms.expires_at <= now
        return ended or (self.times is not None and self.used >= self.times)
