"""This module holds what the store asks of a file system: private folders, durable names, exclusive use."""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from syft.errors import StorageError, StorageFull

LOCK_NAME: Final = "node.lock"
NO_SPACE: Final = "There is no space left on the node's disk. Nothing was stored; make room and try again."
# No space, no quota, and larger than a file may be for this process (ulimit -f).
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# What must be free in /dev/shm for a store in memory to go there; containers often have 64 MB of it.
_SHARED_MEMORY_BYTES: Final = 1 << 30


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what the operating system says of a disk into our errors.

    Raises:
        StorageFull: there is no room.
        StorageError: anything else.
    """
    try:
        yield
    except OSError as error:
        detail = f"{type(error).__name__}: {error}"
        if error.errno in _FULL:
            raise StorageFull(
                "There is no space left on the node's disk. Nothing was stored.", detail
            ) from error
        raise StorageError("The node's disk could not be read or written.", detail) from error


def make_private(directory: Path) -> None:
    """Make `directory` where it is missing, for its owner's eyes only, and the names above it durable."""
    if directory.is_dir():
        return
    make_private(directory.parent)
    # Another thread may be making it too.
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a loss of power; a file's own fsync does not."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def temporary_directory() -> Path:
    """A private, empty directory for what is not to be kept; in memory where there is plenty.

    It is removed when the interpreter ends, if not before. After `kill -9` it stays behind.
    """
    shared = Path("/dev/shm")  # noqa: S108 - mkdtemp makes the name, and 0700
    roomy = False
    if os.access(shared, os.W_OK):
        free = os.statvfs(shared)
        roomy = free.f_bavail * free.f_frsize >= _SHARED_MEMORY_BYTES
    directory = Path(tempfile.mkdtemp(prefix="syft-", dir=shared if roomy else None))
    _temporary[directory] = os.getpid()
    return directory


def remove_temporary(directory: Path) -> None:
    """Remove what `temporary_directory` made, now. May be called twice; does nothing in a forked child."""
    if _temporary.pop(directory, None) == os.getpid():
        shutil.rmtree(directory, ignore_errors=True)


class DirectoryLock:
    """The right to be the one process that uses a directory, until `release` or the end of the process.

    Args:
        directory: exists.
    Raises:
        StorageError: another has it; says which process.
    """

    def __init__(self, directory: Path) -> None:
        with disk_errors():
            fd = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
                os.close(fd)
                raise StorageError(
                    f"{directory} is in use by process {holder or '(unknown)'}. "
                    "Stop that node first, or give this one a directory of its own."
                ) from None
            # Overwritten in place, so that a node can still be started to make room on a full disk.
            os.pwrite(fd, f"{os.getpid():<20}\n".encode(), 0)
        self._fd: int | None = fd
        _held.add(self)

    def release(self) -> None:
        """Let another process have the directory. May be called twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


_temporary: dict[Path, int] = {}
_held: weakref.WeakSet[DirectoryLock] = weakref.WeakSet()


def _remove_all_temporary() -> None:
    for directory in list(_temporary):
        remove_temporary(directory)


def _forget_all() -> None:
    """In a forked child: the locks are the parent's, and must not outlive it in copies of its descriptors."""
    for lock in list(_held):
        lock.release()


atexit.register(_remove_all_temporary)
os.register_at_fork(after_in_child=_forget_all)
