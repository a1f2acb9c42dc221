"""This module takes values to a node and brings them back, in parts where they are large."""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, NamedTuple

from blake3 import blake3

from syft.client.session import Session
from syft.errors import BadReply, InvalidState, StorageError, StorageFull
from syft.model.job import ValueArgument
from syft.model.message import Done, Message
from syft.model.messages.datasets import NewValue
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
from syft.model.uid import UID
from syft.wire import codec

# What goes along inside a message. A round trip costs more than copying this much.
INLINE_LIMIT_BYTES: Final = 512 * 1024
# Parts under way at once: one is read here while one is on the line and one is written there.
IN_FLIGHT: Final = 3


def _nothing(count: int) -> None:
    """Where nobody wants to know how far it is."""


def upload(session: Session, encoded: codec.Encoded, *, advance: Callable[[int], None] = _nothing) -> UID:
    """Bring a value to the node in parts.

    Args:
        session: whose upload it is.
        encoded: the value; must not change meanwhile. Only the parts under way are held besides.
        advance: told how many more bytes have arrived; called from this thread.
    Returns:
        The finished upload, for one message to use.
    Raises:
        InvalidState: the node has lost parts.
        SyftException: the node refused, or was not reached.
    """
    reply = session.ask(BeginUpload(encoded.size), UploadReply)
    hashed = blake3()
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="syft-upload") as pool:
        under_way: deque[tuple[Future[Done], int]] = deque()
        offset = 0
        for part in encoded.chunks(PART_BYTES):
            if len(under_way) == IN_FLIGHT:
                _settle(under_way, advance)
            message = PutPart(reply.upload_uid, offset)
            under_way.append((pool.submit(session.ask, message, Done, part), len(part)))
            hashed.update(part)
            offset += len(part)
        while under_way:
            _settle(under_way, advance)
    finished = session.ask(FinishUpload(reply.upload_uid, hashed.hexdigest()), UploadReply)
    if finished.missing:
        raise InvalidState(f"{len(finished.missing)} parts did not arrive. Upload it again.")
    return finished.upload_uid


def _settle(under_way: deque[tuple[Future[Done], int]], advance: Callable[[int], None]) -> None:
    future, size = under_way.popleft()
    future.result()
    advance(size)


def bring(session: Session, value: Any) -> NewValue:
    """A value as it goes into a message: inside it where it is small, by an upload before it where it is not.

    Raises:
        UnsupportedType: it cannot travel.
    """
    encoded = codec.encode(value)
    if encoded.size <= INLINE_LIMIT_BYTES:
        return NewValue(type_name=encoded.type_name, shape=encoded.shape, inline=encoded.to_bytes())
    uid = upload(session, encoded)
    return NewValue(type_name=encoded.type_name, shape=encoded.shape, upload_uid=uid)


def as_argument(session: Session, value: Any, name: str = "value") -> ValueArgument:
    """A value as an argument of a job, likewise.

    Args:
        session: with the node that runs it.
        value: the caller's own.
        name: of the parameter, for errors.
    Raises:
        UnsupportedType: it cannot travel.
    """
    encoded = codec.encode(value, name=name)
    if encoded.size <= INLINE_LIMIT_BYTES:
        return ValueArgument(value=encoded.to_bytes())
    return ValueArgument(upload_uid=upload(session, encoded))


class Fetched(NamedTuple):
    """A value that came back: what was said of it, and the value itself."""

    ref: ValueRef
    value: Any


def fetch(session: Session, object_uid: UID, face: Face = Face.PRIVATE) -> Fetched:
    """Read a value.

    A large one comes through an unlinked temporary file and is mapped from there: its arrays are read-only
    views of that file, and only the parts under way are held besides.

    Args:
        session: who asks.
        object_uid: whose value.
        face: private or mock.
    Raises:
        NotFound: not there, or not yours to read.
        StorageFull: no room for the temporary file.
        BadReply: parts that do not belong together.
    """
    return fetch_by(session, lambda offset: ReadValue(object_uid, face, offset))


def fetch_by(session: Session, part_at: Callable[[int], Message]) -> Fetched:
    """Read a value by some kind of message whose answers are its parts. See `fetch`.

    Args:
        session: who asks.
        part_at: the message that asks for the part at that offset, in bytes.
    Raises:
        NotFound: not there, or not yours to read.
        StorageFull: no room for the temporary file.
        BadReply: parts that do not belong together.
    """
    ref, part = _read(session, part_at(0), 0)
    if ref.size <= PART_BYTES:
        return Fetched(ref, codec.decode(part))
    with _disk_errors(), tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, ref.size)
        os.pwrite(file.fileno(), part, 0)
        offsets = iter(range(PART_BYTES, ref.size, PART_BYTES))

        def bring(offset: int) -> None:
            again, data = _read(session, part_at(offset), offset)
            if again.digest != ref.digest or len(data) != min(PART_BYTES, ref.size - offset):
                raise BadReply("The value was replaced while it was being read. Read it again.")
            os.pwrite(file.fileno(), data, offset)

        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="syft-download") as pool:
            _in_turn(pool, bring, offsets)
        return Fetched(ref, decode_file(file))


def fetch_small(session: Session, object_uid: UID, face: Face) -> Fetched | ValueRef:
    """A value that comes in one part; of a larger one only what is said of it.

    Raises:
        NotFound: not there, or not yours to read.
    """
    ref, part = _read(session, ReadValue(object_uid, face), 0)
    return Fetched(ref, codec.decode(part)) if ref.size <= PART_BYTES else ref


def _read(session: Session, message: Message, offset: int) -> tuple[ValueRef, bytes | memoryview]:
    answer = session.exchange(message)
    if not isinstance(answer.message, ValueReply):
        raise BadReply(f"The node answered with {type(answer.message).__name__} where a value was due.")
    ref = answer.message.value
    part = answer.attachment if len(answer.attachment) else (ref.inline or b"")
    if len(part) != min(PART_BYTES, ref.size - offset):
        raise BadReply("The node sent another number of bytes than it said the value has. Read it again.")
    return ref, part


def _in_turn(pool: ThreadPoolExecutor, work: Callable[[int], None], items: Iterator[int]) -> None:
    """Do the work for each item, a few at a time; stop at the first that fails."""
    under_way: deque[Future[None]] = deque()
    for item in items:
        if len(under_way) == IN_FLIGHT:
            under_way.popleft().result()
        under_way.append(pool.submit(work, item))
    while under_way:
        under_way.popleft().result()


def decode_file(file: BinaryIO) -> Any:
    """The value in a file, mapped where it is large. The file may be closed afterwards."""
    size = os.fstat(file.fileno()).st_size
    if size <= PART_BYTES:
        return codec.decode(os.pread(file.fileno(), size, 0))
    return codec.decode(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ), zero_copy=True)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Say which folder is full, rather than which call failed.

    Raises:
        StorageFull: no space left.
        StorageError: anything else about the disk.
    """
    try:
        yield
    except OSError as error:
        where = tempfile.gettempdir()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"There is no room for this value in {where}. Make some, or set TMPDIR to a folder with more."
            ) from error
        raise StorageError(f"A temporary file in {where} could not be used: {error.strerror}.") from error
