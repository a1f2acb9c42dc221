"""The frame of an HTTP body, and what a client says when the other side is not there or not a node."""

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from syft.errors import BadReply, DecodeError, NodeUnreachable, SyftException, TooLarge
from syft.transport.base import Parcel
from syft.transport.http import HttpRoute, pack, unpack


def test_a_parcel_comes_out_as_it_went_in() -> None:
    for parcel in (Parcel(b"envelope"), Parcel(b"envelope", b"attached"), Parcel(b"", b"x")):
        back = unpack(pack(parcel))
        assert back.envelope == parcel.envelope
        assert bytes(back.attachment) == bytes(parcel.attachment)


@pytest.mark.parametrize("body", [b"", b"abc", b"\xff\xff\xff\xff", b"\x05\x00\x00\x00abcd"])
def test_a_frame_that_lies_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        unpack(body)


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    route = HttpRoute(f"http://127.0.0.1:{port}")
    with pytest.raises(NodeUnreachable, match="Is the server running"):
        route.send(Parcel(b"x"))
    route.close()
    route.close()
    with pytest.raises(NodeUnreachable, match="closed"):
        route.describe()


class _Stranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200, b"<html>hello</html>")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        said = b"oops \x1b[2J" + b"x" * 10_000
        self._answer(int(self.path.split("/")[1]) if self.path[1].isdigit() else 500, said)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def stranger() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_somebody_else_there(stranger: str) -> None:
    route = HttpRoute(stranger)
    with pytest.raises(BadReply, match="not a node of this kind"):
        route.describe()
    route.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, BadReply), (400, BadReply), (404, BadReply), (503, NodeUnreachable), (413, TooLarge)],
)
def test_a_refusal_by_status_says_what_the_server_said(
    stranger: str, status: int, kind: type[SyftException]
) -> None:
    route = HttpRoute(f"{stranger}/{status}")
    with pytest.raises(SyftException, match=rf"status {status}\)?: oops \[2Jxxx") as refused:
        route.send(Parcel(b"x"))
    route.close()
    assert type(refused.value) is kind
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400
