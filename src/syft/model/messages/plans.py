"""This module holds what is said about plans: computing one on objects of a node, or on values that come along."""

from __future__ import annotations

from syft.model.message import Message
from syft.model.messages.objects import Brought, ObjectView
from syft.model.object import ValueRef
from syft.model.plan import Plan
from syft.model.uid import UID


class RunPlan(Message, frozen=True, tag="plans.run"):
    """Compute this plan. Answered by `PlanReply`.

    Args:
        plan: the plan itself; or
        plan_uid: the object that holds it; one of the two.
        inputs: one for each of the plan's, in order: objects that the caller may know of, or what stands in `brought`.
        brought: values of the caller's own, each of them an input; they are not kept.
        keep: the UIDs that the results will have as objects, leased; empty: nothing is kept, the results come back in
            the answer, which is for callers who may read every input.
    """

    plan: Plan | None = None
    plan_uid: UID | None = None
    inputs: tuple[UID, ...] = ()
    brought: tuple[Brought, ...] = ()
    keep: tuple[UID, ...] = ()


class PlanReply(Message, frozen=True, tag="plans.reply"):
    """What came of a plan: objects where they were kept, else values, inside.

    Args:
        objects: the results, in the order of the plan's outputs.
        values: likewise, each with its bytes.
    """

    objects: tuple[ObjectView, ...] = ()
    values: tuple[ValueRef, ...] = ()
