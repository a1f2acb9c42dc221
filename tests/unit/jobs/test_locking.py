"""Locking and installing packages: what is pinned, what is taken from the server, and what is refused."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from support.wheels import make_source, make_wheel, only_place
from syft.jobs import locking
from syft.jobs.locking import BuildFailed, Program
from syft.model.packages import canonical_name

try:
    locking.find_uv()
except BuildFailed as error:
    pytest.skip(str(error), allow_module_level=True)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that packages come from, and no other place."""
    return only_place(tmp_path / "wheels", monkeypatch)


def program(tmp_path: Path, name: str) -> tuple[Path, locking.Run]:
    place = tmp_path / name
    place.mkdir()
    return place, Program(place, tmp_path / f"{name}.log").run


def lock_of(tmp_path: Path, *packages: str) -> str:
    return locking.make_lock(packages, *program(tmp_path, "lock"))


def test_a_lock_names_everything_that_is_needed_by_its_hash(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "pebble", "1.0", {"pebble.py": "VALUE = 1\n"}, ["gravel>=2", "numpy"])
    make_wheel(wheels, "gravel", "2.5", {"gravel.py": ""})
    own = importlib.metadata.version("numpy")
    make_wheel(wheels, "numpy", own, {"numpy/__init__.py": "FAKE = True\n"})
    make_wheel(wheels, "numpy", "999.0", {"numpy/__init__.py": "FAKE = True\n"})

    lock = lock_of(tmp_path, "pebble")

    # The server's version of what it has, since any would do.
    assert locking.locked(lock) == {"pebble": "1.0", "gravel": "2.5", "numpy": own}
    assert lock.count("--hash=sha256:") == 3
    # And what the server has is not installed again.
    assert set(locking.locked(locking.to_install(lock))) == {"pebble", "gravel"}
    place, run = program(tmp_path, "new")
    tree = locking.install(lock, place, run)
    assert {path.name for path in (place / "packages").glob("*.py")} == {"pebble.py", "gravel.py"}
    assert (place / "lock.txt").read_text() == lock
    assert tree == locking.tree_digest(place / "packages")
    # Compiled, since runs cannot write what they compile.
    assert list((place / "packages").rglob("pebble.*.pyc"))
    assert all(path.stat().st_mode & 0o022 == 0 for path in place.rglob("*"))


def test_the_same_packages_make_the_same_lock(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "pebble", "1.0", {"pebble.py": ""})
    (tmp_path / "other").mkdir()
    assert lock_of(tmp_path, "pebble") == lock_of(tmp_path / "other", "pebble")


def test_a_file_that_is_not_the_locked_one_is_not_installed(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "pebble", "1.0", {"pebble.py": "VALUE = 1\n"})
    lock = lock_of(tmp_path, "pebble")
    make_wheel(wheels, "pebble", "1.0", {"pebble.py": "VALUE = 'another'\n"})
    with pytest.raises(BuildFailed, match=r"(?i)hash"):
        locking.install(lock, *program(tmp_path, "new"))


def test_what_has_no_wheel_is_not_built_here(tmp_path: Path, wheels: Path) -> None:
    marker = tmp_path / "ran"
    make_source(wheels, "pebble", "1.0", f"open({str(marker)!r}, 'w')\nraise SystemExit(1)\n")
    # Outside, its program runs.
    subprocess.run(
        [
            locking.find_uv(),
            "pip",
            "install",
            "--python",
            sys.executable,
            "--target",
            tmp_path / "t",
            "pebble",
        ],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert marker.exists()
    marker.unlink()

    with pytest.raises(BuildFailed, match="pebble"):
        lock_of(tmp_path, "pebble")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["msgspec", "pynacl", "blake3"])
def test_what_the_sandbox_has_imported_has_one_version(tmp_path: Path, wheels: Path, name: str) -> None:
    make_wheel(wheels, name, "999.0", {})
    with pytest.raises(BuildFailed, match=name):
        lock_of(tmp_path, f"{name}==999.0")


