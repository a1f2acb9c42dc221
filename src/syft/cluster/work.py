"""This module is what happens in the processes of a Dask cluster's workers: an agent that takes orders for a node.

Dask calls these functions by name; what it carries for us is texts without secrets: random names of orders, the
node's address and public key. The agent is a worker as any other (`syft.remote`): it has a key of its own, takes an
order from the node, fetches values by their hash, and runs the code behind a fence of its own. So nothing of
anybody's goes through the scheduler, and nobody's code runs in this process.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from distributed import Worker, secede

from syft.cluster.said import AgentSpec
from syft.errors import AuthenticationError, SyftException
from syft.model.identity import Identity
from syft.model.uid import UID
from syft.model.worker import MAX_SLOTS, WorkerState
from syft.remote.agent import Agent
from syft.remote.cache import Cache
from syft.remote.connection import Connection
from syft.sandbox.contract import Execution, Host, Outcome, Reference, Runner, Stream
from syft.sandbox.runner import EmbeddedRunner
from syft.transport.http import HttpRoute

# An agent that does not hear of its node for so long ends: the node may never come back, or by another cluster.
_FORGET_S: Final = 600.0
_LOOK_S: Final = 1.0
_JOIN_S: Final = 20.0
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")

_stations: dict[str, Station] = {}
_lock = threading.Lock()


class Prepared(msgspec.Struct, frozen=True):
    """How an agent is known.

    Args:
        key: its public key, 64 hex digits.
        name: for people.
        why: it cannot be had; empty if it can.
    """

    key: str = ""
    name: str = ""
    why: str = ""


class Station:
    """The agent of one pool in this process, and what it works with.

    Args:
        spec: what the node said.
        directory: of this worker; removed with it.
        slots: threads of this worker.
    """

    def __init__(self, spec: AgentSpec, directory: Path, slots: int) -> None:
        self.identity = Identity.generate()
        self.name = _NOT_IN_NAME.sub("-", f"dask-{socket.gethostname()}-{os.getpid()}")[:100]
        self._over = threading.Event()
        self._there = threading.Event()
        self._why = ""
        route = HttpRoute(spec.url)
        node = route.describe()
        if node.verify_key != spec.node_key:
            raise AuthenticationError(
                f"At {spec.url} there is another node than the one that uses this cluster."
            )
        own = directory / f"syft-{self.identity.verify_key.hex()[:16]}"
        self._fence = EmbeddedRunner(
            level=spec.level,
            minimum=spec.minimum,
            # What other runs were given, and where the node is on this very machine, what is its own.
            protected=[Path(one) for one in spec.protected] + [directory],
        )
        self._runner = _Noticing(self._fence)
        self._agent = Agent(
            Connection(route, self.identity, node),
            self._runner,
            Cache(own, spec.cache_bytes),
            pool=spec.pool,
            name=self.name,
            slots=min(slots, MAX_SLOTS),
            on_state=self._on_state,
        )
        self._keeper: threading.Thread | None = None

    def begin(self) -> str:
        """Join, now that the node knows the key; why it has not come to that, or empty."""
        with _lock:
            if self._keeper is None:
                self._fence.start()
                self._keeper = threading.Thread(target=self._keep, daemon=True, name="syft-station")
                self._keeper.start()
        if not self._there.wait(_JOIN_S):
            return self._why or "the worker has not reached the node in time"
        return self._why

    def work(self, order: UID) -> None:
        """Run that order to its end. The Dask task's thread waits here.

        A run that launches others waits for them, while they need threads of this very cluster: it gives its own
        away then. So a tree of runs that is wider or deeper than the cluster cannot wait for itself.
        """
        changed = threading.Condition()
        launched, done = False, False
        failed: list[BaseException] = []

        def has_launched() -> None:
            nonlocal launched
            with changed:
                launched = True
                changed.notify_all()

        def run() -> None:
            nonlocal done
            try:
                self._agent.work_one(order)
            except BaseException as error:
                failed.append(error)
            finally:
                with changed:
                    done = True
                    changed.notify_all()

        with self._runner.noticing(order.hex, has_launched):
            threading.Thread(target=run, daemon=True, name="syft-order").start()
            with changed:
                changed.wait_for(lambda: launched or done)
                is_done = done
            if not is_done:
                secede()
                with changed:
                    changed.wait_for(lambda: done)
        if failed:
            # Of a class that every Python has: this is pickled on its way to the client, and it has no detail.
            raise RuntimeError("the order could not be taken or finished")

    def end(self) -> None:
        """Leave, and leave nothing behind. May be called twice."""
        self._over.set()
        self._there.set()
        self._why = self._why or "the agent was ended"
        with suppress(SyftException):
            self._agent.close()
        self._fence.close()

    def _on_state(self, state: WorkerState) -> None:
        if state is WorkerState.WAITING:
            # The node was started anew, and does not know this key: it will find this worker again by itself.
            self._why = "the node does not know this agent"
            self._over.set()
            self._agent.stop()

    def _keep(self) -> None:
        """Be there, and again after a time at which the node did not hear of us."""
        watch = threading.Thread(target=self._watch, daemon=True, name="syft-station-watch")
        watch.start()
        try:
            while not self._over.is_set():
                self._agent.be_there()
                self._there.set()
                self._over.wait(_LOOK_S)
        except SyftException as error:
            self._why = self._why or error.public_message
        finally:
            self._over.set()
            self._there.set()

    def _watch(self) -> None:
        away_s = 0.0
        while not self._over.wait(_LOOK_S):
            away_s = 0.0 if self._agent.is_there else away_s + _LOOK_S
            if away_s > _FORGET_S:
                self.end()


class _Noticing(Runner):
    """A runner that tells when one of its runs launches another.

    Args:
        runner: that runs.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._told: dict[str, Callable[[], None]] = {}

    def noticing(self, uid: str, tell: Callable[[], None]) -> _Noted:
        """For the length of a block, have this told of the launches of that run."""
        return _Noted(self._told, uid, tell)

    @property
    def level(self) -> str:
        """The fence's."""
        return self._runner.level

    def start(self) -> None:
        """See `Runner`."""
        self._runner.start()

    def wait(self) -> str:
        """See `Runner`."""
        return self._runner.wait()

    def run(self, execution: Execution, *, result: BinaryIO, host: Host | None = None) -> Outcome:
        """See `Runner`."""
        tell = self._told.get(execution.uid)
        if host is not None and tell is not None:
            host = _Passing(host, tell)
        return self._runner.run(execution, result=result, host=host)

    def kill(self, uid: str, reason: str) -> bool:
        """See `Runner`."""
        return self._runner.kill(uid, reason)

    def close(self) -> None:
        """See `Runner`."""
        self._runner.close()


