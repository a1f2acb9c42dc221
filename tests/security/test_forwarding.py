"""Between nodes: what a gateway, or somebody on the line, can do to what is passed on, and what it comes to.

THREATS 2.5 and 2.7. Each act is tried on a message that is served when nobody does anything (outside the fence).
"""

from __future__ import annotations

import msgspec
import pytest

from support.envelopes import envelope, error_of, message_in, now_ms
from support.neighbours import Between, Network, a_node, honest, introduction
from support.people import Person, function, new_value
from support.sites import PASSWORD, account_of, member, refused
from syft.client.client import Client
from syft.errors import (
    AlreadyExists,
    AuthenticationError,
    AuthorizationException,
    BadReply,
    EnvelopeError,
    InvalidInput,
    NodeUnreachable,
    NotFound,
    StaleMessage,
    SyftException,
    TooManyAttempts,
)
from syft.model.address import Address
from syft.model.identity import Identity
from syft.model.message import Done, Message, Refusal
from syft.model.messages import datasets, network, nodes, objects, requests, session, settings, users
from syft.model.peer import PeerState
from syft.model.permission import Role
from syft.model.uid import UID
from syft.node import forward
from syft.node.node import Node
from syft.node.passwords import Throttle
from syft.transport.ask import ask
from syft.transport.base import Parcel
from syft.transport.memory import MemoryRoute
from syft.wire.envelope import MAX_AGE_MS, inspect, seal

SECRET = "a-planted-secret-8c1f"


def a_request(text: str = "") -> requests.CreateRequest:
    name = f"f{UID().hex}"
    return requests.CreateRequest(function(f"def {name}():\n    return 1\n", name), text)


def requests_at(person: Person) -> int:
    return person.say(requests.ListRequests(), requests.RequestsReply).total


def test_an_honest_gateway_passes_on(world: Network) -> None:
    """THREATS 2.7, outside the fence: asked and answered, through the gateway."""
    ada = world.ada_at(world.berlin)
    ada.say(a_request(), requests.RequestReply)
    assert requests_at(ada) == 1


# Somebody on the way changes it


