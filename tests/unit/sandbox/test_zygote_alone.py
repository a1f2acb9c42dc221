"""The parent of runs without a server: what it does when the other end of its connection goes, or asks for nonsense."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syft.sandbox.control import Configure, Ready, Unable, receive, send, to_server
from syft.sandbox.launch import ENVIRONMENT


@contextmanager
def zygote() -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """One that has not been told anything yet, and our end of its connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-I", "-B", "-m", "syft.sandbox.zygote"]
    with ours, subprocess.Popen(command, stdin=theirs.fileno(), env=dict(ENVIRONMENT)) as process:
        theirs.close()
        yield ours, process
        ours.close()
        assert process.wait(60) == 0


def test_a_server_that_goes_before_it_says_anything_is_not_waited_for() -> None:
    with zygote():
        pass


def test_a_directory_that_another_has_removed_means_that_the_server_has_gone(tmp_path: Path) -> None:
    with zygote() as (connection, _):
        send(connection, Configure("process", [], str(tmp_path / "removed"), [], {}))
        assert receive(connection, to_server) == (None, [])


def test_a_level_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with zygote() as (connection, _):
        send(connection, Configure("perfect", [], str(tmp_path), [], {}))
        told, _ = receive(connection, to_server)
        assert isinstance(told, Unable)
        assert "no such isolation level" in told.why


def test_a_server_that_goes_while_it_imports_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "scratch"
    (place / "left").mkdir(parents=True)
    with zygote() as (connection, _):
        send(connection, Configure("process", ["json"], str(place), [], {}))
        # Closing with its answer unread: it learns of it when it says that it is ready, or just after.
    assert not place.exists()


def test_what_is_no_run_once_it_is_ready_ends_it(tmp_path: Path) -> None:
    with zygote() as (connection, _):
        for _ in range(2):
            send(connection, Configure("process", [], str(tmp_path), [], {}))
        told, _ = receive(connection, to_server)
        assert isinstance(told, Ready)
        # Whatever is no run after that, ends it.
        assert receive(connection, to_server) == (None, [])
    assert not tmp_path.exists()
