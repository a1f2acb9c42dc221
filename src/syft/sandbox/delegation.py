"""This module finds the part of the control group tree that is the server's to divide, if there is one.

Control groups (cgroup v2) are directories whose files are the kernel's. Whoever manages the machine, mostly
systemd, owns the tree; what it has not handed over is left alone, root or not.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NEEDED: Final = ("memory", "pids")
WELCOME: Final = ("cpu",)
# Where the server itself goes if it must make way: a group that passes controllers on may hold no processes.
SERVER: Final = "syft-server"
# How systemd marks what it has handed over: the first for root's eyes only, the second since version 251.
_MARKS: Final = ("trusted.delegate", "user.delegate")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
# Two runners of one process must not both find it in the way.
_moving = threading.Lock()


class NotDelegated(Exception):
    """There is no such part; says why."""


@dataclass(frozen=True)
class Place:
    """Where this process is in the tree.

    Args:
        group: directory of its group.
        top: directory of the highest group that it can see.
    """

    group: Path
    top: Path


def locate(mountinfo: str, membership: str) -> Place:
    """Where a process is, from what the kernel says of it.

    Args:
        mountinfo: text of `/proc/self/mountinfo`.
        membership: text of `/proc/self/cgroup`.
    Raises:
        NotDelegated: there is no cgroup v2, or not in sight.
    """
    own = next((line[3:] for line in membership.splitlines() if line.startswith("0::/")), None)
    if own is None:
        raise NotDelegated("this machine has no control groups of version 2")
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] != "cgroup2":
            continue
        root, point = (_ESCAPED.sub(_unescaped, field) for field in before.split(" ")[3:5])
        # `..` leads out of what our namespace of groups shows; and a mount may show another part of the tree.
        if ".." not in Path(own).parts and Path(own).is_relative_to(root):
            return Place(Path(point) / Path(own).relative_to(root), Path(point))
    raise NotDelegated("the server's control group is not mounted where it could see it")


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def find() -> Path:
    """The directory of the group to divide; nothing has been changed yet.

    Raises:
        NotDelegated: there is none.
    """
    try:
        mountinfo, membership = (Path(f"/proc/self/{name}").read_text() for name in ("mountinfo", "cgroup"))
    except OSError as error:
        raise NotDelegated(f"the kernel does not tell: {error}") from error
    return choose(locate(mountinfo, membership))


def choose(place: Place) -> Path:
    """The group to divide: our own, or the one above, if a manager has put the server into a group below it.

    Raises:
        NotDelegated: neither has been handed over to us, or they cannot limit memory and processes.
    """
    group = place.group
    above = [group.parent] if group != place.top else []
    ours = [one for one in (group, *above) if _is_ours(one, place)]
    if not ours:
        raise NotDelegated(f"the control group {group} has not been delegated to the server")
    missing: list[str] = []
    for one in ours:
        missing = [name for name in NEEDED if name not in read_words(one / "cgroup.controllers")]
        if not missing:
            return one
    raise NotDelegated(f"the control group {ours[-1]} lacks the controllers {', '.join(missing)}")


def _is_ours(group: Path, place: Place) -> bool:
    """Whether a group has been handed over to us, as far as can be told."""
    writable = all(
        os.access(path, os.W_OK) for path in (group, group / "cgroup.procs", group / "cgroup.subtree_control")
    )
    if not writable:
        return False
    if group == place.top and place.group in (group, group / SERVER):
        # All of a container's tree; or that of a machine on which the server is not in anybody's group.
        return True
    if any(_mark(group, name) == b"1" for name in _MARKS):
        return True
    # Before systemd 251 others than root cannot see the mark. The owner changes where something is handed over.
    user = os.geteuid()
    return user != 0 and group.stat().st_uid == user and group.parent.stat().st_uid != user


def _mark(group: Path, name: str) -> bytes:
    try:
        return os.getxattr(group, name)
    except OSError:
        return b""  # no mark, or none that we may see


def read_words(path: Path) -> list[str]:
    """The words in a file of a group; none if it cannot be read."""
    try:
        return path.read_text().split()
    except OSError:
        return []


def divide(group: Path) -> None:
    """Have a group pass on what limits memory, processes and processor time to the groups below it.

    The server itself moves into a group below, if it is in the way and alone there.

    Args:
        group: as found.
    Raises:
        NotDelegated: there are other processes in it, which are not ours to move, or the kernel refuses.
    """
    with _moving:
        if not set(NEEDED) <= set(read_words(group / "cgroup.subtree_control")):
            # The root of all groups has no type, and may hold processes and pass controllers on.
            if (group / "cgroup.type").exists():
                _make_way(group)
            try:
                pass_on(group)
            except OSError as error:
                raise NotDelegated(
                    f"the control group {group} cannot be divided: {error.strerror}"
                ) from error


def _make_way(group: Path) -> None:
    there = read_words(group / "cgroup.procs")
    if not there:
        return
    if not set(there) <= _of_the_server():
        raise NotDelegated(
            f"other processes than the server are in its control group {group}, "
            "which can be divided only if they are in one below it"
        )
    try:
        (group / SERVER).mkdir(exist_ok=True)
        for pid in there:
            (group / SERVER / "cgroup.procs").write_text(pid)
    except OSError as error:
        raise NotDelegated(f"the server cannot move within {group}: {error.strerror}") from error


def _of_the_server() -> set[str]:
    """Pids of this process, and of the first one of a container if it has forked this one to go on in it."""
    own = {str(os.getpid())}
    if os.getppid() == 1 and _command("1") == _command("self"):
        own.add("1")
    return own


def _command(pid: str) -> bytes:
    """The command line of a process, which stays the same when it forks; empty if it cannot be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def pass_on(group: Path) -> None:
    """Pass controllers on to the groups below: those that are needed, and those that are welcome if there.

    Raises:
        OSError: the kernel refuses one that is needed.
    """
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in NEEDED))
    for name in WELCOME:
        with contextlib.suppress(OSError):  # not there, or processes with real-time priority forbid it
            (group / "cgroup.subtree_control").write_text(f"+{name}")
