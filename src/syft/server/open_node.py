"""This module makes a node out of a folder: its key, store, blobs and sandbox, opened in the right order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Literal, cast

from syft.config import Settings
from syft.errors import InvalidInput
from syft.node.keyfile import load_or_make
from syft.node.node import Node
from syft.sandbox.runner import EmbeddedRunner
from syft.store.blobs import Blobs
from syft.store.sql import open_store

KINDS = ("datasite", "gateway", "enclave")
SIDES = ("high", "low")


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
) -> Node:
    """The node of that name, made if there is none. Its caller starts it and closes it.

    Args:
        settings: what the operator set.
        name: of the node; its folder is named after it.
        reset: throw away what it had.
        kind: "datasite", ...
        side_type: "high" or "low".
    Raises:
        StorageError: another process has it open.
        NewerDatabase: a later version wrote it.
    """
    if kind not in KINDS:
        raise InvalidInput(f"A server is one of {', '.join(KINDS)}, not '{kind}'.")
    if side_type not in SIDES:
        raise InvalidInput(f"A server's side is 'high' or 'low', not '{side_type}'.")
    folder = folder_of(settings, name)
    if reset:
        throw_away(folder, settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity = load_or_make(folder / "node.key")
    durability = cast(Literal["full", "normal"], settings.durability)
    store = open_store(folder, sign=identity.sign, durability=durability)
    try:
        blobs = Blobs(folder / "blobs")
        return Node(
            store=store,
            blobs=blobs,
            runner=EmbeddedRunner(
                level=settings.isolation,
                minimum=settings.isolation_min,
                # All nodes of this machine: their keys, databases and values are in folders side by side.
                protected=[settings.home],
            ),
            identity=identity,
            settings=settings,
            name=name,
            kind=kind,
            side_type=side_type,
        )
    except BaseException:
        store.close()
        raise


def throw_away(folder: Path, settings: Settings) -> None:
    """Remove a node's folder, if no process has it open.

    Raises:
        StorageError: a process has.
    """
    if not (folder / "node.key").exists():
        return
    identity = load_or_make(folder / "node.key")
    # Opening it takes the lock: a running server's data is not pulled out from under it.
    open_store(folder, sign=identity.sign).close()
    doomed = Path(tempfile.mkdtemp(prefix=".removed-", dir=settings.home))
    folder.rename(doomed / folder.name)
    shutil.rmtree(doomed)
