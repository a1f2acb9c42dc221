"""Members, would-be members and peers that mean harm: to a gateway, to each other, and to who looks through it."""

from __future__ import annotations

import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from support.bombs import UNPACKED, bomb
from support.envelopes import error_of, message_in, now_ms
from support.neighbours import Between, Network, a_node, honest, introduction
from support.odd_keys import OddKey
from support.people import Person, function
from support.sites import refused
from syft.client.client import Client
from syft.errors import (
    AuthenticationError,
    BadReply,
    EnvelopeError,
    NodeUnreachable,
    SyftException,
    TooLarge,
    TooManyAttempts,
)
from syft.model.address import Address
from syft.model.event import Event
from syft.model.identity import Identity, seal_for
from syft.model.message import Done, Message
from syft.model.messages import network, nodes, requests, session, settings, users
from syft.model.peer import Peer, Relation
from syft.model.uid import UID
from syft.node import mail
from syft.transport.ask import letter
from syft.transport.base import Parcel
from syft.transport.http import HttpRoute
from syft.transport.memory import MemoryRoute
from syft.wire.envelope import MAGIC, MAX_AGE_MS, Header, hide, inspect, seal
from syft.wire.records import encode_record

pytestmark = pytest.mark.usefixtures("quick_mail")


@pytest.fixture
def anybody_may_join(world: Network) -> Iterator[None]:
    world.gateway_admin.say(settings.UpdateSettings(members_may_join=True), Message)
    yield
    world.gateway_admin.say(settings.UpdateSettings(members_may_join=False), Message)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def lying(parcel: Parcel, identity: Identity, message: Message) -> Parcel:
    header = inspect(parcel.envelope).header
    data, _ = seal(
        message,
        identity=identity,
        recipient=header.sender,
        address=Address(),
        now_ms=now_ms(),
        reply_to=header.uid,
    )
    return Parcel(data)


def a_letter(world: Network, ada: Person, name: str) -> tuple[bytes, UID]:
    message = requests.CreateRequest(function(f"def {name}():\n    return 1\n", name))
    return letter(ada.identity, world.info_of(world.berlin), message)


def asked_for(ada: Person, name: str) -> int:
    every = ada.say(requests.ListRequests(), requests.RequestsReply).requests
    return [one.code.submission.name for one in every].count(name)


@contextmanager
def http_server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Something at a port that is no node."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


# Letters


def garbled(parcel: Parcel, go_on: object) -> Parcel:
    return Parcel(b"SYE1" + bytes(100))


def too_large(parcel: Parcel, go_on: object) -> Parcel:
    raise TooLarge("HTTP status 413, said nobody knows who.")


def for_another(parcel: Parcel, go_on: object) -> Parcel:
    reply = go_on(parcel)  # type: ignore[operator]
    return reply._replace(envelope=reply.envelope[:-1] + bytes([reply.envelope[-1] ^ 1]))


@pytest.mark.parametrize("act", [garbled, too_large, for_another])
def test_a_letter_is_not_lost_by_an_answer_that_nobody_signed(
    world: Network, line: Between, act: Callable[..., Parcel | None]
) -> None:
    """THREATS 2.7: alters; what was acknowledged is not thrown away on the word of somebody on the line."""
    ada = world.ada_at(world.berlin)
    name = f"f{UID().hex}"
    data, _ = a_letter(world, ada, name)
    came = len(line.seen)
    line.act = act
    assert isinstance(message_in(world.gateway.receive(Parcel(data))), nodes.Taken)
    until(lambda: len(line.seen) > came + 1)
    line.act = honest
    until(lambda: asked_for(world.ada_at(world.berlin), name) == 1)


