"""This module keeps a node's secret key in the one file it is in."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from syft.errors import StorageError
from syft.model.identity import KEY_BYTES, Identity
from syft.store.files import disk_errors, sync_directory


def load_or_make(path: Path) -> Identity:
    """The identity in that file; a new one, written there, when there is no file.

    Args:
        path: readable by its owner only; its folder exists.
    Raises:
        StorageError: others may read it, or it holds something else.
        StorageFull: there is no room for a new one; no file is left behind.
    """
    with disk_errors():
        if not path.exists():
            identity = Identity.generate()
            _put(path, identity.seed.hex())
            return identity
        if path.stat().st_mode & 0o077:
            raise StorageError(f"Others may read the key in {path}. Make it yours alone: chmod 600 {path}")
        try:
            seed = bytes.fromhex(path.read_text().strip())
        except ValueError:
            seed = b""
    if len(seed) != KEY_BYTES:
        raise StorageError(
            f"{path} does not hold a node's key. Put the right one back from your backup, "
            "or start with reset=True (--reset) to throw the node away."
        )
    return Identity.from_seed(seed)


def _put(path: Path, text: str) -> None:
    """Write a file that is not there yet: all of it, durably, or nothing.

    Raises:
        StorageError: somebody put one there a moment ago.
        OSError: the disk refused.
    """
    fd, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # for its owner only
    try:
        with os.fdopen(fd, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link does not replace: a key that is there already is not overwritten, nor believed.
        os.link(name, path)
    except FileExistsError:
        raise StorageError(f"Another process made {path} at the same time. Start the node again.") from None
    finally:
        os.unlink(name)
    sync_directory(path.parent)
