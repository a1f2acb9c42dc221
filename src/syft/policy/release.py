"""This module holds the one function by which anything made from private data leaves, and what is held goes by it too.

Its caller hands it the open transaction, in which it counts, grants and records; the event of that
transaction says so. What does not come by here stays. The steps, in their order:

1. Is it still allowed? The approval as it is now, and what its output policy counts.
2. What does it reveal? `policy.disclosure`: an error, or findings for a person.
3. Does a person look first? Then it is kept as a `HeldResult`, and comes by here again when they let it go.
4. It leaves: an object with grants, or values on their way to other steps; and a `Release`, which is what counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from syft.errors import InvalidState, NotApproved
from syft.model.code import Code
from syft.model.held import Disclosure, HeldOutput, HeldResult, HeldState
from syft.model.job import Job, JobState, Release
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Grant
from syft.model.request import Request, RequestState
from syft.model.transit import InTransit
from syft.model.uid import UID
from syft.policy.counted import counted, counted_on
from syft.policy.disclosure import check_disclosure, findings_about
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

    def replace(self, record: msgspec.Struct) -> None:
        """Keep a record in the place of the one with its UID."""
        ...


class Told(NamedTuple):
    """What a person who is to look at a result is told of its run.

    Args:
        outputs: what the result consists of.
        environment: digest of the packages that it ran with.
    """

    outputs: tuple[HeldOutput, ...] = ()
    environment: str = ""


class Decision(NamedTuple):
    """What a person has decided about a result that was held.

    Args:
        held: as it stands in this transaction.
        by: who decided.
        reason: in their words.
        kept_back: the places of outputs that are not in what is let go.
    """

    held: HeldResult
    by: UID
    reason: str = ""
    kept_back: tuple[int, ...] = ()


def asks_for_review(request: Request, inputs: Iterable[ObjectRecord]) -> bool:
    """Whether a person looks at each result before it leaves: as it was approved, or as an owner of its data wants.

    Args:
        request: the approval.
        inputs: what it runs on, and what those were computed from.
    """
    return request.terms.review or any(record.safeguards.review for record in inputs)


def release(
    ledger: Ledger,
    *,
    job: Job,
    code: Code,
    result: ValueRef,
    digest: str,
    owner_uid: UID,
    inputs: Collection[ObjectRecord] = (),
    sources: Collection[ObjectRecord] = (),
    told: Told | None = None,
    decision: Decision | None = None,
    readers: Collection[UID] = (),
    onward: Sequence[InTransit] = (),
    now: datetime,
) -> ObjectRecord | HeldResult | None:
    """Let the result of a private run leave, or refuse: to its requester; of a step, over the edges to other steps.

    Everything that decides is read again here, in the transaction that records the release: two runs that
    both got this far cannot both pass, and an approval withdrawn meanwhile counts. So do two people who decide about
    one result at the same moment.

    Args:
        ledger: the open transaction.
        job: the run, in state FINISHED; or HELD, where a person has decided.
        code: what ran.
        result: what it returned; or what of that is let go.
        digest: the approval's digest as it was recomputed for the run (`policy.approval`).
        owner_uid: to whom the result belongs besides.
        inputs: what it ran on, as it is in this transaction.
        sources: what those were computed from, likewise: what their owners demand holds for it, too.
        told: of the run, where a person may have to look at what came of it.
        decision: a person's, about this result, which was held.
        readers: who else may read it: the owners of what it was made from, where its author shares it with them.
        onward: of a step whose result others take, what goes over each edge, in their order. Nobody may read it.
        now: the time, in UTC.
    Returns:
        The object that holds the result, which the requester may now read; None where it goes to other steps; the
        held result, where a person is to look first.
    Raises:
        AssertionError: what goes onward is not what the protocol says; a fault of ours.
        NotApproved: the approval is gone or was for something else, or it was answered by hand.
        PolicyExhausted: as many results as were approved have left, or wait to.
        InvalidState: somebody else has decided about it.
        LimitExceeded: it is too large to be an answer.
    """
    if job.request_uid is None:
        raise NotApproved(f"'{code.name}' ran without an approval; nothing of it leaves.")
    request = ledger.get(Request, job.request_uid)
    if request.deposited:
        raise NotApproved(f"The request for '{code.name}' was answered by hand; no result of a run leaves.")
    if request.state is not RequestState.APPROVED or request.approved_digest != digest:
        raise NotApproved(f"The approval of '{code.name}' was withdrawn while it ran; its result stays here.")
    others = counted(ledger, request.uid)
    on_these = counted_on(ledger, request.uid, code.submission.output_policy, job.inputs_key)
    if decision is not None:
        check_waits(ledger, decision.held)
        # It is among those that count itself.
        others -= 1
        on_these -= 1
    check_can_leave(code.submission.output_policy, others, code.name, on_these)
    # Not the caller's word: what was approved says whether a result goes to its requester.
    if [one.edge for one in onward] != list(range(len(edges_of(code.submission)))):
        raise AssertionError(f"the result of '{code.name}' does not go where its protocol says")
    for value in [one.value for one in onward] or [result]:
        check_disclosure(value)
    if decision is None and asks_for_review(request, chain(inputs, sources)):
        if onward:
            # The next site would wait for it, and a person there sees no reason why.
            raise NotApproved(CANNOT_BE_HELD.format(name=code.name))
        owners = [record.owner_uid for record in chain(inputs, sources)]
        findings = findings_about(result, inputs)
        return _hold(ledger, job, result, owner_uid, owners, findings, told or Told(), now)
    if onward:
        for one in onward:
            ledger.add(one)
        ledger.add(_counted(job, request, onward[0].uid, now))
        return None
    return _leave(ledger, job, request, result, owner_uid, readers, decision, now)


CANNOT_BE_HELD = (
    "An owner of the data looks at each result of '{name}' before it leaves. It is a step of a protocol, whose result "
    "goes to other sites at once and cannot be held: ask them for an approval without that."
)


def check_waits(ledger: Ledger, held: HeldResult) -> None:
    """Raise unless that result still waits for somebody to decide, in this transaction.

    Raises:
        InvalidState: somebody has decided.
    """
    state = ledger.get(HeldResult, held.uid).state
    if state is not HeldState.WAITING or ledger.get(Job, held.uid).state is not JobState.HELD:
        raise InvalidState(f"It was decided about this result before: it was {state.value}.")


def _hold(
    ledger: Ledger,
    job: Job,
    result: ValueRef,
    owner_uid: UID,
    owners: Iterable[UID],
    findings: tuple[Disclosure, ...],
    told: Told,
    now: datetime,
) -> HeldResult:
    assert job.request_uid is not None
    held = HeldResult(
        uid=job.uid,
        request_uid=job.request_uid,
        code_uid=job.code_uid,
        requester_uid=job.requester_uid,
        owners=tuple(dict.fromkeys(owners)),
        inputs_key=job.inputs_key,
        value=result,
        outputs=told.outputs,
        findings=findings,
        environment=told.environment,
        result_owner_uid=owner_uid,
        created_at=now,
    )
    ledger.add(held)
    return held


def _leave(
    ledger: Ledger,
    job: Job,
    request: Request,
    result: ValueRef,
    owner_uid: UID,
    readers: Collection[UID],
    decision: Decision | None,
    now: datetime,
) -> ObjectRecord:
    record = ObjectRecord(
        uid=UID(),
        kind=ObjectKind.RESULT,
        owner_uid=owner_uid,
        name=job.code_name,
        private=result,
        created_at=now,
    )
    ledger.add(record)
    for reader in {job.requester_uid, *readers}:
        ledger.add(
            Grant(uid=UID(), object_uid=record.uid, user_uid=reader, granted_by=owner_uid, created_at=now)
        )
    ledger.add(_counted(job, request, record.uid, now))
    if decision is not None:
        ledger.replace(decided(decision, HeldState.RELEASED, now))
    return record


def decided(decision: Decision, state: HeldState, now: datetime) -> HeldResult:
    """The record of a held result that was decided about; its value is an object by now, or nobody's.

    Args:
        decision: a person's.
        state: what becomes of it.
        now: the time, in UTC.
    """
    return msgspec.structs.replace(
        decision.held,
        state=state,
        value=None,
        decided_by=decision.by,
        decided_at=now,
        reason=decision.reason,
        kept_back=decision.kept_back,
    )


def deposit(
    ledger: Ledger,
    *,
    job: Job,
    request: Request,
    result: ValueRef,
    owner_uid: UID,
    readers: Collection[UID] = (),
    now: datetime,
) -> ObjectRecord:
    """Let an answer leave that somebody who may decide has given by hand. It counts as any result does.

    Args:
        ledger: the open transaction, in which the request is `deposited`.
        job: what stands for the run that did not take place.
        request: what is answered.
        result: the answer.
        owner_uid: who gave it.
        readers: who else may read it.
        now: the time, in UTC.
    Raises:
        LimitExceeded: it is too large to be an answer.
    """
    check_disclosure(result)
    return _leave(ledger, job, request, result, owner_uid, readers, None, now)


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
