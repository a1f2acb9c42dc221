"""Workers of a test's own, gone after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import syft as sy
from syft.workers import known


def _fresh(worker_id: str) -> sy.VirtualWorker:
    """A worker that nobody has used: those of one id are the same for a whole process, and other tests leave some."""
    there = known.find(worker_id)
    if there is not None:
        there.close()
    return sy.VirtualWorker(id=worker_id)


@pytest.fixture
def alice() -> Iterator[sy.VirtualWorker]:
    worker = _fresh("alice")
    yield worker
    worker.close()


@pytest.fixture
def bob() -> Iterator[sy.VirtualWorker]:
    worker = _fresh("bob")
    yield worker
    worker.close()
