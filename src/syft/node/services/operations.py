"""This module computes one operation on objects, for a pointer that was written with, and keeps the result."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from syft.jobs.operations import Result
from syft.model.message import Message
from syft.model.messages.objects import ObjectReply, Operate
from syft.model.object import ValueRef
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.computing import Story, Work, keep_computed
from syft.ops.table import check_step, describe


@handles(Operate, needs=Capability.KEEP_OBJECTS, enrols=True)
def operate(ctx: Context, message: Operate) -> Message:
    """Compute a step and keep its result: see `computing.keep_computed`, which raises the same.

    Raises:
        InvalidInput: no such operation, or not with these.
    """
    step = message.step
    row = check_step(step)

    def compute(values: Mapping[UID, ValueRef], landing: ExitStack) -> tuple[Result, ...]:
        return (ctx.site.operations.compute(step, values, landing),)

    def tell(names: Mapping[UID, str]) -> tuple[Story, ...]:
        return (Story(describe(step, names), row.name, row.tag),)

    work = Work(name=row.name, inputs=step.objects, outputs=(step.output,), compute=compute, tell=tell)
    return ObjectReply(keep_computed(ctx, work, message.brought)[0])
