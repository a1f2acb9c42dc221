"""The log as a file: what is written, what is found when it was changed, and what checkpoints add to that."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

from syft.errors import InvalidInput, StorageError
from syft.model.event import GENESIS, ChainedEvent, ChainHead, Checkpoint, Event
from syft.model.identity import Identity, is_signed_by
from syft.model.uid import UID
from syft.store import chain as chain_module
from syft.store.chain import (
    End,
    chain,
    check_agree,
    check_chain,
    check_checkpoint,
    sign_checkpoint,
    sign_head,
)
from syft.store.logfile import check_log_file, checkpoint_line, read_checkpoints, write_log

NODE, OTHER = Identity.from_seed(bytes(32)), Identity.from_seed(bytes([1]) * 32)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def log_of(
    length: int, *, signer: Identity = NODE, forked_at: int = 0
) -> tuple[list[ChainedEvent], ChainHead]:
    entries: list[ChainedEvent] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        event = Event(
            verb="test.forked" if forked_at and seq >= forked_at else "test.done",
            actor_uid=UID.with_seed("a") if seq % 2 else None,
            actor_key="ab" * 32,
            subject_uid=UID.with_seed(str(seq)),
            detail={"name": 'Ünï\ncödé \u2028 "quoted"', "n": str(seq)},
            message_uid=UID.with_seed(f"m{seq}") if seq % 3 else None,
            created_at=NOW + timedelta(seconds=seq, microseconds=seq % 4),
        )
        entries.append(chain(seq, previous, event, signer.sign))
        previous = entries[-1].hash
    return entries, sign_head(length, previous, signer.sign)


ENTRIES, HEAD = log_of(12)


def written(
    tmp_path: Path, entries: list[ChainedEvent], head: ChainHead, key: bytes = NODE.verify_key
) -> bytes:
    path = tmp_path / "log.jsonl"
    assert write_log(path, key, entries, head) == len(entries)
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("log"), ENTRIES, HEAD)


def checked(content: bytes, *checkpoints: Checkpoint, key: bytes = NODE.verify_key) -> End:
    return check_log_file(io.BytesIO(content), key, checkpoints)


def complaint(content: bytes, *checkpoints: Checkpoint) -> str:
    with pytest.raises(StorageError) as caught:
        checked(content, *checkpoints)
    return caught.value.public_message


def checkpoint_at(entries: list[ChainedEvent], seq: int, signer: Identity = NODE) -> Checkpoint:
    return sign_checkpoint(signer.verify_key, End(seq, entries[seq - 1].hash), NOW, signer.sign)


# --- what is written


def test_what_was_written_is_whole(content: bytes) -> None:
    assert checked(content) == End(12, ENTRIES[-1].hash)


def test_another_program_can_check_it_by_the_documents(content: bytes) -> None:
    """docs/audit.md, as a program that uses nothing of ours but the primitives."""
    first, *lines, last = [json.loads(line) for line in content.decode().split("\n") if line]
    key = bytes.fromhex(first["node"])
    assert first["format"] == "syft audit log 1"
    previous, seq = "0" * 64, 0
    for entry in lines:
        seq += 1
        event = entry["event"]

        def uid(value: str | None) -> str:
            return f"<UID: {value}>" if value else "None"

        body = {
            "detail": event["detail"],
            "event": {
                "actor_key": event["actor_key"],
                "actor_uid": uid(event["actor_uid"]),
                "created_at": event["created_at"].replace("T", " ").replace("Z", "+00:00"),
                "message_uid": uid(event["message_uid"]),
                "subject_uid": uid(event["subject_uid"]),
                "verb": event["verb"],
            },
            "previous": previous,
            "seq": seq,
        }
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert entry["seq"] == seq
        assert entry["previous"] == previous
        assert entry["hash"] == blake3(text.encode()).hexdigest()
        signed = b"syft log entry v1\n" + entry["hash"].encode()
        assert is_signed_by(key, bytes.fromhex(entry["signature"]), signed)
        previous = entry["hash"]
    end = last["end"]
    assert (end["seq"], end["hash"]) == (seq, previous)
    signed = f"syft log head v1\n{seq} {previous}".encode()
    assert is_signed_by(key, bytes.fromhex(end["signature"]), signed)


def test_only_its_owner_reads_it_and_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write_log(path, NODE.verify_key, ENTRIES, HEAD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="already"):
        write_log(path, NODE.verify_key, ENTRIES[:1], HEAD)
    assert path.read_bytes() == before


def test_half_a_log_does_not_stay_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[ChainedEvent]:
        yield ENTRIES[0]
        raise StorageError("the line was cut")

    path = tmp_path / "log.jsonl"
    with pytest.raises(StorageError, match="cut"):
        write_log(path, NODE.verify_key, broken(), HEAD)
    assert not path.exists()


# --- what is found


def lines_changed(change: Callable[[list[bytes]], Any]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        change(lines)
        return b"".join(lines)

    return changed


def swap(lines: list[bytes]) -> None:
    lines[3], lines[4] = lines[4], lines[3]


def respell(lines: list[bytes]) -> None:
    """The same said in other words: spaces, and another order of keys."""
    lines[5] = json.dumps(json.loads(lines[5])).encode() + b"\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.replace(b'"n":"4"', b'"n":"5"', 1), "entry 4: it has been changed"),
        (lines_changed(lambda lines: lines.pop(4)), "entry 4: entry 5 is in its place"),
        (lines_changed(swap), "entry 3: entry 4 is in its place"),
        (lines_changed(lambda lines: lines.insert(4, lines[4])), "entry 5: entry 4 is in its place"),
        (lines_changed(lambda lines: lines.pop(12)), "entry 12: 12 were written, 11 are there"),
        (lines_changed(lambda lines: lines.pop()), "entry 13: it is missing, and so is the signed end"),
        (lines_changed(respell), "entry 5: it is not written as a node writes it"),
        (lines_changed(lambda lines: lines.append(lines[1])), "something after its signed end"),
        (lines_changed(lambda lines: lines.__setitem__(6, b"nonsense\n")), "entry 6: it cannot be read"),
        (lines_changed(lambda lines: lines.__setitem__(6, b"\n")), "entry 6: it cannot be read"),
        (lambda c: c[:-1], "it is cut off or too long"),
        (lambda c: c[:900], "entry 2: it is cut off"),
        (lambda c: b"", "its first line: it is missing"),
        (lambda c: c.replace(b"log 1", b"log 2", 1), "format that is not known"),
        (lambda c: c.replace(NODE.verify_key.hex().encode(), OTHER.verify_key.hex().encode(), 1), "is of the node"),
        (lambda c: c + b"\n", "something after its signed end"),
    ],
)  # fmt: skip
def test_what_was_done_to_it_is_said(content: bytes, change: Callable[[bytes], bytes], said: str) -> None:
    changed = change(content)
    assert changed != content
    assert said in complaint(changed)


def test_a_signature_in_capitals_is_a_change(content: bytes) -> None:
    signature = ENTRIES[6].signature.encode()
    assert "entry 7: this node did not sign it" in complaint(content.replace(signature, signature.upper()))


def test_a_log_of_another_key_under_this_name(tmp_path: Path) -> None:
    entries, head = log_of(12, signer=OTHER)
    assert "entry 1: this node did not sign it" in complaint(written(tmp_path, entries, head))


def test_a_line_without_end_is_not_read_into_memory(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syft.store.logfile._MAX_LINE", 2000)
    assert checked(content).seq == 12
    lines = content.splitlines(keepends=True)
    lines[3] = b"x" * 5000 + b"\n"
    assert "entry 3: it is cut off or too long" in complaint(b"".join(lines))


@pytest.mark.parametrize("batch", [1, 2, 5, 500])
@pytest.mark.parametrize("place", [1, 2, 7, 29, 30])
def test_the_first_bad_entry_is_named_whatever_else_is_wrong(
    place: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signatures are checked on threads, later than hashes: what comes first in the log is said all the same."""
    monkeypatch.setattr(chain_module, "_BATCH", batch)
    monkeypatch.setattr(chain_module, "_WAITING", 1)
    entries, head = log_of(30)
    unsigned = msgspec.structs.replace(entries[place - 1], signature="00" * 64)
    entries[place - 1] = unsigned
    if place < 30:
        entries[-1] = msgspec.structs.replace(entries[-1], hash="00" * 32)
    with pytest.raises(StorageError, match=rf"entry {place}: this node did not sign"):
        check_chain(entries, NODE.verify_key, head=head)


