"""This module makes a worker out of a folder: its key, the node's, its fence and its cache; and runs it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from syft.config import Settings
from syft.errors import BadReply, InvalidInput, NodeUnreachable
from syft.logger import say
from syft.model.settings import NodeInfo
from syft.model.worker import MAX_SLOTS, WorkerState, check_worker_name
from syft.node.keyfile import load_or_make
from syft.remote.agent import Agent
from syft.remote.cache import Cache
from syft.remote.connection import Connection, pinned
from syft.sandbox.runner import EmbeddedRunner
from syft.store.files import DirectoryLock, disk_errors, make_private
from syft.transport.http import HttpRoute

KEY_NAME: Final = "worker.key"
NODE_NAME: Final = "node.json"
CACHE_NAME: Final = "values"
_TRY_AGAIN_S: Final = 1.0


def work(
    settings: Settings,
    *,
    url: str,
    pool: str,
    name: str,
    slots: int,
    home: Path,
    cache_bytes: int,
    token: str = "",
    node_key: str = "",
    on_state: Callable[[str, WorkerState], None] = lambda _key, _state: None,
) -> None:
    """Do a node's work until interrupted. What is left behind then is the home: its key, and values in its cache.

    Args:
        settings: of this machine: its isolation level is chosen as a node's is.
        url: of the node.
        pool: whose work.
        name: of this worker, for people.
        slots: how many jobs at once; of what they launch, as many again at each depth.
        home: for its key and cache; made where it is missing.
        cache_bytes: how much stays of values that nobody uses.
        token: a join token, or empty.
        node_key: the node's public key, 64 hex digits; what it says the first time if left out.
        on_state: told this worker's public key, and what has become of its request to join.
    Raises:
        SyftException: it cannot be a worker here, or the node does not want it; the text says why.
    """
    check_worker_name(name)
    if not 1 <= slots <= MAX_SLOTS:
        raise InvalidInput(f"A worker has 1 to {MAX_SLOTS} slots.")
    home = home.absolute()
    with disk_errors():
        make_private(home)
    lock = DirectoryLock(home)
    try:
        identity = load_or_make(home / KEY_NAME)
        cache = Cache(home / CACHE_NAME, cache_bytes)
        runner = EmbeddedRunner(
            level=settings.isolation,
            minimum=settings.isolation_min,
            # No run may read this worker's key, or what other runs were given.
            protected=[settings.home, home],
        )
        try:
            runner.start()
            route = HttpRoute(url)
            info = pinned(home / NODE_NAME, _described(route), node_key)
            agent = Agent(
                Connection(route, identity, info),
                runner,
                cache,
                pool=pool,
                name=name,
                slots=slots,
                token=token,
                on_state=lambda state: on_state(identity.verify_key.hex(), state),
            )
            agent.work()
        finally:
            runner.close()
    finally:
        lock.release()


def _described(route: HttpRoute) -> NodeInfo:
    """What the node says of itself, once it answers: it may be started later."""
    while True:
        try:
            return route.describe()
        except (NodeUnreachable, BadReply) as error:
            say(logging.WARNING, "the node cannot be reached", error=error.code)
            time.sleep(_TRY_AGAIN_S)
