"""This module shuts the process in that speaks to somebody else's cluster: it unpickles, so it must find nothing."""

from __future__ import annotations

import os
import sys
from typing import Final

from syft.sandbox import landlock
from syft.sandbox.linux import PR_SET_NO_NEW_PRIVS, prctl

# Libraries, names of machines, certificates of authorities, the time.
_SYSTEM: Final = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/lib",
    "/lib64",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/pki",
    "/etc/localtime",
    "/dev/null",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/fs/cgroup",
)


def shut_in(*files: str) -> bool:
    """Let this process read Python, the system's libraries and these files from now on, and write nothing.

    Its network stays. Without Landlock in the kernel nothing is done. To be called while there is one thread.

    Args:
        files: that it needs; empty names are left out.
    Returns:
        Whether it is shut in.
    """
    abi = landlock.version()
    if not abi:
        return False
    rules = landlock.Ruleset(abi, network=False)
    own = (sys.prefix, sys.base_prefix, *(path for path in sys.path if os.path.isabs(path)))
    for path in (*own, *_SYSTEM, f"/proc/{os.getpid()}", *(file for file in files if file)):
        rules.allow_path(path, landlock.READ)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    rules.restrict()
    return True