def test_what_values_travel_by_keeps_to_what_we_need(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "numpy", "1.0", {})
    with pytest.raises(BuildFailed, match="numpy"):
        lock_of(tmp_path, "numpy==1.0")
    assert any(one.startswith("numpy>=") for one in locking.constraints())


def test_whatever_the_sandbox_imports_is_pinned() -> None:
    """Found out by importing it: a new dependency of the fence would show here."""
    # Not what an installation has every interpreter import at its start.
    code = (
        "import sys; before = set(sys.modules); import syft.sandbox.zygote; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    owners = importlib.metadata.packages_distributions()
    packages = {
        canonical_name(package) for name in loaded.stdout.split() for package in owners.get(name, ())
    } - {"datasite"}
    pinned = {one.partition("==")[0] for one in locking.constraints() if "==" in one}
    assert packages
    assert packages <= pinned


def test_a_program_says_why_it_failed_without_addresses(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(BuildFailed, match="no-such-pebble") as failure:
        lock_of(tmp_path, "no-such-pebble")
    assert "://" not in str(failure.value)
    said = "from https://name:secret@index.test/simple/x and HTTP://other.test, yes"
    assert locking.without_addresses(said) == "from <address> and <address> yes"
    (tmp_path / "log").write_text(said)
    assert "secret" not in locking.readable_log(tmp_path / "log", 1000)
    assert locking.readable_log(tmp_path / "log", 3) == "yes"
    assert locking.readable_log(tmp_path / "none", 3) == ""


def test_links_are_no_part_of_an_environment(tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "a.py").write_text("")
    before = locking.tree_digest(folder)
    (folder / "b.py").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="plain"):
        locking.tree_digest(folder)
    with pytest.raises(BuildFailed, match="plain"):
        locking._settle(folder)
    (folder / "b.py").unlink()
    assert locking.tree_digest(folder) == before


def test_a_digest_is_of_names_and_content(tmp_path: Path) -> None:
    digests = set()
    for number, files in enumerate(
        ({}, {"a": "xy"}, {"a": "x", "y": ""}, {"ax": "y"}, {"b": "xy"}, {"d/a": "xy"})
    ):
        folder = tmp_path / str(number)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        folder.mkdir(exist_ok=True)
        digests.add(locking.tree_digest(folder))
    assert len(digests) == 6


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installer that never ends, and tells its number."""
    script = tmp_path / "uv"
    told = tmp_path / "pid"
    script.write_text(f"#!/bin/sh\necho $$ > {told}.part\nmv {told}.part {told}\nexec sleep 1000\n")
    script.chmod(0o755)
    monkeypatch.setattr(locking, "find_uv", lambda: str(script))
    return told


def test_what_takes_too_long_is_ended(tmp_path: Path, sleeper: Path) -> None:
    with pytest.raises(BuildFailed, match="longer than"):
        Program(tmp_path, tmp_path / "log", timeout_s=0.5).run(["pip"])
    assert not sleeper.exists() or not psutil.pid_exists(int(sleeper.read_text()))


def test_a_program_that_was_stopped_does_not_run(tmp_path: Path, sleeper: Path) -> None:
    one = Program(tmp_path, tmp_path / "log")
    one.stop()
    with pytest.raises(BuildFailed, match="stopped"):
        one.run(["pip"])


def test_it_ends_with_the_server_even_by_kill(tmp_path: Path, sleeper: Path) -> None:
    code = f"""
        from pathlib import Path
        from syft.jobs import locking
        locking.find_uv = lambda: {str(tmp_path / "uv")!r}
        locking.Program(Path({str(tmp_path)!r}), Path({str(tmp_path / "log")!r})).run(["pip"])
    """
    server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    try:
        _until(sleeper.exists, server)
        uv = psutil.Process(int(sleeper.read_text()))
        os.kill(server.pid, signal.SIGKILL)
        uv.wait(30)
    finally:
        server.kill()
        server.wait()


def _until(condition: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        assert server.poll() is None
        pause.wait(0.01)
    raise AssertionError("it never came")
