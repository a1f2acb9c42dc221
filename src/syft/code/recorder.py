"""This module notes what is done while a function is traced, and what the plan brings along."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from syft.errors import InvalidInput, SyftException, UnsupportedType
from syft.model.plan import MAX_PLAN_STATE, MAX_PLAN_STEPS, place
from syft.model.step import Constant, Of, Operand, Step
from syft.ops.kinds import RESULTS, Kind, kind_of
from syft.ops.table import check_step
from syft.wire import codec

_MAY_BE_STATE: Final = RESULTS | {Kind.KEY}


class Place:
    """Where a value of the trace will be: known by its number when all inputs and constants are.

    Args:
        kind: "input", "state" or "step".
        number: within its kind.
    """

    __slots__ = ("kind", "number")

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.number = number


class Recorder:
    """What one trace has noted so far. It belongs to that trace alone: there is nothing global to be left behind.

    Args:
        name: of the function.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: list[bytes] = []
        self.steps: list[tuple[str, tuple[Place | Constant, ...], dict[str, Constant]]] = []
        self.refused: SyftException | None = None
        self._known: dict[bytes, int] = {}

    def refuse(self, text: str) -> InvalidInput:
        """The error for what a trace cannot follow; kept, for functions that catch it and go another way."""
        error = InvalidInput(text)
        self.refused = self.refused or error
        return error

    def constant(self, value: Any, *, declared: bool = False) -> Place:
        """The place of a value that the plan brings along.

        Args:
            value: of any type that operations are done with.
            declared: a place of its own, also where an equal value is there already.
        Raises:
            InvalidInput: no operation is done with such.
        """
        value = _apart(value)
        if kind_of(value) not in _MAY_BE_STATE:
            raise self.refuse(
                f"'{self.name}' uses a value of type {type(value).__name__}, which cannot be part of a plan. Plans "
                "compute with numbers, text, numpy arrays, pandas tables and torch tensors."
            )
        try:
            data = codec.encode(value).to_bytes()
        except UnsupportedType as error:
            raise self.refuse(
                f"'{self.name}' uses a value that cannot be part of a plan: {error}. Lists of what is computed are "
                "none; return several values as a tuple."
            ) from None
        if declared or data not in self._known:
            if len(self.state) >= MAX_PLAN_STATE:
                raise self.refuse(
                    f"'{self.name}' uses more than {MAX_PLAN_STATE:,} constants; make an array of them."
                )
            self._known.setdefault(data, len(self.state))
            self.state.append(data)
            return Place("state", len(self.state) - 1)
        return Place("state", self._known[data])

    def step(self, op: str, inputs: Sequence[Place | Constant], options: Mapping[str, Constant]) -> Place:
        """Note a step; returns where its result will be.

        Raises:
            InvalidInput: no such operation, or not with these.
        """
        if len(self.steps) >= MAX_PLAN_STEPS:
            raise self.refuse(
                f"'{self.name}' takes more than {MAX_PLAN_STEPS:,} steps. A loop is written out in a plan, so a long "
                "one belongs into a function for approval (`@sy.syft_function`)."
            )
        # By name, so that the order in which options are written does not make another plan of it.
        ordered = {name: options[name] for name in sorted(options)}
        operands = tuple(Of(place(0)) if isinstance(one, Place) else one for one in inputs)
        check_step(Step(op=op, inputs=operands, output=place(0), constants=ordered))
        self.steps.append((op, tuple(inputs), ordered))
        return Place("step", len(self.steps) - 1)

    def finished(self, inputs: int) -> tuple[tuple[Step, ...], Callable[[Place], int]]:
        """The steps over their numbers, and the number of any place.

        Args:
            inputs: how many the plan has.
        """
        first = {"input": 0, "state": inputs, "step": inputs + len(self.state)}

        def number(one: Place) -> int:
            return first[one.kind] + one.number

        def operand(one: Place | Constant) -> Operand:
            return Of(place(number(one))) if isinstance(one, Place) else one

        steps = tuple(
            Step(
                op=op,
                inputs=tuple(operand(one) for one in given),
                output=place(first["step"] + at),
                constants=options,
            )
            for at, (op, given, options) in enumerate(self.steps)
        )
        return steps, number


def _apart(value: Any) -> Any:
    """A tensor without its history, and a parameter of a module as the tensor it is; anything else as it is."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor)
    return value
