"""A real server, and what strangers send it: bounded memory and time, and it goes on serving (THREATS 2.3, 2.5)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import urllib3

from support.bombs import UNPACKED, bomb
from support.envelopes import envelope, message_in
from support.people import ROOT, Person, function, on
from support.sites import PASSWORD, asset_of, at_once, refused
from syft.model.job import JobState
from syft.model.message import Refusal
from syft.model.messages import jobs, requests, session, settings, users
from syft.transport.base import Parcel
from syft.transport.http import CONTENT_TYPE, MAX_BODY, MESSAGES_PATH, HttpRoute, pack, unpack
from syft.wire.envelope import MAX_ENVELOPE

MIB = 1 << 20
SECRET = "JaneDoe4711"


@dataclass
class Server:
    """A node in a process of its own."""

    process: subprocess.Popen[bytes]
    host: str
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def rss(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def person(self) -> Person:
        return Person(HttpRoute(self.url))

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=20)

    def check_serves(self) -> None:
        """Anybody is answered, soon."""
        began = time.monotonic()
        assert self.person().node.name == "hardened"
        assert time.monotonic() - began < 5


@contextlib.contextmanager
def launched(home: Path, *options: str, **environ: str) -> Iterator[Server]:
    """A server process that dies with its standard input, as `syft.orchestra` starts it."""
    home.mkdir(exist_ok=True)
    log = home / "log"
    env = (
        os.environ
        | {"SYFT_HOME": str(home), "SYFT_LOG_LEVEL": "DEBUG", "SYFT_DURABILITY": "normal"}
        | environ
    )
    command = [
        sys.executable,
        "-m",
        "syft.cli",
        "launch",
        "--name",
        "hardened",
        "--port",
        "0",
        "--notify",
        *options,
    ]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=env
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        where = json.loads(process.stdout.readline())
        yield Server(process, where["host"], where["port"], log)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with launched(tmp_path_factory.mktemp("server")) as running:
        admin = running.person().log_in(*ROOT)
        admin.say(settings.UpdateSettings(signup_enabled=True), settings.SettingsReply)
        yield running


def raw(server: Server, data: bytes) -> bytes:
    """What comes back on one connection; empty when it is closed without a word."""
    with server.connect() as line:
        with contextlib.suppress(OSError):
            line.sendall(data)
        return read_all(line)


def read_all(line: socket.socket) -> bytes:
    heard = b""
    with contextlib.suppress(OSError):
        line.settimeout(3)
        while part := line.recv(65536):
            heard += part
            head, _, body = heard.partition(b"\r\n\r\n")
            for one in head.split(b"\r\n"):
                if one.lower().startswith(b"content-length:") and len(body) >= int(one.split(b":")[1]):
                    return heard
    return heard


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def post(body: bytes, *headers: str) -> bytes:
    lines = [f"POST {MESSAGES_PATH} HTTP/1.1", "host: x", f"content-type: {CONTENT_TYPE}", *headers]
    if not any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_message_over_http_is_served(server: Server) -> None:
    """THREATS 2.5, outside the fence: by hand, and by the route."""
    person = server.person()
    answer = raw(server, post(pack(Parcel(envelope(person, users.GetAccount())))))
    assert status(answer) == 200
    reply = unpack(answer.partition(b"\r\n\r\n")[2])
    assert isinstance(message_in(reply), Refusal)  # a guest has no account, and hears it in a signed answer
    server.person().log_in(*ROOT).say(users.GetAccount(), users.UserReply)


@pytest.mark.parametrize(
    ("data", "allowed"),
    [
        (post(b""), {400}),
        (post(b"abc"), {400}),
        (post(b"\xff\xff\xff\xff" + b"x" * 100), {400}),
        (post(struct.pack("<I", 200) + b"x" * 100), {400}),
        (post(struct.pack("<I", 100) + b"x" * 100), {200}),  # noise in a frame: a signed refusal
        (post(b"x", f"content-length: {MAX_BODY + 1}"), {413}),
        (post(b"x", "content-length: 10000000000"), {413}),
        (post(b"x", "content-length: 99999999999999999999999999"), {0, 400, 413}),
        (post(b"x", "content-length: -1"), {0, 400}),
        (post(b"x", "content-length: 1, 5"), {0, 400}),
        (post(b"x", "content-length: 1", "content-length: 2"), {0, 400}),
        (post(b"x" * 10, "content-length: 1", "transfer-encoding: chunked"), {0, 400}),
        (post(b"ffffffffffffffff\r\nx", "transfer-encoding: chunked"), {0, 400, 413}),
        (post(b"zz\r\nx", "transfer-encoding: chunked"), {0, 400}),
        (b"GET /api/v1/messages HTTP/1.1\r\nhost: x\r\n\r\n", {405}),
        (b"POST /api/v1/nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", {404}),
        (b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n", {404}),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n", {404}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, {0, 400}),
        (b"\0" * 1000, {0, 400}),
    ],
    ids=range(20),
)
def test_what_is_no_message_is_refused(server: Server, data: bytes, allowed: set[int]) -> None:
    """THREATS 2.5: lengths that lie, frames that are none, other protocols, other paths."""
    assert status(raw(server, data)) in allowed
    server.check_serves()


def send_endlessly(server: Server) -> tuple[int, bytes, int]:
    """Chunk after chunk, up to 100 MiB: how much was taken, what was said, and how much the server grew."""
    before = server.rss()
    sent, said = 0, b""
    with server.connect() as line, contextlib.suppress(OSError):
        line.sendall(post(b"", "transfer-encoding: chunked"))
        chunk = b"100000\r\n" + b"x" * MIB + b"\r\n"
        while sent < 100 * MIB:
            line.sendall(chunk)
            sent += MIB
        line.settimeout(5)
        said = line.recv(1000)
    return sent, said, server.rss() - before


def test_an_endless_body_in_chunks(server: Server) -> None:
    """THREATS 2.5: a message that never says how long it is costs bounded memory."""
    _, _, grown = send_endlessly(server)
    assert grown < 100 * MIB
    server.check_serves()


def test_an_endless_body_is_cut_off(server: Server) -> None:
    """THREATS 2.5: nor does it cost the server's time, once it is known to be too large."""
    sent, _, _ = send_endlessly(server)
    assert sent < 60 * MIB  # the bound, and what the system holds on its way


