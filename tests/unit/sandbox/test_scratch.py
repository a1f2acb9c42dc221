"""Directories that strangers have filled, in every way that makes removing them hard."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syft.sandbox import scratch


@pytest.fixture
def top(tmp_path: Path) -> Path:
    made = tmp_path / "top"
    made.mkdir()
    return made


def nest(top: Path, depth: int) -> None:
    """Directories nested deeper than a path can be long."""
    here = os.getcwd()
    try:
        os.chdir(top)
        for _ in range(depth):
            os.mkdir("directory")
            os.chdir("directory")
        Path("file").write_text("deep down")
    finally:
        os.chdir(here)


def test_what_is_used_is_counted_as_allocated(top: Path) -> None:
    assert scratch.used_bytes(top) == 0
    (top / "a").mkdir()
    (top / "a" / "file").write_bytes(bytes(100_000))
    with (top / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    used = scratch.used_bytes(top)
    assert used is not None
    assert 100_000 <= used < 200_000


def test_a_directory_that_is_not_there_uses_nothing(top: Path) -> None:
    assert scratch.used_bytes(top / "missing") == 0


def test_links_are_not_followed(top: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(bytes(100_000))
    (top / "link").symlink_to(tmp_path / "elsewhere")
    used = scratch.used_bytes(top)
    assert used is not None
    assert used < 10_000  # a long link takes a block
    scratch.remove(top)
    assert not top.exists()
    assert (tmp_path / "elsewhere" / "file").exists()


def test_too_many_files_are_over_any_limit(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "ENTRIES_MAX", 3)
    for number in range(4):
        (top / str(number)).touch()
    assert scratch.used_bytes(top) is None


def test_nesting_beyond_the_length_of_a_path_is_over_any_limit(top: Path) -> None:
    nest(top, 1000)
    assert scratch.used_bytes(top) is None
    scratch.remove(top)
    assert not top.exists()


def test_everything_is_removed(top: Path) -> None:
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "file").touch()
    (top / "a" / "b" / "file").touch()
    (top / "file").touch()
    os.mkfifo(top / "fifo")
    (top / "a" / "b").chmod(0)
    (top / "a").chmod(0)
    scratch.remove(top)
    assert not top.exists()
    scratch.remove(top)


# --- directories that a process leaves when it is killed

HOLDER = """
import sys, time
from syft.sandbox.scratch import Held
held = Held("syft-test-")
(held.path / "private").write_text("value")
print(held.path, flush=True)
time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def holder(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_held_is_removed_by_the_next(temporary: Path) -> None:
    process, left = holder(temporary)
    with process:
        scratch.Held("syft-test-").remove()
        assert (left / "private").exists(), "it was taken from a process that lives"
        process.kill()
    assert (left / "private").exists()
    scratch.Held("syft-other-").remove()
    assert (left / "private").exists()
    held = scratch.Held("syft-test-", 0o711)
    assert list(temporary.iterdir()) == [held.path]
    assert held.path.stat().st_mode & 0o777 == 0o711
    held.remove()
    assert not list(temporary.iterdir())


def test_another_process_can_go_on_holding(temporary: Path) -> None:
    process, left = holder(temporary)
    with process:
        second = scratch.hold(left)
        process.kill()
    scratch.Held("syft-test-").remove()
    assert left.exists()
    os.close(second)
    scratch.Held("syft-test-").remove()
    assert not left.exists()
    with pytest.raises(FileNotFoundError):
        scratch.hold(left)


def test_what_was_removed_before_it_could_be_held_is_not_held(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(descriptor: int, operation: int) -> None:
        top.rmdir()

    monkeypatch.setattr(fcntl, "flock", slow)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        scratch.hold(top)
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_others_have_put_there_is_left_alone(temporary: Path) -> None:
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / "precious").touch()
    (temporary / "syft-test-link").symlink_to(temporary / "elsewhere")
    (temporary / "syft-test-file").touch()
    if os.geteuid() == 0:
        (temporary / "syft-test-others").mkdir()
        os.chown(temporary / "syft-test-others", 12345, 12345)
    before = set(temporary.rglob("*"))
    scratch.Held("syft-test-").remove()
    assert set(temporary.rglob("*")) == before


def test_two_may_remove_the_same_directory_at_once(top: Path) -> None:
    for number in range(200):
        (top / f"{number}" / "below").mkdir(parents=True)
        (top / f"{number}" / "below" / "file").touch()
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(scratch.remove, top) for _ in range(4)]
    assert not top.exists()
    for one in done:
        one.result()


def test_a_removal_that_was_cut_off_is_taken_up(top: Path) -> None:
    (top / ".syft-removing-1" / "inside").mkdir(parents=True)
    (top / "a" / "b").mkdir(parents=True)
    scratch.remove(top)
    assert not top.exists()


def test_what_fills_up_again_and_again_is_not_removed_for_ever(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "file").touch()
    monkeypatch.setattr(scratch, "_empty", lambda _: None)
    with pytest.raises(OSError, match="not empty"):
        scratch.remove(top)
    (top / "file").unlink()
    scratch.remove(top)
    assert not top.exists()
