"""This module is a door: tags and a description on values that are here, on their way out and back in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

TAGS, DESCRIPTION = "_syft_tags", "_syft_description"

# Values of these exact types hold no names of others; what of the same content does is made by the function.
_carriers: dict[type, Callable[[Any], Any]] = {}


def carry(kind: type, carrier: Callable[[Any], Any]) -> None:
    """Have tagged values of exactly that type come back as what `carrier` makes of them."""
    _carriers[kind] = carrier


def tags_of(value: Any) -> list[str]:
    """What the value is to be found by."""
    return list(getattr(value, TAGS, ()))


def description_of(value: Any) -> str:
    """What the value is, for people."""
    return str(getattr(value, DESCRIPTION, ""))


def plain(value: Any) -> Any:
    """The value as it travels: without the names that doors give."""
    # Of the class: a table may have a column of that name.
    return value.plain() if hasattr(type(value), "plain") else value


def labelled(value: Any, tags: Iterable[str], description: str) -> Any:
    """The value with tags and a description on it; as it is where there are none, or it can hold none."""
    tags = list(tags)
    if not tags and not description:
        return value
    carrier = _carriers.get(type(value))
    value = value if carrier is None else carrier(value)
    try:
        object.__setattr__(value, TAGS, tags)
        object.__setattr__(value, DESCRIPTION, description)
    except AttributeError:
        return value
    return value
