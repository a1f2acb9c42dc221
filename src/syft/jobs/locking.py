"""This module locks and installs a set of Python packages beside the server's own, by `uv`, without running any of it.

Wheels only, each file by its hash: to install from source would be to run a stranger's program as the server's user.
What is installed is not imported here, nor by the parent of runs: the first to import it is a run, behind the fence.

A lock names every package that is wanted and what those need. Where the server has the very version already, nothing
is installed: the server's is used, and what runs find imported (numpy, pandas) stays so. Elsewhere the environment's
own comes first.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Final

from blake3 import blake3

from syft.model.packages import canonical_name

LOCK_NAME: Final = "lock.txt"
PACKAGES_NAME: Final = "packages"
LOCK_CHARS_MAX: Final = 4 << 20
# The largest libraries take minutes by a slow line; what takes longer does not end.
BUILD_S: Final = 1800.0
NO_UV: Final = (
    "uv, which installs packages, is not there: pip install 'datasite[images]' where the server runs"
)
# The sandbox has imported these before any environment is looked at, so that none can put its own in their place;
# another version of them would be one that nobody gets.
_SANDBOX: Final = ("msgspec", "pynacl", "blake3")
_DISTRIBUTION: Final = "datasite"
_WITH_EXTRA: Final = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_NAMED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)")
_LOCKED: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
# `uv` must end when the server does, also by SIGKILL. The signal is kept when a program takes this one's place.
_WITH_SERVER: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)
_COMMON: Final = ("--no-progress", "--color", "never", "--no-python-downloads")


class BuildFailed(Exception):
    """An environment could not be built; says why, for people."""


Run = Callable[[Sequence[str]], None]


def find_uv() -> str:
    """The program that installs: beside this interpreter, or on the path.

    Raises:
        BuildFailed: there is none.
    """
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if found is None:
        raise BuildFailed(NO_UV)
    return found


def make_lock(packages: Sequence[str], place: Path, run: Run) -> str:
    """Every package with its version and the hashes of its files, as text that the same set always has.

    Args:
        packages: names and versions, each of which `model.packages.check_package` has passed.
        place: an empty directory to work in.
        run: runs `uv` with arguments.
    Raises:
        BuildFailed: no versions go together, or there are no wheels of them.
    """
    (place / "wanted.txt").write_text("".join(f"{one}\n" for one in packages))
    (place / "constraints.txt").write_text("".join(f"{one}\n" for one in constraints()))
    lock = place / LOCK_NAME
    # Where any version does, the server's is taken: what the file that is written over says is preferred.
    lock.write_text("".join(f"{name}=={version}\n" for name, version in sorted(own_packages().items())))
    command = [
        "pip",
        "compile",
        "--generate-hashes",
        "--only-binary",
        ":all:",
        "--no-header",
        "--no-annotate",
    ]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--constraints", "constraints.txt"]
    run([*command, "--python", sys.executable, "--output-file", LOCK_NAME, *_COMMON, "wanted.txt"])
    text = lock.read_text()
    if len(text) > LOCK_CHARS_MAX:
        raise BuildFailed("these packages need too many others")
    return text


def install(lock: str, place: Path, run: Run) -> str:
    """Install what a lock names and the server has not; the digest of every file.

    Args:
        lock: as `make_lock` made it.
        place: a directory, in which `lock.txt` and `packages` are put.
        run: runs `uv` with arguments.
    Raises:
        BuildFailed: a file cannot be had, or is not the one that was locked.
    """
    (place / LOCK_NAME).write_text(lock)
    target = place / PACKAGES_NAME
    target.mkdir(mode=0o755)
    needed = to_install(lock)
    if needed:
        (place / "needed.txt").write_text(needed)
        command = [
            "pip",
            "install",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--no-deps",
            "--compile-bytecode",
        ]
        # Copies: what is linked to a cache changes with it.
        command += ["--link-mode", "copy", "--python", sys.executable, "--target", PACKAGES_NAME]
        run([*command, *_COMMON, "--requirements", "needed.txt"])
        (place / "needed.txt").unlink()
    (target / ".lock").unlink(missing_ok=True)
    _settle(target)
    return tree_digest(target)


def locked(lock: str) -> dict[str, str]:
    """The version of each package that a lock names."""
    return {canonical_name(name): version for name, version in _LOCKED.findall(lock)}


def to_install(lock: str) -> str:
    """What of a lock the server has not got in that very version."""
    own = own_packages()
    # A package and its hashes: lines that go on.
    entries = re.split(r"(?<!\\)\n", lock)
    wanted = []
    for entry in entries:
        match = _LOCKED.match(entry)
        if match is not None and own.get(canonical_name(match[1])) != match[2]:
            wanted.append(f"{entry}\n")
    return "".join(wanted)


def own_packages() -> dict[str, str]:
    """The packages that the server has, by name; without itself."""
    found = {
        canonical_name(one.metadata["Name"]): one.version
        for one in distributions()
        if one.metadata and one.version
    }
    found.pop(_DISTRIBUTION, None)
    return found


def constraints() -> list[str]:
    """What versions must keep to so that the sandbox works and values travel: requirements, as pip reads them."""
    own = own_packages()
    fixed = {name: f"{name}=={own[name]}" for name in sorted(_needed_by(_SANDBOX)) if name in own}
    ranges: dict[str, None] = {}
    for requirement, extra in _requirements(_DISTRIBUTION):
        if extra in ("", "data"):
            ranges[requirement] = None
            # What stays the server's must find what it needs.
            for further, its_extra in _requirements(_name_of(requirement)):
                if not its_extra:
                    ranges[further] = None
    return [*fixed.values(), *(one for one in ranges if _name_of(one) not in fixed)]


def _needed_by(roots: Sequence[str]) -> set[str]:
    """These packages, and all that they need."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [_name_of(one) for one, extra in _requirements(name) if not extra]
    return found


