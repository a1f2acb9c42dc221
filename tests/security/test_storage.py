"""Storage under attack and accident: power and processes that go, disks that fill, files that others change.

Rows of the threat model: 4.2 (names, full disks, uploads), 4.3 (`kill -9`), 4.4 (two processes), 4.5 (the log).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from blake3 import blake3

from syft.errors import StaleMessage, StorageError, StorageFull, SyftException
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.messages.objects import PART_BYTES
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import User
from syft.store.blobs import Blobs
from syft.store.chain import check_chain
from syft.store.files import LOCK_NAME
from syft.store.sql import DATABASE_NAME, SqlStore, open_store, reading_file
from syft.store.uploads import Uploads

NODE = Identity.from_seed(bytes(range(32)))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "planted-secret"
# `KILLS=2000` for a longer search; the moments come from the number of the run.
KILLS = int(os.environ.get("KILLS", "100"))


def event(message_uid: UID | None = None) -> Event:
    return Event(verb="test.done", detail={"a": "b"}, created_at=NOW, message_uid=message_uid)


def user(email: str, **changes: object) -> User:
    fields: dict[str, object] = {"uid": UID(), "name": "Ada", "role": Role.ADMIN, "password_hash": "x"}
    return User(email=email, created_at=NOW, **(fields | changes))  # type: ignore[arg-type]


# kill -9


WRITER = """
import os, signal, sys, tempfile, time
from datetime import UTC, datetime
from pathlib import Path
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.uid import UID
from syft.store.blobs import Blobs
from syft.store.sql import open_store

NODE = Identity.from_seed(bytes(range(32)))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def write(directory, out, times=0):
    store = open_store(directory, sign=NODE.sign, durability="normal")
    blobs = Blobs(directory / "blobs")
    number = 0
    while number < times or not times:
        number += 1
        message = UID()
        with blobs.writer() as writer:
            writer.write(os.urandom(20_000))
            writer.write(bytes(number % 7 * 1000))
            digest, size = writer.commit()
        value = ValueRef(digest=digest, size=size, type_name="bytes")
        first, second = (
            ObjectRecord(
                uid=UID(), kind=ObjectKind.VALUE, owner_uid=message, name=name, private=value, created_at=NOW
            )
            for name in ("first", "second")
        )
        with store.writing(Event(verb="test.done", created_at=NOW, message_uid=message)) as tx:
            tx.add(first)
            tx.put_setting("last", message.hex)
            tx.add(second)
        os.write(out, message.hex.encode() + b"\\n")
    store.close()


# One interpreter with everything imported and every statement compiled; a fork for each life.
with tempfile.TemporaryDirectory() as directory, open(os.devnull, "wb") as nowhere:
    write(Path(directory), nowhere.fileno(), 3)
for line in sys.stdin:
    name, number, delay = line.split()
    reader, out = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            write(Path(name), out)
        finally:
            os._exit(1)
    os.close(out)
    said = b""
    while said.count(b"\\n") < int(number):
        said += os.read(reader, 65536) or sys.exit("it ended by itself")
    time.sleep(float(delay))
    os.kill(child, signal.SIGKILL)
    while piece := os.read(reader, 65536):
        said += piece
    os.close(reader)
    _, status = os.waitpid(child, 0)
    print(status, said.decode().replace("\\n", " "), flush=True)