# --- checkpoints


def test_a_log_has_what_its_checkpoints_say(content: bytes) -> None:
    for seq in (1, 5, 12):
        assert checked(content, checkpoint_at(ENTRIES, seq)).seq == 12
    assert checked(content, *(checkpoint_at(ENTRIES, seq) for seq in (1, 5, 5, 12))).seq == 12


@pytest.mark.parametrize("seq", [6, 9, 12])
def test_a_log_that_was_written_anew_is_found(tmp_path: Path, seq: int) -> None:
    """By somebody with the node's key: whole by itself, and another one than somebody was told of."""
    forked = written(tmp_path, *log_of(14, forked_at=6))
    assert checked(forked).seq == 14
    assert checked(forked, checkpoint_at(ENTRIES, 5)).seq == 14
    said = complaint(forked, checkpoint_at(ENTRIES, 5), checkpoint_at(ENTRIES, seq))
    assert f"written anew: entry {seq} is another one than it was at 2026-03-01T00:00:00Z" in said


def test_an_older_copy_of_a_log_is_found(tmp_path: Path) -> None:
    """Whole by itself, with the end that it had then: only who was told of a later one knows."""
    earlier = written(tmp_path, *log_of(8))
    assert checked(earlier, checkpoint_at(ENTRIES, 8)).seq == 8
    assert "entry 9: at 2026-03-01T00:00:00Z it had 12" in complaint(earlier, checkpoint_at(ENTRIES, 12))


