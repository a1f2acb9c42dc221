"""The node's key: whole on the disk, or not there; and never taken from somebody else."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from syft.errors import StorageError, StorageFull
from syft.node.keyfile import load_or_make


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    made = load_or_make(path)
    assert load_or_make(path).seed == made.seed
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_nlink == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "link"])
@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageError), (errno.EROFS, StorageError)]
)
def test_a_disk_that_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[StorageError]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, "no")

    path = tmp_path / "node.key"
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StorageError) as refused:
            load_or_make(path)
    assert type(refused.value) is kind
    assert list(tmp_path.iterdir()) == []
    load_or_make(path)


def test_a_key_that_appears_meanwhile_is_neither_overwritten_nor_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "node.key"
    link = os.link

    def other_is_faster(source: Any, target: Any) -> None:
        path.write_text("theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", other_is_faster)
    with pytest.raises(StorageError, match="at the same time"):
        load_or_make(path)
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"ab" * 31, b"\xff\xfe"])
def test_something_else_is_said_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "node.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StorageError, match=r"does not hold a node's key.*backup, or start with reset=True"):
        load_or_make(path)
    assert path.read_bytes() == content


def test_a_key_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    load_or_make(path)
    path.chmod(0o640)
    with pytest.raises(StorageError, match="chmod 600"):
        load_or_make(path)
