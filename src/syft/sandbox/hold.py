"""This module holds what launched runs are given and return until it is not needed any more: little of it in memory."""

from __future__ import annotations

import bisect
import io
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from syft.errors import InvalidState, LimitExceeded
from syft.model.limits import GIB, KIB, MIB, bytes_text
from syft.sandbox.contract import FileInput, InlineInput, Input

# Of one tree of runs. What is larger than a piece, or more than all pieces together, is on disk.
PIECE_BYTES: Final = 64 * KIB
MEMORY_BYTES: Final = 16 * MIB
HELD_BYTES_MAX: Final = 8 * GIB
# Values are used where they lie: as in a value of their own (`wire.layout`), at the start of a line of the cache.
_ALIGNMENT: Final = 64


class Hold:
    """Values of one tree of runs: in memory, and in one file without a name, which no crash leaves behind.

    A run gets the file's descriptor with the range that is its own. It closes it before the stranger's code begins;
    and what else lies there is of the same job, by the same author, under the same approval.

    Args:
        memory_bytes: how much is kept in memory.
        most_bytes: how much is kept in all.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES, most_bytes: int = HELD_BYTES_MAX) -> None:
        self._memory_bytes = memory_bytes
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._in_memory = 0
        self._file: Any = None
        self._free = Free()
        self._closed = False

    @property
    def in_memory(self) -> int:
        """Bytes that are kept in memory."""
        return self._in_memory

    @property
    def on_disk(self) -> int:
        """Bytes that are kept on disk."""
        return self._free.used

    def put(self, data: bytes | memoryview) -> Input:
        """Keep a value.

        Raises:
            LimitExceeded: it is too much.
            InvalidState: everything was forgotten.
        """
        if self._fits(len(data)):
            return InlineInput(bytes(data))
        with self._placed(len(data)) as (place, descriptor):
            _write(descriptor, memoryview(data), place.offset)
        return place

    def sink(self) -> Sink:
        """A file to write a value into that is then kept."""
        return Sink(self)

    def take(self, file: Any, size: int) -> Input:
        """Keep a value that is in a file, from its beginning."""
        with self._placed(size) as (place, descriptor):
            for done in range(0, size, MIB):
                piece = os.pread(file.fileno(), min(size - done, MIB), done)
                _write(descriptor, memoryview(piece), place.offset + done)
        return place

    def open(self, one: Input) -> bytes | Range:
        """A kept value, to be read; the file has a life of its own."""
        if isinstance(one, InlineInput):
            return one.data
        assert one.size is not None
        with self._lock:
            if self._closed:
                return b""
            return Range(os.dup(self._file.fileno()), one.offset, one.size)

    def let_go(self, one: Input) -> None:
        """Forget a value. No run that has been given it goes on."""
        with self._lock:
            if isinstance(one, InlineInput):
                self._in_memory -= len(one.data)
            elif one.size is not None and not self._closed:
                self._free.give_back(one.offset, _rounded(one.size))

    def close(self) -> None:
        """Forget everything. May be called twice."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidState("What this was for has ended.")

    def _fits(self, size: int) -> bool:
        with self._lock:
            self._check_open()
            if size > PIECE_BYTES or self._in_memory + size > self._memory_bytes:
                return False
            self._in_memory += size
            return True

    @contextmanager
    def _placed(self, size: int) -> Iterator[tuple[FileInput, int]]:
        """The block in which a value is written: where, and into which descriptor."""
        place, descriptor = self._place(size)
        try:
            yield place, descriptor
        except BaseException:
            self.let_go(place)
            raise
        finally:
            os.close(descriptor)

    def _place(self, size: int) -> tuple[FileInput, int]:
        with self._lock:
            self._check_open()
            if self._free.used + size > self._most_bytes:
                raise LimitExceeded(
                    f"What launched functions were given and have returned takes more than "
                    f"{bytes_text(self._most_bytes)}. Collect less at once, or return less."
                )
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
            # Its own: while it is being written, another thread may close the file, whose number is soon another's.
            descriptor = os.dup(self._file.fileno())
            offset = self._free.take(_rounded(size))
            return FileInput(Path(f"/proc/{os.getpid()}/fd/{self._file.fileno()}"), offset, size), descriptor


def _write(descriptor: int, data: memoryview, at: int) -> None:
    while data:
        count = os.pwrite(descriptor, data, at)
        data, at = data[count:], at + count


def _rounded(size: int) -> int:
    return size + -size % _ALIGNMENT


class Free:
    """Which ranges of a file are free. What was given back is used again, so that it does not grow without end."""

    def __init__(self) -> None:
        self._gaps: list[tuple[int, int]] = []  # offset and size, in order, none next to another
        self._end = 0
        self.used = 0

    def take(self, size: int) -> int:
        """The offset of a range that is nobody's: the first gap that is large enough, or the end."""
        self.used += size
        for number, (offset, free) in enumerate(self._gaps):
            if free >= size:
                self._gaps[number : number + 1] = [(offset + size, free - size)] if free > size else []
                return offset
        offset, self._end = self._end, self._end + size
        return offset

    def give_back(self, offset: int, size: int) -> None:
        """Make a range free that was taken."""
        self.used -= size
        at = bisect.bisect(self._gaps, (offset, size))
        if at < len(self._gaps) and self._gaps[at][0] == offset + size:
            size += self._gaps.pop(at)[1]
        if at and sum(self._gaps[at - 1]) == offset:
            at -= 1
            offset, size = self._gaps[at][0], self._gaps.pop(at)[1] + size
        if offset + size == self._end:
            self._end = offset
        else:
            self._gaps.insert(at, (offset, size))


class Sink(io.RawIOBase):
    """A file to write one value into, of which nobody has said how large it will be.

    Args:
        hold: where it is kept in the end.
    """

    def __init__(self, hold: Hold) -> None:
        super().__init__()
        self._hold = hold
        self._written: Any = tempfile.SpooledTemporaryFile(max_size=PIECE_BYTES)  # noqa: SIM115 - `close` closes it

    def writable(self) -> bool:
        """It is for writing only."""
        return True

    def write(self, data: Any, /) -> int:
        """Take some bytes."""
        return int(self._written.write(data))

    def keep(self) -> Input:
        """Keep what was written.

        Raises:
            LimitExceeded: it is too much.
        """
        size = self._written.tell()
        if size <= PIECE_BYTES:
            self._written.seek(0)
            return self._hold.put(self._written.read())
        self._written.flush()
        return self._hold.take(self._written, size)

    def close(self) -> None:
        """Forget what was written, unless it was kept."""
        self._written.close()
        super().close()


class Range(io.RawIOBase):
    """Some bytes of a file, as a file.

    Args:
        descriptor: of the whole file; closed with this.
        offset: where they begin.
        size: how many there are.
    """

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._offset = offset
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """It is for reading only."""
        return True

    def seekable(self) -> bool:
        """It has a position of its own, though others read the same file."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read the next bytes."""
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        count = os.preadv(self._descriptor, [view], self._offset + self._at) if view else 0
        self._at += count
        return count

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
