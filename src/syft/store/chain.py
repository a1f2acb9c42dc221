"""This module makes and checks the log's entries: each is chained to the one before, and the end is signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from syft.errors import StorageError
from syft.model.event import GENESIS, ChainedEvent, Event, event_hash
from syft.model.identity import is_signed_by

# The node's key signs other things as well. What it signs here begins like nothing else it signs.
_ENTRY: Final = b"syft log entry v1\n"
_HEAD: Final = b"syft log head v1\n"


class ChainHead(msgspec.Struct, frozen=True, kw_only=True):
    """The last entry of a log, signed apart from it.

    Each entry proves the ones before it, and none proves that nothing came after. This does: whoever takes
    entries off the end has no signature for where the log ends then. (An older copy of the whole database
    still has one. Only who noted a later head elsewhere can tell.)

    Args:
        seq: of the last entry.
        hash: of the last entry.
        signature: the node's, 128 hex digits.
    """

    seq: int
    hash: str
    signature: str


def chain(seq: int, previous: str, event: Event, sign: Callable[[bytes], bytes]) -> ChainedEvent:
    """`event` in place `seq`, after the entry whose hash is `previous`, signed."""
    own = event_hash(seq, previous, event)
    signature = sign(_ENTRY + own.encode()).hex()
    return ChainedEvent(seq=seq, event=event, previous=previous, hash=own, signature=signature)


def sign_head(seq: int, last_hash: str, sign: Callable[[bytes], bytes]) -> ChainHead:
    """The statement that the log ends with entry `seq`, whose hash is `last_hash`."""
    return ChainHead(seq=seq, hash=last_hash, signature=sign(_head_bytes(seq, last_hash)).hex())


def check_chain(events: Iterable[ChainedEvent], verify_key: bytes, *, head: ChainHead | None = None) -> None:
    """Raise unless `events` is a whole log, as the node wrote it. Needs no store and no network.

    Args:
        events: from the first on.
        verify_key: the node's 32 public bytes, from a source that is trusted.
        head: the signed end; without it, entries missing from the end cannot be noticed.
    Raises:
        StorageError: names the first entry that is missing, moved, changed or not signed by the node.
    """
    seq, previous = 0, GENESIS
    for entry in events:
        seq += 1
        if entry.seq != seq:
            raise StorageError(f"The log is damaged at entry {seq}: entry {entry.seq} is in its place.")
        if entry.previous != previous:
            raise StorageError(f"The log is damaged at entry {seq}: it does not follow entry {seq - 1}.")
        if entry.hash != event_hash(seq, previous, entry.event):
            raise StorageError(f"The log is damaged at entry {seq}: it has been changed.")
        if not _is_signed(verify_key, entry.signature, _ENTRY + entry.hash.encode()):
            raise StorageError(f"The log is damaged at entry {seq}: this node did not sign it.")
        previous = entry.hash
    if head is None:
        return
    if not _is_signed(verify_key, head.signature, _head_bytes(head.seq, head.hash)):
        raise StorageError("The log is damaged: this node did not sign its end.")
    if (head.seq, head.hash) != (seq, previous):
        raise StorageError(
            f"The log is damaged at entry {seq + 1}: {head.seq} were written, {seq} are there."
        )


def _head_bytes(seq: int, last_hash: str) -> bytes:
    return _HEAD + f"{seq} {last_hash}".encode()


def _is_signed(verify_key: bytes, signature: str, data: bytes) -> bool:
    try:
        return is_signed_by(verify_key, bytes.fromhex(signature), data)
    except ValueError:
        return False
