"""This module makes and checks the log's entries: each is chained to the one before, and the end is signed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, NamedTuple

from syft.errors import InvalidInput, StorageError
from syft.model.event import GENESIS, ChainedEvent, ChainHead, Checkpoint, Event, event_hash
from syft.model.identity import is_signed_by

# The node's key signs other things as well. What it signs here begins like nothing else it signs.
_ENTRY: Final = b"syft log entry v1\n"
_HEAD: Final = b"syft log head v1\n"
_CHECKPOINT: Final = b"syft log checkpoint v1\n"
# Signatures checked at a time. libsodium lets go of the interpreter meanwhile, so that threads gain.
_BATCH: Final = 500
_THREADS: Final = 4
# Batches that may wait: the memory that a log of any length takes.
_WAITING: Final = 2 * _THREADS


class End(NamedTuple):
    """Where a log ends: the place of its last entry, and the hash of that one."""

    seq: int
    hash: str


def chain(seq: int, previous: str, event: Event, sign: Callable[[bytes], bytes]) -> ChainedEvent:
    """`event` in place `seq`, after the entry whose hash is `previous`, signed."""
    own = event_hash(seq, previous, event)
    signature = sign(_ENTRY + own.encode()).hex()
    return ChainedEvent(seq=seq, event=event, previous=previous, hash=own, signature=signature)


def sign_head(seq: int, last_hash: str, sign: Callable[[bytes], bytes]) -> ChainHead:
    """The statement that the log ends with entry `seq`, whose hash is `last_hash`."""
    return ChainHead(seq=seq, hash=last_hash, signature=sign(_head_bytes(seq, last_hash)).hex())


def sign_checkpoint(node_key: bytes, end: End, at: datetime, sign: Callable[[bytes], bytes]) -> Checkpoint:
    """The statement, for others to keep, that the log of this node had that end at that time.

    Args:
        node_key: the node's 32 public bytes.
        end: of the log.
        at: the time; whole seconds are kept of it, in UTC.
        sign: with the node's key.
    """
    node, moment = node_key.hex(), at.astimezone(UTC).replace(microsecond=0)
    signature = sign(_checkpoint_bytes(node, end, moment)).hex()
    return Checkpoint(node=node, seq=end.seq, hash=end.hash, at=moment, signature=signature)


def check_checkpoint(checkpoint: Checkpoint, verify_key: bytes) -> None:
    """Raise unless the node of that key signed this checkpoint.

    Args:
        checkpoint: from anybody.
        verify_key: the node's 32 public bytes, from a source that is trusted.
    Raises:
        InvalidInput: it is another node's, or was changed: it proves nothing.
    """
    if checkpoint.node != verify_key.hex():
        raise InvalidInput(
            f"This checkpoint is of the node with the key {checkpoint.node[:64]}, not of this one."
        )
    try:
        signed = _checkpoint_bytes(checkpoint.node, End(checkpoint.seq, checkpoint.hash), checkpoint.at)
    except (ValueError, OverflowError):
        # A time before all time, once it is put into UTC: no node has signed that.
        signed = b""
    if not _is_signed(verify_key, checkpoint.signature, signed):
        raise InvalidInput(
            "This checkpoint proves nothing: the node did not sign it, or it has been changed."
        )


def check_chain(
    events: Iterable[ChainedEvent],
    verify_key: bytes,
    *,
    head: ChainHead | None = None,
    checkpoints: Sequence[Checkpoint] = (),
) -> End:
    """Raise unless `events` is a whole log, as the node wrote it. Needs no store and no network.

    Args:
        events: from the first on; taken one at a time, so that a log of any length fits into memory. Where taking
            one raises StorageError, what is wrong before it is named first.
        verify_key: the node's 32 public bytes, from a source that is trusted.
        head: the signed end; without it, entries missing from the end cannot be noticed.
        checkpoints: kept from earlier: what the log must still have. Signed or not is `check_checkpoint`'s affair.
    Returns:
        Where the log ends.
    Raises:
        StorageError: names the first entry that is missing, moved, changed, not signed by the node, or another one
            than a checkpoint says.
    """
    kept = _by_place(checkpoints)
    seq, previous = 0, GENESIS
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="signatures") as threads:
        signatures = _Signatures(verify_key, threads)
        try:
            for entry in events:
                seq += 1
                if entry.seq != seq:
                    raise StorageError(
                        f"The log is damaged at entry {seq}: entry {entry.seq} is in its place."
                    )
                if entry.previous != previous:
                    raise StorageError(
                        f"The log is damaged at entry {seq}: it does not follow entry {seq - 1}."
                    )
                if entry.hash != event_hash(seq, previous, entry.event):
                    raise StorageError(f"The log is damaged at entry {seq}: it has been changed.")
                signatures.add(entry)
                for checkpoint in kept.get(seq, ()):
                    if checkpoint.hash != entry.hash:
                        raise StorageError(_written_anew(checkpoint))
                previous = entry.hash
        finally:
            # Also when something is wrong here: what is wrong further up comes first.
            signatures.finish()
    end = End(seq, previous)
    if head is not None:
        check_end(end, head, verify_key)
    for checkpoint in checkpoints:
        if checkpoint.seq > seq:
            raise StorageError(
                f"The log is damaged at entry {seq + 1}: at {_moment(checkpoint.at)} it had {checkpoint.seq} entries, "
                f"says a checkpoint, and {seq} are there."
            )
    return end


def check_end(end: End, head: ChainHead, verify_key: bytes) -> None:
    """Raise unless a log that ends like this ends where its node signed that it does.

    Raises:
        StorageError: it does not, or the node has not signed that.
    """
    if not _is_signed(verify_key, head.signature, _head_bytes(head.seq, head.hash)):
        raise StorageError("The log is damaged: this node did not sign its end.")
    if (head.seq, head.hash) != end:
        raise StorageError(
            f"The log is damaged at entry {end.seq + 1}: {head.seq} were written, {end.seq} are there."
        )


def check_agree(checkpoints: Sequence[Checkpoint]) -> None:
    """Raise where two checkpoints of one node contradict each other: no log has both.

    Raises:
        StorageError: names the entry of which there were two.
    """
    for seq, several in _by_place(checkpoints).items():
        for other in several[1:]:
            if other.hash != several[0].hash:
                raise StorageError(
                    f"This node has had two logs: at {_moment(several[0].at)} its entry {seq} was another one than at "
                    f"{_moment(other.at)}, say two checkpoints."
                )


class _Signatures:
    """Checks the signatures of entries, some at a time, on threads; the first bad one is named.

    Args:
        verify_key: whose they are to be.
        threads: to check on.
    """

    def __init__(self, verify_key: bytes, threads: ThreadPoolExecutor) -> None:
        self._verify_key = verify_key
        self._threads = threads
        self._batch: list[tuple[int, str, str]] = []
        self._running: deque[Future[int]] = deque()

    def add(self, entry: ChainedEvent) -> None:
        """Have the signature of the next entry checked, now or soon.

        Raises:
            StorageError: names an entry, this one or one before it, that the node has not signed.
        """
        self._batch.append((entry.seq, entry.hash, entry.signature))
        if len(self._batch) < _BATCH:
            return
        self._running.append(self._threads.submit(self._first_bad, self._batch))
        self._batch = []
        while len(self._running) > _WAITING:
            self._take(self._running.popleft().result())

    def finish(self) -> None:
        """Wait for all of them.

        Raises:
            StorageError: as `add`.
        """
        running, self._running = self._running, deque()
        batch, self._batch = self._batch, []
        for one in running:
            self._take(one.result())
        self._take(self._first_bad(batch))

    def _first_bad(self, batch: Sequence[tuple[int, str, str]]) -> int:
        for seq, own, signature in batch:
            if not _is_signed(self._verify_key, signature, _ENTRY + own.encode()):
                return seq
        return 0

    def _take(self, bad: int) -> None:
        if bad:
            raise StorageError(f"The log is damaged at entry {bad}: this node did not sign it.")


def _by_place(checkpoints: Sequence[Checkpoint]) -> dict[int, list[Checkpoint]]:
    found: dict[int, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        found.setdefault(checkpoint.seq, []).append(checkpoint)
    return found


def _written_anew(checkpoint: Checkpoint) -> str:
    return (
        f"The log was written anew: entry {checkpoint.seq} is another one than it was at "
        f"{_moment(checkpoint.at)}, says a checkpoint. What came before it may be other entries, too."
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _head_bytes(seq: int, last_hash: str) -> bytes:
    return _HEAD + f"{seq} {last_hash}".encode()


def _checkpoint_bytes(node: str, end: End, at: datetime) -> bytes:
    return _CHECKPOINT + f"{node} {end.seq} {end.hash} {_moment(at)}".encode()


def _is_signed(verify_key: bytes, signature: str, data: bytes) -> bool:
    try:
        raw = bytes.fromhex(signature)
    except ValueError:
        return False
    # One way to write it: `fromhex` also takes capitals and spaces, and such a change is a change.
    return raw.hex() == signature and is_signed_by(verify_key, raw, data)
