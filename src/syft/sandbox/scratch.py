"""This module makes, measures and removes directories that strangers' code fills."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Final

# Each file costs the server a look; more than this many is treated as over any limit.
ENTRIES_MAX: Final = 20_000
# Somebody else who removes the same directory is done long before.
_ATTEMPTS: Final = 100


class Held:
    """A fresh directory among the machine's temporary ones, ours until `remove` or the end of this process.

    What a process has left that was ended with SIGKILL is removed by the next one that makes one like it. That
    it has been left is told by its lock, which the kernel gives back when the last holder (`hold`) has gone.

    Args:
        prefix: of its name; no other program's directories begin with it.
        mode: its permissions.
    """

    def __init__(self, prefix: str, mode: int = 0o700) -> None:
        _remove_abandoned(prefix)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix))
            # Until it is locked, somebody else might take it for abandoned.
            with contextlib.suppress(FileNotFoundError):
                self._lock = hold(self.path)
                break
        self.path.chmod(mode)

    def remove(self) -> None:
        """Remove it with all that is in it; nothing may be running there any more. To be called once."""
        remove(self.path)
        os.close(self._lock)


def hold(directory: Path) -> int:
    """Keep a directory from being taken for abandoned, until the descriptor and all its copies are closed.

    Raises:
        FileNotFoundError: it was, already.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not os.path.lexists(directory):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))
    return descriptor


def _remove_abandoned(prefix: str) -> None:
    """Remove directories of that kind that nobody holds."""
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        # Others make names there, too: what is not ours is not touched, nor does it hold us up.
        with contextlib.suppress(OSError):
            if path.lstat().st_uid != os.geteuid():
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(path)
            finally:
                os.close(descriptor)


def used_bytes(top: Path) -> int | None:
    """Disk space that a directory takes, as allocated; None if there are too many files to count.

    The directory may change meanwhile, and what cannot be read counts as nothing.
    """
    total, entries, waiting = 0, 0, [str(top)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listing:
                for entry in listing:
                    entries += 1
                    if entries > ENTRIES_MAX:
                        return None
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, PermissionError, NotADirectoryError):
            continue
        except OSError:
            # A path longer than the kernel takes: nobody nests so deep but to hide something.
            return None
    return total


def remove(top: Path) -> None:
    """Remove a directory and all in it; one that is gone already is fine.

    Nothing may be running in it any more. Directories are moved up to the top and emptied there, one level at
    a time: the stranger may have nested them deeper than paths or recursion go, or made them unreadable.

    Raises:
        OSError: something there cannot be removed.
    """
    for number in range(1, _ATTEMPTS + 1):  # pragma: no branch - the last attempt returns or raises
        try:
            _empty(top)
            top.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            # Somebody else is removing it, too, and has just moved something up.
            if error.errno != errno.ENOTEMPTY or number == _ATTEMPTS:
                raise
        else:
            return


def _empty(top: Path) -> None:
    # Of this removal alone: one that was cut off has left such names, too.
    prefix = f".syft-removing-{secrets.token_hex(8)}"
    moved = 0
    while children := os.listdir(top):
        for child in children:
            # Not there: somebody else is removing it, too, and was faster with a part of it.
            with contextlib.suppress(FileNotFoundError):
                path = top / child
                if not _is_directory(path):
                    path.unlink()
                    continue
                path.chmod(stat.S_IRWXU)
                for inner in os.listdir(path):
                    here = path / inner
                    if _is_directory(here):
                        here.chmod(stat.S_IRWXU)
                        moved += 1
                        here.rename(top / f"{prefix}-{moved}")
                    else:
                        here.unlink()
                path.rmdir()


def _is_directory(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)
