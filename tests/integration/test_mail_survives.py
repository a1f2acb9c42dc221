"""Letters between two datasites, through a gateway, while each of the three processes is killed again and again."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from pathlib import Path

import syft as sy
from support.people import ROOT, function
from support.servers import ServerProcess
from syft.errors import RemoteError, SyftException
from syft.model.messages.events import EventsReply, ListEvents
from syft.model.messages.requests import CreateRequest, ListRequests, RequestsReply

PASSWORD = "lovelace"
LETTERS = 40
KILLS = 9
# Enough for the slowest machine; a letter that is lost never comes.
PATIENCE_S = 240.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Server:
    """A node in a process that can be killed, and comes back at the same address."""

    def __init__(self, home: Path, name: str, *options: str) -> None:
        self.name = name
        self._arguments = (home, name, "--port", str(free_port()), *options)
        self._process = self._start()
        self.url = self._process.url

    def _start(self) -> ServerProcess:
        # Nothing is run here: without a fence to prove, it is there sooner.
        return ServerProcess(*self._arguments, SYFT_ISOLATION="process")

    def die(self) -> None:
        self._process.kill()

    def come_back(self) -> None:
        self._process = self._start()
        assert not self._process.refused

    def close(self) -> None:
        self._process.close()


def client(url: str) -> sy.Client:
    return sy.login("ada@x.org", PASSWORD, url=url)


def a_request(number: int) -> CreateRequest:
    return CreateRequest(function(f"def f{number}():\n    return {number}\n", f"f{number}"))


def names_at(far: sy.Client) -> list[str]:
    """The functions that have been asked for, in order, each as often as it was."""
    found: list[str] = []
    while True:
        page = far.ask(ListRequests(limit=100, offset=len(found)), RequestsReply)
        found += [one.code.submission.name for one in page.requests]
        if not page.requests or len(found) >= page.total:
            return found


def test_no_letter_is_lost_and_none_is_handled_twice(tmp_path: Path) -> None:
    """Issue 4, done when: kill -9 of any of the three loses none that was acknowledged."""
    chance = random.Random(4)
    gateway = Server(tmp_path, "net", "--server-type", "gateway")
    near, far = Server(tmp_path, "near"), Server(tmp_path, "far")
    servers = (near, gateway, far)
    try:
        for site in (near, far):
            admin = sy.login(*ROOT, url=site.url)
            admin.users.create(email="ada@x.org", name="Ada", password=PASSWORD)
            admin.connect_to_gateway(sy.login(*ROOT, url=gateway.url))
        at_home = client(near.url)
        abroad = sy.login_as_guest(url=gateway.url).proxy_client_for("far").login("ada@x.org", PASSWORD)
        acknowledged: list[str] = []
        unsure: list[str] = []
        done = threading.Event()

        def write() -> None:
            for number in range(LETTERS):
                message = a_request(number)
                try:
                    abroad.post(message, by=at_home)
                    acknowledged.append(f"f{number}")
                except RemoteError:
                    unsure.append(f"f{number}")
                    time.sleep(0.2)
                time.sleep(chance.uniform(0.0, 0.3))
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        for kill in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.6))
            victim = servers[kill % 3]
            victim.die()
            time.sleep(chance.uniform(0.0, 0.4))
            victim.come_back()
        writer.join()
        assert done.is_set()
        direct = client(far.url)
        until = time.monotonic() + PATIENCE_S
        while not set(acknowledged) <= set(arrived := names_at(direct)) and time.monotonic() < until:
            time.sleep(0.2)
        assert set(acknowledged) - set(arrived) == set()
        assert len(acknowledged) > LETTERS // 4
        assert len(arrived) == len(set(arrived))
        assert set(arrived) <= set(acknowledged) | set(unsure)
        # What is left is drained too, and each was noted as handled once.
        log = sy.login(*ROOT, url=far.url)
        handled = [
            one.event.detail["message"]
            for one in log.ask(ListEvents(limit=1000), EventsReply).events
            if one.event.verb == "mail.handled"
        ]
        assert len(handled) == len(set(handled))
    finally:
        for server in servers:
            with contextlib.suppress(SyftException, OSError):
                server.close()
