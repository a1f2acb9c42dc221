"""Eventual messages: who may leave one where, how much of it, and what somebody in between can make of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from support.envelopes import answer_to, envelope, error_of, message_in, now_ms
from support.neighbours import Between, Network, a_node, honest
from support.people import Person, function
from support.sites import account_of, member, refused
from syft.errors import (
    AuthorizationException,
    BadReply,
    EnvelopeError,
    InvalidInput,
    NodeUnreachable,
    StaleMessage,
    TooLarge,
    TooManyAttempts,
)
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.letter import Letter, LetterState
from syft.model.message import Done, Message
from syft.model.messages import nodes, requests, users
from syft.model.permission import Role
from syft.model.uid import UID
from syft.node import mail
from syft.node.context import Attached
from syft.node.node import Node
from syft.transport.ask import letter
from syft.transport.base import Parcel
from syft.transport.memory import MemoryRoute
from syft.wire.envelope import MAX_EVENTUAL, MAX_EVENTUAL_AGE_MS, MAX_PAYLOAD, Header, inspect
from syft.wire.records import encode_record

pytestmark = pytest.mark.usefixtures("quick_mail")


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def a_request(name: str) -> requests.CreateRequest:
    return requests.CreateRequest(function(f"def {name}():\n    return 1\n", name))


def asked_for(ada: Person, name: str) -> int:
    """How often a function of that name was asked for, by them."""
    every = ada.say(requests.ListRequests(), requests.RequestsReply).requests
    return [one.code.submission.name for one in every].count(name)


def events(node: Node, verb: str, uid: UID) -> int:
    with node.open().store.reading() as reader:
        return sum(
            one.event.verb == verb and one.event.detail.get("message") == uid.hex for one in reader.events()
        )


def code_of(node: Node, uid: UID) -> str:
    with node.open().store.reading() as reader:
        return next(
            one.event.detail.get("code", "")
            for one in reader.events()
            if one.event.verb == "mail.returned" and one.event.detail["message"] == uid.hex
        )


def leave(node: Node, data: bytes, origin: str = "local") -> Message:
    return message_in(node.receive(Parcel(data), origin))


def test_a_letter_is_handled_once_however_often_it_comes(world: Network, line: Between) -> None:
    """THREATS 2.5: replayed, at the gateway and at the member, while it waits and after."""
    ada = world.ada_at(world.berlin)
    data, uid = letter(ada.identity, ada.node, a_request("once"))
    line.act = lambda parcel, go_on: (go_on(parcel), go_on(parcel), go_on(parcel))[0]
    for _ in range(3):
        assert isinstance(leave(world.gateway, data), nodes.Taken)
    until(lambda: events(world.berlin, "mail.handled", uid) == 1)
    for node in (world.gateway, world.berlin):
        assert isinstance(leave(node, data), nodes.Taken)
    until(lambda: world.berlin._open_mail().waiting == world.gateway._open_mail().waiting == 0)
    assert asked_for(ada, "once") == 1
    assert events(world.berlin, "mail.handled", uid) == events(world.berlin, "mail.taken", uid) == 1


def test_it_is_handled_once_when_the_note_of_it_is_lost(world: Network) -> None:
    """THREATS 4.3: between handling and noting it: the handler's own event is in the log."""
    ada = world.ada_at(world.berlin)
    data, uid = letter(ada.identity, ada.node, a_request("twice"))
    leave(world.gateway, data)
    until(lambda: events(world.berlin, "mail.handled", uid) == 1)
    with pytest.raises(StaleMessage):
        world.berlin._handle_letter(inspect(data))
    assert asked_for(ada, "twice") == 1


def test_what_the_sender_may_is_asked_when_it_is_handled(world: Network, line: Between) -> None:
    """THREATS 2.6: not when it was written: an account that is gone by then asks for nothing."""
    member(world.berlin, world.berlin_admin, "gone@x.org", Role.DATA_SCIENTIST)
    person = world.guest_at(world.berlin).log_in("gone@x.org", "correct horse battery")
    uid_of_account = account_of(person)

    def away(parcel: Parcel, go_on: object) -> Parcel | None:
        raise NodeUnreachable("away")

    line.act = away
    data, uid = letter(person.identity, person.node, a_request("too_late"))
    assert isinstance(leave(world.gateway, data), nodes.Taken)
    world.berlin_admin.say(users.DeleteUser(uid_of_account), Done)
    line.act = honest
    until(lambda: events(world.berlin, "mail.returned", uid) == 1)
    assert code_of(world.berlin, uid) == AuthorizationException.code
    # Outside the fence: somebody whose account is still there.
    ada = world.ada_at(world.berlin)
    data, uid = letter(ada.identity, ada.node, a_request("in_time"))
    leave(world.gateway, data)
    until(lambda: events(world.berlin, "mail.handled", uid) == 1)
    assert asked_for(ada, "in_time") == 1


