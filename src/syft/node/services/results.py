"""This module shows results that are held to whoever is to look at them, and does what they decide."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from syft.access.checks import can_decide, can_read_log, can_see_job, check_can_decide
from syft.errors import AuthorizationException, InvalidInput, InvalidState, NotFound
from syft.jobs.held import let_go_held, obstacle_to, refuse_held
from syft.jobs.sink import ResultSink
from syft.model.code import Code
from syft.model.held import HeldOutput, HeldResult, HeldState
from syft.model.job import Job, ObjectArgument
from syft.model.message import Message
from syft.model.messages.objects import PART_BYTES, ValueReply
from syft.model.messages.results import (
    GetHeldResult,
    HeldResultReply,
    HeldResultsReply,
    HeldView,
    ListHeldResults,
    ReadHeldResult,
    RefuseResult,
    ReleaseResult,
)
from syft.model.object import ObjectRecord, ValueRef
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.node.context import Attached, Context, fitting, page
from syft.node.dispatch import handles
from syft.node.removal import remove_blobs, wake
from syft.node.services.access import check_reason, check_told
from syft.node.services.electorate import is_named, known_approvers
from syft.node.services.views import of_caller, person, sees_some, some_of
from syft.policy.release import Decision
from syft.store.base import Condition, OneOf, Reader

_NOT_THERE = "There is no such held result, or it is not yours to see."


# --- what may be seen


def _owners(reader: Reader, held: HeldResult, job: Job) -> tuple[UID, ...]:
    """Who owns what it was computed from: when it was, and now. A dataset that is gone is still whose it was."""
    named = (one.object_uid for one in job.arguments.values() if isinstance(one, ObjectArgument))
    now = (reader.find(ObjectRecord, uid=uid) for uid in named)
    return tuple(dict.fromkeys((*held.owners, *(record.owner_uid for record in now if record is not None))))


def _speaks_for_all(ctx: Context, reader: Reader, held: HeldResult, job: Job) -> bool:
    """Whether the caller lets a result go alone: of what was computed from the data of several, one owner may say no,
    and not yes for the others.

    An owner speaks for what is theirs, and so does whom they have named to approve beside them; an administrator speaks
    for all.
    """
    if ctx.caller.is_admin:
        return True
    named = (one.object_uid for one in job.arguments.values() if isinstance(one, ObjectArgument))
    records = [one for one in (reader.find(ObjectRecord, uid=uid) for uid in named) if one is not None]
    return all(
        owner == ctx.caller.uid
        or (
            any(one.owner_uid == owner for one in records)
            and all(ctx.caller.uid in one.safeguards.approvers for one in records if one.owner_uid == owner)
        )
        for owner in _owners(reader, held, job)
    )


def _can_see(ctx: Context, reader: Reader, held: HeldResult) -> bool:
    job = reader.get(Job, held.uid)
    return can_see_job(ctx.caller, job, _owners(reader, held, job)) or _can_decide(ctx, reader, held, job)


def _can_decide(ctx: Context, reader: Reader, held: HeldResult, job: Job) -> bool:
    code = reader.get(Code, held.code_uid)
    return can_decide(ctx.caller, code, _owners(reader, held, job), known_approvers(reader, code))


def _can_read(ctx: Context, reader: Reader, held: HeldResult, job: Job) -> bool:
    """Whether the caller may have the value: whoever may read all the data that went in; never its requester.

    What was computed from nobody's data is read by whoever may decide about it.
    """
    if held.requester_uid == ctx.caller.uid:
        return False
    owners = _owners(reader, held, job)
    if can_read_log(ctx.caller, job, owners):
        return True
    return not owners and _can_decide(ctx, reader, held, job)


def _seen(ctx: Context, reader: Reader, uid: UID) -> HeldResult:
    """A held result that the caller may know of.

    Raises:
        NotFound: not there, or not for the caller.
    """
    held = reader.find(HeldResult, uid=uid)
    if held is None or not _can_see(ctx, reader, held):
        raise NotFound(_NOT_THERE)
    return held


def _view(ctx: Context, reader: Reader, held: HeldResult) -> HeldView:
    job, code = reader.get(Job, held.uid), reader.get(Code, held.code_uid)
    view = HeldView(
        uid=held.uid,
        request_uid=held.request_uid,
        code_uid=held.code_uid,
        code_name=job.code_name,
        requester=person(reader, held.requester_uid, asks=True),
        state=held.state,
        created_at=held.created_at,
        decided_by=person(reader, held.decided_by) if held.decided_by else None,
        decided_at=held.decided_at,
        reason=held.reason,
        kept_back=held.kept_back,
    )
    if held.requester_uid == ctx.caller.uid:
        return view
    reads = _can_read(ctx, reader, held, job)
    # The code has made the names, types, shapes and sizes: with a hundred of those it spells another owner's values.
    outputs = held.outputs if reads else tuple(HeldOutput(place=one.place) for one in held.outputs)
    return msgspec.structs.replace(
        view,
        outputs=outputs,
        findings=held.findings,
        value=held.value if reads else None,
        obstacle=obstacle_to(reader, job, code, held, ctx.now),
    )


@handles(ListHeldResults, needs=Capability.RUN_CODE)
def list_held_results(ctx: Context, message: ListHeldResults) -> Message:
    """A page of held results: a scientist's own, those computed on an owner's data, all for the administrator."""
    limit, offset = page(message.limit, message.offset)
    conditions: list[Condition] = []
    if message.waiting:
        conditions.append(OneOf("state", [HeldState.WAITING]))
    if message.request_uid is not None:
        conditions.append(OneOf("request_uid", [message.request_uid]))
    with ctx.site.store.reading() as reader:
        sees_others = sees_some(ctx) or (not ctx.caller.is_admin and is_named(reader, ctx.user_uid))
        if not sees_others:
            conditions = of_caller(ctx, conditions)

        def every(limit: int, offset: int) -> list[HeldResult]:
            return reader.select(HeldResult, *conditions, limit=limit, offset=offset)

        def may_see(held: HeldResult) -> bool:
            return _can_see(ctx, reader, held)

        if sees_others:
            found = some_of(every, may_see, limit, offset)
            total = sum(map(may_see, every(0, 0)))
        else:
            found, total = every(limit, offset), reader.count(HeldResult, *conditions)
        return HeldResultsReply(fitting(_view(ctx, reader, held) for held in found), total)


@handles(GetHeldResult, needs=Capability.RUN_CODE)
def get_held_result(ctx: Context, message: GetHeldResult) -> Message:
    """One held result.

    Raises:
        NotFound: not there, or not for the caller.
    """
    return _reply(ctx, message.uid)


def _reply(ctx: Context, uid: UID) -> HeldResultReply:
    with ctx.site.store.reading() as reader:
        return HeldResultReply(_view(ctx, reader, _seen(ctx, reader, uid)))


@handles(ReadHeldResult, needs=Capability.READ_VALUES)
def read_held_result(ctx: Context, message: ReadHeldResult) -> Attached:
    """A part of the bytes of a held result, for whoever may read the data that it was computed from.

    Raises:
        NotFound: not there, or not for the caller: one answer, also to its requester, who knows that it is held.
        InvalidState: it was decided about, and is an object of its own by now, or gone.
    """
    with ctx.site.store.reading() as reader:
        held = reader.find(HeldResult, uid=message.uid)
        if held is None or not _can_read(ctx, reader, held, reader.get(Job, held.uid)):
            raise NotFound("You do not have permission to access private data.")
        value = _waiting_value(held)
    if not 0 <= message.offset <= value.size:
        raise InvalidInput(f"The value has {value.size} bytes; there is none at {message.offset}.")
    if value.inline is not None:
        return Attached(ValueReply(value), value.inline[message.offset :])
    return Attached(ValueReply(value), ctx.site.blobs.read(value.digest, message.offset, PART_BYTES))


def _waiting_value(held: HeldResult) -> ValueRef:
    if held.value is None:
        raise InvalidState(f"It was decided about this result before: it was {held.state.value}.")
    return held.value


# --- what is decided


def _to_decide(ctx: Context, reader: Reader, uid: UID) -> HeldResult:
    """A held result that the caller decides about: whoever may decide about its code, and never its author.

    Raises:
        NotFound: not there, or not for the caller.
        AuthorizationException: the caller wrote the code, or it ran on others' data.
    """
    held = reader.find(HeldResult, uid=uid)
    if held is None:
        raise NotFound(_NOT_THERE)
    job, code = reader.get(Job, uid), reader.get(Code, held.code_uid)
    try:
        check_can_decide(ctx.caller, code, _owners(reader, held, job), known_approvers(reader, code))
    except NotFound:
        raise NotFound(_NOT_THERE) from None
    return held


def _to_let_go(ctx: Context, reader: Reader, uid: UID) -> HeldResult:
    """`_to_decide`, for a yes.

    Raises:
        AuthorizationException: it is not the caller's alone to say.
    """
    held = _to_decide(ctx, reader, uid)
    if not _speaks_for_all(ctx, reader, held, reader.get(Job, uid)):
        raise AuthorizationException(
            "This result was computed from the data of other owners as well. You may refuse it; an administrator, who "
            "may read all of that data, lets it go."
        )
    return held


@handles(ReleaseResult, needs=Capability.ANSWER_REQUESTS)
def release_result(ctx: Context, message: ReleaseResult) -> Message:
    """Let a held result go: all of it, or without some of its outputs, which a run behind the fence leaves out.

    Raises:
        NotFound: not there, or not for the caller; or what it was computed from is gone.
        AuthorizationException: the caller wrote the code, or it ran on others' data.
        InvalidInput: no such outputs, or something is kept back without a reason.
        InvalidState: it was decided before, or its approval is not what it was.
    """
    check_reason(message.reason)
    site = ctx.site
    with site.store.reading() as reader:
        held = _to_let_go(ctx, reader, message.uid)
        value = _waiting_value(held)
    _check_places(message, held)
    with ExitStack() as landing:
        sink: ResultSink | None = None
        if message.kept_back:
            value, sink = site.operations.cut(value, message.kept_back, landing)
        event = ctx.event("result.released", message.uid, **_detail(message, value))
        with site.store.writing(event) as tx:
            # Asked again in the transaction: roles, owners and the state of the result are those of now.
            held = _to_let_go(ctx, tx, message.uid)
            decision = Decision(held, ctx.user_uid, message.reason, tuple(sorted(message.kept_back)))
            let_go_held(tx, decision, value, ctx.now)
        if sink is not None:
            sink.keep()
    _after(ctx, held)
    return _reply(ctx, message.uid)


def _check_places(message: ReleaseResult, held: HeldResult) -> None:
    kept_back = message.kept_back
    if not kept_back:
        return
    places = {one.place for one in held.outputs}
    if not places:
        raise InvalidInput(
            "This result is one thing, or more than can be told apart: let all of it go, or refuse it."
        )
    if len(set(kept_back)) != len(kept_back) or not places.issuperset(kept_back):
        raise InvalidInput(f"The outputs of this result have the places 0 to {len(places) - 1}, each once.")
    if len(kept_back) == len(places):
        raise InvalidInput("Nothing would be left of it. Refuse the result instead, with a reason.")
    check_told(message.reason)


def _detail(message: ReleaseResult, value: ValueRef) -> dict[str, str]:
    detail = {"result": value.digest}
    if message.kept_back:
        detail["kept_back"] = ",".join(map(str, sorted(message.kept_back)))
    return detail


@handles(RefuseResult, needs=Capability.ANSWER_REQUESTS)
def refuse_result(ctx: Context, message: RefuseResult) -> Message:
    """Keep all of a held result back. Its value goes: what nobody may have is kept for nobody.

    Raises:
        NotFound: not there, or not for the caller.
        AuthorizationException: the caller wrote the code, or it ran on others' data.
        InvalidInput: no reason.
        InvalidState: it was decided before.
    """
    check_told(message.reason)
    with ctx.site.store.writing(ctx.event("result.refused", message.uid)) as tx:
        held = _to_decide(ctx, tx, message.uid)
        refuse_held(tx, Decision(held, ctx.user_uid, message.reason), ctx.now)
    _after(ctx, held)
    return _reply(ctx, message.uid)


def _after(ctx: Context, held: HeldResult) -> None:
    """What was not let go, or only in part, is nobody's any more; and whoever waits for the job is told."""
    if held.blob is not None:
        remove_blobs(ctx.site, [held.blob])
    wake(ctx.site, (held.uid,))
