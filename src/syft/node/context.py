"""This module is what a handler is given: who asks, what it may touch, and what time it is; never the node."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from syft.access.caller import Caller
from syft.config import Settings
from syft.errors import InvalidInput
from syft.jobs.crews import Crews
from syft.jobs.images import Images
from syft.jobs.operations import Operations
from syft.jobs.order_book import OrderBook
from syft.jobs.pools import Equipped, Pools
from syft.jobs.run import Runs
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.limits import JobLimits
from syft.model.message import Message
from syft.model.settings import NodeInfo, NodeSettings
from syft.model.uid import UID
from syft.node.arrivals import Arrivals
from syft.node.checkpoints import Checkpoints
from syft.node.health import Health
from syft.node.passwords import Throttle
from syft.node.peers import Peers
from syft.node.reach import Reach
from syft.node.refusals import Refusals
from syft.node.sessions import Sessions
from syft.node.worker_keys import WorkerKeys
from syft.store.base import Store
from syft.store.blobs import Blobs
from syft.store.uploads import Uploads
from syft.wire.envelope import MAX_PAYLOAD, ReplayGuard
from syft.wire.records import encode_record

# Callers on the node's own machine.
LOCAL_ORIGINS: Final = frozenset({"local", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Site:
    """Everything a node's handlers work with; made once, when the node starts.

    Args:
        store: records.
        blobs: large values.
        uploads: values on their way in.
        arrivals: what other sites of a protocol hand over.
        sessions: for whom keys speak.
        runs: runs jobs.
        workers: threads that claim jobs.
        operations: computes what pointers are asked for.
        orders: runs for workers on other machines.
        worker_keys: the keys of those.
        images: environments of worker pools.
        account_throttle: slows down guessing at one account.
        origin_throttle: slows down guessing from one address.
        join_throttle: slows down strangers who want to be workers.
        refusals: writes down what was refused.
        checkpoints: statements about the log.
        settings: what the operator set.
        identity: the node's key, for unsealing what was sealed to it.
        clock: the time, in UTC.
        info: what the node says of itself, as of now.
        equipped: what each worker pool runs code with, and in which environment.
        pools: worker pools, to be opened, changed in size and removed.
        limits: what a job may use where its worker pool says nothing: every figure.
        lease: for how long what was made in passing is kept after its last use.
    """

    store: Store
    blobs: Blobs
    uploads: Uploads
    arrivals: Arrivals
    sessions: Sessions
    runs: Runs
    crews: Crews
    operations: Operations
    orders: OrderBook
    worker_keys: WorkerKeys
    images: Images
    account_throttle: Throttle
    origin_throttle: Throttle
    join_throttle: Throttle
    refusals: Refusals
    checkpoints: Checkpoints
    settings: Settings
    identity: Identity
    clock: Callable[[], datetime]
    info: Callable[[], NodeInfo]
    node_settings: Callable[[], NodeSettings]
    settings_changed: Callable[[NodeSettings], None]
    equipped: Equipped
    pools: Pools
    limits: JobLimits
    lease: timedelta


class AboutNode(Protocol):
    """What a handler may know of the node without anything being opened."""

    @property
    def info(self) -> NodeInfo:
        """What it says of itself to anybody."""

    @property
    def settings(self) -> NodeSettings:
        """What its administrator has set."""

    @property
    def peers(self) -> Peers:
        """The nodes that it knows."""

    @property
    def health(self) -> Health:
        """Which of them are there."""

    @property
    def reach(self) -> Reach:
        """The ways to other sites of a protocol."""

    @property
    def introductions(self) -> ReplayGuard:
        """Those it has been shown already."""

    def take_letter(self, envelope: bytes, charged_to: str) -> None:
        """Keep a letter that somebody known answers for."""

    def place_changed(self) -> None:
        """Read anew where it is and whom it knows, and tell those that are part of it."""


@dataclass(frozen=True)
class Context:
    """One message's surroundings.

    Args:
        open_site: what the node has, opened when it is first asked for.
        caller: who asks.
        message_uid: the message's own.
        attachment: what came beside it.
        now: the time, in UTC.
        node: what can be said of the node itself.
    """

    open_site: Callable[[], Site]
    caller: Caller
    message_uid: UID
    attachment: bytes | memoryview
    now: datetime
    node: AboutNode

    @property
    def site(self) -> Site:
        """What the node has."""
        return self.open_site()

    @property
    def user_uid(self) -> UID:
        """The caller's account. Only where the capability asked for implies one."""
        if self.caller.uid is None:
            raise InvalidInput("This needs an account; log in first.")
        return self.caller.uid

    def event(self, verb: str, subject: UID | None = None, **detail: str) -> Event:
        """The event of what this message does.

        Args:
            verb: `area.past_tense`.
            subject: what it is done to.
            detail: names and digests; never values.
        """
        return Event(
            verb=verb,
            actor_uid=self.caller.uid,
            actor_key=self.caller.verify_key.hex(),
            subject_uid=subject,
            detail=detail,
            message_uid=self.message_uid,
            created_at=self.now,
        )


class Attached(NamedTuple):
    """An answer with bytes beside it."""

    message: Message
    attachment: bytes | memoryview


# Half of what a message holds: the rest of the answer is small.
PAGE_BYTES: Final = MAX_PAYLOAD // 2
V = TypeVar("V", bound=msgspec.Struct)


def fitting(views: Iterable[V]) -> tuple[V, ...]:
    """As many of a page's records as one message holds, at least one; whoever asked asks for the rest."""
    kept: list[V] = []
    size = 0
    for view in views:
        size += len(encode_record(view))
        if kept and size > PAGE_BYTES:
            break
        kept.append(view)
    return tuple(kept)


def place(index: int | None) -> tuple[int, bool]:
    """How many records to skip for an index, and whether from the newest on, as Python counts."""
    at = index or 0
    return (at, False) if at >= 0 else (-1 - at, True)


def page(limit: int, offset: int, most: int = 1000) -> tuple[int, int]:
    """A page's bounds, checked.

    Args:
        limit: asked for; 0 for as many as allowed.
        offset: how many to skip.
        most: as many as allowed.
    Raises:
        InvalidInput: below 0.
    """
    if limit < 0 or offset < 0:
        raise InvalidInput("A page begins at 0 or later and holds 0 or more.")
    return min(limit or most, most), offset