def test_only_the_next_node_s_word_lets_a_letter_go(world: Network, line: Between) -> None:
    """THREATS 2.7: somebody on the line says "taken" in the member's place: the gateway keeps it."""
    ada = world.ada_at(world.berlin)
    data, uid = letter(ada.identity, ada.node, a_request("kept"))
    forged: list[str] = []

    def lie(parcel: Parcel, go_on: object) -> Parcel | None:
        header = inspect(parcel.envelope).header
        if not header.eventual:
            return go_on(parcel)  # type: ignore[operator]
        forged.append("taken")
        liar = a_node("datasite")
        return None if len(forged) == 1 else liar._seal(Attached(nodes.Taken(), b""), header)

    line.act = lie
    assert isinstance(leave(world.gateway, data), nodes.Taken)
    until(lambda: len(forged) > 3)
    assert world.gateway._open_mail().waiting == 1
    line.act = honest
    until(lambda: asked_for(ada, "kept") == 1)
    assert world.gateway._open_mail().waiting == 0
    assert events(world.gateway, "mail.passed_on", uid) == 1


def test_what_cannot_wait_is_not_taken(world: Network) -> None:
    """THREATS 2.5: too large, too old, of a kind that is answered, unreadable, or for nobody."""
    ada = world.ada_at(world.berlin)
    with pytest.raises(InvalidInput, match="cannot wait"):
        letter(ada.identity, ada.node, users.GetAccount())
    with pytest.raises(TooLarge, match="64 KiB"):
        letter(ada.identity, ada.node, nodes.Custom("x", bytes(MAX_EVENTUAL)))
    header = Header(
        sender=ada.identity.verify_key,
        recipient=world.berlin._identity.verify_key,
        address=Address(domain=world.berlin.uid),
        uid=UID(),
        time_ms=now_ms(),
        eventual=True,
    )

    def code(node: Node, message: Message | bytes, **changes: object) -> str:
        changed = msgspec.structs.replace(header, **({"uid": UID()} | changes))
        error = error_of(answer_to(node, envelope(ada, message, changed)))
        return error.code if error else "ok"

    good = nodes.ShowNode()
    for node in (world.berlin, world.gateway):
        assert code(node, good) == "ok"
        assert code(node, nodes.Custom("x", bytes(MAX_EVENTUAL))) == TooLarge.code
        old = now_ms() - MAX_EVENTUAL_AGE_MS - 2000
        assert code(node, good, time_ms=old) == StaleMessage.code
        assert code(node, good, time_ms=now_ms() + 10**6) == StaleMessage.code
        assert code(node, good, attachment=bytes(32)) == TooLarge.code
        assert code(node, good, address=Address(domain=UID())) == EnvelopeError.code
        # Six days on the way is not too long.
        assert code(node, good, time_ms=now_ms() - 6 * 24 * 3600 * 1000) == "ok"
    assert code(world.berlin, users.GetAccount()) == EnvelopeError.code
    assert code(world.berlin, encode_record(good)[:-1]) == "decode"
    assert code(world.berlin, good, hidden=True) == EnvelopeError.code
    assert code(world.berlin, good, recipient=world.lisbon._identity.verify_key) == EnvelopeError.code
    # The longer life is a letter's only.
    assert code(world.berlin, good, eventual=False, time_ms=now_ms() - 10**6) == StaleMessage.code
    assert MAX_PAYLOAD > MAX_EVENTUAL
    until(lambda: world.gateway._open_mail().waiting == 0)


