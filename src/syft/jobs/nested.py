"""This module finds the functions that a code launches, and pins each to one version."""

from __future__ import annotations

from collections.abc import Iterable

from syft.errors import InvalidState
from syft.model.code import Code
from syft.model.job import Job
from syft.model.pool import DEFAULT_POOL
from syft.model.request import NestedCode, Request
from syft.store.base import Reader

# A function that launches a function that launches ...: more than anybody reviews, and than a message holds.
MAX_NESTED = 50
MAX_NESTED_SOURCE = 2 * 1024 * 1024


def newest(reader: Reader, code: Code, name: str) -> Code | None:
    """The newest version of that function by the same author."""
    # A step of a protocol runs in its protocol only.
    found = reader.select(
        Code, owner_uid=code.owner_uid, name=name, protocol=None, limit=1, newest_first=True
    )
    return found[0] if found else None


def pin_nested(reader: Reader, code: Code) -> tuple[tuple[NestedCode, ...], tuple[str, ...]]:
    """Every function that `code` launches, and those that they launch, each pinned to its newest version.

    Args:
        reader: of the store.
        code: the function that is asked for.
    Returns:
        What was found, and the names of what was not.
    """
    pinned: dict[str, NestedCode] = {}
    missing: set[str] = set()
    size = 0
    waiting = list(code.submission.nested)
    while waiting:
        name = waiting.pop()
        if name in pinned or name in missing or name == code.name:
            continue
        found = newest(reader, code, name)
        if found is None:
            missing.add(name)
            continue
        size += len(found.submission.source)
        if len(pinned) >= MAX_NESTED or size > MAX_NESTED_SOURCE:
            # More than anybody reviews: shown as not there, and refused by `check_all_found`.
            missing.add(name)
            continue
        pinned[name] = NestedCode(name=name, code_uid=found.uid, digest=found.digest)
        waiting.extend(found.submission.nested)
    return tuple(sorted(pinned.values(), key=lambda one: one.name)), tuple(sorted(missing))


def rehearsed_nested(reader: Reader, job: Job) -> tuple[NestedCode, ...]:
    """The functions that a reviewer's run on mocks may launch: as they were approved, where the request was; else none
    is said here, and the newest are meant, as the reviewer reads them."""
    request = reader.find(Request, uid=job.rehearses) if job.rehearses is not None else None
    return request.nested if request is not None else ()


def check_all_found(code: Code, missing: tuple[str, ...]) -> None:
    """Raise when a launched function has not been submitted.

    Raises:
        InvalidState: names them, and says how to submit them.
    """
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        raise InvalidState(
            f"Nested requests of '{code.name}' are not resolved: {names} must be submitted first, with "
            f"`client.code.submit(...)`; at most {MAX_NESTED} of them, with {MAX_NESTED_SOURCE >> 20} MiB of source."
        )


def pool_of(launched: Code, job_pool: str) -> str:
    """Where a launched function runs: in the pool that it names; where the job does, if it names none.

    So a job that moves to other machines takes along what it launches, which is most of its work.

    Args:
        launched: the function.
        job_pool: the pool of the job that everything counts towards.
    """
    named = launched.submission.pool
    return job_pool if named == DEFAULT_POOL else named


def pools_of(reader: Reader, code: Code, nested: Iterable[NestedCode]) -> set[str]:
    """The worker pools that a run and all that it launches run in."""
    own = code.submission.pool
    found = {own, *(pool_of(reader.get(Code, one.code_uid), own) for one in nested)}
    # Policies of a job elsewhere are asked here.
    return found | {DEFAULT_POOL} if code.submission.custom_policies else found
