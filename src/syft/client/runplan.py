"""This module has a node compute a plan, in one message: on objects there, and on values that go along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syft.client.objects import bring
from syft.client.operators import Operators, uid_at
from syft.client.session import Session
from syft.errors import BadReply
from syft.model.messages.objects import Brought, ObjectView
from syft.model.messages.plans import PlanReply, RunPlan
from syft.model.plan import Plan
from syft.model.uid import UID
from syft.wire import codec


def keep_results(
    session: Session, plan: Plan, inputs: Sequence[Any], *, plan_uid: UID | None = None
) -> tuple[ObjectView, ...]:
    """Have a plan computed, and its results kept, leased; returns what the node says of each.

    Args:
        session: with the node.
        plan: to compute.
        inputs: one for each of its, in order: pointers to objects there, or values that travel.
        plan_uid: the object there that holds this plan, so that it need not go along.
    Raises:
        InvalidInput: not as many inputs as it has, or a pointer to another node.
        UnsupportedType: an input cannot travel.
        CodeFailed: it cannot be computed.
        LimitExceeded: it would take too much.
    """
    keep = tuple(UID() for _ in plan.outputs)
    reply = session.ask(_message(session, plan, inputs, plan_uid, keep), PlanReply)
    if len(reply.objects) != len(keep):
        raise BadReply("The node answered with another number of results than the plan has.")
    return reply.objects


def tell_results(
    session: Session, plan: Plan, inputs: Sequence[Any], *, plan_uid: UID | None = None
) -> tuple[Any, ...]:
    """Have a plan computed and its results told, for who may read every input; nothing is kept there.

    Args:
        session: with the node.
        plan: to compute.
        inputs: as for `keep_results`.
        plan_uid: likewise.
    Raises:
        AuthorizationException: an input that you may not read.
        SyftException: what `keep_results` raises.
    """
    reply = session.ask(_message(session, plan, inputs, plan_uid, ()), PlanReply)
    if len(reply.values) != len(plan.outputs) or any(one.inline is None for one in reply.values):
        raise BadReply("The node answered with another number of results than the plan has.")
    return tuple(codec.decode(one.inline or b"") for one in reply.values)


def _message(
    session: Session, plan: Plan, inputs: Sequence[Any], plan_uid: UID | None, keep: tuple[UID, ...]
) -> RunPlan:
    uids: list[UID] = []
    brought: list[Brought] = []
    for value in inputs:
        if isinstance(value, Operators):
            uids.append(uid_at(value, session))
        else:
            brought.append(Brought(UID(), bring(session, value)))
            uids.append(brought[-1].uid)
    return RunPlan(
        plan=plan if plan_uid is None else None,
        plan_uid=plan_uid,
        inputs=tuple(uids),
        brought=tuple(brought),
        keep=keep,
    )
