"""This module is the node: an identity, a store, a table of handlers, and one way in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from syft.access.caller import Caller
from syft.code.environment import environment_digest
from syft.config import DEFAULT_PASSWORD, Settings
from syft.errors import InternalError, SyftException, TooLarge
from syft.jobs.operations import Operations
from syft.jobs.queue import recover
from syft.jobs.run import Runs
from syft.jobs.values import digests_in_use
from syft.jobs.worker import Workers
from syft.logger import say, where
from syft.model.address import Address
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.message import refusal
from syft.model.permission import Role
from syft.model.settings import NodeInfo, NodeSettings
from syft.model.uid import UID
from syft.model.user import User
from syft.node import services
from syft.node.context import Attached, Context, Site
from syft.node.dispatch import dispatch, freeze
from syft.node.passwords import Throttle, hash_password
from syft.node.removal import expire
from syft.node.routing import check_for_me
from syft.node.services.settings import SETTINGS
from syft.node.services.users import DEFAULT_PASSWORD_SETTING
from syft.node.sessions import Sessions
from syft.sandbox.contract import Runner
from syft.sandbox.limits import Limits
from syft.store.base import Store
from syft.store.blobs import Blobs
from syft.store.uploads import Uploads
from syft.transport.base import Parcel
from syft.version import VERSION
from syft.wire.envelope import PROTOCOL, Opened, ReplayGuard, inspect, seal

SERVICES: Final = services.__all__
_IDENTITY: Final = "node_identity"


def utc_now() -> datetime:
    """The time, by this machine's clock."""
    return datetime.now(UTC)


class _Born(msgspec.Struct, frozen=True):
    """What a node was given when it was made and keeps for good."""

    uid: str
    name: str
    kind: str
    side_type: str
    deployed_at: datetime