def test_two_checkpoints_that_contradict_each_other_need_no_log() -> None:
    forked, _ = log_of(12, forked_at=6)
    check_agree([checkpoint_at(ENTRIES, 5), checkpoint_at(forked, 5), checkpoint_at(forked, 9)])
    with pytest.raises(StorageError, match=r"two logs.*entry 9"):
        check_agree([checkpoint_at(ENTRIES, 9), checkpoint_at(ENTRIES, 3), checkpoint_at(forked, 9)])


@pytest.mark.parametrize("field", ["node", "seq", "hash", "at", "signature"])
def test_a_checkpoint_that_was_changed_proves_nothing(field: str) -> None:
    good = checkpoint_at(ENTRIES, 5)
    check_checkpoint(good, NODE.verify_key)
    other = {
        "node": OTHER.verify_key.hex(),
        "seq": 6,
        "hash": ENTRIES[5].hash,
        "at": NOW + timedelta(hours=1),
        "signature": good.signature.upper(),
    }
    with pytest.raises(InvalidInput):
        check_checkpoint(msgspec.structs.replace(good, **{field: other[field]}), NODE.verify_key)


def test_nothing_else_that_the_node_signs_is_a_checkpoint() -> None:
    forged = Checkpoint(
        node=NODE.verify_key.hex(), seq=HEAD.seq, hash=HEAD.hash, at=NOW, signature=HEAD.signature
    )
    with pytest.raises(InvalidInput, match="proves nothing"):
        check_checkpoint(forged, NODE.verify_key)
    with pytest.raises(InvalidInput, match="of the node with the key"):
        check_checkpoint(checkpoint_at(ENTRIES, 5, OTHER), NODE.verify_key)


def test_checkpoints_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    east = timezone(timedelta(hours=5))
    ours = [
        checkpoint_at(ENTRIES, 3),
        sign_checkpoint(NODE.verify_key, End(4, ENTRIES[3].hash), NOW.astimezone(east), NODE.sign),
    ]
    path.write_bytes(b"".join(checkpoint_line(one) for one in ours))
    assert read_checkpoints(path) == ours
    for one in read_checkpoints(path):
        check_checkpoint(one, NODE.verify_key)
    # Spelled otherwise by whoever kept it: the signature is over what it says.
    path.write_text(json.dumps(json.loads(checkpoint_line(ours[0]))))
    assert read_checkpoints(path) == ours[:1]


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"{}\n", b"nonsense", b"[1]\n", b'{"format":"syft audit checkpoint 1"}\n', b"x" * 9000],
)
def test_what_is_no_file_of_checkpoints(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_bytes(text)
    with pytest.raises(InvalidInput, match="checkpoint"):
        read_checkpoints(path)
    path.write_bytes(checkpoint_line(checkpoint_at(ENTRIES, 3)) + (text or b"\n"))
    with pytest.raises(InvalidInput, match="Line 2"):
        read_checkpoints(path)


def test_numbers_and_times_that_no_node_writes(content: bytes, tmp_path: Path) -> None:
    """Each ends in one of our errors, and nothing else."""
    for seq in (b"9" * 30, b"9" * 5000, b"-1", b"1e3", b"1.0", b"true"):
        assert "entry 2: " in complaint(content.replace(b'"seq":2,', b'"seq":' + seq + b",", 1))
    nested = b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"," + content.split(b"\n")[2][1:]
    assert "entry 2: it" in complaint(content.replace(content.split(b"\n")[2], nested))
    path = tmp_path / "kept.jsonl"
    line = checkpoint_line(checkpoint_at(ENTRIES, 3))
    for at in (b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00"):
        path.write_bytes(line.replace(b"2026-03-01T00:00:00Z", at))
        (kept,) = read_checkpoints(path)
        with pytest.raises(InvalidInput, match="proves nothing"):
            check_checkpoint(kept, NODE.verify_key)
    path.write_bytes(line.replace(b"2026-03-01T00:00:00Z", b"2026-03-01T00:00:00"))
    with pytest.raises(InvalidInput, match="Line 1"):
        read_checkpoints(path)


def test_more_checkpoints_than_anybody_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syft.store.logfile._MAX_CHECKPOINTS", 2)
    path = tmp_path / "kept.jsonl"
    path.write_bytes(checkpoint_line(checkpoint_at(ENTRIES, 3)) * 2)
    assert len(read_checkpoints(path)) == 2
    path.write_bytes(checkpoint_line(checkpoint_at(ENTRIES, 3)) * 3)
    with pytest.raises(InvalidInput, match="more than 2"):
        read_checkpoints(path)
