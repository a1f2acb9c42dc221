"""This module holds worker pools: named places where jobs run, and what a job may use there."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.limits import JobLimits
from syft.model.uid import UID

# There is always one of this name; a function that names no pool runs there.
DEFAULT_POOL: Final = "default-pool"
_NAME_MAX: Final = 100


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A place where jobs run.

    Args:
        uid: the pool's own.
        name: by which functions ask for it; no two pools have the same.
        limits: where they differ from the server's. What a job may use there, unless less was asked for.
        created_at: when, in UTC.
    """

    uid: UID
    name: str
    limits: JobLimits = JobLimits()
    created_at: datetime

    def __post_init__(self) -> None:
        check_pool_name(self.name)


def check_pool_name(name: str) -> None:
    """Raise unless a pool can be called that.

    Raises:
        InvalidInput: it cannot.
    """
    if not name or len(name) > _NAME_MAX or not all(char.isalnum() or char in "-_." for char in name):
        raise InvalidInput(
            f"'{name[:_NAME_MAX]}' cannot be a worker pool's name: use letters, digits, dots, dashes and underscores."
        )
