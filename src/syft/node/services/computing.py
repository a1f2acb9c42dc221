"""This module computes with objects for those who may know of them, and keeps results for those who own them.

A finder may compute on what it may not read: the result is then not readable either, until somebody grants it. One
operation and a plan of several are the same to it: `Work`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import msgspec

from syft.access.results import owner_of_all, readers_of_all
from syft.errors import AlreadyExists, CodeFailed, InvalidInput, InvalidState, LimitExceeded
from syft.jobs.operations import Result
from syft.model.messages.objects import Brought, ObjectView
from syft.model.object import (
    MAX_TAGS,
    FailedOperations,
    ObjectKind,
    ObjectRecord,
    ValueRef,
)
from syft.model.permission import Grant
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.removal import expire, remove_blobs
from syft.node.services.grants import granted_to, may_read
from syft.node.services.kept import add_object, check_quota, known, object_view
from syft.node.services.leases import is_worn
from syft.node.services.objects import take_value
from syft.store.base import Reader, Transaction
from syft.store.tables import OBJECT_UID_TAKEN

# Each failure on values that one may not read tells a little of them: as many as one approval of code allows.
MAX_FAILURES: Final = 10
# An owner looks at what a value goes back to; nobody looks at more.
MAX_SOURCES: Final = 64
_UNTOLD: Final = (
    "Operations of yours on this data have failed {count} times, which is as often as it is told."
)


class Story(msgspec.Struct, frozen=True):
    """How one result came about.

    Args:
        text: for whoever is asked to let somebody read it.
        op: the operation that made it; "plan" where none did.
        tag: the word that a tagged input's result is tagged with; empty for none.
    """

    text: str
    op: str
    tag: str


@dataclass(frozen=True, kw_only=True)
class Work:
    """Something to be computed, and what will be said of it.

    Args:
        name: of the operation or plan, for the log.
        inputs: what it is computed with, each once: objects, and what comes along.
        outputs: the UIDs that the results will have.
        compute: what it comes to, given a value for each input.
        tell: how each result came about, given what people call each input.
    """

    name: str
    inputs: tuple[UID, ...]
    outputs: tuple[UID, ...]
    compute: Callable[[Mapping[UID, ValueRef], ExitStack], tuple[Result, ...]]
    tell: Callable[[Mapping[UID, str]], tuple[Story, ...]]


def keep_computed(ctx: Context, work: Work, brought: Sequence[Brought]) -> tuple[ObjectView, ...]:
    """Compute, on the face of each input that there is, and keep the results.

    Args:
        ctx: who asks.
        work: what for.
        brought: values that come along, each of them an input; they are not kept.
    Returns:
        The results as objects, in the order of the outputs.
    Raises:
        InvalidInput: values that come along and are no inputs.
        NotFound: an input is not there, or not for the caller.
        AlreadyExists: the UID chosen for a result is an object's or was one's.
        CodeFailed: it cannot be computed; how it failed is told to who may read all inputs.
        LimitExceeded: it would take too much.
        QuotaExceeded: the caller keeps as much as the node allows.
        InvalidState: an input has no value here, was replaced meanwhile, or too much has failed.
    """
    check_brought(brought, work.inputs)
    expire(ctx.site, ctx.now)
    blobs: set[str] = set()
    with ExitStack() as landing:
        along = {one.uid: take_value(ctx, landing, one.value) for one in brought}
        blobs = {value.digest for value in along.values() if value.inline is None}
        with ctx.site.store.reading() as reader:
            inputs = known_inputs(ctx, reader, work.inputs, along)
            _check_free(ctx, reader, work.outputs)
            hidden = hidden_sources(ctx, reader, inputs)
            _check_may_fail(ctx, reader, hidden)
        mocks, privates = _compute(ctx, landing, work, inputs, along, hidden)
        with ctx.site.store.writing(ctx.event("object.computed", work.outputs[0], op=work.name)) as tx:
            for uid in work.outputs[1:]:
                tx.also(ctx.event("object.computed", uid, op=work.name))
            again = known_inputs(ctx, tx, work.inputs, along)
            _check_same(inputs, again)
            stories = work.tell({uid: _said(one) for uid, one in again.items()} | _said_of(along))
            records = [
                _record(ctx, uid, story, again, private[0], mock[0] if mock else None)
                for uid, story, private, mock in zip(work.outputs, stories, privates, mocks, strict=True)
            ]
            _keep(ctx, tx, records, again)
            views = tuple(object_view(ctx, tx, record) for record in records)
        for result in (*mocks, *privates):
            if result is not None:
                result[1].keep()
    remove_blobs(ctx.site, blobs)
    return views


def check_brought(brought: Sequence[Brought], inputs: Iterable[UID]) -> None:
    """Raise unless each value that comes along is an input of its own.

    Raises:
        InvalidInput: one is not.
    """
    uids = {one.uid for one in brought}
    if len(uids) != len(brought) or not uids <= set(inputs):
        raise InvalidInput("Each value that comes along is one of the inputs, under a UID of its own.")


def known_inputs(
    ctx: Context, reader: Reader, uids: Iterable[UID], brought: Mapping[UID, ValueRef]
) -> dict[UID, ObjectRecord]:
    """The objects among the inputs, as they are now.

    Raises:
        NotFound: one is not there, or not for the caller.
        InvalidState: one has no value here.
    """
    found = {uid: known(ctx, reader, uid) for uid in uids if uid not in brought}
    for record in found.values():
        if record.private is None:
            raise InvalidState("One of the inputs only announces data that is not here.")
    return found


def _check_free(ctx: Context, reader: Reader, outputs: Sequence[UID]) -> None:
    """Refuse before anything is computed what would be refused after."""
    if any(reader.find(ObjectRecord, uid=uid) is not None for uid in outputs):
        raise AlreadyExists(OBJECT_UID_TAKEN)
    check_quota(ctx, reader, 0, objects=len(outputs))


def _check_same(before: Mapping[UID, ObjectRecord], now: Mapping[UID, ObjectRecord]) -> None:
    """What was computed is of the values that are there: a grant is to a value, not to a name."""
    if any((old.private, old.mock) != (now[uid].private, now[uid].mock) for uid, old in before.items()):
        raise InvalidState("An input was replaced by another value while this was computed. Try again.")


# --- computing


def _compute(
    ctx: Context,
    landing: ExitStack,
    work: Work,
    inputs: Mapping[UID, ObjectRecord],
    brought: Mapping[UID, ValueRef],
    hidden: frozenset[UID],
) -> tuple[Sequence[Result | None], Sequence[Result]]:
    """The mock results, if there are to be any, and the private ones."""
    stand_ins = _stand_ins(ctx, inputs)
    mocks: Sequence[Result | None] = [None] * len(work.outputs)
    if stand_ins is not None:
        try:
            mocks = work.compute({**stand_ins, **brought}, landing)
        except CodeFailed as error:
            # Of mocks everything may be told, and what fails there is not tried on private values.
            if hidden:
                raise CodeFailed(f"On the mock, {error.private_message}") from None
        except LimitExceeded:
            if hidden:
                raise
    try:
        return mocks, work.compute(private_values(inputs, brought), landing)
    except CodeFailed as error:
        if hidden:
            _count_failure(ctx, work, hidden)
            raise
        raise CodeFailed(error.private_message) from None
    except LimitExceeded:
        if hidden:
            _count_failure(ctx, work, hidden)
        raise


def private_values(
    inputs: Mapping[UID, ObjectRecord], brought: Mapping[UID, ValueRef]
) -> dict[UID, ValueRef]:
    """A value for each input, the real one."""
    return {uid: record.private for uid, record in inputs.items() if record.private} | dict(brought)


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


def hidden_sources(ctx: Context, reader: Reader, inputs: Mapping[UID, ObjectRecord]) -> frozenset[UID]:
    """What those inputs go back to that the caller may not read; nothing where all may be read."""
    return frozenset(
        source
        for record in inputs.values()
        if not may_read(ctx.caller, reader, record)
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


def _count_failure(ctx: Context, work: Work, hidden: frozenset[UID]) -> None:
    with ctx.site.store.writing(ctx.event("operation.failed", work.outputs[0], op=work.name)) as tx:
        for uid in hidden:
            failed = tx.find(FailedOperations, user_uid=ctx.user_uid, object_uid=uid)
            if failed is None:
                tx.add(FailedOperations(uid=UID(), user_uid=ctx.user_uid, object_uid=uid, count=1))
            else:
                tx.replace(msgspec.structs.replace(failed, count=failed.count + 1))


# --- keeping


def _record(
    ctx: Context,
    uid: UID,
    story: Story,
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
        uid=uid,
        kind=ObjectKind.VALUE,
        owner_uid=owner_of_all(records, node_uid) if records else ctx.user_uid,
        name=story.text,
        private=private,
        mock=mock,
        created_at=ctx.now,
        tags=_tags(story.tag, records),
        made_by=ctx.user_uid,
        lease_until=ctx.now + ctx.site.lease,
        op=story.op,
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


def _tags(tag: str, records: list[ObjectRecord]) -> tuple[str, ...]:
    """All the inputs' tags and the operation's, where any input has one."""
    tags = [one for record in records for one in record.tags]
    return tuple(dict.fromkeys((*tags[: MAX_TAGS - 1], *([tag] if tag else [])))) if tags else ()


def _keep(
    ctx: Context, tx: Transaction, records: Sequence[ObjectRecord], inputs: Mapping[UID, ObjectRecord]
) -> None:
    """Write the results, with a grant to each for everybody who may read all that they were computed from."""
    readers = readers_of_all([(one, granted_to(tx, one)) for one in inputs.values()])
    for record in records:
        add_object(ctx, tx, record)
        _grant(ctx, tx, record, readers)
    for one in inputs.values():
        if is_worn(ctx, tx, one):
            tx.replace(msgspec.structs.replace(one, lease_until=ctx.now + ctx.site.lease))


def _grant(ctx: Context, tx: Transaction, record: ObjectRecord, readers: frozenset[UID]) -> None:
    assert record.private is not None
    for user_uid in sorted(readers - {record.owner_uid}, key=lambda uid: uid.hex):
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
