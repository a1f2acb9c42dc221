"""This module measures and removes directories that strangers' code has filled."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

# Each file costs the server a look; more than this many is treated as over any limit.
ENTRIES_MAX: Final = 20_000


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
    """
    moved = 0
    try:
        while children := os.listdir(top):
            for child in children:
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
                        here.rename(top / f".syft-removing-{moved}")
                    else:
                        here.unlink()
                path.rmdir()
        top.rmdir()
    except FileNotFoundError:
        return


def _is_directory(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)
