"""This module names things: 128 random bits, shown as hex or, for the eye, as two emoji."""

from __future__ import annotations

import uuid
from functools import total_ordering
from typing import Final

# The first code point of the range that fingerprints are drawn from, as PySyft 0.5 chose it.
_EMOJI_BASE: Final = 0x1F642


def hex_char(digits: str) -> str:
    """One character that stands for some hex digits: for recognising, not for telling apart.

    Args:
        digits: lower-case hex text; each digit counts by its distance from "0" in ASCII.
    Source:
        The values that PySyft 0.5 printed (docs/doors.md).
    """
    return chr(_EMOJI_BASE + sum(ord(digit) - ord("0") for digit in digits))


@total_ordering
class UID:
    """The identity of one thing, anywhere.

    Args:
        value: 128 bits; a fresh random number when left out.
    """

    __slots__ = ("value",)
    value: uuid.UUID

    def __init__(self, value: uuid.UUID | None = None) -> None:
        if value is not None and not isinstance(value, uuid.UUID):
            raise TypeError(f"a UID is made from a uuid.UUID, not from {type(value).__name__}")
        object.__setattr__(self, "value", value or uuid.uuid4())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a UID never changes")

    @classmethod
    def from_string(cls, text: str) -> UID:
        """The UID written as `text`, with dashes or without.

        Raises:
            ValueError: `text` is not 32 hex digits.
        """
        return cls(uuid.UUID(text))

    @classmethod
    def from_bytes(cls, data: bytes) -> UID:
        """The UID whose 16 bytes these are.

        Raises:
            ValueError: not 16 bytes.
        """
        return cls(uuid.UUID(bytes=bytes(data)))

    @classmethod
    def with_seed(cls, text: str) -> UID:
        """The UID that always belongs to `text`. For names, never for secrets: anyone can compute it."""
        return cls(uuid.uuid5(uuid.NAMESPACE_OID, text))

    @property
    def raw(self) -> bytes:
        """The 16 bytes."""
        return self.value.bytes

    @property
    def hex(self) -> str:
        """32 hex digits, no dashes."""
        return self.value.hex

    @property
    def no_dash(self) -> str:
        """32 hex digits, no dashes."""
        return self.value.hex

    def to_string(self) -> str:
        """32 hex digits, no dashes."""
        return self.value.hex

    def short(self) -> str:
        """The first eight hex digits."""
        return self.value.hex[:8]

    def repr_short(self) -> str:
        """Two dots and the last five hex digits."""
        return f"..{self.value.hex[-5:]}"

    def emoji(self) -> str:
        """Two characters for the eye; not unique."""
        digits = self.value.hex
        return f"<UID:{hex_char(digits[-4:])}{hex_char(digits[-8:-4])}>"

    def __repr__(self) -> str:
        return f"<UID: {self.value.hex}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UID) and self.value == other.value

    def __lt__(self, other: UID) -> bool:
        return self.value < other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __copy__(self) -> UID:
        return self

    def __deepcopy__(self, memo: object) -> UID:
        return self
