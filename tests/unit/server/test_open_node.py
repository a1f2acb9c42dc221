"""A folder becomes a node, says why it does not, and is thrown away whatever is in it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syft.config import Settings
from syft.errors import InvalidInput, NewerDatabase, StorageError, StorageFull
from syft.model.pool import DEFAULT_POOL, Pool
from syft.server import open_node as module
from syft.server.open_node import open_node, throw_away
from syft.store.files import DirectoryLock


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_env({"SYFT_HOME": str(tmp_path)})


@pytest.fixture
def folder(settings: Settings) -> Path:
    """A node's folder, and nobody in it."""
    open_node(settings, "site").close()
    return settings.home / "site"


def change(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "node.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def lose_key(folder: Path) -> None:
    (folder / "node.key").unlink()


def garble_key(folder: Path) -> None:
    (folder / "node.key").write_text("nonsense")


def empty_key(folder: Path) -> None:
    (folder / "node.key").write_text("")


def another_key(folder: Path) -> None:
    (folder / "node.key").write_text("ab" * 32)


def garble_database(folder: Path) -> None:
    (folder / "node.db").write_bytes(b"nonsense" * 1000)


def newer_database(folder: Path) -> None:
    change(folder, "UPDATE alembic_version SET version_num = 'later'")


def another_database(folder: Path) -> None:
    (folder / "node.db").unlink()
    change(folder, "CREATE TABLE others (x)")


def cut_log(folder: Path) -> None:
    change(folder, "DELETE FROM events")


BROKEN = [
    lose_key,
    garble_key,
    empty_key,
    another_key,
    garble_database,
    newer_database,
    another_database,
    cut_log,
]


@pytest.mark.parametrize("damage", BROKEN)
def test_what_cannot_be_opened_says_how_to_throw_it_away_and_that_works(
    settings: Settings, folder: Path, damage: Callable[[Path], None]
) -> None:
    old = (folder / "node.key").read_text()
    damage(folder)
    for _ in range(2):  # refusing changes nothing
        with pytest.raises(StorageError, match=r"or start with reset=True \(--reset\)") as refused:
            open_node(settings, "site")
        assert isinstance(refused.value, NewerDatabase) is (damage is newer_database)
        assert (folder / "node.key").exists() is (damage is not lose_key)
    open_node(settings, "site", reset=True).close()
    assert (folder / "node.key").read_text() != old
    open_node(settings, "site").close()
    assert [path.name for path in settings.home.iterdir()] == ["site"]


def test_a_key_that_others_may_read_does_not_say_to_throw_it_away(settings: Settings, folder: Path) -> None:
    (folder / "node.key").chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600") as refused:
        open_node(settings, "site")
    assert "reset" not in str(refused.value)


def test_a_node_that_runs_is_neither_opened_nor_thrown_away(settings: Settings, folder: Path) -> None:
    lock = DirectoryLock(folder)
    lose_key(folder)
    for reset in (False, True):
        with pytest.raises(StorageError, match=f"in use by process {os.getpid()}") as refused:
            open_node(settings, "site", reset=reset)
        assert "reset" not in str(refused.value)
    assert (folder / "node.db").exists()
    assert not (folder / "node.key").exists()
    lock.release()


@pytest.mark.parametrize("left", ["node.key", "node.db", "node.lock"])
def test_any_part_of_a_node_is_thrown_away(settings: Settings, folder: Path, left: str) -> None:
    for path in list(folder.iterdir()):
        if path.name != left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    throw_away(folder, settings)
    assert list(settings.home.iterdir()) == []
    throw_away(folder, settings)


def test_a_folder_that_is_no_nodes_is_left_alone(settings: Settings) -> None:
    folder = settings.home / "site"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    throw_away(folder, settings)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (settings.home / "site").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot be made. Set SYFT_HOME") as refused:
        open_node(settings, "site")
    assert "FileExistsError" in refused.value.private_message

    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(module, "make_private", full)
    with pytest.raises(StorageFull):
        open_node(settings, "other")


def test_a_full_disk_does_not_say_to_throw_it_away(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StorageFull("There is no space left.")

    monkeypatch.setattr(module, "open_store", full)
    with pytest.raises(StorageFull, match=r"no space left\.$"):
        open_node(settings, "site")


def test_a_node_has_its_default_pool_once(settings: Settings, folder: Path) -> None:
    """Made when the node is, and when one starts that is from before there were pools; never twice."""
    change(folder, "UPDATE pools SET name = 'renamed'")
    for _ in range(2):
        node = open_node(settings, "site")
        with node.open().store.reading() as reader:
            names = [pool.name for pool in reader.select(Pool)]
            verbs = [one.event.verb for one in reader.events()]
        node.close()
        assert names == ["renamed", DEFAULT_POOL]
        assert verbs.count("pool.created") == 2


def test_limits_under_which_no_job_could_run_are_refused(tmp_path: Path) -> None:
    tiny = Settings.from_env({"SYFT_HOME": str(tmp_path), "SYFT_JOB_MEMORY_MB": "1"})
    with pytest.raises(InvalidInput, match=r"One of the SYFT_JOB_ settings.*'memory' is from 16 MiB"):
        open_node(tiny, "site")
    open_node(Settings.from_env({"SYFT_HOME": str(tmp_path)}), "site").close()
