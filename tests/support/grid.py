"""Dask clusters as their operators start them, with a process each, and nodes with pools on them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import psutil

from support.people import Person
from support.remote import RemoteKind, wait_until
from syft.model.messages.pools import GetPool, LaunchPool, PoolReply, PoolView
from syft.model.pool import Dask, PoolSpec

GRID: Final = "grid"
_READY_S: Final = 120.0


def free_port() -> int:
    """A port that nobody listens on now; a scheduler that is to come back on the same one needs it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """A scheduler and workers with nannies.

    Args:
        folder: for their files.
        workers: how many.
        threads: of each.
        tls: folder of the certificates, see `certificates`; None for no TLS.
        port: of the scheduler; a free one if left out.
        environ: of the workers.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        threads: int = 1,
        tls: Path | None = None,
        port: int = 0,
        **environ: str,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.tls = tls
        self.address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{self.port}"
        self._threads = threads
        self._environ = environ
        self.scheduler = self._start_scheduler()
        self.workers = [self.add_worker() for _ in range(workers)]

    def engine(self, node_url: str = "") -> Dask:
        """As a pool has it."""
        if self.tls is None:
            return Dask(address=self.address, node_url=node_url)
        return Dask(
            address=self.address,
            node_url=node_url,
            tls_ca=str(self.tls / "ca.pem"),
            tls_cert=str(self.tls / "node.pem"),
            tls_key=str(self.tls / "node.key"),
        )

    def _start(self, *options: str, **environ: str) -> subprocess.Popen[bytes]:
        secure: tuple[str, ...] = ()
        if self.tls is not None:
            ca, cert, key = (str(self.tls / name) for name in ("ca.pem", "dask.pem", "dask.key"))
            secure = ("--tls-ca-file", ca, "--tls-cert", cert, "--tls-key", key)
        log = open(self.folder / "dask.log", "ab")  # noqa: SIM115
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", *options, *secure],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": str(self.tls is not None),
                    **environ,
                },
                start_new_session=True,
            )

    def _start_scheduler(self) -> subprocess.Popen[bytes]:
        return self._start(
            "distributed.cli.dask_scheduler",
            "--host",
            self.address.rpartition(":")[0],
            "--port",
            str(self.port),
            "--no-dashboard",
            "--no-show",
            DASK_TEMPORARY_DIRECTORY=str(self.folder / "scratch"),
        )

    def add_worker(self) -> subprocess.Popen[bytes]:
        """One more nanny with a worker."""
        return self._start(
            "distributed.cli.dask_worker",
            self.address,
            "--nthreads",
            str(self._threads),
            "--no-dashboard",
            "--memory-limit",
            "0",
            "--local-directory",
            str(self.folder / "scratch"),
            **self._environ,
        )

    def kill_scheduler(self) -> None:
        """As if its machine had gone. It comes back on the same address; its workers, which end, are started again."""
        self.scheduler.kill()
        self.scheduler.wait()
        for worker in self.workers:
            # By itself; a nanny that was just starting a worker may wait for the scheduler instead.
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(10)
            _end(worker)
        self.scheduler = self._start_scheduler()
        self.workers = [self.add_worker() for _ in self.workers]

    def kill_nanny(self, which: int = 0) -> None:
        """Its worker must go with it; another nanny is started in its place."""
        below = psutil.Process(self.workers[which].pid).children(recursive=True)
        self.workers[which].kill()
        self.workers[which].wait()
        assert wait_until(lambda: not any(map(_alive, below)), 30), below
        self.workers[which] = self.add_worker()

    def kill_worker(self, which: int = 0) -> bool:
        """The process that has the agent; its nanny starts another. Whether there was one."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.workers[which].pid).children():
                if "--multiprocessing-fork" in one.cmdline():
                    one.kill()
                    return True
        return False

    def close(self) -> None:
        """End all of it."""
        for process in (self.scheduler, *self.workers):
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it has started."""
    below = _below(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for one in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def _below(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def launch_grid(
    admin: Person, engine: Dask, *, workers: int = 0, slots: int = 1, name: str = GRID
) -> PoolView:
    """A pool on a cluster, once so many of its slots are there."""
    admin.say(LaunchPool(PoolSpec(name=name, engine=engine, workers=workers)), PoolReply)
    assert wait_until(lambda: pool_of(admin, name).size >= slots, _READY_S), "no worker has joined"
    return pool_of(admin, name)


def pool_of(admin: Person, name: str = GRID) -> PoolView:
    return admin.say(GetPool(name), PoolReply).pool


def certificates(folder: Path) -> Path:
    """A certificate authority of one's own, and what it has signed: for "dask" and for "node"."""
    folder.mkdir()
    run = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=ca"]
    _openssl(run, ["-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem")])
    for name in ("dask", "node"):
        key, asked, cert = (str(folder / f"{name}.{end}") for end in ("key", "csr", "pem"))
        _openssl(
            ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"],
            ["-keyout", key, "-out", asked],
        )
        _openssl(
            ["openssl", "x509", "-req", "-in", asked, "-days", "2", "-CAcreateserial"],
            ["-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"), "-out", cert],
        )
    return folder


def _openssl(command: list[str], files: list[str]) -> None:
    subprocess.run([*command, *files], check=True, capture_output=True)


class DaskKind(RemoteKind):
    """A runner with a node and a Dask cluster of its own: scheduler, nanny, worker.

    Args:
        slots: threads of the cluster's worker.
    """

    # The scheduler, the nanny with its tracker, the worker, which has the fence; and the node's process on the way.
    beside = 5

    def __init__(self, slots: int = 64) -> None:
        super().__init__(slots=slots)
        self._cluster: Cluster | None = None

    def start(self) -> None:
        with self._lock:
            if self._cluster is not None:
                self.site.runner.start()
                return
            folder = self._folder / "dask"
            folder.mkdir()
            # As this process has it now: tests look at what is left there.
            self._cluster = Cluster(folder, threads=self._slots, TMPDIR=tempfile.gettempdir())
            self.site.admin.say(LaunchPool(PoolSpec(name=GRID, engine=self._cluster.engine())), PoolReply)
            self.site.runner = self.site.site.equipped.runner_of(GRID)

    def wait(self) -> str:
        self.start()
        return self.site.runner.wait()

    def close(self) -> None:
        if self._cluster is not None:
            self.site.runner.close()
            self._cluster.close()
        super().close()
