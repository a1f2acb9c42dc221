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


# Stands for the run's own pid, which is not known yet.
_OWN_PID: Final = -1

_Instructions = list[tuple[int, int, int, int]]
_Answer = int | tuple[tuple[int, int, int, int], ...]
"""What becomes of a call: what the kernel is told at once, or instructions that look at the arguments."""


class _Table:
    """The answer to every call, by its number. What is not entered is denied; what is entered first counts."""

    def __init__(self, on: str) -> None:
        self._on = on
        self._answers: dict[int, _Answer] = {}

    def answer(self, names: Iterable[str], answer: _Answer) -> None:
        """Give one answer to all of these calls."""
        for name in names:
            found = number(name, self._on)
            if found is not None:
                self._answers.setdefault(found, answer)

    def answer_if(self, name: str, tests: Sequence[Test], otherwise: int) -> None:
        """Allow a call whose arguments pass every test.

        Args:
            name: of the call.
            tests: each must hold.
            otherwise: the answer if one does not.
        """
        code: _Instructions = []
        left = sum(2 + (test.mask != 0xFFFFFFFF) for test in tests)
        for test in tests:
            code.append((_LOAD, 0, 0, _AT_ARGUMENTS + 8 * test.argument))
            if test.mask != 0xFFFFFFFF:
                code.append((_AND, 0, 0, test.mask))
                left -= 1
            left -= 2
            code.append((_IF_EQUAL, 0, left + 1, test.equals))
        self.answer([name], (*code, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, otherwise)))

    def answer_by_choice(self, name: str, argument: int, choices: Sequence[int], otherwise: int) -> None:
        """Allow a call whose argument is one of these."""
        code = [(_LOAD, 0, 0, _AT_ARGUMENTS + 8 * argument)]
        code += [(_IF_EQUAL, len(choices) - at, 0, choice) for at, choice in enumerate(choices)]
        self.answer([name], (*code, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, _ALLOW)))

    def instructions(self) -> _Instructions:
        """What looks a number up, and answers."""
        # Ranges of numbers with one answer: the first number of each, in order.
        ranges: list[tuple[int, _Answer]] = [(0, _DENY)]
        for at in sorted(self._answers):
            for first, answer in ((at, self._answers[at]), (at + 1, self._answers.get(at + 1, _DENY))):
                if ranges[-1][0] == first:
                    ranges[-1] = first, answer
                elif ranges[-1][1] != answer:
                    ranges.append((first, answer))
        return _search(ranges)


def _search(ranges: Sequence[tuple[int, _Answer]]) -> _Instructions:
    """Find the range that a number is in by halves.

    When a filter is loaded the kernel tries it on every number there is, to know those that are always allowed:
    to compare with one number after the other would make that slow.
    """
    if len(ranges) == 1:
        answer = ranges[0][1]
        return [(_RETURN, 0, 0, answer)] if isinstance(answer, int) else list(answer)
    half = len(ranges) // 2
    below, above = _search(ranges[:half]), _search(ranges[half:])
    # A jump goes 255 instructions far at most; packing one that goes farther fails.
    return [(_IF_AT_LEAST, len(below), 0, ranges[half][0]), *below, *above]


def _pack(instructions: _Instructions) -> Filter:
    own_pid = tuple(at for at, one in enumerate(instructions) if one[3] == _OWN_PID)
    packed = b"".join(
        struct.pack("<HBBI", code, if_true, if_false, max(operand, 0))
        for code, if_true, if_false, operand in instructions
    )
    return Filter(packed, own_pid)


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
    table = _Table(on)
    table.answer(ALLOWED, _ALLOW)
    if may_truncate:
        table.answer(["truncate"], _ALLOW)
    table.answer(PRETENDED, _ERRNO)
    table.answer(_ATTRIBUTES, _ERRNO | errno.ENOTSUP)
    table.answer(FATAL, _KILL)
    # Their flags are in memory, where no filter sees them: the C library falls back to the older calls.
    table.answer(["clone3", "openat2"], _ERRNO | errno.ENOSYS)
    table.answer(["socket"], _ERRNO | errno.EACCES)
    _add_conditions(table)
    # Another architecture's numbers mean other calls: int 0x80 on x86-64, the x32 variant.
    program: _Instructions = [
        (_LOAD, 0, 0, _AT_ARCHITECTURE),
        (_IF_EQUAL, 1, 0, _AUDIT[on]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    if on == X86_64:
        program += [(_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    return _pack([*program, *table.instructions()])


def _add_conditions(table: _Table) -> None:
    """Calls that depend on their arguments."""
    # Threads, but no processes: one process a run, so that a kill and the limits are exact.
    threads = [Test(0, _CLONE_THREAD, _CLONE_THREAD), Test(0, 0, _CLONE_NEW)]
    table.answer_if("clone", threads, _DENY)
    for name in ("kill", "tgkill"):
        table.answer_if(name, [Test(0, _OWN_PID)], _DENY)
    # Streams only: the end of a datagram pair can send to any address.
    pair = [Test(0, _AF_UNIX), Test(1, _SOCK_STREAM, 0xF)]
    table.answer_if("socketpair", pair, _ERRNO | errno.EACCES)
    table.answer_if("prlimit64", [Test(0, 0)], _DENY)
    table.answer_if("sched_setaffinity", [Test(0, 0)], _DENY)
    table.answer_if("personality", [Test(0, _QUERY_ONLY)], _DENY)
    table.answer_by_choice("ioctl", 1, _IOCTLS, _ERRNO | errno.ENOTTY)
    table.answer_by_choice("prctl", 0, _PRCTLS, _DENY)
    table.answer_by_choice("fcntl", 1, _FCNTLS, _DENY)
