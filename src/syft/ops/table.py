"""This module is the closed table of operations: what is not in it is not done, by whatever name it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from syft.errors import InvalidInput
from syft.model.step import Of, Step, constant_text, plain_value
from syft.ops.arrays import ARRAYS
from syft.ops.operation import Growth, Operation
from syft.ops.tables import TABLES


def _closed(operations: Iterable[Operation]) -> Mapping[str, Operation]:
    found: dict[str, Operation] = {}
    for one in operations:
        if one.name in found:
            raise AssertionError(f"there are two operations named {one.name!r}")
        found[one.name] = one
    return MappingProxyType(found)


OPERATIONS: Final = _closed((*ARRAYS, *TABLES))
# What the owner reads of how a value came about: a long story is cut, its last step stands first.
MAX_TEXT: Final = 500


def operation(name: str) -> Operation:
    """The row of that name.

    Raises:
        InvalidInput: there is none.
    """
    found = OPERATIONS.get(name)
    if found is None:
        raise InvalidInput(f"There is no operation '{name[:40]}'. docs/operations.md lists those there are.")
    return found


def check_step(step: Step) -> Operation:
    """The row for a step, if its inputs are as many, and its options such, as that takes.

    Raises:
        InvalidInput: no such operation, or not with these.
    """
    row = operation(step.op)
    if row.growth is Growth.MADE and step.objects:
        # How much room a private number takes would tell it.
        raise InvalidInput(f"'{row.name}' takes plain numbers.")
    if not row.least <= len(step.inputs) <= row.most:
        raise InvalidInput(f"'{row.name}' takes {row.least} to {row.most} inputs, not {len(step.inputs)}.")
    check_options(row, {name: plain_value(value) for name, value in step.constants.items()})
    return row


def check_options(row: Operation, options: Mapping[str, Any]) -> None:
    """Raise unless the operation takes these options.

    Raises:
        InvalidInput: one it does not have, or a value of the wrong kind.
    """
    for name, value in options.items():
        accepts = row.options.get(name)
        if accepts is None:
            there = ", ".join(row.options) or "none"
            raise InvalidInput(f"'{row.name}' has no option '{name[:40]}' here; there are: {there}.")
        if not accepts(value):
            raise InvalidInput(f"The option '{name}' of '{row.name}' cannot be that.")


def describe(step: Step, names: Mapping[Any, str]) -> str:
    """How a value came about, for the owner who is asked for it.

    Args:
        step: what was done.
        names: of the objects it was done with, by UID; a value that was brought along has none.
    """
    row = operation(step.op)
    said = [
        names.get(one.uid, "a value brought along") if isinstance(one, Of) else constant_text(one)
        for one in step.inputs
    ]
    text = row.text.replace("{*}", ", ".join(said))
    for place in range(row.most):
        # One by one, and not `format`: what is put in may have braces of its own.
        mark, word = f"{{{place}}}", said[place] if place < len(said) else ""
        text = text.replace(mark, f"\0{place}\0") if word else text.replace(mark, "")
    for place, word in enumerate(said):
        text = text.replace(f"\0{place}\0", word)
    options = ", ".join(f"{name}={constant_text(value)}" for name, value in step.constants.items())
    text = f"{text} [{options}]" if options else text
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."