def test_letters_for_a_removed_member_are_not_brought_to_who_claims_its_uid(
    world: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 2.7: takes over a route; who merely asks to join is brought nothing."""
    # Long enough to be removed, and claimed, between two attempts.
    monkeypatch.setattr(mail, "_FIRST_PAUSE_S", 60.0)
    monkeypatch.setattr(mail, "MAX_PAUSE_S", 60.0)
    member, thief = a_node("datasite", "removed"), Identity.generate()
    world.gateway.attach(member.uid, MemoryRoute(member))
    admin = world.gateway_admin
    admin.say(network.JoinNetwork(introduction(member, world.gateway.info)), network.MemberReply)
    away = Between(MemoryRoute(member), lambda parcel, go_on: _away())
    world.gateway.attach(member.uid, away)
    ada = world.ada_at(world.berlin)
    message = requests.CreateRequest(function("def f():\n    return 1\n", "f"))
    info = msgspec.structs.replace(member.info, address=Address(network=world.gateway.uid, domain=member.uid))
    data, _ = letter(ada.identity, info, message)
    assert isinstance(message_in(world.gateway.receive(Parcel(data))), nodes.Taken)
    until(lambda: len(away.seen) > 0)
    admin.say(nodes.RemovePeer(member.uid), Done)
    stolen = introduction(
        member, world.gateway.info, signer=thief, verify_key=thief.verify_key.hex(), name="thief"
    )
    guest = Person(MemoryRoute(world.gateway))
    guest.say(network.JoinNetwork(stolen), network.MemberReply)
    caught = Between(MemoryRoute(member), honest)
    world.gateway.attach(member.uid, caught)
    box = world.gateway._open_mail()
    box.wake(member.uid)
    until(lambda: box.waiting == 0)
    assert not [one for one in caught.seen if inspect(one.envelope).header.eventual]
    admin.say(nodes.RemovePeer(member.uid), Done)
    member.close()


def _away() -> Parcel:
    raise NodeUnreachable("Away.")


# What members say of themselves


def test_a_member_that_says_much_of_itself_does_not_spoil_the_list(world: Network, line: Between) -> None:
    """THREATS 2.5: 8 MiB of description, kept by the gateway and sent to everybody who lists its members."""
    long = "x" * (8 * 1024 * 1024 - 2000)
    for field in ("description", "isolation", "organization", "version", "side_type"):
        info = msgspec.structs.replace(world.berlin.info, **{field: long})
        line.act = lambda parcel, go_on, info=info: lying(
            parcel, world.berlin._identity, session.NodeInfoReply(info)
        )
        berlin = world.gateway.peers.find(world.berlin.uid)
        assert berlin is not None
        world.gateway.health.ask(berlin)
        listed = Person(MemoryRoute(world.gateway)).say(network.ListMembers(), network.MembersReply)
        assert [one.info.name for one in listed.members] == ["berlin", "lisbon"]
        assert len(str(listed)) < 20_000
    line.act = honest
    world.gateway.health.ask(berlin)


def test_a_member_does_not_take_another_name_by_joining_again(world: Network) -> None:
    """THREATS 2.7: the name that was decided about stays; people find members, and type passwords, by name."""
    node = a_node("datasite", "Attacker Lab")
    world.gateway.attach(node.uid, MemoryRoute(node))
    admin, guest = world.gateway_admin, Person(MemoryRoute(world.gateway))
    admin.say(network.JoinNetwork(introduction(node, world.gateway.info)), network.MemberReply)
    again = introduction(node, world.gateway.info, name="Berlin Hospital")
    refused(guest, network.JoinNetwork(again))
    listed = guest.say(network.ListMembers(), network.MembersReply)
    assert [one.info.name for one in listed.members] == ["berlin", "lisbon", "Attacker Lab"]
    # Who decides may have it called otherwise.
    again = introduction(node, world.gateway.info, name="Charity Lab")
    admin.say(network.JoinNetwork(again), network.MemberReply)
    listed = guest.say(network.ListMembers(), network.MembersReply)
    assert [one.info.name for one in listed.members] == ["berlin", "lisbon", "Charity Lab"]
    admin.say(nodes.RemovePeer(node.uid), Done)
    node.close()


# Who asks to join


def test_who_joins_is_not_told_what_stands_at_an_address(world: Network, anybody_may_join: None) -> None:
    """A gateway asked to look at an address inside its network says no more than that no such node is there."""

    def internal(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(404)
        handler.end_headers()
        handler.wfile.write(b"internal-secret: no such key in vault")

    node, guest = a_node("datasite", "curious"), Person(MemoryRoute(world.gateway))
    told = set()
    with http_server(internal) as url:
        for place in (url, "http://127.0.0.1:9"):
            code, text = refused(
                guest, network.JoinNetwork(introduction(node, world.gateway.info, url=place))
            )
            told.add((code, text))
            assert "secret" not in text
            assert "404" not in text
        assert len(told) == 1
        # The administrator, who has to find out why, is told.
        code, text = refused(
            world.gateway_admin, network.JoinNetwork(introduction(node, world.gateway.info, url=url))
        )
        assert "404" in text
    node.close()


def test_those_who_ask_are_not_in_the_way_of_those_who_are_welcome(
    world: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who squats on UIDs and names, or fills the list of those who ask, keeps no node out that is let in."""
    monkeypatch.setattr("syft.node.services.network.MAX_PENDING", 2)
    real = a_node("datasite", "Real")
    world.gateway.attach(real.uid, MemoryRoute(real))
    guest, admin = Person(MemoryRoute(world.gateway)), world.gateway_admin
    squatters = [a_node("datasite", "squatter"), a_node("datasite", "real")]
    claims: list[dict[str, Any]] = [{"uid": real.uid, "address": real.info.address}, {}]
    for squatter, claim in zip(squatters, claims, strict=True):
        world.gateway.attach(squatter.uid, MemoryRoute(squatter))
        said = introduction(squatter, world.gateway.info, **claim)
        guest.say(network.JoinNetwork(said), network.MemberReply)
    # A third is one too many, and the real one cannot ask by itself ...
    third = a_node("datasite", "third")
    world.gateway.attach(third.uid, MemoryRoute(third))
    assert (
        refused(guest, network.JoinNetwork(introduction(third, world.gateway.info)))[0]
        == TooManyAttempts.code
    )
    # ... but is let in by whoever decides.
    reply = admin.say(network.JoinNetwork(introduction(real, world.gateway.info)), network.MemberReply)
    assert reply.member.info.verify_key == real.identity.verify_key.hex()
    known = world.gateway.peers.find(real.uid)
    assert known is not None
    assert known.verify_key == real.identity.verify_key.hex()
    for peer in admin.say(network.ListMembers(), network.MembersReply).members:
        if peer.info.name not in ("berlin", "lisbon"):
            admin.say(nodes.RemovePeer(peer.info.uid), Done)
    for node in (real, third, *squatters):
        node.close()


# What a gateway makes of it


def test_a_gateway_does_not_exchange_a_member_under_its_name(world: Network) -> None:
    """THREATS 2.7: another key under another UID and the same name is as much a substitution as another key."""
    false = a_node("datasite", "false berlin")
    between = Between(MemoryRoute(world.gateway), honest)
    client = Client.guest(between)
    assert client.members["berlin"].metadata.verify_key == world.berlin.info.verify_key
    listed = world.gateway_admin.say(network.ListMembers(name="berlin"), network.MembersReply).members[0]
    info = msgspec.structs.replace(false.info, name="berlin")
    lie = network.MembersReply((msgspec.structs.replace(listed, info=info),), 1)
    between.act = lambda parcel, go_on: lying(parcel, world.gateway._identity, lie)
    with pytest.raises(AuthenticationError, match="than it did before"):
        client.members["berlin"]
    false.close()


def test_a_gateway_that_lists_without_end_is_left(world: Network) -> None:
    """THREATS 2.5: a list whose total is never reached ends all the same."""
    between = Between(MemoryRoute(world.gateway), honest)
    client = Client.guest(between)
    listed = world.gateway_admin.say(network.ListMembers(), network.MembersReply).members
    lie = network.MembersReply(listed, 2**40)
    asked: list[Parcel] = []

    def endless(parcel: Parcel, go_on: object) -> Parcel:
        asked.append(parcel)
        if len(asked) > 3000:
            raise NodeUnreachable("It never ended.")
        return lying(parcel, world.gateway._identity, lie)

    between.act = endless
    with pytest.raises(SyftException):
        client.members.find("nobody")
    assert len(asked) <= 3000


@pytest.mark.parametrize("key", ["", "xyz", "00" * 31, "é" * 64])
def test_a_gateway_that_lists_no_keys_is_refused(world: Network, key: str) -> None:
    """THREATS 2.5: what is no key is an error that says so, and no fault of the client's."""
    between = Between(MemoryRoute(world.gateway), honest)
    client = Client.guest(between)
    listed = world.gateway_admin.say(network.ListMembers(name="berlin"), network.MembersReply).members[0]
    info = msgspec.structs.replace(listed.info, verify_key=key)
    lie = network.MembersReply((msgspec.structs.replace(listed, info=info),), 1)
    between.act = lambda parcel, go_on: lying(parcel, world.gateway._identity, lie)
    with pytest.raises(SyftException):
        client.members["berlin"]


# What peers do to a node's threads


@pytest.mark.parametrize("part", ["answer", "head"])
def test_what_drips_is_not_waited_for_without_end(part: str) -> None:
    """A peer that sends a byte now and then keeps a thread of every node that asks it, but not for ever."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if part == "answer":
            handler.send_response(200)
            handler.send_header("content-length", "1000000")
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-long: ")
        for _ in range(60):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    with http_server(drip) as url:
        route = HttpRoute(url, patience_s=0.5)
        ended: list[str] = []

        def ask() -> None:
            try:
                route.send(Parcel(b"x" * 10))
            except SyftException as error:
                ended.append(error.code)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(4)
        assert ended == [NodeUnreachable.code]


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_an_answer_that_is_packed_is_not_unpacked(kind: str) -> None:
    """THREATS 2.5: a server that says of its answer that it is to be unpacked, to some hundred times its size."""
    body = bomb(kind)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-encoding", kind)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with http_server(answer) as url:
        tracemalloc.start()
        try:
            with suppress(BadReply):
                # Its first bytes may pass for a length: then what follows is taken as it came.
                taken = HttpRoute(url).send(Parcel(b"x" * 10))
                assert taken is not None
                assert taken.envelope + bytes(taken.attachment) == body[4:]
            with pytest.raises(BadReply):
                HttpRoute(url).describe()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < UNPACKED // 8


def test_peers_that_do_not_answer_do_not_take_every_thread(
    world: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several members that take in and never answer: something is left for everybody else."""
    monkeypatch.setattr("syft.node.forward.MAX_IN_ALL", 3)
    go_on = threading.Event()
    silent = Between(MemoryRoute(world.berlin), lambda parcel, send: _later(go_on))
    mute = Between(MemoryRoute(world.lisbon), lambda parcel, send: _later(go_on))
    world.gateway.attach(world.berlin.uid, silent)
    world.gateway.attach(world.lisbon.uid, mute)
    guests = [world.guest_at(node) for node in (world.berlin, world.lisbon, world.berlin, world.lisbon)]
    threads = [
        threading.Thread(target=refused, args=(guest, session.GetNodeInfo()), daemon=True)
        for guest in guests[:3]
    ]
    for thread in threads:
        thread.start()
    until(lambda: len(silent.seen) + len(mute.seen) == 3)
    assert refused(guests[3], session.GetNodeInfo())[0] == TooManyAttempts.code
    assert Person(MemoryRoute(world.gateway)).say(network.ListMembers(), network.MembersReply).total == 2
    go_on.set()
    for thread in threads:
        thread.join(10)
    for node in (world.berlin, world.lisbon):
        world.gateway.attach(node.uid, MemoryRoute(node))
    assert refused(guests[3], session.GetNodeInfo())[0] == "ok"


def _later(go_on: threading.Event) -> Parcel:
    go_on.wait(30)
    raise NodeUnreachable("Away.")


def test_what_a_peer_said_long_ago_does_not_have_its_mail_tried(
    world: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 2.5: replayed; an old answer of a member's, shown to the gateway by whoever once got it."""
    heard: list[UID] = []
    monkeypatch.setattr(world.gateway, "_heard_from", heard.append)
    person = Person(MemoryRoute(world.gateway))
    for age_ms, expected in ((0, [world.berlin.uid]), (MAX_AGE_MS + 1000, [])):
        heard.clear()
        data, _ = seal(
            Done(),
            identity=world.berlin._identity,
            recipient=person.identity.verify_key,
            address=Address(),
            now_ms=now_ms() - age_ms,
            reply_to=UID(),
        )
        world.gateway.receive(Parcel(data))
        assert heard == expected


# Keys that are made to be odd


def test_a_key_for_which_nothing_can_be_hidden_is_refused(world: Network) -> None:
    """THREATS 2.5: its signatures are good, and sealing an answer for it fails; that is no fault of the node's."""
    odd = OddKey()
    for message in (session.GetNodeInfo(), users.GetAccount()):
        uid = UID()
        header = Header(
            sender=odd.verify_key,
            recipient=world.berlin._identity.verify_key,
            address=Address(domain=world.berlin.uid),
            uid=uid,
            time_ms=now_ms(),
            hidden=True,
        )
        payload = hide(encode_record(message), recipient=header.recipient, sender=odd.verify_key, uid=uid)
        head = encode_record(header)
        signed = MAGIC + struct.pack("<II", len(head), len(payload)) + head + payload
        data = signed + odd.sign(signed)
        assert inspect(data).header == header
        assert isinstance(error_of(message_in(world.berlin.receive(Parcel(data)))), EnvelopeError)
    with pytest.raises(EnvelopeError):
        seal_for(odd.verify_key, b"secret")


def test_what_names_no_key_does_not_leave_its_process() -> None:
    """THREATS 2.5: over a line anybody could answer it, and would be believed."""
    parent, child = a_node("network"), a_node("domain")
    person = Person(MemoryRoute(parent))
    with http_server(lambda handler: handler.send_response(500)) as url:
        parent.open()
        child_info = child.info
        peer = Peer(
            uid=UID(),
            node_uid=child_info.uid,
            name="child",
            kind="domain",
            verify_key=child_info.verify_key,
            relation=Relation.CHILD,
            url=url,
            added_at=datetime.now(UTC),
        )
        event = Event(verb="test.peer", created_at=datetime.now(UTC))
        with parent.open().store.writing(event) as tx:
            tx.add(peer)
        parent.peers.load(parent.open().store)
        for recipient, expected in (
            (b"", EnvelopeError),
            (bytes.fromhex(child_info.verify_key), NodeUnreachable),
        ):
            data, _ = seal(
                session.GetNodeInfo(),
                identity=person.identity,
                recipient=recipient,
                address=Address(domain=child_info.uid),
                now_ms=now_ms(),
            )
            assert isinstance(error_of(message_in(parent.receive(Parcel(data)))), expected)
    for node in (parent, child):
        node.close()
