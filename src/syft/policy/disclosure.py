"""This module looks at a result before it leaves: size now; counts, groups and privacy loss have their place here.

What must not leave whoever decides is an error; what a person should know before they decide is a finding, which is
kept with a result that is held and shown to its reviewer.
"""

from __future__ import annotations

from collections.abc import Iterable

from syft.errors import LimitExceeded
from syft.model.held import Disclosure
from syft.model.limits import bytes_text
from syft.model.object import ObjectRecord, ValueRef

# A result is an answer, not the data: more than this needs a decision, not a default.
MAX_RELEASED_BYTES = 1 << 30
# An answer that is this large a part of what it was computed from may well be a copy of it.
_PART_OF_DATA = 0.1


def check_disclosure(result: ValueRef) -> None:
    """Raise when what would leave is not what an answer looks like.

    Args:
        result: what the code returned, as the sandbox counted it.
    Raises:
        LimitExceeded: it is too large to be an answer.
    """
    if result.size > MAX_RELEASED_BYTES:
        raise LimitExceeded(f"A result may have at most {MAX_RELEASED_BYTES >> 20} MiB.")


def findings_about(result: ValueRef, inputs: Iterable[ObjectRecord]) -> tuple[Disclosure, ...]:
    """What whoever decides about a result should know of it.

    Args:
        result: what the code returned, as the sandbox counted it.
        inputs: what it was computed from.
    """
    data = sum(record.private.size for record in inputs if record.private is not None)
    # Not to the byte: whoever decides may not be one who may read it, and how large it is the code has chosen.
    text = f"The result has up to {_about(result.size)}; the data that it was computed from, up to {_about(data)}."
    if data and result.size >= data * _PART_OF_DATA:
        fix = (
            "An answer is much smaller than the data: this one has a tenth of its size or more, and may hold rows of "
            "it. Look at all of it, let single outputs go, or ask for something more summarised."
        )
        return (Disclosure(rule="size", text=text, fix=fix),)
    return (Disclosure(rule="size", text=text),)


def _about(size: int) -> str:
    """A size rounded up to a power of two."""
    return bytes_text(1 << max(size - 1, 0).bit_length())
