"""This module asks the kernel what a process that still lives has used."""

from __future__ import annotations

import os
import time
from pathlib import Path

from syft.model.limits import KIB
from syft.sandbox import family


def pid_of(pidfd: int) -> int | None:
    """Number of a process as this process sees it; None if it has been waited for."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            number = int(line.split()[1])
            return number if number > 0 else None
    return None


def cpu_s_of(pidfd: int) -> float | None:
    """Processor seconds of all threads together; None if the process is gone."""
    pid = pid_of(pidfd)
    if pid is None:
        return None
    try:
        # The clock of another process: what clock_getcpuclockid(3) makes of a pid.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None


def used_by(pidfd: int) -> tuple[float, int] | None:
    """Processor seconds and largest resident memory in bytes; None if the process is going or gone."""
    pid = pid_of(pidfd)
    cpu_s = cpu_s_of(pidfd)
    if cpu_s is None:
        return None
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            # The number may have gone to another process meanwhile: it counts only if it is still ours.
            return (cpu_s, int(line.split()[1]) * KIB) if pid_of(pidfd) == pid else None
    return None


def used_below(pidfd: int) -> tuple[float, int] | None:
    """Processor seconds of a process with all below it, and the resident memory in bytes of the largest of them.

    Processor time of what has ended counts once its parent has noticed. None if the process is gone.
    """
    pid = pid_of(pidfd)
    if pid is None:
        return None
    ticks, largest = 0, 0
    for one in family.with_descendants(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        # From "state", the third field of proc(5): utime, stime, cutime, cstime; rss.
        ticks += sum(map(int, stat[11:15]))
        largest = max(largest, int(stat[21]))
    if pid_of(pidfd) != pid:
        return None
    return ticks / os.sysconf("SC_CLK_TCK"), largest * os.sysconf("SC_PAGE_SIZE")
