"""A small request leaves in one write, a large attachment after its head, and nothing is left for the next one."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from syft.errors import BadReply
from syft.transport.base import Parcel
from syft.transport.http import HttpRoute, pack, unpack


class _Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"not a node's")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def route() -> Iterator[HttpRoute]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    route = HttpRoute(f"http://127.0.0.1:{server.server_port}")
    yield route
    route.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What has been handed to the socket, a piece a write."""
    pieces: list[bytes] = []
    send = http.client.HTTPConnection.send

    def note(connection: http.client.HTTPConnection, data: Any) -> None:
        pieces.append(bytes(data))
        send(connection, data)

    monkeypatch.setattr(http.client.HTTPConnection, "send", note)
    return pieces


def test_head_and_small_body_are_one_write(route: HttpRoute, written: list[bytes]) -> None:
    for number in range(3):
        parcel = Parcel(b"envelope %d" % number, b"attached")
        assert route.send(parcel) == unpack(pack(parcel))
    assert len(written) == 3
    assert all(one.startswith(b"POST ") and one.endswith(b"attached") for one in written)


def test_a_large_attachment_is_not_copied_to_its_head(route: HttpRoute, written: list[bytes]) -> None:
    parcel = Parcel(b"envelope", b"a" * 1_000_000)
    answer = route.send(parcel)
    assert answer is not None
    assert bytes(answer.attachment) == parcel.attachment
    assert [len(one) for one in written[1:]] == [1_000_000]
    assert written[0].endswith(b"envelope")


def test_a_request_without_a_body_is_sent_too(route: HttpRoute, written: list[bytes]) -> None:
    with pytest.raises(BadReply):
        route.describe()
    assert len(written) == 1
    assert written[0].startswith(b"GET ")
    assert written[0].endswith(b"\r\n\r\n")
