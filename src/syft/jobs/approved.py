"""This module asks again, where code runs, what was allowed: nothing of what was stored since is taken on trust."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from syft.code.capture import digest as digest_of
from syft.errors import NotApproved
from syft.jobs.failures import check_may_run
from syft.jobs.nested import pools_of
from syft.model.code import Code
from syft.model.job import Job, ObjectArgument, Release
from syft.model.object import ObjectRecord
from syft.model.request import Request, RequestState
from syft.model.uid import UID
from syft.policy.approval import approval_digest
from syft.store.base import Reader


def released_under(reader: Reader, request: Request) -> int:
    """How many results have left under that approval."""
    return reader.count(Release, request_uid=request.uid)


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
) -> tuple[Request, str]:
    """The approval a private run is under, and its digest as recomputed now.

    Raises:
        NotApproved: there is none, it was withdrawn, or anything differs from what was approved.
        InvalidState: it has failed too often.
    """
    if job.request_uid is None:
        raise NotApproved(f"'{code.name}' may not see private data without an approval.")
    request = reader.get(Request, job.request_uid)
    if request.state is not RequestState.APPROVED:
        raise NotApproved(f"The approval of '{code.name}' was withdrawn before it ran.")
    for pinned in request.nested:
        if digest_of(reader.get(Code, pinned.code_uid).submission) != pinned.digest:
            raise NotApproved(f"'{pinned.name}', which '{code.name}' launches, is not what was approved.")
    approved = {
        name: record for name, record in inputs.items() if name in code.submission.input_policy.objects
    }
    found = environment(pools_of(reader, code, request.nested))
    digest = approval_digest(code.digest, request.nested, approved, found, request.limits)
    if digest != request.approved_digest:
        raise NotApproved(
            f"'{code.name}' would not run as it was approved: its data, its limits, its worker pool or this node's "
            "packages have changed since. Make a new request; the owner reviews it as it is now."
        )
    check_may_run(request, code.name)
    return request, digest


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
