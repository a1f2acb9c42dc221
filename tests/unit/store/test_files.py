"""One process a directory, and what the operating system says of a disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from syft.errors import StorageError, StorageFull
from syft.store.files import (
    LOCK_NAME,
    DirectoryLock,
    disk_errors,
    make_private,
    remove_temporary,
    temporary_directory,
)


def test_a_directory_has_one_user_who_is_named(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(StorageError, match=rf"in use by process {os.getpid()}\."):
        DirectoryLock(tmp_path)
    lock.release()
    lock.release()
    DirectoryLock(tmp_path).release()


def test_a_holder_who_has_not_said_who_it_is(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    (tmp_path / LOCK_NAME).write_text("")
    with pytest.raises(StorageError, match="unknown"):
        DirectoryLock(tmp_path)
    lock.release()


def test_a_forked_child_does_not_keep_the_lock_of_a_parent_that_is_gone(tmp_path: Path) -> None:
    """As a worker of the sandbox might outlive a node that was killed."""
    program = f"""
import os, signal, time
from pathlib import Path
from syft.store.files import DirectoryLock
lock = DirectoryLock(Path({str(tmp_path)!r}))
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(30)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=30, check=False)
    child = int(done.stdout)
    try:
        DirectoryLock(tmp_path).release()
        os.kill(child, 0)
    finally:
        os.kill(child, 9)


def test_private_directories(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    make_private(deep)
    make_private(deep)
    assert deep.stat().st_mode & 0o777 == (tmp_path / "a").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EFBIG, StorageFull),
        (errno.EIO, StorageError),
        (errno.EACCES, StorageError),
    ],
)
def test_what_a_disk_says(number: int, kind: type[StorageError]) -> None:
    with pytest.raises(StorageError) as error, disk_errors():
        raise OSError(number, os.strerror(number), "/secret/place")
    assert type(error.value) is kind
    assert "/secret/place" not in error.value.public_message


def test_a_temporary_directory_goes_with_its_process(tmp_path: Path) -> None:
    program = """
import os, sys
from syft.store.files import temporary_directory
directory = temporary_directory()
(directory / "a").write_text("a")
if os.fork() == 0:
    sys.exit(0)  # a child that ends in the ordinary way removes nothing
os.wait()
assert directory.exists()
print(directory)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=30, check=True, text=True
    )
    assert not Path(done.stdout.strip()).exists()


def test_a_temporary_directory_is_private_and_goes_when_told() -> None:
    directory = temporary_directory()
    assert directory.stat().st_mode & 0o777 == 0o700
    remove_temporary(directory)
    remove_temporary(directory)
    assert not directory.exists()


def test_only_what_was_made_here_is_removed(tmp_path: Path) -> None:
    remove_temporary(tmp_path)
    assert tmp_path.is_dir()
