"""This module is the node: an identity, a store, a table of handlers, and one way in."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from syft.access.caller import Caller
from syft.code.environment import environment_digest
from syft.config import Settings
from syft.errors import (
    EnvelopeError,
    InternalError,
    InvalidInput,
    InvalidState,
    SyftException,
    TooLarge,
)
from syft.jobs.crews import Crews
from syft.jobs.images import Images
from syft.jobs.limits import server_limits
from syft.jobs.operations import Operations
from syft.jobs.order_book import OrderBook
from syft.jobs.pools import Equip, Equipment, Equipped, Pools
from syft.jobs.queue import recover
from syft.jobs.run import Runs
from syft.jobs.values import digests_in_use
from syft.logger import say, where
from syft.model.address import PART_OF_KIND, Address
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.message import refusal
from syft.model.messages.nodes import Taken
from syft.model.object import LEASE
from syft.model.peer import Peer, wider_part
from syft.model.pool import Pool
from syft.model.settings import SETTINGS, NodeInfo, NodeSettings
from syft.model.uid import UID
from syft.model.user import User, UserView
from syft.node import services
from syft.node.arrivals import Arrivals
from syft.node.birth import be_born, new_born, root_account, started
from syft.node.checkpoints import Checkpoints
from syft.node.context import Attached, Context, Site
from syft.node.dispatch import Entry, admitted, find_entry, freeze
from syft.node.family import Family
from syft.node.forward import Forwarder
from syft.node.health import Health
from syft.node.mail import Mail
from syft.node.observe import NOBODY, Observer
from syft.node.passwords import NO_PASSWORD, Throttle
from syft.node.peers import Peers
from syft.node.reach import Reach
from syft.node.refusals import Refusals
from syft.node.removal import expire
from syft.node.routing import next_hop
from syft.node.services.nodes import read_place
from syft.node.services.pools import have_default_pool
from syft.node.services.users import DEFAULT_PASSWORD_SETTING
from syft.node.sessions import Sessions
from syft.node.worker_keys import WorkerKeys
from syft.sandbox.contract import Runner
from syft.store.base import Store
from syft.store.blobs import Blobs
from syft.store.uploads import Uploads
from syft.transport.base import Parcel, Route
from syft.version import VERSION
from syft.wire.envelope import (
    PROTOCOL,
    Header,
    Opened,
    ReplayGuard,
    Sealed,
    check_can_wait,
    check_fresh,
    hide,
    inspect,
    is_recent,
    seal,
)

SERVICES: Final = services.__all__


def utc_now() -> datetime:
    """The time, by this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """What a node keeps things in, and runs code with.

    Args:
        store: records; the node closes it.
        blobs: large values.
        runner: where strangers' code runs; the node closes it.
        equip: makes what other pools run code with; None where there is only that one.
        leave: called when all of it has been closed.
        orders: runs for workers on other machines; the node closes it.
        worker_keys: the keys of those.
        at: told the URL at which this node listens, when it is started; empty where it does not.
        images: the packages of worker images; None where nothing is kept.
    """

    store: Store
    blobs: Blobs
    runner: Runner
    equip: Equip | None = None
    leave: Callable[[], None] = lambda: None
    orders: OrderBook = field(default_factory=OrderBook)
    worker_keys: WorkerKeys = field(default_factory=WorkerKeys)
    at: Callable[[str], None] = lambda _: None
    images: Images | None = None


