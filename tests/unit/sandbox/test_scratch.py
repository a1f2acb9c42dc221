"""Directories that strangers have filled, in every way that makes removing them hard."""

from __future__ import annotations

import os
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
