"""This module knows which kept values are still needed, and lets go of those that are not."""

from __future__ import annotations

from functools import partial

from syft.model.held import HeldResult
from syft.model.job import OPEN, Job, StoredArgument
from syft.model.object import ObjectRecord
from syft.model.transit import InTransit
from syft.store.base import OneOf, Reader, Store
from syft.store.blobs import Blobs


def digests_in_use(store: Store) -> set[str]:
    """Every blob that a record refers to: values of objects, values in transit, results that are held, and arguments of
    jobs that have not ended."""
    with store.reading() as reader:
        used = {
            str(digest)
            for column in ("private_digest", "mock_digest")
            for digest in reader.values(ObjectRecord, column)
        }
        used |= {str(digest) for digest in reader.values(InTransit, "blob")}
        used |= {str(digest) for digest in reader.values(HeldResult, "blob")}
        return used | _of_open_jobs(reader)


def is_used(store: Store, digest: str) -> bool:
    """Whether a record refers to that blob."""
    with store.reading() as reader:
        return bool(
            reader.count(ObjectRecord, private_digest=digest)
            or reader.count(ObjectRecord, mock_digest=digest)
            or reader.count(InTransit, blob=digest)
            or reader.count(HeldResult, blob=digest)
            or digest in _of_open_jobs(reader)
        )


def _of_open_jobs(reader: Reader) -> set[str]:
    unfinished = reader.select(Job, OneOf("state", OPEN))
    return {digest for job in unfinished for digest in stored_digests(job)}


def stored_digests(job: Job) -> set[str]:
    """The blobs that a job's own arguments are in."""
    return {
        argument.value.digest
        for argument in job.arguments.values()
        if isinstance(argument, StoredArgument) and argument.value.inline is None
    }


def let_go(store: Store, blobs: Blobs, job: Job) -> None:
    """Take away what a job that has ended was called with, where nothing else needs it."""
    for digest in stored_digests(job):
        blobs.remove(digest, unless=partial(is_used, store, digest))
