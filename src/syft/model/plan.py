"""This module holds plans: what a function did when it was traced, as steps over numbered places."""

from __future__ import annotations

import uuid
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.step import Of, Step
from syft.model.uid import UID

MAX_PLAN_INPUTS: Final = 100
MAX_PLAN_STATE: Final = 1_000
MAX_PLAN_STEPS: Final = 10_000
MAX_PLAN_OUTPUTS: Final = 100
# A plan travels inside a message, beside others: a larger model is an input, and no part of the plan.
MAX_STATE_BYTES: Final = 4 * 1024 * 1024


def place(number: int) -> UID:
    """The name of a place within a plan: the same in every plan, so that equal plans are equal bytes."""
    return UID(uuid.UUID(int=number))


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A function as data: steps from the closed table of operations, over places. Nothing in it is ever evaluated.

    Places are numbered from 0: the inputs in their order, then the state, then what each step makes. A step reads
    only what stands before it, so that there are no loops, and each place is written once.

    Args:
        name: of the function that was traced.
        inputs: the names of its parameters, in order.
        state: encoded values that it brings along: weights, constants that are too large for a step.
        steps: in order; the output of step `i` is `place(len(inputs) + len(state) + i)`.
        outputs: the places of its results, in order.
        single: whether it returns one value as it is, rather than a tuple.
    Raises:
        InvalidInput: places that are not as said above, or too much of something.
    """

    name: str
    inputs: tuple[str, ...]
    state: tuple[bytes, ...] = ()
    steps: tuple[Step, ...] = ()
    outputs: tuple[UID, ...] = ()
    single: bool = True

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not all(name.isidentifier() for name in self.inputs):
            raise InvalidInput("A plan and its inputs have names that Python could give them.")
        if len(set(self.inputs)) != len(self.inputs):
            raise InvalidInput("Two inputs of a plan have one name.")
        _check_count(len(self.inputs), MAX_PLAN_INPUTS, "inputs")
        _check_count(len(self.state), MAX_PLAN_STATE, "values that it brings along")
        _check_count(len(self.steps), MAX_PLAN_STEPS, "steps")
        _check_count(len(self.outputs), MAX_PLAN_OUTPUTS, "outputs")
        if sum(map(len, self.state)) > MAX_STATE_BYTES:
            raise InvalidInput(
                f"A plan brings at most {MAX_STATE_BYTES >> 20} MiB along; pass the rest as inputs."
            )
        if not self.outputs or (self.single and len(self.outputs) != 1):
            raise InvalidInput(
                "A plan returns at least one value, and exactly one where it returns no tuple."
            )
        there = {place(number) for number in range(self.first_step)}
        for number, step in enumerate(self.steps):
            # Who reads a place before it is written would read what an earlier caller has left.
            if not there.issuperset(step.objects) or step.output != place(self.first_step + number):
                raise InvalidInput("The places of a plan are not in order.")
            there.add(step.output)
        if not there.issuperset(self.outputs):
            raise InvalidInput("A plan returns a place that nothing is in.")

    @property
    def first_step(self) -> int:
        """The number of the place that the first step makes."""
        return len(self.inputs) + len(self.state)


def _check_count(count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidInput(f"A plan has at most {most:,} {what}; this one has {count:,}.")


def number_of(uid: UID) -> int:
    """The number of a place."""
    return uid.value.int


def places_of(step: Step) -> tuple[int, ...]:
    """The numbers of the places that a step reads, in order, as often as it does."""
    return tuple(number_of(one.uid) for one in step.inputs if isinstance(one, Of))
