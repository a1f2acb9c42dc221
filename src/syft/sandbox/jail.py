"""This module takes away from a freshly forked process what its level says. The order of steps matters."""

from __future__ import annotations

import fcntl
import math
import os
import resource
import tempfile
from dataclasses import dataclass
from typing import Final

from syft.model.limits import MIB
from syft.sandbox import closure, landlock, mounts, namespaces
from syft.sandbox.landlock import Ruleset
from syft.sandbox.limits import OPEN_FILES_MAX, Limits
from syft.sandbox.linux import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNS,
    CLONE_NEWUSER,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    become,
    close_from,
    die_with_parent,
    drop_capabilities,
    load_filter,
    prctl,
    unshare,
)
from syft.sandbox.seccomp import Filter

# Enough for deep recursion in C; threads have stacks of their own, counted as memory.
STACK_BYTES_MAX: Final = 64 * MIB
_NOTHING_OF: Final = (
    resource.RLIMIT_MEMLOCK,
    resource.RLIMIT_MSGQUEUE,
    resource.RLIMIT_NICE,
    resource.RLIMIT_RTPRIO,
)


@dataclass(frozen=True)
class Room:
    """Mounts of a run's own, at level `namespaces`.

    Args:
        keep: paths to be seen although they are below one of its own directories.
        processes_only: show nothing in `/proc` but processes.
    """

    keep: tuple[str, ...]
    processes_only: bool


@dataclass(frozen=True)
class Cell:
    """Where one run lives. What is None is not taken from it.

    Args:
        limits: what it may use.
        scratch: its own directory, empty.
        parent: pid of the zygote as the run sees it, with which it dies.
        owner: uid to become, or None to stay who we are.
        room: its own mounts.
        ruleset: the files it may use, but for its own.
        filter: the kernel calls it may make.
    """

    limits: Limits
    scratch: str
    parent: int
    owner: int | None = None
    room: Room | None = None
    ruleset: Ruleset | None = None
    filter: Filter | None = None


def arrange_descriptors(wanted: list[int]) -> None:
    """Give the wanted descriptors the numbers from 0 up, and close every other one.

    Args:
        wanted: open descriptors; those at 0, 1 and 2 are inherited by programs the run may start.
    """
    # Two passes: a low number may be in use by one that is still to be moved.
    above = max(len(wanted), *wanted) + 1
    parked = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, above) for descriptor in wanted]
    for number, descriptor in enumerate(parked):
        os.dup2(descriptor, number, inheritable=number < 3)
    close_from(len(wanted))


def enter(cell: Cell) -> None:
    """Go in. There is no way back, and no way on if a step fails.

    Raises:
        OSError: the kernel refused a step; the caller ends the process without running anything else.
    """
    os.setsid()
    if cell.room is not None:
        # Before Landlock, which forbids to mount anything.
        _furnish(cell.room, cell.limits)
    move_to(cell.scratch)
    if cell.room is not None:
        _own_user_namespace()
    # Root may have any number of processes: the limit on them is set before the change and works after it.
    set_limits(cell.limits, shared_uid=cell.owner is None and cell.room is None)
    if cell.owner is not None:
        become(cell.owner)
    if cell.filter is not None:
        drop_capabilities()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    # No core file of private data, and no attaching by another process of the same uid.
    prctl(PR_SET_DUMPABLE, 0)
    die_with_parent(cell.parent)
    if cell.ruleset is not None:
        _restrict_files(cell.ruleset, cell)
    if cell.filter is not None:
        # Last: it allows nothing of what has been done above.
        load_filter(cell.filter.for_process(os.getpid()))


def _furnish(room: Room, limits: Limits) -> None:
    """Mount what is the run's own."""
    # Of control groups, too: else the name of its own would tell a run of the server's.
    unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWCGROUP)
    mounts.mount_own(limits.scratch_bytes, room.keep)
    mounts.mount_proc(processes_only=room.processes_only)


def _own_user_namespace() -> None:
    """The kernel counts the processes of a user per namespace: without one, runs share their limit."""
    prctl(PR_SET_DUMPABLE, 1)  # else the files that are written next are root's
    unshare(CLONE_NEWUSER)
    namespaces.map_user(mounts.UID, mounts.UID)


def _restrict_files(ruleset: Ruleset, cell: Cell) -> None:
    own = mounts.WRITABLE if cell.room is not None else (cell.scratch,)
    for path in own:
        ruleset.allow_path(path, landlock.FILL)
    # By its number, since `self` is a link that everybody reads as themselves.
    ruleset.allow_path(f"/proc/{os.getpid()}", landlock.READ)
    for name in closure.PROCESS_FILES:
        ruleset.allow_path(f"/proc/{name}", landlock.READ)
    ruleset.restrict()


def move_to(scratch: str) -> None:
    """Make a directory the place for temporary files, caches and whatever has no path."""
    os.chdir(scratch)
    wanted = {
        "HOME": scratch,
        "TMPDIR": scratch,
        "MPLCONFIGDIR": scratch,
        "USER": mounts.USER,
        "LOGNAME": mounts.USER,
    }
    # Mostly they are so already: to write them again copies pages that are shared with the parent.
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        tempfile.tempdir = None


def set_limits(limits: Limits, *, shared_uid: bool) -> None:
    """Set every limit the kernel knows, hard and soft alike.

    Args:
        limits: what the run may use.
        shared_uid: whether other processes of this uid count against the limit on processes.
    """
    _limit(resource.RLIMIT_AS, _mapped_bytes() + limits.memory_bytes)
    # The server watches more exactly; this is for when it does not. Soft and hard alike: the first process of
    # a pid namespace ignores SIGXCPU, but not the SIGKILL that comes at the hard limit.
    _limit(resource.RLIMIT_CPU, math.ceil(limits.cpu_s) + 1)
    _limit(resource.RLIMIT_FSIZE, limits.scratch_bytes)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES_MAX)
    _limit(resource.RLIMIT_STACK, STACK_BYTES_MAX)
    # The kernel counts per uid: what others run is room that this run does not have.
    _limit(resource.RLIMIT_NPROC, limits.threads + (_tasks() if shared_uid else 1))
    # Not 0: a core dump piped to a program (systemd-coredump, apport) ignores 0, and 1 stops it.
    _limit(resource.RLIMIT_CORE, 1)
    for kind in _NOTHING_OF:
        _limit(kind, 0)
    _limit(resource.RLIMIT_SIGPENDING, 64)


def _limit(kind: int, most: int) -> None:
    """Lower a limit, soft and hard; one that is lower already stays."""
    soft, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    # gVisor refuses to set some limits at all, even to what they are.
    if (soft, hard) != (most, most):
        resource.setrlimit(kind, (most, most))


def _mapped_bytes() -> int:
    """Address space in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _tasks() -> int:
    """All threads on this machine: never fewer than this uid has, and one cheap read."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].partition("/")[2])