class Node:
    """A place with a key: takes envelopes in, and answers them.

    A datasite is a node of kind "datasite"; a domain of 2021 is the same node by another name. A node that lives
    as long as its process opens its store when something is first to be kept: until then it costs a key and a name.

    Args:
        parts: opens what the node works with; called once, when that is first needed.
        identity: the node's key.
        settings: what the operator set.
        name: for people; taken when the node is first made, kept after.
        kind: "datasite", "domain", "device", "vm", "network", "gateway".
        side_type: "high" where there is private data.
        root_key: a key that speaks for the root account, which then has no password; None where people log in.
        node_settings: how a new node is set, until its administrator changes that.
        lease: for how long what was made in passing is kept after its last use.
        clock: the time, in UTC, by which leases, sessions and requests end. (How fresh an envelope is goes by the
            machine's.)
    """

    def __init__(
        self,
        *,
        parts: Callable[[], Parts],
        identity: Identity,
        settings: Settings,
        name: str,
        kind: str = "datasite",
        side_type: str = "high",
        root_key: bytes | None = None,
        clock: Callable[[], datetime] = utc_now,
        node_settings: NodeSettings | None = None,
        lease: timedelta = LEASE,
    ) -> None:
        freeze()
        self._clock = clock
        self._lease = lease
        self._open_parts = parts
        self._identity = identity
        self._operator = settings
        self._born = new_born(name, kind, side_type)
        self._root: User | None = None
        if root_key is not None:
            self._root = root_account(settings, self._born.deployed_at, NO_PASSWORD)
        self.root_key = root_key
        self.observer: Observer = NOBODY
        self._added: dict[str, Entry] = {}
        self._uid = UID.from_string(self._born.uid)
        self._address = Address.of(kind, self._uid)
        self._guard = ReplayGuard()
        self.introductions = ReplayGuard()
        self._settings = node_settings or NodeSettings()
        self.peers = Peers()
        self._worker_keys = WorkerKeys()
        self._forwarder = Forwarder(self.peers)
        self._mail: Mail | None = None
        self._family = Family(self.peers, identity, lambda: self.info, self._open_mail)
        self.reach = Reach(self.peers, identity, lambda: self.info)
        self.health = Health(self.peers, identity, lambda: self.info, self._heard_from)
        # Who sends letters without an account: a minute's worth at once, then one a second from each address.
        self._letter_throttle = Throttle(60, 1)
        self._opening = threading.Lock()
        self._site: Site | None = None
        self._parts: Parts | None = None
        self._closed = False

    def open(self) -> Site:
        """Open the store and all that goes with it, unless that has been done.

        Raises:
            StorageError: it cannot be opened; NewerDatabase where a later version wrote it.
            InvalidState: the node has been closed.
        """
        if self._site is None:
            with self._opening:
                if self._closed:
                    raise InvalidState(f"The node '{self._born.name}' has been shut down.")
                if self._site is None:
                    self._site = self._opened()
                    if self._root is not None:
                        # Nobody starts a node that lives as long as its process.
                        self._site.crews.start()
                        self._open_mail().start()
        return self._site

    def add_handler(self, name: str, entry: Entry) -> None:
        """Teach this node, from its own process, a kind of message that no other knows.

        Args:
            name: of the kind, in `Custom` messages.
            entry: what it takes to send one, and what is done then.
        Raises:
            InvalidInput: it knows one of that name.
        """
        if name in self._added:
            raise InvalidInput(f"This node has a handler for '{name}' already.")
        self._added[name] = entry

    @property
    def root_account(self) -> UserView | None:
        """Whom the root key speaks for; None where people log in."""
        return self._root.view if self._root else None

    @property
    def is_open(self) -> bool:
        """Whether its store has been opened."""
        return self._site is not None

    def _opened(self) -> Site:
        self._parts = parts = self._open_parts()
        try:
            own = self._born
            self._born = be_born(parts.store, self._operator, own, self._root)
            if self._born is not own:
                self._uid = UID.from_string(self._born.uid)
                self._address = Address.of(self._born.kind, self._uid)
                # A node that was just born has missed nothing; one that starts again may have seen what comes now.
                now_ms = time.time_ns() // 1_000_000
                self._guard, self.introductions = ReplayGuard(now_ms), ReplayGuard(now_ms)
                self._forwarder = Forwarder(self.peers, now_ms)
            have_default_pool(parts.store, Event(verb="pool.created", created_at=datetime.now(UTC)))
            self._settings = _settings_in(parts.store) or self._settings
            self._read_place(parts.store)
            self._worker_keys = parts.worker_keys
            self._worker_keys.load(parts.store)
            self._mail = Mail(parts.store, self.peers, self._handle_letter)
            return self._site_of(parts)
        except BaseException:
            parts.store.close()
            raise

    def _site_of(self, parts: Parts) -> Site:
        operator = self._operator
        limits = server_limits(operator)
        equipped = Equipped(Equipment(parts.runner, environment_digest))
        runs = Runs(parts.store, parts.blobs, equipped, limits, self._clock)
        crews = Crews(parts.store, runs, operator.running_per_user or sys.maxsize)
        pools = Pools(equipped, crews, parts.equip, operator.workers)
        with parts.store.reading() as reader:
            known = reader.select(Pool)
        for pool in known:
            pools.open(pool)
        uploads = Uploads(parts.blobs, self._clock)
        return Site(
            store=parts.store,
            blobs=parts.blobs,
            uploads=uploads,
            arrivals=Arrivals(parts.store, parts.blobs, uploads, lambda: self._settings.bytes_per_account),
            sessions=Sessions(parts.store),
            runs=runs,
            crews=crews,
            operations=Operations(parts.blobs, parts.runner, limits, max(1, operator.workers)),
            orders=parts.orders,
            worker_keys=self._worker_keys,
            images=parts.images or Images(parts.store, None, environment_digest, self._clock),
            # Ten slips are free; then one try every six seconds an account, every two an address.
            account_throttle=Throttle(10, 1 / 6),
            origin_throttle=Throttle(30, 1 / 2),
            # A worker asks every two seconds while it waits; a rack of them may come from one address.
            join_throttle=Throttle(100, 10),
            refusals=Refusals(parts.store, self._clock),
            checkpoints=Checkpoints(parts.store, self._identity),
            settings=operator,
            identity=self._identity,
            clock=self._clock,
            info=lambda: self.info,
            node_settings=lambda: self._settings,
            settings_changed=self._settings_changed,
            equipped=equipped,
            pools=pools,
            limits=limits,
            lease=self._lease,
        )

    @property
    def info(self) -> NodeInfo:
        """What the node says of itself to anybody."""
        return NodeInfo(
            uid=self._uid,
            name=self._born.name,
            kind=self._born.kind,
            side_type=self._born.side_type,
            verify_key=self._identity.verify_key.hex(),
            version=VERSION,
            protocol=PROTOCOL,
            isolation=self._parts.runner.level if self._parts else "",
            signup_enabled=self._settings.signup_enabled,
            organization=self._settings.organization,
            description=self._settings.description,
            deployed_at=self._born.deployed_at,
            address=self._address,
        )

    @property
    def uid(self) -> UID:
        """The node's own."""
        return self._uid

    @property
    def settings(self) -> NodeSettings:
        """What its administrator has set."""
        return self._settings

    def attach(self, node_uid: UID, route: Route | None) -> None:
        """Reach another node of this process by this route; None to forget it. For its own process alone."""
        self.peers.attach(node_uid, route)

    def place_changed(self) -> None:
        """Read anew where it is and whom it knows, and tell those that are part of it."""
        self._read_place(self.open().store)
        self._family.tell()

    def _read_place(self, store: Store) -> None:
        with store.reading() as reader:
            above = read_place(reader).above
        self._address = Address.of(self._born.kind, self._uid, wider_part(self._born.kind, above))
        self.peers.load(store)

    def _open_mail(self) -> Mail:
        if self._mail is None:
            self.open()
        assert self._mail is not None
        return self._mail

    def _heard_from(self, node_uid: UID) -> None:
        if self._mail is not None:
            self._mail.heard_from(node_uid)

    @property
    def runs_code(self) -> bool:
        """Whether strangers' code may run here: not at a gateway, which has nothing to run it on."""
        return PART_OF_KIND[self._born.kind] != "network"

    @property
    def has_default_password(self) -> bool:
        """Whether the root account still has the password that everybody knows."""
        with self.open().store.reading() as reader:
            return reader.setting(DEFAULT_PASSWORD_SETTING) == "yes"

    def isolation(self) -> str:
        """The level of the fence around submitted code; waits until it is known.

        Raises:
            InvalidState: there is none that will do, so that no code is run; the text says what to do.
        """
        self.open()
        assert self._parts is not None
        return self._parts.runner.wait()

    def start(self, url: str = "") -> None:
        """Take up what the last server left, then begin to run jobs.

        Args:
            url: at which it listens, as bound; empty where it does not.
        """
        site = self.open()
        assert self._parts is not None
        with site.store.writing(started(self._operator, self._clock())):
            pass
        recover(site.store)
        site.images.recover()
        # Values whose message never came, or whose job never ended, are nobody's.
        expire(site, self._clock())
        site.blobs.sweep(digests_in_use(site.store))
        self._parts.at(url)
        if self.runs_code:
            self._parts.runner.start()
            site.crews.start()
        else:
            self.health.start()
        self._open_mail().start()

    def close(self) -> None:
        """Stop. What runs is stopped with it, and begun again at the next start."""
        with self._opening:
            if self._closed:
                return
            self._closed = True
        self.health.close()
        if self._mail is not None:
            self._mail.close()
        site = self._site
        if site is not None:
            site.images.close()
            site.runs.close()
            site.orders.close()
            site.crews.close()
            site.uploads.close()
            site.refusals.close()
            site.store.close()
        self.reach.close()
        self.peers.close()
        if self._parts is not None:
            self._parts.leave()

    def receive(self, parcel: Parcel, origin: str = "local") -> Parcel | None:
        """The one way in: open, route, dispatch, and seal the answer.

        Args:
            parcel: from anybody at all.
            origin: the network address it came from.
        Returns:
            A sealed answer, which may be a refusal; None where the message was taken and has no answer.
        """
        began = time.perf_counter()
        try:
            sealed = inspect(parcel.envelope)
        except SyftException as error:
            # Nobody to answer to: who sent it is not known.
            say(logging.WARNING, "refused an envelope", error=error.code, origin=origin)
            return self._refuse_unknown(error)
        header = sealed.header
        peer = self.peers.of_key(header.sender)
        if peer is not None and is_recent(header, time.time_ns() // 1_000_000):
            # Not by what it said long ago: whoever was answered by it once could have all its mail tried, again and
            # again.
            self._heard_from(peer.node_uid)
        if parcel.forwarded:
            # Who hands it over is near; who wrote it need not be.
            origin = f"forwarded by {origin}"
        tag = "?"
        try:
            hop = next_hop(
                header, self._uid, self.peers.find, sender_is_known=lambda: self._knows(header.sender)
            )
            if header.eventual:
                tag = "a letter"
                answer: Attached | None = self._take(sealed, parcel, hop, origin)
            elif hop is not None:
                return self._pass_on(sealed, parcel, hop, origin)
            else:
                opened = self._opened_message(sealed, parcel)
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
        if answer is None:
            return None
        took_ms = (time.perf_counter() - began) * 1000
        say(logging.INFO, "answered", tag=tag, reply=type(answer.message).__name__, ms=round(took_ms, 2))
        try:
            return self._seal(answer, header)
        except TooLarge as error:
            return self._seal(Attached(refusal(error), b""), header)
        except EnvelopeError as error:
            # What was asked was hidden, and for the key that asked nothing can be.
            return self._refuse_unknown(error)

    def _opened_message(self, sealed: Sealed, parcel: Parcel) -> Opened:
        return sealed.open(
            recipient=self._identity.verify_key,
            # Within one process an address is no further away than a key.
            unnamed=self.root_key is not None,
            now_ms=time.time_ns() // 1_000_000,
            guard=self._guard,
            attachment=parcel.attachment,
            unhide=self._identity.unseal,
        )

    # --- for others, and for later

    def _knows(self, key: bytes) -> bool:
        """Whether a key speaks for an account here, or is a peer's."""
        return self.peers.of_key(key) is not None or self._user_of(key, datetime.now(UTC)) is not None

    def _check_named(self, header: Header, hop: Peer) -> None:
        """Raise where a message leaves open who may answer it, and this is not all within one process."""
        if not header.recipient and (self.root_key is None or hop.url):
            raise EnvelopeError("This message does not name the key of the node it is for.")

    def _pass_on(self, sealed: Sealed, parcel: Parcel, hop: Peer, origin: str) -> Parcel | None:
        self._check_named(sealed.header, hop)
        self.observer.passed_on(sealed.header)
        return self._forwarder.pass_on(sealed, parcel, hop, is_local=_is_local(origin))

    def _take(self, sealed: Sealed, parcel: Parcel, hop: Peer | None, origin: str) -> Attached:
        """Keep a letter, and say so: from then on this node answers for it."""
        known = self._knows(sealed.header.sender)
        if not known and not _is_local(origin):
            self._letter_throttle.attempt(origin)
        self._keep(sealed, parcel, hop, known=known)
        return Attached(Taken(), b"")

    def take_letter(self, envelope: bytes, charged_to: str) -> None:
        """Keep a letter that somebody known here answers for.

        Args:
            envelope: of an eventual message.
            charged_to: the account.
        Raises:
            WireError: it is no letter, or nothing is known of the node it is for.
            TooManyAttempts: too many wait already.
        """
        sealed = inspect(envelope)
        if not sealed.header.eventual:
            raise EnvelopeError("Only a message that may wait can be left here.")
        hop = next_hop(sealed.header, self._uid, self.peers.find, sender_is_known=lambda: True)
        self._keep(sealed, Parcel(envelope), hop, known=True, charged_to=charged_to)

    def _keep(
        self, sealed: Sealed, parcel: Parcel, hop: Peer | None, *, known: bool, charged_to: str = ""
    ) -> None:
        header = sealed.header
        check_fresh(header, time.time_ns() // 1_000_000)
        check_can_wait(header, sealed.data, parcel.attachment)
        if hop is None:
            # What cannot be read, or cannot wait, is not kept.
            self._opened_letter(sealed)
        else:
            self._check_named(header, hop)
            self.observer.passed_on(header)
        next_node = hop.node_uid if hop else None
        self._open_mail().take(sealed, next_node, known_sender=known, charged_to=charged_to)

    def _opened_letter(self, sealed: Sealed) -> Opened:
        return sealed.open(
            recipient=self._identity.verify_key,
            unnamed=self.root_key is not None,
            # It was fresh when it was taken; how long it has waited here since says nothing about it.
            now_ms=sealed.header.time_ms,
            guard=None,
            unhide=self._identity.unseal,
            eventual=True,
        )

    def _handle_letter(self, sealed: Sealed) -> None:
        """Do what a letter says, if its sender may have that done now.

        Raises:
            SyftException: they may not, or it cannot be done.
            InternalError: a fault of ours; it is tried again, a few times.
        """
        try:
            self._answer(self._opened_letter(sealed), "mail")
        except SyftException:
            raise
        except Exception as error:
            say(logging.ERROR, "a handler failed", uid=sealed.header.uid.hex, error=where(error))
            raise InternalError("Something unexpected happened on the node.") from error

    def _answer(self, opened: Opened, origin: str) -> Attached | None:
        header, message = opened.header, opened.message
        observer = self.observer
        observer.took_in(header, message)
        now = self._clock()
        caller = Caller(
            verify_key=header.sender,
            user=self._user_of(header.sender, now),
            origin=origin,
            guests_welcome=self._settings.guest_sessions,
            peer=self.peers.of_key(header.sender),
            worker=self._worker_keys.admitted(header.sender),
        )
        context = Context(self.open, caller, header.uid, opened.attachment, now, self)
        observer.asked_may(header, message, caller)
        try:
            entry = find_entry(message, self._added, kind_of_node=self._born.kind, eventual=header.eventual)
            context = admitted(context, entry, message)
            observer.may(header, message)
            answer = entry.handler(context, message)
        except SyftException as error:
            observer.refused(header, message, error)
            if self._site is not None:
                # Before anything was kept there is no log, and nothing that anybody could be kept from.
                self._site.refusals.refused(caller, message, error)
            raise
        return answer if answer is None or isinstance(answer, Attached) else Attached(answer, b"")

    def _user_of(self, key: bytes, now: datetime) -> User | None:
        """The account that a key speaks for."""
        if key == self.root_key:
            return self._root
        # Before anything was kept nobody had an account.
        return self._site.sessions.user_of(key, now) if self._site else None

    def _seal(self, answer: Attached, asked: Header) -> Parcel:
        """An answer, hidden where the question was. That a letter was taken is also for those on the way."""
        uid, hidden, attachment = UID(), asked.hidden and not asked.eventual, answer.attachment
        if hidden and len(attachment):
            attachment = hide(attachment, recipient=asked.sender, sender=self._identity.verify_key, uid=uid)
        envelope, _ = seal(
            answer.message,
            identity=self._identity,
            recipient=asked.sender,
            address=Address(),
            now_ms=time.time_ns() // 1_000_000,
            reply_to=asked.uid,
            attachment=attachment,
            uid=uid,
            hidden=hidden,
        )
        return Parcel(envelope, attachment)

    def _refuse_unknown(self, error: SyftException) -> Parcel:
        envelope, _ = seal(
            refusal(error),
            identity=self._identity,
            recipient=b"",
            address=Address(),
            now_ms=time.time_ns() // 1_000_000,
        )
        return Parcel(envelope)

    def _settings_changed(self, settings: NodeSettings) -> None:
        self._settings = settings


def _is_local(origin: str) -> bool:
    """Whether a message was written in this process."""
    return origin in ("local", "forwarded by local")


def _settings_in(store: Store) -> NodeSettings | None:
    with store.reading() as reader:
        kept = reader.setting(SETTINGS)
    return msgspec.json.decode(kept, type=NodeSettings) if kept else None
