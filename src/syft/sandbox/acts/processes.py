"""This module tries to reach other processes, and to become more than one."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import time

from syft.sandbox.acts.kernel import call
from syft.sandbox.acts.table import Props, act

_F_SETSIG = 10


@act("processes", "see the server's process", quick=True)
def _see(props: Props) -> object:
    return str(props.victim) in os.listdir("/proc")


@act("processes", "signal the server", quick=True)
def _signal(props: Props) -> None:
    os.kill(props.victim, 0)


@act("processes", "signal everybody", quick=True)
def _signal_all(props: Props) -> None:
    os.kill(-1, 0)


@act("processes", "end the server", proven_outside=True)
def _kill(props: Props) -> None:
    os.kill(props.victim, signal.SIGKILL)


@act("processes", "end the server's thread", proven_outside=True)
def _kill_thread(props: Props) -> None:
    call("tgkill", props.victim, props.victim, signal.SIGKILL)


@act("processes", "end the server through a pidfd", proven_outside=True)
def _kill_by_pidfd(props: Props) -> None:
    signal.pidfd_send_signal(os.pidfd_open(props.victim), signal.SIGKILL)


@act("processes", "end the server by a queued signal", proven_outside=True)
def _kill_queued(props: Props) -> None:
    information = (ctypes.c_int * 32)(int(signal.SIGKILL), 0, -1)
    call("rt_sigqueueinfo", props.victim, signal.SIGKILL, information)


@act("processes", "end the server by owning a pipe", proven_outside=True)
def _kill_by_pipe(props: Props) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, props.victim)
    fcntl.fcntl(reading, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")


@act("processes", "read the server's environment", quick=True)
def _environment(props: Props) -> object:
    with open(f"/proc/{props.victim}/environ", "rb") as file:
        return b"SECRET" in file.read()


@act("processes", "list the server's descriptors", quick=True)
def _descriptors(props: Props) -> object:
    return os.listdir(f"/proc/{props.victim}/fd")


@act("processes", "read the server's command line", quick=True)
def _command(props: Props) -> object:
    with open(f"/proc/{props.victim}/cmdline", "rb") as file:
        return file.read()


@act("processes", "read the server's memory map", quick=True)
def _maps(props: Props) -> object:
    with open(f"/proc/{props.victim}/maps") as file:
        return bool(file.read())


@act("processes", "open the server's memory", quick=True)
def _memory(props: Props) -> None:
    with open(f"/proc/{props.victim}/mem", "rb"):
        return


@act("processes", "read the server's memory by process_vm_readv")
def _vm_read(props: Props) -> None:
    place = ctypes.create_string_buffer(8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(place), 8)
    with open(f"/proc/{props.victim}/maps") as file:
        start = int(next(line for line in file if " r" in line).split("-")[0], 16)
    remote = (ctypes.c_size_t * 2)(start, 8)
    call("process_vm_readv", props.victim, local, 1, remote, 1, 0)


@act("processes", "trace the server")
def _trace(props: Props) -> None:
    call("ptrace", 0x4206, props.victim, 0, 0)  # PTRACE_SEIZE: the server goes on


@act("processes", "compare the server's resources")
def _compare(props: Props) -> None:
    call("kcmp", props.victim, props.victim, 1, 0, 0)


@act("processes", "take a descriptor from the server")
def _take_descriptor(props: Props) -> None:
    call("pidfd_getfd", os.pidfd_open(props.victim), 0, 0)


@act("processes", "read the server's limits", quick=True)
def _read_limits(props: Props) -> None:
    resource.prlimit(props.victim, resource.RLIMIT_CORE)


@act("processes", "change the server's priority")
def _priority(props: Props) -> None:
    os.setpriority(os.PRIO_PROCESS, props.victim, 19)


@act("processes", "choose the server's processors")
def _affinity(props: Props) -> None:
    os.sched_setaffinity(props.victim, os.sched_getaffinity(0))


@act("processes", "fork", quick=True)
def _fork(props: Props) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@act("processes", "start a program", quick=True)
def _spawn(props: Props) -> object:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    return os.waitpid(pid, 0)[1] == 0


@act("processes", "become a program", proven_outside=True)
def _execute(props: Props) -> None:
    os.execv("/bin/touch", ["touch", os.path.join(props.folder, "executed")])  # noqa: S606


@act("processes", "start a session", quick=True)
def _session(props: Props) -> object:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


@act("processes", "leave a process behind", proven_outside=True)
def _daemon(props: Props) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(os.path.join(props.folder, "daemon"), "w") as file:
                file.write(str(os.getpid()))
            time.sleep(10)
        os._exit(0)
    time.sleep(0.2)
