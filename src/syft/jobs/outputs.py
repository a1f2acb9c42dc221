"""This module tells what a result consists of, and takes outputs out of it: each as a run behind the fence.

A result is a stranger's bytes, which the node never decodes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import msgspec

from syft.errors import DecodeError
from syft.jobs.sink import only_bytes
from syft.model.held import MAX_OUTPUT_NAME, MAX_OUTPUTS, HeldOutput
from syft.model.object import ValueRef
from syft.model.uid import UID
from syft.sandbox.contract import Execution, InlineInput, Input
from syft.sandbox.limits import Limits
from syft.store.blobs import Blobs
from syft.wire.codec import encode

# As many as numpy has; a name of a type is some words.
_MAX_DIMENSIONS: Final = 64
_MAX_TYPE_NAME: Final = 200
# Of what a run tells: as many outputs as there may be, each with a name and a type.
_MAX_TOLD_BYTES: Final = 256 * 1024
# The largest number that travels, and that a record holds.
_MOST: Final = (1 << 63) - 1

# Constant text; nothing of the result but names, types and sizes comes back, and what does is read as JSON.
_TELL: Final = """\
def tell(value, most, longest):
    import json
    from syft.wire.codec import encode
    if isinstance(value, dict):
        named = [(key if isinstance(key, str) else repr(key), one) for key, one in value.items()]
    elif isinstance(value, (tuple, list)):
        named = [("", one) for one in value]
    else:
        named = []
    told = []
    if len(named) <= most:
        for place, (name, one) in enumerate(named):
            encoded = encode(one)
            shape = None if encoded.shape is None else list(encoded.shape)
            told.append([place, name[:longest], encoded.type_name, shape, encoded.size])
    return [json.dumps(told).encode()]
"""

# Constant text likewise. What comes back is the result without what is kept back, of the same kind, so that whoever
# reads it finds the rest where its function says: a dict without those keys, None in the places of a tuple or list.
_CUT: Final = """\
def cut(value, places):
    gone = set(places)
    if isinstance(value, dict):
        return {key: one for place, (key, one) in enumerate(value.items()) if place not in gone}
    if isinstance(value, (tuple, list)):
        return type(value)(None if place in gone else one for place, one in enumerate(value))
    raise TypeError("one value, of which nothing can be kept back")
"""


class _Told(msgspec.Struct, frozen=True, array_like=True):
    place: int
    name: str
    type_name: str
    shape: list[int] | None
    size: int


_told: Final = msgspec.json.Decoder(list[_Told])


def telling(execution: Execution, result: Input) -> Execution:
    """A run that tells what a result consists of.

    Args:
        execution: of the run that made it; this one has its limits and its name, so that it can be stopped.
        result: what that one returned.
    """
    inputs: dict[str, Input] = {
        "value": result,
        "most": _plain(MAX_OUTPUTS),
        "longest": _plain(MAX_OUTPUT_NAME),
    }
    return dataclasses.replace(
        execution,
        source=_TELL,
        entry="tell",
        inputs=inputs,
        links=frozenset(),
        datasite_parameter=None,
    )


def cutting(result: Input, kept_back: Sequence[int], limits: Limits, profile: str) -> Execution:
    """A run that gives a result without some of its outputs.

    Args:
        result: the whole.
        kept_back: the places of those that are left out.
        limits: what it may use.
        profile: libraries that it would like to find imported.
    """
    return Execution(
        uid=UID().hex,
        source=_CUT,
        entry="cut",
        inputs={"value": result, "places": _plain(list(kept_back))},
        limits=limits,
        profile=profile,
    )


def _plain(value: int | list[int]) -> InlineInput:
    return InlineInput(encode(value).to_bytes())


def outputs_told(blobs: Blobs, told: ValueRef) -> tuple[HeldOutput, ...]:
    """What a run of `telling` has returned: the outputs; none where its bytes are nothing of the kind.

    Args:
        blobs: where it is, if it is large.
        told: what came back. It was made over a stranger's bytes and is hostile.
    """
    if told.size > _MAX_TOLD_BYTES:
        return ()
    try:
        found = _told.decode(only_bytes(blobs, told))
    except (msgspec.MsgspecError, DecodeError, ValueError, RecursionError):
        return ()
    # The places are what decisions name: each is there once, in order.
    if len(found) > MAX_OUTPUTS or [one.place for one in found] != list(range(len(found))):
        return ()
    return tuple(
        HeldOutput(
            place=one.place,
            name=one.name[:MAX_OUTPUT_NAME],
            type_name=one.type_name[:_MAX_TYPE_NAME],
            shape=_shape(one.shape),
            size=min(max(one.size, 0), _MOST),
        )
        for one in found
    )


def _shape(shape: list[int] | None) -> tuple[int, ...] | None:
    if shape is None or len(shape) > _MAX_DIMENSIONS or any(not 0 <= one <= _MOST for one in shape):
        return None
    return tuple(shape)