def flip(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("place", [0, 5, 20, 60, 200, -100, -1])
def test_a_message_changed_on_the_way_is_not_acted_on(world: Network, line: Between, place: int) -> None:
    """THREATS 2.7: alters, on the way there."""
    ada = world.ada_at(world.berlin)
    before = requests_at(ada)
    line.act = lambda parcel, go_on: go_on(parcel._replace(envelope=flip(parcel.envelope, place)))
    with pytest.raises(NodeUnreachable, match="did not pass"):
        ada.say(a_request(), requests.RequestReply)
    line.act = honest
    assert requests_at(ada) == before


@pytest.mark.parametrize("place", [0, 5, 20, 60, 200, -100, -1])
def test_an_answer_changed_on_the_way_is_not_believed(world: Network, line: Between, place: int) -> None:
    """THREATS 2.7: alters, on the way back: between member and gateway, and between gateway and client."""

    def alter(parcel: Parcel, go_on: object) -> Parcel | None:
        reply = go_on(parcel)  # type: ignore[operator]
        return reply._replace(envelope=flip(reply.envelope, place))

    ada = world.ada_at(world.berlin)
    line.act = alter
    with pytest.raises(NodeUnreachable, match="answered, but not as it should"):
        ada.say(users.GetAccount(), users.UserReply)
    line.act = honest
    nearer = Between(MemoryRoute(world.gateway), honest)
    ada = world.ada_at(world.berlin, nearer)
    nearer.act = alter
    with pytest.raises(BadReply):
        ada.say(users.GetAccount(), users.UserReply)


def test_what_travels_beside_is_not_exchanged(world: Network, line: Between) -> None:
    """THREATS 2.7: alters what is not in the envelope; it is bound by its digest."""
    member(world.berlin, world.berlin_admin, "owner@x.org", Role.DATA_OWNER)
    owner = world.guest_at(world.berlin).log_in("owner@x.org", PASSWORD)

    def put(part: bytes) -> None:
        upload = owner.say(objects.BeginUpload(3), objects.UploadReply).upload_uid
        owner.say(objects.PutPart(upload, 0), Message, part)

    put(b"abc")
    line.act = lambda parcel, go_on: go_on(
        parcel._replace(attachment=b"x" * len(parcel.attachment) if len(parcel.attachment) else b"")
    )
    with pytest.raises(EnvelopeError, match="beside"):
        put(b"abc")


# Somebody on the way answers instead


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


@pytest.mark.parametrize(
    "lie",
    [
        Done(),
        Refusal("denied", "No."),
        Refusal("authentication", "Type your password again."),
        users.UsersReply((), 0),
    ],
)
def test_a_gateway_does_not_answer_for_a_member(world: Network, lie: Message) -> None:
    """THREATS 2.7: in its own name; only that it could not pass something on is believed of it."""
    line = Between(MemoryRoute(world.gateway), honest)
    ada = world.ada_at(world.berlin, line)
    line.act = lambda parcel, go_on: lying(parcel, world.gateway._identity, lie)
    with pytest.raises(BadReply, match="in the place of the node"):
        ada.say(session.LogOut(), Done)
    line.act = lambda parcel, go_on: lying(
        parcel, world.gateway._identity, Refusal("node_unreachable", "Berlin is away.")
    )
    with pytest.raises(NodeUnreachable, match="gateway 'net' did not pass the message on: Berlin is away"):
        ada.say(session.LogOut(), Done)


def test_nobody_else_answers_for_a_member(world: Network, line: Between) -> None:
    """THREATS 2.5: an answer by another member, or by a stranger; the gateway throws it away."""
    ada = world.ada_at(world.berlin)
    for liar in (world.lisbon._identity, Identity.generate()):
        line.act = lambda parcel, go_on, liar=liar: lying(parcel, liar, Done())
        with pytest.raises(NodeUnreachable, match="thrown away"):
            ada.say(session.LogOut(), Done)


def test_an_answer_to_another_question_is_not_believed(world: Network, line: Between) -> None:
    """THREATS 2.5: the member's own, recorded."""
    ada = world.ada_at(world.berlin)
    kept: list[Parcel | None] = []

    def record(parcel: Parcel, go_on: object) -> Parcel | None:
        kept.append(go_on(parcel))  # type: ignore[operator]
        return kept[0]

    line.act = record
    ada.say(users.GetAccount(), users.UserReply)
    with pytest.raises(NodeUnreachable, match="thrown away"):
        ada.say(users.GetAccount(), users.UserReply)


@pytest.mark.parametrize("nearer", [True, False])
def test_a_dropped_message_is_not_taken_for_done(world: Network, line: Between, nearer: bool) -> None:
    """THREATS 2.7: drops; an empty answer is signed by nobody."""
    near = Between(MemoryRoute(world.gateway), honest)
    ada = world.ada_at(world.berlin, near)
    (near if nearer else line).act = lambda parcel, go_on: None
    with pytest.raises(BadReply):
        ada.say(session.LogOut(), Done)
    near.act = line.act = honest
    ada.say(users.GetAccount(), users.UserReply)


# Somebody on the way reads it


def test_what_is_said_and_answered_cannot_be_read_on_the_way(world: Network, line: Between) -> None:
    """THREATS 2.7: reads; neither in the bytes that pass the gateway, nor in its folder."""
    near = Between(MemoryRoute(world.gateway), honest)
    heard: list[bytes] = []

    def listen(parcel: Parcel, go_on: object) -> Parcel | None:
        reply = go_on(parcel)  # type: ignore[operator]
        heard.extend((parcel.envelope, bytes(parcel.attachment)))
        heard.extend((reply.envelope, bytes(reply.attachment)))
        return reply

    near.act = line.act = listen
    ada = world.ada_at(world.berlin, near)
    shown = ada.say(a_request(SECRET), requests.RequestReply)
    assert SECRET in str(shown)
    passed = b"".join(heard)
    assert len(heard) > 4
    assert SECRET.encode() not in passed
    assert b"ada@x.org" not in passed
    store = world.gateway.open().store
    with store.reading() as reader:
        assert SECRET not in str(reader.events())
    # Outside the fence: straight to the member, which is told in the clear, it is there to be read.
    plain = Between(MemoryRoute(world.berlin), honest)
    direct = Person(plain).log_in("ada@x.org", PASSWORD)
    direct.say(a_request(SECRET), requests.RequestReply)
    assert SECRET.encode() in b"".join(parcel.envelope for parcel in plain.seen)


def test_what_is_hidden_cannot_be_put_into_another_message(world: Network, line: Between) -> None:
    """THREATS 2.7: whoever cannot read a hidden message cannot have the node show it to them as their own."""
    ada = world.ada_at(world.berlin)
    ada.say(a_request(SECRET), requests.RequestReply)
    taken = inspect(line.seen[-1].envelope)
    assert taken.header.hidden
    member(world.berlin, world.berlin_admin, "thief@x.org", Role.DATA_SCIENTIST)
    thief = world.guest_at(world.berlin).log_in("thief@x.org", PASSWORD)
    before = requests_at(thief)
    for uid, expected in ((taken.header.uid, "received before"), (UID(), "hides cannot be read")):
        header = msgspec.structs.replace(
            taken.header, sender=thief.identity.verify_key, uid=uid, time_ms=now_ms()
        )
        answer = world.berlin.receive(Parcel(envelope(thief, bytes(taken._payload), header)))
        assert answer is not None
        opened = inspect(answer.envelope).open(
            recipient=thief.identity.verify_key,
            now_ms=now_ms(),
            guard=None,
            reply_to=uid,
            unhide=thief.identity.unseal,
        )
        error = error_of(opened.message)
        assert error is not None
        assert expected in error.public_message
    assert requests_at(thief) == before


# Again, elsewhere, late, by another


def sealed_for(world: Network, person: Person, node: Node, message: Message, **options: object) -> bytes:
    data, _ = seal(
        message,
        identity=person.identity,
        recipient=node._identity.verify_key,
        address=Address(network=world.gateway.uid, domain=node.uid),
        now_ms=now_ms(),
        **options,  # type: ignore[arg-type]
    )
    return data


def test_again_at_the_gateway_and_at_the_member(world: Network, line: Between) -> None:
    """THREATS 2.5: replayed; each node remembers for itself."""
    ada = world.ada_at(world.berlin)
    data = sealed_for(world, ada, world.berlin, users.GetAccount())
    assert isinstance(message_in(world.gateway.receive(Parcel(data))), users.UserReply)
    assert isinstance(error_of(message_in(world.gateway.receive(Parcel(data)))), StaleMessage)
    assert isinstance(error_of(message_in(world.berlin.receive(Parcel(data)))), StaleMessage)
    # A gateway that passes everything on twice gains nothing by it.
    line.act = lambda parcel, go_on: (go_on(parcel), go_on(parcel))[1]
    with pytest.raises(StaleMessage):
        ada.say(a_request(), requests.RequestReply)
    line.act = honest


def test_somebody_else_s_message_with_the_same_name_is_not_in_the_way(world: Network) -> None:
    """THREATS 2.5: who sees a message pass cannot use its UID up at the gateway."""
    ada, thief = world.ada_at(world.berlin), world.guest_at(world.berlin)
    uid = UID()
    data = sealed_for(world, ada, world.berlin, users.GetAccount(), uid=uid)
    other = sealed_for(world, thief, world.lisbon, session.GetNodeInfo(), uid=uid)
    assert isinstance(message_in(world.gateway.receive(Parcel(other))), session.NodeInfoReply)
    assert isinstance(message_in(world.gateway.receive(Parcel(data))), users.UserReply)


def test_redirected_to_another_member(world: Network, line: Between) -> None:
    """THREATS 2.5: for another node; by a gateway that brings it to the wrong one."""
    ada = world.ada_at(world.berlin)
    line.act = lambda parcel, go_on: world.lisbon.receive(parcel)
    with pytest.raises(NodeUnreachable, match="thrown away"):
        ada.say(a_request(), requests.RequestReply)


def test_late_unsigned_or_by_another_key(world: Network, line: Between) -> None:
    """THREATS 2.5: ends at the gateway; the member never sees it."""
    ada, other = world.ada_at(world.berlin), Identity.generate()
    seen = len(line.seen)
    late, _ = seal(
        users.GetAccount(),
        identity=ada.identity,
        recipient=world.berlin._identity.verify_key,
        address=Address(domain=world.berlin.uid),
        now_ms=now_ms() - MAX_AGE_MS - 2000,
    )
    assert isinstance(error_of(message_in(world.gateway.receive(Parcel(late)))), StaleMessage)
    good = sealed_for(world, ada, world.berlin, users.GetAccount())
    for data in (good[:-64] + bytes(64), good[:-64] + other.sign(good[:-64])):
        assert isinstance(error_of(message_in(world.gateway.receive(Parcel(data)))), EnvelopeError)
    assert len(line.seen) == seen
    assert isinstance(message_in(world.gateway.receive(Parcel(good))), users.UserReply)


def test_an_address_that_nobody_knows(world: Network) -> None:
    """THREATS 2.5: thrown away, with a word."""
    ada = world.ada_at(world.berlin)
    data, _ = seal(
        users.GetAccount(),
        identity=ada.identity,
        recipient=Identity.generate().verify_key,
        address=Address(network=world.gateway.uid, domain=UID()),
        now_ms=now_ms(),
    )
    error = error_of(message_in(world.gateway.receive(Parcel(data))))
    assert isinstance(error, EnvelopeError)
    assert "Address unknown - cannot forward message. Throwing it away." in error.public_message


def test_a_message_that_comes_back_ends(world: Network, line: Between) -> None:
    """THREATS 2.5: a loop: a route that leads back to the gateway."""
    ada = world.ada_at(world.berlin)
    line.act = lambda parcel, go_on: world.gateway.receive(parcel)
    before = len(line.seen)
    with pytest.raises(NodeUnreachable, match="thrown away"):
        ada.say(users.GetAccount(), users.UserReply)
    assert len(line.seen) == before + 1


def test_a_flood_by_one_is_stopped_and_others_are_served(
    world: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 2.5: at the gateway, by sender; the member does not see it."""
    flooding, other = world.guest_at(world.berlin), world.guest_at(world.berlin)
    monkeypatch.setattr(world.gateway._forwarder, "_throttle", Throttle(20, 0.001))
    codes = []
    for _ in range(30):
        data = sealed_for(world, flooding, world.berlin, session.GetNodeInfo())
        error = error_of(message_in(world.gateway.receive(Parcel(data), "203.0.113.7")))
        codes.append(error.code if error else "ok")
    assert codes[:20] == ["ok"] * 20
    assert TooManyAttempts.code in codes[20:]
    data = sealed_for(world, other, world.berlin, session.GetNodeInfo())
    answer = message_in(world.gateway.receive(Parcel(data), "203.0.113.8"))
    assert isinstance(answer, session.NodeInfoReply)


def test_a_member_that_never_answers_holds_a_bounded_number(
    world: Network, line: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 2.5: the gateway goes on serving others."""
    monkeypatch.setattr(forward, "MAX_UNDER_WAY", 1)
    guest = world.guest_at(world.berlin)
    inner: list[str] = []

    def ask_meanwhile(parcel: Parcel, go_on: object) -> Parcel | None:
        if not inner:
            inner.append("asked")
            with pytest.raises(TooManyAttempts, match="under way"):
                ask(world.route_to(world.berlin), Identity.generate(), guest.node, session.GetNodeInfo())
            at_lisbon = world.guest_at(world.lisbon)
            at_lisbon.say(session.GetNodeInfo(), session.NodeInfoReply)
        return go_on(parcel)  # type: ignore[operator]

    line.act = ask_meanwhile
    guest.say(session.GetNodeInfo(), session.NodeInfoReply)
    assert inner == ["asked"]


def test_what_came_through_a_gateway_is_not_local(world: Network) -> None:
    """THREATS 2.3: the default password is for the machine itself, wherever the gateway stands."""
    with pytest.raises(AuthenticationError, match="own machine"):
        world.guest_at(world.berlin).log_in("info@openmined.org", "changethis")
    Person(MemoryRoute(world.berlin)).log_in("info@openmined.org", "changethis")


# Who is known to whom


def test_only_the_administrator_changes_whom_a_gateway_knows(world: Network) -> None:
    """THREATS 2.7: peer list, routes, settings."""
    own = member(world.gateway, world.gateway_admin, "user@x.org", Role.DATA_OWNER)
    guest, newcomer = Person(MemoryRoute(world.gateway)), a_node("datasite", "newcomer")
    world.gateway.attach(newcomer.uid, MemoryRoute(newcomer))
    for person in (guest, own):
        reply = person.say(
            network.JoinNetwork(introduction(newcomer, world.gateway.info)), network.MemberReply
        )
        assert reply.member.state is PeerState.PENDING
        for message in (
            network.AcceptMember(newcomer.uid),
            nodes.RemovePeer(world.berlin.uid),
            nodes.KnowGateway(a_node("gateway").info),
            nodes.Introduce(a_node("gateway").info),
            nodes.RegisterChild(introduction(a_node("domain"), world.gateway.info)),
            nodes.TakeAncestry(a_node("network").info),
            settings.UpdateSettings(members_may_join=True),
        ):
            assert refused(person, message)[0] == AuthorizationException.code, message
        listed = person.say(network.ListMembers(), network.MembersReply)
        assert [one.info.name for one in listed.members] == ["berlin", "lisbon"]
        assert {one.url for one in listed.members} == {""}
    # What is not accepted is not reached.
    data = sealed_for(world, guest, newcomer, session.GetNodeInfo())
    assert isinstance(error_of(message_in(world.gateway.receive(Parcel(data)))), EnvelopeError)
    admin = world.gateway_admin
    assert len(admin.say(network.ListMembers(), network.MembersReply).members) == 3
    admin.say(network.AcceptMember(newcomer.uid), network.MemberReply)
    data = sealed_for(world, guest, newcomer, session.GetNodeInfo())
    assert isinstance(message_in(world.gateway.receive(Parcel(data))), session.NodeInfoReply)
    admin.say(nodes.RemovePeer(newcomer.uid), Done)
    newcomer.close()


def test_an_introduction_is_the_node_s_own_fresh_and_for_this_gateway(world: Network) -> None:
    """THREATS 2.5, 2.7: a registration made up, lifted, late or shown twice."""
    node, gateway = a_node("datasite", "somebody"), world.gateway.info
    admin = world.gateway_admin
    world.gateway.attach(node.uid, MemoryRoute(node))
    refusals: list[tuple[bytes, type[SyftException]]] = [
        (introduction(node, gateway, signer=Identity.generate()), EnvelopeError),
        (introduction(node, world.lisbon.info), EnvelopeError),
        (introduction(node, gateway, time_ms=now_ms() - MAX_AGE_MS - 2000), StaleMessage),
        (introduction(node, gateway)[:-1] + b"x", EnvelopeError),
        (introduction(node, gateway, kind="gateway"), InvalidInput),
        (introduction(node, gateway, kind="emperor"), InvalidInput),
        (introduction(node, gateway, name=""), InvalidInput),
        (introduction(node, gateway, url="file:///etc/passwd"), InvalidInput),
        (introduction(node, gateway, url="http://a@b/"), InvalidInput),
        # Another's UID or name: routes and people would be led astray.
        (introduction(node, gateway, uid=world.berlin.uid, address=world.berlin.info.address), AlreadyExists),
        (introduction(node, gateway, address=world.berlin.info.address), InvalidInput),
        (introduction(node, gateway, name="Berlin"), AlreadyExists),
        (introduction(node, gateway, uid=world.gateway.uid), InvalidInput),
    ]
    for made_up, error in refusals:
        with pytest.raises(error):
            admin.say(network.JoinNetwork(made_up), network.MemberReply)
    listed = admin.say(network.ListMembers(), network.MembersReply)
    assert [one.info.name for one in listed.members] == ["berlin", "lisbon"]
    good = introduction(node, gateway)
    admin.say(network.JoinNetwork(good), network.MemberReply)
    admin.say(nodes.RemovePeer(node.uid), Done)
    with pytest.raises(StaleMessage):
        admin.say(network.JoinNetwork(good), network.MemberReply)
    node.close()


def test_where_members_may_join_nobody_decides_and_the_key_still_counts(world: Network) -> None:
    """THREATS 2.7: a guest brings a datasite that proves its key; one that is not there is not listed."""
    admin, guest = world.gateway_admin, Person(MemoryRoute(world.gateway))
    node, absent = a_node("datasite", "walk-in"), a_node("datasite", "absent")
    world.gateway.attach(node.uid, MemoryRoute(node))
    world.gateway.attach(absent.uid, MemoryRoute(node))
    admin.say(settings.UpdateSettings(members_may_join=True), settings.SettingsReply)
    reply = guest.say(network.JoinNetwork(introduction(node, world.gateway.info)), network.MemberReply)
    assert reply.member.state is PeerState.ACCEPTED
    assert refused(guest, network.JoinNetwork(introduction(absent, world.gateway.info)))[0] != "ok"
    listed = guest.say(network.ListMembers(), network.MembersReply)
    assert [one.info.name for one in listed.members] == ["berlin", "lisbon", "walk-in"]
    admin.say(settings.UpdateSettings(members_may_join=False), settings.SettingsReply)
    admin.say(nodes.RemovePeer(node.uid), Done)
    node.close()


def test_a_gateway_lists_nobody_whom_it_did_not_reach(world: Network) -> None:
    """THREATS 2.7: at the address that is given there has to be the node with that key."""
    node, other = a_node("datasite", "claimed"), a_node("datasite", "there")
    admin = world.gateway_admin
    with pytest.raises(InvalidInput, match="Say where"):
        admin.say(network.JoinNetwork(introduction(node, world.gateway.info)), network.MemberReply)
    world.gateway.attach(node.uid, MemoryRoute(other))
    with pytest.raises(SyftException):
        admin.say(network.JoinNetwork(introduction(node, world.gateway.info)), network.MemberReply)
    assert admin.say(network.ListMembers(), network.MembersReply).total == 2
    world.gateway.attach(node.uid, MemoryRoute(node))
    admin.say(network.JoinNetwork(introduction(node, world.gateway.info)), network.MemberReply)
    admin.say(nodes.RemovePeer(node.uid), Done)
    for one in (node, other):
        one.close()


def test_a_gateway_keeps_and_runs_nothing(world: Network) -> None:
    """THREATS 2.7: it has no data to give away."""
    for message in (
        datasets.ListDatasets(),
        datasets.CreateDataset("x", (datasets.NewAsset(name="a", private=new_value(1)),)),
        a_request(),
    ):
        assert refused(world.gateway_admin, message)[0] == InvalidInput.code
    assert refused(world.berlin_admin, datasets.ListDatasets())[0] == "ok"


def test_the_key_of_a_parent_may_tell_of_its_place_and_nothing_more(world: Network) -> None:
    """THREATS 2.6: peers are no accounts."""
    parent, stranger = a_node("network", "parent"), a_node("network", "stranger")
    admin = world.berlin_admin
    admin.say(nodes.TakeAncestry(parent.info), Done)
    as_parent, as_stranger = Person(MemoryRoute(world.berlin)), Person(MemoryRoute(world.berlin))
    as_parent.identity, as_stranger.identity = parent.identity, stranger.identity
    as_parent.say(nodes.TakeAncestry(parent.info, as_of_ms=now_ms()), Done)
    assert refused(as_stranger, nodes.TakeAncestry(stranger.info))[0] == AuthorizationException.code
    with pytest.raises(NotFound):
        as_parent.say(nodes.TakeAncestry(stranger.info, as_of_ms=now_ms()), Done)
    # Also where keys that nobody knows get accounts of their own.
    admin.say(settings.UpdateSettings(key_accounts=True), settings.SettingsReply)
    assert refused(as_stranger, objects.PutObject(new_value(1)))[0] == "ok"
    for message in (
        datasets.ListDatasets(),
        users.GetAccount(),
        nodes.ShowNode(),
        nodes.Introduce(stranger.info),
        nodes.RemovePeer(parent.uid),
        settings.UpdateSettings(description="mine"),
        a_request(),
        objects.PutObject(new_value(1)),
    ):
        assert refused(as_parent, message)[0] == AuthorizationException.code
    admin.say(settings.UpdateSettings(key_accounts=False), settings.SettingsReply)
    admin.say(nodes.RemovePeer(parent.uid), Done)
    assert refused(as_parent, nodes.TakeAncestry(parent.info))[0] == AuthorizationException.code
    assert world.berlin.info.address == Address(domain=world.berlin.uid)
    for one in (parent, stranger):
        one.close()


def test_a_stranger_is_not_let_through_to_what_is_above(world: Network) -> None:
    """THREATS 2.7: a datasite is no way into the networks it is a member of."""
    admin, guest = world.berlin_admin, Person(MemoryRoute(world.berlin))
    admin.say(nodes.KnowGateway(world.gateway.info), Done)
    world.berlin.attach(world.gateway.uid, MemoryRoute(world.gateway))
    data = sealed_for(world, guest, world.lisbon, session.GetNodeInfo())
    assert isinstance(error_of(message_in(world.berlin.receive(Parcel(data)))), EnvelopeError)
    data = sealed_for(world, admin, world.lisbon, session.GetNodeInfo())
    assert isinstance(message_in(world.berlin.receive(Parcel(data))), session.NodeInfoReply)
    admin.say(nodes.RemovePeer(world.gateway.uid), Done)


def test_a_name_that_changes_later_is_not_taken_over(world: Network, line: Between) -> None:
    """THREATS 2.7: a member that calls itself otherwise after it was accepted is listed as it was."""
    info = msgspec.structs.replace(world.berlin.info, name="lisbon", version="9.9")
    line.act = lambda parcel, go_on: lying(parcel, world.berlin._identity, session.NodeInfoReply(info))
    berlin = world.gateway.peers.find(world.berlin.uid)
    assert berlin is not None
    world.gateway.health.ask(berlin)
    listed = world.gateway_admin.say(network.ListMembers(), network.MembersReply)
    assert [(one.info.name, one.info.version) for one in listed.members[:1]] == [("berlin", "9.9")]


def test_a_password_for_a_member_is_for_the_member_only(world: Network, line: Between) -> None:
    """THREATS 2.2: a gateway that lists its own key in a member's place is found out by who knows the right one."""
    client = Client.guest(MemoryRoute(world.gateway))
    right = world.berlin.info.verify_key
    assert client.proxy_client_for("berlin", verify_key=right).metadata.verify_key == right
    with pytest.raises(AuthenticationError, match="names another key"):
        client.proxy_client_for("berlin", verify_key=Identity.generate().verify_key.hex())
    # And one that changes its mind, by whoever has been there before.
    client._member_keys[world.berlin.uid] = world.lisbon.info.verify_key
    with pytest.raises(AuthenticationError, match="than it did before"):
        client.members["berlin"]


def test_accounts_of_a_gateway_are_not_those_of_its_members(world: Network) -> None:
    """THREATS 2.6: its administrator is a stranger there."""
    there = world.guest_at(world.berlin)
    there.identity = world.gateway_admin.identity
    assert refused(there, users.GetAccount())[0] == AuthorizationException.code
    there.identity = world.gateway._identity
    assert refused(there, users.GetAccount())[0] == AuthorizationException.code
    assert account_of(world.ada_at(world.berlin))
