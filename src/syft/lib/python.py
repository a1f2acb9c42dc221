"""This module is a door: Python's values with `send`, by the names of PySyft 0.5."""

from __future__ import annotations

from typing import Any

from syft.lib.sendable import Sendable
from syft.workers.values import carry


class Int(Sendable, int):
    """A whole number."""

    def plain(self) -> int:
        """As it travels."""
        return int(self)


class Float(Sendable, float):
    """A number."""

    def plain(self) -> float:
        """As it travels."""
        return float(self)


class Complex(Sendable, complex):
    """A complex number."""

    def plain(self) -> complex:
        """As it travels."""
        return complex(self)


class String(Sendable, str):
    """Text."""

    def plain(self) -> str:
        """As it travels."""
        return str.__str__(self)


class List(Sendable, list[Any]):
    """A list."""

    def plain(self) -> list[Any]:
        """As it travels."""
        return list(self)


class Tuple(Sendable, tuple[Any, ...]):
    """A tuple."""

    def plain(self) -> tuple[Any, ...]:
        """As it travels."""
        return tuple(self)


class Dict(Sendable, dict[Any, Any]):
    """A mapping."""

    def plain(self) -> dict[Any, Any]:
        """As it travels."""
        return dict(self)


class Set(Sendable, set[Any]):
    """A set."""

    def plain(self) -> set[Any]:
        """As it travels."""
        return set(self)


for _kind, _carrier in (
    (int, Int),
    (float, Float),
    (complex, Complex),
    (str, String),
    (list, List),
    (tuple, Tuple),
    (dict, Dict),
    (set, Set),
):
    carry(_kind, _carrier)