def test_the_largest_body_that_is_taken(server: Server) -> None:
    """THREATS 2.5: at the bound it is read and refused as what it is; many of them leave no memory behind."""
    body = struct.pack("<I", MAX_ENVELOPE) + bytes(MAX_BODY - 4)
    before = server.rss()
    for _ in range(4):
        assert status(raw(server, post(body))) == 200
    assert server.rss() - before < 150 * MIB


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
@pytest.mark.parametrize("header", ["content-encoding", "transfer-encoding"])
def test_a_body_that_is_packed_is_not_unpacked(server: Server, kind: str, header: str) -> None:
    """THREATS 2.5: a body that says of itself that it is to be unpacked, to some hundred times its size."""
    before = server.rss()
    body = bomb(kind)
    for data in (body, struct.pack("<I", len(body)) + body):
        # In a frame it is noise, and a signed refusal; a coding of the transfer that is none ends the connection.
        assert status(raw(server, post(data, f"{header}: {kind}"))) in (0, 200, 400, 501)
    assert server.rss() - before < UNPACKED // 4
    server.check_serves()


def test_slow_senders_hold_nobody_up(server: Server) -> None:
    """THREATS 2.5: two hundred connections that say a few bytes and wait; others are served."""
    data = post(b"x" * 1000)
    lines = [server.connect() for _ in range(200)]
    try:
        for number, line in enumerate(lines):
            line.sendall(data[: number % len(data)])
        server.check_serves()
    finally:
        for line in lines:
            line.close()
    server.check_serves()