class Node:
    """A place with a key: takes envelopes in, and answers them.

    A datasite is a node of kind "datasite"; a domain of 2021 is the same node by another name.

    Args:
        store: records; the node closes it.
        blobs: large values.
        runner: where strangers' code runs; the node closes it.
        identity: the node's key.
        settings: what the operator set.
        name: for people; taken when the node is first made, kept after.
        kind: "datasite", ...
        side_type: "high" where there is private data.
        clock: the time, in UTC, by which leases, sessions and requests end. (How fresh an envelope is goes by the
            machine's.)
    """

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        runner: Runner,
        identity: Identity,
        settings: Settings,
        name: str,
        kind: str = "datasite",
        side_type: str = "high",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        freeze()
        self._clock = clock
        self._store = store
        self._identity = identity
        self._runner = runner
        started_ms = time.time_ns() // 1_000_000
        self._born = self._be_born(name, kind, side_type, settings)
        # A node that was just born has missed nothing; one that starts again may have seen what comes now.
        is_new = self._born.deployed_at.timestamp() * 1000 >= started_ms
        self._guard = ReplayGuard(since_ms=0 if is_new else started_ms)
        self._settings = self._read_settings()
        limits = Limits(memory_bytes=settings.memory_mb << 20, cpu_s=settings.cpu_s, wall_s=settings.wall_s)
        runs = Runs(store, blobs, runner, limits, environment_digest)
        self._workers = Workers(store, runs, settings.workers)
        self._site = Site(
            store=store,
            blobs=blobs,
            uploads=Uploads(blobs, clock),
            sessions=Sessions(store),
            runs=runs,
            workers=self._workers,
            operations=Operations(blobs, runner, limits, max(1, settings.workers)),
            # Ten slips are free; then one try every six seconds an account, every two an address.
            account_throttle=Throttle(10, 1 / 6),
            origin_throttle=Throttle(30, 1 / 2),
            settings=settings,
            identity=identity,
            clock=clock,
            info=lambda: self.info,
            node_settings=lambda: self._settings,
            settings_changed=self._settings_changed,
            environment=environment_digest,
        )
        self._closed = False

    @property
    def info(self) -> NodeInfo:
        """What the node says of itself to anybody."""
        return NodeInfo(
            uid=UID.from_string(self._born.uid),
            name=self._born.name,
            kind=self._born.kind,
            side_type=self._born.side_type,
            verify_key=self._identity.verify_key.hex(),
            version=VERSION,
            protocol=PROTOCOL,
            isolation=self._runner.level,
            signup_enabled=self._settings.signup_enabled,
            organization=self._settings.organization,
            description=self._settings.description,
            deployed_at=self._born.deployed_at,
        )

    @property
    def has_default_password(self) -> bool:
        """Whether the root account still has the password that everybody knows."""
        with self._store.reading() as reader:
            return reader.setting(DEFAULT_PASSWORD_SETTING) == "yes"

    def isolation(self) -> str:
        """The level of the fence around submitted code; waits until it is known.

        Raises:
            InvalidState: there is none that will do, so that no code is run; the text says what to do.
        """
        return self._runner.wait()

    def start(self) -> None:
        """Take up what the last server left, then begin to run jobs."""
        recover(self._store)
        # Values whose message never came, or whose job never ended, are nobody's.
        expire(self._site, self._clock())
        self._site.blobs.sweep(digests_in_use(self._store))
        self._runner.start()
        self._workers.start()

    def close(self) -> None:
        """Stop. What runs is stopped with it, and begun again at the next start."""
        if self._closed:
            return
        self._closed = True
        self._site.runs.close()
        self._workers.close()
        self._site.uploads.close()
        self._store.close()

    def receive(self, parcel: Parcel, origin: str = "local") -> Parcel:
        """The one way in: open, route, dispatch, and seal the answer.

        Args:
            parcel: from anybody at all.
            origin: the network address it came from.
        Returns:
            A sealed answer, which may be a refusal.
        """
        began = time.perf_counter()
        try:
            sealed = inspect(parcel.envelope)
        except SyftException as error:
            # Nobody to answer to: who sent it is not known.
            say(logging.WARNING, "refused an envelope", error=error.code, origin=origin)
            return self._refuse_unknown(error)
        tag = "?"
        try:
            check_for_me(sealed.header, self.info)
            opened = sealed.open(
                recipient=self._identity.verify_key,
                now_ms=time.time_ns() // 1_000_000,
                guard=self._guard,
                attachment=parcel.attachment,
            )
            tag = type(opened.message).__name__
            answer = self._answer(opened, origin)
        except SyftException as error:
            answer = Attached(refusal(error), b"")
        except Exception as error:
            # Nothing of a fault of ours reaches a stranger.
            fault = InternalError(
                f"Something unexpected happened on the node (error {sealed.header.uid.short()}). Tell its operator."
            )
            say(logging.ERROR, "a handler failed", uid=sealed.header.uid.hex, error=where(error))
            answer = Attached(refusal(fault), b"")
        took_ms = (time.perf_counter() - began) * 1000
        say(logging.INFO, "answered", tag=tag, reply=type(answer.message).__name__, ms=round(took_ms, 2))
        try:
            return self._seal(answer, sealed.header.sender, sealed.header.uid)
        except TooLarge as error:
            return self._seal(Attached(refusal(error), b""), sealed.header.sender, sealed.header.uid)

    def _answer(self, opened: Opened, origin: str) -> Attached:
        now = self._clock()
        caller = Caller(
            verify_key=opened.header.sender,
            user=self._site.sessions.user_of(opened.header.sender, now),
            origin=origin,
            guests_welcome=self._settings.guest_sessions,
        )
        context = Context(self._site, caller, opened.header.uid, opened.attachment, now)
        answer = dispatch(context, opened.message)
        return answer if isinstance(answer, Attached) else Attached(answer, b"")

    def _seal(self, answer: Attached, recipient: bytes, reply_to: UID) -> Parcel:
        envelope, _ = seal(
            answer.message,
            identity=self._identity,
            recipient=recipient,
            address=Address(),
            now_ms=time.time_ns() // 1_000_000,
            reply_to=reply_to,
            attachment=answer.attachment,
        )
        return Parcel(envelope, answer.attachment)

    def _refuse_unknown(self, error: SyftException) -> Parcel:
        envelope, _ = seal(
            refusal(error),
            identity=self._identity,
            recipient=b"",
            address=Address(),
            now_ms=time.time_ns() // 1_000_000,
        )
        return Parcel(envelope)

    def _be_born(self, name: str, kind: str, side_type: str, settings: Settings) -> _Born:
        with self._store.reading() as reader:
            kept = reader.setting(_IDENTITY)
        if kept is not None:
            return msgspec.json.decode(kept, type=_Born)
        now = datetime.now(UTC)
        born = _Born(UID().hex, name, kind, side_type, now)
        root = User(
            uid=UID(),
            email=settings.root_email.lower(),
            name="Jane Doe",
            role=Role.ADMIN,
            password_hash=hash_password(settings.root_password),
            is_root=True,
            created_at=now,
        )
        event = Event(
            verb="node.created", subject_uid=UID.from_string(born.uid), detail={"name": name}, created_at=now
        )
        with self._store.writing(event) as tx:
            tx.put_setting(_IDENTITY, msgspec.json.encode(born).decode())
            tx.put_setting(
                DEFAULT_PASSWORD_SETTING, "yes" if settings.root_password == DEFAULT_PASSWORD else "no"
            )
            tx.add(root)
        return born

    def _read_settings(self) -> NodeSettings:
        with self._store.reading() as reader:
            kept = reader.setting(SETTINGS)
        return msgspec.json.decode(kept, type=NodeSettings) if kept else NodeSettings()

    def _settings_changed(self, settings: NodeSettings) -> None:
        self._settings = settings
