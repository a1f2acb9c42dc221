"""This module launches a node, in this process or in one of its own, for notebooks and tests."""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import time
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from syft.client.client import Client
from syft.client.login import connect, login, login_as_guest, normal_url
from syft.client.present import Card, Shown, SyftInfo, say
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD, Settings
from syft.errors import InvalidInput, NodeUnreachable, StorageError, from_code
from syft.node.node import Node
from syft.server.open_node import folder_of, open_node
from syft.server.serve import Failed, Ready
from syft.transport.memory import MemoryRoute

_STOP_S: Final = 8.0
# A server starts in 1 s; on a slow machine, with a database to migrate, in some more.
_START_S: Final = 60.0
_nodes: dict[str, Node] = {}
_handles: list[ServerHandle] = []


class ServerHandle(Shown):
    """A launched node.

    Attributes:
        name: of the node.
        port: it listens on; None for a node in this process.
        url: to log in at; None for a node in this process.
        python_server: the node itself, where it is in this process.
    """

    def __init__(
        self,
        name: str,
        *,
        node: Node | None = None,
        process: subprocess.Popen[bytes] | None = None,
        port: int | None = None,
        host: str = "localhost",
        url: str | None = None,
        server_type: str = "datasite",
        server_side_type: str = "high",
    ) -> None:
        self.name = name
        self.port = port
        self.host = host
        self.server_type = server_type
        self.server_side_type = server_side_type
        self.deployment_type = "python"
        self.python_server = node
        self._process = process
        self._url = url or (normal_url(f"[{host}]" if ":" in host else host, port) if port else None)

    @property
    def url(self) -> str | None:
        """Where to log in."""
        return self._url

    @property
    def is_running(self) -> bool:
        """Whether there is still somebody to answer."""
        if self._process is not None:
            return self._process.poll() is None
        return self.python_server is not None and _nodes.get(self.name) is self.python_server

    @property
    def pid(self) -> int:
        """The process that the node is in."""
        return self._process.pid if self._process else os.getpid()

    @property
    def client(self) -> Client:
        """A guest's client."""
        if self.python_server is not None:
            return connect(route=MemoryRoute(self.python_server))
        return connect(url=self._address())

    def login(self, email: str | None = None, password: str | None = None, **_: Any) -> Client:
        """Log in; asks for what is missing."""
        email = email or input("Email: ")
        if self.python_server is not None:
            return login(email=email, password=password, route=MemoryRoute(self.python_server))
        return login(email=email, password=password, url=self._address())

    def login_as_guest(self, **_: Any) -> Client:
        """Look around without an account."""
        if self.python_server is not None:
            return login_as_guest(route=MemoryRoute(self.python_server))
        return login_as_guest(url=self._address())

    def _address(self) -> str:
        if self._url is None:
            raise AssertionError("a node is in this process, or at a URL")
        return self._url

    def register(
        self,
        name: str,
        email: str | None = None,
        password: str | None = None,
        password_verify: str | None = None,
        institution: str | None = None,
        website: str | None = None,
    ) -> Any:
        """Make an account on the node."""
        return self.client.register(
            name=name,
            email=email or input("Email: "),
            password=password,
            password_verify=password_verify if password_verify is not None else password,
            institution=institution,
            website=website,
        )

    def land(self) -> None:
        """Stop the node. What it had stays, for the next launch with `reset=False`."""
        if self in _handles:
            _handles.remove(self)
        if self.python_server is not None:
            # Another node of that name may have taken its place.
            if _nodes.get(self.name) is self.python_server:
                del _nodes[self.name]
            self.python_server.close()
            return
        process = self._process
        if process is None or process.poll() is not None:
            return
        say(f"Stopping {self.name}")
        if process.stdin is not None:
            process.stdin.close()  # the lifeline: the server closes itself
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    shutdown = land

    def __enter__(self) -> ServerHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.land()

    def __repr__(self) -> str:
        return f"<ServerHandle {self.name} at {self.url or 'this process'}>"

    def _card(self) -> Card:
        return Card(
            f"Server {self.name}",
            [
                ("URL", self.url or "in this process"),
                ("Server Type", self.server_type.capitalize()),
                ("Server Side Type", f"{self.server_side_type.capitalize()} Side"),
            ],
        )


