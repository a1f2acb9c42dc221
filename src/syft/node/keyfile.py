"""This module keeps a node's secret key in the one file it is in."""

from __future__ import annotations

import os
from pathlib import Path

from syft.errors import StorageError
from syft.model.identity import KEY_BYTES, Identity


def load_or_make(path: Path) -> Identity:
    """The identity in that file; a new one, written there, when there is no file.

    Args:
        path: readable by its owner only.
    Raises:
        StorageError: others may read it, or it holds something else.
    """
    if not path.exists():
        identity = Identity.generate()
        # O_EXCL: a file that somebody put there a moment ago is not overwritten, and not believed either.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(identity.seed.hex())
            file.flush()
            os.fsync(file.fileno())
        return identity
    if path.stat().st_mode & 0o077:
        raise StorageError(f"Others may read the node's key in {path}. Make it yours alone: chmod 600 {path}")
    try:
        seed = bytes.fromhex(path.read_text().strip())
    except ValueError:
        seed = b""
    if len(seed) != KEY_BYTES:
        raise StorageError(f"{path} does not hold a node's key. Put the right one back from your backup.")
    return Identity.from_seed(seed)
