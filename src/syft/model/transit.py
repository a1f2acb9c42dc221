"""This module holds values on their way from one site of a protocol to another, as each of the two keeps them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from syft.model.object import ValueRef
from syft.model.uid import UID


class Direction(Enum):
    """Whether a value leaves this site or has arrived here."""

    OUT = "out"
    IN = "in"


class InTransit(msgspec.Struct, frozen=True, kw_only=True):
    """A value between two steps of one run: no object, and nobody's to read; kept until the run goes on or ends.

    Args:
        uid: the record's own.
        protocol: the digest of the deployment, 64 hex digits.
        run: which run of it. Only who runs it, and the sites, know this UID.
        step: the step at this site, from 0: the one that made the value, or the one that takes it.
        edge: by which way: its place among those that leave that step, or that arrive at it.
        direction: whether it leaves or has arrived.
        value: the value; this site holds it as bytes and never decodes it.
        code_uid: the code that made it; None for what has arrived: there it is for the run.
        request_uid: the approval under which it leaves, likewise.
        job_uid: the job that made it, likewise.
        handed_over: of what leaves, whether the other site has said that it is there.
        created_at: when, in UTC.
        lease_until: when it is forgotten, in UTC.
    """

    uid: UID
    protocol: str
    run: UID
    step: int
    edge: int
    direction: Direction
    value: ValueRef
    code_uid: UID | None = None
    request_uid: UID | None = None
    job_uid: UID | None = None
    handed_over: bool = False
    created_at: datetime
    lease_until: datetime

    @property
    def place(self) -> str:
        """What only one record may be about."""
        code = self.code_uid.hex if self.code_uid else ""
        return f"{self.protocol}:{self.run.hex}:{self.direction.value}:{self.step}:{self.edge}:{code}"

    @property
    def blob(self) -> str | None:
        """The digest of its value where that is a file."""
        return None if self.value.inline is not None else self.value.digest

    def has_expired(self, now: datetime) -> bool:
        """Whether its lease has ended by `now`."""
        return self.lease_until <= now
