"""This module says what stands between a machine and level `namespaces`, and what its operator can do about it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Made by our parent of runs, and refused by the filters that containers come with.
NEEDED_CALLS: Final = ("unshare", "setns", "mount", "mount_setattr", "umount2", "pivot_root", "sethostname")
_SETTINGS: Final = "proc/sys"
# Mounted on many machines below /proc without hiding anything of it.
_HIDES_NOTHING: Final = "/proc/sys/fs/binfmt_misc"


@dataclass(frozen=True)
class Machine:
    """What a machine tells of what it forbids.

    Args:
        filtered: a seccomp filter is in force, as in a container.
        covered: something is mounted over parts of `/proc`, so that the kernel lets nobody mount another.
        apparmor: AppArmor takes the rights out of user namespaces, unless a profile lets a program have them.
        switched_off: Debian's switch `kernel.unprivileged_userns_clone` is off.
        none_allowed: `user.max_user_namespaces` is 0.
    """

    filtered: bool = False
    covered: bool = False
    apparmor: bool = False
    switched_off: bool = False
    none_allowed: bool = False


def look(root: Path = Path("/")) -> Machine:
    """What this machine tells.

    Args:
        root: of the file system to look into.
    """
    status = _text(root / "proc/self/status").splitlines()
    mounts = [line.split()[4] for line in _text(root / "proc/self/mountinfo").splitlines()]
    return Machine(
        filtered=any(line.split() == ["Seccomp:", "2"] for line in status),
        covered=any(path.startswith("/proc/") and not path.startswith(_HIDES_NOTHING) for path in mounts),
        apparmor=_text(root / _SETTINGS / "kernel/apparmor_restrict_unprivileged_userns") == "1",
        switched_off=_text(root / _SETTINGS / "kernel/unprivileged_userns_clone") == "0",
        none_allowed=_text(root / _SETTINGS / "user/max_user_namespaces") == "0",
    )


def how_to_raise(machine: Machine, why: str) -> tuple[str, ...]:
    """What to do for level `namespaces`, one sentence or two for each thing in the way; empty if nothing is seen.

    Args:
        machine: on which that level is not available.
        why: what failed when it was tried.
    """
    if "Errno" not in why:
        return ()  # not the kernel's refusal: a self-test that took too long, say
    # That is the last of the calls that a filter might forbid.
    calls_allowed = "mount proc" in why
    found = []
    if machine.none_allowed:
        found.append("user namespaces are turned off: `sudo sysctl -w user.max_user_namespaces=10000`.")
    if machine.switched_off:
        found.append(
            "user namespaces are root's only: `sudo sysctl -w kernel.unprivileged_userns_clone=1` "
            "(and a line in /etc/sysctl.d, to keep it)."
        )
    if machine.filtered and not calls_allowed:
        found.append(
            "a seccomp filter is in force, as in a container: it must allow the calls "
            f"{', '.join(NEEDED_CALLS)}. Docker and Podman: `--security-opt seccomp=FILE`, with the default profile "
            "and these calls; Kubernetes: a Localhost profile."
        )
    if machine.covered:
        found.append(
            "parts of /proc are covered, as in a container, and then the kernel lets nobody mount another. Docker: "
            "`--security-opt systempaths=unconfined`; Podman: `--security-opt unmask=ALL`; Kubernetes: "
            "`procMount: Unmasked` with `hostUsers: false`."
        )
    if machine.apparmor:
        found.append(
            "AppArmor takes the rights out of user namespaces (kernel.apparmor_restrict_unprivileged_userns = 1). "
            "`syft doctor` prints the profile that lets this Python have them; "
            "in a container, it is the machine around it that needs it."
        )
    return tuple(found)


def apparmor_profile(interpreter: str = sys.executable) -> str:
    """The profile that lets an interpreter make user namespaces and changes nothing else, and how to load it.

    Args:
        interpreter: path; AppArmor knows programs by where their links lead.
    """
    return f"""\
# Save as /etc/apparmor.d/syft, then: sudo apparmor_parser -r /etc/apparmor.d/syft
# It is for every program that this interpreter runs. A virtual environment made with
# `python -m venv --copies` has an interpreter of its own.
abi <abi/4.0>,
include <tunables/global>

profile syft "{os.path.realpath(interpreter)}" flags=(unconfined) {{
  userns,
  include if exists <local/syft>
}}"""


def _text(path: Path) -> str:
    """What a file says; empty where there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
