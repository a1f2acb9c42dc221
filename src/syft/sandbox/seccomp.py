"""This module is the list of kernel calls that a run may make, and the program by which the kernel keeps to it.

An allow-list: what is not named is refused with EPERM, and what no honest code asks for ends the process.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from syft.sandbox.syscalls import AARCH64, X86_64, machine, number

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_DENY: Final = _ERRNO | errno.EPERM
_AUDIT: Final = {X86_64: 0xC000003E, AARCH64: 0xC00000B7}
_X32: Final = 0x40000000

# Offsets in the kernel's `struct seccomp_data`.
_AT_NUMBER: Final = 0
_AT_ARCHITECTURE: Final = 4
_AT_ARGUMENTS: Final = 16

# Instructions of classic BPF.
_LOAD: Final = 0x20
_AND: Final = 0x54
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ALLOWED: Final = _words("""
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat close close_range
    dup dup2 dup3 lseek stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat
    getdents getdents64 getcwd chdir fchdir statfs fstatfs mkdir mkdirat rmdir unlink unlinkat rename
    renameat renameat2 link linkat symlink symlinkat ftruncate fallocate fsync fdatasync flock fadvise64
    copy_file_range sendfile umask mmap munmap mprotect mremap madvise brk msync mbind set_mempolicy
    get_mempolicy rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait
    sigaltstack pause restart_syscall futex futex_waitv futex_wait futex_wake futex_requeue get_thread_area
    set_tid_address set_robust_list rseq membarrier exit exit_group wait4 waitid sched_yield gettid getpid
    getppid getpgrp getpgid getsid getuid geteuid getgid getegid getresuid getresgid getgroups capget
    getrlimit setrlimit getrusage times sysinfo uname getcpu time gettimeofday clock_gettime clock_getres
    clock_nanosleep nanosleep alarm getitimer setitimer timer_create timer_settime timer_gettime
    timer_delete timer_getoverrun timerfd_create timerfd_settime timerfd_gettime sched_getaffinity
    sched_getscheduler sched_getparam sched_get_priority_max sched_get_priority_min getpriority pipe pipe2
    eventfd eventfd2 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll
    select pselect6 signalfd4 recvfrom recvmsg sendmsg sendto shutdown getsockopt setsockopt getsockname
    getpeername getrandom
""")

# Nobody needs these by mistake: the run is ended, and its record says why.
FATAL: Final = _words("""
    ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd mount umount2 pivot_root chroot move_mount
    open_tree fsopen fsmount fsconfig fspick mount_setattr unshare setns bpf perf_event_open userfaultfd
    init_module finit_module delete_module kexec_load kexec_file_load iopl ioperm modify_ldt keyctl add_key
    request_key open_by_handle_at swapon swapoff reboot acct quotactl
""")

# Landlock checks none of these, and the descriptor of an input names a file of the server's: they succeed
# and do nothing, so that `shutil.copy` and its like go on.
PRETENDED: Final = _words("""
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat
""")

# As on a file system without extended attributes, which `shutil.copystat` knows how to take.
_ATTRIBUTES: Final = _words("""
    setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr
    lremovexattr fremovexattr setxattrat getxattrat listxattrat removexattrat
""")

_AF_UNIX: Final = 1
_SOCK_STREAM: Final = 1
_CLONE_THREAD: Final = 0x00010000
# NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_CLONE_NEW: Final = 0x7E020000
_QUERY_ONLY: Final = 0xFFFFFFFF

# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTLS: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# GET_PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, CAPBSET_READ, GET_SECUREBITS, SET_TIMERSLACK,
# GET_TIMERSLACK, GET_NO_NEW_PRIVS, SET_THP_DISABLE, GET_THP_DISABLE, SET_VMA (names of memory areas).
_PRCTLS: Final = (2, 3, 15, 16, 21, 23, 27, 29, 30, 39, 41, 42, 0x53564D41)
# Duplicate, flags, locks, sizes and seals. Not F_SETOWN and F_SETSIG: with O_ASYNC on a pipe they send any
# signal to any process of the same user, without kill(). Not leases, nor notification of directories.
_FCNTLS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1033, 1034)


@dataclass(frozen=True)
class Test:
    """One condition on an argument, of which the kernel reads 32 bits.

    Args:
        argument: counted from 0.
        equals: what must come out.
        mask: bits that are looked at.
    """

    argument: int
    equals: int
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True)
class Filter:
    """A program for the kernel, in which the run's own pid is still to be filled in.

    Args:
        instructions: packed, eight bytes each.
        own_pid: where the pid stands: indices of instructions.
    """

    instructions: bytes
    own_pid: tuple[int, ...]

    def for_process(self, pid: int) -> bytes:
        """The program for one process."""
        program = bytearray(self.instructions)
        for index in self.own_pid:
            struct.pack_into("<I", program, index * 8 + 4, pid)
        return bytes(program)


class _Assembler:
    """Instructions, one after the other. Whatever a rule does not decide goes on to the next."""

    def __init__(self, on: str) -> None:
        self.on = on
        self.code: list[tuple[int, int, int, int]] = []
        self.own_pid: list[int] = []

    def add(self, code: int, operand: int, if_true: int = 0, if_false: int = 0) -> None:
        self.code.append((code, if_true, if_false, operand))

    def answer(self, names: Iterable[str], action: int) -> None:
        """Give one answer to all of these calls."""
        known = [found for name in names if (found := number(name, self.on)) is not None]
        # A jump goes 255 instructions far at most.
        for at in range(0, len(known), 250):
            part = known[at : at + 250]
            for index, one in enumerate(part):
                left = len(part) - index - 1
                self.add(_IF_EQUAL, one, if_true=left, if_false=0 if left else 1)
            self.add(_RETURN, action)

    def answer_if(self, name: str, tests: Sequence[Test], otherwise: int, *, own_pid: bool = False) -> None:
        """Allow a call whose arguments pass every test.

        Args:
            name: of the call.
            tests: each must hold.
            otherwise: the answer if one does not.
            own_pid: the first test is for the run's own pid.
        """
        found = number(name, self.on)
        if found is None:
            return
        left = sum(2 + (test.mask != 0xFFFFFFFF) for test in tests)
        self.add(_IF_EQUAL, found, if_false=left + 2)
        for index, test in enumerate(tests):
            self.add(_LOAD, _AT_ARGUMENTS + 8 * test.argument)
            if test.mask != 0xFFFFFFFF:
                self.add(_AND, test.mask)
                left -= 1
            left -= 2
            if own_pid and index == 0:
                self.own_pid.append(len(self.code))
            self.add(_IF_EQUAL, test.equals, if_false=left + 1)
        self.add(_RETURN, _ALLOW)
        self.add(_RETURN, otherwise)

    def answer_by_choice(self, name: str, argument: int, choices: Sequence[int], otherwise: int) -> None:
        """Allow a call whose argument is one of these."""
        found = number(name, self.on)
        if found is None:
            return
        self.add(_IF_EQUAL, found, if_false=len(choices) + 3)
        self.add(_LOAD, _AT_ARGUMENTS + 8 * argument)
        for index, choice in enumerate(choices):
            self.add(_IF_EQUAL, choice, if_true=len(choices) - index)
        self.add(_RETURN, otherwise)
        self.add(_RETURN, _ALLOW)

    def finish(self) -> Filter:
        packed = b"".join(struct.pack("<HBBI", *one) for one in self.code)
        return Filter(packed, tuple(self.own_pid))


def build(on: str | None = None, *, may_truncate: bool = True) -> Filter:
    """The program for a run.

    Args:
        on: one of `syscalls.MACHINES`; this machine if not given.
        may_truncate: whether something else keeps `truncate` from files that are not the run's.
    Raises:
        ValueError: the machine is not one that the fence knows.
    """
    on = on or machine()
    number("read", on)
    out = _Assembler(on)
    # Another architecture's numbers mean other calls: int 0x80 on x86-64, the x32 variant.
    out.add(_LOAD, _AT_ARCHITECTURE)
    out.add(_IF_EQUAL, _AUDIT[on], if_true=1)
    out.add(_RETURN, _KILL)
    out.add(_LOAD, _AT_NUMBER)
    if on == X86_64:
        out.add(_IF_AT_LEAST, _X32, if_false=1)
        out.add(_RETURN, _KILL)
    out.answer(ALLOWED, _ALLOW)
    if may_truncate:
        out.answer(["truncate"], _ALLOW)
    out.answer(PRETENDED, _ERRNO)
    out.answer(_ATTRIBUTES, _ERRNO | errno.ENOTSUP)
    out.answer(FATAL, _KILL)
    # Their flags are in memory, where no filter sees them: the C library falls back to the older calls.
    out.answer(["clone3", "openat2"], _ERRNO | errno.ENOSYS)
    out.answer(["socket"], _ERRNO | errno.EACCES)
    _add_conditions(out)
    out.add(_RETURN, _DENY)
    return out.finish()


def _add_conditions(out: _Assembler) -> None:
    """Calls that depend on their arguments. Each rule loads; so they come after all that look at the number only.

    A rule that does not apply has not loaded anything, and one that applies returns.
    """
    # Threads, but no processes: one process a run, so that a kill and the limits are exact.
    threads = [Test(0, _CLONE_THREAD, _CLONE_THREAD), Test(0, 0, _CLONE_NEW)]
    out.answer_if("clone", threads, _DENY)
    for name in ("kill", "tgkill"):
        out.answer_if(name, [Test(0, 0)], _DENY, own_pid=True)
    # Streams only: the end of a datagram pair can send to any address.
    pair = [Test(0, _AF_UNIX), Test(1, _SOCK_STREAM, 0xF)]
    out.answer_if("socketpair", pair, _ERRNO | errno.EACCES)
    out.answer_if("prlimit64", [Test(0, 0)], _DENY)
    out.answer_if("sched_setaffinity", [Test(0, 0)], _DENY)
    out.answer_if("personality", [Test(0, _QUERY_ONLY)], _DENY)
    out.answer_by_choice("ioctl", 1, _IOCTLS, _ERRNO | errno.ENOTTY)
    out.answer_by_choice("prctl", 0, _PRCTLS, _DENY)
    out.answer_by_choice("fcntl", 1, _FCNTLS, _DENY)
