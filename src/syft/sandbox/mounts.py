"""This module builds what a run sees of the file system: libraries, and directories of its own."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Final

from syft.model.limits import MIB
from syft.sandbox import closure
from syft.sandbox.linux import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    detach,
    make_read_only,
    mount,
    pivot_root,
)

SCRATCH: Final = "/scratch"
# The one file system of a run; what it may write to are three directories in it.
OWN: Final = "/job"
USER: Final = "analyst"
UID: Final = 1000
FILES_MAX: Final = 20_000
WRITABLE: Final = (SCRATCH, "/tmp", "/dev/shm")  # noqa: S108
_PLAIN: Final = MS_NOSUID | MS_NODEV | MS_NOEXEC
_EMPTY: Final = ("dev/shm", "proc", "tmp", SCRATCH[1:], OWN[1:], "old")


def build_root(paths: Sequence[str], place: str, *, bind_proc: bool) -> None:
    """Make a tree of these paths, read-only and where they are now, and make it this process's root.

    Needs a mount namespace of its own.

    Args:
        paths: files and directories to show, and symbolic links to repeat.
        place: an existing directory, over which the tree is built.
        bind_proc: show the old `/proc` in it, since a kernel lets nobody mount a new one who sees none.
    """
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    with _held(paths) as sources, _held([f"/dev/{name}" for name in closure.DEVICES]) as devices:
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=755")
        for path, descriptor in sources:
            _show(path, descriptor, place)
        for name in _EMPTY:
            os.makedirs(f"{place}/{name}", exist_ok=True)
        for path, descriptor in devices:
            _make_file(f"{place}{path}", "")
            mount(f"/proc/self/fd/{descriptor}", f"{place}{path}", None, MS_BIND)
    os.symlink("/proc/self/fd", f"{place}/dev/fd")
    _make_file(f"{place}/etc/passwd", f"{USER}:x:{UID}:{UID}::{SCRATCH}:/bin/false\n")
    _make_file(f"{place}/etc/group", f"{USER}:x:{UID}:\n")
    if bind_proc:
        mount("/proc", f"{place}/proc", None, MS_BIND | MS_REC)
    else:
        mount("proc", f"{place}/proc", "proc", _PLAIN)
    os.chdir(place)
    pivot_root(".", "old")
    os.chdir("/")
    detach("/old")
    os.rmdir("/old")
    mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


@contextlib.contextmanager
def _held(paths: Sequence[str]) -> Iterator[list[tuple[str, int]]]:
    """Descriptors of the paths, which still name them when something is mounted above."""
    with contextlib.ExitStack() as stack:
        held = []
        for path in paths:
            descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            held.append((path, descriptor))
        yield held


def _show(path: str, descriptor: int, place: str) -> None:
    """Put a file, directory or link into the new tree."""
    target = place + path
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISLNK(kind):
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.readlink("", dir_fd=descriptor), target)
        return
    if stat.S_ISDIR(kind):
        os.makedirs(target, exist_ok=True)
    else:
        _make_file(target, "")
    mount(f"/proc/self/fd/{descriptor}", target, None, MS_BIND | MS_REC)
    make_read_only(target)


def _make_file(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def mount_proc(*, processes_only: bool) -> None:
    """Show the processes of this pid namespace, and no others.

    Args:
        processes_only: nothing else of what `/proc` tells; where nothing else keeps it from a run.
    """
    mount("proc", "/proc", "proc", _PLAIN, "subset=pid,hidepid=2" if processes_only else "hidepid=2")


def mount_parents_scratch() -> None:
    """Give the parent of runs somewhere to write to while libraries are imported; no run sees it."""
    mount("tmpfs", SCRATCH, "tmpfs", _PLAIN, f"size={16 * MIB},mode=700")


def mount_own(limit_bytes: int, keep: Sequence[str], *, files_max: int | None = FILES_MAX) -> None:
    """Give a run its own directories, which share one limit. Needs a mount namespace of its own.

    Args:
        limit_bytes: of all files together.
        keep: what is to be seen although it is below one of the directories.
        files_max: how many files there may be; None where the kernel cannot be told.
    """
    options = f"size={limit_bytes},mode=755,uid={UID},gid={UID}"
    if files_max is not None:
        options += f",nr_inodes={files_max}"
    with _held(keep) as kept:
        mount("tmpfs", OWN, "tmpfs", _PLAIN, options)
        for target in WRITABLE:
            source = OWN + "/" + target[1:].replace("/", "-")
            os.mkdir(source, 0o700)
            mount(source, target, None, MS_BIND)
        for path, descriptor in kept:
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                os.makedirs(path, exist_ok=True)
            else:
                _make_file(path, "")
            mount(f"/proc/self/fd/{descriptor}", path, None, MS_BIND | MS_REC)


def hidden_by_own(paths: Sequence[str]) -> list[str]:
    """Those of the paths that a run's own directories would hide."""
    return [path for path in paths if any(closure.is_within(path, target) for target in WRITABLE)]
