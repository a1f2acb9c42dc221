"""This module tries to get at the kernel: other namespaces, mounts, rarely used calls, other ways to call."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource

from syft.sandbox.acts.table import Props, act
from syft.sandbox.linux import CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER, syscall
from syft.sandbox.syscalls import X86_64, machine

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> int:
    """Make a kernel call; numbers become arguments of full width."""
    wide = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return syscall(name, *wide)


@act("kernel", "make a user namespace")
def _user_namespace(props: Props) -> None:
    call("unshare", CLONE_NEWUSER)


@act("kernel", "make a mount namespace")
def _mount_namespace(props: Props) -> None:
    call("unshare", CLONE_NEWNS)


@act("kernel", "make a process in a user namespace")
def _clone_namespace(props: Props) -> None:
    if call("clone", CLONE_NEWUSER | CLONE_NEWNET | 17, 0, 0, 0, 0) == 0:
        os._exit(0)


@act("kernel", "fork by the kernel's own call")
def _clone(props: Props) -> None:
    if call("clone", 17, 0, 0, 0, 0) == 0:
        os._exit(0)


@act("kernel", "fork by clone3")
def _clone3(props: Props) -> None:
    arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
    if call("clone3", arguments, 88) == 0:
        os._exit(0)


@act("kernel", "go into another process's namespace")
def _setns(props: Props) -> None:
    descriptor = os.open(f"/proc/{props.victim}/ns/mnt", os.O_RDONLY)
    call("setns", descriptor, 0)


@act("kernel", "mount a file system")
def _mount(props: Props) -> None:
    os.makedirs("mounted", exist_ok=True)
    call("mount", b"tmpfs", b"mounted", b"tmpfs", 0, None)
    _libc.umount2(b"mounted", 2)


@act("kernel", "mount by the newer calls")
def _fsopen(props: Props) -> None:
    os.close(call("fsopen", b"tmpfs", 0))


@act("kernel", "change the root")
def _chroot(props: Props) -> None:
    os.chroot(".")


@act("kernel", "change the machine's name")
def _hostname(props: Props) -> None:
    name = os.uname().nodename.encode()
    call("sethostname", name, len(name))


@act("kernel", "load a program into the kernel")
def _bpf(props: Props) -> None:
    attributes = (ctypes.c_uint32 * 32)(2, 4, 8, 1)  # BPF_MAP_TYPE_ARRAY
    os.close(call("bpf", 0, attributes, 128))


@act("kernel", "watch performance events")
def _perf(props: Props) -> None:
    attributes = (ctypes.c_uint32 * 32)(1, 128, 0)  # PERF_TYPE_SOFTWARE
    os.close(call("perf_event_open", attributes, 0, -1, -1, 0))


@act("kernel", "handle page faults")
def _userfaultfd(props: Props) -> None:
    os.close(call("userfaultfd", 1))


@act("kernel", "keep a key in the kernel")
def _key(props: Props) -> None:
    call("add_key", b"user", b"syft-act", b"x", 1, -2)


@act("kernel", "set up an io_uring")
def _io_uring(props: Props) -> None:
    os.close(call("io_uring_setup", 4, (ctypes.c_uint32 * 64)()))


@act("kernel", "read the kernel's log")
def _log(props: Props) -> None:
    call("syslog", 10, None, 0)


@act("kernel", "write a setting of the kernel")
def _sysctl(props: Props) -> None:
    with open("/proc/sys/kernel/domainname", "r+"):
        return


@act("kernel", "read a setting of the kernel", quick=True)
def _read_sysctl(props: Props) -> object:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read()


@act("kernel", "make a call of another architecture's: x32")
def _x32(props: Props) -> object:
    if machine() != X86_64:
        raise OSError("not on this machine")
    # Answered with an error only where the kernel was built without x32; the call itself is what must not be.
    _libc.syscall(ctypes.c_long(0x40000000 | 39))
    return True


@act("kernel", "make a call of another architecture's: int 0x80")
def _int80(props: Props) -> object:
    if machine() != X86_64:
        raise OSError("not on this machine")
    # mov eax, 20 (getpid); push rbx; int 0x80; pop rbx; ret
    code = b"\xb8\x14\x00\x00\x00\x53\xcd\x80\x5b\xc3"
    area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(code)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    return ctypes.CFUNCTYPE(ctypes.c_int)(start)() > 0


@act("kernel", "take away the randomness of addresses")
def _personality(props: Props) -> None:
    call("personality", 0x0040000)


@act("kernel", "raise a limit", quick=True)
def _raise_limit(props: Props) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@act("kernel", "become root", quick=True)
def _become_root(props: Props) -> object:
    os.setresuid(0, 0, 0)
    return os.getuid() == 0


@act("kernel", "become somebody else")
def _become_other(props: Props) -> None:
    os.setresuid(12345, 12345, 12345)


@act("kernel", "have a privilege", quick=True)
def _capability(props: Props) -> object:
    with open("/proc/self/status") as file:
        lines = [line for line in file if line.startswith(("CapEff:", "CapPrm:"))]
    return any(int(line.split()[1], 16) for line in lines)


@act("kernel", "gain rights from a setuid program", quick=True)
def _new_privileges(props: Props) -> object:
    return _libc.prctl(39, 0, 0, 0, 0) == 0


@act("kernel", "be dumped or attached to", quick=True)
def _dumpable(props: Props) -> object:
    return _libc.prctl(3, 0, 0, 0, 0) == 1


@act("kernel", "run a program from its own files")
def _own_program(props: Props) -> object:
    with open("program", "w") as file:
        file.write("#!/bin/sh\nexit 0\n")
    os.chmod("program", 0o700)
    pid = os.posix_spawn("program", ["program"], {})
    return os.waitpid(pid, 0)[1] == 0
