"""This module holds the values of an order: each named by the hash of its content, open for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from typing import Final

from blake3 import blake3

from syft.errors import InvalidInput, NotFound
from syft.model.messages.work import ALONG_BYTES, PIECE_BYTES, Given
from syft.sandbox.contract import Execution, FileInput, InlineInput

# All that goes along in one order, beside its source: a message holds 8 MiB.
_ALONG_TOGETHER: Final = 1024 * 1024
_MAX_REMEMBERED: Final = 10_000
_State = tuple[int, int, int, int, int, int]


class Digests:
    """The hashes of files' contents, each made once for as long as the file stays as it is."""

    def __init__(self) -> None:
        self._known: OrderedDict[_State, str] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, fd: int, offset: int, size: int) -> str:
        """The blake3 digest of a part of an open file.

        Args:
            fd: of the file.
            offset: where the part begins.
            size: of the part.
        """
        stat = os.fstat(fd)
        # The time of change, unlike that of writing, nobody sets back.
        state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_ctime_ns, offset, size)
        with self._lock:
            if state in self._known:
                self._known.move_to_end(state)
                return self._known[state]
        hasher = blake3(max_threads=blake3.AUTO)
        end = offset + size
        while offset < end:
            piece = os.pread(fd, min(PIECE_BYTES, end - offset), offset)
            if not piece:
                raise InvalidInput("an input is shorter than it was")
            hasher.update(piece)
            offset += len(piece)
        digest: str = hasher.hexdigest()
        with self._lock:
            self._known[state] = digest
            while len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
        return digest


class Contents:
    """The values that one order takes, as its worker may have them. Closed once, by whoever made it.

    Args:
        execution: whose inputs they are.
        digests: of files.
    Raises:
        InvalidInput: a file cannot be opened.
    """

    def __init__(self, execution: Execution, digests: Digests) -> None:
        self._stack = contextlib.ExitStack()
        self._digests = digests
        # Where each is, by its digest: bytes, or part of an open file.
        self._there: dict[str, bytes | tuple[int, int, int]] = {}
        self._along = 0
        # A piece may be read while another thread closes: its number could be another file's by then.
        self._lock = threading.Lock()
        self._closed = False
        try:
            self.inputs = {name: self._given(one) for name, one in execution.inputs.items()}
            self.references = tuple(self._given(one) for one in execution.references)
        except OSError as error:
            self._stack.close()
            raise InvalidInput(f"an input cannot be opened: {error.strerror}", str(error)) from error
        except BaseException:
            self._stack.close()
            raise

    @property
    def pieces(self) -> int:
        """How many answers it takes to bring them all."""
        sizes = [len(one) if isinstance(one, bytes) else one[2] for one in self._there.values()]
        return sum(-(-size // PIECE_BYTES) for size in sizes)

    def read(self, digest: str, offset: int) -> tuple[bytes, int]:
        """Up to `PIECE_BYTES` of a value from `offset` on, and the size of all of it.

        Raises:
            NotFound: the order takes no such value, or is over.
            InvalidInput: a place outside of it.
        """
        with self._lock:
            found = self._there.get(digest)
            if found is None or self._closed:
                raise NotFound("This order takes no such value, or is over.")
            size = len(found) if isinstance(found, bytes) else found[2]
            if not 0 <= offset <= size:
                raise InvalidInput("A part of a value begins within it.")
            length = min(PIECE_BYTES, size - offset)
            if isinstance(found, bytes):
                return found[offset : offset + length], size
            return os.pread(found[0], length, found[1] + offset), size

    def close(self) -> None:
        """Let go of the files. May be called twice."""
        with self._lock:
            self._closed = True
            self._stack.close()

    def _given(self, one: FileInput | InlineInput) -> Given:
        if isinstance(one, InlineInput):
            if len(one.data) <= ALONG_BYTES and self._along + len(one.data) <= _ALONG_TOGETHER:
                self._along += len(one.data)
                return Given(inline=one.data, size=len(one.data))
            digest: str = blake3(one.data, max_threads=blake3.AUTO).hexdigest()
            self._there[digest] = one.data
            return Given(digest=digest, size=len(one.data))
        fd = os.open(one.path, os.O_RDONLY | os.O_CLOEXEC)
        self._stack.callback(os.close, fd)
        rest = os.fstat(fd).st_size - one.offset
        size = rest if one.size is None else one.size
        if not 0 <= size <= rest:
            raise InvalidInput("an input is said to be longer than its file")
        digest = self._digests.of(fd, one.offset, size)
        self._there[digest] = (fd, one.offset, size)
        return Given(digest=digest, size=size)
