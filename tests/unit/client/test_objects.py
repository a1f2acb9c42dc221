"""Values in parts: what arrives is what was sent, memory is that of the parts under way, and lies are noticed."""

from __future__ import annotations

import os
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

from syft.client import objects
from syft.client.objects import Fetched, fetch, fetch_small, upload
from syft.client.session import Session
from syft.errors import BadReply, InvalidState, NotFound, StorageError, StorageFull
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.message import Done, Message, Refusal
from syft.model.messages.objects import (
    PART_BYTES,
    BeginUpload,
    FinishUpload,
    PutPart,
    ReadValue,
    UploadReply,
    ValueReply,
)
from syft.model.object import Face, ValueRef
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.transport.ask import now_ms
from syft.transport.base import Parcel
from syft.transport.memory import MemoryRoute
from syft.wire import codec
from syft.wire.envelope import inspect, seal

Reply = tuple[Message, bytes | memoryview]


class TableNode:
    """Answers each kind of message by a function, signing as a node does."""

    def __init__(self, **answers: Callable[[Any, bytes | memoryview], Reply]) -> None:
        self._identity = Identity.generate()
        self._answers = answers
        self.info = NodeInfo(
            uid=UID(),
            name="table",
            kind="datasite",
            verify_key=self._identity.verify_key.hex(),
            version="0",
            protocol=1,
            deployed_at=datetime.now(UTC),
        )

    def receive(self, parcel: Parcel) -> Parcel | None:
        sealed = inspect(parcel.envelope)
        opened = sealed.open(
            recipient=self._identity.verify_key, now_ms=now_ms(), guard=None, attachment=parcel.attachment
        )
        message, attachment = self._answers[type(opened.message).__name__](opened.message, opened.attachment)
        envelope, _ = seal(
            message,
            identity=self._identity,
            recipient=sealed.header.sender,
            address=Address(),
            now_ms=now_ms(),
            reply_to=sealed.header.uid,
            attachment=attachment,
        )
        return Parcel(envelope, attachment)

    def session(self) -> Session:
        return Session(MemoryRoute(self), Identity.generate(), self.info)


def table(rows: int) -> np.ndarray[Any, Any]:
    return np.arange(rows, dtype=np.int64)


class Shelf:
    """Keeps one uploaded value and gives it out again, as the node's two ends of this do."""

    def __init__(self) -> None:
        self.data = b""
        self.parts: dict[int, bytes] = {}
        self.at_once = 0
        self.most_at_once = 0
        self.arrived = threading.Condition()

    def begin(self, message: BeginUpload, _: object) -> Reply:
        self.size = message.size
        return UploadReply(UID()), b""

    def put(self, message: PutPart, attachment: bytes | memoryview) -> Reply:
        with self.arrived:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.arrived.notify_all()
            # Each part waits until another has come, so that what can be at once is.
            self.arrived.wait_for(lambda: self.at_once > 1, timeout=0.05)
            self.parts[message.offset] = bytes(attachment)
            self.at_once -= 1
        return Done(), b""

    def finish(self, message: FinishUpload, _: object) -> Reply:
        self.data = b"".join(self.parts[offset] for offset in sorted(self.parts))
        assert blake3(self.data).hexdigest() == message.digest
        assert len(self.data) == self.size
        return UploadReply(message.upload_uid), b""

    def ref(self) -> ValueRef:
        return ValueRef(digest=blake3(self.data).hexdigest(), size=len(self.data), type_name="numpy.ndarray")

    def read(self, message: ReadValue, _: object) -> Reply:
        return ValueReply(self.ref()), self.data[message.offset : message.offset + PART_BYTES]

    def node(self) -> TableNode:
        return TableNode(
            BeginUpload=self.begin, PutPart=self.put, FinishUpload=self.finish, ReadValue=self.read
        )


