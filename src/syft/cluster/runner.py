"""This module runs strangers' functions on a Dask cluster: a runner of orders, for which Dask sends workers."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec

from syft.cluster.door import Door
from syft.cluster.engine import Engine
from syft.cluster.said import (
    Admitted,
    AgentSpec,
    Connected,
    Disconnected,
    Ended,
    Failed,
    Found,
    FromCluster,
    Left,
    Resize,
    SetUp,
    Submit,
    Unfit,
    Withdraw,
)
from syft.config import Settings
from syft.errors import InvalidState, MissingExtra, SyftException
from syft.jobs.order_book import OrderBook
from syft.jobs.pools import Equipment
from syft.jobs.remote import RemoteRunner
from syft.logger import say
from syft.model.pool import Dask, Pool
from syft.model.uid import UID
from syft.model.worker import Worker
from syft.sandbox.contract import Execution, Host, Outcome

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound
_WHY_MAX: Final = 500
# They are remembered, for each worker one.
_ADDRESS_MAX: Final = 500
# So often a worker is sent for an order that dies, or cannot reach the node, before it has taken it.
_TRIES: Final = 5
# A cluster with more workers than this in one pool is not one that a single node keeps busy.
_WORKERS_MAX: Final = 1_000


class Admitting(Protocol):
    """By which the workers of a cluster become those of a pool."""

    def admit(self, key: str, name: str) -> Worker:
        """Let a key take work of the pool."""
        ...

    def end(self, worker: Worker) -> None:
        """Let it take no more."""
        ...


class DaskRunner(RemoteRunner):
    """A runner whose runs are done by the workers of a Dask cluster.

    Dask is told the random name of an order and nothing else. Its worker asks the node for that order, as any worker
    on another machine does. Whatever becomes of scheduler and workers, an order that nobody finishes is lost, and its
    job's record says whether it is begun again; Dask itself begins nothing twice.

    Args:
        orders: the node's book.
        pool: whose runs.
        admissions: to that pool.
        set_up: for the process that speaks to the cluster; without the node's URL.
        directory: for that process's files.
        on_slots: told how many runs the cluster does at once, whenever that changes.
    """

    def __init__(
        self,
        orders: OrderBook,
        pool: Pool,
        *,
        admissions: Admitting,
        set_up: SetUp,
        directory: Path,
        on_slots: Callable[[int], None],
    ) -> None:
        self._admissions = admissions
        self._engine = Engine(set_up, directory, self._on_said, self._on_dead)
        self._workers: dict[str, Worker] = {}
        self._submitted: dict[UID, int] = {}
        self._state = threading.Lock()
        self._book = orders
        self._pool_name = pool.name
        self._tell_slots = on_slots
        self._failed = ""
        self._started = False
        self._shut = False
        super().__init__(
            orders, pool.name, on_slots=self._on_slots, on_offered=self._submit, on_over=self._withdraw
        )

    def begin(self, url: str) -> None:
        """Go to the cluster, now that it is known where its workers find the node. For the first call only.

        Args:
            url: of the node; empty where there is none.
        """
        with self._state:
            if self._started or self._shut:
                return
            self._started = True
        if not url:
            self._fail(
                "Workers of a Dask cluster ask the node for their work over HTTP, and this node does not listen: "
                "start it with a port (`syft launch`), or set `node_url`."
            )
            return
        set_up = self._engine.set_up
        self._engine.set_up = msgspec.structs.replace(
            set_up, agent=msgspec.structs.replace(set_up.agent, url=reachable(url, set_up.address))
        )
        self._engine.start()

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        """Run one function to its end. See `Runner`."""
        self._check_usable()
        return super().run(execution, result=result, host=host)

    def wait(self) -> str:
        """Wait until a worker of the cluster is there; the isolation level then.

        Raises:
            InvalidState: none will be; the text says why.
        """
        self._check_usable()
        self._check_open()
        self._book.wait_for_worker(self._pool_name, lambda: self._closed or bool(self._failed))
        self._check_open()
        self._check_usable()
        return self.level

    def scale(self, workers: int) -> None:
        """Have a cluster that the node started itself run so many at once; another is its operator's to scale."""
        self._engine.set_up = msgspec.structs.replace(self._engine.set_up, workers=workers)
        self._engine.say(Resize(workers))

    def close(self) -> None:
        """End every run, and the cluster, if the node has started it."""
        with self._state:
            self._shut = True
        super().close()
        self._engine.close()
        self._end_workers()

    # --- orders

    def _submit(self, order: UID) -> None:
        with self._state:
            self._submitted[order] = 1
        # Where the cluster is not there, it is told when it is.
        self._engine.say(Submit(order.hex))

    def _withdraw(self, order: UID) -> None:
        with self._state:
            self._submitted.pop(order, None)
        self._engine.say(Withdraw(order.hex))

    # --- what the process says

    def _on_said(self, said: FromCluster) -> None:
        match said:
            case Found(address, key, name):
                self._admit(address, key, name)
            case Left(address):
                self._forget(address)
            case Ended(order, why):
                self._ended(order, why)
            case Connected(scheduler):
                say(logging.INFO, "a cluster is there", pool=self._pool_name, scheduler=scheduler[:_WHY_MAX])
                if self._failed:
                    self._failed = ""
                    self._on_slots(self.slots)
                self._submit_again()
            case Disconnected(why):
                say(logging.WARNING, "a cluster is away", pool=self._pool_name, why=why[:_WHY_MAX])
                self._end_workers()
            case Unfit(address, why):
                say(
                    logging.ERROR,
                    "a worker of a cluster cannot run anything",
                    pool=self._pool_name,
                    worker=address[:_WHY_MAX],
                    why=why[:_WHY_MAX],
                )
                self._forget(address)
            case Failed(why):
                self._fail(why[:_WHY_MAX])

    def _on_dead(self) -> None:
        self._end_workers()

    def _admit(self, address: str, key: str, name: str) -> None:
        if len(self._workers) >= _WORKERS_MAX:
            say(logging.ERROR, "a cluster has too many workers", pool=self._pool_name, most=_WORKERS_MAX)
            return
        if len(address) > _ADDRESS_MAX:
            say(logging.ERROR, "a worker of a cluster has no such address", pool=self._pool_name)
            return
        self._forget(address)
        try:
            worker = self._admissions.admit(key, name)
        except SyftException as error:
            say(
                logging.ERROR,
                "a worker of a cluster was not admitted",
                pool=self._pool_name,
                error=error.code,
            )
            return
        with self._state:
            shut = self._shut
            if not shut:
                self._workers[address] = worker
        if shut:
            # Another pool may have this one's name next: nobody who comes late is admitted to that.
            self._admissions.end(worker)
            return
        self._engine.say(Admitted(address))

    def _forget(self, address: str) -> None:
        with self._state:
            worker = self._workers.pop(address, None)
        if worker is not None:
            self._admissions.end(worker)
            self._book.drop(worker, "its worker left the cluster")

    def _ended(self, order: str, why: str) -> None:
        try:
            uid = UID.from_string(order)
        except ValueError:
            return
        with self._state:
            if uid not in self._submitted:
                return
            self._submitted[uid] += 1
            tries = self._submitted[uid]
        # Whoever takes an order takes it once: one that nobody has taken can be sent for again.
        if tries <= _TRIES and self._book.is_waiting(uid) and self._engine.say(Submit(order)):
            return
        # An agent tells the node first and Dask then: of an order that is still open nothing more will be heard.
        self.lose(uid, why[:_WHY_MAX] or "its worker did not finish it")

    def _submit_again(self) -> None:
        """What nobody has taken yet waits for another scheduler, as it would have for this one."""
        with self._state:
            submitted = list(self._submitted)
        for order in submitted:
            if self._book.is_waiting(order):
                self._engine.say(Submit(order.hex))

    def _end_workers(self) -> None:
        """The cluster is gone: what its workers have is lost now, and not when their leases end."""
        with self._state:
            addresses = list(self._workers)
        for address in addresses:
            self._forget(address)

    # --- within

    def _fail(self, why: str) -> None:
        """Have jobs end and say why: nothing will come of waiting."""
        self._failed = f"The worker pool '{self._pool_name}' cannot run anything. {why}"
        say(logging.ERROR, "a worker pool cannot run jobs", pool=self._pool_name, why=why)
        self._book.wake_waiters()
        self._end_workers()
        self._on_slots(0)
        with self._state:
            submitted = list(self._submitted)
        for order in submitted:
            self.lose(order, why)

    def _on_slots(self, slots: int) -> None:
        """What cannot run anything has jobs begin all the same, one at a time, so that they end and say why."""
        self._tell_slots(1 if self._failed else slots)

    def _check_usable(self) -> None:
        if self._failed:
            raise InvalidState(self._failed)


