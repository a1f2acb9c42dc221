"""This module holds the one function by which anything made from private data leaves.

Its caller hands it the open transaction, in which it counts, grants and records; the event of that
transaction says so. What does not come by here stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from syft.errors import NotApproved
from syft.model.code import Code
from syft.model.job import Job, Release
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Grant
from syft.model.request import Request, RequestState
from syft.model.transit import InTransit
from syft.model.uid import UID
from syft.policy.disclosure import check_disclosure
from syft.policy.outputs import check_can_leave
from syft.policy.parts import edges_of

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
    onward: Sequence[InTransit] = (),
    now: datetime,
) -> ObjectRecord | None:
    """Let the result of a private run leave, or refuse: to its requester; of a step, over the edges to other steps.

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
        onward: of a step whose result others take, what goes over each edge, in their order. Nobody may read it.
        now: the time, in UTC.
    Returns:
        The object that holds the result, which the requester may now read; None where it goes to other steps.
    Raises:
        AssertionError: what goes onward is not what the protocol says; a fault of ours.
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
    # Not the caller's word: what was approved says whether a result goes to its requester.
    if [one.edge for one in onward] != list(range(len(edges_of(code.submission)))):
        raise AssertionError(f"the result of '{code.name}' does not go where its protocol says")
    if onward:
        for one in onward:
            check_disclosure(one.value)
            ledger.add(one)
        ledger.add(_counted(job, request, onward[0].uid, now))
        return None
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
    ledger.add(_counted(job, request, held.uid, now))
    return held


def _counted(job: Job, request: Request, result_uid: UID, now: datetime) -> Release:
    return Release(
        uid=UID(),
        request_uid=request.uid,
        job_uid=job.uid,
        inputs_key=job.inputs_key,
        result_uid=result_uid,
        user_uid=job.requester_uid,
        created_at=now,
    )
