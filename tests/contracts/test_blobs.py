"""What every place for large values does: the points of `store/blobs.py`. A bucket joins here when it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from blake3 import blake3

from syft.errors import InvalidInput, NotFound, StorageError
from syft.store.blobs import Blobs

NOT_DIGESTS = [
    "",
    "ab" * 31,
    "ab" * 33,
    "AB" * 32,
    "zz" * 32,
    "ab" * 32 + "\n",
    "../" * 21 + "a",
    "/" * 64,
    "0" * 62 + "/x",
    "٠" * 64,
    "\0" * 64,
]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def bring(blobs: Blobs, *pieces: bytes) -> str:
    with blobs.writer() as writer:
        for piece in pieces:
            writer.write(piece)
        digest, size = writer.commit()
    assert size == sum(len(piece) for piece in pieces)
    return digest


def files(blobs: Blobs) -> list[Path]:
    return [path for path in blobs.directory.rglob("*") if path.is_file()]


@pytest.mark.parametrize("pieces", [[], [b""], [b"a"], [b"a" * 70_000, b"", b"b"], [b"c" * (3 << 20)]])
def test_a_value_comes_back_under_the_hash_of_its_content(blobs: Blobs, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    digest = bring(blobs, *pieces)
    assert digest == blake3(whole).hexdigest()
    assert blobs.size(digest) == len(whole)
    assert blobs.read(digest, 0, len(whole) + 10) == whole
    assert blobs.path(digest).read_bytes() == whole


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_pieces_of_every_kind_of_bytes(blobs: Blobs, kind: type) -> None:
    assert bring(blobs, kind(b"some bytes")) == blake3(b"some bytes").hexdigest()


def test_parts(blobs: Blobs) -> None:
    digest = bring(blobs, b"0123456789")
    assert blobs.read(digest, 3, 4) == b"3456"
    assert blobs.read(digest, 8, 100) == b"89"
    assert blobs.read(digest, 10, 1) == blobs.read(digest, 1 << 70, 1) == blobs.read(digest, 0, 0) == b""
    assert blobs.read(digest, 0, 1 << 70) == b"0123456789"
    for offset, length in ((-1, 1), (0, -1)):
        with pytest.raises(InvalidInput):
            blobs.read(digest, offset, length)


def test_the_same_content_is_stored_once(blobs: Blobs) -> None:
    assert bring(blobs, b"twice") == bring(blobs, b"tw", b"ice")
    assert len(files(blobs)) == 1


def test_nothing_is_there_before_commit_and_nothing_without(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        writer.write(b"never committed")
        assert list(blobs.digests()) == []
    assert files(blobs) == []


def test_an_exception_leaves_nothing(blobs: Blobs) -> None:
    def fail() -> None:
        with blobs.writer() as writer:
            writer.write(b"a" * 100_000)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(blobs) == []


class TestBlocks:
    """A blob stays with the record that is written inside its block."""

    def test_an_exception_after_commit_takes_it_away_again(self, blobs: Blobs) -> None:
        def fail() -> None:
            with blobs.writer() as writer:
                writer.write(b"a")
                digest, _ = writer.commit()
                assert blobs.read(digest, 0, 1) == b"a"
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert files(blobs) == []

    def test_but_not_what_was_there_before(self, blobs: Blobs) -> None:
        digest = bring(blobs, b"a")
        with suppress(ZeroDivisionError), blobs.writer() as writer:
            writer.write(b"a")
            writer.commit()
            raise ZeroDivisionError
        assert files(blobs) == [blobs.path(digest)]

    @pytest.mark.parametrize("first_fails", [True, False])
    @pytest.mark.parametrize("inner_fails", [True, False])
    def test_nor_what_another_block_brings_too(
        self, blobs: Blobs, first_fails: bool, inner_fails: bool
    ) -> None:
        def block(fails: bool, inside: Callable[[], None]) -> None:
            with suppress(ZeroDivisionError), blobs.writer() as writer:
                writer.write(b"a")
                writer.commit()
                inside()
                if fails:
                    raise ZeroDivisionError

        block(first_fails, lambda: block(inner_fails, lambda: None))
        assert len(files(blobs)) == (0 if first_fails and inner_fails else 1)

    def test_remove_leaves_alone_what_is_being_brought(self, blobs: Blobs) -> None:
        with blobs.writer() as writer:
            writer.write(b"a")
            digest, _ = writer.commit()
            assert not blobs.remove(digest)
            assert blobs.sweep(set()) == 0
        assert blobs.remove(digest)

    def test_remove_asks_whether_a_record_refers_to_it(self, blobs: Blobs) -> None:
        digest = bring(blobs, b"a")
        assert not blobs.remove(digest, unless=lambda: True)
        assert blobs.size(digest) == 1
        assert blobs.remove(digest, unless=lambda: False)

    def test_nothing_goes_from_under_a_record_in_a_race(self, blobs: Blobs) -> None:
        """Some bring a value and write its record, others delete the record and then the value."""
        records: set[int] = set()
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for _ in range(50):
                    with blobs.writer() as writer:
                        writer.write(b"the same")
                        digest, _ = writer.commit()
                        records.add(number)
                    assert blobs.read(digest, 0, 8) == b"the same"
                    records.discard(number)
                    blobs.remove(digest, unless=lambda: bool(records))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert files(blobs) == []


def test_a_finished_value_takes_no_more(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        writer.write(b"a")
        digest, _ = writer.commit()
        with pytest.raises(RuntimeError):
            writer.write(b"b")
        with pytest.raises(RuntimeError):
            writer.commit()
    with pytest.raises(RuntimeError):
        writer.write(b"b")
    assert blobs.read(digest, 0, 10) == b"a"


def test_remove_may_be_called_twice_and_readers_keep_what_they_opened(blobs: Blobs) -> None:
    digest = bring(blobs, b"going")
    with blobs.path(digest).open("rb") as file:
        assert blobs.remove(digest)
        assert not blobs.remove(digest)
        assert file.read() == b"going"
    for ask in (blobs.path, blobs.size, lambda one: blobs.read(one, 0, 1)):
        with pytest.raises(NotFound):
            ask(digest)
    assert bring(blobs, b"going") == digest


def test_sweep_keeps_what_is_in_use(blobs: Blobs) -> None:
    kept, dropped = bring(blobs, b"kept"), bring(blobs, b"dropped")
    blobs.unfinished_path().write_bytes(b"left by a process that was killed")
    again = Blobs(blobs.directory)
    assert again.sweep({kept, "00" * 32}) == 1
    assert list(again.digests()) == [kept]
    assert files(again) == [again.path(kept)]
    assert dropped != kept


def test_digests_leaves_out_what_is_no_blob(blobs: Blobs) -> None:
    digest = bring(blobs, b"one")
    (blobs.directory / "00" / "README").write_text("not ours")
    (blobs.directory / "notes").mkdir()
    assert list(blobs.digests()) == [digest]


@pytest.mark.parametrize("text", NOT_DIGESTS)
def test_what_is_no_digest_is_no_path(blobs: Blobs, text: str) -> None:
    for ask in (blobs.path, blobs.size, blobs.remove, lambda one: blobs.read(one, 0, 1)):
        with pytest.raises(InvalidInput):
            ask(text)


def test_from_many_threads(blobs: Blobs) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(10):
                content = b"%d" % ((number + round_) % 5) * 10_000
                digest = bring(blobs, content[:5000], content[5000:])
                assert blobs.read(digest, 0, len(content)) == content
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(blobs.digests())) == len(files(blobs)) == 5


def test_bytes_that_were_changed_on_disk_are_not_used(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    with blobs.writer() as writer:
        writer.write(b"what was approved")
        digest, _ = writer.commit()
    assert blobs.checked_path(digest) == blobs.path(digest)
    again = Blobs(tmp_path)  # which has hashed nothing itself
    assert again.checked_path(digest) == blobs.path(digest)
    path = blobs.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"what was written over")
    for store in (blobs, again, Blobs(tmp_path)):
        with pytest.raises(StorageError, match="changed on disk"):
            store.checked_path(digest)
