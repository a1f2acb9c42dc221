"""This module makes the statements about a node's log that others keep, so that nobody can write it anew unseen.

Whoever reads the log may have one as of now. Everybody else who may ask gets that of the hour, one for all: asked again
and again, a fresh one would tell everybody how often, and when, all the others do something here.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final

from syft.errors import StorageError
from syft.model.event import Checkpoint
from syft.model.identity import Identity
from syft.store.base import Store
from syft.store.chain import End, sign_checkpoint, sign_head

HOUR: Final = timedelta(hours=1)


class Checkpoints:
    """Makes them.

    Args:
        store: with the log.
        identity: the node's key.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self._store = store
        self._identity = identity
        self._of_the_hour: Checkpoint | None = None
        self._lock = threading.Lock()

    def fresh(self, now: datetime) -> Checkpoint:
        """One of the log as it is now.

        Raises:
            StorageError: the log was changed from outside; the node signs nothing more about it.
        """
        with self._store.reading() as reader:
            head = reader.head()
        # What stands in the file is what this node signed, or somebody else put it there.
        if head is None or sign_head(head.seq, head.hash, self._identity.sign) != head:
            raise StorageError(
                "The log of this node was changed from outside. `syft audit verify` says where."
            )
        return sign_checkpoint(self._identity.verify_key, End(head.seq, head.hash), now, self._identity.sign)

    def of_the_hour(self, now: datetime) -> Checkpoint:
        """One that is an hour old at most, the same for everybody who asks meanwhile.

        Raises:
            StorageError: as `fresh`.
        """
        with self._lock:
            kept = self._of_the_hour
            # A clock that was set back must not leave the old one standing for ever.
            if kept is None or not timedelta(0) <= now - kept.at < HOUR:
                self._of_the_hour = kept = self.fresh(now)
            return kept
