"""This module computes with objects for those who may know of them, and keeps the result for those who own them.

A finder may compute on what it may not read: the result is then not readable either, until somebody grants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

import msgspec

from syft.access.checks import can_read_value
from syft.access.results import owner_of_all, readers_of_all
from syft.errors import AlreadyExists, CodeFailed, InvalidInput, InvalidState, LimitExceeded
from syft.jobs.sink import ResultSink
from syft.model.message import Message
from syft.model.messages.objects import ObjectReply, Operate
from syft.model.object import (
    MAX_TAGS,
    Face,
    FailedOperations,
    ObjectKind,
    ObjectRecord,
    ValueRef,
)
from syft.model.permission import Capability, Grant
from syft.model.step import MAX_INPUTS, Step
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.removal import expire, remove_blobs
from syft.node.services.grants import granted_to, has_grant
from syft.node.services.kept import add_object, check_quota, known, object_view
from syft.node.services.leases import is_worn
from syft.node.services.objects import take_value
from syft.ops.operation import Operation
from syft.ops.table import check_step, describe
from syft.store.base import Reader, Transaction
from syft.store.tables import OBJECT_UID_TAKEN

# Each failure on values that one may not read tells a little of them: as many as one approval of code allows.
MAX_FAILURES: Final = 10
# An owner looks at what a value goes back to; nobody looks at more.
MAX_SOURCES: Final = 64
_UNTOLD: Final = (
    "Operations of yours on this data have failed {count} times, which is as often as it is told."
)


@handles(Operate, needs=Capability.KEEP_OBJECTS, enrols=True)
def operate(ctx: Context, message: Operate) -> Message:
    """Compute a step and keep its result, on the face of each input that there is.

    Raises:
        InvalidInput: no such operation, or not with these.
        NotFound: an input is not there, or not for the caller.
        AlreadyExists: the UID chosen for the result is an object's or was one's.
        CodeFailed: it cannot be computed; how it failed is told to who may read all inputs.
        LimitExceeded: it would take too much.
        QuotaExceeded: the caller keeps as much as the node allows.
        InvalidState: an input has no value here, was replaced meanwhile, or too much has failed.
    """
    step = message.step
    row = check_step(step)
    _check_brought(message)
    expire(ctx.site, ctx.now)
    blobs: set[str] = set()
    with ExitStack() as landing:
        brought = {one.uid: take_value(ctx, landing, one.value) for one in message.brought}
        blobs = {value.digest for value in brought.values() if value.inline is None}
        with ctx.site.store.reading() as reader:
            inputs = _inputs(ctx, reader, step, brought)
            _check_free(ctx, reader, step)
            hidden = _hidden(ctx, reader, inputs)
            _check_may_fail(ctx, reader, hidden)
        mock, private = _compute(ctx, landing, step, inputs, brought, hidden)
        sinks = [one[1] for one in (mock, private) if one]
        with ctx.site.store.writing(ctx.event("object.computed", step.output, op=row.name)) as tx:
            again = _inputs(ctx, tx, step, brought)
            _check_same(inputs, again)
            story = describe(step, {uid: _said(one) for uid, one in again.items()} | _said_of(brought))
            record = _record(ctx, row, story, step, again, private[0], mock[0] if mock else None)
            _keep(ctx, tx, record, again)
            view = object_view(ctx, tx, record)
        for sink in sinks:
            sink.keep()
    remove_blobs(ctx.site, blobs)
    return ObjectReply(view)


def _check_brought(message: Operate) -> None:
    uids = {one.uid for one in message.brought}
    if len(uids) != len(message.brought) or len(uids) > MAX_INPUTS or not uids <= set(message.step.objects):
        raise InvalidInput("Each value that comes along is one of the inputs, under a UID of its own.")


def _inputs(
    ctx: Context, reader: Reader, step: Step, brought: Mapping[UID, ValueRef]
) -> dict[UID, ObjectRecord]:
    """The objects that a step is about, as they are now."""
    found = {uid: known(ctx, reader, uid) for uid in step.objects if uid not in brought}
    for record in found.values():
        if record.private is None:
            raise InvalidState("One of the inputs only announces data that is not here.")
    return found


def _check_free(ctx: Context, reader: Reader, step: Step) -> None:
    """Refuse before anything is computed what would be refused after."""
    if reader.find(ObjectRecord, uid=step.output) is not None:
        raise AlreadyExists(OBJECT_UID_TAKEN)
    check_quota(ctx, reader, 0)


def _check_same(before: Mapping[UID, ObjectRecord], now: Mapping[UID, ObjectRecord]) -> None:
    """What was computed is of the values that are there: a grant is to a value, not to a name."""
    if any((old.private, old.mock) != (now[uid].private, now[uid].mock) for uid, old in before.items()):
        raise InvalidState("An input was replaced by another value while this was computed. Try again.")


# --- computing


Result = tuple[ValueRef, ResultSink]


def _compute(
    ctx: Context,
    landing: ExitStack,
    step: Step,
    inputs: Mapping[UID, ObjectRecord],
    brought: Mapping[UID, ValueRef],
    hidden: frozenset[UID],
) -> tuple[Result | None, Result]:
    """The mock result, if there is to be one, and the private one."""
    stand_ins = _stand_ins(ctx, inputs)
    mock = None
    if stand_ins is not None:
        try:
            mock = ctx.site.operations.compute(step, {**stand_ins, **brought}, landing)
        except CodeFailed as error:
            # Of mocks everything may be told, and what fails there is not tried on private values.
            if hidden:
                raise CodeFailed(f"On the mock, {error.private_message}") from None
        except LimitExceeded:
            if hidden:
                raise
    values = {uid: record.private for uid, record in inputs.items() if record.private} | dict(brought)
    try:
        return mock, ctx.site.operations.compute(step, values, landing)
    except CodeFailed as error:
        if hidden:
            _count_failure(ctx, step, hidden)
            raise
        raise CodeFailed(error.private_message) from None
    except LimitExceeded:
        if hidden:
            _count_failure(ctx, step, hidden)
        raise


def _stand_ins(ctx: Context, inputs: Mapping[UID, ObjectRecord]) -> dict[UID, ValueRef] | None:
    """For each input a value that whoever sees the result may see: its mock, or the caller's own value."""
    if not any(record.mock for record in inputs.values()):
        return None
    found: dict[UID, ValueRef] = {}
    for uid, record in inputs.items():
        value = record.mock or (record.private if record.owner_uid == ctx.user_uid else None)
        if value is None:
            return None
        found[uid] = value
    return found