class _Noted:
    def __init__(self, told: dict[str, Callable[[], None]], uid: str, tell: Callable[[], None]) -> None:
        self._told, self._uid, self._tell = told, uid, tell

    def __enter__(self) -> None:
        self._told[self._uid] = self._tell

    def __exit__(self, *_: object) -> None:
        self._told.pop(self._uid, None)


class _Passing(Host):
    def __init__(self, host: Host, tell: Callable[[], None]) -> None:
        self._host = host
        self._tell = tell

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        self._tell()
        self._host.launch_job(call, name, inputs, references)

    def collect(self, call: int) -> bytes | BinaryIO:
        return self._host.collect(call)

    def progress(self, current: int, total: int | None) -> None:
        self._host.progress(current, total)

    def printed(self, stream: Stream, text: str) -> None:
        self._host.printed(stream, text)


# --- called by Dask


async def prepare(spec: bytes, dask_worker: Worker) -> bytes:
    """Have an agent, in place of an earlier one; a `Prepared`, as JSON.

    Args:
        spec: an `AgentSpec`, as JSON.
        dask_worker: given by Dask.
    """

    def made() -> Prepared:
        try:
            wanted = msgspec.json.decode(spec, type=AgentSpec)
            directory = Path(dask_worker.local_directory)
            station = Station(wanted, directory, dask_worker.state.nthreads)
        except SyftException as error:
            return Prepared(why=error.public_message)
        with _lock:
            before = _stations.get(wanted.place)
            _stations[wanted.place] = station
        if before is not None:
            before.end()
        return Prepared(station.identity.verify_key.hex(), station.name)

    return msgspec.json.encode(await asyncio.to_thread(made))


async def begin(place: str) -> str:
    """Have that agent take orders; why it cannot, or empty."""
    station = _stations.get(place)
    return "there is no agent" if station is None else await asyncio.to_thread(station.begin)


async def leave(place: str) -> None:
    """Have that agent end."""
    with _lock:
        station = _stations.pop(place, None)
    if station is not None:
        await asyncio.to_thread(station.end)


def work(place: str, order: str) -> None:
    """Take that order and run it to its end: all that a task of ours does."""
    station = _stations.get(place)
    if station is None:
        raise RuntimeError("there is no agent in this worker")
    station.work(UID.from_string(order))


@atexit.register
def _end_all() -> None:
    for station in list(_stations.values()):
        with suppress(Exception):
            station.end()
