"""This module puts the parent of runs into namespaces of its own, where nothing of the machine is but libraries."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Final

from syft.sandbox import mounts
from syft.sandbox.linux import (
    CAP_SYS_ADMIN,
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    become,
    has_capabilities,
    prctl,
    setns,
    unshare,
)

_ALL: Final = (
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
)
_HOSTNAME: Final = "sandbox"


def map_user(outside: int, group_outside: int) -> None:
    """Say who this process is in its new user namespace: the same ordinary user in every one of them.

    Args:
        outside: uid that it had before.
        group_outside: gid that it had before.
    """
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{mounts.UID} {outside} 1"),
        ("gid_map", f"{mounts.UID} {group_outside} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def may_mount() -> bool:
    """Whether this process may mount without a user namespace. Root may not, in a container as they come."""
    return os.geteuid() == 0 and has_capabilities(CAP_SYS_ADMIN)


def leave(paths: Sequence[str], place: str, owner: int, *, mounts_first: bool) -> None:
    """Leave the machine's namespaces: the next process that is forked is the first of the new ones.

    Args:
        paths: what is to be seen of the machine.
        place: an existing directory to build the new root over.
        owner: who to be outside from now on, if we are root.
        mounts_first: build the new root before leaving; else `arrive` does.
    """
    if mounts_first:
        # With real privileges, since the libraries may be where only root may look.
        unshare(CLONE_NEWNS)
        mounts.build_root(paths, place, bind_proc=True)
    if os.geteuid() == 0:
        become(owner)  # root is given up, and never mapped into the namespaces
    uid, gid = os.geteuid(), os.getegid()
    # Else the files by which a user namespace is told who is who would be root's.
    prctl(PR_SET_DUMPABLE, 1)
    unshare(_ALL)
    map_user(uid, gid)
    socket.sethostname(_HOSTNAME)


def arrive(paths: Sequence[str], place: str, *, mounted: bool) -> None:
    """What the first process of the new namespaces does before anything else.

    Args:
        paths: what is to be seen of the machine.
        place: an existing directory to build the new root over.
        mounted: whether that has been done.
    """
    if mounted:
        mounts.mount_proc(processes_only=False)
    else:
        mounts.build_root(paths, place, bind_proc=False)
    mounts.mount_parents_scratch()


class NextPidNamespace:
    """Lets every process that is forked be the first of a pid namespace of its own."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def prepare(self) -> None:
        """To be called before each fork. Without going back first, the kernel answers EINVAL."""
        setns(self._own, CLONE_NEWPID)
        unshare(CLONE_NEWPID)


def fork_through(leave_namespaces: Callable[[], None], failed: Callable[[Exception], None]) -> bool:
    """Fork a process that is the first of new namespaces and whose parent is this process, outside of them.

    Args:
        leave_namespaces: what a process between the two does, which then ends.
        failed: told, in that process, what went wrong.
    Returns:
        Whether this is the new process; it dies with its parent.
    """
    # The process in between ends, and leaves its child to us.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    held, release = os.pipe()
    between = os.fork()
    if between == 0:
        os.close(release)
        if not _go_between(leave_namespaces, failed):
            os._exit(0)
        _adopt_parent(held)
        return True
    os.close(held)
    if os.waitstatus_to_exitcode(os.waitpid(between, 0)[1]) != 0:
        os._exit(1)
    # Stays open as long as we live.
    os.write(release, b"!")
    return False


def _go_between(leave_namespaces: Callable[[], None], failed: Callable[[Exception], None]) -> bool:
    """Leave, and fork. Whether this is the new process."""
    try:
        leave_namespaces()
        return os.fork() == 0
    except Exception as error:
        failed(error)
        os._exit(1)


def _adopt_parent(held: int) -> None:
    """Wait until the process in between has gone, so that our parent is who it will stay, and die with it."""
    if os.read(held, 1):
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.set_blocking(held, False)
        try:
            os.read(held, 1)
        except BlockingIOError:
            os.close(held)
            return
    os._exit(1)  # pragma: no cover - it had died before the kernel was asked: microseconds


def keep() -> None:
    """Wait for the first process of the namespaces to end."""
    os.waitpid(-1, 0)
