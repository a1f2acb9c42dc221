"""Workers of a test's own, gone after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import syft as sy


@pytest.fixture
def alice() -> Iterator[sy.VirtualWorker]:
    worker = sy.VirtualWorker(id="alice")
    yield worker
    worker.close()


@pytest.fixture
def bob() -> Iterator[sy.VirtualWorker]:
    worker = sy.VirtualWorker(id="bob")
    yield worker
    worker.close()
