"""Containers as Docker, Podman and Kubernetes make them, without any of them: written out, and run by `crun`.

What is copied from them are facts: which rights, kernel calls and files a container has if nobody says otherwise.
Not emulated: AppArmor or SELinux, control groups, and images; the file system is this machine's Python, read-only.

Sources: Docker's default seccomp profile (moby, profiles/seccomp/default.json), capabilities and masked paths
(moby, oci/defaults.go); Podman's additions for users without rights (containers/common, pkg/seccomp); the
Kubernetes Pod Security Standard "restricted".
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syft.sandbox.advice import NEEDED_CALLS

HOME = "/home/syft"
USER = 1001
_CGROUPS = "/sys/fs/cgroup"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Docker allows these to everybody, and answers EPERM to every call that is not named here.
_CALLS = _words("""
accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown chroot clock_adjtime
clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3
epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod
fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs
fsync ftruncate futex futex_waitv futimesat getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups
getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getxattr
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents
io_pgetevents ioprio_get ioprio_set io_setup io_submit kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr
lstat madvise membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall
mmap modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap msgctl
msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat open openat
openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl
pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 ptrace pwrite64
pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages
removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr
sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget
semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid setfsuid setgid setgroups setitimer setpgid
setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list setsid setsockopt set_thread_area
set_tid_address setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair
splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create
timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times
tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid write writev
""")
# Podman allows these to everybody, too; Docker only to who has CAP_SYS_ADMIN.
_CALLS_OF_PODMAN = _words("""
clone clone3 fsconfig fsmount fsopen fspick keyctl mount mount_setattr move_mount open_tree pivot_root
setdomainname sethostname setns umount2 unshare
""")
_AF_VSOCK = 40
_PERSONALITIES = (0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
_NEW_NAMESPACES = 0x7E020000
_ENOSYS = 38
_RIGHTS = _words("""
CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
AUDIT_WRITE
""")
_MASKED = _words("""
/proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list
/proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap
""")
_READ_ONLY = _words("""
/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger
""")
_PLAIN = ("nosuid", "noexec", "nodev")


@dataclass(frozen=True)
class Profile:
    """What a container may.

    Args:
        name: for people.
        user: uid of its processes.
        calls: allowed beyond Docker's.
        rights: capabilities of root; what others could get from setuid programs.
        covered: whether parts of /proc are masked or read-only.
        no_new_privileges: whether setuid programs give rights.
        read_only: whether only /tmp and the home can be written to.
    """

    name: str
    user: int = 0
    calls: tuple[str, ...] = ()
    rights: tuple[str, ...] = _RIGHTS
    covered: bool = True
    no_new_privileges: bool = False
    read_only: bool = False


DOCKER_ROOT = Profile("docker, root")
DOCKER_USER = Profile("docker, user", USER)
DOCKER_NO_RIGHTS = Profile("docker, root without capabilities", rights=())
DOCKER_RAISED = Profile("docker, root, raised", calls=NEEDED_CALLS, covered=False)
PODMAN = Profile("podman, user", USER, calls=_CALLS_OF_PODMAN)
PODMAN_UNMASKED = Profile("podman, user, unmasked", USER, calls=_CALLS_OF_PODMAN, covered=False)
KUBERNETES = Profile("kubernetes, restricted", USER, rights=(), no_new_privileges=True, read_only=True)


def why_not() -> str:
    """Why containers cannot be made here; empty if they can."""
    if os.geteuid() != 0:
        return "only root makes containers like Docker's"
    for program in ("crun", "unshare"):
        if shutil.which(program) is None:
            return f"`{program}` is not installed (Debian: apt-get install crun util-linux)"
    for path in _python():
        if os.stat(path).st_mode & 0o005 != 0o005:
            return f"others cannot read {path}, and processes of a container's user must"
    return ""


class Container:
    """One container; it ends when this object is closed.

    Args:
        folder: an empty one for what it needs.
        profile: what it may.
        command: its first process.
        environ: beside PATH, HOME and SYFT_HOME.
        files: of this machine, shown at their own paths.
    """

    def __init__(
        self,
        folder: Path,
        profile: Profile,
        command: Sequence[str],
        environ: dict[str, str] | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        self._folder = folder
        self._name = f"syft-{secrets.token_hex(6)}"
        _furnish(folder / "rootfs", profile.user)
        config = _config(profile, command, environ or {}, [*_python(), *map(str, files)])
        (folder / "config.json").write_text(json.dumps(config))
        self.process = subprocess.Popen(
            self._crun("run", "--bundle", str(folder), self._name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command in it to its end."""
        return subprocess.run(
            self._crun("exec", self._name, *command), capture_output=True, text=True, timeout=150
        )

    def signal(self, name: str) -> None:
        """Send a signal to its first process."""
        subprocess.run(self._crun("kill", self._name, name), check=True, timeout=20)

    def close(self) -> None:
        """End it."""
        subprocess.run(self._crun("delete", "--force", self._name), stderr=subprocess.DEVNULL, timeout=20)
        self.process.communicate(timeout=20)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _crun(self, *words: str) -> list[str]:
        # Control groups are not needed, and crun does not even start where they are of both versions: in a mount
        # namespace of its own it finds version 2. The mounts go with it.
        script = f'mount -t cgroup2 none {_CGROUPS} 2>/dev/null; exec "$@"'
        crun = ["crun", "--root", str(self._folder / "state"), "--cgroup-manager=disabled"]
        return ["unshare", "--mount", "sh", "-c", script, "sh", *crun, *words]


