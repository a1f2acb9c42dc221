"""This module makes and shows worker pools, and lets administrators say what a job may use in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from syft.client.images import WorkerConfig, config_of
from syft.client.limits import Amount, Limits, as_limits, limit_facts
from syft.client.lists import Listing
from syft.client.poolrequests import PoolRequest
from syft.client.present import Card, Shown, SyftSuccess, when
from syft.client.session import Session
from syft.client.workers import WorkerList
from syft.errors import BadReply, InvalidInput, NotFound
from syft.model.limits import FIGURES
from syft.model.message import Done
from syft.model.messages.pools import (
    GetPool,
    LaunchPool,
    ListPools,
    PoolReply,
    PoolsReply,
    PoolView,
    RemovePool,
    ScalePool,
    SetPoolLimits,
)
from syft.model.messages.requests import RequestPool, RequestReply
from syft.model.messages.workers import JoinTokenReply, MakeJoinToken
from syft.model.pool import Dask, Embedded, Engine, PoolSpec, Remote
from syft.model.uid import UID

_LEAVE: Final[Any] = object()


class WorkerPool(Shown):
    """A place where jobs run.

    Args:
        session: through which to change it.
        view: how it stood when the node was last asked.
    """

    def __init__(self, session: Session, view: PoolView) -> None:
        self._session = session
        self._view = view

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def name(self) -> str:
        """By which functions ask for it: `worker_pool_name=`."""
        return self._view.name

    @property
    def limits(self) -> Limits:
        """What a job there may use: what it gets where it asks for nothing, and what it never gets more than."""
        return Limits.of(self._view.limits)

    @property
    def own_limits(self) -> Limits:
        """Those of them that were set for this pool; the others are the server's."""
        return Limits.of(self._view.own)

    @property
    def created_at(self) -> datetime:
        """When it was made, in UTC."""
        return self._view.created_at

    @property
    def max_count(self) -> int:
        """How many jobs run there at once, as it stood when the node was last asked."""
        return self._view.size

    @property
    def running(self) -> int:
        """How many ran there when the node was last asked."""
        return self._view.running

    @property
    def waiting(self) -> int:
        """How many waited for their turn."""
        return self._view.waiting

    @property
    def engine(self) -> Engine:
        """What its runs are run by."""
        return self._view.engine

    @property
    def isolation(self) -> str:
        """The level of the fence around its runs; empty until it is known."""
        return self._view.isolation

    def refresh(self) -> WorkerPool:
        """Ask the node how it stands."""
        self._view = self._session.ask(GetPool(self.name), PoolReply).pool
        return self

    def scale(self, number: int) -> SyftSuccess:
        """Have so many jobs run there at once; administrators only. What runs goes on.

        Args:
            number: of a pool whose workers are elsewhere the most that do; 0: as many as the server's settings say.
        Raises:
            InvalidInput: no pool has so many.
        """
        self._view = self._session.ask(ScalePool(self.name, number), PoolReply).pool
        return SyftSuccess(f"Worker pool '{self.name}' runs {self._view.size} jobs at once.", value=self)

    def delete(self) -> SyftSuccess:
        """Remove it; administrators only. What waits there is cancelled, what runs is stopped.

        Raises:
            InvalidInput: it is the default pool.
        """
        self._session.ask(RemovePool(self.name), Done)
        return SyftSuccess(f"Worker pool '{self.name}' was removed.")

    def set_limits(
        self,
        *,
        memory: Amount = _LEAVE,
        cpu: Amount = _LEAVE,
        wall: Amount = _LEAVE,
        scratch: Amount = _LEAVE,
        output: Amount = _LEAVE,
        threads: Amount = _LEAVE,
    ) -> SyftSuccess:
        """Change what a job there may use, from the next run on. What is left out stays; administrators only.

        Args:
            memory: beyond its inputs: "2 GiB". None, here as below: what the server's settings say.
            cpu: processor time of all its threads together: "5 min".
            wall: time from its start to its end: "10 min".
            scratch: files it writes while it runs: "1 GiB".
            output: its result, encoded: "10 MiB".
            threads: beside the first: 8.
        Raises:
            InvalidInput: a figure that cannot be read.
            AuthorizationException: you are no administrator.
        """
        words = (memory, cpu, wall, scratch, output, threads)
        given = {
            figure: amount for figure, amount in zip(FIGURES, words, strict=True) if amount is not _LEAVE
        }
        limits = as_limits({figure.word: amount for figure, amount in given.items()})
        reset = tuple(figure.field for figure, amount in given.items() if amount is None)
        self._view = self._session.ask(SetPoolLimits(self.name, limits, reset), PoolReply).pool
        return SyftSuccess(f"The limits of worker pool '{self.name}' are set.", value=self)

    @property
    def workers(self) -> WorkerList:
        """The workers on other machines that take its work, or want to; administrators only."""
        return WorkerList(self._session, self.name)

    def token(self, uses: int = 1, hours: float = 24.0) -> str:
        """Words by which workers join without being looked at: `SYFT_WORKER_TOKEN=... syft worker ...`.

        Whoever has them may see private inputs of what runs in this pool: keep them as a password. Told once.

        Args:
            uses: how many workers they admit.
            hours: for how long.
        Raises:
            InvalidInput: they would admit nobody, or too many, or for too long.
            AuthorizationException: you are no administrator.
        """
        reply = self._session.ask(MakeJoinToken(self.name, uses, hours), JoinTokenReply)
        words = self._session.identity.unseal(reply.sealed)
        if words is None:
            raise BadReply("The node's answer was sealed for somebody else.")
        return words.decode()

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "Pool Name": self.name,
            "Workers": self._view.size,
            "Running": self._view.running,
            "Waiting": self._view.waiting,
            "Engine": engine_text(self._view.engine),
            **dict(limit_facts(self._view.limits)),
            "Created at": when(self.created_at),
        }

    def _card(self) -> Card:
        own = {label for label, _ in limit_facts(self._view.own)}
        facts = [
            (label, f"{amount} (set for this pool)" if label in own else amount)
            for label, amount in limit_facts(self._view.limits)
        ]
        return Card(
            f"WorkerPool {self.name}",
            [
                ("id", self.id.hex),
                ("Created at", when(self.created_at)),
                ("Engine", engine_text(self._view.engine)),
                ("Isolation", self._view.isolation or "not known yet"),
                ("Workers", f"{self._view.size}, {self._view.running} of them busy"),
                ("Jobs that wait", self._view.waiting),
                *facts,
            ],
        )