def test_nobody_fills_the_disk(world: Network, line: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 4.2: a bound for each key, one for all strangers, and room left for those who are known."""
    away: list[bool] = [True]

    def act(parcel: Parcel, go_on: object) -> Parcel | None:
        if away:
            raise NodeUnreachable("away")
        return go_on(parcel)  # type: ignore[operator]

    line.act = act
    gateway = world.gateway
    monkeypatch.setattr(mail, "MAX_OF_SENDER", 3)

    def post(identity: Identity, size: int = 0) -> str:
        data, _ = letter(identity, world.info_of(world.berlin), nodes.Custom("x", bytes(size)))
        error = error_of(leave(gateway, data))
        return error.code if error else "ok"

    one = Identity.generate()
    assert [post(one) for _ in range(5)] == ["ok"] * 3 + [TooManyAttempts.code] * 2
    monkeypatch.setattr(mail, "MAX_BYTES_OF_STRANGERS", 100_000)
    codes = [post(Identity.generate(), 60_000) for _ in range(3)]
    assert codes == ["ok", TooManyAttempts.code, TooManyAttempts.code]
    # One who has an account at the gateway still finds room.
    assert post(gateway_account(world).identity, 60_000) == "ok"
    away.clear()
    gateway._open_mail().heard_from(world.berlin.uid)
    until(lambda: gateway._open_mail().waiting == 0)
    assert post(one) == "ok"
    with gateway.open().store.reading() as reader:
        done = reader.select(Letter, state=LetterState.DONE)
    assert {one.envelope for one in done} == {b""}


def gateway_account(world: Network) -> Person:
    return member(world.gateway, world.gateway_admin, f"a{UID().hex}@x.org", Role.DATA_SCIENTIST)


def test_a_stranger_leaves_few_letters(world: Network) -> None:
    """THREATS 2.5: each is a write and an entry in the log."""
    codes = []
    for _ in range(80):
        data, _uid = letter(Identity.generate(), world.info_of(world.lisbon), nodes.Custom("x"))
        error = error_of(leave(world.gateway, data, "203.0.113.9"))
        codes.append(error.code if error else "ok")
    assert codes[:60] == ["ok"] * 60
    assert TooManyAttempts.code in codes[60:]


def test_who_leaves_another_key_s_letter_answers_for_it(world: Network) -> None:
    """THREATS 2.7: a datasite brings on what its accounts leave there, and nothing of a stranger's."""
    ada = world.ada_at(world.lisbon)
    at_home = Person(MemoryRoute(world.berlin)).log_in("ada@x.org", "correct horse battery")
    world.berlin_admin.say(nodes.KnowGateway(world.gateway.info), Done)
    world.berlin.attach(world.gateway.uid, MemoryRoute(world.gateway))
    data, _uid = letter(ada.identity, ada.node, a_request("from_home"))
    assert isinstance(error_of(leave(world.berlin, data)), EnvelopeError)
    guest = Person(MemoryRoute(world.berlin))
    assert refused(guest, nodes.Deliver(data))[0] == AuthorizationException.code
    at_home.say(nodes.Deliver(data), nodes.Taken)
    until(lambda: asked_for(ada, "from_home") == 1)
    with world.berlin.open().store.reading() as reader:
        kept = reader.find(Letter, sender=ada.identity.verify_key.hex())
    assert kept is not None
    assert kept.charged_to == account_of(at_home).hex
    not_a_letter = envelope(at_home, users.GetAccount())
    with pytest.raises(EnvelopeError, match="may wait"):
        at_home.say(nodes.Deliver(not_a_letter), nodes.Taken)
    world.berlin_admin.say(nodes.RemovePeer(world.gateway.uid), Done)


def test_letters_are_forgotten_when_no_copy_can_be_fresh(world: Network) -> None:
    """THREATS 2.5: and not before."""
    store = world.lisbon.open().store
    ada = world.ada_at(world.lisbon)
    data, uid = letter(ada.identity, ada.node, a_request("old"))
    leave(world.lisbon, data)
    until(lambda: events(world.lisbon, "mail.handled", uid) == 1)
    box = world.lisbon._open_mail()
    box._sweep()
    with store.reading() as reader:
        kept = reader.find(Letter, message_uid=uid)
        assert kept is not None
        assert kept.expires_at > datetime.now(UTC) + timedelta(milliseconds=MAX_EVENTUAL_AGE_MS)
        event = reader.events(limit=1)[0].event
    # As if a week had gone by.
    with store.writing(msgspec.structs.replace(event, message_uid=None)) as tx:
        tx.replace(msgspec.structs.replace(kept, expires_at=datetime.now(UTC)))
    box._sweep()
    with store.reading() as reader:
        assert reader.find(Letter, message_uid=uid) is None


def test_a_word_that_is_not_taken_is_no_acknowledgement() -> None:
    """THREATS 2.7: whatever else comes back."""
    sender, node = Identity.generate(), a_node("datasite")
    data, _ = letter(sender, node.info, nodes.ShowNode())
    sealed = inspect(data)
    done = node._seal(Attached(Done(), b""), sealed.header)
    taken = node._seal(Attached(nodes.Taken(), b""), sealed.header)
    key = node._identity.verify_key
    mail.check_taken(taken, sealed, key)
    for reply, whose in ((None, key), (done, key), (taken, Identity.generate().verify_key)):
        with pytest.raises(BadReply):
            mail.check_taken(reply, sealed, whose)