def launch(
    name: str | None = None,
    server_type: str | None = None,
    deploy_to: str | None = None,
    server_side_type: str | None = None,
    port: int | str | None = None,
    processes: int = 1,
    dev_mode: bool = False,
    reset: bool = False,
    host: str = "127.0.0.1",
    **options: Any,
) -> ServerHandle:
    """Launch a node, or take the one of that name that this process launched and that still runs.

    With `deploy_to="remote"` nothing is launched. Two variables of the environment say where the server runs:
    SERVER_URL, its address in full, with scheme and path ("http://localhost" when left out); and SERVER_PORT,
    where the address has no port (8080 when both are left out).

    Args:
        name: of the node; its data is kept under it.
        server_type: "datasite", or "gateway" for a network that datasites join.
        deploy_to: "python"; or "remote" for a handle to a server that runs already.
        server_side_type: "high" where there is private data, or "low".
        port: a number, or "auto" for any free one, starts a server process; None keeps the node in this process.
        processes: accepted for compatibility; a node is one process.
        dev_mode: accepted for compatibility; nothing is less safe for it.
        reset: throw away what the node of that name had.
        host: to listen on. Stays on this machine while the administrator has the default password.
        options: other options of PySyft 0.9, accepted and without effect: queues and workers are always there.
    Returns:
        A handle with `.client`, `.login`, `.login_as_guest`, `.register`, `.land`, `.port` and `.url`.
    Raises:
        InvalidInput: an option that nobody knows, or a port that is none.
        StorageError: the node's data is open in another process, or cannot be read.
        NodeUnreachable: the server process did not answer in time, and was ended.
    """
    _check_options(options)
    name = name or "syft-server"
    kind = str(getattr(server_type, "value", server_type) or "datasite")
    side = str(getattr(server_side_type, "value", server_side_type) or "high")
    if deploy_to == "remote":
        return _remote(name, kind, side)
    settings = Settings.from_env(os.environ)
    folder_of(settings, name)
    if port is None:
        handle = _launch_here(settings, name, kind, side, reset=reset)
    else:
        handle = _launch_process(name, kind, side, port, host, reset=reset)
    if handle.python_server is not None:
        _handles[:] = [one for one in _handles if one.python_server is None or one.name != name]
    _handles.append(handle)
    return handle


# Options of PySyft 0.9 that mean nothing here: queues and workers are always there, and nothing is migrated by hand.
_IGNORED: Final = frozenset(
    {
        "association_request_auto_approval",
        "background_tasks",
        "consumer_type",
        "create_producer",
        "debug",
        "enable_warnings",
        "log_level",
        "migrate",
        "n_consumers",
        "queue_port",
        "tail",
        "thread_workers",
    }
)


def _check_options(options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - _IGNORED)
    if unknown:
        raise InvalidInput(f"launch() does not know {', '.join(unknown)}. See help(sy.orchestra.launch).")


# Where a server listens when nothing is said (`syft launch`).
_REMOTE_PORT: Final = 8080


def _remote(name: str, kind: str, side: str) -> ServerHandle:
    address, port = os.environ.get("SERVER_URL"), os.environ.get("SERVER_PORT")
    try:
        url = normal_url(address or "http://localhost", port or (None if address else _REMOTE_PORT))
    except InvalidInput as error:
        raise InvalidInput(f"SERVER_URL and SERVER_PORT: {error.public_message}") from None
    parts = urlsplit(url)
    number = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    return ServerHandle(name, port=number, host=host, url=url, server_type=kind, server_side_type=side)