def test_many_unfinished_bodies_cost_bounded_memory(server: Server) -> None:
    """THREATS 2.5: strangers who send almost all of a large message each, and wait."""
    before = server.rss()
    lines = []
    try:
        for _ in range(24):
            line = server.connect()
            lines.append(line)
            with contextlib.suppress(OSError):
                line.settimeout(2)
                line.sendall(post(bytes(15 * MIB), f"content-length: {16 * MIB}"))
        time.sleep(0.5)
        grown = server.rss() - before
    finally:
        for line in lines:
            line.close()
    server.check_serves()
    assert grown < 200 * MIB


CHUNKED = b"POST /api/v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "opening",
    [
        b"POST /api/v1/messages HTTP/1.1\r\nx-endless: ",
        b"GET /",
        b"GET / HTTP/1.1\r\n",
        CHUNKED + b"0\r\nx-endless: ",
        CHUNKED + b"0\r\n",
        CHUNKED + b"1;x=",
    ],
    ids=["header", "path", "headers", "trailer", "trailers", "extension"],
)
def test_an_endless_head_ends(server: Server, opening: bytes) -> None:
    """THREATS 2.5: a head that never ends is cut off long before it is a burden; a megabyte is plenty."""
    piece = b"x: y\r\n" * 20_000 if opening.endswith(b"\r\n") else b"x" * 120_000
    before = server.rss()
    sent = 0
    refused_ = False
    with server.connect() as line:
        try:
            line.sendall(opening)
            while sent < 24 * MIB:
                line.sendall(piece)
                sent += len(piece)
                line.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    refused_ = line.recv(100) is not None
                line.settimeout(20)
                if refused_:
                    break
        except OSError:
            refused_ = True
    server.check_serves()
    assert server.rss() - before < 50 * MIB
    assert refused_
    assert sent <= 12 * MIB  # most of it on its way, in the hands of the system


def test_served_while_others_misbehave(server: Server) -> None:
    """THREATS 2.5: an honest exchange goes through in the middle of all kinds of noise."""
    stop = threading.Event()

    def misbehave(data: bytes) -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError), server.connect() as line:
                line.sendall(data)
                line.settimeout(0.2)
                line.recv(100)

    noise = [post(b"x" * 1000), b"\0" * 500, post(struct.pack("<I", 500) + bytes(500)), post(b"x" * 10)[:-5]]
    threads = [threading.Thread(target=misbehave, args=(data,)) for data in noise]
    for thread in threads:
        thread.start()
    try:
        admin = server.person().log_in(*ROOT)
        for _ in range(50):
            admin.say(users.ListUsers(), users.UsersReply)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_replayed_over_http(server: Server) -> None:
    """THREATS 2.5: a recorded body, sent again."""
    admin = server.person().log_in(*ROOT)
    body = pack(Parcel(envelope(admin, users.ListUsers())))
    pool = urllib3.PoolManager()
    answers = [
        message_in(unpack(pool.request("POST", server.url + MESSAGES_PATH, body=body).data)) for _ in range(2)
    ]
    pool.clear()
    assert isinstance(answers[0], users.UsersReply)
    assert isinstance(answers[1], Refusal)
    assert answers[1].code == "stale_message"


# 1.1, 1.2, 1.5 and logs, through a real server


