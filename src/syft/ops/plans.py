"""This module computes a plan on values that are here: in the sandbox's child, in the node, or where it was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from syft.model.plan import Plan, number_of, places_of
from syft.model.step import Of, plain_value
from syft.ops.apply import apply
from syft.ops.operation import Operation
from syft.ops.table import operation


class Watch(Protocol):
    """Who looks on while a plan is computed, and may stop it by raising."""

    def before(self, row: Operation, inputs: Sequence[Any]) -> None:
        """Told what is about to be done, with what."""

    def after(self, result: Any) -> None:
        """Told what it came to."""


def run_plan(
    plan: Plan, inputs: Sequence[Any], state: Sequence[Any], *, watch: Watch | None = None
) -> tuple[Any, ...]:
    """What a plan comes to. Every call begins with nothing but these values, and changes none of them.

    Args:
        plan: its steps are checked here once more.
        inputs: as many as it has, in order.
        state: what it brings along, decoded.
        watch: asked before and told after each step.
    Returns:
        The results, in the order of the plan's outputs.
    Raises:
        TypeError: not as many values as it has, or of a kind that a step does not take.
        InvalidInput: a step that no operation does.
        MemoryError: a result would be far too large.
        Exception: whatever numpy, pandas or torch raise, with a note that says at which step; the text may hold
            values, and so may the place, where inputs are somebody else's.
    """
    if len(inputs) != len(plan.inputs) or len(state) != len(plan.state):
        raise TypeError(f"{plan.name} takes {len(plan.inputs)} inputs, not {len(inputs)}")
    places: list[Any] = [*inputs, *state]
    unused = _last_uses(plan)
    for number, step in enumerate(plan.steps):
        row = operation(step.op)
        given = [
            places[number_of(one.uid)] if isinstance(one, Of) else plain_value(one) for one in step.inputs
        ]
        options = {name: plain_value(value) for name, value in step.constants.items()}
        try:
            if watch is not None:
                watch.before(row, given)
            places.append(apply(row, given, options))
            if watch is not None:
                watch.after(places[-1])
        except Exception as error:
            error.add_note(f"in step {number + 1} of {len(plan.steps)} of the plan '{plan.name}': {step.op}")
            raise
        # What nobody reads again is not held until the end: a plan of a thousand steps needs the room of a few.
        for place in unused.get(number, ()):
            places[place] = None
    return tuple(places[number_of(uid)] for uid in plan.outputs)


def _last_uses(plan: Plan) -> dict[int, list[int]]:
    """By step, the places that nothing needs after it."""
    last: dict[int, int] = {}
    for number, step in enumerate(plan.steps):
        last[plan.first_step + number] = number
        for place in places_of(step):
            last[place] = number
    kept = {number_of(uid) for uid in plan.outputs}
    found: dict[int, list[int]] = {}
    for place, number in last.items():
        if place not in kept:
            found.setdefault(number, []).append(place)
    return found
