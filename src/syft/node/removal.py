"""This module takes away objects with all that hangs on them, and what nobody used or answered in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from syft.jobs.values import is_used
from syft.model.event import Event
from syft.model.object import FailedOperations, ObjectRecord, RetiredUid
from syft.model.permission import Grant
from syft.model.request import Request, RequestHandler, RequestState
from syft.model.transit import InTransit
from syft.model.uid import UID
from syft.node.context import Site
from syft.store.base import Before, OneOf, Transaction

# As times rest in the store.
_MOMENT = timedelta(microseconds=1)
# What an object's requests become when it goes: nobody waits for an answer that nobody can give.
_ENDS = {RequestState.PENDING: RequestState.REJECTED, RequestState.APPROVED: RequestState.REVOKED}


def void_grants(tx: Transaction, object_uids: Iterable[UID]) -> None:
    """Remove every grant to these objects' values."""
    for grant in tx.select(Grant, OneOf("object_uid", object_uids)):
        tx.remove(Grant, grant.uid)


def end_requests(
    tx: Transaction,
    object_uids: Iterable[UID],
    *,
    states: Iterable[RequestState],
    reason: str,
    by: UID | None,
    now: datetime,
) -> list[UID]:
    """End the requests for objects that are in these states; returns which, for waking who waits for them.

    Args:
        tx: in which the objects change or go.
        object_uids: which objects.
        states: pending ones are rejected, approved ones revoked.
        reason: what the requesters are told.
        by: whose doing it is; None for the node itself.
        now: the time, in UTC.
    """
    ended = []
    for request in tx.select(Request, OneOf("object_uid", object_uids), OneOf("state", states)):
        tx.replace(
            msgspec.structs.replace(
                request,
                state=_ENDS[request.state],
                decision_reason=reason,
                decided_by=by,
                decided_at=now,
            )
        )
        ended.append(request.uid)
    return ended


def remove_objects(
    tx: Transaction, records: Sequence[ObjectRecord], *, by: UID | None, now: datetime
) -> list[UID]:
    """Take objects away: grants and requests end with them, and their UIDs will be nobody's again.

    Their blobs stay until `remove_blobs`, after the transaction.

    Returns:
        The requests that ended, for waking who waits for them.
    """
    uids = [record.uid for record in records]
    asked_for = {request.object_uid for request in tx.select(Request, OneOf("object_uid", uids))}
    ended = []
    if asked_for:
        ended = end_requests(tx, uids, states=_ENDS, reason="The object is gone.", by=by, now=now)
    void_grants(tx, uids)
    for failed in tx.select(FailedOperations, OneOf("object_uid", uids)):
        tx.remove(FailedOperations, failed.uid)
    for record in records:
        # What was made in passing nobody else has heard of; of the rest others may hold pointers.
        if record.lease_until is None or record.findable or record.uid in asked_for:
            tx.add(RetiredUid(uid=record.uid, retired_at=now))
        tx.remove(ObjectRecord, record.uid)
    return ended


def remove_blobs(site: Site, digests: Iterable[str]) -> None:
    """Take the files away that no record refers to any more."""
    for digest in digests:
        site.blobs.remove(digest, unless=partial(is_used, site.store, digest))


def expire(site: Site, now: datetime) -> None:
    """Take away what nobody used in time: leased objects, requests nobody answered, standing rules, values in transit.

    Asked at the start and before whatever concerns them, so that no clock has to tick; it costs four look-ups
    in indexes when nothing is due.
    """
    # What ends now has ended.
    leased, overdue = Before("lease_until", now + _MOMENT), Before("expires_at", now + _MOMENT)
    with site.store.reading() as reader:
        if not (
            reader.count(ObjectRecord, leased)
            or reader.count(Request, overdue, state=RequestState.PENDING)
            or reader.count(RequestHandler, overdue)
            or reader.count(InTransit, leased)
        ):
            return
    blobs: set[str] = set()
    ended: list[UID] = []
    # Not the event of the message that happened to come by: that one is not refused as a replay for it.
    with site.store.writing(Event(verb="node.expired", created_at=now)) as tx:
        records = tx.select(ObjectRecord, leased)
        for record in records:
            tx.also(Event(verb="object.expired", subject_uid=record.uid, created_at=now))
            blobs |= record.blobs
        ended += remove_objects(tx, records, by=None, now=now)
        for request in tx.select(Request, overdue, state=RequestState.PENDING):
            tx.also(Event(verb="request.expired", subject_uid=request.uid, created_at=now))
            tx.replace(
                msgspec.structs.replace(
                    request, state=RequestState.WITHDRAWN, decision_reason="Nobody answered in time."
                )
            )
            ended.append(request.uid)
        for handler in tx.select(RequestHandler, overdue):
            tx.also(Event(verb="request_handler.expired", subject_uid=handler.uid, created_at=now))
            tx.remove(RequestHandler, handler.uid)
        blobs |= forget(tx, tx.select(InTransit, leased))
    remove_blobs(site, blobs)
    wake(site, ended)


def forget(tx: Transaction, values: Iterable[InTransit]) -> set[str]:
    """Take values in transit away; returns the files that may go with them, after the transaction."""
    blobs = set()
    for one in values:
        tx.remove(InTransit, one.uid)
        if one.blob is not None:
            blobs.add(one.blob)
    return blobs


def wake(site: Site, requests: Iterable[UID]) -> None:
    """Wake whoever waits for these requests to be answered."""
    for uid in requests:
        site.crews.ended(uid)
