"""This module describes a container to an OCI runtime: what is seen in it, and as whom it begins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from syft.sandbox import closure, mounts

# Where the first process in the container finds the group of processes that it counts.
GROUPS: Final = "/groups"
HOSTNAME: Final = "sandbox"
# What the first process needs for making room for the run, which itself has none. They mean something to the
# container's own kernel only: the machine's is never asked.
_CAPABILITIES: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_ADMIN",
)
# Those that no process in gVisor may set for itself.
_LIMITS: Final = {"RLIMIT_MSGQUEUE": 0, "RLIMIT_NICE": 0, "RLIMIT_RTPRIO": 0, "RLIMIT_SIGPENDING": 64}
_OWN: Final = ("dev", "proc", "sys", GROUPS[1:], mounts.OWN[1:], *(one[1:] for one in mounts.WRITABLE))


class Unsuitable(Exception):
    """No container can be made of this interpreter; says why."""


def visible_paths(protected: Iterable[str], packages: str = "") -> list[str]:
    """What is seen of the machine: what a run may read, and the interpreter itself, which is started anew.

    Args:
        protected: directories that no run may see.
        packages: a directory of packages beside the interpreter's; empty for none.
    Raises:
        UnsafeClosure: libraries are where data are.
        Unsuitable: libraries are where a run's own directories are.
    """
    # The container's own kernel tells of processors.
    libraries = [
        path for path in closure.readable_paths(protected, packages) if not closure.is_within(path, "/sys")
    ]
    paths = closure.outermost([*libraries, *_links_to(sys.executable)])
    for hidden in mounts.hidden_by_own(paths):
        raise Unsuitable(
            f"Python imports from {hidden}, where each run has a directory of its own; install it elsewhere"
        )
    return paths


def _links_to(path: str) -> list[str]:
    """A file, and every link on the way to it."""
    found = [path]
    while os.path.islink(found[-1]):
        found.append(os.path.normpath(os.path.join(os.path.dirname(found[-1]), os.readlink(found[-1]))))
    return found


def build_root(place: Path, paths: Sequence[str]) -> list[str]:
    """Make the directory that containers have as their root: nothing is in it but places, and a user.

    Args:
        place: to be made.
        paths: what is to be seen in it.
    Returns:
        the paths that are still to be mounted; links are there already.
    """
    place.mkdir(mode=0o755)
    for name in _OWN:
        (place / name).mkdir(mode=0o755, parents=True, exist_ok=True)
    mounted = []
    for path in paths:
        target = Path(f"{place}{path}")
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if os.path.islink(path):
            target.symlink_to(os.readlink(path))
            continue
        if os.path.isdir(path):
            target.mkdir(mode=0o755, exist_ok=True)
        else:
            target.touch()
        mounted.append(path)
    etc = place / "etc"
    etc.mkdir(mode=0o755, exist_ok=True)
    user = f"{mounts.USER}:x:{mounts.UID}:{mounts.UID}::{mounts.SCRATCH}:/bin/false\n"
    (etc / "passwd").write_text(user)
    (etc / "group").write_text(f"{mounts.USER}:x:{mounts.UID}:\n")
    return mounted


def configuration(
    root: Path, mounted: Sequence[str], command: Sequence[str], environment: Mapping[str, str]
) -> dict[str, Any]:
    """The content of a bundle's `config.json`.

    Args:
        root: directory made by `build_root`.
        mounted: what it returned.
        command: the container's first process.
        environment: that this sees, and nothing else.
    """
    capabilities = list(_CAPABILITIES)
    return {
        "ociVersion": "1.0.2",
        "hostname": HOSTNAME,
        "root": {"path": str(root), "readonly": True},
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(command),
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "rlimits": [{"type": name, "soft": most, "hard": most} for name, most in _LIMITS.items()],
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            *(
                {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
                for path in mounted
            ),
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }
