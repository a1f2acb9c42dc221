"""This program speaks to a Dask cluster for a node, and keeps the cluster where the node has none of its own.

It is told what to do by lines of JSON on its standard input, and says what happens on its standard output
(`cluster.said`). It ends when its input does: with the node, however that ended; and a cluster that it has started
ends with it. All that it knows of a run is a random name.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, TypeVar

import dask
import msgspec
from distributed import Client, Future, LocalCluster, Security, wait

from syft.cluster import work
from syft.cluster.fence import shut_in
from syft.cluster.said import (
    Admitted,
    Connected,
    Disconnected,
    Ended,
    Failed,
    Found,
    FromCluster,
    Left,
    Resize,
    SetUp,
    Stop,
    Submit,
    ToCluster,
    Unfit,
    Withdraw,
    heard_by_cluster,
    to_line,
)

T = TypeVar("T")
_TRY_AGAIN_S: Final = 1.0
_CONNECT_S: Final = 10.0
# News of workers come at once; should one get lost, it is made up for so soon.
_LOOK_S: Final = 1.0
_ANSWER_S: Final = 60.0
_LEAVE_S: Final = 3.0
# A worker that cannot run anything may be able to later: the way to the node is mended, packages are changed.
_UNFIT_S: Final = 2.0
_UNFIT_AT_MOST_S: Final = 60.0
_TOPIC: Final = "all"

_CONFIG: Final = {
    # A run whose worker died is begun again by its job's record, or not at all.
    "distributed.scheduler.allowed-failures": 0,
    # Nothing is shown of a cluster that is for this node alone.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.comm.timeouts.connect": _CONNECT_S,
    "distributed.worker.daemon": True,
    # Runs are processes of their own, with limits of their own.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.admin.large-graph-warning-threshold": "1GB",
}


class Session:
    """One connection to one scheduler, from its beginning to its end.

    Args:
        client: the connection.
        set_up: what the node said.
    """

    def __init__(self, client: Client, set_up: SetUp) -> None:
        self._client = client
        self._agent = msgspec.json.encode(set_up.agent)
        self._place = set_up.agent.place
        self._wake = asyncio.Event()
        self._known: dict[str, asyncio.Task[None]] = {}
        self._admitted: dict[str, asyncio.Event] = {}
        self._joined: set[str] = set()
        self._futures: dict[str, Future] = {}
        self._sent_to: dict[str, frozenset[str]] = {}
        self._following: dict[str, asyncio.Task[None]] = {}
        self._cancelling: set[asyncio.Task[None]] = set()
        # In the order in which they came; those that no worker could be sent for yet.
        self._waiting: dict[str, None] = {}

    async def last(self) -> None:
        """Look after workers and orders until the scheduler is gone."""
        scheduler = ""
        self._client.subscribe_topic(_TOPIC, self._have_looked)
        while True:
            self._wake.clear()
            try:
                identity = await asyncio.wait_for(self._client.scheduler.identity(), _CONNECT_S)
            except (OSError, TimeoutError):
                return
            if self._client.status != "running" or (scheduler and identity["id"] != scheduler):
                return
            scheduler = identity["id"]
            self._see(set(identity["workers"]))
            with suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_S)

    async def leave(self) -> None:
        """Have the agents end."""
        workers = list(self._known)
        if workers:
            with suppress(Exception):
                await asyncio.wait_for(self._client.run(work.leave, self._place, workers=workers), _LEAVE_S)

    def end(self) -> None:
        """Nothing more comes of this session. The node knows which orders it has submitted."""
        for task in [*self._known.values(), *self._following.values()]:
            task.cancel()

    # --- orders

    def submit(self, order: str) -> None:
        """Send some worker for it."""
        if order in self._futures:
            return
        if not self._joined:
            self._waiting[order] = None
            return
        workers = frozenset(self._joined)
        future = self._client.submit(
            work.work,
            self._place,
            order,
            # Its own name, so that nothing is taken for something computed before.
            key=f"syft-order-{order}",
            pure=False,
            retries=0,
            workers=sorted(workers),
            allow_other_workers=False,
        )
        self._futures[order], self._sent_to[order] = future, workers
        self._following[order] = asyncio.create_task(self._follow(order, future))

    def withdraw(self, order: str) -> None:
        """It is over."""
        self._waiting.pop(order, None)
        self._sent_to.pop(order, None)
        future = self._futures.pop(order, None)
        if future is not None and not future.done():
            # A task that has begun ends by itself: its agent was told by the node.
            self._cancel(future)

    def _cancel(self, future: Future) -> None:
        task = asyncio.create_task(_quietly(self._client.cancel([future])))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _follow(self, order: str, future: Future) -> None:
        why = ""
        try:
            await wait([future])
            if future.status != "finished":
                why = "its worker was lost or could not run it"
        except Exception:
            why = "the cluster has lost it"
        finally:
            self._following.pop(order, None)
        if self._futures.get(order) is future:
            del self._futures[order]
            self._sent_to.pop(order, None)
            say(Ended(order, why))

    # --- workers

    def admitted(self, worker: str) -> None:
        """Its agent may join."""
        event = self._admitted.get(worker)
        if event is not None:
            event.set()

    async def _have_looked(self, _event: Any) -> None:
        self._wake.set()

    def _see(self, there: set[str]) -> None:
        for worker in set(self._known) - there:
            self._known.pop(worker).cancel()
            self._admitted.pop(worker, None)
            self._joined.discard(worker)
            say(Left(worker))
        for worker in there - set(self._known):
            self._known[worker] = asyncio.create_task(self._bring_in(worker))
        for order, workers in list(self._sent_to.items()):
            if not workers & there:
                # Dask would wait for one of them to come back. Should one have begun it, the node has lost it by now.
                future = self._futures.pop(order)
                del self._sent_to[order]
                self._cancel(future)
                self._waiting[order] = None
        self._send_waiting()

    async def _bring_in(self, worker: str) -> None:
        """Have an agent in that worker, which may take orders; tried again for as long as the worker is there."""
        told, pause_s = "", _UNFIT_S
        while why := await self._not_brought_in(worker):
            # One that is just being lost is no news: this is cancelled then.
            await asyncio.sleep(_UNFIT_S)
            if why != told:
                say(Unfit(worker, why))
                told = why
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _UNFIT_AT_MOST_S)
        self._joined.add(worker)
        self._send_waiting()

    async def _not_brought_in(self, worker: str) -> str:
        """Why that worker may not take orders; empty if it may."""
        self._admitted[worker] = asyncio.Event()
        try:
            answer = await self._ask(worker, work.prepare, self._agent)
            prepared = msgspec.json.decode(answer, type=work.Prepared)
            if prepared.why:
                return str(prepared.why)
            say(Found(worker, prepared.key, prepared.name))
            await self._admitted[worker].wait()
            return str(await self._ask(worker, work.begin, self._place))
        except Exception as error:
            return f"it has no agent: {type(error).__name__}"

    async def _ask(self, worker: str, function: Any, argument: object) -> Any:
        asked = self._client.run(function, argument, workers=[worker])
        return (await asyncio.wait_for(asked, _ANSWER_S))[worker]

    def _send_waiting(self) -> None:
        if self._joined:
            waiting, self._waiting = list(self._waiting), {}
            for order in waiting:
                self.submit(order)


class Process:
    """The program."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[ToCluster | None] = asyncio.Queue()
        self._cluster: LocalCluster | None = None
        self._threads = 1
        self._session: Session | None = None

    async def run(self, set_up: SetUp) -> None:
        """Until the node wants it no more.

        Args:
            set_up: what the node said first.
        """
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()
        living = asyncio.create_task(self._live(set_up))
        listening = asyncio.create_task(self._listen())
        await asyncio.wait([living, listening], return_when=asyncio.FIRST_COMPLETED)
        if listening.done() and self._session is not None:
            await self._session.leave()
        if self._cluster is not None:
            with suppress(Exception):
                await asyncio.wait_for(_awaited(self._cluster.close()), _LEAVE_S)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(self._said.put_nowait, heard_by_cluster(line))
        # The node is gone. Workers that were started here end when this process has.
        os._exit(0)

    async def _listen(self) -> None:
        while True:
            match await self._said.get():
                case Submit(order):
                    # Where there is none, the node says it again when it has heard of the next.
                    if self._session is not None:
                        self._session.submit(order)
                case Withdraw(order):
                    if self._session is not None:
                        self._session.withdraw(order)
                case Admitted(worker):
                    if self._session is not None:
                        self._session.admitted(worker)
                case Resize(workers):
                    if self._cluster is not None:
                        self._cluster.scale(math.ceil(workers / self._threads))
                case Stop():
                    return
                case _:
                    pass

    async def _live(self, set_up: SetUp) -> None:
        try:
            security, address = self._security(set_up), set_up.address
            if not address:
                security = Security.temporary()
                self._cluster = await self._started(set_up, security)
                address = self._cluster.scheduler_address
        except (OSError, ValueError, ImportError, TypeError) as error:
            say(Failed(f"The cluster cannot be started, or its certificates not be read: {error}"))
            return
        away = ""
        while True:
            try:
                # Other files by those names than at the start cannot be read here; the next process of this kind can.
                security = security if self._cluster else self._security(set_up)
            except OSError as error:
                say(Disconnected(f"The certificates cannot be read any more: {error}"))
                return
            try:
                client = await _awaited(
                    Client(
                        address,
                        asynchronous=True,
                        security=security,
                        timeout=_CONNECT_S,
                        name="syft",
                    )
                )
            except (OSError, TimeoutError, ValueError) as error:
                why = f"The scheduler at {address} cannot be reached: {type(error).__name__}."
                if why != away:
                    say(Disconnected(why))
                    away = why
                await asyncio.sleep(_TRY_AGAIN_S)
                continue
            away = ""
            say(Connected(address))
            self._session = Session(client, set_up)
            try:
                await self._session.last()
            finally:
                session, self._session = self._session, None
                session.end()
            say(Disconnected(f"The scheduler at {address} is gone."))
            with suppress(Exception):
                await asyncio.wait_for(_awaited(client.close(timeout=1)), _LEAVE_S)
            if self._cluster is not None:
                return

    def _security(self, set_up: SetUp) -> Security:
        if not set_up.tls_ca:
            return Security()
        for path in (set_up.tls_ca, set_up.tls_cert, set_up.tls_key):
            with open(path, "rb"):
                pass
        return Security(
            tls_ca_file=set_up.tls_ca,
            tls_client_cert=set_up.tls_cert,
            tls_client_key=set_up.tls_key,
            require_encryption=True,
        )

    async def _started(self, set_up: SetUp, security: Security) -> LocalCluster:
        """A cluster for this node alone. Its certificate is made now: nobody else on this machine can use it."""
        cores = len(os.sched_getaffinity(0))
        self._threads = max(1, math.ceil(set_up.workers / cores))
        cluster: LocalCluster = await _awaited(
            LocalCluster(
                n_workers=math.ceil(set_up.workers / self._threads),
                threads_per_worker=self._threads,
                processes=True,
                host="127.0.0.1",
                protocol="tls://",
                security=security,
                asynchronous=True,
                dashboard_address=None,
                memory_limit=0,
                local_directory=set_up.directory,
                silence_logs=False,
            )
        )
        return cluster


def say(said: FromCluster) -> None:
    """Tell the node something."""
    _out.write(to_line(said))
    _out.flush()


async def _awaited(thing: Awaitable[T] | Any) -> T:
    result: T = await thing
    return result


async def _quietly(thing: Awaitable[object]) -> None:
    with suppress(Exception, asyncio.CancelledError):
        await thing


def main() -> None:
    """Run the program."""
    global _out
    # What Dask prints is no word to the node.
    _out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    set_up = heard_by_cluster(sys.stdin.buffer.readline())
    if isinstance(set_up, SetUp):
        if set_up.address:
            # What somebody else's scheduler says is unpickled here. A cluster of the node's own is made by this
            # process: the fences of its workers could not be set up within this one.
            shut_in(set_up.tls_ca, set_up.tls_cert, set_up.tls_key)
        with dask.config.set(_CONFIG | {"temporary-directory": set_up.directory or None}):
            asyncio.run(Process().run(set_up))
    os._exit(0)


_out: Any = None

if __name__ == "__main__":
    main()