def _requirements(name: str) -> list[tuple[str, str]]:
    """What a package of the server's needs, and for which of its extras."""
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    found = []
    for line in lines:
        extra = _WITH_EXTRA.search(line)
        found.append((line.partition(";")[0].strip() if extra else line, extra[1] if extra else ""))
    return found


def _name_of(requirement: str) -> str:
    match = _NAMED.match(requirement)
    return canonical_name(match[1]) if match else ""


def _settle(folder: Path) -> None:
    """Let nobody else write to it, and have nothing in it that leads out of it.

    Raises:
        BuildFailed: there is a link, or something that is neither file nor directory.
    """
    for path in [folder, *folder.rglob("*")]:
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise BuildFailed(f"'{path.name[:100]}' in these packages is no plain file")
        # Runs may have users of their own, who must read it.
        path.chmod(stat.S_IMODE(mode) & 0o755 | (0o555 if stat.S_ISDIR(mode) else 0o444))


def tree_digest(folder: Path) -> str:
    """The digest of every file below a folder, with its name, 64 hex digits.

    Raises:
        OSError: one cannot be read, or is a link: nothing that was built is one.
    """
    whole = blake3()
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise OSError(f"{path.name} is no plain file")
        name = str(path.relative_to(folder)).encode("utf-8", "surrogateescape")
        # The name's length first, and a digest of fixed length after it: no two trees are one sequence of bytes.
        whole.update(len(name).to_bytes(8, "big") + name + blake3().update_mmap(path).digest())
    return whole.hexdigest()


class Program:
    """`uv`, run in a directory, its words kept in a file; it ends with the server, or when `stop` is called.

    Args:
        place: in which it runs.
        log: to which it writes what it says.
        timeout_s: after which it is ended.
    """

    def __init__(self, place: Path, log: Path, timeout_s: float = BUILD_S) -> None:
        self._place = place
        self._log = log
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self, arguments: Sequence[str]) -> None:
        """Run it to its end.

        Raises:
            BuildFailed: it ended badly, took too long, or was stopped.
        """
        uv = find_uv()
        before = [sys.executable, "-I", "-S", "-c", _WITH_SERVER, str(os.getpid())]
        with self._log.open("ab") as log:
            begun = log.seek(0, os.SEEK_END)
            process = self._process = subprocess.Popen(  # noqa: S603 - no word is a stranger's: those are in files
                [*before, uv, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._place,
                start_new_session=True,
            )
            if self._stopped:
                self.stop()
            try:
                code = process.wait(self._timeout_s)
            except subprocess.TimeoutExpired:
                self.stop()
                process.wait()
                raise BuildFailed(f"it took longer than {self._timeout_s:g} s") from None
        if self._stopped:
            raise BuildFailed("the server was stopped meanwhile; build it again")
        if code != 0:
            raise BuildFailed(_told(self._log, begun) or f"uv ended with status {code}")

    def stop(self) -> None:
        """End it, and what it started."""
        self._stopped = True
        process = self._process
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def readable_log(path: Path, most: int) -> str:
    """What a log says, its last `most` characters, without the names and passwords that addresses can hold."""
    try:
        text = path.read_bytes()[-4 * most :].decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return without_addresses(text)[-most:]


def without_addresses(text: str) -> str:
    """A text without the addresses in it: where packages come from, and with which password, is the operator's."""
    return re.sub(r"\b[a-z][a-z0-9+.-]*://\S+", "<address>", text, flags=re.IGNORECASE)


def _told(log: Path, begun: int) -> str:
    """What went wrong, from what was said since."""
    text = without_addresses(log.read_bytes()[begun:].decode("utf-8", "replace"))
    lines = [" ".join(line.strip(" ×╰─▶├│╭").split()) for line in text.splitlines()]
    # Its warnings come first, and are about the machine.
    told = [
        line
        for line in lines
        if line and not line.lower().startswith(("warning", "using cpython", "resolved"))
    ]
    return " ".join(told)[:1000]


def installed_names(packages: Mapping[str, str]) -> tuple[str, ...]:
    """Packages and versions as people write them, sorted."""
    return tuple(f"{name}=={version}" for name, version in sorted(packages.items()))
