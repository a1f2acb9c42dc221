"""This module calls the kernel where the standard library has no name for it. No policy is decided here."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

_CLOSE_RANGE: Final = 436  # the same number on every architecture (Linux 5.9)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _checked(answer: int, what: str) -> int:
    """The answer of a call, or the error it left in errno."""
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return answer


def prctl(option: int, value: int = 0) -> int:
    """Change one attribute of this process.

    Raises:
        OSError: the kernel refused.
    """
    zero = ctypes.c_ulong(0)
    return _checked(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl({option})")


def close_from(lowest: int) -> None:
    """Close every descriptor from `lowest` up, whoever opened it."""
    answer = _libc.syscall(
        ctypes.c_long(_CLOSE_RANGE), ctypes.c_uint(lowest), ctypes.c_uint(0xFFFFFFFF), ctypes.c_uint(0)
    )
    if answer < 0 and ctypes.get_errno() == errno.ENOSYS:
        for name in os.listdir("/proc/self/fd"):
            if int(name) >= lowest:
                _close_if_open(int(name))
        return
    _checked(answer, "close_range")


def _close_if_open(descriptor: int) -> None:
    """Close a descriptor; the one that listed the directory is gone by now."""
    try:
        os.close(descriptor)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


def die_with_parent(parent: int) -> None:
    """Ask for SIGKILL when the parent's thread ends; to be asked again after every change of uid.

    Args:
        parent: pid of the process that must still be the parent.
    Raises:
        ProcessLookupError: it had already died before the kernel was asked.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError("the parent has died")