def _launch_here(settings: Settings, name: str, kind: str, side: str, *, reset: bool) -> ServerHandle:
    node = _nodes.get(name)
    if node is not None and reset:
        del _nodes[name]
        node.close()
        node = None
    if node is None:
        node = open_node(settings, name, reset=reset, kind=kind, side_type=side)
        try:
            node.start()
        except BaseException:
            node.close()
            raise
        _nodes[name] = node
    say(
        SyftInfo("You have launched a development server in this process. It is intended only for local use.")
    )
    return ServerHandle(name, node=node, server_type=kind, server_side_type=side)


def _launch_process(
    name: str, kind: str, side: str, port: int | str, host: str, *, reset: bool
) -> ServerHandle:
    number = _port_number(port)
    for handle in [one for one in _handles if one.name == name and one.port is not None]:
        if not reset and handle.is_running and number in (0, handle.port):
            # A notebook cell that is run again: people are logged in at that server, and stay so.
            say(
                SyftInfo(
                    f"'{name}' is running already, at {handle.url}. `.land()` stops it; reset=True begins anew."
                )
            )
            return handle
        handle.land()
    say(f"Starting {name} server on {host}" + (f":{number}" if number else ""))
    command = [sys.executable, "-m", "syft.cli", "launch", "--name", name, "--host", host]
    command += ["--port", str(number), "--server-type", kind, "--side", side]
    command += ["--notify"] + (["--reset"] if reset else ["--no-reset"])
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    ready = _wait_ready(process, name)
    say("Waiting for server to start Done.")
    if ready.note:
        say(SyftInfo(ready.note))
    say(
        SyftInfo(
            f"You have launched a development server at http://{ready.host}:{ready.port}. "
            "It is intended only for local use."
        )
    )
    shown = "localhost" if ready.host in ("127.0.0.1", "0.0.0.0", "::1") else ready.host  # noqa: S104
    return ServerHandle(
        name, process=process, port=ready.port, host=shown, server_type=kind, server_side_type=side
    )


def _port_number(port: int | str) -> int:
    """The port to listen on; 0 for any free one.

    Raises:
        InvalidInput: not a port.
    """
    if port == "auto":
        return 0
    text = str(port).strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 0 < number < 65536:
        raise InvalidInput(f"A port is a number from 1 to 65535, or 'auto', not {port!r}.")
    return number


def _wait_ready(process: subprocess.Popen[bytes], name: str) -> Ready:
    """What the server says of itself when it answers.

    Raises:
        NodeUnreachable: it says nothing for too long; it is ended.
        SyftException: what it says instead.
    """
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a server is launched with pipes to hear from it")
    with process.stdout:
        line = _first_line(process.stdout.fileno(), _START_S)
    if line is None:
        process.stdin.close()
        process.kill()
        process.wait()
        raise NodeUnreachable(
            f"Server '{name}' did not answer within {_START_S:.0f} s, and was ended. Launch it again; what it "
            "printed above may say what it waited for."
        )
    try:
        said: Ready | Failed = msgspec.json.decode(line, type=Ready | Failed)
    except msgspec.MsgspecError:
        text = f"Server '{name}' ended before it answered; what it printed above says why."
        said = Failed(StorageError.code, text)
    if isinstance(said, Ready):
        return said
    process.stdin.close()
    process.wait()
    raise from_code(said.code, said.text)


def _first_line(fd: int, limit_s: float) -> bytes | None:
    """What comes out of a pipe up to its first end of line, or its end; None when neither comes in time."""
    until = time.monotonic() + limit_s
    poll = select.poll()  # unlike `select.select`, it takes any descriptor of a process that has many
    poll.register(fd, select.POLLIN)
    said = b""
    while b"\n" not in said:
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            return None
        part = os.read(fd, 65536)
        if not part:
            break
        said += part
    return said.partition(b"\n")[0]


def land_all() -> None:
    """Stop everything that was launched from this process."""
    for handle in list(_handles):
        handle.land()


atexit.register(land_all)

__all__ = ["DEFAULT_EMAIL", "DEFAULT_PASSWORD", "ServerHandle", "land_all", "launch"]
