"""This module finds out what a job may use: from its pool, its approval or its author, and the server's settings."""

from __future__ import annotations

from syft.config import Settings
from syft.errors import InvalidInput, NotFound
from syft.model.code import CodeSubmission
from syft.model.limits import KIB, MIB, JobLimits
from syft.model.pool import Pool
from syft.model.request import Request
from syft.policy.limits import capped, check_within, filled
from syft.store.base import Reader

_NAMED_MOST = 20


def server_limits(settings: Settings) -> JobLimits:
    """What a job may use where nobody else says anything: every figure, as the operator set it.

    Raises:
        InvalidInput: with such limits no job could run.
    """
    try:
        return JobLimits(
            memory_bytes=settings.memory_mb * MIB,
            cpu_s=settings.cpu_s,
            wall_s=settings.wall_s,
            scratch_bytes=settings.scratch_mb * MIB,
            output_bytes=settings.output_kb * KIB,
            threads=settings.threads,
        )
    except InvalidInput as error:
        raise InvalidInput(
            f"One of the SYFT_JOB_ settings cannot be what it is. {error.public_message}"
        ) from None


def get_pool(reader: Reader, name: str) -> Pool:
    """The worker pool of that name.

    Raises:
        NotFound: there is none; the text names those there are.
    """
    pool = reader.find(Pool, name=name)
    if pool is None:
        names = [one.name for one in reader.select(Pool, limit=_NAMED_MOST)]
        raise NotFound(f"There is no worker pool '{name[:100]}' here. There is: {', '.join(names)}.")
    return pool


def ceiling_of(pool: Pool, server: JobLimits) -> JobLimits:
    """What a job in that pool gets where less was not asked for, and what it never gets more than: every figure."""
    return filled(pool.limits, server)


def check_fits(reader: Reader, submission: CodeSubmission, server: JobLimits) -> None:
    """Raise unless a function's pool is there and gives what the function asks for.

    Args:
        reader: of the store.
        submission: the function.
        server: what a job may use where its pool says nothing.
    Raises:
        NotFound: there is no such pool.
        InvalidInput: it asks for more than the pool gives.
    """
    pool = get_pool(reader, submission.pool)
    check_within(submission.asked, ceiling_of(pool, server), pool.name, f"'{submission.name}' asks for")


def granted_limits(
    reader: Reader, submission: CodeSubmission, request: Request | None, server: JobLimits
) -> JobLimits:
    """What a run that begins now may use: every figure.

    Args:
        reader: of the store.
        submission: the function that runs.
        request: the approval it runs under; None for a run on mock values, which has what its author asks for.
        server: what a job may use where its pool says nothing.
    Returns:
        What was approved or asked for, and never more than the pool gives now: an administrator who lowers the
        limits of a pool lowers those of all that runs there.
    Raises:
        NotFound: its pool is gone.
    """
    ceiling = ceiling_of(get_pool(reader, submission.pool), server)
    return capped(submission.asked if request is None else request.limits, ceiling)
