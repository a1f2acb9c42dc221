"""This module takes in values that are brought in parts, and makes them blobs once they are whole and used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from blake3 import blake3

from syft.errors import InvalidInput, InvalidState, NotFound, TooLarge, TooManyAttempts
from syft.model.messages.objects import PART_BYTES
from syft.model.uid import UID
from syft.store.blobs import Blobs, seal, write_at
from syft.store.files import disk_errors

# A person who loses the network for a lunch break goes on after it.
IDLE: Final = timedelta(hours=1)
# As many assets as people bring at once; every one holds a file open.
UPLOADS_PER_OWNER: Final = 16
BYTES_PER_OWNER: Final = 64 * 1024**3


class _State(Enum):
    OPEN = "open"
    CLOSING = "closing"
    FINISHED = "finished"
    TAKEN = "taken"


@dataclass
class _Upload:
    """One value on its way. Every field but `ready` is read and changed under the lock of `Uploads`."""

    owner: UID
    size: int
    path: Path
    fd: int
    touched_at: datetime
    ready: threading.Condition
    received: set[int] = field(default_factory=set)
    writers: int = 0
    state: _State = _State.OPEN
    digest: str = ""


class Uploads:
    """Values that accounts are bringing. They are forgotten when the process ends: whoever brings one begins again.

    1. Parts may come in any order, at once from several threads, and again; the last to be written counts.
    2. Every method may be called from any thread, and blocks while the disk works. Only `finish` waits for
       others: for the parts of the same upload that are just being written.
    3. After `finish` nothing of the value changes; what was checked is what is taken.
    4. An upload that is not there, has expired or was used, and one of another's, are the same NotFound.
    5. What an account may bring at once is bounded in number and bytes; the room is taken at `begin`.

    Args:
        blobs: where values end up.
        clock: the time, in UTC.
        max_uploads: for one account at once.
        max_bytes: for one account, in all uploads that it has not used.
        idle: an upload that nobody touched for so long is dropped.
    Raises:
        StorageError: the disk refuses; StorageFull where for want of room. (Of every method.)
    """

    def __init__(
        self,
        blobs: Blobs,
        clock: Callable[[], datetime],
        *,
        max_uploads: int = UPLOADS_PER_OWNER,
        max_bytes: int = BYTES_PER_OWNER,
        idle: timedelta = IDLE,
    ) -> None:
        self._blobs = blobs
        self._clock = clock
        self._max_uploads = max_uploads
        self._max_bytes = max_bytes
        self._idle = idle
        self._lock = threading.Lock()
        self._uploads: dict[UID, _Upload] = {}

    def begin(self, owner: UID, size: int) -> UID:
        """Make room for a value.

        Args:
            owner: the account that brings it.
            size: in bytes.
        Returns:
            The name to bring it under.
        Raises:
            InvalidInput: a size that is none.
            TooLarge: more than the account may bring, with what it is bringing already.
            TooManyAttempts: too many uploads at once.
        """
        if type(size) is not int or size < 0:
            raise InvalidInput("The size of a value is a number of bytes, 0 or more.")
        self.expire()
        uid = UID()
        path = self._blobs.unfinished_path()
        with self._lock:
            own = [upload for upload in self._uploads.values() if upload.owner == owner]
            if len(own) >= self._max_uploads:
                raise TooManyAttempts(
                    f"You are bringing {len(own)} values already. Finish and use them, or wait for "
                    f"{self._idle.total_seconds() / 60:.0f} minutes after the last part of one."
                )
            if sum(upload.size for upload in own) + size > self._max_bytes:
                raise TooLarge(f"You may bring up to {self._max_bytes:,} bytes at once, and this is more.")
            with disk_errors():
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
                fd = os.open(path, flags, 0o600)
            upload = _Upload(owner, size, path, fd, self._clock(), threading.Condition(self._lock), writers=1)
            self._uploads[uid] = upload
        # Outside the lock: where a file system cannot reserve, the C library writes zeros.
        try:
            with disk_errors():
                if size:
                    os.posix_fallocate(fd, 0, size)
        except BaseException:
            with self._lock:
                self._drop(uid, upload)
            raise
        with self._lock:
            upload.writers -= 1
        return uid

    def put(self, owner: UID, uid: UID, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Store one part.

        Args:
            owner: the account that brings it.
            uid: of its upload.
            offset: a multiple of `PART_BYTES`.
            data: `PART_BYTES` of them, or what is left at the end.
        Raises:
            NotFound: no such upload of this account's.
            InvalidInput: a place or a length that no part has.
            InvalidState: it is finished.
        """
        view = memoryview(data).cast("B")
        with self._lock:
            upload = self._find(owner, uid)
            if upload.state is not _State.OPEN:
                raise InvalidState("This value is finished; no part of it can be changed.")
            if type(offset) is not int or not 0 <= offset < upload.size or offset % PART_BYTES:
                raise InvalidInput(f"No part of this value begins at byte {offset}.")
            if len(view) != min(PART_BYTES, upload.size - offset):
                raise InvalidInput(f"The part at byte {offset} has another length than {len(view)}.")
            # While this is above 0 nobody hashes the file, and nobody closes it (its number could then be
            # another file's).
            upload.writers += 1
        written = False
        try:
            with disk_errors():
                write_at(upload.fd, view, offset)
            written = True
        finally:
            with self._lock:
                upload.writers -= 1
                upload.touched_at = self._clock()
                if written:
                    upload.received.add(offset)
                upload.ready.notify_all()

    def missing(self, owner: UID, uid: UID) -> tuple[int, ...]:
        """Where the parts begin that are not there yet, in order.

        Raises:
            NotFound: no such upload of this account's.
        """
        with self._lock:
            return self._missing(self._find(owner, uid))

    def finish(self, owner: UID, uid: UID, digest: str) -> None:
        """Check that the value is whole and the one that was meant; it is durable then. May be called again.

        Args:
            owner: the account that brings it.
            uid: of its upload.
            digest: BLAKE3 of the whole value, 64 hex digits.
        Raises:
            NotFound: no such upload of this account's.
            InvalidState: parts are missing.
            InvalidInput: the digest is another; every part can be brought again.
        """
        with self._lock:
            upload = self._find(owner, uid)
            while upload.state is _State.CLOSING or (upload.state is _State.OPEN and upload.writers):
                upload.ready.wait()
                upload = self._find(owner, uid)
            if upload.state is not _State.OPEN:
                if upload.digest == digest:
                    return
                raise InvalidInput("The value was finished before, with another digest.")
            missing = self._missing(upload)
            if missing:
                raise InvalidState(
                    f"{len(missing)} parts are missing; the first begins at byte {missing[0]}."
                )
            upload.state = _State.CLOSING
        sealed = False
        try:
            with disk_errors():
                if _digest_of(upload) != digest:
                    raise InvalidInput(
                        "What has arrived is not what was sent: its digest differs. Send it again."
                    )
                seal(upload.fd)
            os.close(upload.fd)
            sealed = True
        finally:
            with self._lock:
                upload.touched_at = self._clock()
                upload.state = _State.FINISHED if sealed else _State.OPEN
                upload.digest = digest if sealed else ""
                upload.ready.notify_all()

    @contextmanager
    def take(self, owner: UID, uid: UID) -> Iterator[tuple[str, int]]:
        """Use a finished value, once: inside the block it is a blob, and its record is written there.

        If the block ends normally, the upload is gone and the blob stays. If an exception ends it, the upload
        is as it was before and can be taken again: a refused message does not cost the person a gigabyte.

        Args:
            owner: the account that brought it.
            uid: of its upload.
        Returns:
            The value's digest, and its size in bytes, for the block.
        Raises:
            NotFound: no such upload of this account's, or it was used.
            InvalidState: it is not finished.
        """
        with self._lock:
            upload = self._find(owner, uid)
            if upload.state is _State.TAKEN:
                raise _not_found()
            if upload.state is not _State.FINISHED:
                raise InvalidState("The value is not finished; finish it first.")
            upload.state = _State.TAKEN
        is_wanted = False
        try:
            self._blobs.land(upload.digest, upload.path)
            try:
                yield upload.digest, upload.size
                is_wanted = True
            finally:
                self._blobs.settle(upload.digest, is_wanted=is_wanted)
        finally:
            with self._lock:
                upload.state = _State.FINISHED
                upload.touched_at = self._clock()
                if is_wanted:
                    self._drop(uid, upload)

    def drop(self, owner: UID, uid: UID) -> None:
        """Give up an upload and its room.

        Raises:
            NotFound: no such upload of this account's.
            InvalidState: it is just being written, checked or used.
        """
        with self._lock:
            upload = self._find(owner, uid)
            if self._is_busy(upload):
                raise InvalidState("The value is just being written or used; try again.")
            self._drop(uid, upload)

    def expire(self) -> int:
        """Drop what nobody touched for too long, and say how many those were. `begin` does it too."""
        with self._lock:
            oldest = self._clock() - self._idle
            expired = [
                (uid, upload)
                for uid, upload in self._uploads.items()
                if upload.touched_at < oldest and not self._is_busy(upload)
            ]
            for uid, upload in expired:
                self._drop(uid, upload)
            return len(expired)

    def close(self) -> None:
        """Drop everything. For the end, when no other thread is in a method any more."""
        with self._lock:
            for uid, upload in list(self._uploads.items()):
                self._drop(uid, upload)

    # With the lock held

    def _find(self, owner: UID, uid: UID) -> _Upload:
        upload = self._uploads.get(uid)
        if upload is None or upload.owner != owner:
            raise _not_found()
        return upload

    def _missing(self, upload: _Upload) -> tuple[int, ...]:
        if upload.state is not _State.OPEN:
            return ()
        return tuple(offset for offset in range(0, upload.size, PART_BYTES) if offset not in upload.received)

    def _is_busy(self, upload: _Upload) -> bool:
        return upload.writers > 0 or upload.state in (_State.CLOSING, _State.TAKEN)

    def _drop(self, uid: UID, upload: _Upload) -> None:
        del self._uploads[uid]
        if upload.state is _State.OPEN:
            os.close(upload.fd)
        upload.ready.notify_all()
        with disk_errors():
            upload.path.unlink(missing_ok=True)


def _digest_of(upload: _Upload) -> str:
    hasher = blake3(max_threads=blake3.AUTO)
    if upload.size:  # an empty file cannot be mapped
        hasher.update_mmap(upload.path)
    return hasher.hexdigest()


def _not_found() -> NotFound:
    return NotFound("There is no such upload, or it is not yours. Begin it again.")