@pytest.mark.parametrize("rows", [0, 10, PART_BYTES // 8, PART_BYTES // 8 + 1, PART_BYTES])
def test_there_and_back(rows: int) -> None:
    shelf = Shelf()
    session = shelf.node().session()
    told: list[int] = []
    encoded = codec.encode(table(rows))
    upload(session, encoded, advance=told.append)
    assert sum(told) == encoded.size
    assert all(offset % PART_BYTES == 0 for offset in shelf.parts)
    np.testing.assert_array_equal(fetch(session, UID()).value, table(rows))


def test_a_few_parts_at_once_and_no_more() -> None:
    shelf = Shelf()
    upload(shelf.node().session(), codec.encode(table(PART_BYTES)))
    assert len(shelf.parts) > objects.IN_FLIGHT
    assert 1 < shelf.most_at_once <= objects.IN_FLIGHT


def test_memory_is_that_of_the_parts_under_way() -> None:
    shelf = Shelf()
    value = table(40 * PART_BYTES // 8)
    shelf.data = codec.encode(value).to_bytes()
    session = shelf.node().session()
    tracemalloc.start()
    got = fetch(session, UID()).value
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(got, value)
    assert most < 6 * objects.IN_FLIGHT * PART_BYTES < len(shelf.data)


def test_a_large_value_is_read_only_and_leaves_no_file(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shelf = Shelf()
    shelf.data = codec.encode(table(PART_BYTES)).to_bytes()
    value = fetch(shelf.node().session(), UID()).value
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        value[0] = 1


def test_small_values_only() -> None:
    shelf = Shelf()
    session = shelf.node().session()
    shelf.data = codec.encode(table(10)).to_bytes()
    got = fetch_small(session, UID(), Face.MOCK)
    assert isinstance(got, Fetched)
    np.testing.assert_array_equal(got.value, table(10))
    shelf.data = codec.encode(table(PART_BYTES)).to_bytes()
    assert fetch_small(session, UID(), Face.MOCK) == shelf.ref()


def test_bytes_in_the_reference_will_do() -> None:
    data = codec.encode(3).to_bytes()
    ref = ValueRef(digest=blake3(data).hexdigest(), size=len(data), type_name="int", inline=data)
    node = TableNode(ReadValue=lambda message, _: (ValueReply(ref), b""))
    assert fetch(node.session(), UID()).value == 3


def replaced(shelf: Shelf, message: ReadValue) -> Reply:
    ref = shelf.ref()
    if message.offset:
        ref = ValueRef(digest="0" * 64, size=ref.size, type_name=ref.type_name)
    return ValueReply(ref), shelf.data[message.offset : message.offset + PART_BYTES]


def cut_short(shelf: Shelf, message: ReadValue) -> Reply:
    return ValueReply(shelf.ref()), shelf.data[message.offset : message.offset + PART_BYTES - 1]


def something_else(shelf: Shelf, message: ReadValue) -> Reply:
    return Done(), b""


@pytest.mark.parametrize("lie", [replaced, cut_short, something_else])
def test_parts_that_do_not_belong_together(lie: Callable[[Shelf, ReadValue], Reply]) -> None:
    shelf = Shelf()
    shelf.data = codec.encode(table(PART_BYTES)).to_bytes()
    node = TableNode(ReadValue=lambda message, _: lie(shelf, message))
    with pytest.raises(BadReply):
        fetch(node.session(), UID())


def test_an_upload_that_lost_parts_is_said() -> None:
    shelf = Shelf()
    node = TableNode(
        BeginUpload=shelf.begin,
        PutPart=shelf.put,
        FinishUpload=lambda message, _: (UploadReply(message.upload_uid, (0,)), b""),
    )
    with pytest.raises(InvalidState, match="Upload it again"):
        upload(node.session(), codec.encode(3))


def test_a_refused_part_ends_the_upload() -> None:
    shelf = Shelf()
    node = TableNode(
        BeginUpload=shelf.begin, PutPart=lambda *_: (Refusal("not_found", "There is no such upload."), b"")
    )
    with pytest.raises(NotFound, match="no such upload"):
        upload(node.session(), codec.encode(table(PART_BYTES)))


@pytest.mark.parametrize(("number", "error"), [(28, StorageFull), (5, StorageError)])
def test_a_full_disk_is_said(number: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    shelf = Shelf()
    shelf.data = codec.encode(table(PART_BYTES)).to_bytes()
    with pytest.raises(error, match=tempfile.gettempdir()):
        fetch(shelf.node().session(), UID())
