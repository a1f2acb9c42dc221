"""Any sequence of transactions on a store does what the same sequence does to plain dictionaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from syft.errors import AlreadyExists, NotFound, StaleMessage
from syft.model.event import Event
from syft.model.identity import Identity
from syft.model.permission import Role
from syft.model.uid import UID
from syft.model.user import User
from syft.store.base import Before, Contains, NotEqual, OneOf, Reader
from syft.store.chain import check_chain
from syft.store.sql import open_store

NODE = Identity.from_seed(bytes(32))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
UIDS = [UID.with_seed(str(number)) for number in range(6)]
NAMES = ["Ada", "ada%", "Ä_da", "İ", "\\", "o'Hara", "x" * 200]

uids = st.sampled_from(UIDS)
times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
users = st.builds(
    User,
    uid=uids,
    email=st.sampled_from(["a@b", "A@b", "c@d", "é@f", "É@f"]),
    name=st.sampled_from(NAMES),
    role=st.sampled_from(Role),
    password_hash=st.text(max_size=20),
    institution=st.just(""),
    website=st.just(""),
    mock_execution=st.booleans(),
    is_root=st.booleans(),
    created_at=times,
)
acts = st.one_of(
    st.tuples(st.just("add"), users),
    st.tuples(st.just("replace"), users),
    st.tuples(st.just("remove"), uids),
    st.tuples(st.just("set"), st.tuples(st.sampled_from("ab"), st.text(max_size=5))),
    st.tuples(st.just("also"), st.none()),
    st.tuples(st.just("fail"), st.none()),
)
transactions = st.lists(st.tuples(st.none() | uids, st.lists(acts, max_size=5)), max_size=8)


class Failed(Exception):
    """The block was left by an exception of its own."""


@dataclass
class Model:
    """What a store is, in dictionaries: these keep the order of insertion too."""

    users: dict[UID, User] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    messages: list[UID | None] = field(default_factory=list)

    def copy(self) -> Model:
        return Model(dict(self.users), dict(self.settings), list(self.messages))

    def do(self, act: str, value: object) -> None:
        match act, value:
            case "add", User() as user:
                if user.uid in self.users or self.has_email(user):
                    raise AlreadyExists
                self.users[user.uid] = user
            case "replace", User() as user:
                if user.uid not in self.users:
                    raise NotFound
                if self.has_email(user):
                    raise AlreadyExists
                self.users[user.uid] = user
            case "remove", UID() as uid:
                if uid not in self.users:
                    raise NotFound
                del self.users[uid]
            case "set", (str() as name, str() as text):
                self.settings[name] = text
            case "also", _:
                self.messages.append(None)
            case _:
                raise Failed

    def has_email(self, user: User) -> bool:
        return any(
            one.uid != user.uid and one.email.lower() == user.email.lower() for one in self.users.values()
        )


def compare(reader: Reader, model: Model) -> None:
    people = list(model.users.values())
    assert reader.select(User) == people
    assert reader.select(User, newest_first=True, offset=1, limit=2) == people[::-1][1:3]
    for text in ("a", "DA%", "_", "\\", "'", "İ", "x" * 150):
        found = [one for one in people if text.lower() in one.name.lower()]
        assert reader.select(User, Contains("name", text)) == found
        assert reader.count(User, Contains("name", text)) == len(found)
    for role in (Role.ADMIN, Role.GUEST):
        assert reader.select(User, role=role) == [one for one in people if one.role is role]
        assert reader.select(User, NotEqual("role", role)) == [one for one in people if one.role is not role]
    end = datetime(2000, 1, 1, tzinfo=UTC)
    assert reader.select(User, Before("created_at", end)) == [one for one in people if one.created_at < end]
    wanted = UIDS[:3]
    assert reader.select(User, OneOf("uid", wanted), is_root=True) == [
        one for one in people if one.uid in wanted and one.is_root
    ]
    for name in "ab":
        assert reader.setting(name) == model.settings.get(name)
    assert [entry.event.message_uid for entry in reader.events()] == model.messages
    assert reader.count_events() == len(model.messages)
    check_chain(reader.events(), NODE.verify_key, head=reader.head())


@given(transactions)
@settings(max_examples=60)
def test_a_store_does_what_dictionaries_do(
    sequence: list[tuple[UID | None, list[tuple[str, object]]]],
) -> None:
    store = open_store(None, sign=NODE.sign)
    model = Model()
    event = Event(verb="test.done", created_at=NOW)
    for number, (message, acts_of_one) in enumerate(sequence):
        expected: type[Exception] | None = None
        attempt = model.copy()
        if message is not None and message in model.messages:
            expected = StaleMessage
        else:
            attempt.messages.append(message)
            try:
                for act, value in acts_of_one:
                    attempt.do(act, value)
            except (AlreadyExists, NotFound, Failed) as error:
                expected = type(error)
        raised: type[Exception] | None = None
        first = msgspec.structs.replace(
            event, message_uid=message, created_at=NOW + timedelta(seconds=number)
        )
        try:
            with store.writing(first) as tx:
                for act, value in acts_of_one:
                    match act, value:
                        case "add", User() as user:
                            tx.add(user)
                        case "replace", User() as user:
                            tx.replace(user)
                        case "remove", UID() as uid:
                            tx.remove(User, uid)
                        case "set", (str() as name, str() as text):
                            tx.put_setting(name, text)
                        case "also", _:
                            tx.also(first)
                        case _:
                            raise Failed
        except (AlreadyExists, NotFound, StaleMessage, Failed) as error:
            raised = type(error)
        assert raised is expected
        if raised is None:
            model = attempt
        with store.reading() as reader:
            compare(reader, model)
    store.close()
