"""This module runs a node as a server process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Final

import msgspec
import uvicorn

from syft.errors import StorageError
from syft.node.node import Node
from syft.server.app import make_app
from syft.server.bounds import MAX_CONNECTIONS, BoundedHead

# Longer than any client keeps an idle connection, so that it is the client that closes it.
_KEEP_ALIVE_S: Final = 75
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """What a server says once it answers.

    Args:
        host: it listens on.
        port: it listens on.
        note: something its operator should know; empty when there is nothing.
    """

    host: str
    port: int
    note: str = ""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """What a server says when it cannot start.

    Args:
        code: of the error (`errors.BY_CODE`).
        text: its public message.
    """

    code: str
    text: str


def safe_host(node: Node, host: str) -> tuple[str, str]:
    """Where to listen: never beyond this machine while everybody knows the password.

    Args:
        node: whose password it is.
        host: asked for.
    Returns:
        The host, and what to tell the operator when it is another than asked for.
    """
    if is_loopback(host) or not node.has_default_password:
        return host, ""
    return "127.0.0.1", (
        f"Listening on 127.0.0.1 instead of {host}: the administrator still has the default password. "
        "Change it with `client.account.set_password(...)`, or set SYFT_ROOT_PASSWORD before the first start."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(host: str, port: int) -> str:
    """The URL of a server that listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        StorageError: the port is taken, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted connections inherit it. Without it an answer's second packet waits 40 ms for the first one's ACK.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        server.bind((host, port))
        server.listen(1024)
    except OSError as error:
        server.close()
        raise StorageError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port."
        ) from error
    return server


def serve(
    node: Node,
    *,
    host: str,
    port: int,
    on_ready: Callable[[Ready], None],
    lifeline: int | None = None,
) -> None:
    """Serve a node until SIGINT or SIGTERM, or until the lifeline ends; then close it.

    Args:
        node: opened, not yet started.
        host: to listen on.
        port: to listen on; 0 for any free one.
        on_ready: told where, once it answers.
        lifeline: a pipe's reading end: when its writer is gone, whoever started this server is too.
    """
    keep_freed_memory()
    host, note = safe_host(node, host)
    with contextlib.closing(listen(host, port)) as server_socket:
        bound = server_socket.getsockname()
        node.start(url_of(bound[0], bound[1]))
        try:
            config = uvicorn.Config(
                make_app(node),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=3,
                server_header=False,
                http=BoundedHead,
                # Who asks is told by the connection. A header that anybody can write would name any address at all,
                # and the default password is a matter of addresses.
                proxy_headers=False,
                limit_concurrency=MAX_CONNECTIONS,
                date_header=False,
            )
            server = uvicorn.Server(config)
            if lifeline is not None:
                threading.Thread(target=_until_orphaned, args=(lifeline, server), daemon=True).start()
            # uvicorn's own choice of loop: uvloop, where it is installed.
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(_run(server, server_socket, lambda: on_ready(Ready(bound[0], bound[1], note))))
        finally:
            node.close()


def keep_freed_memory() -> None:
    """Tell glibc's malloc to keep what parts of uploads were read into, instead of giving it back after each.

    Without it the kernel maps fresh pages for every part: some 16,000 page faults for 100 MB, half of the time an
    upload takes (docs/performance.md). It costs some 20 MB that stay with the server.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library: it has its own ways
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)


async def _run(server: uvicorn.Server, listening: socket.socket, on_started: Callable[[], None]) -> None:
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if server.started:
        on_started()
    await task


def _until_orphaned(lifeline: int, server: uvicorn.Server) -> None:
    with contextlib.suppress(OSError):
        while os.read(lifeline, 64):
            pass
    server.should_exit = True
    # Should a request hold the shutdown up, the process still ends soon after its owner.
    timer = threading.Timer(10, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()
