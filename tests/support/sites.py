"""A node with people on it, for tests that need a whole one: real SQLite, real sandboxed processes, no network."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.people import ROOT, Person, function
from syft import logger
from syft.config import Settings
from syft.errors import SyftException
from syft.model.code import CodeSubmission
from syft.model.event import ChainedEvent, Event
from syft.model.job import ValueArgument
from syft.model.message import Message
from syft.model.messages import settings, users
from syft.model.messages.datasets import DatasetReply
from syft.model.permission import Role
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.node.context import Site
from syft.node.node import Node, utc_now
from syft.server.open_node import open_node
from syft.store.base import Store
from syft.transport.ask import ask
from syft.transport.base import Parcel, Route
from syft.transport.memory import MemoryRoute
from syft.wire.codec import encode

NAME = "site"
PASSWORD = "correct horse battery"


class OriginRoute(MemoryRoute):
    """A route to a node in this process, as if from that network address."""

    def __init__(self, node: Node, origin: str) -> None:
        super().__init__(node)
        self._receive = node.receive
        self._origin = origin

    def send(self, parcel: Parcel) -> Parcel | None:
        return self._receive(parcel, self._origin)


class Listening:
    """A route that keeps every byte that came back by it."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.heard = bytearray()
        self.sent: list[Parcel] = []

    @property
    def url(self) -> str:
        return self._route.url

    def send(self, parcel: Parcel) -> Parcel | None:
        self.sent.append(parcel)
        answer = self._route.send(parcel)
        if answer is not None:
            self.heard += answer.envelope + bytes(answer.attachment)
        return answer

    def describe(self) -> NodeInfo:
        return self._route.describe()

    def close(self) -> None:
        self._route.close()


@dataclass
class Cast:
    """A node and those who use it: each role once, and one more of those whose things are their own."""

    node: Node
    home: Path
    admin: Person
    owner: Person
    other_owner: Person
    scientist: Person
    other_scientist: Person
    guest: Person

    @property
    def site(self) -> Site:
        """What the node's handlers work with: for tampering with it."""
        return self.node.open()

    @property
    def store(self) -> Store:
        return self.site.store

    def events(self, verb: str = "", after: int = 0) -> list[ChainedEvent]:
        """The log after its first `after` entries; with `verb`, only those."""
        with self.store.reading() as reader:
            return [one for one in reader.events(offset=after) if not verb or one.event.verb == verb]

    def count(self, kind: type[Any], /, **equals: object) -> int:
        with self.store.reading() as reader:
            return reader.count(kind, **equals)

    def count_events(self) -> int:
        with self.store.reading() as reader:
            return reader.count_events()

    def newcomer(self) -> Person:
        """Somebody with a fresh key and no account."""
        return Person(MemoryRoute(self.node))


def settings_in(home: Path, **options: Any) -> Settings:
    return Settings(home=home, durability="normal", **options)


@contextmanager
def opened(
    home: Path, *, start: bool = True, clock: Callable[[], datetime] = utc_now, **options: Any
) -> Iterator[Node]:
    """The node that is kept in `home`, and closed again."""
    node = open_node(settings_in(home, **options), NAME, clock=clock)
    try:
        if start:
            node.start()
        yield node
    finally:
        node.close()


def cast_on(node: Node, home: Path) -> Cast:
    """People with accounts of every role on a new node, logged in; signing up is allowed."""
    admin = Person(MemoryRoute(node)).log_in(*ROOT)
    admin.say(settings.UpdateSettings(signup_enabled=True), settings.SettingsReply)
    people = {
        name: member(node, admin, f"{name}@site.org", role)
        for name, role in (
            ("owner", Role.DATA_OWNER),
            ("other_owner", Role.DATA_OWNER),
            ("scientist", Role.DATA_SCIENTIST),
            ("other_scientist", Role.DATA_SCIENTIST),
        )
    }
    return Cast(node=node, home=home, admin=admin, guest=Person(MemoryRoute(node)), **people)


def member(node: Node, admin: Person, email: str, role: Role = Role.DATA_SCIENTIST, **options: Any) -> Person:
    """Somebody with an account that the administrator made, logged in."""
    message = users.CreateUser(email, email.split("@")[0], admin.sealed(PASSWORD), role, **options)
    admin.say(message, users.UserReply)
    return Person(MemoryRoute(node)).log_in(email, PASSWORD)


def again(node: Node, person: Person) -> Person:
    """The same person, with the same key, at a node that was opened anew."""
    returned = Person(MemoryRoute(node))
    returned.identity = person.identity
    return returned


def own_value(value: Any) -> ValueArgument:
    """That value, as an argument."""
    return ValueArgument(value=encode(value).to_bytes())


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do all of them at the same moment; what each returned, or the refusal it raised, in order."""
    answers: list[Any] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def do(place: int, act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            answers[place] = act()
        except SyftException as error:
            answers[place] = error

    threads = [threading.Thread(target=do, args=one) for one in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def account_of(person: Person) -> UID:
    return person.say(users.GetAccount(), users.UserReply).user.uid


def refused(person: Person, message: Message, attachment: bytes = b"") -> tuple[str, str]:
    """The error's code and text; ("ok", kind of answer) when it was not refused."""
    try:
        answer = ask(person.route, person.identity, person.node, message, attachment)
    except SyftException as error:
        return error.code, error.public_message
    return "ok", type(answer.message).__name__


def asset_of(dataset: DatasetReply) -> UID:
    return dataset.dataset.assets[0].object_uid


def upload(owner: Person, private: Any = 7, mock: Any = None) -> UID:
    """A new dataset of one asset; returns the UID of its object. Its mock is an empty one of the same type."""
    return asset_of(owner.upload(f"data {UID().hex}", private, type(private)() if mock is None else mock))


_number = iter(range(1_000_000))


def fresh(body: str, data: UID | None = None, **options: Any) -> CodeSubmission:
    """A function of a name that was not used before: `def f<n>(data): <body>`."""
    name = f"fun{next(_number)}"
    takes = (["data"] if data else []) + (["datasite"] if options.get("uses_datasite") else [])
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return function(
        f"def {name}({', '.join(takes)}):\n{lines}", name, {"data": data} if data else {}, **options
    )


@contextmanager
def tampering(store: Store) -> Iterator[Any]:
    """A transaction of somebody who has the disk: it has an event, which says nothing."""
    with store.writing(Event(verb="test.tampered", created_at=datetime.now(UTC))) as tx:
        yield tx


@contextmanager
def logged(level: str = "DEBUG") -> Iterator[io.StringIO]:
    """All that a server would write to its log, as text."""
    before = (logger.log.handlers[:], logger.log.level, logger.log.propagate)
    stream = io.StringIO()
    logger.configure(level, stream)
    try:
        yield stream
    finally:
        logger.log.handlers[:], logger.log.propagate = before[0], before[2]
        logger.log.setLevel(before[1])


def log_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]
