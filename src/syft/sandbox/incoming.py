"""This module reads what a run sends, as hostile bytes: bounded, typed, in the one order allowed. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from syft.sandbox.channel import (
    BULK,
    BULK_BYTES_MAX,
    HEADER,
    LAUNCH_BYTES_MAX,
    MESSAGE,
    MESSAGE_BYTES_MAX,
    Collect,
    Failed,
    Launch,
    Named,
    Progress,
    Result,
    Started,
    ToNode,
)
from syft.sandbox.contract import REFERENCES_MAX, OfInput, OfLaunched, Reference

_decoder = msgspec.msgpack.Decoder(ToNode)


class ChannelError(Exception):
    """The run sent what its own side of the channel never sends. Everything after it is ignored."""


class ResultSizeError(Exception):
    """The run announced a result over its limit."""


@dataclass(frozen=True)
class Launched:
    """A whole launch, with its inputs."""

    call: int
    name: str
    inputs: dict[str, bytes]
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Complete:
    """The last byte of the result has been handed out."""


Event = Started | Progress | Launched | Collect | Result | memoryview | Complete | Failed
"""`memoryview` is a piece of the result; it is valid until the next piece is asked for."""


class Incoming:
    """Bytes in, events out. Holds at most one message and the inputs of one launch.

    Args:
        result_bytes: largest result that is let through.
    """

    def __init__(self, *, result_bytes: int) -> None:
        self._result_bytes = result_bytes
        self._header = bytearray()
        self._kind = 0
        self._body_left = 0
        self._body = bytearray()
        self._owner: Result | Launch | None = None
        self._bulk_left = 0
        self._collected = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[Event]:
        """Take in the next bytes, however they were cut.

        Raises:
            ChannelError: they cannot have come from the run's side of the channel.
            ResultSizeError: the result announced is over the limit.
        """
        view = memoryview(data)
        while view:
            if not self._body_left:
                view = self._take_header(view)
                continue
            piece, view = view[: self._body_left], view[self._body_left :]
            self._body_left -= len(piece)
            if self._kind == BULK:
                yield from self._take_bulk(piece)
                continue
            self._body += piece
            if not self._body_left:
                body, self._body = self._body, bytearray()
                yield from self._take_message(body)

    def _take_header(self, view: memoryview) -> memoryview:
        missing = HEADER.size - len(self._header)
        self._header += view[:missing]
        if len(self._header) == HEADER.size:
            kind, length = HEADER.unpack(self._header)
            self._header.clear()
            largest = {MESSAGE: MESSAGE_BYTES_MAX, BULK: min(BULK_BYTES_MAX, self._bulk_left)}.get(kind, 0)
            if not 0 < length <= largest:
                raise ChannelError(f"a frame of kind {kind} with {length} bytes")
            self._kind, self._body_left = kind, length
        return view[missing:]

    def _take_message(self, body: bytearray) -> Iterator[Event]:
        try:
            message = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChannelError(f"a message that cannot be read: {error}") from error
        if self._bulk_left and not isinstance(message, Failed):
            raise ChannelError("a message in the middle of a value")
        match message:
            case Launch():
                if len(message.references) > REFERENCES_MAX:
                    raise ChannelError(f"{len(message.references)} references in one launch")
                yield from self._begin(message, sum(message.sizes.values()), LAUNCH_BYTES_MAX)
            case Result():
                if message.size > self._result_bytes:
                    raise ResultSizeError
                yield message
                yield from self._begin(message, message.size, self._result_bytes)
            case _:
                yield message

    def _begin(self, owner: Result | Launch, size: int, largest: int) -> Iterator[Event]:
        if size > largest:
            raise ChannelError(f"{size} bytes announced where {largest} are allowed")
        self._owner, self._bulk_left = owner, size
        if not size:
            yield from self._end()

    def _take_bulk(self, piece: memoryview) -> Iterator[Event]:
        self._bulk_left -= len(piece)
        if isinstance(self._owner, Result):
            yield piece
        else:
            self._collected += piece
        if not self._bulk_left:
            yield from self._end()

    def _end(self) -> Iterator[Event]:
        owner, self._owner = self._owner, None
        if not isinstance(owner, Launch):
            yield Complete()
            return
        collected, self._collected = memoryview(bytes(self._collected)), bytearray()
        inputs = {}
        for name, size in owner.sizes.items():
            inputs[name], collected = bytes(collected[:size]), collected[size:]
        yield Launched(owner.call, owner.name, inputs, tuple(map(_reference, owner.references)))


def _reference(named: Named) -> Reference:
    return OfLaunched(named.call) if named.call else OfInput(named.name, named.part)
