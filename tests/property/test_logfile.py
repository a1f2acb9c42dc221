"""Any change to an exported log is found, whatever it is; and nothing but a change."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from syft.errors import StorageError
from syft.model.event import GENESIS, ChainedEvent, Event
from syft.model.identity import Identity
from syft.model.uid import UID
from syft.store.chain import End, chain, sign_head
from syft.store.logfile import check_log_file, write_log

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NODE = Identity.from_seed(bytes(32))
uids = st.one_of(st.none(), st.binary(min_size=16, max_size=16).map(UID.from_bytes))
# What a store keeps: text without halves of surrogate pairs, times in UTC to the microsecond.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
logs = st.lists(
    st.builds(
        Event,
        verb=texts,
        actor_uid=uids,
        actor_key=texts,
        subject_uid=uids,
        detail=st.dictionaries(texts, texts, max_size=3),
        message_uid=uids,
        created_at=st.integers(0, 10**15).map(lambda micros: BEGIN + timedelta(microseconds=micros)),
    ),
    max_size=6,
)


def exported(folder: Path, happened: list[Event]) -> bytes:
    entries: list[ChainedEvent] = []
    previous = GENESIS
    for seq, event in enumerate(happened, 1):
        entries.append(chain(seq, previous, event, NODE.sign))
        previous = entries[-1].hash
    path = folder / "log.jsonl"
    path.unlink(missing_ok=True)
    write_log(path, NODE.verify_key, entries, sign_head(len(entries), previous, NODE.sign))
    return path.read_bytes()


def check(content: bytes) -> End:
    return check_log_file(io.BytesIO(content), NODE.verify_key)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def one(folder: Path) -> bytes:
    happened = [
        Event(
            verb="a.done",
            actor_uid=UID.with_seed("a"),
            actor_key="ab" * 32,
            detail={"b": "1", "a": "ü", "n": str(number)},
            created_at=datetime(2026, 3, 1, tzinfo=UTC),
        )
        for number in range(8)
    ]
    return exported(folder, happened)


@given(happened=logs)
@settings(deadline=None)
def test_whatever_happened_its_log_is_whole(folder: Path, happened: list[Event]) -> None:
    assert check(exported(folder, happened)).seq == len(happened)


@given(data=st.data())
@settings(deadline=None, max_examples=400)
def test_any_byte_changed_is_found(one: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(one) - 1))
    byte = data.draw(st.integers(0, 255))
    assume(byte != one[place])
    with pytest.raises(StorageError):
        check(one[:place] + bytes([byte]) + one[place + 1 :])


@given(data=st.data(), put=st.binary(max_size=40))
@settings(deadline=None, max_examples=400)
def test_any_piece_cut_out_or_put_in_is_found(one: bytes, data: st.DataObject, put: bytes) -> None:
    begin = data.draw(st.integers(0, len(one)))
    end = data.draw(st.integers(begin, len(one)))
    changed = one[:begin] + put + one[end:]
    assume(changed != one)
    with pytest.raises(StorageError):
        check(changed)


@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_any_other_order_or_choice_of_lines_is_found(one: bytes, data: st.DataObject) -> None:
    lines = one.splitlines(keepends=True)
    chosen = data.draw(st.lists(st.sampled_from(range(len(lines))), max_size=len(lines) + 2))
    assume(chosen != list(range(len(lines))))
    with pytest.raises(StorageError):
        check(b"".join(lines[place] for place in chosen))


@given(content=st.binary(max_size=300))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_at_all_are_no_log(content: bytes) -> None:
    with pytest.raises(StorageError):
        check(content)
