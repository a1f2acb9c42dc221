"""A node whose default pool is remote, answering over HTTP, and real worker processes for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import uvicorn

from support.people import ROOT, Person
from syft.config import Settings
from syft.errors import InvalidState
from syft.model.messages import users
from syft.model.messages.pools import LaunchPool, PoolReply
from syft.model.messages.workers import (
    AdmitWorker,
    JoinTokenReply,
    ListWorkers,
    MakeJoinToken,
    WorkerReply,
    WorkersReply,
    WorkerView,
)
from syft.model.pool import Engine, PoolSpec, Remote
from syft.sandbox.contract import Execution, Host, Outcome, Runner
from syft.server.app import make_app
from syft.server.open_node import open_node
from syft.server.serve import listen
from syft.transport.http import HttpRoute
from syft.transport.memory import MemoryRoute

POOL: Final = "remote-pool"


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class RemoteSite:
    """A node with a pool whose code is run by workers, served over HTTP by a thread of this process.

    Args:
        folder: for the node and its workers; runs with users of their own must get through to it.
        lease_s: see `OrderBook`.
        engine: of the pool; workers that join by themselves if left out.
        pool_workers: how many jobs at once the pool runs at most.
        options: settings of the node.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lease_s: float = 3.0,
        engine: Engine | None = None,
        pool_workers: int = 0,
        **options: Any,
    ) -> None:
        self.folder = folder
        options = {"isolation_min": "process", "durability": "normal", **options}
        settings = Settings(home=folder / "node", worker_lease_s=lease_s, **options)
        self.node = open_node(settings, "site")
        self._socket = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.node.start(self.url)
        # Whoever counts processes: its own sandbox stands.
        self.node.isolation()
        self.site = self.node.open()
        self.orders = self.site.orders
        config = uvicorn.Config(
            make_app(self.node),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._socket])), daemon=True
        )
        self._thread.start()
        assert wait_until(lambda: self._server.started)
        self.admin = Person(MemoryRoute(self.node)).log_in(*ROOT)
        self.admin.say(
            LaunchPool(PoolSpec(name=POOL, engine=engine or Remote(), workers=pool_workers)), PoolReply
        )
        self.runner = self.site.equipped.runner_of(POOL)
        self.workers: list[WorkerProcess] = []
        self._closed = False

    def token(self, uses: int = 1, pool: str = POOL) -> str:
        reply = self.admin.say(MakeJoinToken(pool, uses, 1.0), JoinTokenReply)
        words = self.admin.identity.unseal(reply.sealed)
        assert words is not None
        return words.decode()

    def worker(self, name: str = "w1", *options: str, admitted: bool = True, **environ: str) -> WorkerProcess:
        """A worker process; it has joined when this returns, unless nobody has admitted it."""
        if admitted and not (self.folder / name / "worker.key").exists():
            environ = {"SYFT_WORKER_TOKEN": self.token(), **environ}
        worker = WorkerProcess(self.url, self.folder / name, name, *options, **environ)
        self.workers.append(worker)
        if admitted:
            assert wait_until(lambda: self.is_online(name) or not worker.is_running, 60), "it did not join"
        return worker

    def views(self) -> list[WorkerView]:
        return list(self.admin.say(ListWorkers(), WorkersReply).workers)

    def view(self, name: str) -> WorkerView | None:
        return next((view for view in self.views() if view.name == name), None)

    def is_online(self, name: str) -> bool:
        found = self.view(name)
        return found is not None and found.online

    def admit(self, name: str) -> WorkerView:
        assert wait_until(lambda: self.view(name) is not None)
        view = self.view(name)
        assert view is not None
        return self.admin.say(AdmitWorker(view.uid, view.verify_key), WorkerReply).worker

    def route(self) -> HttpRoute:
        return HttpRoute(self.url)

    def scientist(self) -> Person:
        """Somebody with an account, who speaks over HTTP."""
        password = "correct horse battery"
        account = users.CreateUser("s@site.org", "S", self.admin.sealed(password))
        self.admin.say(account, users.UserReply)
        return Person(self.route()).log_in("s@site.org", password)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for worker in self.workers:
            worker.close()
        self.node.close()
        self.close_http()

    def close_http(self) -> None:
        """Answer nobody any more, as if the network had gone."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> RemoteSite:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class WorkerProcess:
    """`syft worker` in a process of its own."""

    def __init__(self, url: str, home: Path, name: str, *options: str, **environ: str) -> None:
        self.home = home
        command = [
            sys.executable,
            "-m",
            "syft.cli",
            "worker",
            "--node",
            url,
            "--name",
            name,
            "--home",
            str(home),
        ]
        if "--pool" not in options:
            options = ("--pool", POOL, *options)
        self.process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "SYFT_HOME": str(home.parent / f"{name}-home"), **environ},
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """As if the power had gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def terminate(self) -> int:
        """As an operator stops it; its exit status."""
        self.process.terminate()
        return self.process.wait(30)

    def close(self) -> None:
        if self.is_running:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        if self.is_running:
            self.kill()
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()


class RemoteKind(Runner):
    """A runner with a node and a worker of its own, for the contract that all kinds of runners keep to.

    Args:
        level: of the worker; "auto" for the strongest there is.
        slots: orders of one depth that it takes at once.
    """

    # Processes that stand beside the fence.
    beside = 1

    def __init__(self, level: str = "auto", slots: int = 64) -> None:
        # Not pytest's own, since runs with users of their own must get through to it.
        self._folder = Path(tempfile.mkdtemp(prefix="remote-", dir="/tmp"))
        self._folder.chmod(0o711)
        self.site = RemoteSite(self._folder)
        self._options = {"SYFT_ISOLATION": level, "SYFT_WORKER_TOKEN": self.site.token()}
        self._slots = slots
        self._lock = threading.Lock()
        self.worker: WorkerProcess | None = None

    @property
    def level(self) -> str:
        return self.site.runner.level

    def start(self) -> None:
        self.site.runner.start()
        with self._lock:
            if self.worker is None:
                # As this process has it now: tests look at what is left there.
                environ = {"TMPDIR": tempfile.gettempdir(), **self._options}
                options = ("--slots", str(self._slots))
                self.worker = WorkerProcess(self.site.url, self._folder / "w", "w", *options, **environ)

    def wait(self) -> str:
        self.start()
        assert self.worker is not None
        worker = self.worker
        assert wait_until(lambda: bool(self.level) or not worker.is_running, 90), worker.said
        if not worker.is_running:
            raise InvalidState(worker.said)
        return self.site.runner.wait()

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        self.start()
        return self.site.runner.run(execution, result=result, host=host)

    def kill(self, uid: str, reason: str) -> bool:
        return self.site.runner.kill(uid, reason)

    def close(self) -> None:
        self.site.runner.close()
        if self.worker is not None:
            self.worker.close()
        self.site.close()
        shutil.rmtree(self._folder, ignore_errors=True)
