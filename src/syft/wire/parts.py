"""This module checks the parts of a value on their way in: they are whatever somebody sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from syft.errors import DecodeError

T = TypeVar("T")


def of_kind(part: object, kind: type[T]) -> T:
    """The part, which must be of exactly this type."""
    if type(part) is not kind:
        raise DecodeError(f"a part is {type(part).__name__} where {kind.__name__} is needed")
    return part


def fields(parts: object, count: int) -> list[Any]:
    """The parts, which must be a list of so many; of each it is still to be seen what it is."""
    found = of_kind(parts, list)
    if len(found) != count:
        raise DecodeError(f"{len(found)} parts where {count} are needed")
    return found


def text_or_none(part: object) -> str | None:
    """The part, which must be text or nothing."""
    return None if part is None else of_kind(part, str)


def integers(parts: Iterable[object]) -> list[int]:
    """The parts, all of which must be integers."""
    return [of_kind(part, int) for part in parts]
