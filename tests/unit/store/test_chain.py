"""The log's entries: what `check_chain` accepts, and which entry it names when it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from syft.errors import StorageError
from syft.model.event import GENESIS, ChainedEvent, ChainHead, Event, event_hash
from syft.model.identity import Identity
from syft.model.uid import UID
from syft.store.chain import chain, check_chain, sign_head

NODE, OTHER = Identity.from_seed(bytes(32)), Identity.from_seed(bytes([1]) * 32)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FORKED_AT = 6


def log_of(
    length: int, *, signer: Identity = NODE, forked: bool = False
) -> tuple[list[ChainedEvent], ChainHead]:
    entries: list[ChainedEvent] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        verb = "test.forked" if forked and seq >= FORKED_AT else "test.done"
        event = Event(
            verb=verb,
            actor_uid=UID.with_seed("a"),
            detail={"n": str(seq)},
            created_at=NOW + timedelta(seconds=seq),
        )
        entries.append(chain(seq, previous, event, signer.sign))
        previous = entries[-1].hash
    return entries, sign_head(length, previous, signer.sign)


ENTRIES, HEAD = log_of(10)


def changed(index: int, **fields: object) -> list[ChainedEvent]:
    entries = list(ENTRIES)
    entries[index] = msgspec.structs.replace(entries[index], **fields)
    return entries


def with_event(index: int, **fields: object) -> list[ChainedEvent]:
    return changed(index, event=msgspec.structs.replace(ENTRIES[index].event, **fields))


def rehashed(index: int, **fields: object) -> list[ChainedEvent]:
    """An entry changed by somebody who knows how the hash is made and has no key."""
    entries = with_event(index, **fields)
    one = entries[index]
    return changed(index, event=one.event, hash=event_hash(one.seq, one.previous, one.event))


def test_a_whole_log_is_accepted() -> None:
    check_chain(ENTRIES, NODE.verify_key, head=HEAD)
    check_chain(iter(ENTRIES), NODE.verify_key)
    check_chain([], NODE.verify_key)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        (with_event(3, verb="test.undone"), 4),
        (with_event(0, actor_uid=None), 1),
        (with_event(9, detail={}), 10),
        (with_event(4, created_at=NOW), 5),
        (with_event(4, message_uid=UID()), 5),
        (rehashed(4, verb="test.undone"), 5),
        (changed(2, signature="00" * 64), 3),
        (changed(2, signature="no hex"), 3),
        (changed(2, signature=ENTRIES[3].signature), 3),
        (changed(2, hash="00" * 32), 3),
        (changed(2, previous="00" * 32), 3),
        (changed(2, seq=4), 3),
        (ENTRIES[1:], 1),
        (ENTRIES[:4] + ENTRIES[5:], 5),
        ([*ENTRIES[:4], ENTRIES[5], ENTRIES[4], *ENTRIES[6:]], 5),
        ([ENTRIES[0], *ENTRIES], 2),
        (ENTRIES[:-1], 10),
        ([], 1),
        (log_of(10, signer=OTHER)[0], 1),
        (ENTRIES[:5] + log_of(10, signer=OTHER)[0][5:], 6),
        (ENTRIES[: FORKED_AT - 1] + log_of(10, signer=OTHER, forked=True)[0][FORKED_AT - 1 :], FORKED_AT),
    ],
)
def test_the_first_bad_entry_is_named(entries: list[ChainedEvent], named: int) -> None:
    with pytest.raises(StorageError, match=rf"entry {named}\b"):
        check_chain(entries, NODE.verify_key, head=HEAD)


def test_two_logs_of_one_node_do_not_mix() -> None:
    """Forked: both halves are signed by the node, and the head fits one of them only."""
    forked, forked_head = log_of(10, forked=True)
    assert forked[: FORKED_AT - 1] == ENTRIES[: FORKED_AT - 1]
    check_chain(forked, NODE.verify_key, head=forked_head)
    with pytest.raises(StorageError):
        check_chain(forked, NODE.verify_key, head=HEAD)
    with pytest.raises(StorageError, match=rf"entry {FORKED_AT + 1}\b"):
        check_chain(ENTRIES[:FORKED_AT] + forked[FORKED_AT:], NODE.verify_key)


@pytest.mark.parametrize(
    "make",
    [
        lambda: msgspec.structs.replace(HEAD, seq=9, hash=ENTRIES[8].hash),
        lambda: msgspec.structs.replace(HEAD, signature="00" * 64),
        lambda: ChainHead(seq=9, hash=ENTRIES[8].hash, signature=ENTRIES[8].signature),
        lambda: sign_head(9, ENTRIES[8].hash, OTHER.sign),
    ],
    ids=["moved", "unsigned", "an entry's signature", "another's signature"],
)
def test_an_end_cannot_be_made_up(make: Callable[[], ChainHead]) -> None:
    with pytest.raises(StorageError, match="its end"):
        check_chain(ENTRIES[:9], NODE.verify_key, head=make())