# --- failures, each of which tells a little


def _hidden(ctx: Context, reader: Reader, inputs: Mapping[UID, ObjectRecord]) -> frozenset[UID]:
    """What those inputs go back to that the caller may not read; nothing where all may be read."""
    return frozenset(
        source
        for record in inputs.values()
        if not can_read_value(ctx.caller, record, Face.PRIVATE, False)
        and not has_grant(reader, record, ctx.caller.uid)
        for source in _sources(record)
    )


def _sources(record: ObjectRecord) -> tuple[UID, ...]:
    return record.sources or (record.uid,)


def _check_may_fail(ctx: Context, reader: Reader, hidden: frozenset[UID]) -> None:
    for uid in hidden:
        failed = reader.find(FailedOperations, user_uid=ctx.user_uid, object_uid=uid)
        if failed is not None and failed.count >= MAX_FAILURES:
            raise InvalidState(
                _UNTOLD.format(count=failed.count)
                + " Ask the owner to let you read it, or have a function approved."
            )


def _count_failure(ctx: Context, step: Step, hidden: frozenset[UID]) -> None:
    with ctx.site.store.writing(ctx.event("operation.failed", step.output, op=step.op)) as tx:
        for uid in hidden:
            failed = tx.find(FailedOperations, user_uid=ctx.user_uid, object_uid=uid)
            if failed is None:
                tx.add(FailedOperations(uid=UID(), user_uid=ctx.user_uid, object_uid=uid, count=1))
            else:
                tx.replace(msgspec.structs.replace(failed, count=failed.count + 1))


# --- keeping


def _record(
    ctx: Context,
    row: Operation,
    story: str,
    step: Step,
    inputs: Mapping[UID, ObjectRecord],
    private: ValueRef,
    mock: ValueRef | None,
) -> ObjectRecord:
    """The result as an object: whose its inputs are, made by the caller, found by nobody else."""
    records = list(inputs.values())
    sources = tuple(dict.fromkeys(source for record in records for source in _sources(record)))
    if len(sources) > MAX_SOURCES:
        raise InvalidInput(
            f"This would go back to more than {MAX_SOURCES} objects; write a function instead."
        )
    node_uid = ctx.site.info().uid
    return ObjectRecord(
        uid=step.output,
        kind=ObjectKind.VALUE,
        owner_uid=owner_of_all(records, node_uid) if records else ctx.user_uid,
        name=story,
        private=private,
        mock=mock,
        created_at=ctx.now,
        tags=_tags(row, records),
        made_by=ctx.user_uid,
        lease_until=ctx.now + ctx.site.lease,
        op=row.name,
        inputs=tuple(inputs),
        sources=sources,
    )


def _said(record: ObjectRecord) -> str:
    """An input as the owner of the result reads it: in ASCII, and in quotes what people have named."""
    if record.op:
        return record.name
    if record.kind is ObjectKind.ASSET:
        return record.name.encode("ascii", "backslashreplace").decode()
    named = record.name or next(iter(record.tags), "")
    return f"{named!a} ({record.uid.hex[:8]})" if named else f"object {record.uid.hex[:8]}"


def _said_of(brought: Mapping[UID, ValueRef]) -> dict[UID, str]:
    """What came along, as the owner of the result reads it: how much, since nobody keeps what it was."""
    return {
        uid: f"a value brought along ({ascii(value.type_name)[1:-1]}, {value.size} bytes)"
        for uid, value in brought.items()
    }


def _tags(row: Operation, records: list[ObjectRecord]) -> tuple[str, ...]:
    """All the inputs' tags and the operation's, where any input has one."""
    tags = [tag for record in records for tag in record.tags]
    return tuple(dict.fromkeys((*tags[: MAX_TAGS - 1], row.tag))) if tags else ()


def _keep(ctx: Context, tx: Transaction, record: ObjectRecord, inputs: Mapping[UID, ObjectRecord]) -> None:
    """Write the result, with a grant for everybody who may read all that it was computed from."""
    add_object(ctx, tx, record)
    may_read = readers_of_all([(one, granted_to(tx, one)) for one in inputs.values()])
    assert record.private is not None
    for user_uid in sorted(may_read - {record.owner_uid}, key=lambda uid: uid.hex):
        tx.add(
            Grant(
                uid=UID(),
                object_uid=record.uid,
                user_uid=user_uid,
                granted_by=record.owner_uid,
                created_at=ctx.now,
                digest=record.private.digest,
            )
        )
    for one in inputs.values():
        if is_worn(ctx, tx, one):
            tx.replace(msgspec.structs.replace(one, lease_until=ctx.now + ctx.site.lease))
