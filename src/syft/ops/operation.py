"""This module says what an operation is: a row of the table, with what it takes and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from syft.ops.kinds import DATA, Kind

# The widest numbers have fewer places than this before and after the point.
_MOST_DECIMALS: Final = 400


class Growth(Enum):
    """How large a result may be, as far as the inputs' shapes tell."""

    EACH = "each"
    """At most as many numbers as the inputs have when stretched to one shape."""
    PRODUCT = "product"
    """A matrix product."""
    MADE = "made"
    """What the plain inputs say: there are no others."""
    UNKNOWN = "unknown"
    """Not told by shapes: computed in the sandbox only."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row of the table.

    Args:
        name: as a step names it.
        written: as a person writes it in Python, for documents.
        text: what the owner of the result reads, with `{0}`, `{1}` in the places of inputs.
        call: computes it: values in the order of inputs, options by name. Named in this package, never looked up.
        least: fewest inputs.
        most: most inputs.
        takes: the kinds of value that inputs may be.
        options: those that may be given, each with what accepts its value.
        growth: how large the result may be.
        tag: the word that a tagged input's result is tagged with: the Python method, as users of PySyft 0.5 know.
    """

    name: str
    written: str
    text: str
    call: Callable[..., Any]
    least: int = 1
    most: int = 1
    takes: frozenset[Kind] = DATA
    options: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    growth: Growth = Growth.UNKNOWN
    tag: str = ""


# --- what options may be


def is_flag(value: Any) -> bool:
    """True or False."""
    return type(value) is bool


def is_whole(value: Any) -> bool:
    """A whole number."""
    return type(value) is int


def is_decimals(value: Any) -> bool:
    """A number of decimals. numpy counts up to it with the interpreter's lock held: seconds, for billions of them."""
    return type(value) is int and abs(value) <= _MOST_DECIMALS


def is_axis(value: Any) -> bool:
    """An axis, or several, or None."""
    return value is None or type(value) is int or _all_of(value, int)


def is_shape(value: Any) -> bool:
    """A length, or several."""
    return type(value) is int or _all_of(value, int)


def is_label(value: Any) -> bool:
    """The name of a column, or several."""
    return type(value) in (str, int) or _all_of(value, str) or _all_of(value, int)


def is_share(value: Any) -> bool:
    """A number from 0 to 1."""
    return type(value) in (int, float) and 0 <= value <= 1


def one_of(*words: str) -> Callable[[Any], bool]:
    """Accepts exactly these words."""
    return lambda value: type(value) is str and value in words


def flags(value: Any) -> bool:
    """True or False, or a list of these."""
    return is_flag(value) or _all_of(value, bool)


def _all_of(value: Any, kind: type) -> bool:
    return type(value) in (list, tuple) and all(type(one) is kind for one in value)
