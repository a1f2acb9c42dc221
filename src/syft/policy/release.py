"""This module holds the one function by which anything made from private data leaves.

Its caller hands it the open transaction, in which it counts, grants and records; the event of that
transaction says so. What does not come by here stays.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from syft.errors import NotApproved
from syft.model.code import Code
from syft.model.job import Job, Release
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Grant
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.policy.disclosure import check_disclosure
from syft.policy.outputs import check_can_leave

R = TypeVar("R", bound=msgspec.Struct)


class Ledger(Protocol):
    """What of a transaction releasing needs; `store.base.Transaction` has it."""

    def get(self, kind: type[R], uid: UID) -> R:
        """The record of that UID, as it stands in this transaction."""
        ...

    def count(self, kind: type[msgspec.Struct], /, **equals: object) -> int:
        """How many records have these values, in this transaction."""
        ...

    def add(self, record: msgspec.Struct) -> None:
        """Keep a new record."""
        ...


def release(
    ledger: Ledger,
    *,
    job: Job,
    code: Code,
    result: ValueRef,
    digest: str,
    owner_uid: UID,
    readers: Collection[UID] = (),
    now: datetime,
) -> ObjectRecord:
    """Let the result of a private run leave to its requester, or refuse.

    Everything that decides is read again here, in the transaction that records the release: two runs that
    both got this far cannot both pass, and an approval withdrawn meanwhile counts.

    Args:
        ledger: the open transaction.
        job: the run, in state FINISHED.
        code: what ran.
        result: what it returned.
        digest: the approval's digest as it was recomputed for the run (`policy.approval`).
        owner_uid: to whom the result belongs besides.
        readers: who else may read it: the owners of what it was made from, where its author shares it with them.
        now: the time, in UTC.
    Returns:
        The object that holds the result, which the requester may now read.
    Raises:
        NotApproved: the approval is gone or was for something else.
        PolicyExhausted: as many results as were approved have left.
        LimitExceeded: it is too large to be an answer.
    """
    if job.request_uid is None:
        raise NotApproved(f"'{code.name}' ran without an approval; nothing of it leaves.")
    request = ledger.get(Request, job.request_uid)
    if request.state is not RequestState.APPROVED or request.approved_digest != digest:
        raise NotApproved(f"The approval of '{code.name}' was withdrawn while it ran; its result stays here.")
    check_can_leave(code.submission.output_policy, ledger.count(Release, request_uid=request.uid), code.name)
    check_disclosure(result)
    held = ObjectRecord(
        uid=UID(),
        kind=ObjectKind.RESULT,
        owner_uid=owner_uid,
        name=code.name,
        private=result,
        created_at=now,
    )
    ledger.add(held)
    for reader in {job.requester_uid, *readers}:
        ledger.add(
            Grant(uid=UID(), object_uid=held.uid, user_uid=reader, granted_by=owner_uid, created_at=now)
        )
    ledger.add(
        Release(
            uid=UID(),
            request_uid=request.uid,
            job_uid=job.uid,
            inputs_key=job.inputs_key,
            result_uid=held.uid,
            user_uid=job.requester_uid,
            created_at=now,
        )
    )
    return held
