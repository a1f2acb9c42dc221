"""What a client makes of what a node says about its log, the node being anybody's."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from syft.client.events import CheckpointView, Events
from syft.errors import BadReply, InvalidInput, StorageError
from syft.model.event import GENESIS, ChainedEvent, Event
from syft.model.identity import Identity
from syft.model.messages.events import CheckpointReply, EventsReply, GetCheckpoint
from syft.store.chain import End, chain, sign_checkpoint, sign_head
from syft.store.logfile import check_log_file, read_checkpoints

NODE = Identity.from_seed(bytes(32))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def entries(count: int) -> list[ChainedEvent]:
    found: list[ChainedEvent] = []
    for seq in range(1, count + 1):
        previous = found[-1].hash if found else GENESIS
        found.append(chain(seq, previous, Event(verb="test.done", created_at=NOW), NODE.sign))
    return found


LOG = entries(7)
CHECKPOINT = sign_checkpoint(NODE.verify_key, End(7, LOG[-1].hash), NOW, NODE.sign)


def events_of(log: list[ChainedEvent], *, page: int = 3, **said: Any) -> Events:
    """`client.events` of a node that says this."""
    head = sign_head(7, LOG[-1].hash, NODE.sign)
    replies = {"head": head, "checkpoint": CHECKPOINT} | said

    def ask(message: Any, kind: type) -> Any:
        if isinstance(message, GetCheckpoint):
            return CheckpointReply(replies["checkpoint"])
        found = log[message.offset : message.offset + page]
        return EventsReply(tuple(found), len(log), replies["head"])

    session: Any = SimpleNamespace(ask=ask, info=SimpleNamespace(verify_key=NODE.verify_key.hex()))
    return Events(session)


def checked(path: Path) -> End:
    return check_log_file(io.BytesIO(path.read_bytes()), NODE.verify_key)


@pytest.mark.parametrize("page", [1, 3, 7, 100])
def test_all_of_a_log_is_exported(tmp_path: Path, page: int) -> None:
    events_of(LOG, page=page).export(tmp_path / "log")
    assert checked(tmp_path / "log") == End(7, LOG[-1].hash)


@pytest.mark.parametrize(
    ("log", "entry"), [(LOG[:4], 5), ([*LOG[:2], LOG[1], *LOG[2:]], 3), ([LOG[0]] * 50, 2), ([], 1)]
)
def test_a_damaged_log_is_exported_as_it_is(tmp_path: Path, log: list[ChainedEvent], entry: int) -> None:
    """It is evidence, too; and asking comes to an end."""
    events_of(log).export(tmp_path / "log")
    with pytest.raises(StorageError, match=rf"entry {entry}\b"):
        checked(tmp_path / "log")


def test_a_node_that_does_not_say_where_its_log_ends(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="earlier version"):
        events_of(LOG, head=None).export(tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_a_checkpoint_is_looked_at_before_it_is_kept(tmp_path: Path) -> None:
    good = events_of(LOG).checkpoint()
    assert (good.seq, good.hash, good.at, good.node) == (7, LOG[-1].hash, NOW, NODE.verify_key.hex())
    assert "Checkpoint" in repr(good)
    good.save(tmp_path / "kept")
    good.save(str(tmp_path / "kept"))
    assert read_checkpoints(tmp_path / "kept") == [CHECKPOINT, CHECKPOINT]
    for forged in (
        msgspec.structs.replace(CHECKPOINT, seq=6),
        sign_checkpoint(bytes(32), End(7, LOG[-1].hash), NOW, NODE.sign),
    ):
        with pytest.raises(BadReply, match="worth nothing"):
            events_of(LOG, checkpoint=forged).checkpoint()
    assert isinstance(good, CheckpointView)