def test_private_values_and_passwords_stay_out_of_the_log(server: Server) -> None:
    """THREATS 1.5, 2.2: at the most talkative level, after runs that print and fail, and logins right and wrong."""
    admin = server.person().log_in(*ROOT)
    scientist = server.person().register("http@x.org", "Scient1stSecret")
    refused(server.person(), users.Register("http@x.org", "N", b"Unse4led"))
    data = asset_of(admin.upload("over http", SECRET, "MockName0815"))
    bodies = {
        "one": "print(data)\n    return len(data)",
        "two": "print(data)\n    raise ValueError(data)",
        "three": "print(data)\n    import sys\n    sys.exit(data)",
    }
    for name, body in bodies.items():
        code = function(f"def {name}(data):\n    {body}\n", name, {"data": data})
        admin.approve(scientist.request(code))
        job = scientist.call(name, data=on(data))
        assert SECRET in admin.say(jobs.GetJobLog(job.uid), jobs.JobLogReply).stdout
        assert SECRET not in job.note
    wrong = server.person()
    with contextlib.suppress(Exception):
        wrong.log_in("http@x.org", "Wr0ngSecret")
    log = server.log.read_text()
    assert '"tag": "CallCode"' in log
    assert '"tag": "LogIn"' in log
    for secret in (
        SECRET,
        "MockName0815",
        "Scient1stSecret",
        "Wr0ngSecret",
        ROOT[1],
        "argon2",
        PASSWORD,
        "http@x.org",
    ):
        assert secret not in log


def test_once_over_http(server: Server) -> None:
    """THREATS 1.2: eight connections of two logins at once; one result."""
    admin = server.person().log_in(*ROOT)
    first = server.person().register("racer@x.org")
    second = server.person().log_in("racer@x.org", "123")
    data = asset_of(admin.upload("raced over http", 7, 0))
    code = function(
        "def raced(data):\n    import uuid\n    return uuid.uuid4().hex\n", "raced", {"data": data}
    )
    request = admin.approve(first.request(code))
    call: Callable[[Person], jobs.JobView] = lambda person: person.call("raced", data=on(data))  # noqa: E731
    answers = at_once(*(lambda person=person: call(person) for person in (first, second) * 4))
    values = {
        first.read(one.result_uid)
        for one in answers
        if isinstance(one, jobs.JobView) and one.state is JobState.RELEASED
    }
    assert len(values) == 1
    assert admin.say(requests.GetRequest(request.uid), requests.RequestReply).request.results_released == 1


# 2.3


def test_asked_to_listen_everywhere_it_listens_here(tmp_path: Path) -> None:
    """THREATS 2.3: with the default password, whatever it was told, only this machine reaches it; it says so."""
    with launched(tmp_path / "default", "--host", "0.0.0.0") as server:
        assert server.host == "127.0.0.1"
        listening = {
            one.laddr.ip
            for one in psutil.Process(server.process.pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}


def test_with_a_password_of_its_own_it_listens_where_it_is_told(tmp_path: Path) -> None:
    """THREATS 2.3, outside the fence."""
    with launched(tmp_path / "own", "--host", "0.0.0.0", SYFT_ROOT_PASSWORD="of its own") as server:
        assert server.host == "0.0.0.0"
        refusing = Person(HttpRoute(f"http://127.0.0.1:{server.port}"))
        with pytest.raises(Exception, match="Invalid credentials"):
            refusing.log_in(*ROOT)
        refusing.log_in(ROOT[0], "of its own")


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_a_header_does_not_get_around_the_throttle(server: Server, header: str) -> None:
    """THREATS 2.4: forty guesses from one address are that, whatever they say of where they come from."""
    assert "too_many_attempts" in guesses_from(server, header)


def guesses_from(server: Server, header: str) -> list[str]:
    """The answers to forty wrong logins on as many accounts, each from another address, as it says."""
    pool = urllib3.PoolManager()
    answers = []
    for number in range(40):
        person = server.person()
        data = envelope(person, session.LogIn(f"nobody{number}@x.org", person.sealed("wrong")))
        answer = pool.request(
            "POST",
            server.url + MESSAGES_PATH,
            body=pack(Parcel(data)),
            headers={header: f"10.0.{number}.1"},
        )
        reply = message_in(unpack(answer.data))
        answers.append(reply.code if isinstance(reply, Refusal) else "ok")
    pool.clear()
    return answers
