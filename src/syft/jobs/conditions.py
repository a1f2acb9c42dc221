"""This module asks whether the conditions of an approval hold, of what is stored now: its end, runs, and approvers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from syft.errors import NotApproved
from syft.model.approval import Approval
from syft.model.job import ENDED, Job
from syft.model.object import ObjectRecord
from syft.model.request import Request, RequestState
from syft.model.settings import SETTINGS, NodeSettings
from syft.model.uid import UID
from syft.policy.terms import (
    Demand,
    Yes,
    check_not_ended,
    check_runs_left,
    has_ended,
    shortfall,
)
from syft.store.base import OneOf, Reader


def runs_under(reader: Reader, request: Request) -> int:
    """How many runs have been begun under an approval, also such as failed; those that wait are kept a place.

    One that ended before anybody had claimed it does not count. One that was put back after a crash is the same job,
    and counts once; what a run launches is part of it.
    """
    queued = reader.count(Job, request_uid=request.uid)
    return queued - reader.count(Job, OneOf("state", ENDED), request_uid=request.uid, attempt=0)


def has_run_left(reader: Reader, request: Request, now: datetime) -> bool:
    """Whether the conditions of an approval let one more run begin now."""
    terms = request.terms
    return not has_ended(terms, now) and (terms.runs is None or runs_under(reader, request) < terms.runs)


def check_run_left(reader: Reader, request: Request, name: str, now: datetime) -> None:
    """Raise unless the conditions of an approval let one more run begin.

    Asked in the transaction that queues the run: of many that call at once, no more pass than are left.

    Raises:
        NotApproved: it has ended.
        PolicyExhausted: as many runs as were approved have been begun.
    """
    check_not_ended(request.terms, now, name)
    if request.terms.runs is not None:
        check_runs_left(request.terms, runs_under(reader, request), name)


def sources_of(reader: Reader, inputs: Iterable[ObjectRecord]) -> list[ObjectRecord]:
    """What these objects were computed from, as far as it is still there: its owners have a say about all of it."""
    uids = {uid for record in inputs for uid in record.sources}
    found = (reader.find(ObjectRecord, uid=uid) for uid in uids)
    return [record for record in found if record is not None]


def guarded(reader: Reader, inputs: Iterable[ObjectRecord]) -> list[ObjectRecord]:
    """The objects whose safeguards hold for what runs on these: they themselves, and what they were computed from.

    Otherwise whoever computes something from an object would have its guards off.
    """
    records = list(inputs)
    return list({record.uid: record for record in [*records, *sources_of(reader, records)]}.values())


def named_on(reader: Reader, inputs: Iterable[ObjectRecord]) -> dict[UID, frozenset[UID]]:
    """The accounts that the owners of these objects have named to decide beside them, by owner."""
    named: dict[UID, frozenset[UID]] = {}
    for record in guarded(reader, inputs):
        named[record.owner_uid] = named.get(record.owner_uid, frozenset()).union(record.safeguards.approvers)
    return named


def demand_on(reader: Reader, inputs: Iterable[ObjectRecord], owners: Iterable[UID] = ()) -> Demand:
    """How many people have to approve what runs on these objects, as is demanded now.

    Args:
        reader: of the store.
        inputs: the objects.
        owners: who has to be heard besides the owners of these.
    """
    records = list(inputs)
    approvals: dict[UID, int] = {}
    for one in guarded(reader, records):
        if one.safeguards.approvals > 1:
            approvals[one.owner_uid] = max(one.safeguards.approvals, approvals.get(one.owner_uid, 0))
    return Demand(
        approvals=approvals,
        by_office=_settings(reader).approvals_needed,
        owners=frozenset((*owners, *(one.owner_uid for one in records))),
    )


def _settings(reader: Reader) -> NodeSettings:
    # Not what the node has in its memory: what stands in the transaction that decides.
    kept = reader.setting(SETTINGS)
    return NodeSettings() if kept is None else msgspec.json.decode(kept, type=NodeSettings)


def check_stands(
    reader: Reader, request: Request, inputs: Iterable[ObjectRecord], name: str, now: datetime
) -> None:
    """Raise unless an approval stands: not withdrawn, not ended, given by as many people as are demanded by now.

    Args:
        reader: of the store.
        request: the approval.
        inputs: what the run is on.
        name: of the code, for the text.
        now: the time, in UTC.
    Raises:
        NotApproved: it does not; says why.
    """
    if request.state is not RequestState.APPROVED:
        raise NotApproved(
            f"The approval of '{name}' was withdrawn; it does not run, and nothing of it leaves."
        )
    check_not_ended(request.terms, now, name)
    check_approved_by_enough(reader, request, inputs, name)


def check_approved_by_enough(
    reader: Reader, request: Request, inputs: Iterable[ObjectRecord], name: str
) -> None:
    """Raise unless as many people have approved as are demanded by now.

    Raises:
        NotApproved: it were fewer; says how many.
    """
    demand = demand_on(reader, inputs)
    if demand.people == 1:
        return
    votes = reader.select(Approval, request_uid=request.uid, digest=request.approved_digest)
    # One from before votes were kept was approved by the one who decided, which took the role.
    one = Yes(request.requester_uid, is_admin=True)
    short = shortfall(demand, [_yes_of(vote) for vote in votes] or [one])
    if short is not None:
        found, wanted = short
        raise NotApproved(
            f"'{name}' was approved by {found}, and by now {wanted} people have to approve what runs "
            "on this data. Make a new request."
        )


def _yes_of(vote: Approval) -> Yes:
    is_admin = vote.speaks_for is None
    return Yes(vote.approver_uid, vote.by_office, is_admin, frozenset(vote.speaks_for or ()))
