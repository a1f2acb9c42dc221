"""Values brought in parts: in any order, by the one who began them, bounded, checked, used once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from blake3 import blake3

from syft.errors import (
    InvalidInput,
    InvalidState,
    NotFound,
    StorageError,
    SyftException,
    TooLarge,
    TooManyAttempts,
)
from syft.model.messages.objects import PART_BYTES
from syft.model.uid import UID
from syft.store import uploads as module
from syft.store.blobs import Blobs
from syft.store.uploads import Uploads

ADA, BOB = UID(), UID()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def uploads(blobs: Blobs, clock: Clock) -> Uploads:
    return Uploads(blobs, clock, max_uploads=3, max_bytes=64 * PART_BYTES, idle=timedelta(minutes=10))


def files(blobs: Blobs) -> list[Path]:
    return [path for path in blobs.directory.rglob("*") if path.is_file()]


def parts_of(data: bytes) -> list[tuple[int, memoryview]]:
    return [(at, memoryview(data)[at : at + PART_BYTES]) for at in range(0, len(data), PART_BYTES)]


def bring(uploads: Uploads, data: bytes, owner: UID = ADA) -> UID:
    uid = uploads.begin(owner, len(data))
    for offset, part in parts_of(data):
        uploads.put(owner, uid, offset, part)
    uploads.finish(owner, uid, blake3(data).hexdigest())
    return uid


def take(uploads: Uploads, uid: UID, owner: UID = ADA) -> tuple[str, int]:
    with uploads.take(owner, uid) as taken:
        return taken


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17])
def test_a_value_arrives_whole(uploads: Uploads, blobs: Blobs, size: int) -> None:
    data = random.Random(size).randbytes(size)
    uid = bring(uploads, data)
    assert list(blobs.digests()) == []
    digest, taken = take(uploads, uid)
    assert (digest, taken) == (blake3(data).hexdigest(), size)
    assert blobs.path(digest).read_bytes() == data
    assert files(blobs) == [blobs.path(digest)]
    assert blobs.path(digest).stat().st_mode & 0o777 == 0o400


def test_parts_in_any_order_again_and_at_once(uploads: Uploads, blobs: Blobs) -> None:
    data = random.Random(1).randbytes(9 * PART_BYTES + 5)
    uid = uploads.begin(ADA, len(data))
    parts = parts_of(data) * 3
    random.Random(2).shuffle(parts)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda part: uploads.put(ADA, uid, *part), parts))
    uploads.finish(ADA, uid, blake3(data).hexdigest())
    digest, _ = take(uploads, uid)
    assert blobs.path(digest).read_bytes() == data


def test_what_is_missing(uploads: Uploads) -> None:
    data = bytes(2 * PART_BYTES + 1)
    uid = uploads.begin(ADA, len(data))
    assert uploads.missing(ADA, uid) == (0, PART_BYTES, 2 * PART_BYTES)
    uploads.put(ADA, uid, PART_BYTES, bytes(PART_BYTES))
    assert uploads.missing(ADA, uid) == (0, 2 * PART_BYTES)
    with pytest.raises(InvalidState):
        uploads.finish(ADA, uid, blake3(data).hexdigest())
    uploads.put(ADA, uid, 0, bytes(PART_BYTES))
    uploads.put(ADA, uid, 2 * PART_BYTES, b"\0")
    assert uploads.missing(ADA, uid) == ()
    uploads.finish(ADA, uid, blake3(data).hexdigest())
    assert uploads.missing(ADA, uid) == ()


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, PART_BYTES - 1),
        (0, PART_BYTES + 1),
        (0, 0),
        (1, PART_BYTES),
        (-PART_BYTES, PART_BYTES),
        (PART_BYTES, PART_BYTES),
        (PART_BYTES, 9),
        (PART_BYTES, 11),
        (2 * PART_BYTES, 0),
        (1 << 70, 1),
        (True, 1),
        (0.0, PART_BYTES),
    ],
)
def test_no_part_has_that_place_or_length(uploads: Uploads, blobs: Blobs, offset: int, length: int) -> None:
    uid = uploads.begin(ADA, PART_BYTES + 10)
    with pytest.raises(InvalidInput):
        uploads.put(ADA, uid, offset, bytes(length))
    assert len(uploads.missing(ADA, uid)) == 2
    assert files(blobs)[0].stat().st_size == PART_BYTES + 10


@pytest.mark.parametrize("size", [-1, 1.5, "1", None, True])
def test_no_value_has_that_size(uploads: Uploads, size: int) -> None:
    with pytest.raises(InvalidInput):
        uploads.begin(ADA, size)


def test_another_digest_is_refused_and_can_be_mended(uploads: Uploads, blobs: Blobs) -> None:
    uid = uploads.begin(ADA, 3)
    uploads.put(ADA, uid, 0, b"abX")
    with pytest.raises(InvalidInput):
        uploads.finish(ADA, uid, blake3(b"abc").hexdigest())
    with pytest.raises(InvalidState):
        take(uploads, uid)
    uploads.put(ADA, uid, 0, b"abc")
    uploads.finish(ADA, uid, blake3(b"abc").hexdigest())
    digest, _ = take(uploads, uid)
    assert blobs.path(digest).read_bytes() == b"abc"


def test_finish_may_be_called_again_with_the_same_digest_only(uploads: Uploads) -> None:
    uid = bring(uploads, b"abc")
    uploads.finish(ADA, uid, blake3(b"abc").hexdigest())
    with pytest.raises(InvalidInput):
        uploads.finish(ADA, uid, blake3(b"abd").hexdigest())


def test_nothing_changes_after_finish(uploads: Uploads) -> None:
    uid = bring(uploads, b"abc")
    with pytest.raises(InvalidState):
        uploads.put(ADA, uid, 0, b"abd")


def test_finish_waits_for_parts_on_their_way(
    uploads: Uploads, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(fd: int, data: memoryview, offset: int) -> None:
        started.set()
        assert go_on.wait(10)
        write_at(fd, data, offset)

    write_at = module.write_at
    uid = uploads.begin(ADA, 3)
    uploads.put(ADA, uid, 0, b"abc")
    monkeypatch.setattr(module, "write_at", slow)
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(uploads.put, ADA, uid, 0, b"abd")
        assert started.wait(10)
        finished = pool.submit(uploads.finish, ADA, uid, blake3(b"abd").hexdigest())
        with pytest.raises(InvalidState):
            uploads.drop(ADA, uid)
        assert not finished.done()
        go_on.set()
        late.result()
        finished.result()
    digest, _ = take(uploads, uid)
    assert blobs.path(digest).read_bytes() == b"abd"


def test_a_value_is_used_once(uploads: Uploads, blobs: Blobs) -> None:
    uid = bring(uploads, b"abc")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(take, uploads, uid) for _ in range(8)]
    errors = [one.exception() for one in answers]
    assert errors.count(None) == 1
    assert all(isinstance(error, NotFound) for error in errors if error is not None)
    assert len(list(blobs.digests())) == 1


def test_a_value_whose_message_was_refused_can_be_taken_again(uploads: Uploads, blobs: Blobs) -> None:
    uid = bring(uploads, b"abc")
    with suppress(ZeroDivisionError), uploads.take(ADA, uid) as (digest, _):
        assert blobs.read(digest, 0, 3) == b"abc"
        with pytest.raises(NotFound):
            take(uploads, uid)
        with pytest.raises(InvalidState):
            uploads.drop(ADA, uid)
        raise ZeroDivisionError
    assert list(blobs.digests()) == []
    assert take(uploads, uid) == (digest, 3)
    assert files(blobs) == [blobs.path(digest)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda uploads, uid: uploads.put(BOB, uid, 0, b"abc"),
        lambda uploads, uid: uploads.missing(BOB, uid),
        lambda uploads, uid: uploads.finish(BOB, uid, blake3(b"abc").hexdigest()),
        lambda uploads, uid: take(uploads, uid, BOB),
        lambda uploads, uid: uploads.drop(BOB, uid),
    ],
    ids=["put", "missing", "finish", "take", "drop"],
)
def test_anothers_and_none_are_one_answer(uploads: Uploads, ask: Callable[[Uploads, UID], object]) -> None:
    theirs = bring(uploads, b"abc")
    answers: list[tuple[type, str]] = []
    for uid in (theirs, UID()):
        with pytest.raises(SyftException) as error:
            ask(uploads, uid)
        answers.append((type(error.value), str(error.value)))
    assert answers[0] == answers[1]
    assert answers[0][0] is NotFound
    assert take(uploads, theirs)[1] == 3


class TestBounds:
    def test_number_for_each_account(self, uploads: Uploads) -> None:
        begun = [uploads.begin(ADA, 1) for _ in range(3)]
        with pytest.raises(TooManyAttempts):
            uploads.begin(ADA, 1)
        uploads.begin(BOB, 1)
        uploads.drop(ADA, begun[0])
        uploads.begin(ADA, 1)

    def test_bytes_for_each_account(self, uploads: Uploads) -> None:
        uploads.begin(ADA, 60 * PART_BYTES)
        with pytest.raises(TooLarge):
            uploads.begin(ADA, 5 * PART_BYTES)
        uploads.begin(ADA, 4 * PART_BYTES)
        uploads.begin(BOB, 64 * PART_BYTES)

    def test_what_is_finished_counts_until_it_is_used(self, uploads: Uploads) -> None:
        uids = [bring(uploads, b"%d" % index) for index in range(3)]
        with pytest.raises(TooManyAttempts):
            uploads.begin(ADA, 1)
        take(uploads, uids[0])
        uploads.begin(ADA, 1)

    def test_room_is_taken_at_the_beginning(self, uploads: Uploads, blobs: Blobs) -> None:
        uploads.begin(ADA, 2 * PART_BYTES)
        assert files(blobs)[0].stat().st_blocks * 512 >= 2 * PART_BYTES


class TestExpiry:
    def test_what_nobody_touches_goes(self, uploads: Uploads, blobs: Blobs, clock: Clock) -> None:
        idle, finished, busy = uploads.begin(ADA, 1), bring(uploads, b"abc"), uploads.begin(ADA, 1)
        clock.now += timedelta(minutes=9)
        uploads.put(ADA, busy, 0, b"a")
        clock.now += timedelta(minutes=2)
        assert uploads.expire() == 2
        for gone in (idle, finished):
            with pytest.raises(NotFound):
                uploads.missing(ADA, gone)
        assert uploads.missing(ADA, busy) == ()
        assert len(files(blobs)) == 1

    def test_beginning_makes_room(self, uploads: Uploads, clock: Clock) -> None:
        for _ in range(3):
            uploads.begin(ADA, 1)
        clock.now += timedelta(minutes=11)
        uploads.begin(ADA, 1)

    def test_not_while_a_part_is_written(
        self, uploads: Uploads, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uid = uploads.begin(ADA, 1)

        def slow(fd: int, data: memoryview, offset: int) -> None:
            clock.now += timedelta(hours=1)
            assert uploads.expire() == 0
            write_at(fd, data, offset)

        write_at = module.write_at
        monkeypatch.setattr(module, "write_at", slow)
        uploads.put(ADA, uid, 0, b"a")
        assert uploads.missing(ADA, uid) == ()

    def test_close_drops_everything(self, uploads: Uploads, blobs: Blobs) -> None:
        uploads.begin(ADA, 1)
        bring(uploads, b"abc", owner=BOB)
        uploads.close()
        assert files(blobs) == []


def test_a_part_that_could_not_be_written_is_still_missing(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = uploads.begin(ADA, 1)

    def refuse(fd: int, data: memoryview, offset: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_at", refuse)
        with pytest.raises(StorageError):
            uploads.put(ADA, uid, 0, b"a")
    assert uploads.missing(ADA, uid) == (0,)
    uploads.put(ADA, uid, 0, b"a")
    uploads.finish(ADA, uid, blake3(b"a").hexdigest())
