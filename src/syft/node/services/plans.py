"""This module computes plans on objects, on the same terms as one operation, and keeps the results or tells them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from syft.code.planned import check_plan, digest_of
from syft.errors import (
    AuthorizationException,
    CodeFailed,
    DecodeError,
    InvalidInput,
    LimitExceeded,
    NotFound,
    TooLarge,
)
from syft.jobs.operations import Result
from syft.model.message import Message
from syft.model.messages.objects import Brought
from syft.model.messages.plans import PlanReply, RunPlan
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Capability
from syft.model.plan import Plan, number_of
from syft.model.uid import UID
from syft.node.context import PAGE_BYTES, Context
from syft.node.dispatch import handles
from syft.node.removal import remove_blobs
from syft.node.services.computing import (
    Story,
    Work,
    check_brought,
    hidden_sources,
    keep_computed,
    known_inputs,
    private_values,
)
from syft.node.services.grants import may_read
from syft.node.services.kept import MAX_PLAN_BYTES, NOT_THERE, known
from syft.node.services.leases import is_worn, renew
from syft.node.services.objects import take_value
from syft.ops.table import describe, operation
from syft.wire import codec


@handles(RunPlan, needs=Capability.KEEP_OBJECTS, enrols=True)
def run_plan(ctx: Context, message: RunPlan) -> Message:
    """Compute a plan; keep its results on the face of each input that there is, or tell them.

    Raises:
        InvalidInput: no plan or two, one with a step that there is not, or not as many inputs as it has.
        NotFound: the plan or an input is not there, or not for the caller.
        AuthorizationException: results are to be told that the caller may not read.
        SyftException: what `computing.keep_computed` raises.
    """
    plan = _plan_of(ctx, message)
    _check_counts(plan, message)
    check_plan(plan)

    def compute(values: Mapping[UID, ValueRef], landing: ExitStack) -> tuple[Result, ...]:
        return ctx.site.operations.compute_plan(plan, [values[uid] for uid in message.inputs], landing)

    def tell(names: Mapping[UID, str]) -> tuple[Story, ...]:
        return _stories(plan, [names[uid] for uid in message.inputs])

    if message.keep:
        work = Work(
            name=f"plan {digest_of(plan)}",
            inputs=tuple(dict.fromkeys(message.inputs)),
            outputs=message.keep,
            compute=compute,
            tell=tell,
        )
        return PlanReply(objects=keep_computed(ctx, work, message.brought))
    return PlanReply(values=_told(ctx, plan, message.inputs, message.brought))


def _check_counts(plan: Plan, message: RunPlan) -> None:
    if len(message.inputs) != len(plan.inputs):
        raise InvalidInput(
            f"'{plan.name}' takes {len(plan.inputs)} inputs ({', '.join(plan.inputs)}), not {len(message.inputs)}."
        )
    if message.keep and not len(message.keep) == len(set(message.keep)) == len(plan.outputs):
        raise InvalidInput(
            f"'{plan.name}' has {len(plan.outputs)} results; each is kept under a UID of its own."
        )


def _plan_of(ctx: Context, message: RunPlan) -> Plan:
    """The plan that is meant.

    Raises:
        InvalidInput: none or two.
        NotFound: no such plan for the caller.
    """
    if (message.plan is None) == (message.plan_uid is None):
        raise InvalidInput("A plan comes along, or the node has it; one of the two.")
    if message.plan is not None:
        return message.plan
    assert message.plan_uid is not None
    with ctx.site.store.reading() as reader:
        record = known(ctx, reader, message.plan_uid)
        if not may_read(ctx.caller, reader, record):
            raise NotFound(NOT_THERE)
        worn = is_worn(ctx, reader, record)
    if worn:
        renew(ctx, record.uid)
    value = record.private
    if record.kind is not ObjectKind.PLAN or value is None or value.size > MAX_PLAN_BYTES:
        raise InvalidInput("That object is no plan.")
    data = value.inline if value.inline is not None else ctx.site.blobs.read(value.digest, 0, value.size)
    try:
        plan = codec.decode(data)
    except (DecodeError, TooLarge):
        plan = None
    if not isinstance(plan, Plan):
        raise InvalidInput("That object is no plan, or one of a later version.")
    return plan


# --- results that are told and not kept


def _told(
    ctx: Context, plan: Plan, uids: tuple[UID, ...], brought: tuple[Brought, ...]
) -> tuple[ValueRef, ...]:
    """The results, for who may read every input; nothing is written."""
    # Nothing is kept, so nobody's room is looked at, and objects whose lease has ended are not found anyway.
    check_brought(brought, uids)
    with ExitStack() as landing:
        along = {one.uid: take_value(ctx, landing, one.value) for one in brought}
        inputs: dict[UID, ObjectRecord] = {}
        if any(uid not in along for uid in uids):
            with ctx.site.store.reading() as reader:
                inputs = known_inputs(ctx, reader, uids, along)
                if hidden_sources(ctx, reader, inputs):
                    raise AuthorizationException(
                        "You may not read every input, so the results are not told. Have them kept, and ask for them: "
                        "call the plan with pointers."
                    )
                worn = [uid for uid, record in inputs.items() if is_worn(ctx, reader, record)]
            for uid in worn:
                renew(ctx, uid)
        values = private_values(inputs, along)
        try:
            results = ctx.site.operations.compute_plan(
                plan, [values[uid] for uid in uids], landing, inline_bytes=PAGE_BYTES
            )
        except CodeFailed as error:
            raise CodeFailed(error.private_message) from None
        told = tuple(value for value, _ in results)
        if sum(value.size for value in told) > PAGE_BYTES:
            raise LimitExceeded(
                f"The results are more than {PAGE_BYTES >> 20} MiB; have them kept: call the plan with pointers."
            )
    remove_blobs(ctx.site, {value.digest for value in along.values() if value.inline is None})
    return told


# --- how results came about


def _stories(plan: Plan, names: list[str]) -> tuple[Story, ...]:
    """How each result came about, told as if every step had been done by itself."""
    told = dict(enumerate([*names, *(f"a constant of the plan ({len(one)} bytes)" for one in plan.state)]))
    needed = _needed(plan)
    for number, step in enumerate(plan.steps, start=plan.first_step):
        if number in needed:
            told[number] = describe(step, {uid: told[number_of(uid)] for uid in step.objects})
    return tuple(_story(plan, number_of(uid), told) for uid in plan.outputs)


def _story(plan: Plan, number: int, told: Mapping[int, str]) -> Story:
    if number < plan.first_step:
        return Story(told[number], "plan", "")
    row = operation(plan.steps[number - plan.first_step].op)
    return Story(told[number], row.name, row.tag)


def _needed(plan: Plan) -> set[int]:
    """The places that any result goes back to."""
    needed = {number_of(uid) for uid in plan.outputs}
    for step in reversed(plan.steps):
        if number_of(step.output) in needed:
            needed |= {number_of(uid) for uid in step.objects}
    return needed
