"""This module holds a step: one operation, as data. A pointer's operators make one; a plan is several."""

from __future__ import annotations

import math
import re
from typing import Any, Final, Literal

import msgspec

from syft.errors import InvalidInput
from syft.model.uid import UID

# Enough for `merge` and for `where`, and few enough to name them all to the owner.
MAX_INPUTS: Final = 8
MAX_OPTIONS: Final = 16
# What is longer is brought along as a value of its own.
MAX_ITEMS: Final = 1_000
MAX_TEXT: Final = 10_000
# A name is a key of one table and nothing else: no dots, no double underscores, nothing to walk along.
_NAME: Final = re.compile(r"[a-z](?:_?[a-z0-9]){0,39}")

Atom = None | bool | int | float | str


class Of(msgspec.Struct, frozen=True, tag="of"):
    """The value of an object; in a plan, what an earlier step has put there."""

    uid: UID


class Slice(msgspec.Struct, frozen=True, tag="slice"):
    """`start:stop:step`."""

    start: int | None = None
    stop: int | None = None
    step: int | None = None


class Dots(msgspec.Struct, frozen=True, tag="dots"):
    """`...`."""


class Items(msgspec.Struct, frozen=True, tag="items"):
    """A list or tuple of plain values, none of them a list or tuple again."""

    kind: Literal["list", "tuple"]
    items: tuple[Atom | Slice | Dots, ...]


Constant = Atom | Slice | Dots | Items
Operand = Of | Constant


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One operation: what is done, with what, and where the result goes. Nothing in it is ever evaluated.

    Args:
        op: its name in the closed table of operations (`ops.table`).
        inputs: what it is done with, in order: objects, and plain values that are few.
        output: the UID that the result will have.
        constants: options by name, such as `axis`.
    Raises:
        InvalidInput: a name that no operation can have, or too much of something.
    """

    op: str
    inputs: tuple[Operand, ...]
    output: UID
    constants: dict[str, Constant] = {}

    def __post_init__(self) -> None:
        for name in (self.op, *self.constants):
            if not _NAME.fullmatch(name):
                raise InvalidInput("The name of an operation or option is letters and single underscores.")
        if len(self.inputs) > MAX_INPUTS or len(self.constants) > MAX_OPTIONS:
            raise InvalidInput(f"An operation has at most {MAX_INPUTS} inputs and {MAX_OPTIONS} options.")
        for value in (*self.inputs, *self.constants.values()):
            _check_size(value)

    @property
    def objects(self) -> tuple[UID, ...]:
        """The objects it is done with, each once, in order."""
        return tuple(dict.fromkeys(one.uid for one in self.inputs if isinstance(one, Of)))


def _check_size(value: Operand) -> None:
    items = value.items if isinstance(value, Items) else (value,)
    if len(items) > MAX_ITEMS:
        raise InvalidInput(f"A list among the inputs has at most {MAX_ITEMS:,} items; make an array of it.")
    if sum(len(one) for one in items if isinstance(one, str)) > MAX_TEXT:
        raise InvalidInput(f"Text among the inputs is at most {MAX_TEXT:,} characters long.")


def as_constant(value: object) -> Constant:
    """A plain Python value as it stands in a step.

    Args:
        value: None, bool, int of 64 bits, float, str, slice of ints, `...`, or a list or tuple of these.
    Raises:
        TypeError: it is none of these; as a value of its own it may still travel.
    """
    if type(value) in (list, tuple):
        items: Any = value
        return Items("list" if type(value) is list else "tuple", tuple(_as_atom(one) for one in items))
    return _as_atom(value)


def _as_atom(value: Any) -> Atom | Slice | Dots:
    if value is None or type(value) in (bool, str):
        return value  # type: ignore[no-any-return]
    if type(value) is float:
        return value
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    if value is Ellipsis:
        return Dots()
    if type(value) is slice:
        parts = (value.start, value.stop, value.step)
        if all(one is None or (type(one) is int and -(2**63) <= one < 2**63) for one in parts):
            return Slice(*parts)
    raise TypeError(f"{type(value).__name__} is no plain value")


def plain_value(constant: Constant) -> Any:
    """The Python value that a constant stands for."""
    if isinstance(constant, Items):
        values = [plain_value(one) for one in constant.items]
        return values if constant.kind == "list" else tuple(values)
    if isinstance(constant, Slice):
        return slice(constant.start, constant.stop, constant.step)
    return ... if isinstance(constant, Dots) else constant


def constant_text(constant: Constant, most: int = 60) -> str:
    """A constant as people write it, in ASCII and cut: it is shown to those who did not choose it.

    Args:
        constant: anybody's.
        most: characters.
    """
    if isinstance(constant, Slice):
        text = ":".join("" if one is None else str(one) for one in (constant.start, constant.stop))
        text += "" if constant.step is None else f":{constant.step}"
    elif isinstance(constant, Dots):
        text = "..."
    elif isinstance(constant, Items):
        inner = ", ".join(constant_text(one) for one in constant.items[:20])
        inner += ", ..." if len(constant.items) > 20 else ""
        text = f"[{inner}]" if constant.kind == "list" else f"({inner})"
    elif isinstance(constant, float) and not math.isfinite(constant):
        text = str(constant)
    else:
        # Not `repr`: marks that turn the reading direction round would come through.
        text = ascii(constant)
    return text if len(text) <= most else text[: most - 3] + "..."
