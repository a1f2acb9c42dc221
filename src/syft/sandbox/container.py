"""This module is the first process in a container: it imports, forks the one run, and watches it from inside.

It is trusted as the zygote is, and reads nothing that comes from the run. The kernel that it asks is the
container's own.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import time
from typing import Final, NoReturn

from syft.sandbox import bundle, jail, mounts, seccomp
from syft.sandbox.control import Configure, Ended, Fork, Unable, receive, send, to_zygote
from syft.sandbox.limits import Limits
from syft.sandbox.linux import mount
from syft.sandbox.zygote import become_run, get_ready, told

LOOK_EVERY_S: Final = 0.1
_GROUP: Final = f"{bundle.GROUPS}/run"


def main() -> None:
    """Serve the warden at the other end of standard input: one run."""
    connection = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    configure, _ = receive(connection, to_zygote)
    if not isinstance(configure, Configure):
        return
    try:
        ready = get_ready(configure, [])
        calls = seccomp.build()
    except Exception as error:
        send(connection, Unable(told(error)))
        return
    send(connection, ready)
    fork, descriptors = receive(connection, to_zygote)
    if not isinstance(fork, Fork):
        return
    try:
        make_room(fork.limits)
        woken = _wake_when_a_child_ends()
        pid = os.fork()
    except OSError as error:
        send(connection, Ended(fork.uid, None, why=told(error)))
        return
    if pid == 0:
        _become(connection, descriptors, fork.limits, calls)
    for descriptor in descriptors:
        os.close(descriptor)
    send(connection, watch(connection, woken, fork.uid, pid))


def make_room(limits: Limits) -> None:
    """Make the run's own directories, and the group in which its threads are counted."""
    # This kernel does not limit the number of files; see `watch`.
    mounts.mount_own(limits.scratch_bytes, (), files_max=None)
    for path in mounts.WRITABLE:
        os.chown(path, mounts.UID, mounts.UID)
    # Nor does it keep to RLIMIT_NPROC.
    mount("cgroup", bundle.GROUPS, "cgroup", 0, "pids")
    os.mkdir(_GROUP)
    _write(f"{_GROUP}/pids.max", limits.threads + 1)


def _write(path: str, number: int) -> None:
    with open(path, "w") as file:
        file.write(str(number))


def _wake_when_a_child_ends() -> int:
    """A descriptor that becomes readable then."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return reading


def _become(
    connection: socket.socket, descriptors: list[int], limits: Limits, calls: seccomp.Filter
) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def cell() -> jail.Cell:
        _write(f"{_GROUP}/cgroup.procs", os.getpid())
        return jail.Cell(limits, mounts.SCRATCH, os.getppid(), owner=mounts.UID, filter=calls)

    become_run(connection, descriptors, cell)


def watch(connection: socket.socket, woken: int, uid: str, pid: int) -> Ended:
    """Wait for the end of the run, or for the warden to go away; end it if it makes too many files.

    Args:
        connection: to the warden, who says nothing more.
        woken: readable when a child has ended.
        uid: of the run.
        pid: of its process.
    """
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    poll.register(woken, select.POLLIN)
    too_many = False
    look_due = 0.0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            code = -signal.SIGXFSZ if too_many else os.waitstatus_to_exitcode(status)
            return Ended(uid, code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
        now = time.monotonic()
        if now >= look_due:
            too_many = too_many or files_in(mounts.OWN, mounts.FILES_MAX) > mounts.FILES_MAX
            # Looking may take a tenth of the time at most.
            look_due = time.monotonic() + max(LOOK_EVERY_S, 10 * (time.monotonic() - now))
        if too_many:
            os.kill(pid, signal.SIGKILL)
        for descriptor, _ in poll.poll(math.ceil(1000 * max(0.0, look_due - time.monotonic()))):
            if descriptor != woken:
                os._exit(0)  # the warden has gone: everything here ends with us
            os.read(woken, 64)


def files_in(top: str, most: int) -> int:
    """How many files and directories are below one; counting ends soon after a number that is too many."""
    count, waiting = 0, [top]
    while waiting and count <= most:
        try:
            with os.scandir(waiting.pop()) as listing:
                for entry in listing:
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            # A path longer than the kernel takes: nobody nests so deep but to hide something.
            return most + 1
    return count


if __name__ == "__main__":
    main()
