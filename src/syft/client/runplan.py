"""This module has a node compute a plan, in one message: on objects there, and on values that go along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syft.client.objects import bring
from syft.client.operators import Operators, uid_at
from syft.client.session import Session
from syft.errors import BadReply
from syft.model.messages.datasets import NewValue
from syft.model.messages.objects import Brought, ObjectView
from syft.model.messages.plans import PlanReply, RunPlan
from syft.model.plan import Plan
from syft.model.uid import UID


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
    brought = [uid_at(one, session) if isinstance(one, Operators) else bring(session, one) for one in inputs]
    keep = tuple(UID() for _ in plan.outputs)
    reply = ask_to_run(session, plan if plan_uid is None else plan_uid, brought, keep)
    return reply.objects


def ask_to_run(
    session: Session, plan: Plan | UID, inputs: Sequence[UID | NewValue], keep: tuple[UID, ...] = ()
) -> PlanReply:
    """Have a plan computed; returns the node's answer.

    Args:
        session: with the node.
        plan: to compute; or the object there that holds it.
        inputs: one for each of its, in order: objects there, or values that go along and are not kept.
        keep: UIDs for the results, one for each, which are then kept, leased; empty: they are told, for who may read
            every input.
    Raises:
        AuthorizationException: results are to be told, and an input is one that the caller may not read.
        CodeFailed: it cannot be computed.
        LimitExceeded: it would take too much, or the results are more than an answer holds.
    """
    brought: list[Brought] = []
    uids: list[UID] = []
    for one in inputs:
        if isinstance(one, NewValue):
            brought.append(Brought(UID(), one))
            uids.append(brought[-1].uid)
        else:
            uids.append(one)
    message = RunPlan(
        plan=plan if isinstance(plan, Plan) else None,
        plan_uid=plan if isinstance(plan, UID) else None,
        inputs=tuple(uids),
        brought=tuple(brought),
        keep=keep,
    )
    reply = session.ask(message, PlanReply)
    if len(reply.objects) != len(keep) or any(one.inline is None for one in reply.values):
        raise BadReply("The node answered with something else than the results of the plan.")
    return reply
