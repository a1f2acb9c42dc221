"""This module is a node that lives as long as its process: in memory, and opened when something is first kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from syft.config import Settings
from syft.model.identity import Identity
from syft.model.settings import NodeSettings
from syft.node.node import Node, Parts
from syft.sandbox.runner import EmbeddedRunner
from syft.store.blobs import Blobs
from syft.store.files import remove_temporary, temporary_directory
from syft.store.sql import open_store

# Every pointer to what is here is in this process, and ends with it: none is merely silent, as over a line. A notebook
# that rests over a weekend finds its values again.
_LEASE: Final = timedelta(days=365)


class InProcessNode(Node):
    """A node that nobody but this process reaches, and of which nothing stays.

    Args:
        name: for people.
        kind: "domain", "device", "vm", "network", ...
        identity: its key; a fresh one when left out.
        settings: limits of what it runs; the usual ones when left out.
    """

    def __init__(
        self, name: str, kind: str, *, identity: Identity | None = None, settings: Settings | None = None
    ) -> None:
        self.identity = identity = identity or Identity.generate()
        settings = settings or Settings(home=Path())

        def parts() -> Parts:
            folder = temporary_directory()
            store = open_store(folder, sign=identity.sign, durability="none")
            runner = EmbeddedRunner(
                level=settings.isolation, minimum=settings.isolation_min, protected=[folder]
            )
            return Parts(store, Blobs(folder / "blobs"), runner, leave=lambda: remove_temporary(folder))

        super().__init__(
            parts=parts,
            identity=identity,
            settings=settings,
            name=name,
            kind=kind,
            root_key=identity.verify_key,
            # People have keys here and no passwords: what they bring or ask for is a key's own.
            node_settings=NodeSettings(key_accounts=True),
            lease=_LEASE,
        )
