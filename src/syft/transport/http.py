"""This module is the route to a node over HTTP: one POST a message, on connections that are kept open."""

from __future__ import annotations

import struct
from typing import Final

import msgspec
import urllib3

from syft.errors import BadReply, DecodeError, NodeUnreachable, SyftException, TooLarge
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.transport.base import Parcel
from syft.transport.onewrite import OneWritePools
from syft.wire.envelope import HIDING_BYTES, MAX_ATTACHMENT, MAX_ENVELOPE

MESSAGES_PATH: Final = "/api/v1/messages"
METADATA_PATH: Final = "/api/v1/metadata"
CONTENT_TYPE: Final = "application/vnd.syft.envelope"
# Set by a node that passes a message on. Anybody can set it; all it does is that its sender is not taken for local.
FORWARDED: Final = "x-syft-forwarded"

# On the wire: length of the envelope (4) | envelope | attachment.
LENGTH: Final = struct.Struct("<I")
MAX_BODY: Final = LENGTH.size + MAX_ENVELOPE + MAX_ATTACHMENT + HIDING_BYTES

_CONNECT_S: Final = 5.0
# A node answers a call that waits for a job within 25 s (`node/services/jobs`), ended or not.
_READ_S: Final = 90.0
_POOL: Final = 16
# Below this, one packet more costs as much as the copy.
_WORTH_NOT_COPYING: Final = 256 * 1024


def pack(parcel: Parcel) -> bytes:
    """A parcel as the body of a POST or of its answer."""
    return b"".join((LENGTH.pack(len(parcel.envelope)), parcel.envelope, parcel.attachment))


def pieces(parcel: Parcel) -> tuple[bytes | memoryview, ...]:
    """`pack`, without copying a large attachment: one after the other they are the body."""
    if len(parcel.attachment) < _WORTH_NOT_COPYING:
        return (pack(parcel),)
    return LENGTH.pack(len(parcel.envelope)) + parcel.envelope, parcel.attachment


def unpack(body: bytes, *, forwarded: bool = False) -> Parcel:
    """The parcel in a body.

    Args:
        body: as it came.
        forwarded: whether another node passed it on.
    Raises:
        DecodeError: the length it begins with is not that of an envelope.
    """
    if len(body) < LENGTH.size:
        raise DecodeError("An empty message; nothing was done with it.")
    (size,) = LENGTH.unpack_from(body)
    if size > MAX_ENVELOPE or LENGTH.size + size > len(body):
        raise DecodeError("The message is truncated, or its lengths are wrong.")
    end = LENGTH.size + size
    return Parcel(body[LENGTH.size : end], memoryview(body)[end:] if len(body) > end else b"", forwarded)


class HttpRoute:
    """A route over HTTP.

    Args:
        url: of the node, such as "http://localhost:8080".
        patience_s: how long to wait for an answer; longer than a node takes for any.
    """

    def __init__(self, url: str, *, patience_s: float = _READ_S) -> None:
        self._url = url.rstrip("/")
        self._closed = False
        self._pool = OneWritePools(
            num_pools=2,
            maxsize=_POOL,
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=patience_s),
            # "never repeats a parcel that may have arrived": only failures to connect are tried again.
            retries=urllib3.Retry(total=None, connect=1, read=0, redirect=0, status=0, other=0),
        )

    @property
    def url(self) -> str:
        """Where it goes, for people."""
        return self._url

    def send(self, parcel: Parcel) -> Parcel | None:
        """Hand a parcel over and wait for the answer. See `Route`."""
        body = self._exchange("POST", MESSAGES_PATH, pieces(parcel), parcel.forwarded)
        if not body:
            return None
        try:
            return unpack(body)
        except DecodeError as error:
            raise BadReply(f"{self._url} answered, but not as a node does: {error.public_message}") from None

    def describe(self) -> NodeInfo:
        """What the node says of itself."""
        body = self._exchange("GET", METADATA_PATH, ())
        try:
            return decode_info(body)
        except (msgspec.MsgspecError, ValueError, TypeError):
            raise BadReply(
                f"{self._url} is not a node of this kind; check the address and the port."
            ) from None

    def close(self) -> None:
        """Give back connections."""
        self._closed = True
        self._pool.clear()

    def _exchange(
        self, method: str, path: str, body: tuple[bytes | memoryview, ...], forwarded: bool = False
    ) -> bytes:
        if self._closed:
            raise NodeUnreachable(f"The connection to {self._url} is closed. Log in again.")
        # With its length said, urllib3 sends the pieces as they are and not as chunks.
        headers = {"content-type": CONTENT_TYPE, "content-length": str(sum(map(len, body)))}
        if forwarded:
            headers[FORWARDED] = "1"
        try:
            response = self._pool.request(
                method,
                self._url + path,
                body=body or None,  # type: ignore[arg-type]  # any buffer will do, whatever its stubs say
                headers=headers,
                preload_content=False,
            )
            try:
                data = response.read(MAX_BODY + 1, decode_content=False)
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NodeUnreachable(
                f"No answer from {self._url}. Is the server running, and is this its address? "
                "`syft launch` starts one.",
                private_message=repr(error),
            ) from None  # forty frames of sockets tell a person nothing
        if len(data) > MAX_BODY:
            raise BadReply(f"{self._url} sent more than a node would; the answer was thrown away.")
        if response.status >= 400:
            raise _refused(self._url, response.status, data)
        return data


def _refused(url: str, status: int, body: bytes) -> SyftException:
    """The error that an HTTP status stands for, with what the server said, on one line of bounded length.

    Nobody signed it: it may be a proxy's. So it decides nothing but what a person is told.
    """
    text = body[:200].decode(errors="replace")
    said = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if status == 503:
        return NodeUnreachable(f"{url} takes no messages at the moment (HTTP status 503): {said}")
    if status == 413:
        return TooLarge(f"{url} refused a message as too large (HTTP status 413): {said}")
    return BadReply(f"{url} answered with HTTP status {status}: {said}")


def encode_info(info: NodeInfo) -> bytes:
    """What a node says of itself, as JSON for anybody."""
    return msgspec.json.encode(info, enc_hook=lambda uid: uid.hex)


def decode_info(body: bytes) -> NodeInfo:
    """`encode_info`, read back.

    Raises:
        ValueError: it is something else.
    """
    return msgspec.json.decode(body, type=NodeInfo, dec_hook=lambda _, text: UID.from_string(text))