"""


def test_after_kill_9_at_any_moment_what_was_acknowledged_is_there_and_nothing_is_half(
    tmp_path: Path,
) -> None:
    """Hundreds of lives of a writing process, several on each directory; each ends at a moment of chance."""
    moments = random.Random(9)
    acknowledged: dict[Path, list[str]] = {}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forker:
        assert forker.stdin is not None
        assert forker.stdout is not None
        for life in range(KILLS):
            directory = tmp_path / str(life // 5)
            # While it opens; or so long after so many writes.
            number, delay = moments.choice(
                [(0, moments.uniform(0, 0.05)), (moments.randint(1, 12), moments.uniform(0, 0.004))]
            )
            forker.stdin.write(f"{directory} {number} {delay}\n")
            forker.stdin.flush()
            status, *said = forker.stdout.readline().split()
            assert int(status) == signal.SIGKILL
            acknowledged.setdefault(directory, []).extend(said)
        forker.stdin.close()
    for directory, messages in acknowledged.items():
        check_after_kill(directory, [UID.from_string(message) for message in messages])
    assert sum(map(len, acknowledged.values())) > KILLS, "hardly anything was written"


def check_after_kill(directory: Path, acknowledged: list[UID]) -> None:
    store, blobs = open_store(directory, sign=NODE.sign), Blobs(directory / "blobs")
    with store.reading() as reader:
        check_chain(reader.events(), NODE.verify_key, head=reader.head())
        messages = [entry.event.message_uid for entry in reader.events()]
        assert set(acknowledged) <= set(messages)
        records = reader.select(ObjectRecord)
        assert [(one.owner_uid, one.name) for one in records] == [
            (message, name) for message in messages for name in ("first", "second")
        ]
        assert reader.setting("last") == (messages[-1].hex if messages and messages[-1] else None)
        in_use = {str(digest) for digest in reader.values(ObjectRecord, "private_digest")}
    for digest in in_use:
        assert blake3(blobs.path(digest).read_bytes()).hexdigest() == digest
    blobs.sweep(in_use)
    assert set(blobs.digests()) == in_use
    for message in acknowledged:
        with pytest.raises(StaleMessage), store.writing(event(message)):
            pass
    with store.writing(event()):
        pass
    store.close()


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("needs the right to mount; the next test fills a disk without it")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "none", place], check=False).returncode:
        pytest.skip("mounting is not allowed here; the next test fills a disk without it")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(store: SqlStore) -> int:
    """Add records until the disk is full; how many landed."""
    landed = 0
    while True:
        value = os.urandom(8000)
        ref = ValueRef(digest=blake3(value).hexdigest(), size=8000, type_name="bytes", inline=value)
        with store.writing(event(UID())) as tx:
            for name in ("first", "second"):
                tx.add(
                    ObjectRecord(
                        uid=UID(),
                        kind=ObjectKind.VALUE,
                        owner_uid=UID(),
                        name=name,
                        private=ref,
                        created_at=NOW,
                    )
                )
        landed += 1
        assert landed < 10_000


def check_full(directory: Path) -> None:
    """Fill the disk with records; everything that landed is there, nothing else, and it works on with room."""
    store = open_store(directory, sign=NODE.sign)
    before = 0
    for _ in range(3):
        with pytest.raises(StorageFull):
            fill(store)
        with store.reading() as reader:
            events, records = reader.count_events(), reader.select(ObjectRecord)
            check_chain(reader.events(), NODE.verify_key, head=reader.head())
        assert [one.name for one in records] == ["first", "second"] * events
        assert events >= before
        before = events
    assert before > 5
    store.close()


def test_a_disk_that_fills_up(small_disk: Path) -> None:
    check_full(small_disk / "node")
    # Room is made, and it goes on where it stopped. (Removing needs some room itself.)
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    store = open_store(small_disk / "node", sign=NODE.sign)
    with store.reading() as reader:
        before = reader.count_events()
        records = reader.select(ObjectRecord)
    with store.writing(event()) as tx:
        for record in records:
            tx.remove(ObjectRecord, record.uid)
    with store.reading() as reader:
        assert (reader.count(ObjectRecord), reader.count_events()) == (0, before + 1)
        check_chain(reader.events(), NODE.verify_key, head=reader.head())
    store.close()


def test_blobs_and_uploads_on_a_full_disk(small_disk: Path) -> None:
    blobs = Blobs(small_disk / "blobs")
    uploads = Uploads(blobs, lambda: NOW)
    with pytest.raises(StorageFull):
        uploads.begin(UID(), 3 * 1024 * 1024)
    with blobs.writer() as writer:
        writer.write(b"small")
        kept, _ = writer.commit()

    def too_much() -> None:
        with blobs.writer() as writer:
            for _ in range(100):
                writer.write(os.urandom(65536))
            writer.commit()

    with pytest.raises(StorageFull):
        too_much()
    assert list(blobs.digests()) == [kept]
    assert [path for path in blobs.directory.rglob("*") if path.is_file()] == [blobs.path(kept)]
    assert blobs.read(kept, 0, 10) == b"small"


def test_a_file_that_may_grow_no_more(tmp_path: Path) -> None:
    """The same without a right to mount: the system refuses to let any file grow beyond 1 MB."""
    program = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import test_storage
from syft.errors import StorageError
store = test_storage.open_store(Path({str(tmp_path)!r}) / "node", sign=test_storage.NODE.sign)
for _ in range(3):
    try:
        test_storage.fill(store)
    except StorageError as error:
        print(type(error).__name__)
blobs = test_storage.Blobs(Path({str(tmp_path)!r}) / "blobs")
try:
    with blobs.writer() as writer:
        writer.write(bytes(2 << 20))
        writer.commit()
except StorageError as error:
    print(type(error).__name__, [path for path in blobs.directory.rglob("*") if path.is_file()])
store.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, timeout=120
    )
    # SQLite does not tell this refusal from a broken disk; we say so, and nothing is lost either way.
    assert done.stdout.split("\n")[:3] == ["StorageError"] * 3
    assert done.stdout.split("\n")[3] == "StorageFull []"
    store = open_store(tmp_path / "node", sign=NODE.sign)
    with store.reading() as reader:
        check_chain(reader.events(), NODE.verify_key, head=reader.head())
        events = reader.count_events()
        assert [one.name for one in reader.select(ObjectRecord)] == ["first", "second"] * events
        assert events > 5
    store.close()


# Two processes


def test_two_processes_on_one_directory(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from syft.store.sql import open_store
store = open_store(Path({str(tmp_path)!r}), sign=lambda data: bytes(64))
print("open", flush=True)
input()
store.close()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StorageError, match=rf"in use by process {other.pid}\. Stop"):
            open_store(tmp_path, sign=NODE.sign)
        other.communicate("\n")
    open_store(tmp_path, sign=NODE.sign).close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("1")
    open_store(tmp_path, sign=NODE.sign).close()


def test_a_tool_that_holds_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syft.store.engines._BUSY_MS", 50)
    store = open_store(tmp_path, sign=NODE.sign)
    tool = sqlite.connect(str(tmp_path / DATABASE_NAME), isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="Another program"), store.writing(event()):
        pass
    tool.execute("ROLLBACK")
    tool.close()
    with store.writing(event()):
        pass
    store.close()


# The log in the file


def five_entries(directory: Path) -> None:
    store = open_store(directory, sign=NODE.sign)
    for number in range(5):
        with store.writing(event(UID.with_seed(str(number)))) as tx:
            tx.put_setting("number", str(number))
    store.close()


TAMPERINGS = {
    "flipped": "UPDATE events SET verb = 'test.undone' WHERE seq = 3",
    "flipped detail": """UPDATE events SET detail = '{"a":"c"}' WHERE seq = 3""",
    "no JSON any more": "UPDATE events SET detail = '{' WHERE seq = 3",
    "message taken out": "UPDATE events SET message_uid = NULL WHERE seq = 3",
    "deleted": "DELETE FROM events WHERE seq = 3",
    "closed up": "DELETE FROM events WHERE seq = 3; UPDATE events SET seq = seq - 1 WHERE seq > 3",
    "reordered": "UPDATE events SET seq = 99 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 4;"
    "UPDATE events SET seq = 4 WHERE seq = 99",
    "truncated": "DELETE FROM events WHERE seq > 3",
    "truncated, its end moved": "DELETE FROM events WHERE seq > 3;"
    "UPDATE events_head SET (seq, hash, signature) = (SELECT seq, hash, signature FROM events WHERE seq = 3)",
    "emptied": "DELETE FROM events; DELETE FROM events_head",
}


def tamper(directory: Path, statements: str) -> None:
    tool = sqlite.connect(str(directory / DATABASE_NAME), isolation_level=None)
    for statement in statements.split(";"):
        tool.execute(statement)
    tool.close()


@pytest.mark.parametrize("name", list(TAMPERINGS))
def test_a_log_changed_in_the_file_is_noticed(tmp_path: Path, name: str) -> None:
    five_entries(tmp_path)
    tamper(tmp_path, TAMPERINGS[name])

    def verify() -> None:
        store = open_store(tmp_path, sign=NODE.sign)
        try:
            with store.reading() as reader:
                check_chain(reader.events(), NODE.verify_key, head=reader.head())
        finally:
            store.close()

    with pytest.raises(StorageError):
        verify()


def verify_file(path: Path, key: bytes) -> None:
    with reading_file(path) as reader:
        check_chain(reader.events(), key, head=reader.head())


def test_a_log_is_verified_offline_with_the_file_and_the_public_key(tmp_path: Path) -> None:
    five_entries(tmp_path / "a node")
    file = tmp_path / "a node" / DATABASE_NAME
    verify_file(file, NODE.verify_key)
    with pytest.raises(StorageError):
        verify_file(file, Identity.generate().verify_key)
    store = open_store(tmp_path / "a node", sign=NODE.sign)
    with store.writing(event()):
        verify_file(file, NODE.verify_key)
    verify_file(file, NODE.verify_key)
    store.close()
    copy = tmp_path / "a copy?mode=rw#%41.db"
    shutil.copy(file, copy)
    before = copy.read_bytes()
    verify_file(copy, NODE.verify_key)
    assert copy.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [copy.name]


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_what_is_no_nodes_file_is_not_verified(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    for name in ("file", "missing"):
        with pytest.raises(StorageError):
            verify_file(tmp_path / name, NODE.verify_key)


@pytest.mark.parametrize("name", [name for name in TAMPERINGS if name != "emptied"])
def test_a_changed_log_is_noticed_offline_too(tmp_path: Path, name: str) -> None:
    five_entries(tmp_path)
    tamper(tmp_path, TAMPERINGS[name])
    with pytest.raises(StorageError):
        verify_file(tmp_path / DATABASE_NAME, NODE.verify_key)


@pytest.mark.parametrize("name", ["truncated", "truncated, its end moved", "emptied"])
def test_a_node_does_not_write_on_after_a_log_that_was_cut(tmp_path: Path, name: str) -> None:
    """It would sign a new end, and the cut could never be seen again."""
    five_entries(tmp_path)
    tamper(tmp_path, TAMPERINGS[name])
    with pytest.raises(StorageError, match=r"log of this node"):
        open_store(tmp_path, sign=NODE.sign)


@pytest.mark.parametrize("name", list(TAMPERINGS))
def test_a_change_while_the_node_runs_is_not_signed_by_it(tmp_path: Path, name: str) -> None:
    five_entries(tmp_path)
    store = open_store(tmp_path, sign=NODE.sign)
    tamper(tmp_path, TAMPERINGS[name])

    def write_on_and_verify() -> None:
        try:
            with store.writing(event()):
                pass
            with store.reading() as reader:
                check_chain(reader.events(), NODE.verify_key, head=reader.head())
        finally:
            store.close()

    with pytest.raises(StorageError):
        write_on_and_verify()


def test_the_key_of_another_node_does_not_go_on_with_the_log(tmp_path: Path) -> None:
    five_entries(tmp_path)
    with pytest.raises(StorageError, match="another key"):
        open_store(tmp_path, sign=Identity.generate().sign)


# What others on the machine, and readers of logs, can see


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        directory = tmp_path / "node"
        store, blobs = open_store(directory, sign=NODE.sign), Blobs(directory / "blobs")
        uploads = Uploads(blobs, lambda: NOW)
        uploads.begin(UID(), PART_BYTES)
        with blobs.writer() as writer:
            writer.write(b"a")
            writer.commit()
        with store.writing(event()):
            pass
        seen = {path: path.stat().st_mode & 0o777 for path in (directory, *directory.rglob("*"))}
        uploads.close()
        store.close()
    finally:
        os.umask(old)
    assert {mode for path, mode in seen.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in seen.items() if path.is_file()} == {0o600, 0o400}
    assert {path.name for path in seen} >= {"node.db", "node.db-wal", "node.db-shm", "node.lock"}


def test_a_link_in_the_place_of_the_database_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    elsewhere.write_bytes(b"")
    node = tmp_path / "node"
    node.mkdir()
    (node / DATABASE_NAME).symlink_to(elsewhere)
    with pytest.raises(StorageError):
        open_store(node, sign=NODE.sign)
    assert elsewhere.read_bytes() == b""


@pytest.mark.parametrize(
    "act",
    [
        lambda tx: tx.add(user(f"{SECRET}@example.org")),
        lambda tx: tx.add(user("b@example.org", name=SECRET + "\ud800")),
        lambda tx: tx.find(User, role=SECRET),
        lambda tx: tx.find(User, name="Eve"),
    ],
    ids=["unique", "no utf-8", "no such value", "damaged"],
)
def test_errors_name_no_values(tmp_path: Path, act: Callable[[object], object]) -> None:
    store = open_store(tmp_path, sign=NODE.sign)
    with store.writing(event()) as tx:
        tx.add(user(f"{SECRET}@example.org"))
        tx.add(user("eve@example.org", name="Eve"))
    tamper(tmp_path, f"UPDATE users SET email = '{SECRET}' WHERE name = 'Eve'")

    def attempt() -> None:
        with store.writing(event()) as tx:
            act(tx)

    with pytest.raises(SyftException) as caught:
        attempt()
    store.close()
    assert SECRET not in caught.value.private_message
    assert SECRET not in "".join(traceback.format_exception(caught.value, chain=True))


def test_what_was_removed_is_not_in_the_files(tmp_path: Path) -> None:
    secret = b"planted-secret-" * 20
    ref = ValueRef(digest=blake3(secret).hexdigest(), size=len(secret), type_name="bytes", inline=secret)
    one = ObjectRecord(
        uid=UID(), kind=ObjectKind.ASSET, owner_uid=UID(), name="planted-name", private=ref, created_at=NOW
    )
    store = open_store(tmp_path, sign=NODE.sign)
    with store.writing(event()) as tx:
        tx.add(one)
    with store.writing(event()) as tx:
        tx.remove(ObjectRecord, one.uid)
    store.close()
    assert b"planted-name" not in (tmp_path / DATABASE_NAME).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [DATABASE_NAME, LOCK_NAME]
