"""This module keeps values that a worker has fetched, by the hash of their content, for as long as there is room."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from blake3 import blake3

from syft.errors import BadReply, InvalidInput
from syft.store.files import disk_errors, make_private

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_UNFINISHED: Final = "incoming"
_PIECE_BYTES: Final = 4 << 20
# From an offset on: some bytes of the value.
Fetch = Callable[[int], bytes | memoryview]


class Cache:
    """Values by digest, in one directory that this process alone uses; those in use stay, others make room.

    Nothing in it is believed because it is there: a value is hashed before its first use by this process, and again
    whenever its file has changed.

    Args:
        directory: for these values only; made where it is missing, readable by its owner only.
        max_bytes: how much of it stays when nobody uses it.
    Raises:
        StorageError: the disk refuses; StorageFull where for want of room. (Of every method.)
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.directory = directory
        self._unfinished = directory / _UNFINISHED
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._users: Counter[str] = Counter()
        # One fetches a value, others wait for it.
        self._fetching: dict[str, threading.Lock] = {}
        self._checked: dict[str, tuple[int, int, int]] = {}
        with disk_errors():
            make_private(self._unfinished)
            for left in self._unfinished.iterdir():
                left.unlink()
            # Nothing else belongs here, and a name that is no digest would never be found and never go.
            for found in directory.iterdir():
                if found.is_file() and not _DIGEST.fullmatch(found.name):
                    found.unlink()
        self._make_room()

    @contextmanager
    def holding(self, digest: str, size: int, fetch: Fetch) -> Iterator[Path]:
        """The file of a value, which stays for the length of the block.

        Args:
            digest: blake3 of its bytes, 64 hex digits.
            size: how many they are.
            fetch: brings them, where they are not there.
        Raises:
            InvalidInput: not a digest.
            BadReply: what was brought is another value.
        """
        if not _DIGEST.fullmatch(digest):
            raise InvalidInput("A digest is 64 hex digits.")
        path = self.directory / digest
        with self._lock:
            self._users[digest] += 1
            turn = self._fetching.setdefault(digest, threading.Lock())
        try:
            with turn, disk_errors():
                if not self._is_good(path, digest):
                    self._bring(path, digest, size, fetch)
                # By this the least recently used one is found.
                os.utime(path)
                self._checked[digest] = _state_of(path)
            yield path
        finally:
            with self._lock:
                self._users[digest] -= 1
                if not self._users[digest]:
                    del self._users[digest]
                    self._fetching.pop(digest, None)
            self._make_room()

    def _is_good(self, path: Path, digest: str) -> bool:
        """Whether the value is there; what is there in its place is taken away."""
        try:
            state = _state_of(path)
        except FileNotFoundError:
            return False
        if self._checked.get(digest) == state:
            return True
        hasher = blake3(max_threads=blake3.AUTO)
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                hasher.update(piece)
        if hasher.hexdigest() == digest:
            return True
        path.unlink()
        return False

    def _bring(self, path: Path, digest: str, size: int, fetch: Fetch) -> None:
        unfinished = self._unfinished / uuid4().hex
        hasher = blake3(max_threads=blake3.AUTO)
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            done = 0
            while done < size:
                piece = memoryview(fetch(done))
                if not piece or len(piece) > size - done:
                    raise BadReply("The node sent another value than was asked for.")
                hasher.update(piece)
                done += len(piece)
                while piece:
                    piece = piece[os.write(fd, piece) :]
            if hasher.hexdigest() != digest:
                raise BadReply("The node sent another value than was asked for.")
            os.fchmod(fd, 0o400)
            unfinished.rename(path)
        finally:
            os.close(fd)
            unfinished.unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Take away what was not used for longest, until the rest may stay."""
        with self._lock, disk_errors():
            there = []
            for entry in os.scandir(self.directory):
                if entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    there.append((stat.st_mtime_ns, entry.name, stat.st_size))
            total = sum(size for _, _, size in there)
            for _, name, size in sorted(there):
                if total <= self._max_bytes:
                    return
                # Whoever is about to use it has said so before, with the lock.
                if name not in self._users:
                    (self.directory / name).unlink(missing_ok=True)
                    self._checked.pop(name, None)
                    total -= size


def _state_of(path: Path) -> tuple[int, int, int]:
    """What of a file changes when its content does. The time of change, unlike that of writing, nobody sets back."""
    stat = path.stat(follow_symlinks=False)
    return stat.st_ino, stat.st_size, stat.st_ctime_ns
