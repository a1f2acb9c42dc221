"""This module is a worker's connection to its node: what is said over it, hidden where others could listen."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from syft.errors import AuthenticationError, StorageError
from syft.model.identity import KEY_BYTES, Identity
from syft.model.message import Message
from syft.model.settings import NodeInfo
from syft.store.files import disk_errors
from syft.transport.ask import Answer, ask, expect
from syft.transport.base import Route

M = TypeVar("M", bound=Message)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Connection:
    """A worker's way to its node. May be used by several threads.

    Private values go over it. On the same machine, and where the URL is https, they go as they are; anywhere else
    only the node and this worker can read them.

    Args:
        route: the way there.
        identity: whose key signs.
        node: who must have signed what comes back.
    """

    def __init__(self, route: Route, identity: Identity, node: NodeInfo) -> None:
        self.route = route
        self.identity = identity
        self.node = node
        self._hidden = not is_private(route.url)

    def say(self, message: Message, kind: type[M], attachment: bytes | memoryview = b"") -> M:
        """Say something and return the answer.

        Raises:
            SyftException: the node refused, by the error it named.
            NodeUnreachable: no answer.
            BadReply: an answer that cannot be trusted.
        """
        return expect(self.exchange(message, attachment), kind)

    def exchange(self, message: Message, attachment: bytes | memoryview = b"") -> Answer:
        """`say`, with what came beside the answer."""
        return ask(self.route, self.identity, self.node, message, attachment, hidden=self._hidden)


def is_private(url: str) -> bool:
    """Whether nobody on the way can read what goes to that URL."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.hostname or "") in _LOOPBACK


def pinned(path: Path, info: NodeInfo, key: str = "") -> NodeInfo:
    """What a node says of itself, if it has the key it had the first time; that is written down here.

    Args:
        path: of the file where it is.
        info: as the node said, unsigned.
        key: the node's key, if its operator has told it by another way; 64 hex digits.
    Raises:
        AuthenticationError: it is another node, or somebody in between.
        StorageError: the file holds something else.
    """
    known = _read(path) if path.exists() else None
    wanted = key.strip().lower() or known
    if wanted is not None and info.verify_key != wanted:
        raise AuthenticationError(
            f"The node has the key {info.verify_key}, and not {wanted}. Somebody may be in between. If the node was "
            f"made anew, tell its key with --node-key, or take away {path}."
        )
    if known != info.verify_key:
        _write(path, info.verify_key)
    return info


def _read(path: Path) -> str:
    with disk_errors():
        text = path.read_text()
    try:
        key = json.loads(text)["node_key"]
        if len(bytes.fromhex(key)) == KEY_BYTES:
            return str(key)
    except (ValueError, TypeError, KeyError):
        pass
    raise StorageError(
        f"{path} does not hold a node's key. Take it away, and give the right one with --node-key."
    )


def _write(path: Path, key: str) -> None:
    with disk_errors():
        fd, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(fd, "w") as file:
            json.dump({"node_key": key}, file)
        os.rename(name, path)
