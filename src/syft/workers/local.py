"""This module is a door: the worker of this process itself, "me"."""

from __future__ import annotations

from typing import Final

from syft.workers import known
from syft.workers.virtual import VirtualWorker

local_worker: Final = VirtualWorker(id=known.LOCAL)
