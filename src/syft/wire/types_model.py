"""This module turns bytes into messages, by the closed table of their kinds."""

from __future__ import annotations

from typing import Any, Union

import msgspec

from syft.errors import DecodeError, SyftException
from syft.model.message import Message, message_types
from syft.model.messages import (
    codes,
    datasets,
    events,
    evidence,
    images,
    jobs,
    network,
    nodes,
    objects,
    plans,
    policies,
    pools,
    protocols,
    requests,
    session,
    settings,
    users,
    work,
    workers,
)
from syft.wire.records import from_plain

# Importing an area's messages is what puts them into the table: this list is the whole vocabulary of a node.
AREAS = (
    codes,
    datasets,
    events,
    evidence,
    images,
    jobs,
    network,
    nodes,
    objects,
    plans,
    policies,
    pools,
    protocols,
    requests,
    session,
    settings,
    users,
    work,
    workers,
)


class _MessageDecoder:
    """Decodes any message there is; built at first use, when every area has been imported."""

    def __init__(self) -> None:
        self._decoder: msgspec.msgpack.Decoder[Message] | None = None

    def __call__(self, payload: bytes | memoryview) -> Message:
        if self._decoder is None:
            every: Any = Union[tuple(message_types().values())]  # noqa: UP007 - made at run time
            self._decoder = msgspec.msgpack.Decoder(every, dec_hook=from_plain)
        return self._decoder.decode(payload)


_decode_any = _MessageDecoder()


def decode_message(payload: bytes | memoryview) -> Message:
    """The message whose bytes these are.

    Raises:
        DecodeError: no message of the closed table, or with a field of the wrong type.
        InvalidInput: a record in it refused its own fields.
    """
    try:
        return _decode_any(payload)
    except SyftException:
        raise
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DecodeError(f"Not a message this version knows: {str(error)[:200]}") from None
