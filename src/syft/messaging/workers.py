"""This module is a door: workers, for whom plans and protocols are found as what they are."""

from __future__ import annotations

# Importing these says how plans and protocols are pointed to.
from syft.messaging import plan, protocol
from syft.workers import VirtualWorker, local_worker

__all__ = ["VirtualWorker", "local_worker", "plan", "protocol"]
