"""This module takes a result in as it comes: few bytes stay in memory, many become a blob."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from blake3 import blake3

from syft.model.object import INLINE_BYTES, ValueRef
from syft.sandbox.contract import FileInput, InlineInput
from syft.store.blobs import Blobs
from syft.wire.peek import type_of
from syft.wire.plain import Plain, plain
from syft.wire.several import One, alone, apart


def type_of_value(blobs: Blobs, value: ValueRef) -> str:
    """The name of a kept value's built-in type, told without decoding it (`wire.peek`).

    Raises:
        DecodeError: its bytes are no value.
    """
    if value.inline is not None:
        return type_of(value.inline)
    with blobs.path(value.digest).open("rb") as file:
        # Unmapped when nobody looks at it any more: an error raised over it still does, and closing would fail.
        return type_of(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def plain_of_value(blobs: Blobs, value: ValueRef) -> Plain:
    """What can be bounded of a kept value (`wire.plain`): a number or text itself, of a list or dict its length.

    Raises:
        DecodeError: its bytes are no value.
        TooLarge: it is a text or number too large to be looked at.
    """
    if value.inline is not None:
        return plain(value.inline)
    with blobs.path(value.digest).open("rb") as file:
        return plain(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class ResultSink(io.RawIOBase):
    """A file to write a result into. Leaving the `with` block without `keep` leaves nothing behind.

    Args:
        blobs: where it goes when it is more than that.
        inline_bytes: up to which it stays in memory.
    """

    def __init__(self, blobs: Blobs, inline_bytes: int = INLINE_BYTES) -> None:
        super().__init__()
        self._inline_bytes = inline_bytes
        self._blobs = blobs
        self._held = bytearray()
        self._context: Any = None
        self._writer: Any = None
        self._kept = False

    def writable(self) -> bool:
        """It is for writing only."""
        return True

    def write(self, data: Any, /) -> int:
        """Take some bytes."""
        if self._writer is None and len(self._held) + len(data) <= self._inline_bytes:
            self._held += data
            return len(data)
        if self._writer is None:
            self._context = self._blobs.writer()
            self._writer = self._context.__enter__()
            self._writer.write(bytes(self._held))
        self._writer.write(data)
        return len(data)

    def value(self, type_name: str, shape: tuple[int, ...] | None) -> ValueRef:
        """What was written, for a record to refer to; `keep` once that record has landed.

        Args:
            type_name: what it is, as the code claims.
            shape: its shape, likewise.
        """
        if self._writer is None:
            held = bytes(self._held)
            return ValueRef(
                digest=blake3(held).hexdigest(), size=len(held), type_name=type_name, shape=shape, inline=held
            )
        digest, size = self._writer.commit()
        return ValueRef(digest=digest, size=size, type_name=type_name, shape=shape)

    def keep(self) -> None:
        """A record refers to it now."""
        self._kept = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Throw away what was not kept."""
        context, self._context, self._writer = self._context, None, None
        if context is not None and self._kept:
            context.__exit__(None, None, None)
        elif context is not None:
            # The blob store takes a value away again when an exception ends its block.
            unwanted = error or _Unwanted()
            with suppress(_Unwanted):
                context.__exit__(type(unwanted), unwanted, trace)
        super().__exit__(kind, error, trace)


class _Unwanted(Exception):
    """Nothing refers to the value."""


def only_bytes(blobs: Blobs, value: ValueRef) -> bytes:
    """The bytes in a list of one value that a run returned; nothing else is decoded.

    Args:
        blobs: where it is, if it is large; the caller has looked at its size.
        value: what the run returned.
    Raises:
        DecodeError: it is no such value.
    """
    if value.inline is not None:
        return alone(memoryview(value.inline))
    return alone(memoryview(blobs.read(value.digest, 0, value.size)))


def input_of(blobs: Blobs, value: ValueRef) -> FileInput | InlineInput:
    """A kept value as a run takes it.

    Raises:
        NotFound: it is gone.
    """
    if value.inline is not None:
        return InlineInput(value.inline)
    return FileInput(blobs.checked_path(value.digest))


@contextmanager
def taken_apart(blobs: Blobs, whole: ValueRef, count: int) -> Iterator[list[One]]:
    """The values that a run has put together into one (`wire.several`), as views of its bytes; none is decoded.

    Args:
        blobs: where it is, if it is large.
        whole: what the run returned.
        count: how many there must be.
    Raises:
        DecodeError: it is no such value.
    """
    if whole.inline is not None:
        yield apart(memoryview(whole.inline), count)
        return
    with blobs.path(whole.digest).open("rb") as file:
        # Unmapped when the last view of it is gone.
        yield apart(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), count)
