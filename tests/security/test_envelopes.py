"""What is not a fresh, whole, signed message for this node reaches no handler, and costs little (THREATS 2.5)."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.envelopes import answer_to, envelope, error_of, header_for, message_in, now_ms
from support.people import ROOT, Person, on
from support.sites import (
    Cast,
    Listening,
    again,
    asset_of,
    at_once,
    cast_on,
    fresh,
    logged,
    opened,
    refused,
    upload,
)
from syft.errors import BadReply
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.job import Job
from syft.model.message import Message, Refusal, message_types
from syft.model.messages import datasets, jobs, session, settings, users
from syft.model.settings import NodeInfo
from syft.model.uid import UID
from syft.model.user import User
from syft.node import node as node_module
from syft.node.dispatch import table
from syft.transport.ask import ask
from syft.transport.base import Parcel, Route
from syft.transport.memory import MemoryRoute
from syft.wire.envelope import MAX_AGE_MS, MAX_AHEAD_MS, MAX_ENVELOPE, MAX_PAYLOAD, Header, inspect, seal
from syft.wire.records import encode_record


@pytest.fixture(autouse=True)
def dispatched(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Every message that got as far as a handler."""
    seen: list[Message] = []
    find_entry = node_module.find_entry

    def counting(message: Message, *rest: Any, **options: Any) -> Any:
        seen.append(message)
        return find_entry(message, *rest, **options)

    monkeypatch.setattr(node_module, "find_entry", counting)
    return seen


ASK = users.ListUsers(email="@site.org")


def check_refused(
    site: Cast, dispatched: list[Message], data: bytes, code: str, attachment: bytes = b""
) -> None:
    """It is answered by that error, reaches no handler, and the next message is served."""
    before = len(dispatched)
    answer = answer_to(site.node, data, attachment)
    error = error_of(answer)
    assert error is not None, answer
    assert error.code == code, error
    assert len(dispatched) == before
    # Nobody's message but one's own: the node goes on serving.
    assert isinstance(answer_to(site.node, envelope(site.admin, ASK)), users.UsersReply)
    assert len(dispatched) == before + 1