class WorkerPools(Listing[WorkerPool]):
    """The worker pools at a node: `client.worker_pools`, by place or name."""

    _title: ClassVar[str] = "WorkerPool List"
    _what: ClassVar[str] = "worker pool"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _page(self, limit: int, offset: int) -> tuple[Sequence[WorkerPool], int]:
        reply = self._session.ask(ListPools(limit, offset), PoolsReply)
        return [WorkerPool(self._session, view) for view in reply.pools], reply.total

    def _named(self, key: str) -> WorkerPool:
        return WorkerPool(self._session, self._session.ask(GetPool(key), PoolReply).pool)

    def _by_uid(self, uid: UID) -> WorkerPool:
        for pool in self:
            if pool.id == uid:
                return pool
        raise NotFound("There is no worker pool with that UID here.")

    def get_by_name(self, name: str) -> WorkerPool:
        """The worker pool of that name."""
        return self._named(name)

    def launch(
        self,
        pool_name: str,
        num_workers: int = 0,
        image_uid: UID | None = None,
        *,
        engine: Engine | str = "embedded",
        isolation: str = "",
        limits: Limits | Mapping[str, Amount] | None = None,
    ) -> WorkerPool:
        """Make a worker pool, whose name functions give as `worker_pool_name=`; administrators only.

        Args:
            pool_name: for it; letters, digits, dots, dashes and underscores.
            num_workers: how many jobs run there at once; 0: as many as the server's settings say.
            image_uid: the environment its runs have; left out: the server's own.
            engine: "embedded" runs them on the server's machine; "remote" on machines that join with `syft worker`;
                "dask", or `sy.Dask(address=...)`, on the workers of a Dask cluster.
            isolation: level of the fence; left out: what the server's settings say.
            limits: what a job there may use, where that differs: `sy.Limits(memory="8 GiB")`.
        Raises:
            AlreadyExists: there is one of that name.
            InvalidInput: a name, number, engine or level that cannot be.
            AuthorizationException: you are no administrator.
        """
        spec = PoolSpec(
            name=pool_name,
            workers=num_workers,
            engine=as_engine(engine),
            isolation=isolation,
            image_uid=image_uid,
            limits=as_limits(limits),
        )
        return WorkerPool(self._session, self._session.ask(LaunchPool(spec), PoolReply).pool)

    def pool_creation_request(
        self,
        pool_name: str,
        num_workers: int = 0,
        image_uid: UID | None = None,
        reason: str = "",
        *,
        isolation: str = "",
        limits: Limits | Mapping[str, Amount] | None = None,
    ) -> PoolRequest:
        """Ask the administrator for a worker pool. See `launch`.

        Args:
            pool_name: for it.
            num_workers: how many jobs run there at once; 0: as many as the server's settings say.
            image_uid: the environment its runs have; left out: the server's own.
            reason: why.
            isolation: level of the fence.
            limits: what a job there may use.
        Raises:
            AlreadyExists: there is one of that name, or you have asked for one.
        """
        spec = PoolSpec(
            name=pool_name,
            workers=num_workers,
            isolation=isolation,
            image_uid=image_uid,
            limits=as_limits(limits),
        )
        view = self._session.ask(RequestPool(spec, reason), RequestReply).request
        return PoolRequest(self._session, view)

    def create_image_and_pool_request(
        self,
        pool_name: str,
        num_workers: int = 0,
        *,
        config: WorkerConfig,
        tag: str = "",
        reason: str = "",
        isolation: str = "",
        limits: Limits | Mapping[str, Amount] | None = None,
    ) -> PoolRequest:
        """Ask the administrator for a worker pool with packages of its own, who builds its image and makes it.

        Args:
            pool_name: for it.
            num_workers: how many jobs run there at once; 0: as many as the server's settings say.
            config: the packages: `sy.CustomWorkerConfig(python_packages=["toolz"])`.
            tag: name for the image; left out: one is made up.
            reason: why.
            isolation: level of the fence.
            limits: what a job there may use.
        Raises:
            AlreadyExists: there is a pool or an image of that name, or you have asked for one.
            InvalidInput: no packages, or for another Python than the server's.
        """
        spec = PoolSpec(name=pool_name, workers=num_workers, isolation=isolation, limits=as_limits(limits))
        message = RequestPool(spec, reason, config_of(config), tag)
        return PoolRequest(self._session, self._session.ask(message, RequestReply).request)

    def scale(self, number: int, pool_name: str | None = None, pool_id: UID | None = None) -> SyftSuccess:
        """Have so many jobs run at once in a pool, named by one of the two. See `WorkerPool.scale`."""
        return self._one(pool_name, pool_id).scale(number)

    def add_workers(
        self, number: int, pool_name: str | None = None, pool_id: UID | None = None
    ) -> SyftSuccess:
        """Have so many more jobs run at once in a pool, named by one of the two."""
        pool = self._one(pool_name, pool_id)
        return pool.scale(pool.max_count + number)

    def delete(self, pool_name: str | None = None, pool_id: UID | None = None) -> SyftSuccess:
        """Remove a pool, named by one of the two. See `WorkerPool.delete`."""
        return self._one(pool_name, pool_id).delete()

    def _one(self, pool_name: str | None, pool_id: UID | None) -> WorkerPool:
        if (pool_name is None) == (pool_id is None):
            raise InvalidInput("Say which pool: by pool_name or by pool_id, one of the two.")
        return self._by_uid(pool_id) if pool_id is not None else self._named(str(pool_name))


def as_engine(engine: Engine | str) -> Engine:
    """An engine as people write it.

    Raises:
        InvalidInput: there is none of that name.
    """
    if isinstance(engine, Embedded | Remote | Dask):
        return engine
    named: dict[str, Engine] = {"embedded": Embedded(), "remote": Remote(), "dask": Dask()}
    if engine not in named:
        raise InvalidInput(
            f"A pool's engine is {', '.join(named)} or sy.Dask(...), not {str(engine)[:50]!r}."
        )
    return named[engine]


def engine_text(engine: Engine) -> str:
    """An engine in a word or two."""
    match engine:
        case Embedded():
            return "embedded"
        case Remote():
            return "remote"
        case Dask(address=address):
            return f"dask at {address}" if address else "dask"