def _python() -> list[str]:
    """What has to be there for this Python and what it imports to work."""
    paths = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib")}
    paths |= {path for path in sys.path if os.path.isdir(path) and path.endswith(("/site-packages", "/src"))}
    kept = sorted(path for path in paths if not any(path.startswith(f"{other}/") for other in paths))
    return [path for path in kept if not path.startswith("/usr")]


def _furnish(root: Path, user: int) -> None:
    """Make the directories and links that nothing is mounted over."""
    for name in ("dev", "etc", "home", "proc", "sys", "tmp", "usr", HOME[1:]):
        (root / name).mkdir(parents=True)
        (root / name).chmod(0o755)
    (root / "tmp").chmod(0o1777)
    os.chown(root / HOME[1:], user, user)
    (root / HOME[1:]).chmod(0o700)
    for name in ("bin", "sbin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            (root / name).symlink_to(os.readlink(f"/{name}"))
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (root / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\nsyft:x:{USER}:{USER}::{HOME}:/bin/sh\n")


def _config(
    profile: Profile, command: Sequence[str], environ: dict[str, str], shown: Sequence[str]
) -> dict[str, object]:
    rights = [f"CAP_{name}" for name in profile.rights]
    capabilities = {"bounding": rights}
    if profile.user == 0:
        capabilities |= {"effective": rights, "permitted": rights}
    variables = {"PATH": "/usr/bin:/bin", "HOME": HOME, "SYFT_HOME": f"{HOME}/data", **environ}
    return {
        "ociVersion": "1.0.2",
        "hostname": "container",
        "root": {"path": "rootfs", "readonly": profile.read_only},
        "process": {
            "user": {"uid": profile.user, "gid": profile.user},
            "args": list(command),
            "env": [f"{name}={value}" for name, value in variables.items()],
            "cwd": "/",
            "capabilities": capabilities,
            "noNewPrivileges": profile.no_new_privileges,
        },
        "mounts": _mounts(profile, shown),
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "network", "ipc", "uts")],
            "maskedPaths": list(_MASKED) if profile.covered else [],
            "readonlyPaths": list(_READ_ONLY) if profile.covered else [],
            "seccomp": _seccomp(profile.calls),
        },
    }


def _mounts(profile: Profile, shown: Sequence[str]) -> list[dict[str, object]]:
    system = ["/usr", "/etc/alternatives", "/etc/ld.so.cache", "/etc/fonts"]
    system += [f"/{name}" for name in ("bin", "lib", "lib64") if not Path("/", name).is_symlink()]
    kinds: list[tuple[str, str, tuple[str, ...]]] = [
        ("/proc", "proc", _PLAIN),
        ("/dev", "tmpfs", ("nosuid", "mode=755", "size=64m")),
        ("/dev/pts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666")),
        ("/dev/shm", "tmpfs", (*_PLAIN, "mode=1777", "size=64m")),
        ("/dev/mqueue", "mqueue", _PLAIN),
        ("/sys", "sysfs", (*_PLAIN, "ro")),
    ]
    if profile.read_only:
        kinds += [(path, "tmpfs", ("nosuid", "nodev", "mode=1777")) for path in ("/tmp", HOME)]
    mounts: list[dict[str, object]] = [
        {"destination": path, "type": kind, "source": kind, "options": list(options)}
        for path, kind, options in kinds
    ]
    return mounts + [
        {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
        for path in [*system, *shown]
        if os.path.exists(path)
    ]


def _seccomp(more: Sequence[str]) -> dict[str, object]:
    def rule(name: str, value: int, comparison: str) -> dict[str, object]:
        test = {"index": 0, "value": value, "op": f"SCMP_CMP_{comparison}"}
        return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [test]}

    rules: list[dict[str, object]] = [
        {"names": [*_CALLS, *more], "action": "SCMP_ACT_ALLOW"},
        rule("socket", _AF_VSOCK, "NE"),
        *(rule("personality", value, "EQ") for value in _PERSONALITIES),
    ]
    if "clone" not in more:
        rules.append(rule("clone", _NEW_NAMESPACES, "MASKED_EQ"))
    if "clone3" not in more:
        # Its flags are in memory, where a filter cannot look; libraries then use clone.
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    return {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": rules}