def test_an_honest_envelope_is_served(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5, outside the fence: what these tests seal by hand is what a client would."""
    assert isinstance(answer_to(site.node, envelope(site.admin, ASK)), users.UsersReply)
    assert dispatched == [ASK]


def test_any_one_bit_flipped(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: every bit of an envelope that would change something, through the node's own door."""
    data = envelope(site.admin, settings.UpdateSettings(description="x"))
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        answer = answer_to(site.node, bytes(changed))
        assert isinstance(answer, Refusal), place
        assert answer.code in ("envelope", "too_large")
    assert dispatched == []
    # The flips have not used the message up.
    assert isinstance(answer_to(site.node, data), settings.SettingsReply)


def test_truncated_at_every_length(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: and with bytes behind."""
    data = envelope(site.admin, ASK)
    for length in [*range(len(data)), len(data) + 1]:
        answer = answer_to(site.node, (data + b"\0")[:length])
        assert isinstance(answer, Refusal)
        assert answer.code == "envelope"
    assert dispatched == []


def test_replayed(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: the same bytes again, at once or after others."""
    data = envelope(site.admin, ASK)
    assert isinstance(answer_to(site.node, data), users.UsersReply)
    for _ in range(3):
        check_refused(site, dispatched, data, "stale_message")


def test_replayed_by_many_at_once(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: raced; one of sixteen is taken."""
    data = envelope(site.admin, ASK)
    answers = at_once(*(lambda: answer_to(site.node, data) for _ in range(16)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Refusal"] * 15 + ["UsersReply"]
    assert len(dispatched) == 1


def test_for_another_node(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: by its address or by its recipient's key; both must be ours."""
    for changes in (
        {"recipient": Identity.generate().verify_key},
        {"recipient": b""},
        {"address": Address(domain=UID())},
        {"address": Address()},
        {"address": Address(domain=site.admin.node.uid, device=UID())},
        {"address": Address(domain=site.admin.node.uid, vm=UID())},
    ):
        check_refused(site, dispatched, envelope(site.admin, ASK, **changes), "envelope")
    through = Address(network=UID(), domain=site.admin.node.uid)
    assert isinstance(answer_to(site.node, envelope(site.admin, ASK, address=through)), users.UsersReply)


@pytest.mark.parametrize(
    "off_ms",
    [-MAX_AGE_MS - 2_000, MAX_AHEAD_MS + 2_000, -(10**15), 10**15, -(2**62), 2**62],
)
def test_from_the_past_or_the_future(site: Cast, dispatched: list[Message], off_ms: int) -> None:
    """THREATS 2.5: by the sender's own clock, which is signed."""
    data = envelope(site.admin, ASK, time_ms=now_ms() + off_ms)
    check_refused(site, dispatched, data, "stale_message")


def test_a_little_early_or_late_is_served(site: Cast) -> None:
    """THREATS 2.5, outside the fence: clocks differ by a little."""
    for off_ms in (-MAX_AGE_MS + 5_000, MAX_AHEAD_MS - 5_000):
        data = envelope(site.admin, ASK, time_ms=now_ms() + off_ms)
        assert isinstance(answer_to(site.node, data), users.UsersReply)


def test_unsigned_or_signed_by_another(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: no signature, another's, an earlier one, one by a key that is put in the place of the sender's."""
    data = envelope(site.admin, ASK)
    other = envelope(site.guest, ASK)
    theirs = envelope(site.guest, ASK, header_for(site.admin))
    for changed in (
        data[:-64],
        data[:-64] + b"\0" * 64,
        data[:-64] + other[-64:],
        data[:-64] + site.guest.identity.sign(data[:-64]),
        data[:-64] + site.admin.identity.sign(data[4:-64]),
        theirs,
    ):
        check_refused(site, dispatched, changed, "envelope")


def test_the_key_decides_who_speaks(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: an administrator's message, taken over and signed by a scientist, is a scientist's."""
    stolen = inspect(envelope(site.admin, settings.UpdateSettings(description="stolen")))
    header = msgspec.structs.replace(stolen.header, sender=site.scientist.identity.verify_key, uid=UID())
    error = error_of(answer_to(site.node, envelope(site.scientist, bytes(stolen._payload), header)))
    assert error is not None
    assert error.code == "authorization"


def test_an_answer_is_no_question(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: what says that it answers something is not taken as a message."""
    check_refused(site, dispatched, envelope(site.admin, ASK, reply_to=UID()), "envelope")


@pytest.mark.parametrize(
    "payload",
    [
        msgspec.msgpack.encode(["no.such.message"]),
        msgspec.msgpack.encode(["users.list.nonsense", "", ""]),
        msgspec.msgpack.encode([["users.list"]]),
        msgspec.msgpack.encode({"type": "users.list"}),
        msgspec.msgpack.encode("users.list"),
        msgspec.msgpack.encode(["users.list", 5]),
        msgspec.msgpack.encode(["users.list", "", "", b"short"]),
        msgspec.msgpack.encode(["users.list", "", "", None, 2**64 - 1, -(2**63)])[:-1],
        msgspec.msgpack.encode(["__import__('os')", "system"]),
        b"",
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",  # a list of four billion
        b"\xdb\xff\xff\xff\xff",  # a text of 4 GiB
        b"\xc9\xff\xff\xff\xff\x01",
    ],
    ids=lambda payload: payload[:24].hex(),
)
def test_of_unknown_kind(site: Cast, dispatched: list[Message], payload: bytes) -> None:
    """THREATS 2.5: no message of the table, or with fields that are none; no class is looked for by its name."""
    check_refused(site, dispatched, envelope(site.admin, payload), "decode")


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\xdc\x00\x01", b"\xc7\x01\x01"])
@pytest.mark.parametrize("place", ["alone", "in a field", "in a field too many"])
def test_nested_a_hundred_thousand_deep(
    site: Cast, dispatched: list[Message], opening: bytes, place: str
) -> None:
    """THREATS 2.5: an error within a moment, and no overflow of the stack."""
    deep = opening * 100_000 + b"\x90"
    if place == "in a field":
        deep = b"\x93\xaausers.list\xa0" + deep
    elif place == "in a field too many":
        deep = b"\x9b\xaausers.list\xa0\xa0\xc0\x00\x00" + deep * 5
    began = time.perf_counter()
    check_refused(site, dispatched, envelope(site.admin, deep), "decode")
    assert time.perf_counter() - began < 1


def test_a_header_that_is_none(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: too long, too deep, of other types, with a key of another length."""
    good = encode_record(header_for(site.admin))
    for head in (
        b"",
        good[:-1],
        b"\x91" * 1000,
        good + b"x" * 1025,
        msgspec.msgpack.encode(["a", "b", "c"]),
        msgspec.msgpack.encode({"sender": site.admin.identity.verify_key}),
        encode_record(header_for(site.admin, sender=site.admin.identity.verify_key[:-1])),
        encode_record(header_for(site.admin, sender=b"")),
    ):
        check_refused(site, dispatched, envelope(site.admin, ASK, head), "envelope")


def test_with_another_attachment(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: added, removed, changed on the way."""
    plain = lambda: envelope(site.owner, ASK)  # noqa: E731
    withit = lambda: envelope(site.owner, ASK, header_for(site.owner, b"abc"))  # noqa: E731
    check_refused(site, dispatched, plain(), "envelope", b"added")
    check_refused(site, dispatched, withit(), "envelope", b"")
    check_refused(site, dispatched, withit(), "envelope", b"abd")
    check_refused(site, dispatched, withit(), "envelope", b"abcd")
    assert isinstance(answer_to(site.node, withit(), b"abc"), users.UsersReply)


def test_too_large(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: over the bound, and claiming lengths that it does not have."""
    check_refused(site, dispatched, bytes(MAX_ENVELOPE + 1), "too_large")
    data = envelope(site.admin, ASK)
    for head, payload in ((2**32 - 1, 0), (0, 2**32 - 1), (2**32 - 1, 2**32 - 1), (1025, 10), (0, 0)):
        lie = data[:4] + struct.pack("<II", head, payload) + data[12:]
        check_refused(site, dispatched, lie, "envelope")
    with pytest.raises(Exception, match="at most"):
        refused_or_raises(site.admin, users.ListUsers(email="x" * (MAX_PAYLOAD + 1)))


def refused_or_raises(person: Person, message: Message) -> None:
    code, text = refused(person, message)
    raise AssertionError(f"{code}: {text}")


def test_noise_costs_bounded_memory(site: Cast, dispatched: list[Message]) -> None:
    """THREATS 2.5: thousands of wrong envelopes leave nothing behind, and none takes more than a few times its size."""
    with logged("CRITICAL"):  # pytest keeps what is logged, and would be measured
        send_noise(site)
    assert dispatched == []
    assert refused(site.admin, ASK)[0] == "ok"


def send_noise(site: Cast) -> None:
    chance = random.Random(4)
    large = envelope(site.guest, b"\x91" * (4 << 20))
    answer_to(site.node, large)
    tracemalloc.start()
    try:
        base, _ = tracemalloc.get_traced_memory()
        for _ in range(2000):
            answer_to(site.node, chance.randbytes(chance.randrange(300)))
        for _ in range(200):
            answer_to(site.node, envelope(site.guest, chance.randbytes(200)))
        after, _ = tracemalloc.get_traced_memory()
        assert after - base < 1_000_000
        tracemalloc.reset_peak()
        answer_to(site.node, envelope(site.guest, b"\x91" * (4 << 20)))
        _, peak = tracemalloc.get_traced_memory()
        assert peak - after < 40 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", sorted(table(), key=lambda kind: kind.__name__))
def test_fields_at_their_ends(site: Cast, kind: type[Message]) -> None:
    """THREATS 2.5, 4.1: numbers, texts and lists at the ends of their types make no fault of ours."""
    if kind in (session.LogOut, users.DeleteUser):
        return
    person = site.admin
    for field in msgspec.structs.fields(kind):
        for extreme in extremes(str(field.type)):
            values = {one.name: ordinary(one) for one in msgspec.structs.fields(kind)}
            values[field.name] = extreme
            try:
                message = kind(**values)
            except Exception:
                continue
            code, text = refused(person, message)
            assert code != "internal", (field.name, repr(extreme)[:50], text)


def ordinary(field: Any) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    kind = str(field.type)
    if "UID" in kind:
        return UID()
    if "CodeSubmission" in kind:
        return fresh("return 1")
    return {"int": 0, "str": "x", "bytes": b"x"}.get(getattr(field.type, "__name__", ""), "x")


def extremes(kind: str) -> list[Any]:
    """Values that the type allows and nobody thinks of."""
    found: list[Any] = []
    if "int" in kind:
        found += [-1, 2**31, 2**63 - 1, -(2**63), 2**64 - 1]
    if "float" in kind:
        found += [float("nan"), float("-inf"), -1.0, 5e-324]
    if "str" in kind:
        found += [
            "",
            "\x00",
            "\x00" * 300,
            "%_'\"\\;--",
            "../../etc/passwd",
            "x" * 100_000,
            "\u202e",
            "\U0010ffff",
        ]
    if "bytes" in kind:
        found += [b"", b"\xff" * 1000]
    return found


# The other way round: what a client believes


class Swapping:
    """A route on which somebody answers in the node's place."""

    def __init__(self, route: Route, answer: Callable[[Parcel, Parcel], Parcel]) -> None:
        self._route = route
        self._answer = answer

    @property
    def url(self) -> str:
        return self._route.url

    def send(self, parcel: Parcel) -> Parcel | None:
        answer = self._route.send(parcel)
        assert answer is not None
        return self._answer(parcel, answer)

    def describe(self) -> NodeInfo:
        return self._route.describe()

    def close(self) -> None:
        self._route.close()


def forged(identity: Identity, question: Parcel, **changes: Any) -> Parcel:
    """An answer by another key than the node's, or by the node's to another question."""
    asked = inspect(question.envelope).header
    options = {"recipient": asked.sender, "reply_to": asked.uid} | changes
    data, _ = seal(users.UsersReply((), 0), identity=identity, address=Address(), now_ms=now_ms(), **options)
    return Parcel(data)


def test_a_client_believes_the_answer_to_its_question_only(site: Cast) -> None:
    """THREATS 2.5: swapped, forged, re-signed, cut, flipped, misdirected, with something beside it."""
    earlier = Listening(MemoryRoute(site.node))
    node_key = site.site.identity
    old = site.node.receive(Parcel(envelope(site.admin, ASK)))
    assert old is not None
    stranger = Identity.generate()
    lies: list[Callable[[Parcel, Parcel], Parcel]] = [
        lambda question, answer: old,
        lambda question, answer: forged(stranger, question),
        lambda question, answer: forged(node_key, question, reply_to=UID()),
        lambda question, answer: forged(node_key, question, reply_to=None),
        lambda question, answer: forged(node_key, question, recipient=stranger.verify_key),
        lambda question, answer: question,
        lambda question, answer: Parcel(b""),
        lambda question, answer: Parcel(answer.envelope[:-1]),
        lambda question, answer: Parcel(answer.envelope[:200] + b"\0" + answer.envelope[201:]),
        lambda question, answer: Parcel(answer.envelope, b"beside"),
        lambda question, answer: Parcel(resigned(answer.envelope, stranger)),
        lambda question, answer: Parcel(bytes(MAX_ENVELOPE + 1)),
    ]
    for lie in lies:
        with pytest.raises(BadReply):
            ask(Swapping(earlier, lie), site.admin.identity, site.admin.node, ASK)
    honest = ask(
        Swapping(earlier, lambda question, answer: answer), site.admin.identity, site.admin.node, ASK
    )
    assert isinstance(honest.message, users.UsersReply)
    own = ask(
        Swapping(earlier, lambda question, answer: forged(node_key, question)),
        site.admin.identity,
        site.admin.node,
        ASK,
    )
    assert own.message == users.UsersReply(
        (), 0
    )  # the forgeries above are refused for what is wrong with them


def resigned(data: bytes, identity: Identity) -> bytes:
    """The same answer under another key: its header names the new one."""
    sealed = inspect(data)
    header: Header = msgspec.structs.replace(sealed.header, sender=identity.verify_key)
    head = encode_record(header)
    signed = data[:4] + struct.pack("<II", len(head), len(sealed._payload)) + head + bytes(sealed._payload)
    return signed + identity.sign(signed)


def test_a_value_with_other_bytes_beside_its_answer(site: Cast) -> None:
    """THREATS 2.5: what was attached to an answer is what the node attached."""
    data = upload(site.owner, "value")
    for change in (lambda beside: beside + b"x", lambda beside: b"", lambda beside: b"y" * len(beside)):
        person = again(site.node, site.owner)
        person.route = Swapping(
            person.route,
            lambda question, answer, change=change: Parcel(answer.envelope, change(bytes(answer.attachment))),
        )
        with pytest.raises(BadReply):
            person.read(data)
    assert site.owner.read(data) == "value"


# Across a restart


def test_a_write_replayed_after_a_restart(tmp_path: Path) -> None:
    """THREATS 2.5: the node's memory of what it has seen is gone; the event in its log is not."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        taps = {name: Listening(MemoryRoute(node)) for name in ("admin", "owner", "scientist", "guest")}
        for name, tap in taps.items():
            getattr(site, name).route = tap
        admin, owner, scientist, guest = (getattr(site, name) for name in taps)
        admin.say(settings.UpdateSettings(description="once"), settings.SettingsReply)
        admin.say(users.CreateUser("new@x.org", "New", admin.sealed("p")), users.UserReply)
        dataset = owner.upload("replayed", 7, 0)
        request = owner.approve(scientist.request(fresh("return data", asset_of(dataset))))
        scientist.call(request.code.submission.name, data=on(asset_of(dataset)))
        guest.say(users.Register("guest@x.org", "G", guest.sealed("p")), users.UserReply)
        guest.log_in("guest@x.org", "p")
        owner.say(datasets.DeleteDataset(dataset.dataset.uid), Message)
        guest.say(session.LogOut(), Message)
        sent = [parcel for tap in taps.values() for parcel in tap.sent]
        counts = site.count(User), site.count(Job), site.count_events()
    assert len(sent) >= 9
    with opened(tmp_path) as node:
        site.node = node
        answers = [message_in(node.receive(parcel)) for parcel in sent]
        # That the node was started is no answer to anything; that something was refused is no second time of it.
        more = [one.event.verb for one in site.events(after=counts[2])]
        after = site.count(User), site.count(Job), counts[2]
    assert more.pop(0) == "node.started"
    assert set(more) <= {"act.refused", "session.login_failed"}
    # Some are refused for what they ask (the name is taken), most as replays; none is done again.
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} <= {
        "stale_message", "already_exists", "authorization", "invalid_state", "not_found"
    }  # fmt: skip
    # A call that is used up answers with its earlier result: a read, see the next test.
    assert {type(answer) for answer in answers if not isinstance(answer, Refusal)} <= {jobs.JobReply}
    assert after == counts


def test_a_read_replayed_after_a_restart(tmp_path: Path) -> None:
    """THREATS 2.5: a recorded question is answered once, also by a node that was opened anew within two minutes."""
    with opened(tmp_path, start=False) as node:
        admin = Person(MemoryRoute(node)).log_in(*ROOT)
        data = envelope(admin, ASK)
        assert isinstance(answer_to(node, data), users.UsersReply)
    with opened(tmp_path, start=False) as node:
        assert isinstance(answer_to(node, data), Refusal)


def test_every_message_there_is_has_a_tag() -> None:
    """THREATS 2.5: the table of kinds is closed; a name off the wire finds nothing else."""
    assert set(table()) <= set(message_types().values())
    assert jobs.CallCode in table()
