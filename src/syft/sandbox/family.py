"""This module knows which processes came from which, and ends those that nobody answers for any more."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Set
from pathlib import Path
from typing import Final

_SWEEP_WAIT_S: Final = 5.0


def sweep(spared: Set[int]) -> None:
    """End every child but these: what was left to this process, as a subreaper, when its own parent ended.

    Args:
        spared: pids of children that go on.
    """
    deadline = time.monotonic() + _SWEEP_WAIT_S
    while (orphans := children(os.getpid()) - spared) and time.monotonic() < deadline:
        for pid in orphans:
            stop_breeding(pid)
            os.kill(pid, signal.SIGKILL)  # the number is ours until we wait
        for pid in orphans:
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)


def children(of: int) -> set[int]:
    """Pids of a process's children, dead ones that have not been waited for included.

    Args:
        of: pid of the parent; one that has gone has none.
    """
    found: set[int] = set()
    try:
        # Each child is in the list of the thread that made it.
        for task in os.listdir(f"/proc/{of}/task"):
            found.update(map(int, Path(f"/proc/{of}/task/{task}/children").read_text().split()))
    except OSError:  # a thread that has ended meanwhile, or a kernel without CONFIG_PROC_CHILDREN
        everybody = map(int, filter(str.isdigit, os.listdir("/proc")))
        return {pid for pid in everybody if parent(pid) == of}
    return found


def with_descendants(of: int) -> set[int]:
    """Pids of a process and of everything below it."""
    found, waiting = {of}, [of]
    while waiting:
        below = children(waiting.pop()) - found
        found |= below
        waiting += below
    return found


def parent(pid: int) -> int:
    """Pid of a process's parent; 0 if it has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def stop_breeding(pid: int) -> None:
    """Forbid a process to fork, so that a chain of them comes to an end."""
    try:
        resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
    except (ProcessLookupError, PermissionError):
        return
