"""A small virtual machine of our own: another kernel under this machine's file system, which it can only read.

Used where a test needs what the machine it runs on does not have, and must not be changed to have.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
# Where `tests/vm/fetch` puts a kernel and a shell that needs no libraries.
PARTS = PROJECT / ".tools" / "vm"
QEMU = "qemu-system-x86_64"
MEMORY_MIB = 2048
# In the order in which they need each other. What is built into the kernel has no file.
MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"),
    *("netfs", "fscache", "9pnet", "9pnet_virtio", "9p"),
)
INIT = """#!/bin/busybox sh
export PATH=/bin
for one in {modules}; do busybox insmod /modules/$one || busybox echo "no $one"; done
busybox mkdir /new
busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 root /new
for one in tmp run dev/shm; do
    [ $one = dev/shm ] && busybox mount -t devtmpfs dev /new/dev && busybox mkdir -p /new/dev/shm
    busybox mount -t tmpfs tmpfs /new/$one
done
busybox mount -t proc proc /new/proc
busybox mount -t sysfs sysfs /new/sys
busybox mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
busybox chmod 1777 /new/tmp /new/dev/shm
busybox cp /bin/busybox /run.sh /new/run/
busybox ip link set lo up
exec busybox switch_root /new /run/busybox sh /run/run.sh
"""
RUN = """
cd {folder}
export PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 IN_THE_VM=1
{command}
/run/busybox echo "the command ended with status $?"
/run/busybox sync
/run/busybox poweroff -f
"""


@dataclass(frozen=True)
class Answer:
    """What came out of a virtual machine.

    Args:
        status: of the command; None if it did not come so far.
        text: all that was written to its console.
    """

    status: int | None
    text: str


def why_not() -> str:
    """Why there can be no virtual machine here; empty if there can."""
    if platform.machine() != "x86_64":
        return "the virtual machine is for x86-64"
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed (Debian package qemu-system-x86)"
    if not list(PARTS.glob("boot/vmlinuz-*")) or not (PARTS / "bin" / "busybox").exists():
        return "there is no kernel for it: run tests/vm/fetch"
    return ""


def run(command: Sequence[str], folder: Path, *, timeout_s: float) -> Answer:
    """Run a command as root of a virtual machine, and switch that off.

    Args:
        command: to run with this machine's files, which cannot be written to.
        folder: a folder for the machine's parts, outside of what is shared if possible.
        timeout_s: after which the machine is switched off.
    """
    initramfs, console = folder / "initramfs", folder / "console"
    initramfs.write_bytes(b"".join(_archive(command)))
    (kernel,) = PARTS.glob("boot/vmlinuz-*")
    machine = [
        *(QEMU, "-nodefaults", "-no-reboot", "-display", "none", "-serial", f"file:{console}"),
        # Emulated: the same on every machine, allowed to accelerate or not.
        *("-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", str(MEMORY_MIB)),
        *("-kernel", str(kernel), "-initrd", str(initramfs)),
        *("-append", "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check loglevel=1"),
        *("-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=root,mount_tag=root"),
    ]
    with contextlib.suppress(subprocess.TimeoutExpired):  # what it has written until then tells more
        subprocess.run(machine, stdin=subprocess.DEVNULL, timeout=timeout_s, check=False)
    text = console.read_text(errors="replace").replace("\r", "")
    ended = re.search(r"^the command ended with status (\d+)$", text, re.MULTILINE)
    return Answer(int(ended[1]) if ended else None, text)


def _archive(command: Sequence[str]) -> Iterator[bytes]:
    """The first file system: a shell, the modules that reach this machine's files, and what to run there."""
    found = {path.name.removesuffix(".ko"): path for path in PARTS.glob("lib/modules/**/*.ko")}
    modules = [name for name in MODULES if name in found]
    run = RUN.format(folder=shlex.quote(str(PROJECT)), command=shlex.join(command))
    init = INIT.format(modules=" ".join(f"{name}.ko" for name in modules))
    yield from (_entry(name, stat.S_IFDIR | 0o755) for name in ("bin", "modules"))
    yield _entry("dev", stat.S_IFDIR | 0o755)
    yield _entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    yield _entry("bin/busybox", stat.S_IFREG | 0o755, (PARTS / "bin" / "busybox").read_bytes())
    yield from (
        _entry(f"modules/{name}.ko", stat.S_IFREG | 0o644, found[name].read_bytes()) for name in modules
    )
    yield _entry("init", stat.S_IFREG | 0o755, init.encode())
    yield _entry("run.sh", stat.S_IFREG | 0o755, run.encode())
    yield _entry("TRAILER!!!", 0)


def _entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One file in an archive as the kernel unpacks it: cpio, format "newc"."""
    encoded = os.fsencode(name) + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return b"".join(part + b"\0" * (-len(part) % 4) for part in (head, data))
