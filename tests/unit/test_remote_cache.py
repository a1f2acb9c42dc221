"""The values that a worker keeps: by their content, for as long as there is room, and never believed unseen."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from blake3 import blake3

from syft.errors import BadReply, InvalidInput
from syft.remote.cache import Cache


class Origin:
    """Where values come from; counts who asks."""

    def __init__(self, data: bytes, piece: int = 1000) -> None:
        self.data = data
        self.digest: str = blake3(data).hexdigest()
        self.asked = 0
        self._piece = piece

    def __call__(self, offset: int) -> bytes:
        self.asked += 1
        return self.data[offset : offset + self._piece]


def used(cache: Cache, origin: Origin) -> bytes:
    with cache.holding(origin.digest, len(origin.data), origin) as path:
        return path.read_bytes()


def names(cache: Cache) -> set[str]:
    return {one.name for one in cache.directory.iterdir() if one.is_file()}


def test_a_value_is_fetched_once(tmp_path: Path) -> None:
    cache, origin = Cache(tmp_path / "values", 10_000), Origin(bytes(range(250)) * 10)
    assert used(cache, origin) == origin.data
    assert used(cache, origin) == origin.data
    assert origin.asked == 3
    assert (tmp_path / "values").stat().st_mode & 0o777 == 0o700


def test_many_who_want_it_at_once_fetch_it_once(tmp_path: Path) -> None:
    cache, origin = Cache(tmp_path / "values", 10_000), Origin(b"x" * 5000)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: used(cache, origin), range(16))) == {origin.data}
    assert origin.asked == 5


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "values", 2500)
    first, second, third = (Origin(bytes([number]) * 1000) for number in range(3))
    for number, origin in enumerate((first, second)):
        used(cache, origin)
        os.utime(cache.directory / origin.digest, (number, number))
    used(cache, first)
    used(cache, third)
    assert names(cache) == {first.digest, third.digest}


def test_what_is_in_use_stays_however_little_room_there_is(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "values", 0)
    origins = [Origin(bytes([number]) * 1000) for number in range(3)]
    with ExitStack() as held:
        paths = [held.enter_context(cache.holding(one.digest, 1000, one)) for one in origins]
        assert [path.read_bytes() for path in paths] == [one.data for one in origins]
    assert names(cache) == set()


@pytest.mark.parametrize(
    "sent",
    [b"y" * 3000, b"x" * 2999, b"x" * 3001, b""],
    ids=["another value", "too short", "too long", "nothing"],
)
def test_another_value_than_was_asked_for_is_not_kept(tmp_path: Path, sent: bytes) -> None:
    cache, wanted = Cache(tmp_path / "values", 10_000), Origin(b"x" * 3000)
    lie = Origin(sent, piece=10_000)
    with pytest.raises(BadReply), cache.holding(wanted.digest, 3000, lie):
        pass
    assert names(cache) == set()
    assert list((cache.directory / "incoming").iterdir()) == []
    assert used(cache, wanted) == wanted.data


def test_a_value_that_was_changed_on_disk_is_fetched_again(tmp_path: Path) -> None:
    cache, origin = Cache(tmp_path / "values", 10_000), Origin(b"x" * 3000)
    used(cache, origin)
    for after_restart in (False, True):
        kept = cache.directory / origin.digest
        kept.chmod(0o600)
        kept.write_bytes(b"y" * 3000)
        if after_restart:
            cache = Cache(tmp_path / "values", 10_000)
        assert used(cache, origin) == origin.data


def test_what_was_left_unfinished_goes_at_the_start_and_whole_values_stay(tmp_path: Path) -> None:
    cache, origin = Cache(tmp_path / "values", 10_000), Origin(b"x" * 3000)
    used(cache, origin)
    (cache.directory / "incoming" / "part").write_bytes(b"x")
    (cache.directory / "stray").write_bytes(b"x")
    again = Cache(tmp_path / "values", 10_000)
    assert names(again) == {origin.digest}
    assert list((again.directory / "incoming").iterdir()) == []
    assert used(again, origin) == origin.data
    assert origin.asked == 3


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65])
def test_what_is_no_digest_becomes_no_path(tmp_path: Path, digest: str) -> None:
    cache = Cache(tmp_path / "values", 10_000)
    with pytest.raises(InvalidInput), cache.holding(digest, 1, Origin(b"x")):
        pass


def test_one_fetch_that_fails_does_not_end_those_who_wait_for_it(tmp_path: Path) -> None:
    cache, origin = Cache(tmp_path / "values", 10_000), Origin(b"x" * 1000)
    begun, go_on = threading.Event(), threading.Event()

    def failing(offset: int) -> bytes:
        begun.set()
        go_on.wait(10)
        raise BadReply("gone")

    def first() -> None:
        with cache.holding(origin.digest, 1000, failing):
            pass

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert begun.wait(10)
        other = pool.submit(used, cache, origin)
        go_on.set()
        assert isinstance(one.exception(10), BadReply)
        assert other.result(10) == origin.data
