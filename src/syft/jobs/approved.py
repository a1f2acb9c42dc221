"""This module asks again, where code runs, what was allowed: nothing of what was stored since is taken on trust."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from syft.code.capture import digest as digest_of
from syft.errors import NotApproved
from syft.jobs.conditions import check_stands, runs_under
from syft.jobs.failures import check_may_run
from syft.jobs.nested import pools_of
from syft.jobs.sink import plain_of_value, type_of_value
from syft.model.code import Code
from syft.model.job import BoundArgument, Job, ObjectArgument, Release
from syft.model.object import ObjectRecord
from syft.model.request import Request
from syft.model.uid import UID
from syft.policy.approval import approval_digest
from syft.policy.inputs import check_bound
from syft.policy.terms import check_bounds
from syft.store.base import Reader
from syft.store.blobs import Blobs


def earlier_on(reader: Reader, request_uid: UID, user_uid: UID, inputs_key: str) -> Job | None:
    """The run whose result has left to somebody under that approval, on these very inputs, and is still there.

    Args:
        reader: of the store.
        request_uid: of the approval.
        user_uid: to whom.
        inputs_key: what it was computed on (`policy.inputs.inputs_key`).
    """
    for release in reader.select(
        Release, request_uid=request_uid, user_uid=user_uid, inputs_key=inputs_key, newest_first=True
    ):
        job = reader.find(Job, uid=release.job_uid)
        if job is not None and reader.find(ObjectRecord, uid=release.result_uid) is not None:
            return job
    return None


def objects_of(reader: Reader, job: Job) -> dict[str, ObjectRecord]:
    """The objects that a job runs on, by parameter, as they are now.

    Raises:
        NotFound: one was deleted.
    """
    return {
        name: reader.get(ObjectRecord, argument.object_uid)
        for name, argument in job.arguments.items()
        if isinstance(argument, ObjectArgument)
    }


def check_approved(
    reader: Reader,
    job: Job,
    code: Code,
    inputs: Mapping[str, ObjectRecord],
    environment: Callable[[Iterable[str]], str],
    now: datetime,
) -> tuple[Request, str]:
    """The approval a private run is under, and its digest as recomputed now.

    Args:
        reader: of the store.
        job: the run; one of those that its approval allows.
        code: what runs.
        inputs: by parameter, the objects it runs on.
        environment: the digest of what code runs in, by worker pools.
        now: the time by the node's clock, in UTC.
    Raises:
        NotApproved: there is none, it was withdrawn or has ended, more people have to approve by now, more runs were
            begun than it allows, or anything differs from what was approved.
        InvalidState: it has failed too often.
    """
    if job.request_uid is None:
        raise NotApproved(f"'{code.name}' may not see private data without an approval.")
    request = reader.get(Request, job.request_uid)
    if request.deposited:
        # The answer that was given by hand is the only one that its requester ever gets.
        raise NotApproved(
            f"The request for '{code.name}' was answered by hand; its code does not run any more."
        )
    check_stands(reader, request, inputs.values(), code.name, now)
    if request.terms.runs is not None and runs_under(reader, request) > request.terms.runs:
        raise NotApproved(f"More runs of '{code.name}' were begun than were approved.")
    for pinned in request.nested:
        if digest_of(reader.get(Code, pinned.code_uid).submission) != pinned.digest:
            raise NotApproved(f"'{pinned.name}', which '{code.name}' launches, is not what was approved.")
    approved = {
        name: record for name, record in inputs.items() if name in code.submission.input_policy.objects
    }
    found = environment(pools_of(reader, code, request.nested))
    digest = approval_digest(code.digest, request.nested, approved, found, request.limits, request.terms)
    if digest != request.approved_digest:
        raise NotApproved(
            f"'{code.name}' would not run as it was approved: its data, its limits, its worker pool or this node's "
            "packages have changed since. Make a new request; the owner reviews it as it is now."
        )
    check_may_run(request, code.name)
    return request, digest


def check_inputs(
    blobs: Blobs, code: Code, request: Request, bound: Mapping[str, BoundArgument], *, is_final: bool = True
) -> None:
    """Raise unless a private run may be on these inputs: by the input policy, and by the bounds of the approval.

    Asked of what its caller named, when it is called and when it begins; and, where a policy of its author's own
    decides about that, once more of what that makes of it, which is what the code gets.

    Args:
        blobs: where large values are.
        code: what runs.
        request: the approval.
        bound: by parameter name, as the node keeps them for the job.
        is_final: whether the code gets just these; else such a policy is still to be asked.
    Raises:
        InvalidInput: they are not what was approved.
    """
    check_bound(code.submission, bound, partial(type_of_value, blobs), is_final=is_final)
    if is_final or not code.submission.input_policy.decides:
        check_bounds(request.terms, bound, partial(plain_of_value, blobs))


def check_unchanged(code: Code, job: Job) -> None:
    """Raise unless a code is what its digest says, made anew from what would run, and the job runs where that says.

    Raises:
        NotApproved: it was changed where it is kept.
    """
    if digest_of(code.submission) != code.digest or code.submission.name != code.name:
        raise NotApproved(f"The stored code of '{code.name}' is not what was submitted; it does not run.")
    if job.pool != code.submission.pool:
        # Another pool has other packages, and other machines.
        raise NotApproved(f"'{code.name}' runs in the pool '{code.submission.pool}', and nowhere else.")


def readers_of(code: Code, inputs: Mapping[str, ObjectRecord]) -> set[UID]:
    """Who besides its requester may read a result: the owners of its inputs, where its author shares it with them."""
    if not code.submission.share_results_with_owners:
        return set()
    return {record.owner_uid for record in inputs.values()}
