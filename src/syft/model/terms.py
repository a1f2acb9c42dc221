"""This module holds what an owner says beside yes, and what an owner demands before anything of an object leaves."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.uid import UID

MAX_CHOICES: Final = 100
MAX_CHOICE_BYTES: Final = 4 * 1024
MAX_BOUNDS: Final = 100
MAX_RUNS: Final = 1_000_000
MAX_APPROVERS: Final = 50
# Beyond what any length can be; a number of this size is exact everywhere.
MAX_LENGTH: Final = 1 << 53


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller's own value for one parameter may be; what is not said is not bounded.

    Args:
        least: of a number.
        most: likewise.
        longest: of a text in characters, of a list, a dict, a set or a tuple in elements.
        one_of: the values that it may be, encoded; empty: any.
    """

    least: float | None = None
    most: float | None = None
    longest: int | None = None
    one_of: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.one_of) > MAX_CHOICES or any(len(one) > MAX_CHOICE_BYTES for one in self.one_of):
            raise InvalidInput(
                f"A bound names at most {MAX_CHOICES} values, of at most {MAX_CHOICE_BYTES} bytes each."
            )
        # Every comparison with NaN is false: a bound of it would let everything by.
        if any(one is not None and not math.isfinite(one) for one in (self.least, self.most)):
            raise InvalidInput("A bound is a finite number.")
        if self.least is not None and self.most is not None and not self.least <= self.most:
            raise InvalidInput(f"A bound from {self.least:g} to {self.most:g} leaves nothing.")
        if self.longest is not None and not 0 <= self.longest <= MAX_LENGTH:
            raise InvalidInput("A length is 0 or more, and below 2 ** 53.")

    @property
    def of_numbers(self) -> bool:
        """Whether it says how small or large a number may be."""
        return self.least is not None or self.most is not None


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The conditions of an approval. They are part of what is approved, and asked again whenever the code runs.

    Args:
        expires_at: from then on nothing runs or leaves under it, in UTC; None: until it is revoked.
        runs: how many runs may be begun under it, also such as fail; None: as many as its output policy needs.
        bounds: by parameter, what the caller's own values may be.
        review: whether a person looks at each result before it leaves.
    """

    expires_at: datetime | None = None
    runs: int | None = None
    bounds: dict[str, Bound] = {}
    review: bool = False

    def __post_init__(self) -> None:
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise InvalidInput("An approval ends at a time with a zone.")
        if self.runs is not None and not 1 <= self.runs <= MAX_RUNS:
            raise InvalidInput(f"An approval is for 1 to {MAX_RUNS} runs.")
        if len(self.bounds) > MAX_BOUNDS:
            raise InvalidInput(f"An approval bounds at most {MAX_BOUNDS} parameters.")


class Safeguards(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the owner of an object demands before anything made of it leaves.

    Args:
        approvals: how many people have to approve a request: the owner, whom they named, administrators. Its author
            never counts, nor do other owners.
        approvers: accounts that may approve beside the owner and administrators.
        review: whether a person looks at each result before it leaves, whatever an approval says.
    """

    approvals: int = 1
    approvers: tuple[UID, ...] = ()
    review: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.approvals <= MAX_APPROVERS:
            raise InvalidInput(f"A request is approved by 1 to {MAX_APPROVERS} people.")
        if len(self.approvers) > MAX_APPROVERS:
            raise InvalidInput(f"An object names at most {MAX_APPROVERS} approvers.")