def dask_equipment(
    pool: Pool,
    engine: Dask,
    resize: Callable[[int], None],
    *,
    orders: OrderBook,
    admissions: Admitting,
    door: Door,
    node_key: str,
    settings: Settings,
    environment: Callable[[], str],
    directory: Path,
) -> Equipment:
    """What a pool on a Dask cluster runs its jobs with; it goes to the cluster when the node listens.

    Args:
        pool: which.
        engine: where its cluster is.
        resize: told how many jobs at once it does.
        orders: the node's book.
        admissions: to that pool.
        door: where the node listens.
        node_key: the node's public key, 64 hex digits.
        settings: the operator's.
        environment: the digest of what the cluster's workers must have installed.
        directory: for a cluster that is started here.
    Raises:
        MissingExtra: Dask is not installed.
    """
    is_here = not engine.address
    for package in ("distributed", "cryptography") if is_here else ("distributed",):
        if find_spec(package) is None:
            raise MissingExtra(f"This node has no {package}: pip install 'datasite[dask]' there.")
    agent = AgentSpec(
        place=f"{node_key[:32]}-{pool.uid.hex}",
        pool=pool.name,
        url=engine.node_url,
        node_key=node_key,
        level=pool.isolation or settings.isolation,
        minimum=settings.isolation_min,
        # On this machine, all nodes' keys, databases and values.
        protected=(str(settings.home.absolute()),) if is_here else (),
    )
    set_up = SetUp(
        address=engine.address,
        tls_ca=engine.tls_ca,
        tls_cert=engine.tls_cert,
        tls_key=engine.tls_key,
        workers=pool.workers or settings.workers,
        directory=str(directory.absolute()),
        agent=agent,
    )
    runner = DaskRunner(
        orders, pool, admissions=admissions, set_up=set_up, directory=directory, on_slots=resize
    )
    if engine.node_url:
        door.when_open(lambda _: runner.begin(engine.node_url))
    else:
        door.when_open(runner.begin)
    return Equipment(
        runner,
        environment,
        at_once=lambda: runner.slots,
        scale=lambda workers: runner.scale(workers or settings.workers),
    )


def reachable(url: str, scheduler: str) -> str:
    """That URL, as it is reached from where a cluster is: a server that listens everywhere says no address.

    Args:
        url: as the server has bound it.
        scheduler: its cluster's address; empty: on this machine.
    """
    parts = urlsplit(url)
    if parts.hostname not in _EVERYWHERE:
        return url
    host = "127.0.0.1"
    if scheduler:
        there = urlsplit(scheduler)
        family = socket.AF_INET6 if ":" in (there.hostname or "") else socket.AF_INET
        # Nothing is sent: the system only says from which address it would.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((there.hostname or "", there.port or 8786))
                host = probe.getsockname()[0]
            except OSError:
                host = socket.getfqdn()
    return urlunsplit(
        parts._replace(netloc=f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}")
    )
