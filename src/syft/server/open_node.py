"""This module makes a node out of a folder: its key, store, blobs and sandbox, opened in the right order."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, cast

from syft.cluster.door import Door
from syft.cluster.runner import dask_equipment
from syft.code.environment import environment_digest
from syft.config import Settings
from syft.errors import InvalidInput, NewerDatabase, StorageError, StorageFull
from syft.jobs.images import Images, image_of
from syft.jobs.order_book import OrderBook
from syft.jobs.pools import Equipment, Resize
from syft.jobs.remote import RemoteRunner
from syft.model.pool import Dask, Pool, Remote
from syft.node.keyfile import load_or_make
from syft.node.node import Node, Parts, utc_now
from syft.node.worker_keys import Admissions, WorkerKeys
from syft.sandbox.runner import EmbeddedRunner
from syft.store.blobs import Blobs
from syft.store.files import LOCK_NAME, DirectoryLock, disk_errors, make_private
from syft.store.sql import DATABASE_NAME, open_store

KINDS = ("datasite", "gateway")
SIDES = ("high", "low")
KEY_NAME: Final = "node.key"
# A folder with one of these in it is a node's.
_MARKS: Final = (KEY_NAME, DATABASE_NAME, LOCK_NAME)
_OR_RESET: Final = "or start with reset=True (--reset) to throw it away."


def folder_of(settings: Settings, name: str) -> Path:
    """The folder of the node of that name.

    Args:
        settings: where nodes live.
        name: for people; becomes part of a path, so only letters, digits, dots, dashes and underscores do.
    Raises:
        InvalidInput: another character, or a name that begins with a dot.
    """
    allowed = all(char.isalnum() or char in "-_. " for char in name)
    if not name or not allowed or name.startswith((".", " ")) or len(name) > 100:
        raise InvalidInput(
            f"'{name[:100]}' cannot be a node's name: use letters, digits, spaces, dots, dashes and underscores."
        )
    return settings.home / name.replace(" ", "_")


def open_node(
    settings: Settings,
    name: str,
    *,
    reset: bool = False,
    kind: str = "datasite",
    side_type: str = "high",
    clock: Callable[[], datetime] = utc_now,
) -> Node:
    """The node of that name, made if there is none. Its caller starts it and closes it.

    Args:
        settings: what the operator set.
        name: of the node; its folder is named after it.
        reset: throw away what it had.
        kind: "datasite" or "gateway".
        side_type: "high" or "low".
        clock: the time, in UTC.
    Raises:
        InvalidInput: no such kind or side, or not a name for a folder.
        StorageError: another process has it open; its key is missing; or what is in it is damaged.
        NewerDatabase: a later version wrote it.
        StorageFull: there is no room.
    """
    if kind not in KINDS:
        raise InvalidInput(f"A server's type is 'datasite' or 'gateway', not '{kind}'.")
    if side_type not in SIDES:
        raise InvalidInput(f"A server's side is 'high' or 'low', not '{side_type}'.")
    folder = folder_of(settings, name)
    if reset:
        throw_away(folder, settings)
    _make_folder(folder)
    # A node that runs says so first: what is in its folder is its own affair.
    DirectoryLock(folder).release()
    if (folder / DATABASE_NAME).exists() and not (folder / KEY_NAME).exists():
        # A new key would open nothing, and stand where the right one belongs.
        raise StorageError(
            f"The node's key, {folder / KEY_NAME}, is missing. Put it back from your backup, {_OR_RESET}"
        )
    identity = load_or_make(folder / KEY_NAME)
    durability = cast(Literal["full", "normal"], settings.durability)
    try:
        store = open_store(folder, sign=identity.sign, durability=durability)
    except StorageError as error:
        if not _is_of_content(error):
            raise
        text = f"{error.public_message.rstrip('.')}, {_OR_RESET}"
        raise type(error)(text, error.private_message) from error

    def parts() -> Parts:
        runner = EmbeddedRunner(
            level=settings.isolation,
            minimum=settings.isolation_min,
            # All nodes of this machine: their keys, databases and values are in folders side by side.
            protected=[settings.home],
        )

        images = Images(store, folder / "environments", environment_digest, clock)
        orders, worker_keys, door = OrderBook(settings.worker_lease_s), WorkerKeys(), Door()

        def equip(pool: Pool, resize: Resize) -> Equipment:
            with store.reading() as reader:
                image = image_of(reader, pool)
            digest = images.digest_of(image)
            if isinstance(pool.engine, Dask):
                return dask_equipment(
                    pool,
                    pool.engine,
                    resize,
                    orders=orders,
                    admissions=Admissions(store, worker_keys, pool, clock),
                    door=door,
                    node_key=identity.verify_key.hex(),
                    settings=settings,
                    environment=lambda: digest,
                    directory=folder / "clusters" / pool.uid.hex,
                )
            if isinstance(pool.engine, Remote):
                remote = RemoteRunner(orders, pool.name, on_slots=resize)
                # As many launched runs as jobs, at each depth: workers keep room for both.
                return Equipment(remote, lambda: digest, at_once=lambda: remote.slots)
            own = EmbeddedRunner(
                level=pool.isolation or settings.isolation,
                minimum=settings.isolation_min,
                protected=[settings.home],
                packages=images.packages_of(image),
            )
            # Of the packages that this runner has; another build of the image is another environment.
            return Equipment(own, lambda: digest)

        return Parts(
            store,
            Blobs(folder / "blobs"),
            runner,
            equip,
            orders=orders,
            worker_keys=worker_keys,
            images=images,
            at=door.open_at,
        )

    try:
        node = Node(
            parts=parts,
            identity=identity,
            settings=settings,
            name=name,
            kind=kind,
            side_type=side_type,
            clock=clock,
        )
        node.open()
    except BaseException:
        store.close()
        raise
    return node


def throw_away(folder: Path, settings: Settings) -> None:
    """Remove a node's folder, if no process has it open. Nothing in it is read, so nothing in it can refuse.

    Args:
        folder: left alone unless it has a node's key, database or lock in it.
        settings: where nodes live.
    Raises:
        StorageError: a process has it open, or the disk refuses.
    """
    with disk_errors():
        if not any((folder / name).exists() for name in _MARKS):
            return
        # A running server's data is not pulled out from under it.
        lock = DirectoryLock(folder)
        try:
            # First out of the way, at one stroke: what is half removed is not found as a node.
            doomed = Path(tempfile.mkdtemp(prefix=".removed-", dir=settings.home))
            folder.rename(doomed / folder.name)
            shutil.rmtree(doomed)
        finally:
            lock.release()


def _make_folder(folder: Path) -> None:
    """Make a node's folder where it is missing.

    Raises:
        StorageError: it cannot be.
        StorageFull: there is no room for it.
    """
    try:
        with disk_errors():
            make_private(folder)
    except StorageFull:
        raise
    except StorageError as error:
        raise StorageError(
            f"The node's folder, {folder}, cannot be made. Set SYFT_HOME to a folder that is yours.",
            error.private_message,
        ) from error


def _is_of_content(error: StorageError) -> bool:
    """Whether it is what the folder holds that is wrong; not the disk, or that another program holds it."""
    # The store's own judgements have no cause; the database's come with its name for what is wrong.
    return (
        isinstance(error, NewerDatabase)
        or (error.__cause__ is None and not isinstance(error, StorageFull))
        or error.private_message.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
    )
